import { matchAt, type Finding } from './finding.ts';

/** A number without spaces. */
const WHOLE = /\d{13,19}(?!\w|\.\d)/y;
/** Numbers as they are printed on cards. The longest comes first. */
const GROUPED: readonly RegExp[] = [
  /\d{4}([ \-\u00a0])\d{4}\1\d{4}\1\d{4}\1\d{3}(?![\w-])/y,
  /\d{4}([ \-\u00a0])\d{4}\1\d{4}\1\d{4}(?![\w-])/y,
  /\d{4}([ \-\u00a0])\d{6}\1\d{4,5}(?![\w-])/y,
];

/** The number of a payment card that begins at a position: of a brand, as long as its brand's, with a right check digit. */
export function paymentCardAt(text: string, start: number): Finding | undefined {
  const whole = matchAt(WHOLE, text, start);
  if (whole !== null) return isCard(whole[0]) ? found(start, whole[0]) : undefined;
  for (const form of GROUPED) {
    const match = matchAt(form, text, start);
    if (match !== null && isCard(match[0].replaceAll(/\D/g, ''))) return found(start, match[0]);
  }
  return undefined;
}

function found(start: number, match: string): Finding {
  return { start, end: start + match.length, kind: 'card' };
}

function isCard(digits: string): boolean {
  return isOfBrand(digits) && hasCheckDigit(digits);
}

/** Ranges of issuers (ISO/IEC 7812) and the lengths they use. */
function isOfBrand(digits: string): boolean {
  const { length } = digits;
  if (digits.startsWith('4')) return length === 13 || length === 16 || length === 19;
  const four = Number(digits.slice(0, 4));
  if ((four >= 5100 && four <= 5599) || (four >= 2221 && four <= 2720)) return length === 16;
  const two = Math.floor(four / 100);
  if (two === 34 || two === 37) return length === 15;
  if (two === 36 || two === 38 || two === 39 || (four >= 3000 && four <= 3059)) return length === 14 || length === 16;
  if (four >= 3528 && four <= 3589) return length === 16;
  if (four === 6011 || two === 65 || (four >= 6440 && four <= 6499)) return length >= 16;
  return two === 62 && length >= 16;
}

/** ISO/IEC 7812-1, annex B. */
function hasCheckDigit(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const weighted = index % 2 === 1 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}
