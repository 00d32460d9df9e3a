import { isAnyError } from './content/any-error.ts';
import { errorText } from './content/error-text.ts';
import { latePattern } from './content/late-pattern.ts';
import type { ContentPolicy } from './content/policy.ts';
import { afterMessage, stackLines } from './content/stack-lines.ts';
import { guard } from './guard.ts';
import { isObject } from './recorded-failures.ts';
import { acrossCopies } from './across-copies.ts';

/** One of the errors a failure consists of: the one that was thrown, what caused it, or a member of a group. */
export interface LinkedError {
  /** Class name of the error without secrets, never its `code`: the SDK's own `recordException` prefers the code. */
  readonly type: string;
  /** What may be sent of it: without secrets, cut to length, and without what may be content. */
  readonly message: string;
  /** The lines of the frames of its stack, newest call first; absent when it has no stack. */
  readonly frames: readonly string[] | undefined;
  readonly relation: 'itself' | 'cause' | 'member';
  readonly index: number;
  /** Index of the error this one was found on. */
  readonly parentIndex?: number;
}

/** Most errors followed along `cause` and `errors`. */
const MAX_LINKED_ERRORS = 10;
/** Most members that are read of the first group: all attempts of an exhausted chain are one failure. */
const MAX_MEMBERS = 50;
/** Most members that are looked at: a list says that it is as long as it likes. */
const MAX_LISTED = 1_000;
/** Longest class name. */
const MAX_TYPE_LENGTH = 120;

/**
 * Errors as they were first read, which holds from then on. Of what their messages may quote the innermost span knows,
 * and the spans around it do not. And V8 writes a stack down when it is first read, with the message of that moment: of
 * an error whose message is shortened later, nothing would tell its frames from those the message had quoted.
 */
const firstReadings = acrossCopies('first-readings', () => new WeakMap<object, Reading>());

type Reading = Pick<LinkedError, 'message' | 'frames'>;

/** By what caused it, the error that was read last. */
const lastCaused = acrossCopies('last-caused', () => new WeakMap<object, object>());

/**
 * Reads a thrown value, its causes and the members of its groups, each once. Never throws, also for values
 * whose properties do.
 *
 * @param policy what may be sent of a message
 * @param content what the messages may quote and must not say
 */
export function linkedErrors(error: unknown, policy: ContentPolicy, content?: () => unknown): readonly LinkedError[] {
  const linked: LinkedError[] = [];
  const all = errorsIn(error);
  for (const { error: found, ...link } of all) {
    if (link.relation === 'cause') lastCaused.set(found as object, all[link.parentIndex!]!.error as object);
    const type = errorType(found);
    const { message, frames } = firstReading(found, type, policy, content);
    linked.push({ ...link, index: linked.length, type: policy.secretsRedactor.text(type), message, frames });
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
export function causesAndMembersOf(whole: unknown): ReadonlySet<unknown> {
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

/**
 * What an error was before it was handed on, in the first place and in between: H3, Nitro, tRPC and GraphQL make one of
 * their own of what was thrown, with its very stack, and with that as its cause, as its original error (GraphQL 16), or
 * with the cause that had (H3 1).
 */
export function originalsOf(error: unknown): readonly unknown[] {
  const originals = guard(() => {
    const { stack, constructor, originalError } = error as Error & { readonly originalError?: unknown };
    if (typeof stack !== 'string' || stack === '') return [];
    const isSame = (other: unknown): boolean => isObject(other) && (other as { stack?: unknown }).stack === stack;
    // A service that caches what failed causes errors of one class at one place again and again.
    const isOther = (other: unknown): boolean => isSame(other) && (other as object).constructor !== constructor;
    const causes = [...causesAndMembersOf(error)];
    const caused = causes.map((cause) => lastCaused.get(cause as object));
    return [...[originalError].filter(isSame), ...[...causes, ...caused].filter(isOther)];
  });
  return originals ?? [];
}

/** The errors a group has as its members, and not what else it lists. */
export function membersOf(error: unknown): readonly unknown[] {
  return (isObject(error) ? linksOf(error).members : undefined) ?? [];
}

interface ErrorLinks {
  readonly cause?: unknown;
  readonly members?: readonly unknown[];
}

/**
 * What links an error to others. Reading it may run code of the application, and fail. What validators and GraphQL
 * clients list under `errors` are mostly descriptions, and no errors.
 */
function linksOf(value: object): ErrorLinks {
  try {
    const { cause, errors } = value as Readonly<Record<string, unknown>>;
    const listed = Array.isArray(errors) ? (errors.slice(0, MAX_LISTED) as unknown[]) : disposedWith(value);
    return { cause: isError(cause) ? cause : undefined, members: listed.filter(isError) };
  } catch {
    return {};
  }
}

/** What a `SuppressedError` tells of: what was thrown in the scope of a `using`, and at its end. */
function disposedWith(value: { readonly suppressed?: unknown; readonly error?: unknown }): readonly unknown[] {
  return 'suppressed' in value ? [value.suppressed, value.error] : [];
}

/** Whether a value is an error, also of another realm, or has at least a stack as one. */
export function isError(value: unknown): boolean {
  if (!isObject(value)) return false;
  return guard(() => isAnyError(value) || typeof (value as { readonly stack?: unknown }).stack === 'string') === true;
}

function firstReading(
  error: unknown,
  type: string,
  policy: ContentPolicy,
  content: (() => unknown) | undefined,
): Reading {
  if (!isObject(error)) return { frames: undefined, message: readMessage(error, type, policy, content) };
  let reading = firstReadings.get(error);
  if (reading === undefined) {
    reading = { frames: readFrames(error), message: readMessage(error, type, policy, content) };
    firstReadings.set(error, reading);
  }
  return reading;
}

function readFrames(error: object): readonly string[] | undefined {
  return guard(() => {
    const { stack, message } = error as Readonly<Record<string, unknown>>;
    return typeof stack === 'string' ? stackLines(afterMessage(stack, message)) : undefined;
  });
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
    return isClassName(type) ? type : 'Error';
  } catch {
    return 'Error';
  }
}

/** A name is one word; what is longer or has spaces in it is a message that somebody put in its place. */
function isClassName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= MAX_TYPE_LENGTH && className().test(name);
}

const className = latePattern(String.raw`^[\p{L}_$][^\s"'\x60]*$`, 'u');

/** `error.type` of a failed model call: the HTTP status when the provider answered with one. */
export function modelErrorType(error: unknown): string {
  return httpStatus(error)?.toString() ?? errorType(error);
}

/**
 * The HTTP status an error stands for, when it is one of a failure. Most SDKs have it on the error, Ollama's under a
 * name of its own, the AWS SDK in what it says of the answer, clients such as ky and got in the answer alone, the AI SDK
 * on the last error of those it has tried again after, and LangChain's middleware on the error whose message it repeats.
 */
export function httpStatus(error: unknown): number | undefined {
  for (const statusAt of PLACES_OF_STATUS) {
    const status = guard(() => statusAt(Object(error) as StatusPlaces));
    if (isFailureStatus(status)) return status;
  }
  return undefined;
}

/** Asked one after another: a property of a class of the application's may do something, or throw. */
const PLACES_OF_STATUS: readonly ((error: StatusPlaces) => unknown)[] = [
  ({ statusCode }) => statusCode,
  ({ status }) => status,
  ({ status_code: ofOllama }) => ofOllama,
  ({ $metadata }) => $metadata?.httpStatusCode,
  ({ response }) => response?.status,
  ({ response }) => response?.statusCode,
  ({ lastError }) => lastError?.statusCode,
  ({ '~brand': brand, cause }) => (brand === 'MiddlewareError' ? httpStatus(cause) : undefined),
];

interface StatusPlaces {
  readonly statusCode?: unknown;
  readonly status?: unknown;
  readonly status_code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: unknown } | null;
  readonly response?: { readonly status?: unknown; readonly statusCode?: unknown } | null;
  readonly lastError?: { readonly statusCode?: unknown } | null;
  readonly '~brand'?: unknown;
  readonly cause?: unknown;
}

/** Providers also report 200 with an unreadable body; only a status that is a failure names one. */
function isFailureStatus(value: unknown): value is number {
  return typeof value === 'number' && value >= 400 && value <= 599;
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
