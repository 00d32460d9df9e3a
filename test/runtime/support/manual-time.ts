import type { Time } from '../../../src/runtime/time.ts';

/** A clock that stands still until a test moves it. */
export interface ManualTime extends Time {
  /** Resolves with the length of the next timer that is started, or was started and not asked for yet. */
  nextTimer(): Promise<number>;
  /** Moves the clock, firing what is due on the way. */
  advance(ms: number): void;
  /** Sets the clock of the machine, as a time server does: no time passes. */
  setClock(ms: number): void;
  /** How many timers are running. */
  readonly running: number;
}

export function manualTime(random = 0.5): ManualTime {
  let now = 1_000_000;
  let clockAhead = 0;
  const timers = new Set<{ readonly at: number; readonly expire: () => void }>();
  const started: number[] = [];
  const waiting: ((ms: number) => void)[] = [];
  return {
    now: () => now + clockAhead,
    elapsed: () => now,
    random: () => random,
    startTimer: (ms, expire) => {
      const timer = { at: now + ms, expire };
      timers.add(timer);
      const resolve = waiting.shift();
      if (resolve === undefined) started.push(ms);
      else resolve(ms);
      return () => timers.delete(timer);
    },
    nextTimer: () => {
      const ms = started.shift();
      return ms === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(ms);
    },
    advance: (ms) => {
      now += ms;
      for (const timer of [...timers].toSorted((left, right) => left.at - right.at)) {
        if (timer.at > now || !timers.delete(timer)) continue;
        timer.expire();
      }
    },
    setClock: (ms) => {
      clockAhead = ms - now;
    },
    get running() {
      return timers.size;
    },
  };
}
