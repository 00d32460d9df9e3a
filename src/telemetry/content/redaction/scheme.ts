import { DOT, SCHEME_LETTER, startOf, typeAt } from './characters.ts';
import { CAPITAL_O, codeAt, DOLLAR, LETTER_B, LETTER_O, LETTER_R, PERCENT, PLUS, SIX, SPACE, TAB } from './codes.ts';
import { matchAt, type Finding } from './finding.ts';
import { isSecretValue } from './named-value.ts';
import { isFiller, looksRandom } from './randomness.ts';
import { Runs } from './runs.ts';
import { isBase64Url } from './web-token.ts';

const SCHEME = /(?:Bearer|Basic|Token|ApiKey|Key|Bot|Negotiate|DPoP|GenieKey|SSWS)(?:[ \t]|%20|\+){1,2}/iy;

/** `Bearer authentication` is no secret. */
const LONGER_THAN_WORDS = 16;

/** Shortest and longest name of a scheme that is recognised without the name of its header. */
export const SHORTEST_SCHEME = 5;
export const LONGEST_SCHEME = 6;

/**
 * The credentials behind `Bearer` or `Basic` anywhere in a text (RFC 6750, RFC 7617). In prose an ordinary word
 * may follow, so that they have to look like credentials.
 */
export function findSchemed(text: string, runs: Runs, start: number, end: number): Finding | undefined {
  if ((text.charCodeAt(start) | 32) !== LETTER_B || behindScheme(text, end) === end) return undefined;
  const scheme = text.slice(start, end).toLowerCase();
  if (scheme !== 'bearer' && scheme !== 'basic') return undefined;
  const found = credentialsAt(text, behindScheme(text, end), runs, false);
  if (found === undefined || found.end - found.start < MIN_CREDENTIALS) return undefined;
  // The names of schemes may follow each other with a plus between them, and all the rest be the credentials of each.
  const read = Math.min(found.end, found.start + MAX_READ);
  if (scheme === 'basic' && !holdsColon(text, found.start, read)) return undefined;
  const credentials = text.slice(found.start, read);
  const isBearer = scheme === 'bearer';
  const isOne = isBearer
    ? credentials.length >= LONGER_THAN_WORDS || looksRandom(credentials)
    : isBase64Url(credentials);
  if (!isOne || (isFiller(credentials) && !/\w\*/.test(credentials))) return undefined;
  return { ...found, kind: isBearer ? 'bearer_token' : 'basic_credentials' };
}

/** One or two spaces stand between the name of a scheme and the credentials. */
function behindScheme(text: string, end: number): number {
  let at = end;
  for (let count = 0; count < 2 && at < text.length; count += 1) {
    const code = text.charCodeAt(at);
    if (code === SPACE || code === TAB || code === PLUS) at += 1;
    else if (code === PERCENT && text.startsWith('20', at + 1)) at += 3;
  }
  return at;
}

/** Most of credentials that is read to judge them, in UTF-16 units: whole groups of four characters of base64. */
const MAX_READ = 256;

/** Shortest credentials that are recognised by the name of the scheme alone. */
const MIN_CREDENTIALS = 8;

/** The credentials behind the name of a scheme, where the name of the header has said that there are some. */
export function schemedAt(text: string, start: number, runs: Runs = new Runs(text)): Finding | undefined {
  if ((typeAt(text, start) & SCHEME_LETTER) === 0) return undefined;
  const opening = matchAt(SCHEME, text, start);
  if (opening === null) return undefined;
  const first = start + opening[0].length;
  const found = credentialsAt(text, first, runs, true);
  if (found === undefined || !isSecretValue(text.slice(found.start, found.end), 'authorization', '')) return undefined;
  const scheme = opening[0].slice(0, 5).toLowerCase();
  const kind = scheme === 'basic' ? 'basic_credentials' : scheme === 'beare' ? 'bearer_token' : 'authorization';
  return { ...found, kind };
}

function credentialsAt(text: string, start: number, runs: Runs, inParts: boolean): Finding | undefined {
  if (codeAt(text, start) === DOLLAR) return undefined;
  // A dot at the end ends the sentence.
  const end = startOf(text, runs.endOfCredentials(start, inParts), DOT, start);
  return end > start ? { start, end, kind: 'authorization' } : undefined;
}

/** Whether a stretch of base64 says a colon, which has another form at each place among three bytes. */
function holdsColon(text: string, start: number, end: number): boolean {
  for (let at = start; at + 1 < end; at += 4) {
    if (text.charCodeAt(at) === CAPITAL_O && /[g-v]/.test(text[at + 1]!)) return true;
    if (at + 2 === end) break;
    const third = text.charCodeAt(at + 2);
    if (third >= LETTER_O && third <= LETTER_R && 'DTjz'.includes(text[at + 1]!)) return true;
    if (at + 3 < end && text.charCodeAt(at + 3) === SIX && 'AEIMQUYcgkosw048'.includes(text[at + 2]!)) return true;
  }
  return false;
}
