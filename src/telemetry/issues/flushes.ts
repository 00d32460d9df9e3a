import type { PendingEvents } from './pending-events.ts';

/** Those who wait until events are decided. While somebody does, the process is kept alive. */
export interface Flushes {
  /**
   * Resolves when everything pending now is decided, or when it is known that nothing will be before
   * `untilMs`. It is `check` that finds out.
   */
  add(untilMs: number): Promise<void>;
  /**
   * To be called whenever something has changed.
   *
   * @param nextAttemptMs when the oldest event is tried again; absent when it does not wait for that
   */
  check(nextAttemptMs?: number): void;
}

interface Flush {
  readonly lastOrder: number;
  readonly untilMs: number;
  readonly resolve: () => void;
}

/** Longest interval there is: nothing happens in it. */
const HOLD_INTERVAL_MS = 2_147_483_647;

/** Creates the list of those who wait for events of a queue. */
export function createFlushes(pending: PendingEvents): Flushes {
  const flushes = new Set<Flush>();
  let hold: NodeJS.Timeout | undefined;

  return {
    add(untilMs) {
      const lastOrder = pending.newest?.order;
      if (lastOrder === undefined) return Promise.resolve();
      // Neither requests nor the pauses between them keep the process alive.
      hold ??= setInterval(() => {}, HOLD_INTERVAL_MS);
      return new Promise((resolve) => flushes.add({ lastOrder, untilMs, resolve }));
    },
    check(nextAttemptMs = -Infinity) {
      const oldestOrder = pending.oldest?.order ?? Infinity;
      for (const flush of flushes) {
        if (oldestOrder <= flush.lastOrder && nextAttemptMs <= flush.untilMs) continue;
        flushes.delete(flush);
        flush.resolve();
      }
      if (flushes.size > 0) return;
      clearInterval(hold);
      hold = undefined;
    },
  };
}
