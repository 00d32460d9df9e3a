import { setMaxListeners } from 'node:events';

import { guard } from '../telemetry/guard.ts';
import type { Time } from './time.ts';

/**
 * A stretch of work that can be called off: by the signal around it, by a deadline, or by hand.
 *
 * Made by hand instead of with `AbortSignal.any`, which keeps every signal ever derived from a long-lived
 * one alive for as long as that one lives.
 */
export interface AbortScope {
  readonly signal: AbortSignal;
  readonly abort: (reason?: unknown) => void;
  /** Lets go of the signal around it and of the deadline. The scope's own signal stays as it is. */
  readonly close: () => void;
}

/** The longest a scope may last. */
export interface Deadline {
  /** `undefined` or `Infinity`: as long as it needs. */
  readonly ms: number | undefined;
  /** Makes the reason the scope is aborted with. */
  readonly onExpired: (ms: number) => Error;
}

export function openScope(parent: AbortSignal | undefined, time: Time, deadline?: Deadline): AbortScope {
  const controller = new AbortController();
  for (const signal of [controller.signal, parent]) expectManyListeners(signal);
  const stopFollowing = whenAborted(parent, (reason) => controller.abort(reason));
  const { ms = Infinity } = deadline ?? {};
  const stopTimer =
    ms === Infinity || controller.signal.aborted
      ? undefined
      : time.startTimer(ms, () => controller.abort(deadline?.onExpired(ms)));
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    close: () => {
      stopFollowing();
      stopTimer?.();
    },
  };
}

/** Node warns of a leak at the eleventh listener; eleven tools or eleven runs at a time are none. */
function expectManyListeners(signal: AbortSignal | undefined): void {
  // Refuses a signal that is none of Node, as that of a polyfill, and every one where happy-dom has put its own in place.
  if (signal !== undefined) guard(() => setMaxListeners(0, signal));
}

/** Calls back when the signal aborts, or at once when it has; the function it returns prevents that. */
export function whenAborted(signal: AbortSignal | undefined, callback: (reason: unknown) => void): () => void {
  const listener = (): void => callback(signal?.reason);
  if (signal?.aborted === true) listener();
  else signal?.addEventListener('abort', listener, { once: true });
  return () => signal?.removeEventListener('abort', listener);
}

/**
 * Does some work and settles as it does, or rejects with the signal's reason as soon as that aborts: for
 * work that may not listen to its signal, or answers an abort with an error of its own. What such work
 * does later is ignored.
 */
export function untilAborted<T>(signal: AbortSignal, work: () => T | PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopListening = whenAborted(signal, reject);
    if (signal.aborted) return;
    const settle = <V>(report: (value: V) => void) => {
      return (value: V): void => {
        stopListening();
        report(value);
      };
    };
    try {
      Promise.resolve(work()).then(settle(resolve), settle(reject));
    } catch (error) {
      settle(reject)(error);
    }
  });
}

/** Waits, or rejects with the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal: AbortSignal, time: Time): Promise<void> {
  let stopTimer: (() => void) | undefined;
  const wait = (): Promise<void> =>
    new Promise((resolve) => {
      stopTimer = time.startTimer(ms, resolve);
    });
  return untilAborted(signal, wait).finally(() => stopTimer?.());
}
