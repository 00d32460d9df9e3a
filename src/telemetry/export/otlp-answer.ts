import type { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import type { Protocol } from '../config/options.ts';
import type { Explanation } from '../http/explain-connection.ts';
import { unpackNow } from '../http/compress.ts';
import { isWebPage, MAX_ANSWER_BYTES, type Answer } from '../http/post.ts';
import { isProxyRefusal, ProxyError } from '../http/proxy-error.ts';
import { askedPauseMs, type RateLimitRules } from '../http/rate-limits.ts';
import { isTrouble } from '../http/explain-status.ts';
import { kindOfStatus } from '../http/status-policy.ts';
import type { DeliveryFailure, Outcome } from './outcome.ts';
import {
  explainForeignAnswer,
  explainMissingAnswer,
  explainRedirect,
  explainStatus,
  type FailedDestination,
} from './explain-failure.ts';
import { shownWords } from './words-of-answer.ts';

/** What a backend decided about a request. */
export type Verdict =
  | {
      readonly kind: 'accepted';
      /** Spans it refused nevertheless: the partial success of OTLP. */
      readonly rejected: number;
      readonly refusal?: DeliveryFailure;
      readonly pauseMs: number;
    }
  | { readonly kind: 'failed'; readonly failure: DeliveryFailure; readonly pauseMs: number };

/** The destination as far as its answers are concerned. */
export interface AnsweringDestination extends FailedDestination, Pick<Destination, 'headers' | 'protocol'> {}

/** What reads answers in each format: the official serializers. They are handed over, because they load late. */
export type AnswerReaders = Readonly<Record<Protocol, Pick<typeof JsonTraceSerializer, 'deserializeResponse'>>>;

/** Sentry counts OTLP spans as `span` alone. Without a time in the answer to wait, waits grow as after any failure. */
const RATE_LIMITS: RateLimitRules = { categories: new Set(['span']), unsaidPauseMs: 0 };

/**
 * Reads the answer to an OTLP request.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-response which retries fewer: 408 and other server errors
 *   pass as well as 429, 502, 503 and 504 do, and what a 2xx that is no OTLP answer comes from never had the spans
 */
export function judgeAnswer(given: Answer, destination: AnsweringDestination, readers: AnswerReaders): Verdict {
  if (given.kind !== 'answered') return failed(failureWithoutAnswer(given, destination));
  const answer = unpacked(given);
  const pauseMs = askedPauseMs(answer, RATE_LIMITS, Date.now());
  const { status } = answer;
  if (kindOfStatus(status) !== 'accepted') return failed(failureOfStatus(answer, destination), pauseMs);
  if (isWebPage(given) && given.body.length > 0) return failed(foreign(status, true, destination), pauseMs);
  // What was accepted counts, also when the rest of the answer never comes or cannot be unpacked.
  if (!answer.isComplete) return { kind: 'accepted', rejected: 0, pauseMs };
  const response = readResponse(answer, destination.protocol, readers);
  if (response === undefined && answer.isDoubtful) return { kind: 'accepted', rejected: 0, pauseMs };
  if (response === undefined) return failed(foreign(status, false, destination), pauseMs);
  return { kind: 'accepted', ...partialSuccess(response, destination), pauseMs };
}

/** An answer as far as it could be unpacked. */
interface UnpackedAnswer extends Answered {
  /** Whether it says it is packed, and could not be unpacked: then it may be packed, or may say so falsely. */
  readonly isDoubtful: boolean;
}

/** What a gateway has packed although nobody asked for it. */
function unpacked(answer: Answered): UnpackedAnswer {
  const encodings = (answer.headers['content-encoding'] ?? '')
    .split(',')
    .map((encoding) => encoding.trim().toLowerCase())
    .filter((encoding) => encoding !== '' && encoding !== 'identity');
  let body: Uint8Array | undefined = encodings.length > MAX_ENCODINGS ? undefined : answer.body;
  // They are named in the order in which they were applied.
  for (const encoding of encodings.toReversed()) body &&= unpackNow(body, encoding, MAX_ANSWER_BYTES);
  return { ...answer, body: body ?? answer.body, isDoubtful: body === undefined };
}

/** Nobody packs more often, and each takes time. */
const MAX_ENCODINGS = 3;

/** What an answer means for the spans of its request, of which some could not be written into it. */
export function outcomeOf(verdict: Verdict, spans: readonly ReadableSpan[], unwritable: number): Outcome {
  const { pauseMs } = verdict;
  if (verdict.kind === 'failed') {
    const { failure: reason } = verdict;
    return reason.kind === 'refused'
      ? { rejected: spans.length, refusal: reason, pauseMs }
      : { undecided: spans, failure: reason, pauseMs };
  }
  const written = spans.length - unwritable;
  const refused = Math.min(verdict.rejected, written);
  return {
    accepted: written - refused,
    rejected: refused + unwritable,
    refusal: verdict.refusal ?? (unwritable > 0 ? UNWRITABLE : undefined),
    pauseMs,
  };
}

const UNWRITABLE: DeliveryFailure = {
  kind: 'refused',
  cause: 'unwritable',
  sentence:
    'they cannot be written as OTLP; look for attributes whose values are no strings, numbers, booleans or lists',
};

type Answered = Extract<Answer, { kind: 'answered' }>;

function failed(failure: DeliveryFailure, pauseMs = 0): Verdict {
  return { kind: 'failed', failure, pauseMs };
}

function failureWithoutAnswer(answer: Exclude<Answer, Answered>, destination: FailedDestination): DeliveryFailure {
  if (answer.kind === 'timeout') return passing(explainMissingAnswer('timeout', destination), true);
  const { error, wasKept = false } = answer;
  const explanation = explainMissingAnswer(error, destination);
  if (isProxyRefusal(error)) return failure('misconfigured', explanation);
  if (wasKept) return { kind: 'passing', ...explanation, mayHaveArrived: !neverArrived(error), wasKept };
  return passing(explanation, !neverArrived(error));
}

/** The connection was not made, so nothing went over it. */
const NOT_CONNECTED =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|EPROTO)$|^ERR_TLS|CERT|^UNABLE_TO_/;

function neverArrived(error: Error): boolean {
  if (error instanceof ProxyError) return error.problem.kind !== 'unreachable';
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' && NOT_CONNECTED.test(code);
}

function failureOfStatus(answer: Answered, destination: AnsweringDestination): DeliveryFailure {
  const { status, headers } = answer;
  const kind = kindOfStatus(status);
  if (kind === 'redirected') return failure('misconfigured', explainRedirect(status, headers.location, destination));
  const said = UNQUOTED.has(status) ? '' : shownWords(messageOf(answer), destination);
  const explanation = explainStatus(status, destination, said);
  if (kind === 'passing') return passing(explanation, false, isTrouble(status) && status !== 503);
  return failure(kind === 'too_large' || kind === 'misconfigured' ? kind : 'refused', explanation);
}

/** What is said of credentials may quote them; of a size enough is said. */
const UNQUOTED: ReadonlySet<number> = new Set([401, 402, 403, 407, 413]);

function foreign(status: number, isPage: boolean, destination: FailedDestination): DeliveryFailure {
  return passing(explainForeignAnswer(status, isPage, destination), false);
}

function passing(explanation: Explanation, mayHaveArrived: boolean, isFault = mayHaveArrived): DeliveryFailure {
  return { kind: 'passing', ...explanation, mayHaveArrived, ...(isFault ? { isFault } : undefined) };
}

function failure(kind: 'misconfigured' | 'refused' | 'too_large', explanation: Explanation): DeliveryFailure {
  return { kind, ...explanation };
}

interface Response {
  readonly rejected: number;
  readonly message: string;
}

/** What an ExportTraceServiceResponse says; `undefined` when the body is none. An empty body is an empty response. */
function readResponse({ body, headers }: Answered, asked: Protocol, readers: AnswerReaders): Response | undefined {
  if (body.length === 0) return { rejected: 0, message: '' };
  const protocol = formatOf(headers['content-type']) ?? asked;
  try {
    // The official reader takes what is no JSON for an empty response.
    if (protocol === 'http/json' && !isJsonObject(body)) return undefined;
    const { partialSuccess } = readers[protocol].deserializeResponse(body);
    const message: unknown = partialSuccess?.errorMessage;
    return { rejected: readCount(partialSuccess?.rejectedSpans), message: typeof message === 'string' ? message : '' };
  } catch {
    return undefined;
  }
}

/** Some backends answer in another format than they were asked in, and say so. */
function formatOf(contentType = ''): Protocol | undefined {
  if (/^\s*application\/json\b/i.test(contentType)) return 'http/json';
  return /^\s*application\/x-protobuf\b/i.test(contentType) ? 'http/protobuf' : undefined;
}

/** In JSON an int64 may be text. */
function readCount(value: unknown): number {
  const count = Number(value ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

function isJsonObject(body: Uint8Array): boolean {
  const value: unknown = JSON.parse(new TextDecoder().decode(body));
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Why a request failed, in the words of the backend: the `message` of a google.rpc.Status, which is its second field,
 * or the `detail` of Sentry.
 */
function messageOf({ body, headers }: Answered): string {
  try {
    if (formatOf(headers['content-type']) === 'http/protobuf') return readStatusMessage(body);
    const { message, detail }: { message?: unknown; detail?: unknown } = JSON.parse(new TextDecoder().decode(body));
    return [message, detail].find((text) => typeof text === 'string') ?? '';
  } catch {
    return '';
  }
}

const MESSAGE_TAG = 0x12;
const CODE_TAG = 0x08;

function readStatusMessage(body: Uint8Array): string {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; at < body.length; factor *= 0x80) {
      const byte = body[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    return value;
  };
  if (body[at] === CODE_TAG) {
    at += 1;
    varint();
  }
  if (body[at] !== MESSAGE_TAG) return '';
  at += 1;
  const length = varint();
  return new TextDecoder().decode(body.subarray(at, at + length));
}

function partialSuccess(
  { rejected, message }: Response,
  destination: AnsweringDestination,
): { readonly rejected: number; readonly refusal?: DeliveryFailure } {
  if (rejected === 0) return { rejected };
  const { host } = new URL(destination.url);
  const said = shownWords(message, destination);
  return {
    rejected,
    refusal: {
      kind: 'refused',
      cause: 'partial success',
      sentence: `${host} took the request without them${said === '' ? ' and did not say why' : `: ${said}`}`,
    },
  };
}
