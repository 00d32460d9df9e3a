/** How V8 begins the line of a frame. */
const FRAME = '    at ';
/** Most frames that are kept: those nearest to where the error was thrown. */
const MAX_FRAMES = 100;
const MAX_LINE = 1_024;

/** What every frame ends with: a place in a file, or a word for code that has none. */
const PLACE = /(?::\d{1,9}:\d{1,9}|<anonymous>|native|index \d{1,9})\)?$/;
/** The location of a module that is written out as a URL is its whole source. */
const DATA_URL = /\bdata:[^\s)]*/g;
/** Queries of locations name versions, and may hold tokens. */
const QUERY = /\?[^\s):]*/g;

/** How the first line of a stack names the class of its error; behind `: ` follows the message. */
const CLASS_NAME = /^[\p{L}_$][^\s:]*(?: \[\w+\])?/u;
/** Locations that nobody writes by chance: absolute ones, of Node, and of code that has none. */
const CERTAIN_PLACE = /^(?:\/|[a-z]:[\\/]|\\\\|file:|node:|<anonymous>)/i;

/**
 * The part of a stack behind the message it repeats, which may hold lines that look like frames. Of an error whose
 * message was changed since, nothing tells where the old one ends: then it is the frames with a certain place.
 */
export function afterMessage(stack: string, message: unknown): string {
  const name = CLASS_NAME.exec(stack)?.[0] ?? '';
  const heading = typeof message === 'string' && message !== '' ? `${name}: ${message}` : name;
  if (stack === heading) return '';
  if (name !== '' && stack.startsWith(`${heading}\n`)) return stack.slice(heading.length);
  return ['', ...stackLines(stack).filter((line) => CERTAIN_PLACE.test(placeOf(line)))].join('\n');
}

/** Where a frame is: what stands in its parentheses, or all of it. */
function placeOf(line: string): string {
  const start = line.lastIndexOf(' (');
  return start === -1 ? line.slice(FRAME.length).replace(/^async /, '') : line.slice(start + 2);
}

/**
 * The lines of the frames of a stack, newest call first. The message in front of them may be of several lines
 * and quote a stack as well: only the last unbroken run of frames is where this error was thrown.
 */
export function stackLines(stack: string): readonly string[] {
  const lines = stack.split('\n');
  const end = lines.findLastIndex(isFrame) + 1;
  const start = lines.slice(0, end).findLastIndex((line) => !isFrame(line)) + 1;
  return lines
    .slice(start, Math.min(end, start + MAX_FRAMES))
    .map((line) => line.slice(0, MAX_LINE).replace(DATA_URL, 'data:').replace(QUERY, ''));
}

function isFrame(line: string): boolean {
  return line.startsWith(FRAME) && PLACE.test(line.length > MAX_LINE ? line.slice(-MAX_LINE) : line);
}
