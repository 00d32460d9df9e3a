import { whenAborted } from '../signals.ts';
import { systemTime, type Time } from '../time.ts';
import type { Transport } from '../types.ts';
import { createHttpHandler, type HttpHandlerOptions } from './http-handler.ts';

/** Who may ask which agents over HTTP, within which limits, and who serves it. */
export interface HttpTransportOptions extends HttpHandlerOptions {
  /**
   * Serves the requests: works until `signal` is aborted, and rejects when it cannot, which is a crash of the
   * transport. Default: nobody does, and `fetch` is passed to a server of your own.
   */
  readonly listen?: ((fetch: HttpTransport['fetch'], signal: AbortSignal) => Promise<void>) | undefined;
}

/** Agents behind HTTP. */
export interface HttpTransport extends Transport {
  /**
   * Answers a web-standard request: for Hono, Next.js, Bun, Deno and whatever else passes those. Never rejects.
   * Until the runtime has started, and once it stops, questions are answered with 503.
   */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Takes no more questions, which are answered with 503. Resolves when those under way are answered. */
  readonly drain: () => Promise<void>;
}

/**
 * Questions over HTTP: `POST /agents/{agent}/run` with `{ input, conversationId? }` is answered with JSON or, when
 * the request accepts `text/event-stream`, with what happens as it happens. `GET /healthz`, `/readyz` and
 * `/openapi.json` say the rest.
 *
 * The answer names the agent that has the conversation now; after a hand-off the caller goes on with that one, which
 * must be among `agents` for it, and knows what was said under the same `conversationId`.
 *
 * A run is part of the caller's trace (`traceparent`, `sentry-trace`), is aborted when the caller leaves, and says
 * its trace id in `x-trace-id` and in the body. What went wrong inside stays inside. Throws when an option is wrong.
 */
export function httpTransport(options: HttpTransportOptions): HttpTransport {
  return httpTransportWith(systemTime, options);
}

/** `httpTransport` with a say in how time passes. */
export function httpTransportWith(time: Time, options: HttpTransportOptions): HttpTransport {
  const name = 'http';
  const { listen = untilStopped } = options;
  const handler = createHttpHandler(name, time, options);
  const { fetch, drain } = handler;
  return {
    name,
    fetch,
    drain,
    start: async (receive, signal) => {
      handler.open(receive);
      const stopFollowing = whenAborted(signal, () => void drain());
      try {
        await listen(fetch, signal);
      } finally {
        stopFollowing();
        void drain();
      }
    },
  };
}

function untilStopped(_fetch: HttpTransport['fetch'], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    whenAborted(signal, () => resolve());
  });
}
