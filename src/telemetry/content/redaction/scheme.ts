import { DOT, endOf, SCHEME_LETTER, startOf, typeAt } from './characters.ts';
import { codeAt, DOLLAR, LETTER_B, PERCENT, PLUS, SPACE, TAB, TILDE } from './codes.ts';
import { matchAt, type Finding } from './finding.ts';
import { isSecretValue } from './named-value.ts';
import { isFiller, looksRandom } from './randomness.ts';
import { createRuns, CREDENTIALS, type Runs } from './runs.ts';
import { decodeBase64Url } from './web-token.ts';

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
export function findSchemed(text: string, start: number, end: number): Finding | undefined {
  if ((text.charCodeAt(start) | 32) !== LETTER_B || behindScheme(text, end) === end) return undefined;
  const scheme = text.slice(start, end).toLowerCase();
  if (scheme !== 'bearer' && scheme !== 'basic') return undefined;
  const found = credentialsAt(text, behindScheme(text, end));
  if (found === undefined || found.end - found.start < MIN_CREDENTIALS) return undefined;
  const credentials = text.slice(found.start, found.end);
  const isBearer = scheme === 'bearer';
  const isOne = isBearer ? looksRandom(credentials) || credentials.length >= LONGER_THAN_WORDS : isBasic(credentials);
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

/** Shortest credentials that are recognised by the name of the scheme alone. */
const MIN_CREDENTIALS = 8;

/** The credentials behind the name of a scheme, where the name of the header has said that there are some. */
export function schemedAt(text: string, start: number, runs: Runs = createRuns(text)): Finding | undefined {
  if ((typeAt(text, start) & SCHEME_LETTER) === 0) return undefined;
  const opening = matchAt(SCHEME, text, start);
  if (opening === null) return undefined;
  const first = start + opening[0].length;
  if (text[first] === '$') return undefined;
  const found = credentialsBetween(text, first, runs.endOfCredentials(first));
  if (found === undefined || !isSecretValue(text.slice(found.start, found.end), 'authorization', '')) return undefined;
  const scheme = opening[0].slice(0, 5).toLowerCase();
  const kind = scheme === 'basic' ? 'basic_credentials' : scheme === 'beare' ? 'bearer_token' : 'authorization';
  return { ...found, kind };
}

function credentialsAt(text: string, start: number): Finding | undefined {
  if (text[start] === '$') return undefined;
  let reached = endOf(text, start, CREDENTIALS);
  while (codeAt(text, reached) === TILDE || codeAt(text, reached) === DOLLAR) {
    reached = endOf(text, reached + 1, CREDENTIALS);
  }
  return credentialsBetween(text, start, reached);
}

/** A dot at the end ends the sentence. */
function credentialsBetween(text: string, start: number, reached: number): Finding | undefined {
  const end = startOf(text, reached, DOT, start);
  return end > start ? { start, end, kind: 'authorization' } : undefined;
}

/** What a colon becomes in base64, going by its place among three bytes. */
const COLON = /^(?:[^]{4})*?(?:O|[^]{2}[opqr]|[^]{3}6)/;

/** Whether a text is a user and a password in base64. */
function isBasic(text: string): boolean {
  if (!COLON.test(text)) return false;
  try {
    return decodeBase64Url(text).includes(':');
  } catch {
    return false;
  }
}
