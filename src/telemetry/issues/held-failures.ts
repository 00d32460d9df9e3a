import type { HeldFailure } from '../active.ts';
import type { CapturedFailure } from '../captured.ts';
import { systemClock, type Clock } from '../http/clock.ts';

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

/** Creates an empty list, which keeps no process alive. */
export function createHeldFailures(clock: Clock = systemClock): HeldFailures {
  /** By run, oldest failure first. */
  const runs = new Map<string, Set<Waiting>>();

  return {
    *[Symbol.iterator]() {
      for (const run of runs.values()) yield* run;
    },
    add(failure, settle) {
      const run = failure.run ?? '';
      const others = runs.get(run) ?? new Set();
      runs.set(run, others);
      const waiting = createWaiting(failure, settle, (itself) => {
        cancel();
        const isWaiting = others.delete(itself);
        if (others.size === 0 && runs.get(run) === others) runs.delete(run);
        return isWaiting;
      });
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

function createWaiting(failure: CapturedFailure, settle: Settle, remove: (itself: Waiting) => boolean): Waiting {
  let kept: CapturedFailure | Remnant = failure;
  const waiting: Waiting = {
    isIssue: true,
    get failure() {
      return isRemnant(kept) ? failureOf(kept) : kept;
    },
    get isOver() {
      return isRemnant(kept) && failureOf(kept).error === GONE;
    },
    decide(outcome) {
      const endedTheRun = outcome === 'dropped' || !outcome.handled;
      if (!remove(waiting) && !(isRemnant(kept) && endedTheRun)) return;
      settle(outcome);
    },
    settleEarly() {
      waiting.decide({ ...waiting.failure, handled: true });
      kept = remnantOf(waiting.failure);
    },
  };
  return waiting;
}

/** What is kept of a failure where there may be thousands: its error only as long as somebody else has it. */
interface Remnant {
  readonly rest: Omit<CapturedFailure, 'error'>;
  readonly error: { readonly deref: () => unknown };
}

/** In place of an error that is gone, and can end no run. */
const GONE = Symbol('an error nobody has any more');

function remnantOf({ error, ...rest }: CapturedFailure): Remnant {
  const isObject = typeof error === 'object' && error !== null;
  return {
    rest: { ...rest, breadcrumbs: [], contexts: {} },
    error: isObject ? new WeakRef(error) : { deref: () => error },
  };
}

function failureOf({ rest, error }: Remnant): CapturedFailure {
  return { ...rest, error: error.deref() ?? GONE };
}

/** What is known of a failure that nothing is to become of: only whether what ends its run tells of it as well. */
export function forgottenFailure(failure: CapturedFailure, isIssue: boolean): HeldFailure {
  const remnant = remnantOf(failure);
  return {
    isIssue,
    get failure() {
      return failureOf(remnant);
    },
    get isOver() {
      return failureOf(remnant).error === GONE;
    },
    decide() {},
  };
}

function isRemnant(kept: CapturedFailure | Remnant): kept is Remnant {
  return 'rest' in kept;
}
