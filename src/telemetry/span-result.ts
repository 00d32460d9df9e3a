import { context as contextApi, type Context } from '@opentelemetry/api';

/** What the result of a traced function needs from the span it belongs to. None of these ever throws. */
export interface ResultObserver {
  /** The first and every further value of a stream. */
  onValue(): void;
  /** What came, when it is a value and no stream: nobody but its consumer reads a stream. */
  onResult(value: unknown): void;
  onError(error: unknown): void;
  /** The consumer stopped before the stream ended. */
  onCancel(): void;
  /** Nothing more will come. Further calls do nothing. */
  onSettled(): void;
}

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
  if (isPlainPromise(result)) return observePromise(result, context, observer);
  if (isThenable(result)) return observeThenable(result, context, observer);
  return observeSettledValue(result, context, observer);
}

/** A value that is not a promise: a stream keeps the span open, everything else ends it. */
function observeSettledValue(value: unknown, context: Context, observer: ResultObserver): unknown {
  if (value instanceof ReadableStream) return observeStream(value, context, observer);
  if (isAsyncIterable(value)) return observeIterable(value, context, observer);
  observer.onResult(value);
  observer.onSettled();
  return value;
}

/**
 * The promise that is returned is the one `then` makes, not the original with a handler on the side: that
 * handler would count as handling a rejection nobody else handles.
 */
function observePromise(promise: Promise<unknown>, context: Context, observer: ResultObserver): Promise<unknown> {
  return promise.then(
    (value) => observeSettledValue(value, context, observer),
    (error: unknown) => {
      observer.onError(error);
      observer.onSettled();
      throw error;
    },
  );
}

/**
 * A thenable that is not a plain promise keeps its own methods (`withResponse()` of the OpenAI SDK) and
 * stays lazy: only its first `then` starts the work.
 */
function observeThenable(thenable: PromiseLike<unknown>, context: Context, observer: ResultObserver): unknown {
  let started: Promise<unknown> | undefined;
  const start = (): Promise<unknown> => {
    started ??= observePromise(
      new Promise((resolve, reject) => {
        contextApi.with(context, () => thenable.then(resolve, reject));
      }),
      context,
      observer,
    );
    return started;
  };
  const promiseMethods: Readonly<Record<PropertyKey, unknown>> = {
    // oxlint-disable-next-line unicorn/no-thenable -- the point of this object is to stand in for a thenable
    then: (...handlers: Parameters<Promise<unknown>['then']>) => start().then(...handlers),
    catch: (handler: Parameters<Promise<unknown>['catch']>[0]) => start().catch(handler),
    finally: (handler: Parameters<Promise<unknown>['finally']>[0]) => start().finally(handler),
  };
  return endWhenAbandoned(overlay(thenable, promiseMethods), observer);
}

function observeIterable(iterable: AsyncIterable<unknown>, context: Context, observer: ResultObserver): unknown {
  let iterator: AsyncIterator<unknown> | undefined;
  const observed = (): AsyncIterator<unknown> => {
    iterator ??= observeIterator(
      contextApi.with(context, () => iterable[Symbol.asyncIterator]()),
      context,
      observer,
    );
    return iterator;
  };
  const methods: Record<PropertyKey, unknown> = { [Symbol.asyncIterator]: observed };
  // An async generator is its own iterator, and may be advanced by hand.
  if ('next' in iterable) {
    methods['next'] = (...values: [] | [unknown]) => observed().next(...values);
    methods['return'] = (value?: unknown) => observed().return?.(value);
    methods['throw'] = (error?: unknown) => observed().throw?.(error);
  }
  return endWhenAbandoned(overlay(iterable, methods), observer);
}

function observeIterator(
  source: AsyncIterator<unknown>,
  context: Context,
  observer: ResultObserver,
): AsyncIterableIterator<unknown> {
  type Step = IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>;
  const take = async (step: () => Step): Promise<IteratorResult<unknown>> => {
    try {
      const result = await contextApi.with(context, step);
      if (result.done === true) observer.onSettled();
      else observer.onValue();
      return result;
    } catch (error) {
      observer.onError(error);
      observer.onSettled();
      throw error;
    }
  };
  return {
    next: (...values) => take(() => source.next(...values)),
    async return(value) {
      if (source.return === undefined) {
        observer.onCancel();
        observer.onSettled();
        return { done: true, value };
      }
      // Told before the source's own `finally` runs, but the span ends after it.
      observer.onCancel();
      return take(() => source.return!(value));
    },
    async throw(error) {
      if (source.throw === undefined) {
        observer.onError(error);
        observer.onSettled();
        throw error;
      }
      return take(() => source.throw!(error));
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** A web stream is brand-checked by `Response` and friends, so it is piped through a real one. */
function observeStream(stream: ReadableStream, context: Context, observer: ResultObserver): ReadableStream {
  if (stream.locked) {
    observer.onSettled();
    return stream;
  }
  const reader = stream.getReader() as ReadableStreamDefaultReader<unknown>;
  const observed = new ReadableStream<unknown>(
    {
      async pull(controller) {
        try {
          const { done, value } = await contextApi.with(context, () => reader.read());
          if (done) {
            observer.onSettled();
            controller.close();
          } else {
            observer.onValue();
            controller.enqueue(value);
          }
        } catch (error) {
          observer.onError(error);
          observer.onSettled();
          controller.error(error);
        }
      },
      async cancel(reason) {
        observer.onCancel();
        try {
          await contextApi.with(context, () => reader.cancel(reason));
        } finally {
          observer.onSettled();
        }
      },
    },
    { highWaterMark: 0 },
  );
  return endWhenAbandoned(observed, observer);
}

/** A result nobody ever consumes still ends its span, when the garbage collector finds it. */
const abandoned = new FinalizationRegistry<ResultObserver>((observer) => {
  observer.onCancel();
  observer.onSettled();
});

function endWhenAbandoned<T extends object>(result: T, observer: ResultObserver): T {
  abandoned.register(result, observer);
  return result;
}

/**
 * The object with some of its methods replaced. Other methods keep the object itself as `this`, because
 * classes with private fields refuse a proxy.
 */
function overlay(target: object, methods: Readonly<Record<PropertyKey, unknown>>): object {
  return new Proxy(target, {
    get(object, key) {
      if (Object.hasOwn(methods, key)) return methods[key];
      const value: unknown = Reflect.get(object, key);
      return typeof value === 'function' ? value.bind(object) : value;
    },
  });
}

/** Subclasses of Promise have methods of their own and are often lazy. */
function isPlainPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise && value.constructor === Promise;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown }).then === 'function';
}

/** Node streams are async iterable too, but are consumed by events; they count as values. */
function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null || !(Symbol.asyncIterator in value)) return false;
  return typeof (value as { pipe?: unknown }).pipe !== 'function';
}
