import { errorType, httpStatus, thrownMessage } from '../failure.ts';

/**
 * What an error is: an `issue` somebody should look at, or `operational`, which is part of the business
 * (invalid input, not found, not allowed) and stays a status on its span.
 */
export type ErrorClass = 'issue' | 'operational';

/**
 * Errors that are operational: a class name, an HTTP status, a class of statuses (`'4xx'`, `'5xx'`), or a
 * pattern that is looked for in the class name and the message.
 */
export type ErrorPattern = string | number | RegExp;

export interface ClassificationOptions {
  /** Decides for one error; `undefined` leaves it to `ignoreErrors`. One that throws decides nothing. */
  readonly classify?: (error: unknown) => ErrorClass | undefined;
  readonly ignoreErrors?: readonly ErrorPattern[];
}

/** Whether a failure becomes an Issue. Never throws: what cannot be decided does. */
export function isIssue(error: unknown, { classify, ignoreErrors = [] }: ClassificationOptions): boolean {
  try {
    const decided = classify?.(error);
    if (decided !== undefined) return decided !== 'operational';
  } catch {
    // An application's hook that fails must not hide a failure.
  }
  return !ignoreErrors.some((pattern) => matches(error, pattern));
}

function matches(error: unknown, pattern: ErrorPattern): boolean {
  const status = httpStatus(error);
  if (typeof pattern === 'number') return status === pattern;
  if (pattern === '4xx' || pattern === '5xx')
    return status !== undefined && `${Math.floor(status / 100)}xx` === pattern;
  if (typeof pattern === 'string') return errorType(error) === pattern;
  // A pattern with the global flag remembers where it stopped, and would match every other time.
  pattern.lastIndex = 0;
  return pattern.test(errorType(error)) || pattern.test(messageStart(error));
}

/** Most of a message that is compared, in UTF-16 units. */
const MAX_COMPARED = 1_000;

/** The message as it was thrown, whatever may be sent of it. */
function messageStart(error: unknown): string {
  try {
    return (thrownMessage(error) ?? '').slice(0, MAX_COMPARED);
  } catch {
    return '';
  }
}
