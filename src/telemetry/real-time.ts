import * as timers from 'node:timers';

/*
 * Taken when this file loads, which is mostly before the program does. That may stop its timers and the clock later, as
 * tests do, and wait for a flush meanwhile, or end: neither would ever be over.
 */
export const setTimeout: typeof timers.setTimeout = timers.setTimeout;
export const clearTimeout: typeof timers.clearTimeout = timers.clearTimeout;
export const setImmediate: typeof timers.setImmediate = timers.setImmediate;

/** Milliseconds since some moment. It is never set back. */
export const now: () => number = performance.now.bind(performance);
