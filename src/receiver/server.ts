import type { IncomingMessage } from 'node:http';

import { MalformedEnvelopeError, parseEnvelope } from './envelope.ts';
import { jsonAnswer, sendAnswer, type HttpAnswer } from './http-answer.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { loopbackRefusal } from './loopback-guard.ts';
import { listenOnLoopback } from './loopback-server.ts';
import { acceptedAnswer, otlpFormat, statusAnswer } from './otlp-answer.ts';
import { decodeTraceRequest, MalformedOtlpError } from './otlp.ts';
import type { ReceivedSpan } from './received-span.ts';
import { ACCEPTED_ENCODINGS, readRequestBody } from './request-body.ts';
import { createSpanStore, type SpanStore } from './span-store.ts';

/** Where a receiver listens, how much it keeps, and who is told of what comes. */
export interface ReceiverOptions {
  /** Default 0: any free port. OTLP's own is 4318. */
  readonly port?: number;
  /** How many spans are kept; older ones make room. Default 10 000. */
  readonly maxSpans?: number;
  /** Largest request body taken, as sent and unpacked. Default 32 MiB. */
  readonly maxBodyBytes?: number;
  /** Called with the spans of each accepted request, never with none. Must not throw; if it does, the process warns and the receiver goes on. */
  onSpans?(spans: readonly ReceivedSpan[]): void;
}

/** A running OTLP receiver on this machine. */
export interface Receiver {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** `<url>/v1/traces`: where exporters send to. */
  readonly tracesUrl: string;
  /** The spans kept, oldest first; a live view. */
  readonly spans: readonly ReceivedSpan[];
  /** The Sentry error events kept, as their envelopes carried them, oldest first; a live view. */
  readonly events: readonly JsonObject[];
  /** A DSN that makes a Sentry client send its events here. */
  readonly dsn: string;
  /** How many spans made room for newer ones. */
  readonly dropped: number;
  /** Forgets every span and every event. */
  clear(): void;
  /** Stops listening and ends every connection. Safe to call twice. */
  close(): Promise<void>;
}

const DEFAULT_MAX_SPANS = 10_000;
const MAX_EVENTS = 1_000;
const DEFAULT_MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Names the receiver on every answer, so that a client can tell it from another program on the same port. */
export const RECEIVER_HEADER = 'x-faultline-receiver';

/**
 * Starts an OTLP receiver on 127.0.0.1.
 *
 * `POST /v1/traces` takes JSON and protobuf, plain, gzip or deflate. `GET /v1/traces` gives back what is kept as
 * JSON, 64-bit integers as strings and bytes as base64; `DELETE /v1/traces` forgets it. `POST /api/<id>/envelope/`
 * takes the error events of a Sentry client, whatever its key.
 */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const store = createSpanStore(options.maxSpans ?? DEFAULT_MAX_SPANS);
  const maxBodyBytes = options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
  const events: JsonObject[] = [];
  const server = await listenOnLoopback(options.port ?? 0, async (request, response) => {
    const answer = await answerTo(request, store, events, maxBodyBytes);
    if (answer === undefined) return;
    sendAnswer(response, { ...answer, headers: { ...answer.headers, [RECEIVER_HEADER]: '1' } });
    if (answer.spans !== undefined && answer.spans.length > 0) notify(options, answer.spans);
  });
  return {
    url: server.origin,
    tracesUrl: `${server.origin}/v1/traces`,
    spans: store.spans,
    events,
    dsn: server.origin.replace('//', '//local@').concat('/1'),
    get dropped() {
      return store.dropped;
    },
    clear() {
      store.clear();
      events.length = 0;
    },
    close: () => server.close(),
  };
}

interface Answer extends HttpAnswer {
  /** What was taken with it. */
  readonly spans?: readonly ReceivedSpan[];
}

/** Undefined when the sender went away and there is nobody to answer. */
async function answerTo(
  request: IncomingMessage,
  store: SpanStore,
  events: JsonObject[],
  maxBodyBytes: number,
): Promise<Answer | undefined> {
  const refusal = loopbackRefusal(request.headers);
  if (refusal !== undefined) return statusAnswer('json', refusal.status, refusal.message);
  const path = request.url?.split('?', 1)[0] ?? '';
  if (ENVELOPE_PATH.test(path) && request.method === 'POST') return takeEnvelope(request, events, maxBodyBytes);
  if (path !== '/v1/traces' && path !== '/v1/traces/') {
    return statusAnswer('json', 404, 'this receiver serves /v1/traces and /api/<id>/envelope/ only');
  }

  switch (request.method) {
    case 'POST':
      return take(request, store, maxBodyBytes);
    case 'GET':
      return jsonAnswer(200, { spans: store.spans, dropped: store.dropped });
    case 'DELETE':
      store.clear();
      return jsonAnswer(200, {});
    default:
      return statusAnswer('json', 405, `${request.method} is not possible here`, { allow: 'GET, POST, DELETE' });
  }
}

async function take(request: IncomingMessage, store: SpanStore, maxBodyBytes: number): Promise<Answer | undefined> {
  const contentType = request.headers['content-type'];
  const format = otlpFormat(contentType);
  if (format === undefined) {
    const accepted = 'application/json or application/x-protobuf';
    return statusAnswer('json', 415, `unsupported content type: ${contentType ?? 'none'} (expected ${accepted})`);
  }
  const read = await readRequestBody(request, maxBodyBytes);
  if (read.kind === 'aborted') return undefined;
  if (read.kind === 'refused') {
    const headers = read.status === 415 ? { 'accept-encoding': ACCEPTED_ENCODINGS } : {};
    return statusAnswer(format, read.status, read.message, headers);
  }
  try {
    const spans = decodeTraceRequest(read.body, format);
    store.add(spans);
    return { ...acceptedAnswer(format), spans };
  } catch (error) {
    if (error instanceof MalformedOtlpError) return statusAnswer(format, 400, error.message);
    throw error;
  }
}

const ENVELOPE_PATH = /^\/api\/\d+\/envelope\/?$/;

async function takeEnvelope(
  request: IncomingMessage,
  events: JsonObject[],
  maxBodyBytes: number,
): Promise<Answer | undefined> {
  const read = await readRequestBody(request, maxBodyBytes);
  if (read.kind === 'aborted') return undefined;
  if (read.kind === 'refused') return statusAnswer('json', read.status, read.message);
  try {
    const { headers, items } = parseEnvelope(read.body);
    for (const { type, payload } of items) if (type === 'event' && isJsonObject(payload)) events.push(payload);
    events.splice(0, Math.max(events.length - MAX_EVENTS, 0));
    return jsonAnswer(200, { id: headers['event_id'] });
  } catch (error) {
    if (error instanceof MalformedEnvelopeError) return statusAnswer('json', 400, error.message);
    throw error;
  }
}

function notify(options: ReceiverOptions, spans: readonly ReceivedSpan[]): void {
  try {
    options.onSpans?.(spans);
  } catch (error) {
    process.emitWarning(
      `onSpans of the Faultline receiver threw: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
