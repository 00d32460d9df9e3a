import type { Finding } from './finding.ts';

const MAX_LOCAL = 64;
const MAX_DOMAIN = 255;

/** The e-mail address around an `@`. */
export function findEmail(text: string, at: number, floor: number): Finding | undefined {
  let start = at;
  const limit = Math.max(floor, at - MAX_LOCAL);
  while (start > limit && isLocalPart(text.charCodeAt(start - 1))) start -= 1;
  // An escaped line end before the address is no part of it.
  if (text[start - 1] === '\\' && /[nrt]/.test(text[start] ?? '')) start += 1;
  if (start >= at || text[start] === '.') return undefined;
  let end = at + 1;
  while (end < text.length && end - at <= MAX_DOMAIN && isDomain(text.charCodeAt(end))) end += 1;
  while (end > at + 1 && /[.-]/.test(text[end - 1]!)) end -= 1;
  // `git@github.com:owner/name` is the address of a repository.
  if (!isDomainName(text.slice(at + 1, end)) || text.slice(start, at) === 'git') return undefined;
  return { start, end, kind: 'email' };
}

function isLocalPart(code: number): boolean {
  return isDomain(code) || code === 95 || code === 43 || code === 37;
}

/** Letters of Latin, Greek and Cyrillic, digits, dash and dot. */
function isDomain(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 64 + 1 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 45 ||
    code === 46 ||
    (code >= 0xc0 && code <= 0x24f) ||
    (code >= 0x370 && code <= 0x52f)
  );
}

/** Endings of files that are written like domains: `logo@2x.png`. */
const FILE = /\.(?:png|jpe?g|gif|svg|webp|avif|[cm]?[jt]sx?|json|css|scss|html?|xml|ya?ml|txt|pdf|map)$/i;

function isDomainName(domain: string): boolean {
  const last = domain.slice(domain.lastIndexOf('.') + 1);
  return domain.length !== last.length && /^[^\d-][^\d]+$/.test(last) && !domain.includes('..') && !FILE.test(domain);
}
