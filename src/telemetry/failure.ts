import { SpanStatusCode, type Span } from '@opentelemetry/api';

import { safeErrorMessage } from './content/error-message.ts';
import { ERROR_TYPE, FAULTLINE_FAILURE_POINT } from './semconv.ts';

/** The five places where an agent fails, in the order a run can meet them. */
export const FAILURE_POINTS = [
  'conversation.unhandled',
  'transport.crash',
  'model.fallback_exhausted',
  'tool.execution',
  'memory.search',
] as const;

export type FailurePoint = (typeof FAILURE_POINTS)[number];

/** A thrown value, narrowed once into what may leave the process. */
export interface FailureDescription {
  /** Class name of the error, never its `code`: the SDK's own `recordException` prefers the code. */
  readonly type: string;
  readonly message: string;
  /** Stack of the error and of everything that caused it; empty for a thrown value that has none. */
  readonly stack: string;
}

/** Longest stack that is recorded, causes included, in UTF-16 units. */
const MAX_STACK_LENGTH = 16_384;
/** Most errors followed along `cause` and `errors`. */
const MAX_LINKED_ERRORS = 10;
const MAX_TYPE_LENGTH = 120;

/** Describes any thrown value, also one whose properties throw. */
function describeFailure(error: unknown): FailureDescription {
  try {
    const type = errorType(error);
    return { type, message: messageOf(error, type), stack: stackWithCauses(error) };
  } catch {
    return { type: 'Error', message: 'the thrown value could not be read', stack: '' };
  }
}

/**
 * `error.type` of a thrown value: its class name, or the JavaScript type of what is not an error. Errors
 * of classes that never set `name` are known by their constructor.
 */
export function errorType(error: unknown): string {
  try {
    if (typeof error !== 'object' || error === null) return error === null ? 'null' : typeof error;
    const { name } = error as { name?: unknown };
    const constructorName = (error.constructor as { name?: unknown } | undefined)?.name;
    const type = typeof name === 'string' && name !== '' && name !== 'Error' ? name : constructorName;
    return typeof type === 'string' && type !== '' ? type.slice(0, MAX_TYPE_LENGTH) : 'Error';
  } catch {
    return 'Error';
  }
}

/** `error.type` of a failed model call: the HTTP status when the provider answered with one. */
export function modelErrorType(error: unknown): string {
  return httpStatus(error) ?? errorType(error);
}

function httpStatus(error: unknown): string | undefined {
  try {
    const { statusCode, status } = Object(error) as { statusCode?: unknown; status?: unknown };
    return [statusCode, status].find(isFailureStatus)?.toString();
  } catch {
    return undefined;
  }
}

/** Providers also report 200 with an unreadable body; only a status that is a failure names one. */
function isFailureStatus(value: unknown): value is number {
  return typeof value === 'number' && value >= 400 && value <= 599;
}

function messageOf(error: unknown, type: string): string {
  const message = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error;
  // A thrown object without a message is never serialised: it may hold the whole request.
  return typeof message === 'string' ? safeErrorMessage(type, message) : 'no message';
}

/** The stack of an error followed by the stacks of its causes and members, each error once. */
function stackWithCauses(error: unknown): string {
  const seen = new Set<unknown>();
  const parts: string[] = [];
  const visit = (value: unknown, relation: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value) || seen.size >= MAX_LINKED_ERRORS) return;
    seen.add(value);
    const type = errorType(value);
    const { cause, errors, stack } = value as { cause?: unknown; errors?: unknown; stack?: unknown };
    if (typeof stack === 'string' || relation !== '') {
      parts.push(`${relation}${type}: ${messageOf(value, type)}${framesOf(stack)}`);
    }
    visit(cause, 'Caused by: ');
    if (Array.isArray(errors)) for (const member of errors) visit(member, 'With: ');
  };
  visit(error, '');
  return parts.join('\n').slice(0, MAX_STACK_LENGTH);
}

/** The frames of a stack without its first lines, which repeat the message as it was thrown. */
function framesOf(stack: unknown): string {
  if (typeof stack !== 'string') return '';
  const frames = stack.split('\n', 100).filter((line) => line.startsWith('    at '));
  return frames.length === 0 ? '' : `\n${frames.join('\n')}`;
}

/** Failures that were recorded already, so that an error that crosses several spans is recorded once. */
interface Recorded {
  point?: FailurePoint;
}

const recordedErrors = new WeakMap<object, Recorded>();

/** What was recorded of this error before. Only objects have an identity to be known by. */
function recordOf(error: unknown): Recorded | undefined {
  return typeof error === 'object' && error !== null ? recordedErrors.get(error) : undefined;
}

/** How one span failed. */
export interface SpanFailure {
  readonly error: unknown;
  /** `error.type` when it differs from the class name. */
  readonly errorType?: string;
  readonly point?: FailurePoint;
  /** The same value was recorded on a span inside this one. */
  readonly alreadyRecorded?: boolean;
}

/** What recording a failure did: `first` when no span had recorded this error before. */
export interface RecordedFailure {
  readonly first: boolean;
  /** The failure point, when this span is the one that gives it to the error. */
  readonly point?: FailurePoint;
  readonly description: FailureDescription;
}

/**
 * Marks a span failed: ERROR status and `error.type` on every span the error crosses, the exception event
 * on the innermost one only, and the failure point on the innermost span that has one.
 *
 * Recording an exception more than once is what the conventions advise against
 * (semantic-conventions, docs/general/recording-errors.md).
 */
export function recordSpanFailure(span: Span, failure: SpanFailure): RecordedFailure {
  const description = describeFailure(failure.error);
  const known = recordOf(failure.error);
  const first = known === undefined && failure.alreadyRecorded !== true;
  span.setStatus({ code: SpanStatusCode.ERROR, message: description.message });
  span.setAttribute(ERROR_TYPE, failure.errorType ?? description.type);
  if (first) {
    const { type: name, message, stack } = description;
    span.recordException(stack === '' ? { name, message } : { name, message, stack });
  }
  const point = known?.point === undefined ? failure.point : undefined;
  if (point !== undefined) span.setAttribute(FAULTLINE_FAILURE_POINT, point);
  remember(failure.error, known, point);
  return point === undefined ? { first, description } : { first, point, description };
}

function remember(error: unknown, known: Recorded | undefined, point: FailurePoint | undefined): void {
  if (known !== undefined) {
    if (point !== undefined) known.point = point;
  } else if (typeof error === 'object' && error !== null) {
    recordedErrors.set(error, point === undefined ? {} : { point });
  }
}
