import { charCodeAt } from '../char-code-at.ts';
import { BASE64_SIGN, DOT, endOf, SEPARATOR, STAR, startOf, typeAt, typeOf, VALUE_END, WORD } from './characters.ts';
import { CAPITAL_O, COLON, DOLLAR, HASH, LETTER_O, LETTER_R, SIX, TILDE } from './codes.ts';
import { matchAt } from './finding.ts';

/** The same walk is not taken twice: its end holds as long as what is asked for lies in it. */
interface Walked {
  from: number;
  end: number;
}

/**
 * The ends of what can be a value without quotation marks, in one text. Signs of assignment may follow each other in
 * such a run of characters, so that many values begin in it: it is walked once, and its end remembered.
 *
 * One is made for every text, of which most are short and never ask it: it holds nothing until it is asked.
 */
export class Runs {
  readonly #text: string;
  #values: Walked | undefined;
  #parameters: Walked | undefined;
  #lines: Walked | undefined;
  #credentials: Walked | undefined;
  #partedCredentials: Walked | undefined;
  /** By where its groups of four characters begin. */
  readonly #base64: (Walked | undefined)[] = [];
  /** By alphabet. */
  #keys: Map<number, Walked> | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** In the query of a URL separators belong to the value, and a fragment does not. */
  endOfValue(start: number, isInQuery: boolean): number {
    const walked = isInQuery ? (this.#parameters ??= unwalked()) : (this.#values ??= unwalked());
    return holds(walked, start) ? walked.end : walk(walked, start, walkValue(this.#text, start, isInQuery));
  }

  /** The end of the line, or of the quotation it stands in. */
  endOfLine(start: number): number {
    const walked = (this.#lines ??= unwalked());
    return holds(walked, start) ? walked.end : walk(walked, start, endBefore(ENDS_OF_LINE, this.#text, start));
  }

  /** @param inParts whether the header is named, so that a colon may stand between two parts */
  endOfCredentials(start: number, inParts: boolean): number {
    const walked = inParts ? (this.#partedCredentials ??= unwalked()) : (this.#credentials ??= unwalked());
    return holds(walked, start) ? walked.end : walk(walked, start, walkCredentials(this.#text, start, inParts));
  }

  /** Whether a stretch of base64 says a colon. */
  holdsColon(start: number, end: number): boolean {
    const walked = (this.#base64[start % 4] ??= unwalked());
    const isKnown = holds(walked, start);
    let at = isKnown ? walked.end : start;
    while (at + 4 <= end && !saysColon(this.#text, at, end)) at += 4;
    walk(walked, isKnown ? walked.from : start, at);
    return at < end && saysColon(this.#text, at, end);
  }

  /** The end of what can be a key in an alphabet, without the dots and stars of the sentence around it. */
  endOfKey(start: number, alphabet: number): number {
    const keys = (this.#keys ??= new Map<number, Walked>());
    let walked = keys.get(alphabet);
    if (walked === undefined) keys.set(alphabet, (walked = unwalked()));
    if (holds(walked, start)) return walked.end;
    return walk(walked, start, startOf(this.#text, endOf(this.#text, start, alphabet | STAR), DOT | STAR, start));
  }
}

function unwalked(): Walked {
  return { from: 0, end: -1 };
}

function holds({ from, end }: Walked, start: number): boolean {
  return start >= from && start <= end;
}

/** A run ends at the same place from all of it. */
function walk(walked: Walked, from: number, end: number): number {
  walked.from = from;
  walked.end = end;
  return end;
}

function walkValue(text: string, start: number, isInQuery: boolean): number {
  const ends = isInQuery ? VALUE_END | SEPARATOR : VALUE_END;
  let end = start;
  for (; end < text.length; end += 1) {
    const code = charCodeAt(text, end);
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
    const code = charCodeAt(text, end);
    if ((typeOf(code) & CREDENTIALS) !== 0 || code === TILDE || code === DOLLAR) continue;
    if (!inParts || code !== COLON || (typeAt(text, end + 1) & CREDENTIALS) === 0) break;
  }
  return end;
}

/** Whether up to four characters of base64 say a colon, which has another form at each place among three bytes. */
function saysColon(text: string, start: number, end: number): boolean {
  if (start + 1 >= end) return false;
  if (charCodeAt(text, start) === CAPITAL_O && /[g-v]/.test(text[start + 1]!)) return true;
  if (start + 2 >= end) return false;
  const third = charCodeAt(text, start + 2);
  if (third >= LETTER_O && third <= LETTER_R && 'DTjz'.includes(text[start + 1]!)) return true;
  return start + 3 < end && charCodeAt(text, start + 3) === SIX && 'AEIMQUYcgkosw048'.includes(text[start + 2]!);
}

const ENDS_OF_LINE = /["'\n\r\\`]/g;

/** The position of the first character that ends a value, or the end of the text. */
export function endBefore(ends: RegExp, text: string, start: number): number {
  return matchAt(ends, text, start)?.index ?? text.length;
}
