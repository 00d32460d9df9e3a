import { matchAt, type Finding } from './finding.ts';

const VERSION_4 = /(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\w]|\.\d|-[a-z]|\+)/iy;
/** Addresses anybody can be reached at (RFC 4291, 2000::/3), whole or with one gap. */
const VERSION_6 =
  /[23][0-9a-f]{3}(?:(?::[0-9a-f]{1,4}){7}|(?::[0-9a-f]{1,4}){0,6}::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,5})?)(?![\w:])/iy;

/** What four numbers are where one of these stands before them: versions, and parts of a document. */
const NO_ADDRESS_BEFORE =
  /(?:[@^~]|[=<>~!]=|\b(?:version|ver|release|build|firmware|driver|sdk|section|chapter|clause|figure|table|rule|step|oid)s?["'\\]{0,4}\.?[:=]? ?["'\\]{0,4}v?|§ ?|(?:^|[^/\w])[\w.-]{1,40}\/)$/i;
/** Longest way back to one of these. */
const MAX_BEFORE = 48;

/**
 * The address on the Internet that begins at a position, of version 4 or 6. Addresses of the machine itself and of
 * private networks (RFC 1918, RFC 6890) stay: they name nobody, and tell what could not be reached.
 */
export function ipAddressAt(text: string, start: number, floor: number): Finding | undefined {
  const six = matchAt(VERSION_6, text, start);
  if (six !== null) return { start, end: start + six[0].length, kind: 'ip_address' };
  const four = matchAt(VERSION_4, text, start);
  if (four === null || !isPublic(four.slice(1, 5).map(Number))) return undefined;
  if (NO_ADDRESS_BEFORE.test(text.slice(Math.max(floor, start - MAX_BEFORE), start))) return undefined;
  return { start, end: start + four[0].length, kind: 'ip_address' };
}

function isPublic(parts: readonly number[]): boolean {
  const [a, b] = parts as [number, number];
  if (parts.some((part) => part > 255) || a === 0 || a >= 224) return false;
  if (a === 10 || a === 127) return false;
  return !((a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168) || (a === 169 && b === 254));
}
