import type { Reporter } from '../diagnostics.ts';
import { guard } from '../guard.ts';
import { errorType, httpStatus, thrownMessage } from '../linked-errors.ts';
import { wrongAnswer } from './wrong-answer.ts';

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
  /**
   * Decides for one error, at once; `undefined` leaves it to `ignoreErrors`. One that throws, or answers anything
   * else, decides nothing.
   */
  readonly classify?: ((error: unknown) => ErrorClass | undefined) | undefined;
  readonly ignoreErrors?: readonly ErrorPattern[] | undefined;
}

/** Creates the decision whether a failure becomes an Issue. It never throws: what cannot be decided does. */
export function createClassification(options: ClassificationOptions, report: Reporter): (error: unknown) => boolean {
  const { classify } = options;
  const patterns = (options.ignoreErrors ?? []).map(copyOf);

  const classified = (error: unknown): ErrorClass | undefined => {
    let answer: unknown;
    try {
      answer = classify?.(error) ?? undefined;
    } catch {
      report({ key: 'classify', message: 'classify threw, so it decided nothing; it must not throw' });
      return undefined;
    }
    if (answer === 'issue' || answer === 'operational' || answer === undefined) return answer;
    const returned = wrongAnswer(answer);
    report({
      key: 'classify',
      message: `classify must return 'issue', 'operational' or undefined at once, but returned ${returned}; it decided nothing`,
    });
    return undefined;
  };

  return (error) => {
    const decided = classified(error);
    return decided === undefined ? !patterns.some((pattern) => matches(error, pattern)) : decided === 'issue';
  };
}

/** A pattern of our own: with the flags g and y it would match every other time, and move the given one. */
function copyOf(pattern: ErrorPattern): ErrorPattern {
  return pattern instanceof RegExp ? new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, '')) : pattern;
}

function matches(error: unknown, pattern: ErrorPattern): boolean {
  const status = httpStatus(error);
  if (typeof pattern === 'number') return status === pattern;
  if (pattern === '4xx' || pattern === '5xx')
    return status !== undefined && `${Math.floor(status / 100)}xx` === pattern;
  if (typeof pattern === 'string') return errorType(error) === pattern;
  return pattern.test(errorType(error)) || pattern.test(messageStart(error));
}

/** Most of a message that is compared, in UTF-16 units. */
const MAX_COMPARED = 1_000;

/** The message as it was thrown, whatever may be sent of it. */
function messageStart(error: unknown): string {
  return guard(() => thrownMessage(error)?.slice(0, MAX_COMPARED)) ?? '';
}
