import { latePattern } from './late-pattern.ts';
import { remembering } from './remembering.ts';

/** How V8 begins the line of a frame. */
const FRAME = '    at ';
/** The same of a call that awaits. In parentheses behind it stands the place of a function that a source map calls so. */
const ASYNC_FRAME = /^ {4}at async (?!\()/;
/** Most frames that are kept: those nearest to where the error was thrown. */
const MAX_FRAMES = 100;
const MAX_LINE = 1_024;
/** Frames V8 keeps of an error unless told otherwise. */
const DEFAULT_LIMIT = 10;

/** What every frame ends with: a place in a file, or a word for code that has none. */
const PLACE = /(?::\d{1,9}:\d{1,9}|:0x[\da-f]{1,16}|<anonymous>|native|index \d{1,9})\)?$/;
/** The location of a module that is written out as a URL is its whole source: what stays is its type, and the place. */
const DATA_URL = /\bdata:([\w/+.-]{0,60}).*?((?::\d{1,9}:\d{1,9})?\)?)$/;
/** Queries of locations name versions, and may hold tokens. */
const QUERY = /\?[^\s):]*/g;

/** How the first line of a stack names the class of its error; behind `: ` follows the message. */
const className = latePattern(String.raw`^[\p{L}_$][^\s:]*(?: \[\w+\])?`, 'u');
/** Locations that nobody writes by chance: absolute ones, of Node and of bundlers, and of code that has none. */
const CERTAIN_PLACE = /^(?:\/|[a-z]:[\\/]|\\\\|file:|node:|webpack(?:-internal)?:\/\/|turbopack:\/\/|<anonymous>)/i;
/** A location that may have spaces in it ends like a file with code does. */
const FILE_WITH_SPACES = /\.[cm]?[jt]sx?:\d{1,9}:\d{1,9}$/i;
/** Locations in one word. What is not certain has at least the look of a file or of code without one. */
const ONE_WORD = /^[^\s()]*[./\\[][^\s()]*$|^[a-z][a-z\d+.-]*:\/\/\S*$|^(?:REPL\d+:\d|index \d+$|native$)/i;
/** Places of code that was made by `eval`, also through others, in one word or in a file whose path may have spaces in it. */
const EVALUATED =
  /^(?:eval at [^\s()]+ \()+(?:[^\s()]+|(?:\/|[a-z]:[\\/]|\\\\).+\.[cm]?[jt]sx?:\d{1,9}:\d{1,9})(?:\)+, <anonymous>:\d{1,9}:\d{1,9})+$/i;
/** How the names of functions look that are not texts. */
const FUNCTION_NAME = /^(?:new |get |set )?[^\s()'"`]+(?: \[as [^\s()'"`]+\])?$/;
/** The name of the property a function was called through. */
const ALIAS = / \[as [^\]]*\]$/;

/**
 * The part of a stack behind the message it repeats, which may hold lines that look like frames. Of an error whose
 * message was changed since, nothing tells where the old one ends: then it is the frames with a certain place.
 */
export function afterMessage(stack: string, message: unknown): string {
  const name = className().exec(stack)?.[0] ?? '';
  const heading = typeof message === 'string' && message !== '' ? `${name}: ${message}` : name;
  if (stack === heading) return '';
  if (name !== '' && stack.startsWith(`${heading}\n`)) return stack.slice(heading.length);
  return ['', ...stackLines(stack).filter((line) => CERTAIN_PLACE.test(partsOf(line).place))].join('\n');
}

/**
 * The lines of the frames of a stack, newest call first. The message in front of them may be of several lines
 * and quote a stack as well: only the last unbroken run of frames is where this error was thrown, and of that only
 * what V8 can have written at once.
 */
export function stackLines(stack: string): readonly string[] {
  return ofOneStack(lastFrames(stack.split('\n')))
    .slice(0, MAX_FRAMES)
    .map(({ safeLine }) => safeLine);
}

/** What is known of the line of a frame. */
interface FrameLine {
  /** As it may be sent. */
  readonly safeLine: string;
  /** Whether what called it is of another turn of the event loop. */
  readonly isFirstCall: boolean;
  readonly isAsync: boolean;
}

function lastFrames(lines: readonly string[]): readonly FrameLine[] {
  const newestLast: FrameLine[] = [];
  for (const line of lines.toReversed()) {
    const frame = line.startsWith(FRAME) ? knownFrameLine(line) : undefined;
    if (frame !== undefined) newestLast.push(frame);
    else if (newestLast.length > 0) break;
  }
  return newestLast.toReversed();
}

/** What fails once mostly fails again, at the same lines. */
const knownFrameLine = remembering(readFrameLine);

/** What is known of a line, or nothing where it only begins like that of a frame. */
function readFrameLine(line: string): FrameLine | undefined {
  if (!PLACE.test(line.length > MAX_LINE ? line.slice(-MAX_LINE) : line)) return undefined;
  if (line.length <= MAX_LINE && !isPlace(partsOf(line).place)) return undefined;
  const isAsync = ASYNC_FRAME.test(line);
  const short = inBounds(line);
  return {
    safeLine: withoutTexts(short).replace(DATA_URL, 'data:$1$2').replace(QUERY, ''),
    isFirstCall: isAsync || FIRST_CALL.test(short),
    isAsync,
  };
}

/**
 * A line is too long by the source of a module that is its place, of which the middle is not missed, or by the name of
 * a function, which is a text then. Of all others nothing tells what is in them.
 */
function inBounds(line: string): string {
  if (line.length <= MAX_LINE) return line;
  const short = `${line.slice(0, MAX_LINE / 2)}${line.slice(-MAX_LINE / 2)}`;
  const { place } = partsOf(short);
  if (place.startsWith('data:')) return short;
  return place.length > MAX_LINE / 2 ? `${FRAME}<anonymous>` : `${FRAME}<anonymous> (${place})`;
}

function isPlace(place: string): boolean {
  if (ONE_WORD.test(place) || place.startsWith('data:') || EVALUATED.test(place)) return true;
  return CERTAIN_PLACE.test(place) && (!/\s/.test(place) || FILE_WITH_SPACES.test(place));
}

/** Frames with which a stack ends, beside those that await: what called them is of another turn of the event loop. */
const FIRST_CALL = / at (?:process\.processTicksAndRejections \(|.{0,200}\bnode:internal\/main\/)/;

/**
 * A message that ends in a quoted stack, and was replaced by its own first line, leaves that stack in front of the
 * real one. It is told by its end: no call goes on below the first one of a turn, and V8 keeps no more frames than
 * it was told to.
 */
function ofOneStack(frames: readonly FrameLine[]): readonly FrameLine[] {
  const last = frames.findLastIndex(({ isFirstCall }, index) => isFirstCall && frames[index + 1]?.isAsync === false);
  const own = frames.slice(last === frames.length - 1 ? 0 : last + 1);
  const limit = Math.max(DEFAULT_LIMIT, Error.stackTraceLimit);
  return own.length > limit ? own.slice(-limit) : own;
}

/** A frame in its parts. */
export interface FrameParts {
  /** The beginning of the line, in front of the name. */
  readonly at: string;
  readonly name: string;
  /** What stands in the parentheses, or all there is. */
  readonly place: string;
}

/** The parts of the line of a frame. */
export function partsOf(line: string): FrameParts {
  const at = ASYNC_FRAME.exec(line)?.[0] ?? FRAME;
  const text = line.slice(at.length);
  if (text.endsWith(')')) {
    // Names may have parentheses as well, and so may places.
    for (let start = text.indexOf(' ('); start !== -1; start = text.indexOf(' (', start + 1)) {
      const place = text.slice(start + 2, -1);
      if (isPlace(place)) return { at, name: text.slice(0, start), place };
    }
  }
  return { at, name: '', place: text };
}

/** Functions that are properties may be named by any text. */
function withoutTexts(line: string): string {
  const { at, name, place } = partsOf(line);
  if (name === '' || FUNCTION_NAME.test(name)) return line;
  const own = name.replace(ALIAS, '');
  return `${at}${FUNCTION_NAME.test(own) ? own : '<anonymous>'} (${place})`;
}
