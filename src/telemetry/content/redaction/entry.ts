import { charCodeAt } from '../char-code-at.ts';
import { findValue } from './assignment.ts';
import { BASE64_SIGN, DOT, endOf, LETTER_OR_DIGIT, typeAt, WORD } from './characters.ts';
import type { Finding } from './finding.ts';
import { findFormPart } from './form-part.ts';
import type { Runs } from './runs.ts';
import { remembering } from '../remembering.ts';
import { endsLikeSecret, secretKindOf, type SecretKind } from './secret-names.ts';

/** Farthest a value stands behind its name, in UTF-16 units. */
const MAX_APART = 160;
const FAR_BEFORE = -1024;
/** Most characters between the sign behind `name` and the name: quotation marks, backslashes, spaces. */
const MAX_GAP = 10;

const JSON_WEB_KEY = /["'\\]kty["'\\]/;
/** Shortest secret part of a JSON Web Key (RFC 7518, 6.2.2 and 6.4.1), in characters of base64url. */
const MIN_KEY_PART = 40;

/** Finds values whose names stand apart from them in one text. */
export interface EntryFinder {
  /**
   * The value behind a sign of assignment, given the bounds of the word before it: that of
   * `{"name":"X-Api-Key","value":…}`, also where it comes before its name, `name: DB_PASSWORD` and `value: …` in YAML,
   * `{"selector":"#password","text":…}` for the tool of a browser, `variable "db_password"` and `default = …` in
   * Terraform, the part of a form, and a private part of a JSON Web Key. To be asked for rising positions.
   */
  at(sign: number, wordStart: number, wordEnd: number): Finding | undefined;
}

/** Parts of a JSON Web Key that only its owner knows (RFC 7518, 6.2.2, 6.3.2 and 6.4.1). */
export const PRIVATE_PARTS: ReadonlySet<string> = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']);

/** What the words asked about stand before. */
const ROLES: ReadonlyMap<string, 'part' | 'name' | 'value' | 'text' | 'field' | 'default'> = new Map([
  ...Array.from(PRIVATE_PARTS, (part) => [part, 'part'] as const),
  ['name', 'name'],
  ['key', 'name'],
  ['value', 'value'],
  ['text', 'text'],
  ['selector', 'field'],
  ['element', 'field'],
  ['default', 'default'],
]);

/** A JSON text has few names, and has them often. */
const roleOf = remembering((word) => ROLES.get(word.toLowerCase()));

/** Their lengths with their first and their last letter. */
const marks = new Uint8Array(2 ** 14);
for (const word of ROLES.keys()) marks[markOf(word, 0, word.length)] = 1;

/**
 * Whether a word can be one of those asked about, going by its length, its first and its last letter. Nearly every
 * name of a JSON text is done with here.
 */
export function mayBelongToEntry(text: string, wordStart: number, wordEnd: number): boolean {
  return wordEnd - wordStart < 16 && marks[markOf(text, wordStart, wordEnd)] === 1;
}

/** Below 2^14 for all words of fewer than 16 letters. */
function markOf(text: string, start: number, end: number): number {
  return ((end - start) << 10) | ((charCodeAt(text, start) & 31) << 5) | (charCodeAt(text, end - 1) & 31);
}

/** Creates a finder for one text. */
export function createEntryFinder(text: string, runs: Runs): EntryFinder {
  let name = '';
  let nameEnd = FAR_BEFORE;
  let hasWebKey: boolean | undefined;
  /** Where the search for the opening of a variable ended last. */
  let searched = 0;

  /** Where the field a tool fills in is named, and the last value that had no name before it. */
  let fieldEnd = FAR_BEFORE;
  let valueSign = 0;
  let valueEnd = FAR_BEFORE;

  const readName = (sign: number, wordStart: number): Finding | undefined => {
    const start = beginningOfName(text, sign + 1);
    const end = endOf(text, start, WORD | DOT);
    nameEnd = end;
    name = end > start && endsLikeSecret(text, start, end) ? text.slice(start, end) : '';
    if (name === '') return undefined;
    const isReversed = isQuote(text, wordStart - 1) && !isApart(valueEnd, wordStart);
    return isReversed ? valueOf(name, valueSign, valueEnd) : findFormPart(text, name, end);
  };
  /** What is put into a field: one word, where words that say which field it is speak of a secret. */
  const findFilled = (sign: number, wordStart: number, wordEnd: number): Finding | undefined => {
    if (isApart(fieldEnd, wordStart)) return undefined;
    const kind = kindOfField(text.slice(fieldEnd, wordStart));
    const found = kind === undefined ? undefined : findValue(text, runs, sign, wordEnd, '', kind);
    return found === undefined || /\s/.test(text.slice(found.start, found.end)) ? undefined : found;
  };
  const isApart = (from: number, to: number): boolean => to - from > MAX_APART || text.slice(from, to).includes('}');
  const openedVariable = (before: number): string => {
    const limit = Math.max(searched, before - MAX_APART);
    let at = before - 1;
    while (at >= limit && text[at] !== '{' && text[at] !== '}') at -= 1;
    searched = before;
    return text[at] === '{'
      ? (/variable "([\w-]{1,128})" $/.exec(text.slice(Math.max(0, at - 141), at))?.[1] ?? '')
      : '';
  };
  const findPart = (sign: number, wordStart: number, wordEnd: number): Finding | undefined => {
    if (!isQuote(text, wordStart - 1)) return undefined;
    hasWebKey ??= JSON_WEB_KEY.test(text);
    const part = hasWebKey ? findValue(text, runs, sign, wordEnd, 'privateKey', 'private_key') : undefined;
    const isPart = part !== undefined && endOf(text, part.start, WORD | BASE64_SIGN) - part.start >= MIN_KEY_PART;
    return isPart ? part : undefined;
  };
  const valueOf = (owner: string, sign: number, wordEnd: number): Finding | undefined => {
    const kind = secretKindOf(owner);
    return kind === undefined ? undefined : findValue(text, runs, sign, wordEnd, owner, kind);
  };

  return {
    at(sign, wordStart, wordEnd) {
      switch (roleOf(text.slice(wordStart, wordEnd))) {
        case 'part':
          return findPart(sign, wordStart, wordEnd);
        case 'name':
          return readName(sign, wordStart);
        case 'value':
          if (isApart(nameEnd, wordStart)) {
            valueSign = sign;
            valueEnd = wordEnd;
          } else if (name !== '') return valueOf(name, sign, wordEnd);
          return findFilled(sign, wordStart, wordEnd);
        case 'text':
          return findFilled(sign, wordStart, wordEnd);
        case 'field':
          fieldEnd = sign;
          return undefined;
        case 'default':
          return valueOf(openedVariable(wordStart), sign, wordEnd);
        default:
          return undefined;
      }
    },
  };
}

/** What goes into a field, going by the words or the selector that say which one it is: `input#password`. */
export function kindOfField(words: string): SecretKind | undefined {
  const name = words.match(/[A-Za-z_-]{3,}/g)?.find((word) => secretKindOf(word) !== undefined);
  return name === undefined ? undefined : secretKindOf(name);
}

function beginningOfName(text: string, start: number): number {
  let at = start;
  while (at < text.length && at - start < MAX_GAP && (typeAt(text, at) & LETTER_OR_DIGIT) === 0) at += 1;
  return at;
}

function isQuote(text: string, position: number): boolean {
  return text[position] === '"' || text[position] === "'";
}
