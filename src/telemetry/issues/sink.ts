import type { HeldFailure, IssueSink } from '../active.ts';
import type { Reporter } from '../diagnostics.ts';
import type { CapturedFailure, CapturedMessage } from '../failure.ts';
import { isIssue, type ClassificationOptions } from './classification.ts';
import { createEvent, type IssueEnvironment, type SentryEvent } from './event.ts';
import { encodeEvent } from './envelope.ts';
import type { EventJournal } from './sender.ts';
import { findSentrySdk, type SentrySdk } from './sentry-sdk.ts';
import type { StormGuard } from './storm.ts';

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
  /** Holds back a failure that comes again and again, whoever would send it. */
  readonly guard: StormGuard;
  readonly environment: IssueEnvironment;
  readonly options: IssueOptions;
  /** Share of Issues that is sent, 0 to 1. */
  readonly sampleRate: number;
  readonly report: Reporter;
  /** Keeps what still waits for the end of its run, should the process not live that long. */
  readonly journal?: EventJournal;
}

/** A sink that can be told that no run will decide anything any more. */
export interface ReleasableSink extends IssueSink {
  /** Sends what still waits for the end of its run, as it was when it happened. */
  release(): void;
}

/**
 * Turns failures into Issues: each error once, unless it is classified as operational, sampled out, or one of
 * very many of its kind. An Issue does not depend on whether its trace was sampled.
 *
 * When the application has initialised a Sentry SDK, by now or later, that one gets the failures: a second
 * client would make two Issues of one. Its own sampling and hooks decide then.
 */
export function createIssueSink(parts: IssueSinkParts): ReleasableSink {
  const { send, guard, environment, options, sampleRate, report, journal } = parts;
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

  /**
   * Keeps a failure whose run is not over, in the words it would have now. The function it returns takes that
   * back.
   */
  const keep = (failure: CapturedFailure): (() => void) => {
    if (journal === undefined || findSentrySdk() !== undefined || Math.random() >= sampleRate) return () => {};
    const event = reviewed(createEvent(failure, environment), options, report);
    const { eventId, payload } = event === null ? {} : encodeEvent(event);
    if (eventId === undefined || payload === undefined) return () => {};
    journal.keepIssue(eventId, Buffer.from(payload).toString());
    return () => journal.strikeIssue(eventId);
  };

  /** The SDK makes an event of its own, so what the guard says in ours goes with what was captured. */
  const handOver = (sdk: SentrySdk, captured: CapturedFailure | CapturedMessage): void => {
    const admitted = admit(guard, createEvent(captured, environment));
    if (admitted === undefined) return;
    const { held_back } = admitted.contexts['faultline'] ?? {};
    const { contexts } = captured;
    sdk.capture(
      held_back === undefined
        ? captured
        : { ...captured, contexts: { ...contexts, faultline: { ...contexts['faultline'], held_back } } },
    );
  };

  const deliver = (captured: CapturedFailure | CapturedMessage): void => {
    try {
      const sdk = findSentrySdk();
      if (sdk !== undefined) return handOver(sdk, captured);
      if (Math.random() >= sampleRate) return;
      const event = reviewed(createEvent(captured, environment), options, report);
      const admitted = event === null ? undefined : admit(guard, event);
      if (admitted !== undefined) send(admitted);
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
      const strike = claimed ? attempt(() => keep(failure)) : undefined;
      const held: HeldFailure = {
        failure,
        decide(outcome) {
          if (!waiting.delete(held)) return;
          if (outcome !== 'dropped') deliver(outcome);
          strike?.();
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

/** The event as the guard lets it through. `beforeSend` may have made an event the guard cannot read. */
function admit(guard: StormGuard, event: SentryEvent): SentryEvent | undefined {
  try {
    return guard.admit(event);
  } catch {
    return event;
  }
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

/** An Issue that cannot be built is no reason to trouble the program it is about. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
