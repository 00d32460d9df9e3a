/** Answers of the HTTP transport as web-standard responses. */
import type { Problem } from './http-problem.ts';

/** Where the trace id of a run is in an answer. */
export const TRACE_ID_HEADER = 'x-trace-id';

export function jsonResponse(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
  });
}

export function eventsResponse(
  events: ReadableStream<Uint8Array>,
  headers: Readonly<Record<string, string>>,
): Response {
  return new Response(events, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-content-type-options': 'nosniff',
      // Told to nginx, which otherwise collects the stream before it passes it on.
      'x-accel-buffering': 'no',
      ...headers,
    },
  });
}

export function problemResponse(problem: Problem): Response {
  return jsonResponse(problem.status, problemBody(problem), { ...traceIdHeader(problem.traceId), ...problem.headers });
}

/** The body of an answer that is no success, and the data of an event that says the same. */
export function problemBody({ type, message, traceId }: Problem): unknown {
  return { error: { type, message, traceId } };
}

export function traceIdHeader(traceId: string | undefined): Record<string, string> {
  return traceId === undefined ? {} : { [TRACE_ID_HEADER]: traceId };
}
