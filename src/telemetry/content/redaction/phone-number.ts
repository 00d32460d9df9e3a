import { charCodeAt } from '../char-code-at.ts';
import {
  ADDRESS_END,
  DIGIT,
  DOT,
  LETTER_OR_DIGIT,
  NUMBER_SIGN,
  QUOTE,
  TRIGGER,
  typeAt,
  typeOf,
  UNDERSCORE,
} from './characters.ts';
import { BRACKET, CLOSING_BRACKET, ONE, PLUS, TAB, ZERO } from './codes.ts';
import { matchAt, type Finding } from './finding.ts';

/** Numbers that begin with 00 and are grouped. */
const WITH_ZEROS = /00[ -]?[1-9]\d{0,2}[ \-/\u00a0](?:[ \-/()\u00a0]{0,2}\d){6,12}(?![\w-])/y;
/** Numbers of North America in the groupings no other number has. */
const NORTH_AMERICAN =
  /(?:1[-. ])?(?:\([2-9]\d\d\) ?\d{3}[-. ]\d{4}|[2-9]\d\d(?<sign>[-. ])\d{3}\k<sign>\d{4})(?!\w|[-.]\d)/y;
/** Any grouping, which says something only behind a word for telephone. */
const NATIONAL = /\(?\d(?:[ \-/()\u00a0]{0,2}\d){6,14}(?![\w])/y;
const WORD_BEFORE =
  /(?:phone|mobile|\btel|\bfax|whatsapp|telefon)[a-z_ ]{0,8}["'\\]{0,4}\.? ?(?:[:=] ?|is |at |no\.? |number )?["'\\]{0,4}$/i;
/** Fewest digits of a telephone number, and fewer than a card has. */
export const FEWEST_DIGITS = 7;
const MOST_DIGITS = 15;
/** Longest way back to a word for telephone. */
const MAX_BEFORE = 32;

/** The telephone number that begins at a position, which is a digit, a plus or a bracket. */
export function phoneNumberAt(text: string, start: number, floor: number): Finding | undefined {
  const end = text[start] === '+' ? endOfInternational(text, start + 1) : endOfLocal(text, start, floor);
  return end === 0 ? undefined : { start, end, kind: 'phone' };
}

/** The end of an international number (E.164) in any grouping, given the position of its first digit; 0 for none. */
function endOfInternational(text: string, start: number): number {
  if (text[start] === '0') return 0;
  let digits = 1;
  let at = start + 1;
  let end = 0;
  let isGrouped = false;
  while (digits < MOST_DIGITS) {
    let next = at;
    while (next - at < 2 && next < text.length && isGroupSign(charCodeAt(text, next))) next += 1;
    if ((typeAt(text, next) & DIGIT) === 0) break;
    isGrouped ||= next > at;
    at = next + 1;
    digits += 1;
    if (digits < FEWEST_DIGITS || (typeAt(text, at) & DIGIT) !== 0) continue;
    end = at;
    if (!isGrouped) break;
  }
  return end;
}

function isGroupSign(code: number): boolean {
  return code !== TAB && code !== PLUS && isNumberSign(code);
}

/** Whether a number may begin here that does not begin with a plus, for which few characters are looked at. */
export function mayBeginLocal(text: string, start: number, floor: number): boolean {
  return mayBeNorthAmerican(text, start) || isZeroZero(text, start) || (start > floor && isBehindWord(text, start));
}

function isZeroZero(text: string, start: number): boolean {
  return charCodeAt(text, start) === ZERO && text[start + 1] === '0';
}

function endOfLocal(text: string, start: number, floor: number): number {
  const match =
    (mayBeNorthAmerican(text, start) ? matchAt(NORTH_AMERICAN, text, start) : null) ??
    (isZeroZero(text, start) ? matchAt(WITH_ZEROS, text, start) : null) ??
    nationalAt(text, start, floor);
  return match === null ? 0 : start + match[0].length;
}

/** Whether brackets and signs stand where they do in these numbers, which of most numbers is all there is to ask. */
function mayBeNorthAmerican(text: string, start: number): boolean {
  const area = charCodeAt(text, start) === ONE && (typeAt(text, start + 1) & DIGIT) === 0 ? start + 2 : start;
  if (text.length - area < SHORTEST_AMERICAN) return false;
  if (charCodeAt(text, area) !== BRACKET) {
    return isSignAt(text, area + 3) && charCodeAt(text, area + 3) === charCodeAt(text, area + 7);
  }
  return charCodeAt(text, area + 4) === CLOSING_BRACKET && isSignAt(text, text[area + 5] === ' ' ? area + 9 : area + 8);
}

function isSignAt(text: string, position: number): boolean {
  return (typeAt(text, position) & NUMBER_SIGN) !== 0;
}

/** `415-555-1234` */
const SHORTEST_AMERICAN = 12;

/** Whether the last thing before a number, its sign and its quotation marks is a letter. */
function isBehindWord(text: string, start: number): boolean {
  let at = start - 1;
  while (start - at <= MAX_SIGNS && (typeAt(text, at) & SIGNS) !== 0) at -= 1;
  return (typeAt(text, at) & LETTER_OR_DIGIT & ~DIGIT) !== 0;
}

const SIGNS = QUOTE | DOT | UNDERSCORE | TRIGGER | ADDRESS_END;
/** Most signs between a word for telephone and the number. */
const MAX_SIGNS = 14;

/** Signs in numbers: spaces, brackets, dashes, dot, slash, plus. */
export function isNumberSign(code: number): boolean {
  if (code < 128) return (typeOf(code) & NUMBER_SIGN) !== 0;
  return code === 160 || code === 0x202f || (code >= 0x2009 && code <= 0x2013);
}

function nationalAt(text: string, start: number, floor: number): RegExpExecArray | null {
  if (start === floor || !isBehindWord(text, start)) return null;
  if (!WORD_BEFORE.test(text.slice(Math.max(floor, start - MAX_BEFORE), start))) return null;
  return matchAt(NATIONAL, text, start);
}

/** Whether a text is nothing but a telephone number, going by the name it stands under. */
export function isPhoneNumber(text: string, name: string): boolean {
  if (text.length < FEWEST_DIGITS || text.length > 32 || !beginsLikeNumber(text)) return false;
  if (!/(?:phone|mobile|telefon|fax|whatsapp|^tel|_tel)(?:_?number|_?no|_?nummer)?$/i.test(name)) return false;
  return /^\+?[\d ().\-/]+$/.test(text) && text.replaceAll(/\D/g, '').length >= FEWEST_DIGITS;
}

/** With a digit, a plus or a bracket. */
function beginsLikeNumber(text: string): boolean {
  const code = charCodeAt(text, 0);
  return (code >= 48 && code <= 57) || code === 43 || code === 40;
}
