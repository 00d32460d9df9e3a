import { SAFE_MESSAGE } from './error-text.ts';

/** Gives errors of a class what they say where error messages are withheld. */
export function declareSafeMessage<Thrown extends Error>(
  errorClass: { readonly prototype: Thrown },
  read: (error: Thrown) => string,
): void {
  Object.defineProperty(errorClass.prototype, SAFE_MESSAGE, {
    get(this: Thrown) {
      return read(this);
    },
    configurable: true,
  });
}

/**
 * An error whose message is made of names, numbers and places, never of content: it is sent also where error
 * messages are withheld.
 */
export abstract class ContentFreeError extends Error {
  static {
    declareSafeMessage(ContentFreeError, ({ message }) => message);
  }
}
