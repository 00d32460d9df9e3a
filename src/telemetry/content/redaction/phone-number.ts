import { DIGIT, LETTER_OR_DIGIT, typeAt } from './characters.ts';
import { matchAt, type Finding } from './finding.ts';

/** An international number (E.164) in any grouping, or one that begins with 00 and is grouped. */
const INTERNATIONAL = /\+(?:[1-9]\d{6,14}|[1-9](?:[ .\-/()\u00a0\u2009-\u2013\u202f]{0,2}\d){6,14})(?!\d)/y;
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
/** Longest way back to a word for telephone. */
const MAX_BEFORE = 32;

/** The telephone number that begins at a position, which is a digit, a plus or a bracket. */
export function phoneNumberAt(text: string, start: number, floor: number): Finding | undefined {
  const match = text[start] === '+' ? matchAt(INTERNATIONAL, text, start) : localAt(text, start, floor);
  return match === null ? undefined : { start, end: start + match[0].length, kind: 'phone' };
}

function localAt(text: string, start: number, floor: number): RegExpExecArray | null {
  return (
    (mayBeNorthAmerican(text, start) ? matchAt(NORTH_AMERICAN, text, start) : null) ??
    (text.startsWith('00', start) ? matchAt(WITH_ZEROS, text, start) : null) ??
    nationalAt(text, start, floor)
  );
}

/** Whether a bracket or a sign stands where it does in these numbers, which of most numbers is all there is to ask. */
function mayBeNorthAmerican(text: string, start: number): boolean {
  if (text[start] === '(') return text[start + 4] === ')';
  if (text[start] === '1' && (typeAt(text, start + 1) & DIGIT) === 0) return true;
  return (typeAt(text, start + 3) & LETTER_OR_DIGIT) === 0;
}

/** Whether the last thing before a number, its sign and its quotation marks is a letter. */
function isBehindWord(text: string, start: number): boolean {
  let at = start - 1;
  while (at >= 0 && start - at <= MAX_SIGNS && SIGNS.includes(text[at]!)) at -= 1;
  return (typeAt(text, at) & LETTER_OR_DIGIT & ~DIGIT) !== 0;
}

const SIGNS = ' "\'\\.:=_';
/** Most signs between a word for telephone and the number. */
const MAX_SIGNS = 14;

/** Signs in numbers: spaces, brackets, dashes, dot, slash, plus. */
export function isNumberSign(code: number): boolean {
  if (code < 128) return code === 32 || code === 9 || (code >= 40 && code <= 47 && code !== 42 && code !== 44);
  return code === 160 || code === 0x2009 || code === 0x202f || (code >= 0x2010 && code <= 0x2013);
}

function nationalAt(text: string, start: number, floor: number): RegExpExecArray | null {
  if (start === floor || !isBehindWord(text, start)) return null;
  const match = matchAt(NATIONAL, text, start);
  if (match === null) return null;
  return WORD_BEFORE.test(text.slice(Math.max(floor, start - MAX_BEFORE), start)) ? match : null;
}

/** Whether a text is nothing but a telephone number, going by the name it stands under. */
export function isPhoneNumber(text: string, name: string): boolean {
  if (text.length < FEWEST_DIGITS || text.length > 32 || !beginsLikeNumber(text)) return false;
  if (!/(?:phone|mobile|fax|whatsapp|^tel|_tel)(?:_?number|_?no)?$/i.test(name)) return false;
  return /^\+?[\d ().\-/]+$/.test(text) && text.replaceAll(/\D/g, '').length >= FEWEST_DIGITS;
}

/** With a digit, a plus or a bracket. */
function beginsLikeNumber(text: string): boolean {
  const code = text.charCodeAt(0);
  return (code >= 48 && code <= 57) || code === 43 || code === 40;
}
