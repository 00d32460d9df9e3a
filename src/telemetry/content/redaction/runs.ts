import { BASE64_SIGN, DOT, endOf, SEPARATOR, STAR, startOf, typeAt, typeOf, VALUE_END, WORD } from './characters.ts';
import { COLON, DOLLAR, HASH, TILDE } from './codes.ts';

/**
 * The ends of what can be a value without quotation marks, in one text. Signs of assignment may follow each other in
 * such a run of characters, so that many values begin in it: it is walked once, and its end remembered.
 */
export interface Runs {
  /** In the query of a URL separators belong to the value, and a fragment does not. */
  readonly endOfValue: (start: number, isInQuery: boolean) => number;
  /** The end of the line, or of the quotation it stands in. */
  readonly endOfLine: (start: number) => number;
  readonly endOfCredentials: (start: number) => number;
  /** The same where the header is named, so that a colon may stand between two parts. */
  readonly endOfCredentialsInParts: (start: number) => number;
  /** The end of what can be a key in an alphabet, without the dots and stars of the sentence around it. */
  readonly endOfKey: (start: number, alphabet: number) => number;
}

/** Creates the memory of the runs of one text. */
export function createRuns(text: string): Runs {
  const endOfPlain = walkingOnce((start) => walkValue(text, start, false));
  const endOfParameter = walkingOnce((start) => walkValue(text, start, true));
  const endsOfKeys = new Map<number, (start: number) => number>();
  return {
    endOfValue: (start, isInQuery) => (isInQuery ? endOfParameter(start) : endOfPlain(start)),
    endOfLine: walkingOnce((start) => endBefore(ENDS_OF_LINE, text, start)),
    endOfCredentials: walkingOnce((start) => walkCredentials(text, start, false)),
    endOfCredentialsInParts: walkingOnce((start) => walkCredentials(text, start, true)),
    endOfKey: (start, alphabet) => {
      let endOfKey = endsOfKeys.get(alphabet);
      if (endOfKey === undefined) {
        endOfKey = walkingOnce((first) => startOf(text, endOf(text, first, alphabet | STAR), DOT | STAR, first));
        endsOfKeys.set(alphabet, endOfKey);
      }
      return endOfKey(start);
    },
  };
}

/** The same walk, remembered as long as what is asked for lies in it. A run ends at the same place from all of it. */
function walkingOnce(walk: (start: number) => number): (start: number) => number {
  let from = 0;
  let end = -1;
  return (start) => {
    if (start < from || start > end) {
      end = walk(start);
      from = start;
    }
    return end;
  };
}

function walkValue(text: string, start: number, isInQuery: boolean): number {
  const ends = isInQuery ? VALUE_END | SEPARATOR : VALUE_END;
  let end = start;
  for (; end < text.length; end += 1) {
    const code = text.charCodeAt(end);
    const isEnd = code < 128 ? (typeOf(code) & ends) === VALUE_END : /\s/.test(text[end]!);
    if (isEnd || (isInQuery && code === HASH)) break;
  }
  return end;
}

/** What credentials are made of. `~` is one of the characters of RFC 6750 too. */
const CREDENTIALS = WORD | DOT | BASE64_SIGN | STAR;

/** A colon belongs to them only before more of them. */
function walkCredentials(text: string, start: number, inParts: boolean): number {
  let end = start;
  for (; end < text.length; end += 1) {
    const code = text.charCodeAt(end);
    if ((typeOf(code) & CREDENTIALS) !== 0 || code === TILDE || code === DOLLAR) continue;
    if (!inParts || code !== COLON || (typeAt(text, end + 1) & CREDENTIALS) === 0) break;
  }
  return end;
}

const ENDS_OF_LINE = /["'\n\r\\`]/;

/** The position of the first character that ends a value, none of which is one of words. */
export function endBefore(ends: RegExp, text: string, start: number): number {
  let end = start;
  while (end < text.length && ((typeAt(text, end) & WORD) !== 0 || !ends.test(text[end]!))) end += 1;
  return end;
}
