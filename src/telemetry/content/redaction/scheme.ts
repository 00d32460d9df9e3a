import { DOT, startOf } from './characters.ts';
import { matchAt, type Finding } from './finding.ts';
import { isSecretValue } from './named-value.ts';
import { isFiller, looksRandom } from './randomness.ts';
import { decodeBase64Url } from './web-token.ts';

/** `~` is one of the characters of RFC 6750 too. */
const CREDENTIALS = /[\w\-.~+/=*][\w\-.~+/=*$]*/y;
const SCHEME = /(?:Bearer|Basic|Token|ApiKey|Key|Bot|Negotiate|DPoP|GenieKey|SSWS)(?:[ \t]|%20|\+){1,2}/iy;

const LETTER_B = 98;
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
  if ((text.charCodeAt(start) | 32) !== LETTER_B) return undefined;
  const scheme = text.slice(start, end).toLowerCase();
  if (scheme !== 'bearer' && scheme !== 'basic') return undefined;
  const opening = matchAt(SCHEME, text, start);
  if (opening === null) return undefined;
  const found = credentialsAt(text, start + opening[0].length);
  if (found === undefined) return undefined;
  const credentials = text.slice(found.start, found.end);
  if (isFiller(credentials) && !/\w\*/.test(credentials)) return undefined;
  if (scheme === 'basic') return isBasic(credentials) ? { ...found, kind: 'basic_credentials' } : undefined;
  const isOne = credentials.length >= 8 && (looksRandom(credentials) || credentials.length >= LONGER_THAN_WORDS);
  return isOne ? { ...found, kind: 'bearer_token' } : undefined;
}

/** The credentials behind the name of a scheme, where the name of the header has said that there are some. */
export function schemedAt(text: string, start: number): Finding | undefined {
  const opening = matchAt(SCHEME, text, start);
  if (opening === null) return undefined;
  const found = credentialsAt(text, start + opening[0].length);
  if (found === undefined || !isSecretValue(text.slice(found.start, found.end), 'authorization', '')) return undefined;
  const scheme = opening[0].slice(0, 5).toLowerCase();
  const kind = scheme === 'basic' ? 'basic_credentials' : scheme === 'beare' ? 'bearer_token' : 'authorization';
  return { ...found, kind };
}

function credentialsAt(text: string, start: number): Finding | undefined {
  const match = matchAt(CREDENTIALS, text, start);
  if (match === null) return undefined;
  // A dot at the end ends the sentence.
  const end = startOf(text, start + match[0].length, DOT, start);
  return end > start ? { start, end, kind: 'authorization' } : undefined;
}

/** Whether a text is a user and a password in base64. */
function isBasic(text: string): boolean {
  if (text.length < 8) return false;
  try {
    return decodeBase64Url(text).includes(':');
  } catch {
    return false;
  }
}
