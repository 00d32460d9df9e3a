import { ownEntry } from '../config/records.ts';
import { guard } from '../guard.ts';
import { isAnyError } from './any-error.ts';
import { codeInCapitals, ownCode } from './error-code.ts';
import { safeText } from './error-message.ts';
import type { ContentPolicy, ErrorMessages } from './policy.ts';
import { withholdContent } from './withhold.ts';

/**
 * The property an error can answer for itself under: its message in words that hold no content, such as names,
 * numbers and places. Registered, so that a class can have it without importing anything.
 */
export const SAFE_MESSAGE: symbol = Symbol.for('faultline.safe_message');

/** What stands where a message was that may quote content. */
export const WITHHELD = '[message withheld]';

/** What was thrown, and what is known of it. */
export interface ThrownValue {
  readonly error: unknown;
  /** Class name. */
  readonly type: string;
  readonly message: string;
  /** HTTP status of a failure. */
  readonly status: number | undefined;
  /** What the message may quote and must not say. */
  readonly content?: (() => unknown) | undefined;
}

/**
 * What is sent of an error in place of its message.
 *
 * While content is not recorded an error message cannot be trusted: providers, parsers and tools quote what they
 * choked on, shortened and changed so that no search finds all of it. So by default only what is made of other
 * things than the message is sent: what an error says of itself under `SAFE_MESSAGE`, the meaning of its HTTP
 * status, its code, and messages of the platform that are known word for word.
 */
export function errorText(thrown: ThrownValue, policy: ContentPolicy): string {
  if (!isTrusted(thrown.type, policy.errorMessages)) return withoutMessage(thrown, policy);
  const { type, message, content } = thrown;
  const speaksForItself = ownText(thrown.error) !== undefined && (!policy.capturesAll || message === '');
  if (speaksForItself || (!policy.capturesAll && quotesRequest(thrown))) return withoutMessage(thrown, policy);
  const safe = genericText(type, message) ?? safeText(message, policy.redactor);
  return content === undefined ? safe : withholdContent(safe, content());
}

/**
 * What is sent of a message of which nothing is known but the class of its error, or not even that.
 *
 * @param near the HTTP status that stands near the message, if any: it may be that of something else
 */
export function messageText(message: string, type: string, policy: ContentPolicy, near?: unknown): string {
  const written = isListed(type, policy.errorMessages) ? undefined : statusWrittenIn(message);
  const status = ABOUT_THE_REQUEST.has(Number(near)) ? Number(near) : written;
  const thrown = { error: undefined, type, message, status: undefined };
  const quotes = status !== undefined && !policy.capturesAll;
  const text = quotes ? withoutMessage(thrown, policy) : errorText(thrown, policy);
  return text === WITHHELD && status !== undefined ? STATUS_TEXTS[status]! : text;
}

/** How the SDKs of providers begin a message about the request: with the status, maybe behind the name of the class. */
const WRITTEN_STATUS = /^(?:\w{1,64}: )?(400|413|422)(?=[ :]|$)/;

function statusWrittenIn(message: string): number | undefined {
  const status = WRITTEN_STATUS.exec(message)?.[1];
  return status === undefined ? undefined : Number(status);
}

function isTrusted(type: string, errorMessages: ErrorMessages): boolean {
  return errorMessages === 'redacted' || isListed(type, errorMessages);
}

/** Whether the application decided about the class: no reading of its messages overrules that. */
function isListed(type: string, errorMessages: ErrorMessages): boolean {
  return typeof errorMessages === 'object' && errorMessages.includes(type);
}

/** Statuses with which providers answer that they do not like the request, and quote it. */
const ABOUT_THE_REQUEST: ReadonlySet<number> = new Set([400, 413, 422]);

/** Whether the message is a provider's about the request, which holds the prompt. */
function quotesRequest({ type, status }: ThrownValue): boolean {
  return status === undefined ? type === 'AI_APICallError' : ABOUT_THE_REQUEST.has(status);
}

function withoutMessage(thrown: ThrownValue, policy: ContentPolicy): string {
  const own = ownText(thrown.error);
  if (own !== undefined) return safeText(own, policy.redactor);
  const { status, type, message, error } = thrown;
  const text =
    (status === undefined ? undefined : (STATUS_TEXTS[status] ?? `HTTP status ${status}`)) ??
    ownEntry(PLATFORM_TEXTS, type)?.(message) ??
    genericText(type, message) ??
    ownEntry(CLASS_TEXTS, type) ??
    systemText(error) ??
    WITHHELD;
  const code = errorCode(error);
  return code === undefined || text.includes(code) ? text : `${text} (${code})`;
}

/** What an error says of itself for the case that its message may not leave. */
function ownText(error: unknown): string | undefined {
  const text = property(error, SAFE_MESSAGE);
  return typeof text === 'string' ? text : undefined;
}

/** Reasons of RFC 9110 for the statuses an API answers with. */
const STATUS_TEXTS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** Messages of V8 and Node that are the same every time. */
const FIXED_TEXTS: ReadonlySet<string> = new Set([
  'Maximum call stack size exceeded',
  'Invalid array length',
  'Invalid string length',
  'Array buffer allocation failed',
  'Assignment to constant variable.',
  'Reduce of empty array with no initial value',
  'Invalid time value',
  'fetch failed',
  'terminated',
  'aborted',
  'Invalid URL',
  'This operation was aborted',
  'The operation was aborted',
  'The operation was aborted due to timeout',
  'All promises were rejected',
  'An error was suppressed during disposal',
  'An error was suppressed during disposal.',
]);

/** The parts of a message of V8 that do not depend on the program, for the classes it throws itself. */
const V8_TEXTS: readonly (readonly [pattern: RegExp, text: string])[] = [
  [/^Cannot read properties of undefined\b/, 'Cannot read properties of undefined'],
  [/^Cannot read properties of null\b/, 'Cannot read properties of null'],
  [/^Cannot set properties of undefined\b/, 'Cannot set properties of undefined'],
  [/^Cannot set properties of null\b/, 'Cannot set properties of null'],
  [/^Cannot destructure property\b/, 'Cannot destructure a property'],
  [/^Cannot access .{1,200} before initialization$/, 'Cannot access a variable before initialization'],
  [/^Cannot assign to read only property\b/, 'Cannot assign to a read only property'],
  [/^Converting circular structure to JSON\b/, 'Converting circular structure to JSON'],
  [/ is not a function(?: or its return value is not iterable)?$/, 'a value is not a function'],
  [/ is not a constructor$/, 'a value is not a constructor'],
  [/ is not iterable$/, 'a value is not iterable'],
  [/ is not defined$/, 'a variable is not defined'],
];

/** Longest message a pattern is tried on, in UTF-16 units. */
const MAX_PLATFORM_MESSAGE = 500;

function platformText(message: string): string | undefined {
  if (FIXED_TEXTS.has(message)) return message;
  if (message.length > MAX_PLATFORM_MESSAGE) return undefined;
  return V8_TEXTS.find(([pattern]) => pattern.test(message))?.[1];
}

const PLATFORM_TEXTS: Readonly<Record<string, (message: string) => string | undefined>> = {
  '': platformText,
  Error: platformText,
  TypeError: platformText,
  RangeError: platformText,
  ReferenceError: platformText,
  AbortError: () => 'This operation was aborted',
  TimeoutError: () => 'The operation timed out',
  AggregateError: platformText,
  SuppressedError: platformText,
};

/** What the errors of model SDKs say by their class alone. */
const CLASS_TEXTS: Readonly<Record<string, string>> = {
  AI_APICallError: 'the API call failed',
  AI_RetryError: 'all retries failed',
  AI_LoadAPIKeyError: 'the API key is missing',
  AI_NoSuchModelError: 'there is no such model',
  AI_NoSuchToolError: 'there is no such tool',
  AI_EmptyResponseBodyError: 'the response is empty',
  AI_InvalidResponseDataError: 'the response is not valid',
  AI_NoContentGeneratedError: 'no content was generated',
  AI_DownloadError: 'a download failed',
  APIConnectionError: 'the API could not be reached',
  APIConnectionTimeoutError: 'the API did not answer in time',
  APIUserAbortError: 'the request was aborted',
};

/**
 * Errors whose message quotes the value they choked on: a prompt, a completion or a tool argument. Only
 * the part before the value is kept.
 */
const QUOTES_ITS_INPUT: Readonly<Record<string, string>> = {
  AI_JSONParseError: 'JSON parsing failed',
  AI_TypeValidationError: 'Type validation failed',
  AI_InvalidPromptError: 'Invalid prompt',
  AI_InvalidArgumentError: 'Invalid argument',
  AI_NoObjectGeneratedError: 'No object generated',
  AI_InvalidToolInputError: 'Invalid tool input',
  SyntaxError: 'Syntax error',
  ZodError: 'Validation failed',
};

/** What an error of a class that quotes its input says without it, and of Zod's what kinds of issues they tell of. */
function genericText(type: string, message: string): string | undefined {
  const text = ownEntry(QUOTES_ITS_INPUT, type);
  return type === 'ZodError' ? `${text}${zodCodes(message)}` : text;
}

/** The kinds of issues Zod found, which are a closed list of its own; where it found them may be content. */
const ZOD_CODE = /"code":\s?"([a-z_]{1,40})"/g;

function zodCodes(message: string): string {
  const codes = [...message.slice(0, 10_000).matchAll(ZOD_CODE)].map(([, code]) => code!);
  const known = [...new Set(codes)].filter((code) => ZOD_CODES.has(code));
  return known.length === 0 ? '' : `: ${known.join(', ')}`;
}

const ZOD_CODES: ReadonlySet<string> = new Set([
  'invalid_type',
  'too_big',
  'too_small',
  'invalid_format',
  'not_multiple_of',
  'unrecognized_keys',
  'invalid_union',
  'invalid_key',
  'invalid_element',
  'invalid_value',
  'invalid_literal',
  'invalid_enum_value',
  'invalid_string',
  'invalid_date',
  'custom',
]);

/** Names of system calls, as Node writes them. */
const SYSTEM_CALL = /^[a-zA-Z_]{2,24}$/;

/** The failed system call; which file or host it was about is left out, because a tool may have been told it. */
function systemText(error: unknown): string | undefined {
  const call = property(error, 'syscall');
  const code = codeInCapitals(error);
  return typeof call === 'string' && SYSTEM_CALL.test(call) && code !== undefined ? `${call} ${code}` : undefined;
}

/** The code of an API, which is a word and no sentence. */
const API_CODE = /^[a-z][a-z0-9]{0,30}(?:[_.-][a-z0-9]{1,30}){0,6}$/i;
/** How far an error is followed along its causes. */
const MAX_CAUSES = 5;

/** The code of an error, its own or the one an API answered with, or that of a cause of it. */
function errorCode(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES && current !== undefined && current !== null; depth += 1) {
    const code = ownCode(current) ?? apiCode(current);
    if (code !== undefined) return code;
    // The AI SDK throws an error without a cause when it has tried again in vain.
    current = property(current, 'cause') ?? property(current, 'lastError');
  }
  return undefined;
}

/**
 * The code or type a model provider gave its error, in the answer as the AI SDK (`data.error`), OpenAI's SDK (`error`)
 * and Anthropic's (`error.error`) have it. What stands on an error itself anybody may have put there.
 */
function apiCode(error: unknown): string | undefined {
  const body = property(error, 'error');
  const places = [property(property(error, 'data'), 'error'), property(body, 'error'), body];
  for (const place of places) {
    if (isErrorItself(place)) continue;
    for (const name of ['code', 'type', 'status']) {
      const code = property(place, name);
      if (typeof code === 'string' && code !== 'error' && API_CODE.test(code)) return code;
    }
  }
  return undefined;
}

/** Whether an error stands where an answer would, such as the one a `SuppressedError` tells of. */
function isErrorItself(place: unknown): boolean {
  return typeof place === 'object' && place !== null && guard(() => isAnyError(place)) !== false;
}

/** A property of anything, also of what has none or throws when asked. */
function property(value: unknown, key: PropertyKey): unknown {
  return guard(() => (value as Record<PropertyKey, unknown> | null | undefined)?.[key]);
}
