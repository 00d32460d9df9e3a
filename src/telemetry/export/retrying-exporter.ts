import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import { longestPauseMs } from '../http/backoff.ts';
import type { Clock } from '../http/clock.ts';
import { deliver, type DeliveringExporter, type DeliveryFailure, type Outcome } from './outcome.ts';
import { createPassingSet } from './passing-set.ts';
import { createSendingGate, type SuspectTurn } from './sending-gate.ts';

export interface RetryingOptions {
  /** Longest time one export is tried for, from its first attempt, without the pauses the backend asks for. */
  readonly retryForMs: number;
  readonly clock: Clock;
  /** Called whenever `busy` or `stuck` has changed, or the backend has asked for a pause. */
  readonly onChange?: () => void;
  /**
   * Called after a failure that may pass, unless somebody waits who is told in another way.
   *
   * @param forMs how long nothing has been accepted
   */
  readonly onTrouble?: (failure: DeliveryFailure, forMs: number) => void;
}

/** Hears what became of some spans that were to be sent. */
export type OnDecided = (spans: readonly ReadableSpan[], outcome: Outcome) => void;

/** What sends spans, and tries again as long as that may help. */
export interface RetryingExporter {
  /** Sends spans. Of each of them is told once what became of it, of some maybe long before the others. */
  send(spans: readonly ReadableSpan[], onDecided: OnDecided): void;
  /**
   * Somebody waits until this moment of the clock; `undefined`: nobody does any more. Waits between attempts end at
   * once, and take a second at most from now on. Pauses the backend asked for stay.
   */
  hurry(untilMs: number | undefined): void;
  /** Before this moment of the clock nothing is sent, because the backend asked for it; `-Infinity` when it did not. */
  readonly pausedUntilMs: number;
  /** What was sent and is not decided. */
  readonly sentBefore: SentBefore;
  /** How often it was given spans that are not all decided, not counting single spans the backend seems to fail on. */
  readonly busy: number;
  /** Spans the backend fails on for certain. They are still tried, but nobody should wait for them. */
  readonly stuck: ReadonlySet<ReadableSpan>;
  /**
   * Ends everything at once, and takes nothing further. What is undecided is told with its last failure, and without one
   * where no attempt is over.
   */
  close(): void;
  /** It goes on: whoever sends in another way afterwards adds to it. */
  readonly history: RetryHistory;
}

/**
 * Undecided spans that were sent: why they were not accepted before, if any attempt is over, and whether the backend may
 * have them, because only its answer is missing.
 */
export type SentBefore = ReadonlyMap<
  ReadableSpan,
  { readonly failure: DeliveryFailure | undefined; readonly mayHaveArrived: boolean }
>;

/** What was tried. */
export interface RetryHistory {
  /** Spans sent again, each time counted. */
  retried: number;
  /** Those among them the backend may have had already, because only its answer was missing. */
  possibleDuplicates: number;
  /** The last failure, in one sentence. */
  lastError?: string;
  /** When spans were last accepted, in milliseconds since 1970. */
  lastSuccessAtMs?: number;
}

/** Undecided spans that are sent together. */
interface Part {
  readonly spans: readonly ReadableSpan[];
  /** Why they were not accepted before. */
  readonly failure?: DeliveryFailure | undefined;
  /** How the backend stood when it last failed on them. */
  readonly standing?: number | undefined;
  /** Whether that was on these very spans, and not on more or fewer. Absent when not. */
  readonly hasFailed?: boolean;
}

/** What speaks against a single span. */
interface Suspicion {
  /** How often the backend has failed on it alone. */
  failures: number;
  /** How often it did so while more of the others were accepted than failed. */
  blames: number;
}

/** Spans that were given together and are not decided, or one of them that is suspected. */
interface Pending {
  /** Attempts that failed, in a row. */
  failures: number;
  /** The first one is sent next. */
  parts: readonly Part[];
  /** Whether an attempt is made at this moment. */
  isUnderWay: boolean;
  isSettled: boolean;
  /** Gives up when this moment has come. */
  giveUpAtMs: number;
  readonly suspicion?: Suspicion;
  readonly onDecided: OnDecided;
}

/** After so many failures in a row what fails is sent in parts, or suspected, also where nothing else is accepted. */
const DIVIDED_AFTER = 4;
/** What is divided goes on in so many. Few large ones would all fail where the backend fails on some spans in a hundred. */
const PARTS = 8;
/** After so many the backend fails on a span for certain. */
const MAX_BLAMES = 10;
/** Longest time such a span is still tried for, whatever the time for others is. */
const STUCK_FOR_MS = 3_600_000;
/** Of more the one that was blamed most often is given up. Where none was, nothing further is taken. */
const MAX_SUSPECTS = 256;

/**
 * Sends through `exporter`, and sends again what is undecided while its failures may pass: after about 1, 2, 4 … 30
 * seconds, or after the pause the backend asked for. While it is in trouble one request at a time probes, first of what
 * has failed least often. Keeps no process alive.
 *
 * A backend may also fail on a single span, whatever the time. So what fails while others are accepted is sent in
 * smaller and smaller parts, until the backend takes some of them that it failed on before; and a span that fails alone
 * is suspected: it is tried behind all others, longer and longer waits apart, and says nothing of the backend.
 */
export function createRetryingExporter(exporter: DeliveringExporter, options: RetryingOptions): RetryingExporter {
  const { retryForMs, clock, onChange = () => {}, onTrouble = () => {} } = options;
  const gate = createSendingGate(clock, onChange);
  const pending = createPassingSet<Pending>();
  const suspects = new Set<Pending>();
  /**
   * Attempts that were accepted, less those that failed, but for suspects: it has grown where the backend is in order. A
   * failure of many spans counts little, as it may be due to any of them.
   */
  let standing = 0;
  const history: RetryHistory = { retried: 0, possibleDuplicates: 0 };
  let troubledSinceMs: number | undefined;
  let isHurried = false;

  const note = ({ accepted = 0, failure, refusal }: Outcome): void => {
    const reason = failure ?? refusal;
    if (accepted > 0) history.lastSuccessAtMs = Date.now();
    if (reason !== undefined) history.lastError = reason.sentence;
    if (failure?.kind !== 'passing' || accepted > 0) troubledSinceMs = undefined;
    if (failure?.kind !== 'passing') return;
    troubledSinceMs ??= clock.now();
    if (!isHurried) onTrouble(failure, clock.now() - troubledSinceMs);
  };

  const tell = (one: Pending, spans: readonly ReadableSpan[], outcome: Outcome): void => {
    if (spans.length === 0) return;
    try {
      one.onDecided(spans, outcome);
    } catch {
      // The spans are decided all the same.
    }
  };

  const settle = (one: Pending): void => {
    if (!pending.delete(one)) return;
    suspects.delete(one);
    one.isSettled = true;
    const undecided = one.parts.flatMap(({ spans }) => spans);
    tell(one, undecided, { undecided, failure: one.parts.at(-1)?.failure });
  };

  const makeRoomForSuspect = (): void => {
    if (suspects.size < MAX_SUSPECTS) return;
    const [most] = [...suspects].filter(({ isUnderWay }) => !isUnderWay).toSorted((a, b) => blamesOf(b) - blamesOf(a));
    if (most !== undefined && blamesOf(most) > 0) settle(most);
  };

  /** Tries a span behind all others from now on. */
  const suspect = ({ giveUpAtMs, onDecided }: Pending, part: Part, blames: number): void => {
    makeRoomForSuspect();
    const suspicion: Suspicion = { failures: 1, blames };
    suspects.add(begin({ parts: [part], giveUpAtMs, onDecided, suspicion }));
  };

  const suspectMore = (one: Pending, suspicion: Suspicion, isBlamed: boolean): void => {
    suspicion.failures += 1;
    if (!isBlamed) return;
    suspicion.blames += 1;
    if (suspicion.blames !== MAX_BLAMES) return;
    one.giveUpAtMs = Math.min(one.giveUpAtMs, clock.now() + STUCK_FOR_MS);
    onChange();
  };

  /**
   * The backend has taken the very spans it failed on before, so it fails now and then, whatever it is sent: what was
   * divided goes on together again. In small parts too little would get through.
   */
  const joinParts = (): void => {
    for (const one of pending) {
      const sentNow = one.isUnderWay ? 1 : 0;
      one.parts = [...one.parts.slice(0, sentNow), ...joined(one.parts.slice(sentNow))];
    }
  };

  /** What is to be sent again of a part that was not accepted whole. */
  const again = (one: Pending, part: Part, isBlamed: boolean): readonly Part[] => {
    if (part.spans.length === 0) return [];
    if (!isFault(part.failure)) return [part];
    if (one.suspicion !== undefined) {
      suspectMore(one, one.suspicion, isBlamed);
      return [part];
    }
    if (!isBlamed && one.failures < Math.max(DIVIDED_AFTER, one.parts.length)) return [part];
    if (part.spans.length > 1) return partsOf(part);
    suspect(one, part, isBlamed ? 1 : 0);
    return [];
  };

  /** One attempt. Answers whether another one may help. */
  const attempt = async (one: Pending): Promise<boolean> => {
    const { giveUpAtMs, failures, suspicion } = one;
    const [next] = one.parts;
    if (next === undefined) return false;
    const pass = await gate.enter({ untilMs: giveUpAtMs, failures, suspect: suspicion && turnOf(suspicion, next) });
    // It was given up for another suspect, or with everything else.
    if (one.isSettled) {
      pass?.leave({ isTroubled: undefined, pauseMs: 0 });
      return false;
    }
    // A pause the backend asked for meanwhile does not count.
    if (pass === undefined) return one.giveUpAtMs > giveUpAtMs;
    // Others may have been put to it meanwhile.
    const [sent = next] = one.parts;
    if (one.giveUpAtMs === Infinity) one.giveUpAtMs = clock.now() + retryForMs;
    if (sent.failure !== undefined) {
      history.retried += sent.spans.length;
      if (mayHaveArrived(sent.failure)) history.possibleDuplicates += sent.spans.length;
    }
    one.isUnderWay = true;
    const outcome = await deliver(exporter, sent.spans);
    one.isUnderWay = false;
    // It was told as undecided when this exporter was closed.
    if (one.isSettled) return false;
    const { accepted = 0, rejected = 0, refusal, undecided = [], failure, pauseMs = 0 } = outcome;
    const isTroubled = failure?.kind === 'passing';
    // It says nothing of the backend, which a new connection is to ask at once.
    const isGone = isTroubled && wasKept(failure);
    note(outcome);
    for (const other of pending) other.giveUpAtMs += longestPauseMs(pauseMs);
    // Nor does it where the backend fails on these spans and not on others.
    const isBlamed = isFault(failure) && sent.standing !== undefined && sent.standing < standing;
    const saysNothing = isGone || (isFault(failure) && (isBlamed || blamesOf(one) > 0));
    if (suspicion === undefined && accepted > 0) standing += 1;
    else if (suspicion === undefined && isTroubled && !isGone) standing -= 1 / sent.spans.length;
    one.failures = isTroubled ? one.failures + 1 : 0;
    const part: Part = isFault(failure)
      ? { spans: undecided, failure, standing, hasFailed: true }
      : { ...sent, spans: undecided, failure };
    const left = again(one, part, isBlamed);
    // What failed goes behind what has not been tried.
    one.parts = [...one.parts.slice(1), ...left];
    if (accepted > 0 && !isTroubled && sent.hasFailed === true) joinParts();
    const open = new Set(undecided);
    const decided = open.size === 0 ? sent.spans : sent.spans.filter((span) => !open.has(span));
    tell(one, decided, { accepted, rejected, refusal });
    pass.leave({ isTroubled: saysNothing ? undefined : isTroubled, pauseMs });
    return isTroubled || left.length === 0;
  };

  const run = async (one: Pending): Promise<void> => {
    while (await attempt(one));
    settle(one);
    onChange();
  };

  const begin = (given: Pick<Pending, 'parts' | 'giveUpAtMs' | 'onDecided' | 'suspicion'>): Pending => {
    const one: Pending = { ...given, failures: 0, isUnderWay: false, isSettled: false };
    pending.add(one);
    void run(one);
    return one;
  };

  return {
    send(spans, onDecided) {
      begin({ parts: [{ spans }], giveUpAtMs: Infinity, onDecided });
    },
    hurry(untilMs) {
      isHurried = untilMs !== undefined;
      gate.hurry(untilMs);
    },
    get pausedUntilMs() {
      return gate.pausedUntilMs;
    },
    get sentBefore() {
      const sent = [...pending].flatMap(({ parts, isUnderWay }) =>
        parts.flatMap(({ spans, failure }, index) => {
          const isSent = isUnderWay && index === 0;
          const again = { failure, mayHaveArrived: isSent || mayHaveArrived(failure) };
          return isSent || failure !== undefined ? spans.map((span) => [span, again] as const) : [];
        }),
      );
      return new Map(sent);
    },
    get busy() {
      return pending.size - Math.min(suspects.size, MAX_SUSPECTS);
    },
    get stuck() {
      const certain = [...suspects].filter((one) => blamesOf(one) >= MAX_BLAMES);
      return new Set(certain.flatMap(({ parts }) => parts.flatMap(({ spans }) => spans)));
    },
    close() {
      gate.close();
      for (const one of pending) settle(one);
    },
    history,
  };
}

function partsOf({ spans, failure, standing }: Part): readonly Part[] {
  const size = Math.ceil(spans.length / PARTS);
  return Array.from({ length: Math.ceil(spans.length / size) }, (_, index) => ({
    failure,
    standing,
    spans: spans.slice(index * size, (index + 1) * size),
  }));
}

/** Parts of what was divided, as one again. */
function joined(parts: readonly Part[]): readonly Part[] {
  const [one] = parts;
  if (one === undefined || parts.length === 1) return parts;
  const { failure } = parts.find((part) => mayHaveArrived(part.failure)) ?? one;
  const standing = Math.min(...parts.map((part) => part.standing ?? Infinity));
  return [{ spans: parts.flatMap(({ spans }) => spans), failure, standing }];
}

function blamesOf({ suspicion }: Pending): number {
  return suspicion?.blames ?? 0;
}

/** How long a suspect waits for itself: not at all where only a connection was gone, as a new one may do. */
function turnOf({ failures, blames }: Suspicion, { failure }: Part): SuspectTurn {
  return { failures: wasKept(failure) ? 0 : failures, isCertain: blames >= MAX_BLAMES };
}

function wasKept(failure: DeliveryFailure | undefined): boolean {
  return failure?.kind === 'passing' && failure.wasKept === true;
}

function isFault(failure: DeliveryFailure | undefined): boolean {
  return failure?.kind === 'passing' && failure.isFault === true;
}

function mayHaveArrived(failure: DeliveryFailure | undefined): boolean {
  return failure?.kind === 'passing' && failure.mayHaveArrived;
}
