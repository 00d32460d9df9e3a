import type { HeldFailure } from '../active.ts';
import type { CapturedFailure } from '../captured.ts';
import { systemClock, type Clock } from '../http/clock.ts';
import { isObject } from '../recorded-failures.ts';

/** The failures that wait for the end of their runs, a bounded number of each run and for a bounded time. */
export interface HeldFailures extends Iterable<HeldFailure> {
  /**
   * Adds a failure. `settle` hears how it turned out. Where too many of one run wait, the oldest is settled at once,
   * as one the run has gone on from, and so is one that has waited for a minute: a run may last as long as a
   * conversation. Should it end the run after all, or become part of what does, `settle` hears of it a second time.
   */
  add(failure: CapturedFailure, settle: Settle): HeldFailure;
  /** Settles all of them as they were when they happened. */
  settleAll(): void;
}

export type Settle = (outcome: CapturedFailure | 'dropped') => void;

/** Most failures of one run that wait. */
const MAX_HELD = 100;
/** Longest time a failure waits. */
const MAX_WAIT_MS = 60_000;
/** Most thrown values that are kept of those that wait no more: whether somebody has one still, nobody can tell. */
const MAX_VALUES = 100;

/** Creates an empty list, which keeps no process alive. */
export function createHeldFailures(clock: Clock = systemClock): HeldFailures {
  /** By run, oldest failure first. */
  const runs = new Map<string, Set<Waiting>>();
  const keepValue = createNewest(MAX_VALUES);

  return {
    *[Symbol.iterator]() {
      for (const run of runs.values()) yield* run;
    },
    add(failure, settle) {
      const run = failure.run ?? '';
      const others = runs.get(run) ?? new Set();
      runs.set(run, others);
      const remove = (itself: Waiting): boolean => {
        cancel();
        const isWaiting = others.delete(itself);
        if (others.size === 0 && runs.get(run) === others) runs.delete(run);
        return isWaiting;
      };
      const waiting = createWaiting(failure, { settle, remove, keepValue });
      const cancel = clock.after(MAX_WAIT_MS, () => waiting.settleEarly());
      others.add(waiting);
      if (others.size > MAX_HELD) others.values().next().value?.settleEarly();
      return waiting;
    },
    settleAll() {
      for (const run of runs.values()) {
        for (const waiting of run) waiting.decide(waiting.failure);
      }
    },
  };
}

interface Waiting extends HeldFailure {
  /** Settles it before its run has ended, and keeps only what tells which one it was. */
  settleEarly(): void;
}

/** What a failure that waits works with. */
interface WaitingParts {
  readonly settle: Settle;
  readonly remove: (itself: Waiting) => boolean;
  readonly keepValue: KeepValue;
}

function createWaiting(failure: CapturedFailure, { settle, remove, keepValue }: WaitingParts): Waiting {
  let kept: CapturedFailure | Remnant = failure;
  const waiting: Waiting = {
    isIssue: true,
    get failure() {
      return isRemnant(kept) ? failureOf(kept) : kept;
    },
    get isOver() {
      return isRemnant(kept) && kept.error() === GONE;
    },
    decide(outcome) {
      const endedTheRun = outcome === 'dropped' || !outcome.handled;
      if (!remove(waiting) && !(isRemnant(kept) && endedTheRun)) return;
      settle(outcome);
    },
    settleEarly() {
      waiting.decide({ ...waiting.failure, handled: true });
      kept = remnantOf(waiting.failure, keepValue);
    },
  };
  return waiting;
}

/** What is kept of a failure where there may be thousands: its error only as long as somebody else has it. */
interface Remnant {
  readonly rest: Omit<CapturedFailure, 'error'>;
  readonly error: () => unknown;
}

/** In place of an error that is gone, and can end no run. */
const GONE = Symbol('an error nobody has any more');

/** Keeps a value without identity. Answers what gives it, or `GONE`. */
type KeepValue = (value: unknown) => () => unknown;

/** Creates what keeps the newest values. */
function createNewest(maxCount: number): KeepValue {
  let count = 0;
  return (value) => {
    count += 1;
    const itsCount = count;
    return () => (count - itsCount < maxCount ? value : GONE);
  };
}

/** Of a value nobody can tell which of its failures is an Issue already. */
const keepNoValue: KeepValue = () => () => GONE;

function remnantOf({ error, ...rest }: CapturedFailure, keepValue: KeepValue): Remnant {
  return {
    rest: { ...rest, breadcrumbs: [], contexts: {} },
    error: isObject(error) ? weakly(error) : keepValue(error),
  };
}

function weakly(error: object): () => unknown {
  const reference = new WeakRef(error);
  return () => reference.deref() ?? GONE;
}

function failureOf({ rest, error }: Remnant): CapturedFailure {
  return { ...rest, error: error() };
}

/** What is known of a failure that nothing is to become of: only whether what ends its run tells of it as well. */
export function forgottenFailure(failure: CapturedFailure, isIssue: boolean): HeldFailure {
  const remnant = remnantOf(failure, keepNoValue);
  return {
    isIssue,
    get failure() {
      return failureOf(remnant);
    },
    get isOver() {
      return remnant.error() === GONE;
    },
    decide() {},
  };
}

function isRemnant(kept: CapturedFailure | Remnant): kept is Remnant {
  return 'rest' in kept;
}
