import { DOT, endOf, WORD } from './characters.ts';
import { BRACKET, codeAt } from './codes.ts';
import { matchAt, type Finding } from './finding.ts';
import { hasForm, isExpression, isSecretValue } from './named-value.ts';
import { MIN_KEY, providerKeyAt } from './provider-key.ts';
import { looksRandom } from './randomness.ts';
import type { Runs } from './runs.ts';
import { schemedAt } from './scheme.ts';
import type { SecretKind } from './secret-names.ts';
import type { WritingOf, Written } from './written-value.ts';

/** Most that is read to judge a value, in UTF-16 units. */
export const MAX_READ = 4096;

/** The name an assignment gives a value to, and what that says of the value. */
export interface SecretName extends WritingOf {
  readonly name: string;
  /** What the name is quoted with, backslashes included; empty when it is not. */
  readonly quote: string;
}

/**
 * What is to be replaced of a value under the name of a secret; undefined where it is none.
 *
 * @param isSpaced whether a space stands before it, behind which a sentence may begin
 */
export function judge(
  text: string,
  runs: Runs,
  written: Written,
  name: SecretName,
  isSpaced: boolean,
): Finding | undefined {
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
