import { LONGEST_TIMER_MS } from './config/kinds.ts';
import { clearTimeout, setTimeout } from './real-time.ts';

/** A time to wait as a timer takes it: none for what is no time, and the longest there is for what is longer. */
export function timerMs(timeoutMs: number): number {
  return timeoutMs > 0 ? Math.min(timeoutMs, LONGEST_TIMER_MS) : 0;
}

/**
 * Waits for work, but no longer than `timeoutMs`. Answers whether the work finished; what it rejects with is
 * swallowed. The timer keeps the process alive, so that the promise settles even when nothing else does.
 */
export function finishesWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), timerMs(timeoutMs));
    const finish = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    work.then(finish, finish);
  });
}
