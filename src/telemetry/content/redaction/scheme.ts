import { charCodeAt } from '../char-code-at.ts';
import { DOT, SCHEME_LETTER, startOf, typeAt } from './characters.ts';
import { codeAt, DOLLAR, LETTER_B } from './codes.ts';
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
export function findSchemed(text: string, runs: Runs, start: number): Finding | undefined {
  const scheme = (charCodeAt(text, start) | 32) === LETTER_B ? schemeAt(text, start) : undefined;
  if (scheme === undefined || scheme.kind === 'authorization') return undefined;
  const found = credentialsBehind(text, scheme, runs, false);
  if (found === undefined || found.end - found.start < MIN_CREDENTIALS) return undefined;
  // The names of schemes may follow each other with a plus between them, and all the rest be the credentials of each.
  const read = Math.min(found.end, found.start + MAX_READ);
  const isBearer = scheme.kind === 'bearer_token';
  if (!isBearer && !runs.holdsColon(found.start, read)) return undefined;
  const credentials = text.slice(found.start, read);
  const isOne = isBearer
    ? credentials.length >= LONGER_THAN_WORDS || looksRandom(credentials)
    : isBase64Url(credentials);
  if (!isOne || (isFiller(credentials) && !/\w\*/.test(credentials))) return undefined;
  return found;
}

/** The name of a scheme, as the kind of what follows, and the position behind the spaces behind it. */
interface Scheme {
  readonly kind: string;
  readonly end: number;
}

function schemeAt(text: string, start: number): Scheme | undefined {
  const opening = matchAt(SCHEME, text, start)?.[0];
  if (opening === undefined) return undefined;
  const name = opening.slice(0, 5).toLowerCase();
  const kind = name === 'basic' ? 'basic_credentials' : name === 'beare' ? 'bearer_token' : 'authorization';
  return { kind, end: start + opening.length };
}

/** Most of credentials that is read to judge them, in UTF-16 units: whole groups of four characters of base64. */
const MAX_READ = 256;

/** Shortest credentials that are recognised by the name of the scheme alone. */
const MIN_CREDENTIALS = 8;

/** The credentials behind the name of a scheme, where the name of the header has said that there are some. */
export function schemedAt(text: string, start: number, runs: Runs = new Runs(text)): Finding | undefined {
  const scheme = (typeAt(text, start) & SCHEME_LETTER) === 0 ? undefined : schemeAt(text, start);
  if (scheme === undefined) return undefined;
  const found = credentialsBehind(text, scheme, runs, true);
  if (found === undefined || !isSecretValue(text.slice(found.start, found.end), 'authorization', '')) return undefined;
  return found;
}

function credentialsBehind(text: string, scheme: Scheme, runs: Runs, inParts: boolean): Finding | undefined {
  const { kind, end: start } = scheme;
  if (codeAt(text, start) === DOLLAR) return undefined;
  // A dot at the end ends the sentence.
  const end = startOf(text, runs.endOfCredentials(start, inParts), DOT, start);
  return end > start ? { start, end, kind } : undefined;
}
