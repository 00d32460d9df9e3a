import type { HeldFailure } from '../active.ts';
import type { CapturedFailure } from '../captured.ts';
import { systemClock, type Clock } from '../http/clock.ts';
import type { Settle } from './held-failures.ts';

/** A failure that is not told yet. */
export type UntoldFailure = Pick<HeldFailure, 'failure' | 'decide'>;

/**
 * Failures that were survived wait a moment before they are told, a bounded number of them: the error may be on its
 * way out still, and end the process or crash a transport, which is no second failure.
 */
export interface SurvivedFailures extends Iterable<UntoldFailure> {
  /** Adds a failure. `settle` hears how it turned out, at the latest when the moment is over. */
  add(failure: CapturedFailure, settle: Settle): UntoldFailure;
  /** Settles all of them as survived. */
  settleAll(): void;
}

/** How long a failure waits. */
const MOMENT_MS = 1_000;

/** Most failures that wait. Of more, the oldest is settled at once. */
const MAX_WAITING = 100;

/** Creates an empty list, which keeps no process alive. */
export function createSurvivedFailures(clock: Clock = systemClock): SurvivedFailures {
  /** Oldest first. */
  const waiting = new Set<UntoldFailure>();

  return {
    [Symbol.iterator]: () => waiting.values(),
    add(failure, settle) {
      const survived: UntoldFailure = {
        failure,
        decide(outcome) {
          if (!waiting.delete(survived)) return;
          cancel();
          settle(outcome);
        },
      };
      const cancel = clock.after(MOMENT_MS, () => survived.decide(failure));
      waiting.add(survived);
      if (waiting.size > MAX_WAITING) settleOldest(waiting);
      return survived;
    },
    settleAll() {
      for (const { failure, decide } of waiting) decide(failure);
    },
  };
}

function settleOldest([oldest]: Iterable<UntoldFailure>): void {
  oldest?.decide(oldest.failure);
}
