import type { Span } from '@opentelemetry/api';

/** A `ServerResponse` of `node:http`, as far as it is used. */
interface StreamingResponse {
  writeHead(...args: unknown[]): unknown;
  getHeader(name: string): unknown;
}

/**
 * Lets the server span of an event stream end with the response's headers instead of its last byte: for
 * `responseHook` of `@opentelemetry/instrumentation-http`.
 *
 * A stream lasts as long as its reader wants to listen, which says nothing about the server and drowns every
 * percentile of those that do; the work is in `agent.invoke`, with the duration it really had. Other responses,
 * and those of outgoing requests, are left as they are.
 */
export function endStreamSpans(span: Span, response: object): void {
  if (!isServerResponse(response)) return;
  const writeHead = response.writeHead.bind(response);
  response.writeHead = (...args) => {
    const result = writeHead(...args);
    if (isEventStream(response, args)) endAt(span, Date.now());
    return result;
  };
}

/** The instrumentation ends the span when the connection closes, and is the one to do so: only the time is another. */
function endAt(span: Span, timeMs: number): void {
  const end = span.end.bind(span);
  span.end = (time) => end(time ?? timeMs);
}

function isServerResponse(response: object): response is StreamingResponse {
  return 'writeHead' in response && typeof response.writeHead === 'function' && 'getHeader' in response;
}

/** Headers that are only passed to `writeHead` are not kept where `getHeader` would find them. */
function isEventStream(response: StreamingResponse, [, ...args]: readonly unknown[]): boolean {
  const given = args.find((argument) => typeof argument === 'object' && argument !== null);
  const type = contentTypeIn(given) ?? response.getHeader('content-type');
  return typeof type === 'string' && /^text\/event-stream *(?:;|$)/i.test(type);
}

function contentTypeIn(headers: object | undefined): unknown {
  if (headers === undefined) return undefined;
  const pairs = Array.isArray(headers) ? pairsOf(headers) : Object.entries(headers);
  return pairs.find(([name]) => typeof name === 'string' && name.toLowerCase() === 'content-type')?.[1];
}

/** Node takes a list of pairs, and a list of names and values by turns. */
function pairsOf(headers: readonly unknown[]): readonly (readonly [unknown, unknown])[] {
  if (headers.every(Array.isArray)) return headers as unknown as readonly (readonly [unknown, unknown])[];
  return headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1]] as const] : []));
}
