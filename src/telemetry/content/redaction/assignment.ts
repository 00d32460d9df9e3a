import { charCodeAt } from '../char-code-at.ts';
import { endOf, QUOTE, startOf, typeAt, WORD } from './characters.ts';
import {
  codeAt,
  COLON,
  CURLY_BRACKET,
  EQUALS,
  GREATER,
  LETTER_C,
  LETTER_K,
  LETTER_N_TILDE,
  LETTER_P,
  LETTER_S,
  SPACE,
  SQUARE_BRACKET,
  TAB,
} from './codes.ts';
import { findBelow } from './block-value.ts';
import { matchAt, type Finding } from './finding.ts';
import { isSecretValue } from './named-value.ts';
import { judge, type SecretName } from './judgement.ts';
import { looksRandom } from './randomness.ts';
import type { Runs } from './runs.ts';
import { endsLikeSecret, secretKindInQuery, secretKindOf, type SecretKind } from './secret-names.ts';
import { quotedAt, writtenAt } from './written-value.ts';

/** Most characters between a name and its sign of assignment: quotation marks, backslashes, spaces, Markdown. */
const MAX_GAP = 12;
/** Most quoted items of a list under one name. */
const MAX_ITEMS = 100;

/** Finds what stands under the name of a secret, given the bounds of the word before a sign of assignment. */
export function findAssigned(
  text: string,
  runs: Runs,
  sign: number,
  word: number,
  wordEnd: number,
): Finding | undefined {
  if (sign - wordEnd > MAX_GAP) return undefined;
  const wordStart = wordEnd - word > 2 ? word : startOfName(text, word);
  if (!endsLikeSecret(text, wordStart, wordEnd)) return findProvided(text, runs, sign, wordStart, wordEnd);
  const name = secretName(text, sign, wordStart, wordEnd);
  if (name === undefined) return undefined;
  return findUnder(text, runs, sign, name);
}

/** What stands between the words for a key and the key a service refuses: `Incorrect API key provided: …`. */
const PROVIDED = new Set(['provided', 'supplied', 'received', 'given', 'used']);
const REFUSED = /(?:api|access|auth|authentication|secret)[ _-](?:key|token) $/i;

/** The key behind the words with which a service refuses it. In such a sentence words may follow as well. */
function findProvided(text: string, runs: Runs, sign: number, wordStart: number, wordEnd: number): Finding | undefined {
  if (sign !== wordEnd || codeAt(text, sign) !== COLON || !mayBeProvided(text, wordStart, wordEnd)) return undefined;
  const before = REFUSED.exec(text.slice(Math.max(0, wordStart - 24), wordStart))?.[0].trimEnd();
  if (before === undefined || !PROVIDED.has(text.slice(wordStart, wordEnd))) return undefined;
  const kind = secretKindOf(before);
  if (kind === undefined) return undefined;
  const found = findUnder(text, runs, sign, { name: before, kind, quote: '' });
  if (found === undefined || text.startsWith('://', endOf(text, found.start, WORD))) return undefined;
  return looksRandom(text.slice(found.start, found.end)) ? found : undefined;
}

/** Whether a word behind `key ` or `token ` ends like one of those, which is asked of every word before a sign. */
function mayBeProvided(text: string, wordStart: number, wordEnd: number): boolean {
  const length = wordEnd - wordStart;
  if (length !== 8 && length !== 5 && length !== 4) return false;
  return codeAt(text, wordStart - 1) === SPACE && 'yn'.includes(text[wordStart - 2] ?? ' ');
}

function findUnder(text: string, runs: Runs, sign: number, name: SecretName): Finding | undefined {
  const next = behindSign(text, sign);
  if (next === undefined) return undefined;
  const valueStart = endOfOpening(text, endOfSpaces(text, next, 4));
  if (codeAt(text, valueStart) === SQUARE_BRACKET) return findInList(text, valueStart + 1, name);
  const written = writtenAt(text, runs, valueStart, name);
  const found = written === undefined ? undefined : judge(text, runs, written, name, valueStart > next);
  return found ?? findBelow(text, valueStart, name.kind, name.name);
}

/**
 * What stands between a sign and the quoted value: the end of Markdown's emphasis, a type, the call that wraps a
 * secret, the letter of a literal, the variable of the environment the value replaces when it is not set.
 */
const OPENING = new RegExp(
  `(?:${[
    /\*\* {1,2}/,
    /(?:&?(?:'static )?str|string|String) ?= ?/,
    /(?:Some|Secret(?:Str|String|Bytes)|String::from|Buffer\.from)\((?=\\{0,7}["'])/,
    /process\.env\.\w{1,64} ?(?:\|\||\?\?) ?(?=\\{0,7}["'`])/,
    /(?:os\.)?(?:get)?env(?:iron\.get)?\(\\{0,7}["']\w{1,64}\\{0,7}["'], ?(?=\\{0,7}["'])/,
    /[bu](?=\\{0,7}["'])/,
  ]
    .map(({ source }) => source)
    .join('|')}){1,3}`,
  'y',
);

/** What they begin with: two signs each. Hardly a value does, and asking this costs less. */
const OPENING_SIGNS = `** &' &s st Se So St Bu pr os ge en b\\ b" b' u\\ u" u'`;
const opensWith = new Uint8Array(2 ** 14);
for (const signs of OPENING_SIGNS.split(' ')) opensWith[pairOf(charCodeAt(signs, 0), charCodeAt(signs, 1))] = 1;

/** Two characters of ASCII as one number below 2^14. */
function pairOf(first: number, second: number): number {
  return (first << 7) | second;
}

/** What OTLP writes around a text in JSON, alone or as the first of a list. */
const ANY_VALUE = /\{(?:[\s{["\\:n]|arrayValue|values){0,192}stringValue\\{0,7}"\s?:\s?/y;

function endOfOpening(text: string, start: number): number {
  const first = codeAt(text, start);
  if (first === CURLY_BRACKET) return start + (matchAt(ANY_VALUE, text, start)?.[0].length ?? 0);
  const second = codeAt(text, start + 1);
  const isAscii = first >= 0 && second >= 0 && (first | second) < 128;
  if (!isAscii || opensWith[pairOf(first, second)] === 0) return start;
  return start + (matchAt(OPENING, text, start)?.[0].length ?? 0);
}

/** What is assigned to a word that only the name of something else makes a secret, such as `value`. */
export function findValue(
  text: string,
  runs: Runs,
  sign: number,
  wordEnd: number,
  name: string,
  kind: SecretKind,
): Finding | undefined {
  if (sign - wordEnd > MAX_GAP) return undefined;
  for (let at = wordEnd; at < sign; at += 1) if (!isGap(text, at)) return undefined;
  const quote = text.slice(wordEnd, endOf(text, wordEnd, QUOTE, sign));
  return findUnder(text, runs, sign, { name, kind, quote });
}

/** `contraseña` is a name too, though its last letter alone is a word here. */
function startOfName(text: string, wordStart: number): number {
  const isSpanish = wordStart > 0 && charCodeAt(text, wordStart - 1) === LETTER_N_TILDE;
  return isSpanish ? startOf(text, wordStart - 1, WORD, Math.max(0, wordStart - 32)) : wordStart;
}

function secretName(text: string, sign: number, wordStart: number, wordEnd: number): SecretName | undefined {
  for (let at = wordEnd; at < sign; at += 1) if (!isGap(text, at)) return undefined;
  const before = wordStart === 0 ? '\n' : text[wordStart - 1]!;
  const isEqual = charCodeAt(text, sign) === EQUALS;
  const isInQuery = isEqual && wordEnd === sign && '?&#;'.includes(before);
  const name = nameWithWordBefore(text, wordStart, wordEnd);
  const kind = isInQuery ? secretKindInQuery(name) : secretKindOf(name);
  if (kind === undefined || isAboutParsing(text, wordStart, kind)) return undefined;
  const isVariable =
    isEqual &&
    ' \n\r'.includes(before) &&
    /(?:^|[\n\r]|export |set |-e |ENV )$/.test(text.slice(Math.max(0, wordStart - 8), wordStart));
  const quote = text.slice(wordEnd, endOf(text, wordEnd, QUOTE, sign));
  return { name, kind, quote, place: isInQuery ? 'query' : isVariable ? 'variable' : undefined };
}

/** Between name and sign may stand what quotes or emphasises the name, or closes an index. */
function isGap(text: string, at: number): boolean {
  if ((typeAt(text, at) & QUOTE) !== 0) return true;
  const character = text[at];
  return character === ' ' || character === '\t' || character === '*' || character === ']' || character === '?';
}

/** `API key: …` is named by two words. */
export function nameWithWordBefore(text: string, wordStart: number, wordEnd: number): string {
  const word = text.slice(wordStart, wordEnd);
  const mayBeOne = codeAt(text, wordStart - 1) === SPACE && isFirstOfSecondWord(charCodeAt(text, wordStart) | 32);
  if (!mayBeOne || !/^(?:keys?|code|phrase|string)$/i.test(word)) return word;
  const before = /[A-Za-z]{2,12} $/.exec(text.slice(Math.max(0, wordStart - 13), wordStart));
  return before === null ? word : `${before[0]}${word}`;
}

/** `key`, `code`, `phrase`, `string`. */
function isFirstOfSecondWord(letter: number): boolean {
  return letter === LETTER_K || letter === LETTER_C || letter === LETTER_P || letter === LETTER_S;
}

/** Parsers and lexers speak of tokens too. */
function isAboutParsing(text: string, wordStart: number, kind: SecretKind): boolean {
  if (kind !== 'token' || codeAt(text, wordStart - 1) !== SPACE) return false;
  const before = text.slice(Math.max(0, wordStart - 12), wordStart);
  return /(?:unexpected|unknown|next|special|last|expected|illegal) $/i.test(before);
}

/** The position behind `=`, `:`, `:=` or `=>`; absent for comparisons and for the colon of a URL. */
function behindSign(text: string, sign: number): number | undefined {
  const next = codeAt(text, sign + 1);
  if (charCodeAt(text, sign) === EQUALS) return next === EQUALS ? undefined : next === GREATER ? sign + 2 : sign + 1;
  if (next === COLON) return undefined;
  return next === EQUALS ? sign + 2 : sign + 1;
}

function endOfSpaces(text: string, start: number, max: number): number {
  let end = start;
  for (; end - start < max; end += 1) {
    const code = codeAt(text, end);
    if (code !== SPACE && code !== TAB) break;
  }
  return end;
}

/** Line ends and indentation as they are, or as JSON in a string has them. */
const BETWEEN_ITEMS = /(?:[\s,]|\\{1,7}[nrt]){0,64}/y;

/** The items of a list of texts of which one is a secret: what stands before it could be one of another kind. */
function findInList(text: string, start: number, name: SecretName): Finding | undefined {
  let first: number | undefined;
  let last = start;
  let isSecret = false;
  let at = start;
  for (let count = 0; count < MAX_ITEMS; count += 1) {
    at += matchAt(BETWEEN_ITEMS, text, at)![0].length;
    const item = quotedAt(text, at);
    if (item === undefined) break;
    first ??= item.start;
    last = item.end;
    isSecret ||= isSecretValue(text.slice(item.start, item.end), name.kind, name.name);
    at = item.after;
  }
  return first !== undefined && isSecret ? { start: first, end: last, kind: name.kind } : undefined;
}
