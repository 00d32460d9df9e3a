import type { Redactor } from '../content/redactor.ts';
import type { LinkedError } from '../linked-errors.ts';
import type { SentryException, SentryFrame, SentryMechanism } from './sentry-event.ts';
import { parseFrames } from './stack-frames.ts';

/** How the error that was thrown came to be captured. */
export interface Mechanism {
  readonly type: string;
  readonly handled: boolean;
}

/** Longest mechanism type and source Relay stores. */
const MAX_TYPE = 128;
/** Longest function name and path Relay stores, in its own words `symbol` and `path`. */
const MAX_NAME = 256;

/**
 * The errors of a failure in Sentry's order: what was thrown last, and in front of it whatever it was linked
 * to. A thrown value without a stack has no stack here either.
 *
 * Ids count from the thrown error on, and tell whose cause or member each one is
 * (getsentry/rfcs 0079, and `aggregate-errors.ts` of getsentry/sentry-javascript).
 */
export function exceptionValues(
  linked: readonly LinkedError[],
  mechanism: Mechanism,
  redactor: Redactor,
): SentryException[] {
  return linked.map((error) => exceptionValue(error, linked, mechanism, redactor)).toReversed();
}

function exceptionValue(
  error: LinkedError,
  linked: readonly LinkedError[],
  mechanism: Mechanism,
  redactor: Redactor,
): SentryException {
  const frames = parseFrames(error.frames ?? []).map((frame) => safeFrame(frame, redactor));
  return {
    type: error.type,
    value: error.message,
    mechanism: mechanismOf(error, linked, mechanism),
    ...(frames.length === 0 ? undefined : { stacktrace: { frames } }),
  };
}

/** Paths and names of functions are texts of people, too: an address may hold a password. */
function safeFrame(frame: Readonly<SentryFrame>, redactor: Redactor): SentryFrame {
  const { function: name, filename, abs_path: path, module } = frame;
  const safe = { ...frame, function: safeName(name, redactor), filename: safeName(filename, redactor) };
  if (path !== undefined) safe.abs_path = safeName(path, redactor);
  if (module !== undefined) safe.module = safeName(module, redactor);
  return safe;
}

/** Cut when the secrets are out of it: of half a secret nothing tells what it is. */
function safeName(text: string, redactor: Redactor): string {
  const safe = redactor.label(text);
  return safe.length <= MAX_NAME ? safe : safe.slice(0, MAX_NAME).toWellFormed();
}

function mechanismOf(
  error: LinkedError,
  linked: readonly LinkedError[],
  { type, handled }: Mechanism,
): SentryMechanism {
  const { index, parentIndex } = error;
  const isGroup = error.type === 'AggregateError' || linked.some((other) => isMemberOf(other, index));
  return {
    type: parentIndex === undefined ? type.slice(0, MAX_TYPE) : 'chained',
    handled,
    exception_id: index,
    ...(parentIndex === undefined
      ? undefined
      : { parent_id: parentIndex, source: sourceOf(error, linked, parentIndex) }),
    ...(isGroup ? { is_exception_group: true } : undefined),
  };
}

/** The property of its parent an error was found in. */
function sourceOf(error: LinkedError, linked: readonly LinkedError[], parentIndex: number): string {
  if (error.relation !== 'member') return 'cause';
  const earlier = linked.filter((other) => other.index < error.index && isMemberOf(other, parentIndex));
  return `errors[${earlier.length}]`;
}

function isMemberOf({ relation, parentIndex }: LinkedError, index: number): boolean {
  return relation === 'member' && parentIndex === index;
}
