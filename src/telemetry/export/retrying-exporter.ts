import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import { longestPauseMs } from '../http/backoff.ts';
import { systemClock, type Clock } from '../http/clock.ts';
import {
  callBack,
  combined,
  deliver,
  type DeliveringExporter,
  type DeliveryFailure,
  type DeliveryResult,
  type Outcome,
} from './delivery-result.ts';
import { createPassingSet } from './passing-set.ts';
import { createSendingGate } from './sending-gate.ts';

export interface RetryingOptions {
  /** How the backend is called in what is said. */
  readonly host: string;
  /** Longest time one export is tried for, from its first attempt, without the pauses the backend asks for. */
  readonly retryForMs: number;
  readonly clock?: Clock;
  /** Called whenever the backend has asked for a pause, which `pausedUntilMs` then knows of. */
  readonly onPause?: () => void;
  /**
   * Called after a failure that may pass, unless somebody waits who is told in another way.
   *
   * @param forMs how long nothing has been accepted
   */
  readonly onTrouble?: (failure: DeliveryFailure, forMs: number) => void;
}

/** A span exporter that tries again, as long as that may help. */
export interface RetryingExporter extends DeliveringExporter {
  /**
   * Somebody waits until this moment of the clock; `undefined`: nobody does any more. Waits between attempts end at
   * once, and take a second at most from now on. Pauses the backend asked for stay.
   */
  hurry(untilMs: number | undefined): void;
  /** Before this moment of the clock nothing is sent, because the backend asked for it; `-Infinity` when it did not. */
  readonly pausedUntilMs: number;
  /** What was sent and is not decided. */
  readonly sentBefore: SentBefore;
  /** Ends every export at once, undecided where nothing was decided, and takes nothing further. */
  close(): void;
  readonly history: RetryHistory;
}

/** Undecided spans that were sent, and whether the backend may have them, because only its answer is missing. */
export type SentBefore = ReadonlyMap<ReadableSpan, { readonly mayHaveArrived: boolean }>;

/** What was tried. */
export interface RetryHistory {
  /** Spans sent again, each time counted. */
  readonly retried: number;
  /** Those among them the backend may have had already, because only its answer was missing. */
  readonly possibleDuplicates: number;
  /** The last failure, in one sentence. */
  readonly lastError?: string;
  /** When spans were last accepted, in milliseconds since 1970. */
  readonly lastSuccessMs?: number;
}

/** What is said of spans that nobody was asked to take. */
export const NO_TIME_LEFT = 'there was no time left to send';

/** An export whose spans are not all decided. */
interface Pending {
  readonly order: number;
  outcome: Outcome;
  undecided: readonly ReadableSpan[];
  failure: DeliveryFailure | undefined;
  /** Whether an attempt is made at this moment. */
  isUnderWay: boolean;
  isSettled: boolean;
  /** Gives up when this moment has come. */
  giveUpAtMs: number;
  readonly settle: (outcome: Outcome) => void;
}

/**
 * Sends through `exporter`, and sends again what is undecided while its failures may pass: after about 1, 2, 4 … 30
 * seconds, or after the pause the backend asked for. While it is in trouble one export at a time probes, the oldest
 * first. Keeps no process alive.
 */
export function createRetryingExporter(exporter: DeliveringExporter, options: RetryingOptions): RetryingExporter {
  const { host, retryForMs, clock = systemClock, onPause = () => {}, onTrouble = () => {} } = options;
  const gate = createSendingGate(clock, onPause);
  const pending = createPassingSet<Pending>();
  let exports = 0;
  let isClosed = false;
  let retried = 0;
  let possibleDuplicates = 0;
  let lastError: string | undefined;
  let lastSuccessMs: number | undefined;
  let troubledSinceMs: number | undefined;
  let isHurried = false;

  const noteTrouble = ({ failure, accepted }: DeliveryResult): void => {
    if (failure?.kind !== 'passing' || accepted > 0) troubledSinceMs = undefined;
    if (failure?.kind !== 'passing') return;
    troubledSinceMs ??= clock.now();
    if (!isHurried) onTrouble(failure, clock.now() - troubledSinceMs);
  };

  const note = ({ accepted, failure }: DeliveryResult): void => {
    if (accepted > 0) lastSuccessMs = Date.now();
    if (failure !== undefined) lastError = failure.sentence;
  };

  const closedFailure: DeliveryFailure = {
    kind: 'passing',
    cause: 'deadline',
    sentence: `${host} did not take them before the time for it was over`,
    mayHaveArrived: false,
  };

  const settle = (one: Pending): void => {
    if (!pending.delete(one)) return;
    one.isSettled = true;
    const { undecided, isUnderWay } = one;
    const failure = one.failure ?? (isUnderWay ? closedFailure : { ...closedFailure, sentence: NO_TIME_LEFT });
    const isNews = isUnderWay || one.failure !== undefined || lastError === undefined;
    if (undecided.length > 0 && isNews) lastError = failure.sentence;
    one.settle(undecided.length === 0 ? one.outcome : combined(one.outcome, { undecided, failure }));
  };

  /** One attempt. Answers whether another one may help. */
  const attempt = async (one: Pending): Promise<boolean> => {
    const { giveUpAtMs } = one;
    const pass = await gate.enter(giveUpAtMs, one.order);
    if (isClosed) return false;
    // A pause the backend asked for meanwhile does not count.
    if (pass === undefined) return one.giveUpAtMs > giveUpAtMs;
    if (one.giveUpAtMs === Infinity) one.giveUpAtMs = clock.now() + retryForMs;
    if (one.failure !== undefined) {
      retried += one.undecided.length;
      if (mayHaveArrived(one.failure)) possibleDuplicates += one.undecided.length;
    }
    one.isUnderWay = true;
    const result = await deliver(exporter, one.undecided);
    one.isUnderWay = false;
    // It was told as undecided when this exporter was closed.
    if (one.isSettled) return false;
    const isTroubled = result.failure?.kind === 'passing' && result.undecided.length > 0;
    const { accepted, rejected, refusal } = result;
    note(result);
    noteTrouble(result);
    one.outcome = combined(one.outcome, { accepted, rejected, refusal });
    one.undecided = result.undecided;
    one.failure = result.undecided.length > 0 ? result.failure : undefined;
    for (const other of pending) other.giveUpAtMs += longestPauseMs(result.pauseMs ?? 0);
    // It says nothing of the backend, which a new connection is to ask at once.
    const wasKept = result.failure?.kind === 'passing' && result.failure.wasKept === true;
    pass.leave({ isTroubled: wasKept ? undefined : isTroubled, pauseMs: result.pauseMs ?? 0 });
    return isTroubled;
  };

  const run = async (one: Pending): Promise<void> => {
    while (await attempt(one));
    settle(one);
  };

  return {
    export(spans, done) {
      exports += 1;
      const one: Pending = {
        order: exports,
        outcome: {},
        undecided: spans,
        failure: undefined,
        isUnderWay: false,
        isSettled: false,
        giveUpAtMs: Infinity,
        settle: (outcome) => callBack(done, outcome),
      };
      pending.add(one);
      if (isClosed) settle(one);
      else void run(one);
    },
    hurry(untilMs) {
      isHurried = untilMs !== undefined;
      gate.hurry(untilMs);
    },
    get pausedUntilMs() {
      return gate.pausedUntilMs;
    },
    get sentBefore() {
      const sent = [...pending].filter(({ isUnderWay, failure }) => isUnderWay || failure !== undefined);
      return new Map(
        sent.flatMap(({ isUnderWay, failure, undecided }) =>
          undecided.map((span) => [span, { mayHaveArrived: isUnderWay || mayHaveArrived(failure) }] as const),
        ),
      );
    },
    close() {
      isClosed = true;
      gate.close();
      for (const one of pending) settle(one);
    },
    get history() {
      return {
        retried,
        possibleDuplicates,
        ...(lastError === undefined ? undefined : { lastError }),
        ...(lastSuccessMs === undefined ? undefined : { lastSuccessMs }),
      };
    },
  };
}

function mayHaveArrived(failure: DeliveryFailure | undefined): boolean {
  return failure?.kind === 'passing' && failure.mayHaveArrived;
}
