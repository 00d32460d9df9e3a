import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { createArrivals } from '../receiver/arrivals.ts';
import { MalformedEnvelopeError, parseEnvelope, type Envelope } from '../receiver/envelope.ts';
import { jsonAnswer, sendAnswer, type HttpAnswer } from '../receiver/http-answer.ts';
import { listenOnLoopback } from '../receiver/loopback-server.ts';
import { acceptedAnswer, otlpFormat, statusAnswer } from '../receiver/otlp-answer.ts';
import { decodeTraceRequest, MalformedOtlpError, type OtlpFormat } from '../receiver/otlp.ts';
import type { ReceivedSpan } from '../receiver/received-span.ts';
import { readRelayAuth } from '../receiver/relay/auth.ts';
import { storedSpan, type StoredSpan } from '../receiver/relay/stored-span.ts';
import { ACCEPTED_ENCODINGS, readRequestBody, type RequestBody } from '../receiver/request-body.ts';

export type { Envelope, EnvelopeItem } from '../receiver/envelope.ts';
export type { StoredSpan } from '../receiver/relay/stored-span.ts';

/** Where the stand-in listens, and what it takes. */
export interface FakeSentryOptions {
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** The projects that exist, the first one being the DSN's. Default: project 1 with {@link FAKE_PUBLIC_KEY}. */
  readonly projects?: readonly FakeProject[] | undefined;
  /** Path before `/api/`, as self-hosted Sentry can have: `/sentry`. Default none. */
  readonly pathPrefix?: string | undefined;
  /** Largest trace request taken, as sent and unpacked. Default 12 MiB, as Relay. */
  readonly maxBodyBytes?: number | undefined;
}

/** A project of the stand-in. */
export interface FakeProject {
  readonly id: string;
  /** 32 hex digits. */
  readonly publicKey: string;
}

/** The key of the project there is by default. */
export const FAKE_PUBLIC_KEY = 'facade0ffacade0ffacade0ffacade0f';

/** An answer of the test's choosing. */
export type FakeAnswer =
  /** Without a body, a refusal says what Relay would say: a google.rpc.Status in the request's format. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  /** The connection is reset after the request was read. */
  | { readonly kind: 'reset' }
  /** The request is read and never answered. */
  | { readonly kind: 'hang' };

/** The answer to a client that is over its span quota. */
export function rateLimited(retryAfterSeconds = 60): FakeAnswer {
  return {
    kind: 'status',
    status: 429,
    headers: {
      'retry-after': String(retryAfterSeconds),
      'x-sentry-rate-limits': `${retryAfterSeconds}:span:organization:quota_exceeded`,
    },
  };
}

/** A request as it came, whatever became of it. */
export interface RecordedRequest {
  readonly method: string;
  /** With the query string. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As sent; only the part that was read when the body was too large. */
  readonly rawBody: Uint8Array;
  /** Decompressed; empty when the body could not be read. */
  readonly body: Uint8Array;
  /** The status answered; 0 when the connection was reset or left hanging. */
  readonly status: number;
}

/** An envelope that was accepted. */
export interface RecordedEnvelope extends Envelope {
  readonly projectId: string;
}

/** What was answered with 200 and then not stored, with the reason. */
export type Discarded =
  | { readonly reason: 'malformed'; readonly message: string }
  | { readonly reason: SpanDiscardReason; readonly span: ReceivedSpan };

export type SpanDiscardReason = 'duplicate-span-id' | 'slash-in-name' | 'ends-before-start';

/** A running stand-in for Sentry. Every list is a live view, oldest first. */
export interface FakeSentry {
  /** `http://<public key>@127.0.0.1:<port>[/prefix]/<project id>` of the first project. */
  readonly dsn: string;
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** The spans accepted, as received: with their events, so that tests can look at them. */
  readonly spans: readonly ReceivedSpan[];
  /** The same spans as Sentry would store them. */
  readonly stored: readonly StoredSpan[];
  readonly discarded: readonly Discarded[];
  readonly requests: readonly RecordedRequest[];
  readonly envelopes: readonly RecordedEnvelope[];
  dsnOf(projectId: string): string;
  /** Answers the next `times` trace requests with this instead of accepting them. Several calls queue up. */
  answerNext(answer: FakeAnswer, times?: number): void;
  /** The same for envelope requests. */
  answerNextEnvelope(answer: FakeAnswer, times?: number): void;
  /** Resolves when at least `count` spans were accepted; rejects after `timeoutMs`, default 5 s, saying how many came. */
  waitForSpans(count: number, timeoutMs?: number): Promise<readonly ReceivedSpan[]>;
  waitForEnvelopes(count: number, timeoutMs?: number): Promise<readonly RecordedEnvelope[]>;
  waitForRequests(count: number, timeoutMs?: number): Promise<readonly RecordedRequest[]>;
  /** Stops listening and ends every connection, hanging ones too. Safe to call twice. */
  close(): Promise<void>;
}

const DEFAULT_WAIT_MS = 5_000;
const DEFAULT_MAX_BODY_BYTES = 12 * 1024 * 1024;
const MAX_ENVELOPE_BYTES = 40 * 1024 * 1024;
const MAX_EVENT_BYTES = 1024 * 1024;
const ENVELOPE_TYPE = 'application/x-sentry-envelope';

/**
 * Starts a loopback server that treats requests as Sentry's Relay does.
 *
 * It takes OTLP traces and envelopes with Relay's routes, authorization, limits and answers. Like Relay it looks into
 * a trace request only after having said 200, so what it cannot use is lost in silence: see `discarded`.
 */
export async function startFakeSentry(options: FakeSentryOptions = {}): Promise<FakeSentry> {
  const projects = checkedProjects(options.projects ?? [{ id: '1', publicKey: FAKE_PUBLIC_KEY }]);
  const prefix = (options.pathPrefix ?? '').replace(/^\/*(?=[^/])/, '/').replace(/\/+$/, '');
  const maxTraceBytes = options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;

  const spans: ReceivedSpan[] = [];
  const stored: StoredSpan[] = [];
  const discarded: Discarded[] = [];
  const requests: RecordedRequest[] = [];
  const envelopes: RecordedEnvelope[] = [];
  const planned = { traces: createAnswerQueue(), envelope: createAnswerQueue() };
  const arrivals = createArrivals(() => explain(requests, discarded));

  const server = await listenOnLoopback(options.port ?? 0, async (request, response) => {
    const route = relayRoute(request, prefix);
    const read = await readRequestBody(request, route.kind === 'envelope' ? MAX_ENVELOPE_BYTES : maxTraceBytes);
    if (read.kind === 'aborted') return;
    const chosen = route.kind === 'none' ? undefined : planned[route.kind].next();
    const answer = chosen === undefined ? relayAnswer(route, request, read) : chosenAnswer(chosen, request);
    if (answer !== undefined) sendAnswer(response, answer);
    if (chosen?.kind === 'reset') request.socket.resetAndDestroy();
    requests.push({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      rawBody: read.raw,
      body: read.kind === 'read' ? read.body : new Uint8Array(),
      status: answer?.status ?? 0,
    });
    arrivals.arrived();
  });

  function relayAnswer(route: RelayRoute, request: IncomingMessage, read: CompleteBody): HttpAnswer {
    if (read.kind === 'refused' && read.status === 415) {
      return bareAnswer(415, { 'accept-encoding': ACCEPTED_ENCODINGS });
    }
    switch (route.kind) {
      case 'traces':
        return tracesAnswer(route.projectId, request, read);
      case 'envelope':
        return envelopeAnswer(route.projectId, request, read);
      case 'none':
        return route.status === 405 ? bareAnswer(405, { allow: 'POST' }) : bareAnswer(404);
    }
  }

  function tracesAnswer(projectId: string, request: IncomingMessage, read: CompleteBody): HttpAnswer {
    const contentType = request.headers['content-type'];
    const format = otlpFormat(contentType);
    if (format === undefined) return statusAnswer('json', 415, `unsupported content type: ${contentType ?? ''}`);
    const refusal = senderRefusal(projectId, request, projects);
    if (refusal?.status === 400 || refusal?.status === 401) {
      return statusAnswer(format, refusal.status, refusal.message);
    }
    if (read.kind === 'refused') return statusAnswer(format, read.status, `unable to read body: ${read.message}`);
    if (refusal !== undefined) return statusAnswer(format, refusal.status, refusal.message);
    store(read.body, format);
    return acceptedAnswer(format);
  }

  function store(body: Uint8Array, format: OtlpFormat): void {
    const seen = new Set<string>();
    for (const span of decoded(body, format)) {
      const reason = discardReason(span, seen);
      seen.add(span.spanId);
      if (reason !== undefined) {
        discarded.push({ reason, span });
        continue;
      }
      spans.push(span);
      stored.push(storedSpan(span));
    }
  }

  function decoded(body: Uint8Array, format: OtlpFormat): readonly ReceivedSpan[] {
    try {
      return decodeTraceRequest(body, format);
    } catch (error) {
      if (!(error instanceof MalformedOtlpError)) throw error;
      discarded.push({ reason: 'malformed', message: error.message });
      return [];
    }
  }

  function envelopeAnswer(projectId: string, request: IncomingMessage, read: CompleteBody): HttpAnswer {
    const refusal = senderRefusal(projectId, request, projects);
    if (refusal !== undefined) return apiError(refusal.status, refusal.message);
    if (read.kind === 'refused') return apiError(read.status, read.message);
    const contentType = request.headers['content-type'];
    // SDKs send none.
    if (contentType !== undefined && contentType.split(';', 1)[0]?.trim() !== ENVELOPE_TYPE) {
      return apiError(415, `expected content type ${ENVELOPE_TYPE}, got ${contentType}`);
    }
    try {
      const envelope = parseEnvelope(read.body);
      if (envelope.items.some((item) => item.type === 'event' && item.bytes.length > MAX_EVENT_BYTES)) {
        return apiError(413, `an event item is larger than ${MAX_EVENT_BYTES} bytes`);
      }
      envelopes.push({ projectId, ...envelope });
      return jsonAnswer(200, { id: envelope.headers['event_id'] });
    } catch (error) {
      if (error instanceof MalformedEnvelopeError) return apiError(400, `invalid event envelope: ${error.message}`);
      throw error;
    }
  }

  function dsnOf(projectId: string): string {
    const project = projects.find(({ id }) => id === projectId);
    if (project === undefined) {
      const ids = projects.map(({ id }) => id).join(', ');
      throw new RangeError(`Expected one of the projects ${ids}, got ${projectId}.`);
    }
    return `http://${project.publicKey}@127.0.0.1:${server.port}${prefix}/${project.id}`;
  }

  return {
    dsn: dsnOf(projects[0].id),
    origin: server.origin,
    spans,
    stored,
    discarded,
    requests,
    envelopes,
    dsnOf,
    answerNext: (answer, times = 1) => planned.traces.add(answer, times),
    answerNextEnvelope: (answer, times = 1) => planned.envelope.add(answer, times),
    waitForSpans: (count, timeoutMs = DEFAULT_WAIT_MS) => arrivals.wait('spans', spans, count, timeoutMs),
    waitForEnvelopes: (count, timeoutMs = DEFAULT_WAIT_MS) => arrivals.wait('envelopes', envelopes, count, timeoutMs),
    waitForRequests: (count, timeoutMs = DEFAULT_WAIT_MS) => arrivals.wait('requests', requests, count, timeoutMs),
    close() {
      arrivals.close();
      return server.close();
    },
  };
}

type CompleteBody = Exclude<RequestBody, { kind: 'aborted' }>;

type Projects = readonly [FakeProject, ...FakeProject[]];

function checkedProjects(projects: readonly FakeProject[]): Projects {
  const [first, ...rest] = projects;
  if (first === undefined) throw new RangeError('Expected projects to hold at least one project, got none.');
  for (const { id, publicKey } of projects) {
    if (!/^\d+$/.test(id)) {
      throw new RangeError(`Expected the id of a project to be a number, got ${JSON.stringify(id)}.`);
    }
    if (!/^[0-9a-f]{32}$/.test(publicKey)) {
      throw new RangeError(`Expected the public key of project ${id} to be 32 hex digits.`);
    }
  }
  return [first, ...rest];
}

type RelayRoute =
  | { readonly kind: 'traces' | 'envelope'; readonly projectId: string }
  | { readonly kind: 'none'; readonly status: 404 | 405 };

const TRACES_PATH = /^\/api\/([^/]+)\/(?:integration\/)?otlp\/v1\/traces\/?$/;
const ENVELOPE_PATH = /^\/api\/([^/]+)\/envelope\/?$/;

function relayRoute(request: IncomingMessage, prefix: string): RelayRoute {
  const path = request.url?.split('?', 1)[0] ?? '';
  const local = path.startsWith(prefix) ? path.slice(prefix.length) : '';
  const traces = TRACES_PATH.exec(local)?.[1];
  const projectId = traces ?? ENVELOPE_PATH.exec(local)?.[1];
  if (projectId === undefined) return { kind: 'none', status: 404 };
  if (request.method !== 'POST') return { kind: 'none', status: 405 };
  return { kind: traces === undefined ? 'envelope' : 'traces', projectId };
}

/** What Relay refuses without looking at the body: a bad path, authorization or project. */
function senderRefusal(
  projectId: string,
  request: IncomingMessage,
  projects: Projects,
): { readonly status: number; readonly message: string } | undefined {
  if (!/^\d+$/.test(projectId)) return { status: 400, message: 'bad project path parameter' };
  const auth = readRelayAuth(request.headers, request.url?.split('?')[1] ?? '');
  if (auth.kind === 'refused') return auth;
  const known = projects.some(({ id, publicKey }) => id === projectId && publicKey === auth.publicKey.toLowerCase());
  return known ? undefined : { status: 403, message: 'event submission rejected with_reason: ProjectId' };
}

/** Why Sentry loses a span of a request it has already accepted; `seen` are the ids of the spans before it. */
function discardReason(span: ReceivedSpan, seen: ReadonlySet<string>): SpanDiscardReason | undefined {
  if (seen.has(span.spanId)) return 'duplicate-span-id';
  if (span.name.includes('/')) return 'slash-in-name';
  return span.endTimeUnixNano < span.startTimeUnixNano ? 'ends-before-start' : undefined;
}

interface AnswerQueue {
  add(answer: FakeAnswer, times: number): void;
  next(): FakeAnswer | undefined;
}

function createAnswerQueue(): AnswerQueue {
  const queue: { readonly answer: FakeAnswer; left: number }[] = [];
  return {
    add(answer, times) {
      if (!(times >= 1)) throw new RangeError(`Expected times to be at least 1, got ${times}.`);
      queue.push({ answer, left: times });
    },
    next() {
      const [first] = queue;
      if (first === undefined) return undefined;
      first.left -= 1;
      if (first.left <= 0) queue.shift();
      return first.answer;
    },
  };
}

/** Undefined when the sender is to be left without an answer. */
function chosenAnswer(answer: FakeAnswer, request: IncomingMessage): HttpAnswer | undefined {
  if (answer.kind !== 'status') return undefined;
  const { status, headers = {}, body } = answer;
  const format = otlpFormat(request.headers['content-type']) ?? 'json';
  const usual =
    status < 400 ? acceptedAnswer(format) : statusAnswer(format, status, `answered ${status} as the test asked`);
  return { status, headers: { ...usual.headers, ...headers }, body: body ?? usual.body };
}

function bareAnswer(status: number, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers, body: '' };
}

/** Relay's own form of error, used outside OTLP. */
function apiError(status: number, detail: string): HttpAnswer {
  return jsonAnswer(status, { detail, causes: [] });
}

function explain(requests: readonly RecordedRequest[], discarded: readonly Discarded[]): string {
  const last = requests.at(-1);
  const answered =
    last === undefined
      ? ', no request at all'
      : `, the last request was answered with ${last.status === 0 ? 'nothing' : last.status}`;
  const reasons = [...new Set(discarded.map(({ reason }) => reason))].join(', ');
  return discarded.length === 0 ? answered : `${answered}, ${discarded.length} discarded (${reasons})`;
}
