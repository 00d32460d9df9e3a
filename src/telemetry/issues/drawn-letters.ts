/**
 * Letters that follow a letter in words and in the names of programs. Together they are 98 of 100 pairs of letters in
 * what installed packages call things, and 48 of 100 pairs drawn by lot.
 */
const FOLLOWERS: Readonly<Record<string, string>> = {
  a: 'bcdfgiklmnprstuvwxy',
  b: 'aeijlorsuy',
  c: 'acehikloprstuy',
  d: 'adegilorsuy',
  e: 'abcdefglmnopqrstuvwxy',
  f: 'aefilorstu',
  g: 'aeghilnoprsuy',
  h: 'aeimnortuy',
  i: 'abcdefgklmnoprstvxz',
  j: 'aeiosu',
  k: 'aeilnosy',
  l: 'adefgilmostuvy',
  m: 'abeilmnopsuy',
  n: 'acdefgiklmnoqstuvy',
  o: 'abcdfgiklmnoprstuvwxy',
  p: 'aehiloprstuy',
  q: 'luw',
  r: 'abcdegiklmnoprstuvy',
  s: 'acehiklmnopqstuwy',
  t: 'acefhilmoprstuwy',
  u: 'abcdefgilmnprst',
  v: 'aeio',
  w: 'aehilnors',
  x: 'aceimpt',
  y: 'aeilmnoprst',
  z: 'aeioyz',
};

/** Words side by side, as in `getUserName` and `HTTPServerError`, and the numbers between them. */
const CAMEL_CASE = /^[A-Z]{0,5}[a-z]{1,15}(?:[A-Z0-9]{1,5}[a-z]{2,15}){0,50}[A-Z0-9]{0,5}$/;

/** Shorter ones could as well be names: `gpt4o`, `b2b`. */
const SHORTEST = 6;
/** Shorter ones than these are ids only where digits are all over them: `o3mini` and `cats` could be names. */
const SHORT = 8;

/** Ids that are known by their form: a ULID, and what Slack calls a channel, a user or a team. */
const KNOWN = /^(?:[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-7][0-9a-hjkmnp-tv-z]{25}|[A-Z]\d[0-9A-Z]{7,10})$/;

/**
 * Whether letters and digits look drawn by lot, as in an id, and not chosen by somebody, as in a name. What is drawn
 * has too many pairs that no word has. Of a hundred ids with eleven characters it misses about one.
 */
export function looksLikeId(text: string): boolean {
  if (text.length < SHORTEST) return false;
  if (KNOWN.test(text)) return true;
  const surprises = surprisesIn(text);
  return surprises >= 2 && surprises / (text.length - 1) >= surprisesOfNames(text);
}

/** The part of its pairs that surprise in hardly any name: of small letters and capitals in no order, a smaller one. */
function surprisesOfNames(text: string): number {
  if (text.length < SHORT) return /\d/.test(text) ? 0.4 : Infinity;
  if (/[a-z]/.test(text) && /[A-Z]/.test(text) && !CAMEL_CASE.test(text)) return text.length < 16 ? 0.2 : 0.15;
  if (/\d/.test(text)) return 0.2;
  return /[a-z][A-Z]/.test(text) ? 0.3 : 0.25;
}

/**
 * How many pairs of characters are none of a name. Where a word or the first number in it begins counts half, and so
 * does a pair in an acronym among words.
 */
export function surprisesIn(text: string): number {
  const inAcronym = CAMEL_CASE.test(text) ? 0.5 : 1;
  let surprises = 0;
  let numbers = 0;
  for (let index = 1; index < text.length; index += 1) {
    const pair = text.slice(index - 1, index + 1);
    if (/[a-z]\d/i.test(pair)) {
      numbers += 1;
      surprises += numbers === 1 ? 0.5 : 1;
    } else if (/[a-z\d][A-Z]/.test(pair)) surprises += 0.5;
    else if (/\d[a-z]/.test(pair)) surprises += 1;
    else if (/[a-z]{2}/i.test(pair) && !follows(pair.toLowerCase())) surprises += /[A-Z]{2}/.test(pair) ? inAcronym : 1;
  }
  return surprises;
}

function follows(pair: string): boolean {
  return FOLLOWERS[pair.charAt(0)]?.includes(pair.charAt(1)) ?? false;
}
