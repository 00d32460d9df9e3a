/** What the runtime needs of the clock. A parameter of the functions that wait, so that tests never do. */
export interface Time {
  /** Milliseconds since 1970. */
  now(): number;
  /** At least 0, less than 1. */
  random(): number;
  /** Calls `expire` once after `ms`; the function it returns prevents that. */
  startTimer(ms: number, expire: () => void): () => void;
}

export const systemTime: Time = {
  now: () => Date.now(),
  random: () => Math.random(),
  startTimer: (ms, expire) => {
    const timer = setTimeout(expire, ms);
    return () => clearTimeout(timer);
  },
};
