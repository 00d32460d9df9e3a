import { context as contextApi, type Context } from '@opentelemetry/api';

import { guard } from './guard.ts';
import {
  branchesOf,
  fail,
  isOpen,
  observe,
  type Observation,
  type ResultObserver,
  type View,
} from './result-observation.ts';
import { overlay } from './result-overlay.ts';
import { disposing, isDisposable, observeIterator, pipeStream, streamMethods } from './result-stream.ts';

/**
 * Ties the life of a span to a result: at once for a value, when it settles for a promise, when it is
 * consumed for a stream or an async iterable, on first use for a lazy thenable. Errors reach the observer
 * and are passed on untouched.
 *
 * Bodies of generators and lazy thenables run when they are consumed, by whoever consumes them, so each
 * step is taken inside `context`: without that the span would not be active in them
 * (open-telemetry/opentelemetry-js issue 2951).
 */
export function observeResult<T>(result: T, context: Context, observer: ResultObserver): T {
  if (typeof result !== 'object' || result === null) {
    if (typeof result !== 'function') {
      observer.onResult(result);
      observer.onSettled();
      return result;
    }
  }
  return observeObject(result, context, observer) as T;
}

function observeObject(result: unknown, context: Context, observer: ResultObserver): unknown {
  if (isPlainPromise(result)) {
    if (Object.keys(result).length === 0) return settle(result, context, observer);
    return observeKeyedPromise(result, observe(context, observer));
  }
  if (isThenable(result)) return observeThenable(result, observe(context, observer));
  return finish(result, context, observer);
}

/**
 * The promise that is returned is the one `then` makes, not the original with a handler on the side: that
 * handler would count as handling a rejection nobody else handles.
 *
 * @param observation absent where nobody else has a view of the result yet
 */
function settle(
  promise: Promise<unknown>,
  context: Context,
  observer: ResultObserver,
  observation?: Observation,
): Promise<unknown> {
  return promise.then(
    (value) => finish(value, context, observer, observation),
    (error: unknown) => fail(error, observer),
  );
}

/** What a result has come to: a stream keeps the span open, everything else ends it. */
function finish(value: unknown, context: Context, observer: ResultObserver, observation?: Observation): unknown {
  if (isFollowed(value) && observer.isOnlyAwaited !== true) {
    return follow(value, observation ?? observe(context, observer));
  }
  observer.onResult(value);
  observer.onSettled();
  return value;
}

/**
 * A thenable that is not a plain promise keeps its own methods (`withResponse()` of the OpenAI SDK) and
 * stays lazy: only its first `then` starts the work.
 */
function observeThenable(thenable: PromiseLike<unknown>, observation: Observation): object {
  const { context, observer } = observation;
  let started: Promise<unknown> | undefined;
  return overlayThenable({ observation, object: thenable }, () => {
    observation.isRead = true;
    started ??= settle(
      new Promise((resolve, reject) => {
        contextApi.with(context, () => thenable.then(resolve, reject));
      }),
      context,
      observer,
      observation,
    );
    return started;
  });
}

/** A promise somebody has put something on, such as a way to cancel it. It works whether it is awaited or not. */
function observeKeyedPromise(promise: Promise<unknown>, observation: Observation): object {
  observation.isRead = true;
  const settled = settle(promise, observation.context, observation.observer, observation);
  return overlayThenable({ observation, object: promise }, () => settled);
}

function overlayThenable(view: View, start: () => Promise<unknown>): object {
  const promiseMethods = new Map<PropertyKey, unknown>([
    ['then', (...handlers: Parameters<Promise<unknown>['then']>) => start().then(...handlers)],
    ['catch', (handler: Parameters<Promise<unknown>['catch']>[0]) => start().catch(handler)],
    ['finally', (handler: Parameters<Promise<unknown>['finally']>[0]) => start().finally(handler)],
  ]);
  return overlayView(view, promiseMethods);
}

/** A stream or an async iterable: the span ends when it does. */
function follow(value: Followed, observation: Observation): object {
  if (value instanceof ReadableStream) {
    if (value.locked) {
      observation.observer.onSettled();
      return value;
    }
    // Not its prototype: what Node 20 makes by itself, such as the end of a pipe, has one of its own.
    if (value.constructor === ReadableStream) return pipeStream(value, observation);
  }
  return observeIterable(value, observation);
}

function observeIterable(iterable: AsyncIterable<unknown>, observation: Observation): object {
  // Whoever puts another one in its place may still want this one.
  const iterate = iterable[Symbol.asyncIterator] as () => AsyncIterator<unknown>;
  let own: AsyncIterator<unknown> | undefined;
  const ownIterator = (): AsyncIterator<unknown> => {
    own ??= observeIterator(iterable as AsyncIterableIterator<unknown>, observation);
    return own;
  };
  const methods = new Map<PropertyKey, unknown>();
  methods.set(Symbol.asyncIterator, () => {
    const source = contextApi.with(observation.context, () => Reflect.apply(iterate, iterable, []));
    return (source as unknown) === iterable ? ownIterator() : observeIterator(source, observation);
  });
  // An async generator is its own iterator, and may be advanced by hand.
  if (hasMethod(iterable, 'next')) {
    methods.set('next', (...values: [] | [unknown]) => ownIterator().next(...values));
    if (hasMethod(iterable, 'return')) methods.set('return', (value?: unknown) => ownIterator().return!(value));
    if (hasMethod(iterable, 'throw')) methods.set('throw', (error?: unknown) => ownIterator().throw!(error));
  }
  if (isDisposable(iterable)) methods.set(Symbol.asyncDispose, disposing(iterable, observation));
  if (iterable instanceof ReadableStream)
    for (const [name, method] of streamMethods(iterable, observation)) methods.set(name, method);
  return overlayView({ observation, object: iterable }, methods);
}

function overlayView(view: View, methods: Map<PropertyKey, unknown>): object {
  return overlay(
    view.object,
    methods,
    (run, overlaid, name) => observeReturned(contextApi.with(view.observation.context, run), view, overlaid, name),
    (value, overlaid, name) => observeRead(value, view, overlaid, name),
  );
}

/** A run of OpenAI's agents says under `completed` when it has ended: its text may go into a stream of Node. */
function observeRead(value: unknown, view: View, overlaid: object, name: PropertyKey): unknown {
  if (name !== 'completed' || view.observation.observer.isOnlyAwaited === true) return value;
  return isPlainPromise(value) ? observeTold(value, view, overlaid) : value;
}

/** What another method of a result returns: it may be the same result in another form. */
function observeReturned(returned: unknown, view: View, overlaid: object, name: PropertyKey): unknown {
  if (typeof returned !== 'object' || returned === null) return returned;
  if (returned === view.object) return overlaid;
  const { observation } = view;
  if (observation.observer.isOnlyAwaited === true) return returned;
  if (isPlainPromise(returned)) return tellsResult(view, name) ? observeTold(returned, view, overlaid) : returned;
  if (isThenable(returned)) return observeThenable(returned, observation);
  if (isFollowed(returned)) return follow(returned, observation);
  if (!isListOfFollowed(returned)) return returned;
  const branches = branchesOf(observation, returned.length);
  return returned.map((branch, index) => follow(branch, branches[index]!));
}

/** Methods of streams in the SDKs of models that read the whole of it, or give it in another form. */
const READS_ALL = /^(?:final[A-Z]\w*|done|runUntilDone|toArray|forEach|pipeTo|withResponse)$/;

/** A method of what is merely awaited gives the result in another form; a stream has methods for many other things. */
function tellsResult({ object }: View, name: PropertyKey): boolean {
  return isThenable(object) || (typeof name === 'string' && READS_ALL.test(name));
}

/** One for each promise: a method may answer the same one again. */
const told = new WeakMap<Promise<unknown>, object>();

/** Derived when it is awaited, so that a promise nobody waits for is handled or unhandled as it was. */
function observeTold(promise: Promise<unknown>, view: View, overlaid: object): object {
  const known = told.get(promise);
  if (known !== undefined) return known;
  let started: Promise<unknown> | undefined;
  const observed = overlayThenable({ observation: view.observation, object: promise }, () => {
    started ??= promise.then(
      (value) => observeAnswer(value, view, overlaid),
      (error: unknown) => {
        if (isOpen(view)) throw error;
        return fail(error, view.observation.observer);
      },
    );
    return started;
  });
  told.set(promise, observed);
  return observed;
}

/** What the promise of another method came to: the answer, one of its parts, or a stream of it. */
function observeAnswer(answer: unknown, view: View, overlaid: object): unknown {
  if (answer === view.object) return overlaid;
  const { observation } = view;
  if (isFollowed(answer)) return follow(answer, observation);
  const data = guard(() => dataWithin(answer));
  if (isFollowed(data)) return { ...(answer as object), data: follow(data, observation) };
  if (isOpen(view)) return answer;
  observation.observer.onResult(data ?? answer);
  observation.observer.onSettled();
  return answer;
}

/** What `withResponse()` gives is the answer, and the response it came with. */
function dataWithin(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || Object.getPrototypeOf(answer) !== Object.prototype) return;
  if (!Object.hasOwn(answer, 'response')) return;
  return Object.getOwnPropertyDescriptor(answer, 'data')?.value;
}

/** Subclasses of Promise have methods of their own and are often lazy. */
function isPlainPromise(value: unknown): value is Promise<unknown> {
  return says(() => value instanceof Promise && value.constructor === Promise);
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return says(() => typeof (value as { then?: unknown } | null | undefined)?.then === 'function');
}

type Followed = AsyncIterable<unknown>;

function isFollowed(value: unknown): value is Followed {
  return says(() => value instanceof ReadableStream || (isAsyncIterable(value) && !isPage(value)));
}

function isListOfFollowed(value: unknown): value is readonly Followed[] {
  return says(() => Array.isArray(value) && value.length > 0 && value.every(isFollowed));
}

/** Getters and proxies may throw at whoever asks: what does not say what it is counts as a value. */
function says(ask: () => boolean): boolean {
  return guard(ask) === true;
}

/** Node streams are async iterable too, but are consumed by events; they count as values. */
function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null || !(Symbol.asyncIterator in value)) return false;
  return typeof (value as { pipe?: unknown }).pipe !== 'function';
}

/** One page of a list is a value: it has come, and whoever iterates it asks for further ones. */
function isPage(value: object): boolean {
  return says(() => {
    if (hasMethod(value, 'next')) return false;
    // A getter may start work.
    const isList = Array.isArray(Object.getOwnPropertyDescriptor(value, 'data')?.value);
    return isList || hasMethod(value, 'getNextPage') || hasMethod(value, 'hasNextPage');
  });
}

function hasMethod(object: object, name: string): boolean {
  return typeof (object as Readonly<Record<string, unknown>>)[name] === 'function';
}
