import { charCodeAt } from '../char-code-at.ts';
import { DASH, DIGIT, DOT, LETTER_OR_DIGIT, startOf, startOfWord, typeAt, typeOf } from './characters.ts';
import { codeAt, FULL_STOP, HYPHEN, LETTER_A } from './codes.ts';
import type { Finding } from './finding.ts';

const MAX_LOCAL = 64;
const MAX_DOMAIN = 255;

/** The e-mail address around an `@`. */
export function findEmail(text: string, at: number, floor: number): Finding | undefined {
  // Of most signs the end says enough, and is near.
  const end = endOfDomain(text, at + 1);
  if (end === undefined) return undefined;
  let start = at;
  const limit = Math.max(floor, at - MAX_LOCAL);
  while (start > limit && isLocalPart(charCodeAt(text, start - 1))) start -= 1;
  // An escape before the address is no part of it; a capital letter behind a backslash is.
  if (codeAt(text, start) >= LETTER_A) start = startOfWord(text, start);
  if (start >= at || text[start] === '.') return undefined;
  const domain = text.slice(at + 1, end);
  // `git@github.com:owner/name` is the address of a repository.
  if (domain.includes('..') || FILE.test(domain) || text.slice(start, at) === 'git') return undefined;
  return { start, end, kind: 'email' };
}

function isLocalPart(code: number): boolean {
  return isDomain(code) || code === 95 || code === 43 || code === 37;
}

/** Letters of Latin, Greek and Cyrillic, digits, dash and dot. */
function isDomain(code: number): boolean {
  if (code < 128) return (typeOf(code) & (LETTER_OR_DIGIT | DASH | DOT)) !== 0;
  return (code >= 0xc0 && code <= 0x24f) || (code >= 0x370 && code <= 0x52f);
}

/** Endings of files that are written like domains: `logo@2x.png`. */
const FILE = /\.(?:png|jpe?g|gif|svg|webp|avif|[cm]?[jt]sx?|json|css|scss|html?|xml|ya?ml|txt|pdf|map)$/i;

/** Where the domain ends that begins at a position: behind its last part, which is a word without digits. */
function endOfDomain(text: string, start: number): number | undefined {
  const limit = Math.min(text.length, start + MAX_DOMAIN);
  let end = start;
  let hasDot = false;
  for (; end < limit; end += 1) {
    const code = charCodeAt(text, end);
    if (!isDomain(code)) break;
    hasDot ||= code === FULL_STOP;
  }
  if (!hasDot) return undefined;
  end = startOf(text, end, DASH | DOT, start);
  let last = end;
  while (last > start && charCodeAt(text, last - 1) !== FULL_STOP) {
    last -= 1;
    if ((typeAt(text, last) & DIGIT) !== 0) return undefined;
  }
  return last === start || end - last < 2 || charCodeAt(text, last) === HYPHEN ? undefined : end;
}
