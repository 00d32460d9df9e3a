/**
 * Says what a hook of the application answered instead of what it should, without a word of it. A promise is
 * listened to from here on: one nobody listens to ends the process when it is rejected. Never throws.
 */
export function wrongAnswer(answer: unknown): string {
  if (isPromise(answer)) {
    Promise.resolve(answer).catch(() => {});
    return 'a promise';
  }
  if (answer === undefined || answer === null) return 'nothing';
  if (typeof answer === 'boolean') return String(answer);
  if (typeof answer === 'string') return 'a text';
  if (typeof answer === 'object') return Array.isArray(answer) ? 'a list' : 'an object that is none of them';
  return `a ${typeof answer}`;
}

/** Whether a value is a promise, of whichever kind. What cannot be read is taken for one. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return typeof (value as { readonly then?: unknown }).then === 'function';
  } catch {
    return true;
  }
}
