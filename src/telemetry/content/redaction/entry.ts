import { findValue } from './assignment.ts';
import { endOf, LETTER_OR_DIGIT, typeAt, WORD } from './characters.ts';
import type { Finding } from './finding.ts';
import { endsLikeSecret, secretKindOf } from './secret-names.ts';

/** Farthest a value stands behind its name, in UTF-16 units. */
const MAX_APART = 160;
/** Most characters between the sign behind `name` and the name: quotation marks, backslashes, spaces. */
const MAX_GAP = 10;

const JSON_WEB_KEY = /["'\\]kty["'\\]/;
/** Shortest secret part of a JSON Web Key (RFC 7518, 6.2.2 and 6.4.1), in characters of base64url. */
const MIN_KEY_PART = 40;

/** Finds values whose names stand apart from them in one text. */
export interface EntryFinder {
  /**
   * The value behind a sign of assignment, given the bounds of the word before it: that of
   * `{"name":"X-Api-Key","value":…}`, `name: DB_PASSWORD` and `value: …` in YAML, `variable "db_password"` and
   * `default = …` in Terraform, and the private part of a JSON Web Key. To be asked for rising positions.
   */
  at(sign: number, wordStart: number, wordEnd: number): Finding | undefined;
}

const LETTER_D = 100;
const LETTER_K = 107;
const LETTER_N = 110;
const LETTER_V = 118;

/**
 * Whether a word can be one of those asked about, going by its length and its first letter. Nearly every name of a
 * JSON text is done with here.
 */
export function mayBelongToEntry(text: string, wordStart: number, wordEnd: number): boolean {
  const length = wordEnd - wordStart;
  if (length === 0 || length > 7) return false;
  const first = text.charCodeAt(wordStart) | 32;
  if (length === 3) return first === LETTER_K;
  if (length === 4) return first === LETTER_N;
  if (length === 5) return first === LETTER_V;
  if (length === 7) return first === LETTER_D;
  return length === 1 && (first === LETTER_D || first === LETTER_K);
}

/** Creates a finder for one text. */
export function createEntryFinder(text: string): EntryFinder {
  let name = '';
  let nameEnd = 0;
  let hasWebKey: boolean | undefined;
  /** Where the search for the opening of a variable ended last. */
  let searched = 0;

  const readName = (sign: number): void => {
    const start = beginningOfName(text, sign + 1);
    const end = endOf(text, start, WORD);
    name = end > start && endsLikeSecret(text, start, end) ? text.slice(start, end) : '';
    nameEnd = end;
  };
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
    return kind === undefined ? undefined : findValue(text, sign, wordEnd, owner, kind);
  };

  return {
    at(sign, wordStart, wordEnd) {
      switch (wordEnd - wordStart) {
        case 1: {
          if (!isQuote(text, wordStart - 1)) return undefined;
          hasWebKey ??= JSON_WEB_KEY.test(text);
          const part = hasWebKey ? findValue(text, sign, wordEnd, 'privateKey', 'private_key') : undefined;
          return part !== undefined && part.end - part.start >= MIN_KEY_PART ? part : undefined;
        }
        case 3:
        case 4:
          if (/^(?:name|key)$/i.test(text.slice(wordStart, wordEnd))) readName(sign);
          return undefined;
        case 5:
          if (name === '' || wordStart - nameEnd > MAX_APART || !/^value$/i.test(text.slice(wordStart, wordEnd))) {
            return undefined;
          }
          // The bracket ends the entry the name belongs to.
          return text.slice(nameEnd, wordStart).includes('}') ? undefined : valueOf(name, sign, wordEnd);
        case 7:
          return text.startsWith('default', wordStart) ? valueOf(openedVariable(wordStart), sign, wordEnd) : undefined;
        default:
          return undefined;
      }
    },
  };
}

function beginningOfName(text: string, start: number): number {
  let at = start;
  while (at < text.length && at - start < MAX_GAP && (typeAt(text, at) & LETTER_OR_DIGIT) === 0) at += 1;
  return at;
}

function isQuote(text: string, position: number): boolean {
  return text[position] === '"' || text[position] === "'";
}
