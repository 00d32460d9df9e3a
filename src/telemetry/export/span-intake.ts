import { TraceFlags, type HrTime } from '@opentelemetry/api';
import { hrTime } from '@opentelemetry/core';
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-node';

import type { Problem, Reporter } from '../diagnostics.ts';
import { interruptedSpan } from './interrupted-span.ts';
import { createPassingSet } from './passing-set.ts';
import type { Recorder, Ticket } from './recorder/recorder.ts';

/** Takes an ended span on its way to a destination. Absent `served` is nowhere. */
export type Outlet = (span: ReadableSpan, ticket: Ticket | undefined, served?: Served) => void;

/** Where the provider of a span sends it by itself: URLs as `shownUrl` shows them. */
export type Served = ReadonlySet<string>;

export interface SpanIntakeOptions {
  readonly outlets: readonly Outlet[];
  readonly recorder?: Recorder;
  readonly report: Reporter;
  /** The span as it may leave the process: itself, or a copy without what must stay. */
  readonly allow: (span: ReadableSpan) => ReadableSpan;
}

/** Where spans come in from a provider. */
export interface SpanIntake {
  onStart(span: Span): void;
  onEnd(span: ReadableSpan, served: Served): void;
  /** Sends the spans that have begun and not ended as interrupted ones: the process ends before they do. */
  interrupt(): void;
  /** Sampled spans that ever began. */
  readonly started: number;
  /** Those of them that have not ended. */
  readonly open: number;
  /** Those that ended and went no further, by reason. A reason that has not occurred is absent. */
  readonly dropped: Readonly<Partial<Record<IntakeDropReason, number>>>;
  /** Why spans were dropped, in one sentence. */
  readonly lastError: string | undefined;
}

/** Why a span that ended goes no further. */
export type IntakeDropReason =
  /** It is not what the SDK has made of spans since 2.0, or holds what the API does not take. */
  'unreadable';

const OF_OLD_SDK: Problem = {
  key: 'spans:unreadable',
  message:
    'a span could not be read when it ended, and was dropped as others like it are: only spans of the OpenTelemetry ' +
    'SDK 2 and newer can; update the @opentelemetry packages of the provider that has tracing.spanProcessor',
};

const MISSHAPEN: Problem = {
  key: 'spans:misshapen',
  message:
    'a span could not be read when it ended, and was dropped as others like it are: something in it is not what the ' +
    'OpenTelemetry API takes, such as a name that is no text, or a link without a span context',
};

/** Spans somebody forgot to end must not be kept for ever. */
const MAX_OPEN = 10_000;

const TOO_MANY_OPEN: Problem = {
  key: 'spans:forgotten',
  message: `more than ${MAX_OPEN} spans have begun and not ended, and only the newest of them are sent as interrupted ones when the process ends; does every span end?`,
};

/**
 * Creates the way in: what the content policy allows → flight recorder → every outlet. Nothing thrown
 * reaches the caller, which is the application's own `startSpan()` and `end()`.
 */
export function createSpanIntake({ outlets, recorder, allow, report }: SpanIntakeOptions): SpanIntake {
  const open = createPassingSet<ReadableSpan>();
  /** Open spans that are counted and no longer held. */
  const forgotten = new WeakSet<ReadableSpan>();
  let forgottenCount = 0;
  let started = 0;
  let unreadable = 0;
  let lastError: string | undefined;

  const forgetOldest = (): void => {
    const { oldest } = open;
    if (oldest === undefined) return;
    open.delete(oldest);
    forgotten.add(oldest);
    forgottenCount += 1;
    report(TOO_MANY_OPEN);
  };

  const close = (span: ReadableSpan): void => {
    if (!open.delete(span) && forgotten.delete(span)) forgottenCount -= 1;
  };

  const takeEnded = (span: ReadableSpan, served?: Served): void => {
    const ticket = recorder?.ended(span);
    for (const outlet of outlets) outlet(span, ticket, served);
  };

  const dropUnreadable = (span: ReadableSpan): void => {
    unreadable += 1;
    // The SDK 1.x calls the scope so.
    const problem = 'instrumentationLibrary' in span ? OF_OLD_SDK : MISSHAPEN;
    lastError = problem.message;
    report(problem);
  };

  const onEnd = (span: ReadableSpan, served: Served): void => {
    if (!isSampled(span)) return;
    close(span);
    try {
      takeEnded(allow(span), served);
    } catch {
      // Whoever ends a span did nothing wrong.
      dropUnreadable(span);
    }
  };

  return {
    onStart(span) {
      if (!isSampled(span)) return;
      started += 1;
      open.add(span);
      if (open.size > MAX_OPEN) forgetOldest();
      if (recorder === undefined) return;
      try {
        recorder.started(allow(span));
      } catch {
        // Nor whoever starts one.
      }
    },
    onEnd,
    interrupt() {
      const now: HrTime = hrTime();
      const spans = [...open];
      open.clear();
      // Parents begin before their children: a backend that reads in order sees the children first, as always.
      for (const span of spans.toReversed()) {
        try {
          // To every destination: what has not ended no provider sends by itself.
          takeEnded(interruptedSpan(allow(span), now));
        } catch {
          // The others are sent all the same.
          dropUnreadable(span);
        }
      }
    },
    get started() {
      return started;
    },
    get open() {
      return open.size + forgottenCount;
    },
    get dropped() {
      return unreadable === 0 ? {} : { unreadable };
    },
    get lastError() {
      return lastError;
    },
  };
}

function isSampled(span: ReadableSpan): boolean {
  return (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
}

/** A processor that hands spans to an intake, for a provider. Who calls `forceFlush` and `shutdown` is whoever owns that. */
export function processorOf(
  intake: SpanIntake,
  flush: () => Promise<unknown>,
  served: Served = new Set(),
): SpanProcessor {
  const settle = async (): Promise<void> => {
    await flush();
  };
  return {
    onStart: (span) => intake.onStart(span),
    onEnd: (span) => intake.onEnd(span, served),
    forceFlush: settle,
    shutdown: settle,
  };
}
