import { DIGIT, typeAt, UPPER } from './characters.ts';

/** Most that is read to judge a text, in UTF-16 units: the judgement of a longer one does not change. */
const MAX_READ = 256;

/** Capital letters side by side and others: what `camelCase` does not have. */
const MIXED_CASE = /[A-Z]{2}[\s\S]{0,64}[a-z][A-Z]|[a-z][A-Z]{2}[a-z]|[a-z][A-Z][a-z]{1,2}[A-Z][a-z]{1,2}[A-Z]/;

/** Whether a text looks drawn by lot: it has a digit, or capitals where no name has them. */
export function looksRandom(text: string): boolean {
  const end = Math.min(text.length, MAX_READ);
  let capitals = 0;
  for (let at = 0; at < end; at += 1) {
    const type = typeAt(text, at);
    if ((type & DIGIT) !== 0) return true;
    if ((type & UPPER) !== 0) capitals += 1;
  }
  return capitals > 1 && MIXED_CASE.test(text.slice(0, MAX_READ));
}

/** Small letters in one short word or in several, and the words of `camelCase`. */
const WORDS =
  /^(?:[a-z]{1,11}|[a-z]{1,24}\d{0,3}(?:[-_]{1,2}(?:[a-z]{1,24}\d{0,3}|\d{1,4})){1,20}|[a-z]+(?:[A-Z][a-z]+){1,20})$/;

/** Whether a text reads like names and words of a program: `toggleable__label`, `model-name-2`, `getUserName`. */
export function isWords(text: string): boolean {
  return WORDS.test(text.slice(0, MAX_READ));
}

const FILLER = /x{6}|\.{3}|…|(?:^|[-_ <{])your[-_ ]|your[-_]?(?:api|access|key|token|secret)|placeholder/i;
/** What all of it that is written in letters has in it. Asked first: without short alternatives it is found faster. */
const FILLER_LETTERS = /x{6}|your|placeholder/i;
const FILLERS = 'xX*.•…_#?0-';
const ONLY_FILLER = /^[xX*.•…_#?0-]+$/;

/** Whether a text stands where a secret would: `sk-xxxxxxxx`, `YOUR_API_KEY`. */
export function isFiller(text: string): boolean {
  const start = text.slice(0, MAX_READ);
  const mayBe = FILLER_LETTERS.test(start) || start.includes('...') || start.includes('…');
  return (mayBe && FILLER.test(start)) || (FILLERS.includes(start[0] ?? ' ') && ONLY_FILLER.test(start));
}
