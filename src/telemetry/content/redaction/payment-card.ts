import { matchAt, type Finding } from './finding.ts';

/** Numbers as they are printed on cards, and without spaces. The longest that fits comes first. */
const FORMS: readonly RegExp[] = [
  /\d{13,19}(?![\w]|\.\d)/y,
  /\d{4}([ \-\u00a0])\d{4}\1\d{4}\1\d{4}\1\d{3}(?![\w-])/y,
  /\d{4}([ \-\u00a0])\d{4}\1\d{4}\1\d{4}(?![\w-])/y,
  /\d{4}([ \-\u00a0])\d{6}\1\d{4,5}(?![\w-])/y,
];

/** The number of a payment card that begins at a position: of a brand, as long as its brand's, with a right check digit. */
export function paymentCardAt(text: string, start: number): Finding | undefined {
  for (const form of FORMS) {
    const match = matchAt(form, text, start);
    if (match === null) continue;
    const digits = match[0].replaceAll(/\D/g, '');
    if (isOfBrand(digits) && hasCheckDigit(digits)) {
      return { start, end: start + match[0].length, kind: 'card' };
    }
  }
  return undefined;
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
