import { onTestFinished, vi } from 'vitest';

import { systemClock, type Clock } from '../../../src/telemetry/http/clock.ts';

/** A clock that stands still until it is turned. */
export interface TurnedClock extends Clock {
  /** Lets time pass, and what waited for it happen. */
  turn(ms: number): void;
  /** What is waited for, in milliseconds from now. */
  readonly waits: readonly number[];
}

export function turnedClock(): TurnedClock {
  let nowMs = 1_000_000;
  const timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  return {
    now: () => nowMs,
    after(delayMs, run) {
      const timer = { atMs: nowMs + delayMs, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    turn(ms) {
      nowMs += ms;
      for (const timer of timers) {
        if (timer.atMs > nowMs) continue;
        timers.delete(timer);
        timer.run();
      }
    },
    get waits() {
      return [...timers].map(({ atMs }) => atMs - nowMs);
    },
  };
}

/** A clock on which every wait is over at once, which remembers how long each should have been. */
export interface HurriedClock extends Clock {
  readonly waited: readonly number[];
  /** Lets time pass. */
  turn(ms: number): void;
}

export function hurriedClock(): HurriedClock {
  let nowMs = 1_000_000;
  const waited: number[] = [];
  return {
    waited,
    now: () => nowMs,
    turn(ms) {
      nowMs += ms;
    },
    after(delayMs, run) {
      waited.push(delayMs);
      const timer = setImmediate(() => {
        nowMs += delayMs;
        run();
      });
      return () => clearImmediate(timer);
    },
  };
}

/**
 * Stops the timers of the machine's clock until the end of the test: those of requests under way, whose time is over
 * when it is turned and not before, however slow the machine is. Answers what turns it.
 */
export function stoppedTimers(): (ms: number) => void {
  const clock = turnedClock();
  const stopped = vi.spyOn(systemClock, 'after').mockImplementation((delayMs, run) => clock.after(delayMs, run));
  onTestFinished(() => stopped.mockRestore());
  return (ms) => clock.turn(ms);
}
