import { context as contextApi } from '@opentelemetry/api';

import { fail, type Observation, type View } from './result-observation.ts';
import { overlay } from './result-overlay.ts';

interface Step {
  readonly done?: boolean | undefined;
}

/** Takes one step of a stream inside its span, and tells the span what came of it. */
async function take<T extends Step | null | undefined>(view: View, step: () => T | PromiseLike<T>): Promise<T> {
  const { context, observer } = view.observation;
  view.observation.isRead = true;
  try {
    const result = await contextApi.with(context, step);
    // The cursor of a database has a `next` too, which gives a value, and null at the end.
    if (result === null || result?.done === true) observer.onEnd();
    else observer.onValue();
    return result;
  } catch (error) {
    return fail(error, observer);
  }
}

export function observeIterator(source: AsyncIterator<unknown>, view: View): AsyncIterableIterator<unknown> {
  const observed: AsyncIterableIterator<unknown> = {
    next: (...values) => take(view, () => source.next(...values)),
    async return(value) {
      const { observer } = view.observation;
      // Told before the source's own `finally` runs, but the span ends after it.
      observer.onCancel();
      if (source.return !== undefined) return take(view, () => source.return!(value));
      observer.onSettled();
      return { done: true, value };
    },
    async throw(error) {
      if (source.throw !== undefined) return take(view, () => source.throw!(error));
      return fail(error, view.observation.observer);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  if (isDisposable(source)) Object.assign(observed, { [Symbol.asyncDispose]: disposing(source, view) });
  return observed;
}

export function isDisposable(object: object): object is AsyncDisposable {
  return typeof (object as Partial<AsyncDisposable>)[Symbol.asyncDispose] === 'function';
}

/** Disposes of a stream, which breaks it off unless it has ended. */
export function disposing(object: AsyncDisposable, view: View): () => Promise<void> {
  return () => breakOff(view, () => object[Symbol.asyncDispose]());
}

async function breakOff(view: View, work: () => PromiseLike<void>): Promise<void> {
  const { context, observer } = view.observation;
  observer.onCancel();
  try {
    await contextApi.with(context, work);
  } finally {
    observer.onSettled();
  }
}

/** What is to be replaced on a web stream of a class of its own, besides that it is iterable. */
export function streamMethods(stream: ReadableStream, view: View): readonly (readonly [string, unknown])[] {
  return [
    ['cancel', (reason?: unknown) => breakOff(view, () => stream.cancel(reason))],
    ['getReader', (...options: []) => observeReader(stream.getReader(...options), view)],
    ['pipeTo', (...to: Parameters<ReadableStream['pipeTo']>) => pipeTo(stream, view.observation, to)],
  ];
}

function observeReader(reader: ReadableStreamDefaultReader<unknown>, view: View): object {
  const methods = new Map<PropertyKey, unknown>([
    ['read', (...buffers: []) => take(view, () => reader.read(...buffers))],
    ['cancel', (reason?: unknown) => breakOff(view, () => reader.cancel(reason))],
  ]);
  return overlay(reader, methods, (run) => run());
}

/** Its own promise would not tell a stream that has failed from a reader who has left. */
async function pipeTo(
  stream: ReadableStream,
  observation: Observation,
  to: Parameters<ReadableStream['pipeTo']>,
): Promise<void> {
  const reader = stream.getReader() as ReadableStreamDefaultReader<unknown>;
  let hasLeft = false;
  const source = observedSource(reader, observation, () => hasLeft);
  try {
    await new ReadableStream<unknown>(source, { highWaterMark: 0 }).pipeTo(...to);
  } finally {
    hasLeft = true;
    reader.releaseLock();
  }
}

/** A web stream is brand-checked by `Response` and friends, so it is piped through a real one. */
export function pipeStream(stream: ReadableStream, observation: Observation): ReadableStream {
  const isOfBytes = isByteStream(stream);
  const source = observedSource(stream.getReader() as ReadableStreamDefaultReader<unknown>, observation);
  if (isOfBytes) return new ReadableStream({ type: 'bytes', ...source });
  return new ReadableStream<unknown>(source, { highWaterMark: 0 });
}

/** What a reader reads, and the span is told of. A reader who has left, and may come back, tells nothing. */
function observedSource(
  reader: ReadableStreamDefaultReader<unknown>,
  observation: Observation,
  hasLeft: () => boolean = () => false,
): ObservedSource {
  return {
    async pull(controller): Promise<void> {
      const { context, observer } = observation;
      observation.isRead = true;
      try {
        const { done, value } = await contextApi.with(context, () => reader.read());
        if (done) {
          observer.onEnd();
          controller.close();
          // Whoever brought memory of his own gets it back.
          if ('byobRequest' in controller) controller.byobRequest?.respond(0);
        } else {
          observer.onValue();
          controller.enqueue(value as never);
        }
      } catch (error) {
        if (hasLeft()) return;
        observer.onError(error);
        observer.onSettled();
        controller.error(error);
      }
    },
    async cancel(reason: unknown): Promise<void> {
      const { context, observer } = observation;
      observer.onCancel();
      try {
        await contextApi.with(context, () => reader.cancel(reason));
      } finally {
        observer.onSettled();
      }
    },
  };
}

interface ObservedSource {
  readonly pull: (controller: ReadableStreamDefaultController<unknown> | ReadableByteStreamController) => Promise<void>;
  readonly cancel: (reason: unknown) => Promise<void>;
}

/** Only a stream of bytes has readers that bring memory of their own; nothing else tells it from others. */
function isByteStream(stream: ReadableStream): boolean {
  try {
    stream.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}
