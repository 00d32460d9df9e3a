/** Letters, digits and choices drawn by a fixed rule, so that every run has the same ones. */
export interface Draw {
  /** `length` characters of an alphabet. */
  text(length: number, alphabet?: string): string;
  /** A whole number from 0, below `end`. */
  number(end: number): number;
  pick<T>(items: readonly T[]): T;
}

export const LOWER = 'abcdefghijklmnopqrstuvwxyz';
export const UPPER = LOWER.toUpperCase();
export const DIGITS = '0123456789';
export const HEX = `${DIGITS}abcdef`;
export const LETTERS_AND_DIGITS = `${LOWER}${UPPER}${DIGITS}`;
export const BASE64_URL = `${LETTERS_AND_DIGITS}-_`;
export const BASE64 = `${LETTERS_AND_DIGITS}+/`;

/** Creates a generator (mulberry32). */
export function createDraw(seed: number): Draw {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const number = (end: number): number => Math.floor(next() * end);
  return {
    number,
    text: (length, alphabet = LETTERS_AND_DIGITS) =>
      Array.from({ length }, () => alphabet[number(alphabet.length)]!).join(''),
    pick: (items) => items[number(items.length)]!,
  };
}

/** The digit that completes the number of a card (ISO/IEC 7812-1, annex B). */
export function checkDigit(digits: string): number {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const weighted = index % 2 === 0 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return (10 - (sum % 10)) % 10;
}
