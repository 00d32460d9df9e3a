import { charCodeAt } from '../char-code-at.ts';
import { BACKSLASH, codeAt, LETTER_U, PERCENT } from './codes.ts';

/** Kinds of characters, as bits, so that one look-up answers whether a character belongs to an alphabet. */
export const LOWER = 1;
export const UPPER = 2;
export const DIGIT = 4;
/** `a` to `f`, which are also `LOWER`. */
export const HEX_LETTER = 8;
export const DASH = 16;
export const UNDERSCORE = 32;
export const DOT = 64;
/** `+`, `/` and `=`. */
export const BASE64_SIGN = 128;
/** What providers put in place of the middle of a key they quote. */
export const STAR = 256;
/** Signs that something to redact stands around: an assignment, a URL, an e-mail address, a number. */
export const TRIGGER = 512;
/** Quotation marks and the backslashes before them. */
export const QUOTE = 1024;

/** What stands between the items of a list. */
export const SEPARATOR = 2048;

/** Signs that escapes begin with. */
export const ESCAPE = 4096;

/** Signs that end an address: spaces, quotation marks, brackets of HTML, the backslash. */
export const ADDRESS_END = 8192;
/** Signs that end its host (RFC 3986, 3.2). */
export const HOST_END = 16_384;
/** Signs between the digits of a number. */
export const NUMBER_SIGN = 32_768;
/** Hexadecimal digits in any case. */
export const HEX = 65_536;

/** Signs that end a value without quotation marks; beyond ASCII there are spaces, too. */
export const VALUE_END = 131_072;

/** Letters that names of schemes of authorization begin with. */
export const SCHEME_LETTER = 262_144;
/** What stands behind the name of a block of YAML: its opening, or the end of the line as it is or escaped. */
export const BLOCK_BEGIN = 524_288;

/** What a URL has in place of a sign that means something there. */
export const PERCENT_SIGN = 1_048_576;

/** What begins a private key, and the names of the schemes that are recognised anywhere: `Bearer`, `Basic`. */
export const KEY_BEGIN = 2_097_152;

export const LETTER_OR_DIGIT: number = LOWER | UPPER | DIGIT;
/** What words are made of here: names, numbers and most secrets are one word. */
export const WORD: number = LETTER_OR_DIGIT | DASH | UNDERSCORE;

const TYPES = createTypes();

function createTypes(): Int32Array {
  const types = new Int32Array(128);
  const add = (characters: string, type: number): void => {
    for (let index = 0; index < characters.length; index += 1) types[charCodeAt(characters, index)]! |= type;
  };
  add('abcdefghijklmnopqrstuvwxyz', LOWER);
  add('ABCDEFGHIJKLMNOPQRSTUVWXYZ', UPPER);
  add('0123456789', DIGIT);
  add('abcdef', HEX_LETTER);
  add('-', DASH);
  add('_', UNDERSCORE);
  add('.', DOT);
  add('+/=', BASE64_SIGN);
  add('*', STAR);
  add('=:@+(>', TRIGGER);
  add('"\'`\\', QUOTE);
  add(',;', SEPARATOR);
  add('\\%&\u001b', ESCAPE);
  add(' \t\n\r"\'`<>\\', ADDRESS_END);
  add('/?#', HOST_END);
  add(' \t()+-./', NUMBER_SIGN);
  add('0123456789abcdefABCDEF', HEX);
  add(' \t\n\v\f\r"\'`,;&)}]<>|\\', VALUE_END);
  add('btakndgsBTAKNDGS', SCHEME_LETTER);
  add('|>\\\r\n', BLOCK_BEGIN);
  add('%', PERCENT_SIGN);
  add('-bB', KEY_BEGIN);
  return types;
}

/** The kinds of a character; 0 for all but ASCII. */
export function typeOf(code: number): number {
  return code < 128 ? TYPES[code]! : 0;
}

/** The kinds of the character at a position; 0 outside of the text, and for all but ASCII. */
export function typeAt(text: string, position: number): number {
  // Asked for what is not there, `charCodeAt` answers with no number, which slows it down ever after.
  if (position < 0 || position >= text.length) return 0;
  const code = charCodeAt(text, position);
  return code < 128 ? TYPES[code]! : 0;
}

/** Where a word begins: behind the letters that belong to the escape before it, as in `\n`, `\u0022` and `%20`. */
export function startOfWord(text: string, start: number): number {
  const before = codeAt(text, start - 1);
  if (before === PERCENT) return areHex(text, start, 2) ? start + 2 : start;
  if (before !== BACKSLASH) return start;
  if ((codeAt(text, start) | 32) === LETTER_U) return areHex(text, start + 1, 4) ? start + 5 : start;
  return 'nrtbfNRTBF'.includes(text[start] ?? ' ') ? start + 1 : start;
}

/** Whether a word may begin at a position: behind anything but a letter or a digit, unless that is one of an escape. */
export function isWordStart(text: string, position: number): boolean {
  if ((typeAt(text, position - 1) & LETTER_OR_DIGIT) === 0) return true;
  const isBehind = (letters: number): boolean => startOfWord(text, position - letters) === position;
  return isBehind(1) || isBehind(2) || isBehind(5);
}

/** Whether so many hexadecimal digits, in any case, stand at a position. */
export function areHex(text: string, start: number, count: number): boolean {
  return endOf(text, start, HEX, start + count) === start + count;
}

/** The byte two hexadecimal digits at a position are, or none. */
export function byteAt(text: string, position: number): number | undefined {
  if ((typeAt(text, position) & typeAt(text, position + 1) & HEX) === 0) return undefined;
  return hexOf(charCodeAt(text, position)) * 16 + hexOf(charCodeAt(text, position + 1));
}

function hexOf(code: number): number {
  return code <= 57 ? code - 48 : (code | 32) - 87;
}

/** The first position from `start` on whose character is of none of the given kinds, or `limit`. */
export function endOf(text: string, start: number, types: number, limit: number = text.length): number {
  const last = Math.min(limit, text.length);
  let end = start;
  while (end < last) {
    const code = charCodeAt(text, end);
    if (code >= 128 || (TYPES[code]! & types) === 0) break;
    end += 1;
  }
  return end;
}

/** The last position down from `end` before which stands a character of none of the given kinds, or `limit`. */
export function startOf(text: string, end: number, types: number, limit: number): number {
  let start = end;
  while (start > limit && (typeAt(text, start - 1) & types) !== 0) start -= 1;
  return start;
}
