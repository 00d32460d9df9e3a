import { QUOTE, SEPARATOR, startOf, typeAt } from './characters.ts';
import { BACKSLASH, codeAt } from './codes.ts';
import { matchAt } from './finding.ts';
import { endBefore, type Runs } from './runs.ts';
import type { SecretKind } from './secret-names.ts';

/** Most backslashes before a quotation mark: those of JSON in a string in JSON in a string in JSON. */
const MAX_DEPTH = 7;

/** A value as it is written. */
export interface Written {
  readonly start: number;
  readonly end: number;
  /** Position behind the closing quotation mark, or the end of what has none. */
  readonly after: number;
  readonly isQuoted: boolean;
}

/** What the name of a value says of how it is written. */
export interface WritingOf {
  readonly kind: SecretKind;
  /** Whether the name is one of a query, or begins its line and is written like a variable of the environment. */
  readonly place?: 'query' | 'variable' | undefined;
}

/** The value that begins at a position, quoted or not; undefined where nothing stands that could be one. */
export function writtenAt(text: string, runs: Runs, start: number, name: WritingOf): Written | undefined {
  return quotedAt(text, start) ?? unquotedAt(text, runs, start, name);
}

/**
 * A text in quotation marks, which may be escaped as they are where JSON stands in a string. It ends at the same
 * mark behind the same number of backslashes, in the same line. A mark behind more of them belongs to it, unless these
 * are backslashes at its end. A program that quotes JSON doubles them, so that a mark behind such a number may be
 * either: it ends the text where what follows is what follows a value, or where no other mark does.
 */
export function quotedAt(text: string, start: number): Written | undefined {
  if ((typeAt(text, start) & QUOTE) === 0) return undefined;
  const mark = endOfBackslashes(text, start);
  const quote = text[mark];
  if (quote !== '"' && quote !== "'" && quote !== '`') return undefined;
  const depth = mark - start;
  if (depth > MAX_DEPTH) return undefined;
  // As many as one backslash at its end is written as: 2, 4, 8 or 16.
  const unit = 1 << (33 - Math.clz32(depth));
  let earlier: Written | undefined;
  for (let at = mark + 1; at < text.length; at += 1) {
    const character = text[at];
    if (character === '\n') return earlier;
    if (character !== '\\' && character !== quote) continue;
    const next = endOfBackslashes(text, at);
    const more = next - at - depth;
    if (text[next] === quote && (more <= 0 || more % unit === 0)) {
      const written = { start: mark + 1, end: at + Math.max(more, 0), after: next + 1, isQuoted: true };
      // A mark behind fewer ends what the text stands in.
      if (more < 0 && earlier !== undefined) return earlier;
      if (more <= 0 && (earlier === undefined || !text.slice(earlier.end, at).includes(' '))) return written;
      if (matchAt(behindValue(depth), text, next + 1) !== null) return written;
      if (more <= 0) return earlier;
      earlier = written;
    }
    at = next;
  }
  if (earlier !== undefined && text.slice(earlier.end).includes(' ')) return earlier;
  // The end was cut off.
  return { start: mark + 1, end: text.length, after: text.length, isQuoted: true };
}

/**
 * What follows a value in JSON or in a program, by the backslashes before its quotation marks: other marks of its text
 * have no more of them, line ends half as many, and what the text itself stands in has fewer.
 */
function behindValue(depth: number): RegExp {
  return (BEHIND_VALUE[depth] ??= patternBehindValue(depth));
}

/** None is made before it is asked for: most texts have none of these marks, or one kind of them. */
const BEHIND_VALUE: RegExp[] = [];

function patternBehindValue(depth: number): RegExp {
  const lineEnd = String.raw`[\t\r\n]|\\{1,${(depth + 2) >> 1}}[nrt]`;
  const next = String.raw`\\{0,${depth}}["'\x60]|[[{]`;
  const outer = depth === 0 ? '(?!)' : String.raw`\\{0,${depth - 1}}["'\x60]`;
  const end = `$|${lineEnd}|${outer}`;
  return new RegExp(String.raw` {0,8}(?:${end}|, ?(?:$|${lineEnd}|${next})|[)\]}]{1,32}(?:${end}|[,'\x60]))`, 'y');
}

function endOfBackslashes(text: string, start: number): number {
  let end = start;
  while (codeAt(text, end) === BACKSLASH) end += 1;
  return end;
}

const ENDS_OF_VARIABLE = /[\s"'`]/g;

function unquotedAt(text: string, runs: Runs, start: number, { kind, place }: WritingOf): Written | undefined {
  if (kind === 'cookie')
    return matchAt(COOKIE, text, start) === null ? undefined : unquoted(start, runs.endOfLine(start));
  const spaced = WITH_SPACES[kind];
  const listed = spaced === undefined ? null : matchAt(spaced, text, start);
  if (listed !== null) return unquoted(start, start + listed[0].length);
  const end =
    place === 'variable' ? endBefore(ENDS_OF_VARIABLE, text, start) : runs.endOfValue(start, place === 'query');
  return unquoted(start, startOf(text, end, SEPARATOR, start));
}

/** A value without quotation marks, given its bounds; undefined where it is empty. */
export function unquoted(start: number, end: number): Written | undefined {
  return end === start ? undefined : { start, end, after: end, isQuoted: false };
}

/** The name of the first cookie; prose about cookies has none. */
const COOKIE = /[\w!#$%&'*+.^|~-]{1,128}=/y;

/** Schemes that write their credentials as a list, such as `Digest` and `AWS4-HMAC-SHA256`. */
const LISTED_CREDENTIALS =
  /[\w-]{1,40} {1,4}(?:[\w-]{1,40}=(?:\\{0,7}"[^"\n\\]{0,1024}\\{0,7}"|[^\s,"'\\]{1,1024}),? {0,2}){1,20}/y;

/** What is one value though it has spaces in it and no quotation marks around it. */
const WITH_SPACES: Partial<Record<SecretKind, RegExp>> = {
  authorization: LISTED_CREDENTIALS,
  iban: /[A-Z]{2}\d{2}(?: [A-Z0-9]{2,4}){3,8}/y,
  recovery_phrase: /(?:[a-z]{3,12} ){11,23}[a-z]{3,12}/y,
};
