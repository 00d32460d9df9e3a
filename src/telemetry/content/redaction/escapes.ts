import { DIGIT, typeAt } from './characters.ts';
import { matchAt } from './finding.ts';

/** A text without its escapes, and where each of its characters stood. */
export interface Decoded {
  readonly text: string;
  /** The position in the text as it was. To be asked for rising positions in this one. */
  readonly originOf: (position: number) => number;
}

const AMPERSAND = 38;
const BACKSLASH = 92;
const PERCENT = 37;
const SPACE = 32;
const ESCAPED_CHARACTER = /u00[2-7][0-9a-f]/iy;
const ESCAPED_BYTE = /[2-7][0-9a-f]|0[9ad]/iy;
const ENTITY = /(?:(quot)|(apos)|amp|#(\d\d));/iy;

/**
 * A text with the escapes of one level taken off it, which are those of JSON and JavaScript, of URLs (RFC 3986, 2.1)
 * and of HTML, as far as they stand for a character of ASCII. Absent where nothing can hide behind them.
 */
export function decodeEscapes(text: string): Decoded | undefined {
  // Most texts have none of these signs, which is found out many times faster than what follows.
  if (!text.includes('%') && !text.includes('\\u00') && !text.includes('&')) return undefined;
  const starts: number[] = [];
  const ends: number[] = [];
  const codes: number[] = [];
  let isHiding = false;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text.charCodeAt(at);
    if (sign !== PERCENT && sign !== BACKSLASH && sign !== AMPERSAND) continue;
    const code = codeAt(text, at, sign);
    if (code === undefined) continue;
    // The backslashes of the levels around belong to the escape.
    let start = at;
    if (sign === BACKSLASH) while (start > from && text.charCodeAt(start - 1) === BACKSLASH) start -= 1;
    from = endOfEscape(text, at, sign);
    isHiding ||= canHide(text, code, start, from);
    starts.push(start);
    ends.push(from);
    codes.push(code);
    at = from - 1;
  }
  return isHiding ? decode(text, starts, ends, codes) : undefined;
}

function codeAt(text: string, at: number, sign: number): number | undefined {
  if (sign === PERCENT) {
    return matchAt(ESCAPED_BYTE, text, at + 1) === null ? undefined : hexAt(text, at + 1);
  }
  if (sign === BACKSLASH) {
    return text[at + 1] === 'u' && matchAt(ESCAPED_CHARACTER, text, at + 1) !== null ? hexAt(text, at + 4) : undefined;
  }
  const entity = matchAt(ENTITY, text, at + 1);
  if (entity === null) return undefined;
  const [, quote, apostrophe, number] = entity;
  return number === undefined
    ? quote === undefined
      ? apostrophe === undefined
        ? AMPERSAND
        : 39
      : 34
    : Number(number);
}

function hexAt(text: string, at: number): number {
  return Number.parseInt(text.slice(at, at + 2), 16);
}

function endOfEscape(text: string, at: number, sign: number): number {
  if (sign === PERCENT) return at + 3;
  return sign === BACKSLASH ? at + 6 : text.indexOf(';', at) + 1;
}

/** Words end at an escaped space or ampersand as they do at the sign itself; only numbers go on behind a space. */
function canHide(text: string, code: number, start: number, end: number): boolean {
  if (code === AMPERSAND) return false;
  return code !== SPACE || ((typeAt(text, start - 1) & DIGIT) !== 0 && (typeAt(text, end) & DIGIT) !== 0);
}

function decode(text: string, starts: readonly number[], ends: readonly number[], codes: readonly number[]): Decoded {
  const positions: number[] = [];
  let decoded = '';
  let from = 0;
  for (const [index, start] of starts.entries()) {
    decoded += text.slice(from, start) + String.fromCharCode(codes[index]!);
    positions.push(decoded.length - 1);
    from = ends[index]!;
  }
  return { text: decoded + text.slice(from), originOf: createOrigins(positions, ends) };
}

/**
 * @param starts where the signs stand in the decoded text
 * @param ends positions behind their escapes
 */
function createOrigins(starts: readonly number[], ends: readonly number[]): Decoded['originOf'] {
  let next = 0;
  return (position) => {
    while (next < starts.length && starts[next]! < position) next += 1;
    return next === 0 ? position : position - starts[next - 1]! - 1 + ends[next - 1]!;
  };
}
