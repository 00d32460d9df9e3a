/** What the runtime needs of the clock. A parameter of the functions that wait, so that tests never do. */
export interface Time {
  /** Milliseconds since 1970, by a clock that may be set meanwhile: for times of day, not for durations. */
  now(): number;
  /** Milliseconds since some moment, in whole ones. It is never set back. */
  elapsed(): number;
  /** At least 0, less than 1. */
  random(): number;
  /** Calls `expire` once after `ms`; the function it returns prevents that. */
  startTimer(ms: number, expire: () => void): () => void;
}

export const systemTime: Time = {
  now: () => Date.now(),
  elapsed: () => Math.floor(performance.now()),
  random: () => Math.random(),
  startTimer: (ms, expire) => {
    const timer = setTimeout(expire, ms);
    return () => clearTimeout(timer);
  },
};
