import type { Context } from '@opentelemetry/api';

import { guard } from './guard.ts';

/** What the result of a traced function needs from the span it belongs to. None of these ever throws. */
export interface ResultObserver {
  /**
   * Whether awaiting the result is all that tells of its end: a stream is a value like any other, and what other
   * methods of a promise answer tells nothing.
   */
  readonly isOnlyAwaited?: true;
  /** The first and every further value of a stream. */
  onValue(): void;
  /** What came, when it is a value and no stream: nobody but its consumer reads a stream. */
  onResult(value: unknown): void;
  onError(error: unknown): void;
  /** The consumer stopped before the stream ended. */
  onCancel(): void;
  /** The stream says that it has ended. */
  onEnd(): void;
  /** Nothing more will come. Further calls do nothing. */
  onSettled(): void;
}

/** Tells that work has ended in an error, which is its caller's to handle. */
export function fail(error: unknown, observer: ResultObserver): never {
  observer.onError(error);
  observer.onSettled();
  throw error;
}

/**
 * One result that lives longer than the call, with all the views of it that were handed out. Every view holds on to
 * it, through its functions: when the garbage collector has found them all, nobody is left to read the result.
 */
export interface Observation {
  readonly context: Context;
  readonly observer: ResultObserver;
  /** It is awaited or iterated, in whichever view, which tells how the result ends: other methods need not. */
  isRead: boolean;
}

export function observe(context: Context, observer: ResultObserver): Observation {
  const observation = { context, observer, isRead: false };
  abandoned.register(observation, observer);
  return observation;
}

/**
 * A result nobody reads any more still ends its span. Not as an aborted one: it may have been read in a way that
 * cannot be seen from here.
 */
const abandoned = new FinalizationRegistry<ResultObserver>((observer) => observer.onSettled());

/** One object that stands for the result, and what its consumer does with it. */
export interface View {
  readonly observation: Observation;
  readonly object: object;
}

/** Whether the end of the result is yet to come, although a method has told something of it. */
export function isOpen({ observation, object }: View): boolean {
  return observation.isRead || guard(() => (object as { readonly ended?: unknown }).ended) === false;
}

/**
 * The same result in several parts, as `tee` makes them: it is broken off when all of them are, and has ended when
 * one of them has.
 */
export function branchesOf(observation: Observation, count: number): Observation[] {
  let read = count;
  observation.isRead = true;
  return Array.from({ length: count }, () => {
    let isCancelled = false;
    const settle = (tell: 'onEnd' | 'onSettled'): void => {
      if (!isCancelled || read === 0) observation.observer[tell]();
    };
    return {
      context: observation.context,
      isRead: false,
      observer: {
        onValue: () => observation.observer.onValue(),
        onResult: (value) => observation.observer.onResult(value),
        onError: (error) => observation.observer.onError(error),
        onCancel: () => {
          if (isCancelled) return;
          isCancelled = true;
          read -= 1;
          if (read === 0) observation.observer.onCancel();
        },
        onEnd: () => settle('onEnd'),
        onSettled: () => settle('onSettled'),
      },
    };
  });
}
