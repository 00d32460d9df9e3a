import { once } from 'node:events';

import { currentTracing } from './setup.ts';

export interface FlushAfterOptions {
  /** What the platform offers to go on after the answer, such as `context.waitUntil`. */
  readonly waitUntil?: (work: Promise<unknown>) => void;
  /** Longest time to send what waits. Default: `exitTimeoutMs`. */
  readonly timeoutMs?: number;
}

/**
 * Sends what waits when a serverless function has done its work, because the platform freezes it afterwards.
 *
 * With `waitUntil` the answer goes out at once and the platform waits for the spans; without, they are sent
 * before it does. A `Response` with a body counts as done when its body is: of a stream, every chunk goes out
 * as it comes, and only the end waits. What `work` returns or rejects with comes through as it is.
 */
export async function flushAfter<T>(work: T | PromiseLike<T>, options: FlushAfterOptions = {}): Promise<Awaited<T>> {
  const { waitUntil, timeoutMs } = options;
  const flush = async (): Promise<void> => {
    await currentTracing()?.flush(timeoutMs);
  };
  let result: Awaited<T>;
  try {
    result = await work;
  } catch (error) {
    await leaveTo(waitUntil, flush);
    throw error;
  }
  if (result instanceof Response && result.body !== null) {
    return responseWith(result, bodyThatFlushes(result.body, waitUntil, flush)) as Awaited<T>;
  }
  await leaveTo(waitUntil, flush);
  return result;
}

/** Waits for the flush here, unless the platform does. */
async function leaveTo(waitUntil: FlushAfterOptions['waitUntil'], flush: () => Promise<void>): Promise<void> {
  const flushed = flush();
  if (waitUntil === undefined) await flushed;
  else waitUntil(flushed);
}

function bodyThatFlushes(
  body: ReadableStream<Uint8Array>,
  waitUntil: FlushAfterOptions['waitUntil'],
  flush: () => Promise<void>,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const over = new EventTarget();
  const flushed = once(over, 'end').then(flush);
  waitUntil?.(flushed);
  const end = async (): Promise<void> => {
    over.dispatchEvent(new Event('end'));
    if (waitUntil === undefined) await flushed;
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
      } catch (error) {
        await end();
        controller.error(error);
        return;
      }
      await end();
      controller.close();
    },
    async cancel(reason) {
      try {
        await reader.cancel(reason);
      } finally {
        await end();
      }
    },
  });
}

/** The same answer, but for its body. */
function responseWith({ status, statusText, headers }: Response, body: ReadableStream<Uint8Array>): Response {
  return new Response(body, { status, statusText, headers });
}
