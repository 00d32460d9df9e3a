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
/** Shorter ones than these are ids only where digits are all over them: `o3mini`, `HL7Parser` and `md5hash` are names. */
const SHORT = 10;

/**
 * Abbreviations in the names of tools, stores and models, whose letters follow each other in no word. Those of two
 * letters are found only where a word begins, because they are often found in what is drawn by lot.
 */
const ABBREVIATION = new RegExp(
  [
    'csv|tsv|xlsx?|docx|pptx|pdf|svg|png|jpg|html|xml|json|sql|gpx|kml|wkt|tgz',
    'https?|dns|sftp|smtp|mqtt|rtmp|grpc|rpc|vpn|cdn|ipv|utf|rfc|jwt|jwks|sha|hmac|hkdf|pbkdf|pkcs|pgp|aes|uuidv?',
    'lmdb|hdfs|rdf|gpt|sdxl|tts|bge|npm|svn|gcp|aws|dbt|gdb|jvm|sfdc|k8s|b2b|p2p|isbn|icd|secp',
    // How many parameters a model has.
    '\\d{1,3}(?:x\\d{1,3})?b(?![a-z])',
    '(?<![a-z])(?:db|hl|kv|md|mp|pg|rx|vl|wk)',
  ]
    .map((each) => `(?:${each})\\d*`)
    .join('|'),
  'gi',
);

/** Where a word begins within a name. */
const HUMP = /(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/;

/**
 * Ids that are known by their form: a ULID, and what Slack calls a channel, a user or a team. Behind another digit than
 * 0, as in old ones, one more is asked for, because `T5ENCODER` is a name.
 */
const KNOWN =
  /^(?:[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-7][0-9a-hjkmnp-tv-z]{25}|(?:[A-Z]0|[CDGTUW][1-9](?=[A-Z]*\d))[0-9A-Z]{7,10})$/;

/**
 * Whether letters and digits look drawn by lot, as in an id, and not chosen by somebody, as in a name. What is drawn
 * has too many pairs that no word has. Of a hundred ids with 13 characters it misses about one, of shorter ones more, because
 * two tools in one Issue are worse than one tool in two.
 */
export function looksLikeId(text: string): boolean {
  if (text.length < SHORTEST) return false;
  if (KNOWN.test(text)) return true;
  const numbers = text.match(/\d+/g) ?? [];
  if (text.length < SHORT && (numbers.length < 2 || numbers.join('').length < 3)) return false;
  const surprises = surprisesIn(text);
  return surprises >= (numbers.length < 2 ? 3 : 2) && surprises / (text.length - 1) >= surprisesOfNames(text);
}

/** The part of its pairs that surprise in hardly any name: of small letters and capitals in no order, a smaller one. */
function surprisesOfNames(text: string): number {
  if (text.length < SHORT) return 0.4;
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
  const unknown = withoutAbbreviations(text);
  let surprises = 0;
  let numbers = 0;
  for (let index = 1; index < unknown.length; index += 1) {
    const pair = unknown.slice(index - 1, index + 1);
    if (/[a-z]\d/i.test(pair)) {
      numbers += 1;
      surprises += numbers === 1 ? 0.5 : 1;
    } else if (/[a-z\d][A-Z]/.test(pair)) surprises += 0.5;
    else if (/\d[a-z]/.test(pair)) surprises += 1;
    else if (/[a-z]{2}/i.test(pair) && !follows(pair.toLowerCase())) surprises += /[A-Z]{2}/.test(pair) ? inAcronym : 1;
  }
  return surprises;
}

/** What is left of names: each abbreviation is a gap, which makes no pair. */
function withoutAbbreviations(text: string): string {
  return text
    .split(HUMP)
    .map((word) => word.replace(ABBREVIATION, ' '))
    .join('');
}

function follows(pair: string): boolean {
  return FOLLOWERS[pair.charAt(0)]?.includes(pair.charAt(1)) ?? false;
}
