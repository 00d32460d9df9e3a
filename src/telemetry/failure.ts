import { SpanStatusCode, type Span } from '@opentelemetry/api';

import { cutBetweenWords } from './content/cut.ts';
import { errorText } from './content/error-text.ts';
import { latePattern } from './content/late-pattern.ts';
import { strictPolicy, type ContentPolicy } from './content/policy.ts';
import type { Redactor } from './content/redactor.ts';
import { seal } from './content/seal.ts';
import { afterMessage, stackLines } from './content/stack-lines.ts';
import {
  isObject,
  recordedFailure,
  rememberFailure,
  type FailurePlace,
  type RecordedFailure,
} from './recorded-failures.ts';
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

/** Points a run goes on from: the model is told, and may do without. */
const RECOVERABLE: ReadonlySet<FailurePoint | undefined> = new Set(['tool.execution', 'memory.search'] as const);

/** Whether a failure at a point is taken for handled until something else is known. */
export function isRecoverable(point: FailurePoint | undefined): boolean {
  return RECOVERABLE.has(point);
}

/** How much a failure matters, in Sentry's words. */
export type Level = 'fatal' | 'error' | 'warning' | 'info' | 'debug';

/** One step of a run, kept to tell how it came to a failure. */
export interface Breadcrumb {
  /** Epoch milliseconds. Absent where nobody asked the clock: in a trace that is not sampled, of what went well. */
  readonly timestampMs?: number;
  readonly type?: string;
  readonly category: string;
  readonly message?: string;
  readonly level?: Level;
  readonly data?: Readonly<Record<string, string | number | boolean>>;
}

/** Where and in which run something was captured. */
export interface Captured {
  /** Epoch milliseconds. */
  readonly occurredAtMs: number;
  readonly level: Level;
  /** The span it happened in. */
  readonly trace?: {
    readonly traceId: string;
    readonly spanId: string;
    readonly parentSpanId?: string;
    readonly op?: string;
    readonly status?: 'internal_error';
  };
  /** Name of the agent span of the run. */
  readonly transaction?: string;
  /** What may be sent of it. Absent where no run has decided: then what holds for the process. */
  readonly policy?: ContentPolicy;
  readonly tags: Readonly<Record<string, string>>;
  /** What may be sent of the user; e-mail, name and address are there only when they may. */
  readonly user?: {
    readonly id?: string;
    readonly email?: string;
    readonly username?: string;
    readonly ip_address?: string;
  };
  readonly contexts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Oldest first. */
  readonly breadcrumbs: readonly Breadcrumb[];
}

/** A failure with everything that is known of it when it happens. */
export interface CapturedFailure extends Captured {
  /** Never serialised: errors of model SDKs carry the whole prompt. `linkedErrors` reads what may be sent. */
  readonly error: unknown;
  /** The message of a thrown value that is no object, as it may be sent. */
  readonly safeMessage?: string;
  /** Absent for an error the application captured by itself. */
  readonly point?: FailurePoint;
  /** Whether the run went on. */
  readonly handled: boolean;
  /** What caught it, such as `faultline.tool.execution`. */
  readonly mechanism: string;
  /** Id of the span of the outermost agent of its run. Absent outside of runs. */
  readonly run?: string;
}

/** A sentence the application captured. */
export interface CapturedMessage extends Captured {
  readonly message: string;
}

/** One of the errors a failure consists of: the one that was thrown, what caused it, or a member of a group. */
export interface LinkedError {
  /** Class name of the error without secrets, never its `code`: the SDK's own `recordException` prefers the code. */
  readonly type: string;
  /** What may be sent of it: without secrets, cut to length, and without what may be content. */
  readonly message: string;
  /** The stack as V8 wrote it, from behind the message; absent when there is none. */
  readonly stack: string | undefined;
  readonly relation: 'itself' | 'cause' | 'member';
  readonly index: number;
  /** Index of the error this one was found on. */
  readonly parentIndex?: number;
}

/** Longest stack that is recorded, causes included, in UTF-16 units. */
const MAX_STACK_LENGTH = 16_384;
/** Most errors followed along `cause` and `errors`. */
const MAX_LINKED_ERRORS = 10;
/** Most members that are read of the first group: all attempts of an exhausted chain are one failure. */
const MAX_MEMBERS = 50;
/** Most members that are looked at: a list says that it is as long as it likes. */
const MAX_LISTED = 1_000;
const MAX_TYPE_LENGTH = 120;

/**
 * Messages that were made safe. The innermost span knows the content an error may quote, the spans around it
 * do not, so the first reading holds for all of them.
 */
const safeMessages = new WeakMap<object, string>();

/**
 * The frames of stacks as they were first read, which V8 writes down then, with the message of that moment. Of an error
 * whose message is shortened later, nothing would tell them from frames the message had quoted.
 */
const firstStacks = new WeakMap<object, string | undefined>();

/**
 * Reads a thrown value, its causes and the members of its groups, each once. Never throws, also for values
 * whose properties do.
 *
 * @param policy what may be sent of a message; by default nothing that may be content
 * @param content what the messages may quote and must not say
 */
export function linkedErrors(
  error: unknown,
  policy: ContentPolicy = strictPolicy(),
  content?: () => unknown,
): readonly LinkedError[] {
  const linked: LinkedError[] = [];
  for (const { error: found, ...link } of errorsIn(error)) {
    const type = errorType(found);
    const stack = isObject(found) ? stackOf(found) : undefined;
    const message = messageOf(found, type, policy, content);
    linked.push({ ...link, index: linked.length, type: policy.secretsRedactor.text(type), message, stack });
  }
  return linked;
}

/** The causes and members of an error that are told together with it, and no others. */
export function toldWith(error: unknown): ReadonlySet<unknown> {
  const [, ...others] = errorsIn(error);
  return new Set(others.map(({ error: other }) => other));
}

/** An error, and as many of those it is linked to as are told of it. */
function errorsIn(error: unknown): readonly FoundError[] {
  const told: FoundError[] = [];
  const seen = new Set<unknown>();
  const waiting: FoundError[] = [{ error, relation: 'itself' }];
  let most = MAX_LINKED_ERRORS;
  let hasGroup = false;
  // Breadth first, members before causes: all attempts of an exhausted chain come before what lies behind one.
  for (const link of waiting) {
    const { error: found } = link;
    if (told.length >= most) break;
    if (seen.has(found) || (link.relation !== 'itself' && !isObject(found))) continue;
    seen.add(found);
    const parentIndex = told.length;
    told.push(link);
    const { cause, members = [] } = isObject(found) ? linksOf(found) : {};
    const isFirstGroup: boolean = !hasGroup && members.length > 0;
    hasGroup ||= isFirstGroup;
    const taken = members.slice(0, isFirstGroup ? MAX_MEMBERS : MAX_LINKED_ERRORS);
    // What was found before, all its members and its cause.
    if (isFirstGroup) most = Math.max(most, waiting.length + taken.length + 1);
    for (const member of taken) waiting.push({ error: member, relation: 'member', parentIndex });
    waiting.push({ error: cause, relation: 'cause', parentIndex });
  }
  return told;
}

/** An error that was found on another one. */
interface FoundError extends Pick<LinkedError, 'relation' | 'parentIndex'> {
  readonly error: unknown;
}

/** The causes and members of an error, and theirs, also those there is no room to tell of. */
export function partsOf(whole: unknown): ReadonlySet<unknown> {
  const parts = new Set<unknown>();
  const seen = new Set<unknown>();
  const waiting: unknown[] = [whole];
  for (const error of waiting) {
    if (seen.size > MAX_MEMBERS) break;
    if (!isObject(error) || seen.has(error)) continue;
    seen.add(error);
    const { cause, members = [] } = linksOf(error);
    for (const part of [...members, cause]) {
      if (part === undefined) continue;
      parts.add(part);
      waiting.push(part);
    }
  }
  return parts;
}

interface ErrorLinks {
  readonly cause?: unknown;
  readonly members?: readonly unknown[];
}

/** What links an error to others. Reading it may run code of the application, and fail. */
function linksOf(value: object): ErrorLinks {
  try {
    const { cause, errors } = value as Readonly<Record<string, unknown>>;
    return { cause, members: Array.isArray(errors) ? (errors.slice(0, MAX_LISTED) as unknown[]) : [] };
  } catch {
    return {};
  }
}

function stackOf(error: object): string | undefined {
  if (firstStacks.has(error)) return firstStacks.get(error);
  const stack = readStack(error);
  firstStacks.set(error, stack);
  return stack;
}

function readStack(error: object): string | undefined {
  try {
    const { stack, message } = error as Readonly<Record<string, unknown>>;
    return typeof stack === 'string' ? afterMessage(stack, message) : undefined;
  } catch {
    return undefined;
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
    const type = isClassName(name) && name !== 'Error' ? name : constructorName;
    return isClassName(type) ? type.slice(0, MAX_TYPE_LENGTH) : 'Error';
  } catch {
    return 'Error';
  }
}

/** A name is one word; what has spaces in it is a message that somebody put in its place. */
function isClassName(name: unknown): name is string {
  return typeof name === 'string' && className().test(name);
}

const className = latePattern(String.raw`^[\p{L}_$][^\s"'\x60]*$`, 'u');

/** `error.type` of a failed model call: the HTTP status when the provider answered with one. */
export function modelErrorType(error: unknown): string {
  return httpStatus(error)?.toString() ?? errorType(error);
}

/** The HTTP status an error stands for, when it is one of a failure. */
export function httpStatus(error: unknown): number | undefined {
  try {
    const { statusCode, status } = Object(error) as { statusCode?: unknown; status?: unknown };
    return [statusCode, status].find(isFailureStatus);
  } catch {
    return undefined;
  }
}

/** Providers also report 200 with an unreadable body; only a status that is a failure names one. */
function isFailureStatus(value: unknown): value is number {
  return typeof value === 'number' && value >= 400 && value <= 599;
}

function messageOf(error: unknown, type: string, policy: ContentPolicy, content: (() => unknown) | undefined): string {
  const known = isObject(error) ? safeMessages.get(error) : undefined;
  if (known !== undefined) return known;
  const message = readMessage(error, type, policy, content);
  if (isObject(error)) safeMessages.set(error, message);
  return message;
}

function readMessage(
  error: unknown,
  type: string,
  policy: ContentPolicy,
  content: (() => unknown) | undefined,
): string {
  try {
    const message = thrownMessage(error);
    // A thrown object without a message is never serialised: it may hold the whole request.
    if (message === undefined) return 'no message';
    return errorText({ error, type, message, status: httpStatus(error), content }, policy);
  } catch {
    return 'the message could not be read';
  }
}

/** The message of a thrown value as it is: for decisions inside the process, never to be sent. */
export function thrownMessage(error: unknown): string | undefined {
  const message = isObject(error) ? (error as { message?: unknown }).message : error;
  return typeof message === 'string' ? message : undefined;
}

/** The stacks of linked errors as one text, in the form Node prints causes in. Empty when there is none. */
function stacktrace(linked: readonly LinkedError[], { secretsRedactor }: ContentPolicy): string {
  if (linked.length === 1 && linked[0]!.stack === undefined) return '';
  let text = '';
  for (const { type, message, stack, relation } of linked) {
    if (text.length > MAX_STACK_LENGTH) break;
    const heading = relation === 'itself' ? '' : relation === 'cause' ? '\nCaused by: ' : '\nWith: ';
    text += `${heading}${type}: ${message}${framesOf(stack, secretsRedactor)}`;
  }
  return text.slice(0, MAX_STACK_LENGTH);
}

/** The frames of a stack without its first lines, which repeat the message as it was thrown. */
function framesOf(stack: string | undefined, redactor: Redactor): string {
  const frames = stack === undefined ? '' : stackLines(stack).join('\n');
  return frames === '' ? '' : `\n${redactor.text(cutBetweenWords(frames, MAX_STACK_LENGTH))}`;
}

/** How one span failed. */
export interface SpanFailure {
  readonly error: unknown;
  /** `error.type` when it differs from the class name. */
  readonly errorType?: string;
  readonly point?: FailurePoint;
  readonly place: FailurePlace;
  /** Whether it ends what it happens in: a whole run, or a transport. */
  readonly isEnd: boolean;
  /** What is known of it, when that was recorded at another place. */
  readonly known?: RecordedFailure | undefined;
  /** What the error may quote and the span must not say. Called only to read the message. */
  readonly content?: (() => unknown) | undefined;
  /** What may be sent of the message. */
  readonly policy: ContentPolicy;
}

/**
 * Marks a span failed: ERROR status and `error.type` on every span the error crosses, the exception event
 * on the innermost one only, and the failure point on the innermost span that has one.
 *
 * Recording an exception more than once is what the conventions advise against
 * (semantic-conventions, docs/general/recording-errors.md). Answers the message that is recorded, and whether the
 * failure is to become an Issue: this span is the one that gave it its failure point, and nobody has captured it.
 */
export function recordSpanFailure(
  span: Span,
  failure: SpanFailure,
): { readonly message: string; readonly isNew: boolean } {
  const { error, policy, content, place } = failure;
  const known = failure.known ?? recordedFailure(error, place);
  const linked = linkedErrors(error, policy, content);
  const { type: name } = linked[0]!;
  const message = known?.message ?? linked[0]!.message;
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  seal(span, message);
  seal(span, name);
  span.setAttribute(ERROR_TYPE, failure.errorType ?? name);
  if (known?.isOnSpan !== true) {
    const stack = stacktrace(linked, policy);
    seal(span, stack);
    span.recordException(stack === '' ? { name, message } : { name, message, stack });
  }
  const isPoint = known?.point === undefined && failure.point !== undefined;
  if (isPoint) span.setAttribute(FAULTLINE_FAILURE_POINT, failure.point);
  const point = known?.point ?? failure.point;
  const isCaptured = known?.isCaptured === true;
  const isSurvived = !failure.isEnd && known?.isSurvived !== false && (place.run !== undefined || isRecoverable(point));
  const recorded = { message, isOnSpan: true, isCaptured, isSurvived };
  rememberFailure(error, place, point === undefined ? recorded : { ...recorded, point });
  return { message, isNew: isPoint && !isCaptured };
}
