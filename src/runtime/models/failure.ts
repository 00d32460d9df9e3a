/** The one description of a failed model call. */
import { httpStatus, modelErrorType } from '../../telemetry/linked-errors.ts';
import { defined } from '../defined.ts';
import { codeOf } from '../error-code.ts';
import { ModelResponseError, ModelTimeoutError } from '../errors.ts';
import { property } from '../fields.ts';

/** All that retrying and falling back need to know about a failed model call. */
export interface ModelFailure {
  readonly error: unknown;
  readonly kind: ModelFailureKind;
  /** The HTTP status, when it is one of a failure. */
  readonly status?: number;
  /** Whether the same request may well succeed on the same model. */
  readonly retryable: boolean;
  /** How long the provider asks to be left alone. */
  readonly retryAfterMs?: number;
  /** Class or status, fit for an event or an attribute. Never a message: those can quote prompts and keys. */
  readonly reason: string;
}

/**
 * `http`: an error status. `network`: no answer, or half of one. `timeout`: too slow. `response`: an answer
 * that is none. `caller`: the request itself is at fault, on any model. `other`: anything else.
 */
export type ModelFailureKind = 'http' | 'network' | 'timeout' | 'response' | 'caller' | 'other';

/** Describes what a model call failed with. Whether the run was aborted is not in the error: ask the signal. */
export function describeModelFailure(error: unknown, now: number): ModelFailure {
  const status = httpStatus(error);
  const kind = failureKind(error, status);
  const retryAfterMs = readRetryAfter(error, now);
  return {
    error,
    kind,
    retryable: isRetryable(error, kind, status),
    reason: modelErrorType(error),
    ...defined({ status, retryAfterMs }),
  };
}

/** AI SDK errors carry a registered symbol per class, so they are known without importing the class. */
export function isAiSdkError(error: unknown, name: string): boolean {
  return property(error, Symbol.for(`vercel.ai.error.${name}`)) === true;
}

const CALLER_MISTAKES = ['AI_InvalidPromptError', 'AI_InvalidArgumentError', 'AI_TypeValidationError'] as const;

/** Codes of Node's sockets and of undici, on the error itself or on a cause of it. */
const NETWORK_CODE = /^(?:E(?:CONN|HOST|NET|PIPE|TIMEDOUT|AI_|NOTFOUND)|UND_ERR_)/;

function failureKind(error: unknown, status: number | undefined): ModelFailureKind {
  if (error instanceof ModelTimeoutError) return 'timeout';
  if (error instanceof ModelResponseError) return error.kind === 'cut' ? 'network' : 'response';
  if (status !== undefined) return 'http';
  if (CALLER_MISTAKES.some((name) => isAiSdkError(error, name))) return 'caller';
  if (isNetworkFailure(error)) return 'network';
  switch (property(error, 'name')) {
    case 'TimeoutError':
      return 'timeout';
    case 'AbortError':
      // Not by us, so by something between us and the model.
      return 'network';
    default:
      return isAiSdkError(error, 'AI_APICallError') || isAiSdkError(error, 'AI_InvalidResponseDataError')
        ? 'response'
        : 'other';
  }
}

function isNetworkFailure(error: unknown): boolean {
  // A provider that never got an answer, or lost it on the way, says so by asking for a retry without an
  // error status. A body it could not read is not retryable.
  if (isAiSdkError(error, 'AI_APICallError') && property(error, 'isRetryable') === true) return true;
  return codeOf(error, NETWORK_CODE) !== undefined;
}

function isRetryable(error: unknown, kind: ModelFailureKind, status: number | undefined): boolean {
  if (kind === 'network' || kind === 'timeout') return true;
  if (status === undefined) return false;
  // A provider package knows its vendor's exceptions to the rule.
  const ownWord = property(error, 'isRetryable');
  if (typeof ownWord === 'boolean') return ownWord;
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date. */
function readRetryAfter(error: unknown, now: number): number | undefined {
  const headers = property(error, 'responseHeaders');
  const milliseconds = Number.parseFloat(String(property(headers, 'retry-after-ms')));
  if (milliseconds >= 0) return milliseconds;
  const value = property(headers, 'retry-after');
  if (typeof value !== 'string') return undefined;
  const seconds = Number(value);
  const delayMs = Number.isNaN(seconds) ? Date.parse(value) - now : seconds * 1000;
  return Number.isNaN(delayMs) ? undefined : Math.max(0, delayMs);
}
