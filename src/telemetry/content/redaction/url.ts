import { charCodeAt } from '../char-code-at.ts';
import { ADDRESS_END, DIGIT, endOf, HOST_END, TRIGGER, typeOf } from './characters.ts';
import { AT, BRACKET, COLON, EQUALS, LETTER_T, LETTER_U } from './codes.ts';
import { matchAt, type Finding } from './finding.ts';
import { isFiller } from './randomness.ts';

/** Longest user and password of a URL together, in UTF-16 units. */
const MAX_USERINFO = 512;

/**
 * User and password of a URL of any scheme (RFC 3986, 3.2.1), given the position of its `://`: those of databases
 * and brokers, the key of a DSN, the token of a repository.
 */
export function findUserinfo(text: string, colon: number): Finding | undefined {
  const start = colon + 3;
  const end = endOfUserinfo(text, start);
  if (end === start) return undefined;
  const userinfo = text.slice(start, end);
  return isSecretUserinfo(userinfo) ? { start, end, kind: 'url_credentials' } : undefined;
}

/** The position of the `@` behind it, or the start where there is none. */
function endOfUserinfo(text: string, start: number): number {
  const limit = Math.min(text.length, start + MAX_USERINFO);
  let last = start;
  let colon = -1;
  let end = start;
  for (; end < limit; end += 1) {
    const code = charCodeAt(text, end);
    const type = typeOf(code);
    if ((type & (ADDRESS_END | HOST_END)) !== 0) break;
    if ((type & TRIGGER) === 0) continue;
    if (code === AT) last = end;
    else if (code === COLON && colon === -1) colon = end;
  }
  if (last > start) return last;
  // A slash in a password was not encoded; the number of a port is no password.
  if (colon === -1 || colon + 1 === end || text.startsWith('://', end - 1)) return start;
  const port = endOf(text, colon + 1, DIGIT, end);
  if (text[colon + 1] === ']' || (port === end && port - colon <= MAX_PORT)) return start;
  return endBeyondSlash(text, start);
}

/** The next `@`, unless the text, or another URL, begins before it. */
function endBeyondSlash(text: string, start: number): number {
  const limit = Math.min(text.length, start + MAX_USERINFO);
  for (let at = start; at < limit; at += 1) {
    const code = charCodeAt(text, at);
    if (code === AT) return at;
    if ((typeOf(code) & ADDRESS_END) !== 0 || (code === COLON && text.startsWith('://', at))) return start;
  }
  return start;
}

/** Most digits of the number of a port, and one more. */
const MAX_PORT = 6;

/** Whether a user part is more than the name everybody has, or a stand-in. */
function isSecretUserinfo(userinfo: string): boolean {
  if (userinfo === 'git' || userinfo.startsWith('[redacted')) return false;
  const password = userinfo.slice(userinfo.indexOf(':') + 1);
  return !isFiller(password) && !/^(?:\$\{|\{|<|\$[A-Z_]+$)/.test(password) && password !== 'password';
}

export const ORACLE = 'jdbc:oracle:';

/** Whether the name of a protocol follows an `@`, as Go writes it. */
export function isBeforeProtocol(text: string, at: number): boolean {
  const next = at + 1 < text.length ? charCodeAt(text, at + 1) : 0;
  return (
    (next === LETTER_T && text.startsWith('tcp(', at + 1)) || (next === LETTER_U && text.startsWith('unix(', at + 1))
  );
}

/**
 * User and password of a data source that is no URL, given the position of the `@` behind them: `name:password@tcp(…)`
 * as Go writes it for MySQL, and `jdbc:oracle:thin:name/password@…`.
 */
export function findDataSource(text: string, at: number, floor: number): Finding | undefined {
  const limit = Math.max(floor, at - MAX_DATA_SOURCE);
  let source = at;
  let firstColon = at;
  while (source > limit) {
    const code = charCodeAt(text, source - 1);
    if ((typeOf(code) & ADDRESS_END) !== 0 || code === AT || code === EQUALS || code === BRACKET) break;
    source -= 1;
    if (code === COLON) firstColon = source;
  }
  if (at - firstColon <= MIN_PASSWORD) return undefined;
  const isGo = isBeforeProtocol(text, at);
  const start = isGo ? firstColon + 1 : behindOracleUser(text, source);
  const isUser = start > source + 1 && (!isGo || firstColon - source <= MAX_USER);
  const isSource = isUser && at - start >= MIN_PASSWORD && isSecretUserinfo(text.slice(start, at));
  return isSource ? { start, end: at, kind: 'url_credentials' } : undefined;
}

const ORACLE_USER = /jdbc:oracle:\w{1,8}:[^/]{1,64}\//y;

/** Where the password begins in an address of Oracle, or the beginning of what is none. */
function behindOracleUser(text: string, source: number): number {
  const match = text.startsWith(ORACLE, source) ? matchAt(ORACLE_USER, text, source) : null;
  return source + (match?.[0].length ?? 0);
}

const MAX_USER = 64;
const MIN_PASSWORD = 3;
/** Longest user and password of one together, in UTF-16 units. */
const MAX_DATA_SOURCE = 192;
