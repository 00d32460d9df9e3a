import { charCodeAt } from '../char-code-at.ts';
import { DIGIT, endOf, typeAt, WORD } from './characters.ts';
import type { Finding } from './finding.ts';
import { isNumberSign } from './phone-number.ts';

/** The number of a payment card that begins at a position: of a brand, as long as its brand's, with a right check digit. */
export function paymentCardAt(text: string, start: number): Finding | undefined {
  const firstEnd = endOf(text, start, DIGIT, start + 20);
  const first = firstEnd - start;
  if (first !== 4) return first >= 13 && first <= 19 ? cardIn(text, start, firstEnd, first) : undefined;
  const second = nextGroup(text, firstEnd);
  if (second === undefined) return undefined;
  const third = nextGroup(text, second.end);
  if (third === undefined) return undefined;
  // As American Express and Diners print them: four, six, and four or five.
  if (second.length === 6) return cardIn(text, start, third.end, 10 + third.length, third.length <= 5);
  const fourth = nextGroup(text, third.end);
  if (second.length !== 4 || third.length !== 4 || fourth?.length !== 4) return undefined;
  const fifth = nextGroup(text, fourth.end);
  if (isColumn(text, firstEnd) && (fifth?.length === 4 || isBehindColumn(text, start))) return undefined;
  const long = fifth?.length === 3 ? cardIn(text, start, fifth.end, 19) : undefined;
  return long ?? cardIn(text, start, fourth.end, 16);
}

interface Group {
  readonly end: number;
  readonly length: number;
}

/** The digits behind one sign, or two spaces. */
function nextGroup(text: string, position: number): Group | undefined {
  if (!isSeparatorAt(text, position)) return undefined;
  const start = text.startsWith('  ', position) ? position + 2 : position + 1;
  const end = endOf(text, start, DIGIT, start + 7);
  return end === start ? undefined : { end, length: end - start };
}

function isSeparatorAt(text: string, position: number): boolean {
  if (position >= text.length) return false;
  const code = charCodeAt(text, position);
  // Brackets and slashes stand in telephone numbers and dates.
  return code !== 40 && code !== 41 && code !== 47 && isNumberSign(code);
}

/** Tabs and more than one space stand between the columns of a table. */
function isColumn(text: string, position: number): boolean {
  return text[position] === '\t' || text.startsWith('  ', position);
}

function isBehindColumn(text: string, start: number): boolean {
  const last = text[start - 1] === '\t' ? start - 2 : start - 3;
  return isColumn(text, last + 1) && (typeAt(text, last) & DIGIT) !== 0;
}

function cardIn(text: string, start: number, end: number, length: number, isForm = true): Finding | undefined {
  if (!isForm || (typeAt(text, end) & WORD) !== 0) return undefined;
  if (text[end] === '.' && (typeAt(text, end + 1) & DIGIT) !== 0) return undefined;
  if (!isOfBrand(firstFour(text, start), length) || !hasCheckDigit(text, start, end)) return undefined;
  return { start, end, kind: 'card' };
}

function firstFour(text: string, start: number): number {
  let four = 0;
  for (let at = start; at < start + 4; at += 1) four = four * 10 + charCodeAt(text, at) - 48;
  return four;
}

/** Ranges of issuers (ISO/IEC 7812) and the lengths they use. */
function isOfBrand(four: number, length: number): boolean {
  const two = Math.floor(four / 100);
  if (two >= 40 && two <= 49) return length === 13 || length === 16 || length === 19;
  if ((four >= 5100 && four <= 5599) || (four >= 2221 && four <= 2720)) return length === 16;
  if (two === 34 || two === 37) return length === 15;
  if (two === 36 || two === 38 || two === 39 || (four >= 3000 && four <= 3059)) return length === 14 || length === 16;
  if (four >= 3528 && four <= 3589) return length === 16;
  // Mir
  if (four >= 2200 && four <= 2204) return length >= 16;
  if (four === 6011 || two === 65 || (four >= 6440 && four <= 6499) || two === 62) return length >= 16;
  return MAESTRO.has(four);
}

const MAESTRO = new Set([5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763]);

/** ISO/IEC 7812-1, annex B. */
function hasCheckDigit(text: string, start: number, end: number): boolean {
  let sum = 0;
  let index = 0;
  for (let at = end - 1; at >= start; at -= 1) {
    const digit = charCodeAt(text, at) - 48;
    if (digit < 0 || digit > 9) continue;
    const weighted = index % 2 === 1 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
    index += 1;
  }
  return sum % 10 === 0;
}
