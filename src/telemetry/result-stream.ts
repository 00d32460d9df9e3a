import { context as contextApi } from '@opentelemetry/api';

import { fail, type Observation } from './result-observation.ts';
import { overlay } from './result-overlay.ts';

interface Step {
  readonly done?: boolean | undefined;
}

/**
 * Takes one step of a stream inside its span, and tells the span what came of it.
 *
 * @param hasLeft whether whoever took it has left, and may come back: an error tells nothing then
 */
async function take<T extends Step | null | undefined>(
  observation: Observation,
  step: () => T | PromiseLike<T>,
  hasLeft: () => boolean = () => false,
): Promise<T> {
  const { context, observer } = observation;
  observation.isRead = true;
  try {
    const result = await contextApi.with(context, step);
    // The cursor of a database has a `next` too, which gives a value, and null at the end.
    if (result === null || result?.done === true) observer.onEnd();
    else observer.onValue();
    return result;
  } catch (error) {
    if (hasLeft()) throw error;
    return fail(error, observer);
  }
}

export function observeIterator(
  source: AsyncIterator<unknown>,
  observation: Observation,
): AsyncIterableIterator<unknown> {
  const observed: AsyncIterableIterator<unknown> = {
    next: (...values) => take(observation, () => source.next(...values)),
    async return(value) {
      const { observer } = observation;
      // Told before the source's own `finally` runs, but the span ends after it.
      observer.onCancel();
      if (source.return !== undefined) return take(observation, () => source.return!(value));
      observer.onSettled();
      return { done: true, value };
    },
    async throw(error) {
      if (source.throw !== undefined) return take(observation, () => source.throw!(error));
      return fail(error, observation.observer);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  if (isDisposable(source)) Object.assign(observed, { [Symbol.asyncDispose]: disposing(source, observation) });
  return observed;
}

export function isDisposable(object: object): object is AsyncDisposable {
  return typeof (object as Partial<AsyncDisposable>)[Symbol.asyncDispose] === 'function';
}

/** Disposes of a stream, which breaks it off unless it has ended. */
export function disposing(object: AsyncDisposable, observation: Observation): () => Promise<void> {
  return () => breakOff(observation, () => object[Symbol.asyncDispose]());
}

async function breakOff(observation: Observation, work: () => PromiseLike<void>): Promise<void> {
  const { context, observer } = observation;
  observer.onCancel();
  try {
    await contextApi.with(context, work);
  } finally {
    observer.onSettled();
  }
}

/** What is to be replaced on a web stream of a class of its own, besides that it is iterable. */
export function streamMethods(
  stream: ReadableStream,
  observation: Observation,
): readonly (readonly [string, unknown])[] {
  return [
    ['cancel', (reason?: unknown) => breakOff(observation, () => stream.cancel(reason))],
    ['getReader', (...options: []) => observeReader(stream.getReader(...options), observation)],
    ['pipeTo', (...to: Parameters<ReadableStream['pipeTo']>) => pipeTo(stream, observation, to)],
  ];
}

function observeReader(reader: ReadableStreamDefaultReader<unknown>, observation: Observation): object {
  const methods = new Map<PropertyKey, unknown>([
    ['read', (...buffers: []) => take(observation, () => reader.read(...buffers))],
    ['cancel', (reason?: unknown) => breakOff(observation, () => reader.cancel(reason))],
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
  hasLeft?: () => boolean,
): ObservedSource {
  return {
    async pull(controller): Promise<void> {
      const { done, value } = await take(observation, () => reader.read(), hasLeft);
      // It throws when the reader has left since then, which is no failure of the work.
      if (!done) return controller.enqueue(value as never);
      controller.close();
      // Whoever brought memory of his own gets it back.
      if ('byobRequest' in controller) controller.byobRequest?.respond(0);
    },
    cancel: (reason) => breakOff(observation, () => reader.cancel(reason)),
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
