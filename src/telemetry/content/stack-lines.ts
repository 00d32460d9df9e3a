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

/** The part of a stack behind the message it repeats, which may hold lines that look like frames. */
export function afterMessage(stack: string, message: unknown): string {
  const start = typeof message === 'string' && message !== '' ? stack.indexOf(message) : -1;
  return start === -1 ? stack : stack.slice(start + String(message).length);
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
