import { timerMs } from '../deadline.ts';
import { clearTimeout, setTimeout } from '../real-time.ts';
import type { PendingEvents } from './pending-events.ts';

/** Those who wait until events are decided. While somebody can wait, the process is kept alive. */
export interface Flushes {
  readonly isWaiting: boolean;
  /**
   * Resolves when everything pending now is decided, or when it is known that nothing will be within the time
   * the caller can wait. It is `check` that finds out.
   */
  add(nowMs: number, withinMs: number): Promise<void>;
  /**
   * To be called whenever something has changed.
   *
   * @param nextAttemptMs when the event under way is tried again; absent when it does not wait for that
   */
  check(nextAttemptMs?: number): void;
}

interface Flush {
  readonly lastGeneration: number;
  readonly untilMs: number;
  readonly end: () => void;
}

/** Creates the list of those who wait for events of a queue. */
export function createFlushes(pending: PendingEvents): Flushes {
  const flushes = new Set<Flush>();

  return {
    get isWaiting() {
      return flushes.size > 0;
    },
    add(nowMs, withinMs) {
      if (pending.size === 0) return Promise.resolve();
      const lastGeneration = pending.nextGeneration();
      return new Promise((resolve) => {
        // Neither requests nor the pauses between them keep the process alive.
        const hold = setTimeout(() => {}, timerMs(withinMs));
        const end = (): void => {
          clearTimeout(hold);
          resolve();
        };
        flushes.add({ lastGeneration, untilMs: nowMs + withinMs, end });
      });
    },
    check(nextAttemptMs = -Infinity) {
      const oldest = pending.oldestGeneration ?? Infinity;
      for (const flush of flushes) {
        if (oldest <= flush.lastGeneration && nextAttemptMs <= flush.untilMs) continue;
        flushes.delete(flush);
        flush.end();
      }
    },
  };
}
