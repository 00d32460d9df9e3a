import { matchAt, type Finding } from './finding.ts';
import { isFiller } from './randomness.ts';

/** Longest user and password of a URL together, in UTF-16 units. */
const MAX_USERINFO = 512;

/** The part of a URL between `://` and the first sign that ends a host. */
const AUTHORITY = /[^\s"'`<>\\/?#]{1,512}/y;
/**
 * User and password of a URL of any scheme (RFC 3986, 3.2.1), given the position of its `://`: those of databases
 * and brokers, the key of a DSN, the token of a repository.
 */
export function findUserinfo(text: string, colon: number): Finding | undefined {
  const start = colon + 3;
  const authority = matchAt(AUTHORITY, text, start)?.[0];
  if (authority === undefined) return undefined;
  const end = start + userinfoLength(text, start, authority);
  if (end === start) return undefined;
  const userinfo = text.slice(start, end);
  return isSecretUserinfo(userinfo) ? { start, end, kind: 'url_credentials' } : undefined;
}

function userinfoLength(text: string, start: number, authority: string): number {
  const at = authority.lastIndexOf('@');
  if (at !== -1) return at;
  // A slash in a password was not encoded; the number of a port is no password.
  if (!/^[^:]{0,128}:(?!\d{1,5}$|\]|$)/.test(authority)) return 0;
  return lengthBeyondSlash(text, start);
}

/** Up to the next `@`, unless the text, or another URL, begins before it. */
function lengthBeyondSlash(text: string, start: number): number {
  const limit = Math.min(text.length, start + MAX_USERINFO);
  for (let at = start; at < limit; at += 1) {
    const character = text[at]!;
    if (character === '@') return at - start;
    if (ENDS.includes(character) || (character === ':' && text.startsWith('://', at))) return 0;
  }
  return 0;
}

const ENDS = ' \t\n\r"\'`<>\\';

/** Whether a user part is more than the name everybody has, or a stand-in. */
function isSecretUserinfo(userinfo: string): boolean {
  if (userinfo === 'git' || userinfo.startsWith('[redacted')) return false;
  const password = userinfo.slice(userinfo.indexOf(':') + 1);
  return !isFiller(password) && !/^(?:\$\{|\{|<|\$[A-Z_]+$)/.test(password) && password !== 'password';
}
