import type { Finding } from './finding.ts';
import { isFiller } from './randomness.ts';

/** Longest user and password of a URL together, in UTF-16 units. */
const MAX_USERINFO = 512;

/**
 * User and password of a URL of any scheme (RFC 3986, 3.2.1), given the position of its `://`: those of databases
 * and brokers, the key of a DSN, the token of a repository.
 */
export function findUserinfo(text: string, colon: number): Finding | undefined {
  const start = colon + 3;
  const end = start + userinfoLength(text, start);
  if (end === start) return undefined;
  const userinfo = text.slice(start, end);
  return isSecretUserinfo(userinfo) ? { start, end, kind: 'url_credentials' } : undefined;
}

function userinfoLength(text: string, start: number): number {
  const limit = Math.min(text.length, start + MAX_USERINFO);
  let last = start;
  let colon = -1;
  let end = start;
  for (; end < limit; end += 1) {
    const character = text[end]!;
    if (character === '@') last = end;
    else if (character === ':') colon = colon === -1 ? end : colon;
    else if (AUTHORITY_ENDS.includes(character)) break;
  }
  if (last > start) return last - start;
  // A slash in a password was not encoded; the number of a port is no password.
  if (colon === -1 || colon + 1 === end || text.startsWith('://', end - 1)) return 0;
  if (/^(?:\d{1,5}$|\])/.test(text.slice(colon + 1, end))) return 0;
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

/** Signs that end an address, and those that end its host (RFC 3986, 3.2). */
const ENDS = ' \t\n\r"\'`<>\\';
const AUTHORITY_ENDS = `${ENDS}/?#`;

/** Whether a user part is more than the name everybody has, or a stand-in. */
function isSecretUserinfo(userinfo: string): boolean {
  if (userinfo === 'git' || userinfo.startsWith('[redacted')) return false;
  const password = userinfo.slice(userinfo.indexOf(':') + 1);
  return !isFiller(password) && !/^(?:\$\{|\{|<|\$[A-Z_]+$)/.test(password) && password !== 'password';
}

/**
 * User and password of a data source that is no URL, given the position of the `@` behind them: `name:password@tcp(…)`
 * as Go writes it for MySQL, and `jdbc:oracle:thin:name/password@…`.
 */
export function findDataSource(text: string, at: number, floor: number): Finding | undefined {
  const isGo = text.startsWith('tcp(', at + 1) || text.startsWith('unix(', at + 1);
  let start = at;
  const limit = Math.max(floor, at - MAX_DATA_SOURCE);
  while (start > limit && !isEndOfSource(text[start - 1]!)) start -= 1;
  const before = text.slice(start, at);
  const user = (isGo ? /^[^:]{1,64}:/ : /^jdbc:oracle:\w{1,8}:[^/]{1,64}\//).exec(before)?.[0];
  if (user === undefined || before.length - user.length < 3 || !isSecretUserinfo(before.slice(user.length))) {
    return undefined;
  }
  return { start: start + user.length, end: at, kind: 'url_credentials' };
}

/** Longest user and password of one together, in UTF-16 units. */
const MAX_DATA_SOURCE = 192;

function isEndOfSource(character: string): boolean {
  return character === '@' || character === '=' || character === '(' || ENDS.includes(character);
}
