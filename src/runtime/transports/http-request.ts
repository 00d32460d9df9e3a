/** What a request asks an agent, read from its body or its query, with one clear problem when it cannot be. */
import { openScope, untilAborted } from '../signals.ts';
import type { Time } from '../time.ts';
import type { Problem } from './http-problem.ts';

/** What an agent is asked. */
export interface Question {
  readonly input: string;
  readonly conversationId?: string;
}

export type ReadQuestion =
  | { readonly status: 'read'; readonly question: Question }
  | { readonly status: 'refused'; readonly problem: Problem }
  /** Nobody waits for the rest of it any more. */
  | { readonly status: 'called-off' };

export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
}

/**
 * Reads `{ input, conversationId? }` from a body that must be JSON, of bounded size, and arrive in bounded time, and
 * before `signal` is aborted.
 */
export async function readQuestion(
  request: Request,
  limits: BodyLimits,
  time: Time,
  signal: AbortSignal,
): Promise<ReadQuestion> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json *(?:;|$)/i.test(type)) {
    return refused(415, 'unsupported_media_type', 'The body must be JSON: send content-type: application/json.');
  }
  if ((request.headers.get('content-encoding') ?? 'identity') !== 'identity') {
    return refused(415, 'unsupported_encoding', 'The body must not be compressed.');
  }
  const body = await readBody(request, limits, time, signal);
  switch (body.status) {
    case 'called-off':
      return { status: 'called-off' };
    case 'too-large':
      return refused(413, 'body_too_large', `The body must be at most ${limits.maxBodyBytes} bytes.`);
    case 'late':
      return refused(408, 'body_timeout', `The body must arrive within ${limits.bodyTimeoutMs} ms.`);
    case 'broken':
      return refused(400, 'body_incomplete', 'The body ended before all of it had arrived.');
    case 'read':
      return parseQuestion(body.bytes);
  }
}

/** Reads the question from the query, which is all an `EventSource` can send. */
export function readQuery(query: URLSearchParams): ReadQuestion {
  return checkQuestion(Object.fromEntries(query));
}

type Body =
  | { readonly status: 'read'; readonly bytes: Uint8Array }
  | { readonly status: 'too-large' | 'late' | 'broken' | 'called-off' };

async function readBody(
  request: Request,
  { maxBodyBytes, bodyTimeoutMs }: BodyLimits,
  time: Time,
  signal: AbortSignal,
): Promise<Body> {
  if (Number(request.headers.get('content-length')) > maxBodyBytes) return { status: 'too-large' };
  if (request.body === null) return { status: 'read', bytes: new Uint8Array() };
  const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader();
  const scope = openScope(signal, time, { ms: bodyTimeoutMs, onExpired: () => new Error('the body is late') });
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await untilAborted(scope.signal, () => reader.read());
      if (done) return { status: 'read', bytes: Buffer.concat(chunks) };
      size += value.byteLength;
      if (size > maxBodyBytes) return { status: 'too-large' };
      chunks.push(value);
    }
  } catch {
    if (signal.aborted) return { status: 'called-off' };
    return { status: scope.signal.aborted ? 'late' : 'broken' };
  } finally {
    scope.close();
    // Lets go of what was not read; the server decides what becomes of the connection.
    reader.cancel().catch(() => {});
  }
}

function parseQuestion(bytes: Uint8Array): ReadQuestion {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return refused(400, 'malformed_json', 'The body must be JSON in UTF-8, and is not.');
  }
  return checkQuestion(body);
}

/** Ids end up in logs, traces and keys of stores. */
const CONVERSATION_ID = /^[A-Za-z0-9_-]{1,128}$/;
const EXPECTED = 'expected { "input": string, "conversationId"?: string }';

function checkQuestion(body: unknown): ReadQuestion {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return invalid(`The body must be an object: ${EXPECTED}.`);
  }
  const { input, conversationId, ...others } = body as Readonly<Record<string, unknown>>;
  if (Object.keys(others).length > 0) return invalid(`The question has a field nobody knows: ${EXPECTED}.`);
  if (typeof input !== 'string' || input.trim() === '') return invalid('"input" must be a text that is not empty.');
  if (conversationId === undefined) return { status: 'read', question: { input } };
  if (typeof conversationId !== 'string' || !CONVERSATION_ID.test(conversationId)) {
    return invalid('"conversationId" must be 1 to 128 of A-Z a-z 0-9 _ -.');
  }
  return { status: 'read', question: { input, conversationId } };
}

function invalid(message: string): ReadQuestion {
  return refused(400, 'invalid_request', message);
}

function refused(status: number, type: string, message: string): ReadQuestion {
  return { status: 'refused', problem: { status, type, message } };
}
