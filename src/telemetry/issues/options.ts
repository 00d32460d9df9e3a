import { describe } from '../config/kinds.ts';
import type { ClassificationOptions } from './classification.ts';
import type { SentryEvent } from './sentry-event.ts';

/** Options that decide which failures become Issues, and what is sent of them. */
export interface IssueOptions extends ClassificationOptions {
  /**
   * Sees every event before it is sent: returns it at once, changed or not, or `null` to drop it. It gets a copy,
   * so that one that throws, or returns something else, loses nothing but its own change. With a flight recorder
   * it sees a failure when it happens, and again only when its run ends otherwise than was assumed then: twice for the
   * one Issue of a tool error that ends its run.
   */
  readonly beforeSend?: ((event: SentryEvent) => SentryEvent | null) | undefined;
}

/**
 * Checks what only code can say. `null` counts as not set.
 *
 * @throws {TypeError} when an option is of the wrong type
 */
export function checkIssueOptions({ ignoreErrors, classify, beforeSend }: IssueOptions): void {
  checkFunction('classify', classify);
  checkFunction('beforeSend', beforeSend);
  const patterns: unknown = ignoreErrors ?? [];
  if (!Array.isArray(patterns)) {
    throw new TypeError(
      `ignoreErrors must be a list of class names, statuses and patterns, but is ${describe(patterns)}.`,
    );
  }
  for (const [index, pattern] of patterns.entries()) {
    if (typeof pattern === 'string' || typeof pattern === 'number' || pattern instanceof RegExp) continue;
    throw new TypeError(
      `ignoreErrors[${index}] must be a class name, an HTTP status or a RegExp, but is ${describe(pattern)}.`,
    );
  }
}

function checkFunction(name: string, hook: unknown): void {
  if (hook === undefined || hook === null || typeof hook === 'function') return;
  throw new TypeError(`${name} must be a function, but is ${describe(hook)}.`);
}
