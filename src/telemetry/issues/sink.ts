import type { HeldFailure, IssueSink } from '../active.ts';
import type { Reporter } from '../diagnostics.ts';
import type { CapturedFailure, CapturedMessage } from '../failure.ts';
import { isIssue, type ClassificationOptions } from './classification.ts';
import { createEvent, type IssueEnvironment, type SentryEvent } from './event.ts';
import { findSentrySdk } from './sentry-sdk.ts';

/** Options that decide which failures become Issues, and what is sent of them. */
export interface IssueOptions extends ClassificationOptions {
  /**
   * Sees every event before it is sent: returns it, changed or not, or `null` to drop it. It gets a copy, so
   * that one that throws loses nothing but its own change.
   */
  readonly beforeSend?: (event: SentryEvent) => SentryEvent | null;
}

export interface IssueSinkParts {
  readonly send: (event: SentryEvent) => void;
  readonly environment: IssueEnvironment;
  readonly options: IssueOptions;
  /** Share of Issues that is sent, 0 to 1. */
  readonly sampleRate: number;
  readonly report: Reporter;
}

/** A sink that can be told that no run will decide anything any more. */
export interface ReleasableSink extends IssueSink {
  /** Sends what still waits for the end of its run, as it was when it happened. */
  release(): void;
}

/**
 * Turns failures into Issues: each error once, unless it is classified as operational or sampled out. An
 * Issue does not depend on whether its trace was sampled.
 *
 * When the application has initialised a Sentry SDK, by now or later, that one gets the failures: a second
 * client would make two Issues of one. Its own sampling and hooks decide then.
 */
export function createIssueSink({ send, environment, options, sampleRate, report }: IssueSinkParts): ReleasableSink {
  const taken = new WeakSet<object>();
  const waiting = new Set<HeldFailure>();

  /** Claims an error, so that one that crosses tool, agent and transport is sent once. */
  const claim = (captured: CapturedFailure | CapturedMessage): boolean => {
    if (!('error' in captured)) return true;
    const { error } = captured;
    if (typeof error === 'object' && error !== null) {
      if (taken.has(error)) return false;
      taken.add(error);
    }
    return isIssue(error, options);
  };

  const deliver = (captured: CapturedFailure | CapturedMessage): void => {
    try {
      const sdk = findSentrySdk();
      if (sdk !== undefined) {
        sdk.capture(captured);
        return;
      }
      if (Math.random() >= sampleRate) return;
      const event = reviewed(createEvent(captured, environment), options, report);
      if (event !== null) send(event);
    } catch {
      // An Issue that cannot be built is no reason to trouble the program it is about.
    }
  };

  return {
    capture(captured) {
      if (claim(captured)) deliver(captured);
    },
    hold(failure) {
      const claimed = claim(failure);
      const held: HeldFailure = {
        failure,
        decide(outcome) {
          if (waiting.delete(held) && outcome !== 'dropped') deliver(outcome);
        },
      };
      if (claimed) waiting.add(held);
      return held;
    },
    release() {
      for (const held of waiting) held.decide(held.failure);
    },
  };
}

function reviewed(event: SentryEvent, { beforeSend }: IssueOptions, report: Reporter): SentryEvent | null {
  if (beforeSend === undefined) return event;
  try {
    return beforeSend(structuredClone(event));
  } catch {
    report({
      key: 'beforeSend',
      message: 'beforeSend threw, so the Issue was sent as it was; it must return an event or null',
    });
    return event;
  }
}
