import { strictPolicy } from '../content/policy.ts';

/**
 * What a text or a code value turned out to be: a value, a problem, or both when a part was usable.
 *
 * `problem` is a phrase that follows the name of the setting: "must be …, but is …".
 */
export type Reading<T> =
  | { readonly value: T; readonly problem?: string }
  | { readonly value?: undefined; readonly problem: string };

/** A kind of value, and how to recognise it in the environment and in code. Neither function throws. */
export interface Kind<T> {
  /** @param text trimmed and not empty */
  fromText(text: string, variable: string): Reading<T>;
  fromCode(value: unknown): Reading<T>;
}

/** A problem of a text, whatever it is for. */
export const WRAPPED_IN_QUOTES = 'is wrapped in quotes, which whatever set it did not remove: write it without them';

/** Node turns a longer timer into one of a millisecond. */
export const LONGEST_TIMER_MS: number = 2 ** 31 - 1;

/** A share. */
export const rate: Kind<number> = number('a number from 0 to 1', (value) => value >= 0 && value <= 1);

/** A number of things of which there must be one. */
export const positiveCount: Kind<number> = number(
  'a whole number above 0',
  (value) => Number.isSafeInteger(value) && value > 0,
);

/** An upper bound, which may be none. */
export const limit: Kind<number> = number(
  'a whole number of 0 or more',
  (value) => (Number.isSafeInteger(value) && value >= 0) || value === Infinity,
);

/** A time to wait at most, in milliseconds. */
export const timeout: Kind<number> = number(
  `a number of milliseconds above 0 and up to ${LONGEST_TIMER_MS}`,
  (value) => value > 0 && value <= LONGEST_TIMER_MS,
);

/** A time to wait, in milliseconds. */
export const delay: Kind<number> = number(
  `a number of milliseconds from 0 to ${LONGEST_TIMER_MS}`,
  (value) => value >= 0 && value <= LONGEST_TIMER_MS,
);

/** Yes or no, in the spellings Sentry's SDKs accept. */
export const flag: Kind<boolean> = boolean(['true', 't', 'yes', 'y', 'on', '1'], ['false', 'f', 'no', 'n', 'off', '0']);

/** Yes or no in a variable of OpenTelemetry, whose specification forbids any spelling but these two. */
export const openTelemetryFlag: Kind<boolean> = boolean(['true'], ['false']);

/** Any text. */
export const text: Kind<string> = {
  fromText: (value) => ({ value }),
  fromCode: (value) =>
    typeof value === 'string' ? { value } : { problem: `must be a text, but is ${describe(value)}` },
};

/** Path of a file, or `false` for none. */
export const fileOrNone: Kind<string | false> = {
  fromText: (value) => ({ value }),
  fromCode: (value) =>
    value === false || typeof value === 'string'
      ? { value }
      : { problem: `must be the path of a file or false, but is ${describe(value)}` },
};

/** One of some names, in any case in the environment. `hint` continues the sentence about any other. */
export function oneOf<const T extends string>(names: readonly T[], hint = ''): Kind<T> {
  const read = (name: unknown, given: unknown): Reading<T> =>
    isIn(names, name)
      ? { value: name }
      : { problem: `must be ${alternatives(names)}, but is ${describe(given)}${hint}` };
  return {
    fromText: (value) => read(value.toLowerCase(), value),
    fromCode: (value) => read(value, value),
  };
}

/** Some of some names, each once; separated by commas in the environment, where unknown ones are left out. */
export function listOf<const T extends string>(names: readonly T[]): Kind<readonly T[]> {
  const read = (entries: readonly unknown[]): Reading<readonly T[]> => {
    const known = [...new Set(entries.filter((entry) => isIn(names, entry)))];
    const unknown = entries.filter((entry) => !isIn(names, entry)).map(describe);
    if (unknown.length === 0) return { value: known };
    const problem = `must list ${alternatives(names)}, but holds ${unknown.join(', ')}`;
    return known.length === 0 ? { problem } : { value: known, problem };
  };
  return {
    fromText: (value) =>
      read(
        value
          .toLowerCase()
          .split(',')
          .map((entry) => entry.trim())
          .filter((entry) => entry !== ''),
      ),
    fromCode: (value) =>
      Array.isArray(value)
        ? read(value)
        : { problem: `must be a list of ${alternatives(names)}, but is ${describe(value)}` },
  };
}

/** Whether a value is an object with named fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A value as it may be shown to a person.
 *
 * Shown as it is only when it is short and plain: what is longer than any correct value, has the punctuation of a
 * URL, or looks like a key, may be a secret pasted into the wrong variable.
 */
export function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') {
    const isPlain = /^[\w ./+%-]{1,24}$/.test(value) && strictPolicy().redactor.text(value) === value;
    return isPlain ? `"${value}"` : `a text of ${value.length} characters`;
  }
  if (value === null || value === undefined) return 'nothing';
  return Array.isArray(value) ? 'a list' : `of type ${typeof value}`;
}

function number(expected: string, accepts: (value: number) => boolean): Kind<number> {
  const read = (value: unknown, given: unknown): Reading<number> =>
    typeof value === 'number' && accepts(value)
      ? { value }
      : { problem: `must be ${expected}, but is ${describe(given)}` };
  return {
    fromText: (value) => read(Number(value), value),
    fromCode: (value) => read(value, value),
  };
}

function boolean(yes: readonly string[], no: readonly string[]): Kind<boolean> {
  return {
    fromText(value) {
      const word = value.toLowerCase();
      if (yes.includes(word)) return { value: true };
      if (no.includes(word)) return { value: false };
      return { problem: `must be true or false, but is ${describe(value)}` };
    },
    fromCode: (value) =>
      typeof value === 'boolean' ? { value } : { problem: `must be true or false, but is ${describe(value)}` },
  };
}

function isIn<T extends string>(names: readonly T[], value: unknown): value is T {
  return (names as readonly unknown[]).includes(value);
}

/** `a, b or c`. */
export function alternatives(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
