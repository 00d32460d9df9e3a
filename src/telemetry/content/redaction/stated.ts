import { charCodeAt } from '../char-code-at.ts';
import { DOT, startOf } from './characters.ts';
import { COLON, SPACE } from './codes.ts';
import { nameWithWordBefore } from './assignment.ts';
import { findBeside } from './beside.ts';
import { matchAt, type Finding } from './finding.ts';
import { MAX_READ } from './judgement.ts';
import { findOptionValue } from './named-option.ts';
import { isSecretValue } from './named-value.ts';
import { looksRandom } from './randomness.ts';
import type { Runs } from './runs.ts';
import { endsLikeSecret, secretKindOf, type SecretKind } from './secret-names.ts';
import { unquoted, writtenAt, type Written } from './written-value.ts';

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
  if (isNext ? charCodeAt(text, nameEnd) !== SPACE : charCodeAt(text, nameEnd + 1) === COLON) return undefined;
  if (text.startsWith('BY', wordStart) && text.startsWith('IDENTIFIED', nameStart)) {
    return findOptionValue(text, runs, wordStart, wordEnd, 'password');
  }
  if (!endsLikeSecret(text, nameStart, nameEnd)) return undefined;
  const name = nameWithWordBefore(text, nameStart, nameEnd);
  const kind = secretKindOf(name);
  if (kind === undefined) return undefined;
  return isNext
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
