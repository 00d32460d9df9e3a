import { charCodeAt } from '../char-code-at.ts';
import { byteAt, DIGIT, ESCAPE, isWordStart, LOWER, startOf, typeAt, typeOf } from './characters.ts';
import {
  AMPERSAND,
  BACKSLASH,
  COMMA,
  ESCAPE_SIGN,
  HASH,
  LETTER_A,
  LETTER_Q,
  LETTER_U,
  PERCENT,
  SEMICOLON,
  SPACE,
} from './codes.ts';
import { matchAt } from './finding.ts';

/** A text without its escapes, and where each of its characters stood. */
export interface Decoded {
  readonly text: string;
  /** The position in the text as it was of a position in this one. */
  readonly originOf: (position: number) => number;
}

const ENTITY = /(?:quot|apos|amp);/iy;
/** Behind the sign of an escape, the colours of a terminal, and the end of a coloured line, which grep writes too. */
const COLOUR = /\[[\d;]{0,16}[mK]/y;

/** Most characters that are made a text at once: each is an argument of a call. */
const CHUNK = 4096;
/** Shortest value that is a secret though it is nothing but small letters. */
const MIN_LETTERS = 16;

/**
 * A text with the escapes of one level taken off it, which are those of JSON and JavaScript, of URLs (RFC 3986, 2.1)
 * and of HTML, as far as they stand for a character of ASCII, and spaces for the colours of a terminal. Absent where
 * nothing can hide behind them.
 */
export function decodeEscapes(text: string): Decoded | undefined {
  // Most texts have none of these signs, which is found out many times faster than what follows.
  if (!['%', '\\u00', '&', '\u001b'].some((sign) => text.includes(sign))) return undefined;
  for (let at = 0; at < text.length; at += 1) {
    if ((typeOf(charCodeAt(text, at)) & ESCAPE) !== 0 && hidesAt(text, at)) return decode(text);
  }
  return undefined;
}

/** Whether anything can hide behind the escape that begins at one of the signs of escapes, if one does. */
export function hidesAt(text: string, at: number): boolean {
  const end = endOfEscape(text, at);
  return end !== 0 && canHide(text, at, end);
}

/** Words end at an escaped space, comma or ampersand as they do at the sign itself; only numbers go on behind a space. */
function canHide(text: string, start: number, end: number): boolean {
  switch (codeOf(text, start, end)) {
    case AMPERSAND:
      return false;
    case SPACE:
      if (isColour(text, end)) return true;
      return (typeAt(text, start - 1) & DIGIT) !== 0 && (typeAt(text, end) & DIGIT) !== 0;
    case COMMA:
      return !isBehindLetters(text, start);
    default:
      return true;
  }
}

/** Whether a word of so few small letters ends at a position that no secret is one. */
function isBehindLetters(text: string, position: number): boolean {
  const start = startOf(text, position, LOWER, Math.max(0, position - MIN_LETTERS));
  return start < position && position - start < MIN_LETTERS && isWordStart(text, start);
}

/** Position behind the escape that begins at one of the signs of escapes; 0 where none does. */
function endOfEscape(text: string, at: number): number {
  switch (charCodeAt(text, at)) {
    case PERCENT:
      return isEscapedByte(text, at + 1) ? at + 3 : 0;
    case BACKSLASH: {
      // The backslashes of the levels around belong to the escape; behind the first of them this was found out.
      if (at > 0 && charCodeAt(text, at - 1) === BACKSLASH) return 0;
      let letter = at + 1;
      while (letter < text.length && charCodeAt(text, letter) === BACKSLASH) letter += 1;
      if (letter + 5 > text.length || !isEscapedByUnicode(text, letter)) return 0;
      return byteAt(text, letter + 3) === ESCAPE_SIGN ? endOfColour(text, letter + 5) : letter + 5;
    }
    case ESCAPE_SIGN:
      return endOfColour(text, at + 1);
    default:
      return endOfEntity(text, at);
  }
}

/** A character of ASCII that is printed, a tab or the end of a line. */
function isEscapedByte(text: string, at: number): boolean {
  const byte = byteAt(text, at);
  return byte !== undefined && byte < 128 && (byte >= 32 || byte === 9 || byte === 10 || byte === 13);
}

function isEscapedByUnicode(text: string, at: number): boolean {
  if ((charCodeAt(text, at) | 32) !== LETTER_U || !text.startsWith('00', at + 1)) return false;
  const byte = byteAt(text, at + 3);
  return byte !== undefined && (byte >= 32 || byte === ESCAPE_SIGN) && byte < 128;
}

function endOfColour(text: string, at: number): number {
  return matchAt(COLOUR, text, at) === null ? 0 : COLOUR.lastIndex;
}

/** Whether it is a colour that ends at a position, as nothing else does that is an escape here. */
function isColour(text: string, end: number): boolean {
  const last = text[end - 1];
  return last === 'm' || last === 'K';
}

function endOfEntity(text: string, at: number): number {
  if (at + 5 > text.length) return 0;
  if (charCodeAt(text, at + 1) === HASH) {
    const isNumber = (typeAt(text, at + 2) & typeAt(text, at + 3) & DIGIT) !== 0;
    return isNumber && charCodeAt(text, at + 4) === SEMICOLON ? at + 5 : 0;
  }
  const first = charCodeAt(text, at + 1) | 32;
  if (first !== LETTER_A && first !== LETTER_Q) return 0;
  return matchAt(ENTITY, text, at + 1) === null ? 0 : ENTITY.lastIndex;
}

/** The character an escape stands for. */
function codeOf(text: string, start: number, end: number): number {
  if (isColour(text, end)) return SPACE;
  if (charCodeAt(text, start) !== AMPERSAND) return byteAt(text, end - 2) ?? 0;
  if (charCodeAt(text, start + 1) === HASH) return Number(text.slice(start + 2, start + 4));
  return end - start === 5 ? AMPERSAND : (charCodeAt(text, start + 1) | 32) === LETTER_Q ? 34 : 39;
}

function decode(text: string): Decoded {
  const codes = new Uint16Array(text.length);
  const origins = new Int32Array(text.length + 1);
  let length = 0;
  let at = 0;
  while (at < text.length) {
    const code = charCodeAt(text, at);
    const end = (typeOf(code) & ESCAPE) === 0 ? 0 : endOfEscape(text, at);
    codes[length] = end === 0 ? code : codeOf(text, at, end);
    origins[length] = at;
    length += 1;
    at = end === 0 ? at + 1 : end;
  }
  origins[length] = text.length;
  const parts: string[] = [];
  for (let from = 0; from < length; from += CHUNK) {
    parts.push(Reflect.apply(String.fromCharCode, null, codes.subarray(from, Math.min(length, from + CHUNK))));
  }
  // Joined they are one text, whose characters are read faster than those of texts added to each other.
  return { text: parts.join(''), originOf: (position) => origins[position]! };
}
