import { charCodeAt } from '../char-code-at.ts';
import { endOf, WORD } from './characters.ts';
import { CAPITAL_A, CAPITAL_J, LETTER_E, LETTER_Y } from './codes.ts';
import { matchAt } from './finding.ts';

/** Longest first part of a token that is looked into, in characters. */
const MAX_HEADER = 1024;

/** Shortest first part: `{"alg":"none"}` has 19 characters, and no name of an algorithm is much shorter. */
const MIN_HEADER = 18;

/** The parts behind the first; where the key was agreed on, the second is empty (RFC 7518, 4.5). */
const REST = /\.(?:[\w-]+(?:\.[\w-]*){0,3}|(?:\.[\w-]+){3})/y;

/**
 * End of the JSON Web Token (RFC 7519) or its encrypted form (RFC 7516) that begins at a position: parts in
 * base64url, of which the first is a JSON object that names an algorithm. A token whose end was cut off counts.
 */
export function webTokenEnd(text: string, start: number): number | undefined {
  if (!beginsWebToken(text, start)) return undefined;
  const headerEnd = endOf(text, start, WORD, start + MAX_HEADER);
  if (text[headerEnd] !== '.' || headerEnd - start < MIN_HEADER || !namesAlgorithm(text.slice(start, headerEnd)))
    return undefined;
  const match = matchAt(REST, text, headerEnd);
  return match === null ? undefined : headerEnd + match[0].length;
}

/** Whether a text begins like an object in base64: `{"` and `{ "`. */
export function beginsWebToken(text: string, start: number): boolean {
  if (start + MIN_HEADER > text.length || charCodeAt(text, start + 1) !== LETTER_Y) return false;
  const third = charCodeAt(text, start + 2);
  return (
    charCodeAt(text, start) === LETTER_E && (third === CAPITAL_J || (third === CAPITAL_A && text[start + 3] === 'i'))
  );
}

/** The name and value every header has (RFC 7515, 4.1.1). */
const ALGORITHM = /"alg"\s{0,4}:\s{0,4}"[\w+-]{1,32}"/;

function namesAlgorithm(header: string): boolean {
  return ALGORITHM.test(decodeBase64Url(header) ?? '');
}

/** What a text in base64url says; absent for what is none, which `atob` would take far longer to refuse. */
export function decodeBase64Url(text: string): string | undefined {
  return isBase64Url(text) ? atob(text.replaceAll('-', '+').replaceAll('_', '/')) : undefined;
}

/** Whether a text is base64 in either alphabet, with its padding or without. */
export function isBase64Url(text: string): boolean {
  const rest = text.length % 4;
  return rest !== 1 && (rest === 0 || !text.endsWith('=')) && /^[\w+/-]+={0,2}$/.test(text);
}
