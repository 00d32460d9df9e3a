import { guard } from './guard.ts';
import { currentTracing } from './setup.ts';

/** How `flushAfter` gets the time to send. */
export interface FlushAfterOptions {
  /** What the platform offers to go on after the answer, such as `context.waitUntil`. */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /** Longest time to send what waits. Default: `exitTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Sends what waits when a serverless function has done its work, because the platform freezes it afterwards.
 *
 * With `waitUntil` the answer goes out at once and the platform waits for the spans; without, they are sent
 * before it does. A `Response` with a body goes out at once in any case: of a stream, every chunk goes out as it
 * comes, and only its end waits for the spans that ended since. What `work` returns or rejects with comes through
 * as it is, and so does a `Response` of a class of its own, or one whose body somebody reads already: its spans are
 * sent as if it had no body.
 */
export async function flushAfter<T>(work: T | PromiseLike<T>, options: FlushAfterOptions = {}): Promise<Awaited<T>> {
  // Whatever is given for options, `work` is waited for.
  const { timeoutMs, waitUntil } = guard(() => ({ ...options })) ?? {};
  const handOver = handOverTo(waitUntil);
  const flush = async (): Promise<void> => {
    await currentTracing()?.flush(timeoutMs);
  };
  let result: Awaited<T>;
  try {
    result = await work;
  } catch (error) {
    await handOver(flush());
    throw error;
  }
  if (!hasBodyOfItsOwn(result)) {
    await handOver(flush());
    return result;
  }
  // Nobody may ever read the body, as of an answer to HEAD.
  void handOver(flush());
  return responseWith(result, bodyThatFlushes(result.body, handOver, flush)) as Awaited<T>;
}

/** Leaves work to the platform. What it does not take is to be waited for. */
type HandOver = (work: Promise<void>) => Promise<void> | undefined;

function handOverTo(waitUntil: FlushAfterOptions['waitUntil']): HandOver {
  return (work) => {
    if (waitUntil === undefined) return work;
    try {
      waitUntil(work);
      return undefined;
    } catch {
      // Outside of a request it throws, which is no reason to lose the answer.
      return work;
    }
  };
}

interface WithBody extends Response {
  readonly body: ReadableStream<Uint8Array>;
}

/** A copy of any other would lack what its class adds, or could not be made. */
function hasBodyOfItsOwn(result: unknown): result is WithBody {
  if (!(result instanceof Response) || Object.getPrototypeOf(result) !== Response.prototype) return false;
  return result.body !== null && !result.bodyUsed && !result.body.locked;
}

/** The same body, which flushes at its end. It reads ahead no further than its reader does. */
function bodyThatFlushes(
  body: ReadableStream<Uint8Array>,
  handOver: HandOver,
  flush: () => Promise<void>,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let finish: (() => void) | undefined;
  let flushed: Promise<void> | undefined;
  let isBegun = false;
  /** Not before somebody reads: the platform would wait for the end of a body that has none. */
  const begin = (): void => {
    if (isBegun) return;
    isBegun = true;
    flushed = handOver(new Promise<void>((resolve) => (finish = resolve)).then(flush));
  };
  const end = (): Promise<void> | undefined => {
    finish?.();
    return flushed;
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        begin();
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
        begin();
        try {
          await reader.cancel(reason);
        } finally {
          await end();
        }
      },
    },
    { highWaterMark: 0 },
  );
}

/** The same answer, but for its body. */
function responseWith({ status, statusText, headers }: Response, body: ReadableStream<Uint8Array>): Response {
  return new Response(body, { status, statusText, headers });
}
