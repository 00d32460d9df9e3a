import { matchAt, type Finding } from './finding.ts';

const LABEL = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----/y;
const END = /-----END[ A-Z0-9]{1,60}-----/y;
/** Longest block of which only the end is looked for, in UTF-16 units; a longer one is read. */
const MAX_BLOCK = 131_072;
/** What a block without its end is made of: base64, line ends as they are or escaped. */
const BODY = /[A-Za-z0-9+/=\s\\:,-]{0,1048576}/y;

/** Finds private keys in PEM form (RFC 7468) in one text. */
export interface PrivateKeyFinder {
  /** The block that begins at a position exactly, as far as it goes where its end was cut off. */
  at(start: number): Finding | undefined;
}

/**
 * Creates a finder for one text, which is to be asked for rising positions: it looks for each end once, however
 * many beginnings there are.
 */
export function createPrivateKeyFinder(text: string): PrivateKeyFinder {
  let nextEnd = -1;
  const endFrom = (position: number): number => {
    if (nextEnd < position) {
      const found = text.indexOf('-----END', position);
      nextEnd = found === -1 ? Infinity : found;
    }
    return nextEnd;
  };
  return {
    at(start) {
      const label = matchAt(LABEL, text, start);
      if (label === null) return undefined;
      const bodyStart = start + label[0].length;
      const endLine = endFrom(bodyStart);
      const end = matchAt(END, text, endLine);
      const isNear = end !== null && endLine - bodyStart <= MAX_BLOCK;
      const bodyEnd = isNear ? endLine : bodyStart + (matchAt(BODY, text, bodyStart)?.[0].length ?? 0);
      const isWhole = end !== null && bodyEnd >= endLine;
      return { start, end: isWhole ? endLine + end[0].length : bodyEnd, kind: 'private_key' };
    },
  };
}

/** How many lines follow, and these: base64, with line ends as they are or escaped. */
const PUTTY_LINES = /: ?\d{1,4}((?:[ \t]{0,8}(?:\r?\n|(?:\\{1,4}r)?\\{1,4}n)[A-Za-z0-9+/=]{1,80}(?![\w-])){1,2048})/y;

/** The private half of a key in the form of PuTTY, given the end of `Private-Lines`. */
export function puttyKeyAt(text: string, colon: number): Finding | undefined {
  const match = matchAt(PUTTY_LINES, text, colon);
  if (match === null) return undefined;
  const end = colon + match[0].length;
  return { start: end - match[1]!.length, end, kind: 'private_key' };
}
