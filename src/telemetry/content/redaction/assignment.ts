import { DOT, endOf, QUOTE, SEPARATOR, startOf, typeAt, WORD } from './characters.ts';
import {
  BACKSLASH,
  BRACKET,
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
import { findBeside } from './beside.ts';
import { findBelow } from './block-value.ts';
import { matchAt, type Finding } from './finding.ts';
import { hasForm, isExpression, isSecretValue } from './named-value.ts';
import { MIN_KEY, providerKeyAt } from './provider-key.ts';
import { looksRandom } from './randomness.ts';
import { endBefore, type Runs } from './runs.ts';
import { schemedAt } from './scheme.ts';
import { endsLikeSecret, secretKindInQuery, secretKindOf, type SecretKind } from './secret-names.ts';

/** Most characters between a name and its sign of assignment: quotation marks, backslashes, spaces, Markdown. */
const MAX_GAP = 12;
/** Most that is read to judge a value, in UTF-16 units. */
const MAX_READ = 4096;
/** Most quoted items of a list under one name. */
const MAX_ITEMS = 100;

/** Most backslashes before a quotation mark: those of JSON in a string in JSON in a string in JSON. */
const MAX_DEPTH = 7;

/** The name an assignment gives a value to, and what that says of the value. */
interface SecretName {
  readonly name: string;
  readonly kind: SecretKind;
  /** What the name is quoted with, backslashes included; empty when it is not. */
  readonly quote: string;
  /** Whether it is one of a query, or begins its line and is written like a variable of the environment. */
  readonly place?: 'query' | 'variable' | undefined;
}

/** A value as it is written. */
interface Written {
  readonly start: number;
  readonly end: number;
  /** Position behind the closing quotation mark, or the end of what has none. */
  readonly after: number;
  readonly isQuoted: boolean;
}

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
for (const signs of OPENING_SIGNS.split(' ')) opensWith[pairOf(signs.charCodeAt(0), signs.charCodeAt(1))] = 1;

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

/** The value of an option of a command line, such as `--password`, given the bounds of its name. */
export function findOptionValue(
  text: string,
  runs: Runs,
  wordStart: number,
  wordEnd: number,
  known?: SecretKind,
): Finding | undefined {
  const kind = known ?? secretKindOf(text.slice(wordStart, wordEnd));
  if (kind === undefined) return undefined;
  const name: SecretName = { name: '', kind, quote: '' };
  if (known === undefined && text[wordEnd] !== ' ') return findArgument(text, runs, wordStart, wordEnd, name);
  const start = wordEnd + 1;
  if (text[start] === '-') return undefined;
  const written = writtenAt(text, runs, start, name);
  return written === undefined ? undefined : judge(text, runs, written, name, known === undefined);
}

/** The value behind an option where each is a text of a list: `["--password", "…"]`. Descriptions follow there, too. */
function findArgument(
  text: string,
  runs: Runs,
  optionStart: number,
  optionEnd: number,
  name: SecretName,
): Finding | undefined {
  const between = matchAt(BETWEEN_ARGUMENTS, text, optionEnd);
  const written = between === null ? undefined : quotedAt(text, optionEnd + between[0].length);
  if (written === undefined) return undefined;
  // Where the option is a value of an object, a name follows.
  const isMember = COLON_BEFORE.test(text.slice(Math.max(0, optionStart - 16), optionStart));
  if (isMember && matchAt(COLON_BEHIND, text, written.after) !== null) return undefined;
  const value = text.slice(written.start, Math.min(written.end, written.start + MAX_READ));
  const isName = value.startsWith('-') || secretKindOf(value) !== undefined;
  return isName || /\s/.test(value) ? undefined : judge(text, runs, written, name, true);
}

/** Options in backticks are those of a description in Markdown. */
const BETWEEN_ARGUMENTS = /\\{0,7}["'],(?:\s|\\{1,7}[nrt]){0,64}/y;
const COLON_BEFORE = /:\s{0,8}\\{0,7}["']$/;
const COLON_BEHIND = /\s{0,8}:/y;

/** Shortest secret that is recognised right behind its name, with no word or sign between them. */
const MIN_FOLLOWING = 16;

/**
 * What a sentence says: `my password is …`, `the API key …`. Ordinary words follow these names more often than secrets
 * do, so that the value must be quoted or look drawn by lot.
 *
 * @param wordStart start of the word behind the name, which is the verb or the value
 */
export function findStated(
  text: string,
  runs: Runs,
  nameStart: number,
  nameEnd: number,
  wordStart: number,
  wordEnd: number,
): Finding | undefined {
  // Members of JSON come here most often, and are told apart by one sign.
  const isNext = nameEnd + 1 === wordStart;
  if (isNext ? text.charCodeAt(nameEnd) !== SPACE : text.charCodeAt(nameEnd + 1) === COLON) return undefined;
  return findBehind(text, runs, nameStart, nameEnd, wordStart, wordEnd);
}

function findBehind(
  text: string,
  runs: Runs,
  nameStart: number,
  nameEnd: number,
  wordStart: number,
  wordEnd: number,
): Finding | undefined {
  if (text.startsWith('BY', wordStart) && text.startsWith('IDENTIFIED', nameStart)) {
    return findOptionValue(text, runs, wordStart, wordEnd, 'password');
  }
  if (!endsLikeSecret(text, nameStart, nameEnd)) return undefined;
  const name = nameWithWordBefore(text, nameStart, nameEnd);
  const kind = secretKindOf(name);
  if (kind === undefined) return undefined;
  return nameEnd + 1 === wordStart
    ? findNext(text, runs, nameStart, wordStart, wordEnd, name, kind)
    : findBeside(text, nameStart, nameEnd, wordStart, kind);
}

function findNext(
  text: string,
  runs: Runs,
  nameStart: number,
  wordStart: number,
  wordEnd: number,
  name: string,
  kind: SecretKind,
): Finding | undefined {
  if (kind === 'cookie' || kind === 'authorization') return undefined;
  const verb = matchAt(/is:? /iy, text, wordStart);
  const written = quotedOrWord(text, runs, wordStart + (verb?.[0].length ?? 0));
  if (written === undefined || (verb === null && (written.isQuoted || wordEnd - wordStart < MIN_FOLLOWING))) {
    const before = text.slice(Math.max(0, nameStart - 80), nameStart);
    if (written === undefined || !SETTING.test(before)) return undefined;
  }
  const value = text.slice(written.start, Math.min(written.end, written.start + MAX_READ));
  if (!isSecretValue(value, kind, name) || !(written.isQuoted || looksRandom(value))) return undefined;
  return { start: written.start, end: written.end, kind };
}

/** What says that name and value follow: a variable of an image, of Windows or of fish, a line of `.netrc`. */
const SETTING = /(?:\bENV|\bsetx|\bset -gx|\blogin \S{1,64}) $/;

function quotedOrWord(text: string, runs: Runs, start: number): Written | undefined {
  const written = writtenAt(text, runs, start, { kind: 'secret' });
  // A dot at the end ends the sentence.
  return written === undefined || written.isQuoted
    ? written
    : unquoted(written.start, startOf(text, written.end, DOT, written.start));
}

/** What a list of settings has in place of a name: `<key>name</key><string>`. */
const NAMED_BY_TEXT = /(?:key|name)>([\w.-]{3,128})<\/(?:key|name)>\s{0,64}<(?:string|value)>/y;
/** Text as it is, up to the end of the element. */
const ELEMENT_TEXT = /(<!\[CDATA\[)?([^<]{3,4096}?)(?:\]\]>)?<\/[\w.:-]/y;

/** The text of an XML element named like a secret, given the bounds of the name in its opening tag. */
export function findElementText(text: string, sign: number, wordStart: number, wordEnd: number): Finding | undefined {
  const before = text[wordStart - 1];
  if (wordEnd !== sign || (before !== '<' && before !== ':')) return undefined;
  const isNaming = text.startsWith('key', wordStart) || text.startsWith('name', wordStart);
  const named = isNaming ? matchAt(NAMED_BY_TEXT, text, wordStart) : null;
  const name = named?.[1] ?? text.slice(wordStart, wordEnd);
  const kind = secretKindOf(name);
  if (kind === undefined) return undefined;
  const at = named === null ? sign + 1 : wordStart + named[0].length;
  const match = matchAt(ELEMENT_TEXT, text, at);
  if (match === null || !isSecretValue(match[2]!, kind, name)) return undefined;
  const start = at + (match[1]?.length ?? 0);
  return { start, end: start + match[2]!.length, kind };
}

/** `contraseña` is a name too, though its last letter alone is a word here. */
function startOfName(text: string, wordStart: number): number {
  const isSpanish = wordStart > 0 && text.charCodeAt(wordStart - 1) === LETTER_N_TILDE;
  return isSpanish ? startOf(text, wordStart - 1, WORD, Math.max(0, wordStart - 32)) : wordStart;
}

function secretName(text: string, sign: number, wordStart: number, wordEnd: number): SecretName | undefined {
  for (let at = wordEnd; at < sign; at += 1) if (!isGap(text, at)) return undefined;
  const before = wordStart === 0 ? '\n' : text[wordStart - 1]!;
  const isEqual = text.charCodeAt(sign) === EQUALS;
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
function nameWithWordBefore(text: string, wordStart: number, wordEnd: number): string {
  const word = text.slice(wordStart, wordEnd);
  const mayBeOne = codeAt(text, wordStart - 1) === SPACE && isFirstOfSecondWord(text.charCodeAt(wordStart) | 32);
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
  if (text.charCodeAt(sign) === EQUALS) return next === EQUALS ? undefined : next === GREATER ? sign + 2 : sign + 1;
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

function writtenAt(
  text: string,
  runs: Runs,
  start: number,
  name: Pick<SecretName, 'kind' | 'place'>,
): Written | undefined {
  return quotedAt(text, start) ?? unquotedAt(text, runs, start, name);
}

/**
 * A text in quotation marks, which may be escaped as they are where JSON stands in a string. It ends at the same
 * mark behind the same number of backslashes, in the same line. A mark behind more of them belongs to it, unless these
 * are backslashes at its end. A program that quotes JSON doubles them, so that a mark behind such a number may be
 * either: it ends the text where what follows is what follows a value, or where no other mark does.
 */
function quotedAt(text: string, start: number): Written | undefined {
  if ((typeAt(text, start) & QUOTE) === 0) return undefined;
  const mark = endOfBackslashes(text, start);
  const quote = text[mark];
  if (quote !== '"' && quote !== "'" && quote !== '`') return undefined;
  const depth = mark - start;
  if (depth > MAX_DEPTH) return undefined;
  // As many as one backslash at its end is written as: 2, 4, 8 or 16.
  const unit = 1 << (33 - Math.clz32(depth));
  let earlier: Written | undefined;
  for (let at = mark + 1; at < text.length; at += 1) {
    const character = text[at];
    if (character === '\n') return earlier;
    if (character !== '\\' && character !== quote) continue;
    const next = endOfBackslashes(text, at);
    const more = next - at - depth;
    if (text[next] === quote && (more <= 0 || more % unit === 0)) {
      const written = { start: mark + 1, end: at + Math.max(more, 0), after: next + 1, isQuoted: true };
      // A mark behind fewer ends what the text stands in.
      if (more < 0 && earlier !== undefined) return earlier;
      if (more <= 0 && (earlier === undefined || !text.slice(earlier.end, at).includes(' '))) return written;
      if (matchAt(BEHIND_VALUE[depth]!, text, next + 1) !== null) return written;
      if (more <= 0) return earlier;
      earlier = written;
    }
    at = next;
  }
  if (earlier !== undefined && text.slice(earlier.end).includes(' ')) return earlier;
  // The end was cut off.
  return { start: mark + 1, end: text.length, after: text.length, isQuoted: true };
}

/**
 * What follows a value in JSON or in a program, by the backslashes before its quotation marks: other marks of its text
 * have no more of them, line ends half as many, and what the text itself stands in has fewer.
 */
const BEHIND_VALUE: readonly RegExp[] = Array.from({ length: MAX_DEPTH + 1 }, (_, depth) => {
  const lineEnd = String.raw`[\t\r\n]|\\{1,${(depth + 2) >> 1}}[nrt]`;
  const next = String.raw`\\{0,${depth}}["'\x60]|[[{]`;
  const outer = depth === 0 ? '(?!)' : String.raw`\\{0,${depth - 1}}["'\x60]`;
  const end = `$|${lineEnd}|${outer}`;
  return new RegExp(String.raw` {0,8}(?:${end}|, ?(?:$|${lineEnd}|${next})|[)\]}]{1,32}(?:${end}|[,'\x60]))`, 'y');
});

function endOfBackslashes(text: string, start: number): number {
  let end = start;
  while (codeAt(text, end) === BACKSLASH) end += 1;
  return end;
}

const ENDS_OF_VARIABLE = /[\s"'`]/g;

function unquotedAt(
  text: string,
  runs: Runs,
  start: number,
  { kind, place }: Pick<SecretName, 'kind' | 'place'>,
): Written | undefined {
  if (kind === 'cookie')
    return matchAt(COOKIE, text, start) === null ? undefined : unquoted(start, runs.endOfLine(start));
  const spaced = WITH_SPACES[kind];
  const listed = spaced === undefined ? null : matchAt(spaced, text, start);
  if (listed !== null) return unquoted(start, start + listed[0].length);
  const end =
    place === 'variable' ? endBefore(ENDS_OF_VARIABLE, text, start) : runs.endOfValue(start, place === 'query');
  return unquoted(start, startOf(text, end, SEPARATOR, start));
}

function unquoted(start: number, end: number): Written | undefined {
  return end === start ? undefined : { start, end, after: end, isQuoted: false };
}

/** The name of the first cookie; prose about cookies has none. */
const COOKIE = /[\w!#$%&'*+.^|~-]{1,128}=/y;

/** Schemes that write their credentials as a list, such as `Digest` and `AWS4-HMAC-SHA256`. */
const LISTED_CREDENTIALS =
  /[\w-]{1,40} {1,4}(?:[\w-]{1,40}=(?:\\{0,7}"[^"\n\\]{0,1024}\\{0,7}"|[^\s,"'\\]{1,1024}),? {0,2}){1,20}/y;

/** What is one value though it has spaces in it and no quotation marks around it. */
const WITH_SPACES: Partial<Record<SecretKind, RegExp>> = {
  authorization: LISTED_CREDENTIALS,
  iban: /[A-Z]{2}\d{2}(?: [A-Z0-9]{2,4}){3,8}/y,
  recovery_phrase: /(?:[a-z]{3,12} ){11,23}[a-z]{3,12}/y,
};

function judge(text: string, runs: Runs, written: Written, name: SecretName, isSpaced: boolean): Finding | undefined {
  const { start, end, isQuoted } = written;
  const { kind, quote } = name;
  const schemed = kind === 'cookie' ? undefined : schemedAt(text, start, runs);
  if (schemed !== undefined) return schemed;
  if (!isQuoted && isSpaced && mayBeginSentence(text, start, end, name)) return undefined;
  const value = text.slice(start, Math.min(end, start + MAX_READ));
  if (!isQuoted && (!hasForm(value, kind) || isCode(text, end, name, value))) return undefined;
  if (!isSecretValue(value, kind, name.name)) return undefined;
  // Models answer with the tokens of their own text.
  if (kind === 'token' && matchAt(LOG_PROBABILITY, text, end) !== null) return undefined;
  const key = providerKeyAt(text, start);
  if (key?.end === end) return key;
  if (isQuoted) return { start, end, kind };
  if (!isSecretUnquoted(text, end, name, value, isSpaced)) return undefined;
  // Under a quoted name a number is one of JSON, and a placeholder is none.
  return quote === '' ? { start, end, kind } : { start, end, kind, quote };
}

/** Whether a short word behind a space is more likely one of a sentence than a secret. Asked first, for it is often so. */
function mayBeginSentence(text: string, start: number, end: number, name: SecretName): boolean {
  const { kind, quote, place } = name;
  if (place !== undefined || end - start >= MIN_KEY || kind === 'password' || kind === 'cookie' || quote !== '')
    return false;
  const isWord = endOf(text, start, WORD | DOT, end) >= end - 1;
  return isWord && !looksRandom(text.slice(start, end));
}

const LOG_PROBABILITY = /\\{0,7}["'],\s{0,64}\\{0,7}["']logprob/y;

/** Whether what stands without quotation marks is code. Asked before more is read of it than its beginning. */
function isCode(text: string, end: number, { kind, place }: SecretName, value: string): boolean {
  if (kind === 'cookie' || place === 'query') return false;
  return codeAt(text, end) === BRACKET || '{[('.includes(value[0]!) || isExpression(value);
}

/** Whether what stands without quotation marks and is no code is a secret, and not the beginning of a sentence. */
function isSecretUnquoted(text: string, end: number, name: SecretName, value: string, isSpaced: boolean): boolean {
  const { kind, place, quote } = name;
  if (kind === 'cookie') return true;
  // A parameter named `key` or `auth` need not be a secret.
  if (place === 'query') return kind !== 'api_key' || value.length >= 16 || looksRandom(value);
  if (quote !== '' && /^-?\d+(?:\.\d+)?$/.test(value)) return isNumberSecret(kind);
  if (!isSpaced || place === 'variable') return true;
  if (looksRandom(value) || /[^\w.-]/.test(value.slice(0, -1))) return true;
  // Behind a space an ordinary word may begin a sentence; one that ends its line is the value.
  return kind === 'password' && /^[ \t]*(?:[\n\r,;]|$)/.test(text.slice(end, end + 8));
}

/** Whether a number under the name is a secret: under others it is an identifier, or counts something. */
export function isNumberSecret(kind: SecretKind): boolean {
  return (
    kind === 'password' || kind === 'card_code' || kind === 'pin' || kind === 'one_time_code' || kind === 'national_id'
  );
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
