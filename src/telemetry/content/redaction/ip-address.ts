import { charCodeAt } from '../char-code-at.ts';
import { areHex, DIGIT, endOf, HEX, LETTER_OR_DIGIT, QUOTE, startOf, typeAt } from './characters.ts';
import type { Finding } from './finding.ts';

/** What four numbers are where one of these words stands before them: versions, and parts of a document. */
const WORD_BEFORE =
  /\b(?:version|ver|release|build|firmware|driver|sdk|section|chapter|clause|figure|table|rule|step|oid)s?["'\\]{0,4}\.?[:=]? ?["'\\]{0,4}v?$/i;
/** How these words end. */
const LAST_LETTERS = 'nredkps';
/** The longest of them, and the character before it. */
const MAX_WORD = 10;
/** What stands before the last part of a path. */
const PATH_BEFORE = /(?:^|[^/\w])[\w.-]{1,40}\/$/;
/** Longest way back to one of these. */
const MAX_BEFORE = 48;

/**
 * The address on the Internet that begins at a position, of version 4 or 6. Addresses of the machine itself and of
 * private networks (RFC 1918, RFC 6890) stay: they name nobody, and tell what could not be reached.
 */
export function ipAddressAt(text: string, start: number, floor: number): Finding | undefined {
  const end = endOfSix(text, start) ?? endOfFour(text, start, floor);
  return end === undefined ? undefined : { start, end, kind: 'ip_address' };
}

/** Longest address of version 6 as it may be written, in characters. */
export const LONGEST_SIX = 65;

/** The end of hexadecimal digits and colons. */
export function endOfGroups(text: string, start: number): number {
  let end = start;
  while ((typeAt(text, end) & HEX) !== 0 || text[end] === ':') end += 1;
  return end;
}

/** Addresses of version 6 anybody can be reached at (RFC 4291, 2000::/3), whole or with one gap. */
function endOfSix(text: string, start: number): number | undefined {
  const isFirst = (text[start] === '2' || text[start] === '3') && text[start + 4] === ':' && areHex(text, start, 4);
  if (!isFirst) return undefined;
  let groups = 1;
  let gap = 0;
  let at = start + 4;
  while (text[at] === ':' && groups <= (gap === 0 ? 8 : gap + 6)) {
    const isGap = text[at + 1] === ':';
    if (isGap && gap > 0) return undefined;
    if (isGap) gap = groups;
    at += isGap ? 2 : 1;
    const group = at;
    at = endOf(text, at, HEX, at + 5);
    if (at - group > 4 || (at === group && !isGap)) return undefined;
    if (at === group) break;
    groups += 1;
  }
  const isWhole = gap === 0 ? groups === 8 : gap <= 7 && groups - gap <= 6;
  return isWhole && text[at] !== ':' && !isWordAt(text, at) ? at : undefined;
}

function endOfFour(text: string, start: number, floor: number): number | undefined {
  let address = 0;
  let end = start;
  for (let part = 0; part < 4; part += 1) {
    const from = part === 0 ? start : end + 1;
    if (part > 0 && text[end] !== '.') return undefined;
    end = endOf(text, from, DIGIT, from + 3);
    if (end === from) return undefined;
    let number = 0;
    for (let at = from; at < end; at += 1) number = number * 10 + charCodeAt(text, at) - 48;
    if (number > 255) return undefined;
    address = address * 256 + number;
  }
  const isEnd = !isWordAt(text, end) && text[end] !== '+' && !isFollowed(text, end);
  return isEnd && isPublic(address) && !isBehindNoAddress(text, start, floor) ? end : undefined;
}

/** Whether the character at a position is one of a name. */
function isWordAt(text: string, at: number): boolean {
  return (typeAt(text, at) & LETTER_OR_DIGIT) !== 0 || text[at] === '_';
}

/** Whether another number or a name is joined to what ends at a position. */
function isFollowed(text: string, end: number): boolean {
  const next = typeAt(text, end + 1);
  return text[end] === '.' ? (next & DIGIT) !== 0 : text[end] === '-' && (next & LETTER_OR_DIGIT & ~DIGIT) !== 0;
}

function isPublic(address: number): boolean {
  const a = Math.floor(address / 2 ** 24);
  const b = (address >>> 16) & 255;
  if (a === 0 || a >= 224 || a === 10 || a === 127) return false;
  return !((a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168) || (a === 169 && b === 254));
}

/** Whether four numbers are no address, going by what stands before them. */
function isBehindNoAddress(text: string, start: number, floor: number): boolean {
  const limit = Math.max(floor, start - MAX_BEFORE);
  if (start === limit) return false;
  const sign = text[start - 1]!;
  const before = start - 1 > limit ? text[start - 2]! : '';
  if (sign === '/') return PATH_BEFORE.test(text.slice(limit, start));
  if ('@^~§'.includes(sign) || (sign === ' ' && before === '§')) return true;
  if (sign === '=' && before !== '' && '=<>~!'.includes(before)) return true;
  return isBehindWord(text, start, limit);
}

/** Whether one of the words stands before a position, with `: "v` or the like between them. */
function isBehindWord(text: string, start: number, limit: number): boolean {
  let end = behind(text, start, 'vV');
  end = behind(text, startOf(text, end, QUOTE, end - 4), ' ');
  end = behind(text, behind(text, end, ':='), '.');
  end = startOf(text, end, QUOTE, end - 4);
  if (end <= limit || !LAST_LETTERS.includes(text[end - 1]!.toLowerCase())) return false;
  return WORD_BEFORE.test(text.slice(Math.max(limit, end - MAX_WORD), start));
}

/** The position before a sign, where it is one of these. */
function behind(text: string, position: number, signs: string): number {
  return position > 0 && signs.includes(text[position - 1]!) ? position - 1 : position;
}
