import { findValue } from './assignment.ts';
import { DOT, endOf, LETTER_OR_DIGIT, typeAt, WORD } from './characters.ts';
import { LETTER_P } from './codes.ts';
import type { Finding } from './finding.ts';
import { findFormPart } from './form-part.ts';
import type { Runs } from './runs.ts';
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
   * Terraform, the part of a form, and the private part of a JSON Web Key. To be asked for rising positions.
   */
  at(sign: number, wordStart: number, wordEnd: number): Finding | undefined;
}

const bitOf = (letter: string): number => 1 << (letter.charCodeAt(0) & 31);
/** First letters of the words asked about, as bits, by the length of the word. */
const FIRST_LETTERS = [
  0,
  bitOf('d') | bitOf('k'),
  0,
  bitOf('k'),
  bitOf('n') | bitOf('t'),
  bitOf('v'),
  0,
  bitOf('d') | bitOf('e'),
  bitOf('s'),
];

/**
 * Whether a word can be one of those asked about, going by its length and its first letter. Nearly every name of a
 * JSON text is done with here.
 */
export function mayBelongToEntry(text: string, wordStart: number, wordEnd: number): boolean {
  const length = wordEnd - wordStart;
  if (length >= FIRST_LETTERS.length) return false;
  if (((FIRST_LETTERS[length]! >> (text.charCodeAt(wordStart) & 31)) & 1) === 0) return false;
  // `type` is the most frequent of the others.
  return length !== 4 || (text.charCodeAt(wordStart + 2) | 32) !== LETTER_P;
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
  const valueOf = (owner: string, sign: number, wordEnd: number): Finding | undefined => {
    const kind = secretKindOf(owner);
    return kind === undefined ? undefined : findValue(text, runs, sign, wordEnd, owner, kind);
  };

  return {
    at(sign, wordStart, wordEnd) {
      switch (wordEnd - wordStart) {
        case 1: {
          if (!isQuote(text, wordStart - 1)) return undefined;
          hasWebKey ??= JSON_WEB_KEY.test(text);
          const part = hasWebKey ? findValue(text, runs, sign, wordEnd, 'privateKey', 'private_key') : undefined;
          return part !== undefined && part.end - part.start >= MIN_KEY_PART ? part : undefined;
        }
        case 3:
        case 4:
          if (text.startsWith('text', wordStart)) return findFilled(sign, wordStart, wordEnd);
          if (!/^(?:name|key)$/i.test(text.slice(wordStart, wordEnd))) return undefined;
          return readName(sign, wordStart);
        case 5:
          if (!/^value$/i.test(text.slice(wordStart, wordEnd))) return undefined;
          if (isApart(nameEnd, wordStart)) {
            valueSign = sign;
            valueEnd = wordEnd;
          } else if (name !== '') return valueOf(name, sign, wordEnd);
          return findFilled(sign, wordStart, wordEnd);
        case 8:
          fieldEnd = sign;
          return undefined;
        case 7:
          if (text.startsWith('element', wordStart)) fieldEnd = sign;
          return text.startsWith('default', wordStart) ? valueOf(openedVariable(wordStart), sign, wordEnd) : undefined;
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
