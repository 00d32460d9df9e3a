import { clearTimeout, now, setTimeout } from '../real-time.ts';

/** Time that passes, which tests turn by hand. */
export interface Clock {
  /** Milliseconds since some moment. It is never set back. */
  now(): number;
  /** Calls `run` once, after `delayMs` and never before it returns. The function it returns prevents that. */
  after(delayMs: number, run: () => void): () => void;
}

/** The time of the machine. Waiting for it keeps no process alive. */
export const systemClock: Clock = {
  now,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
