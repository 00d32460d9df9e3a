/** A text without its escapes, and where each of its characters stood. */
export interface Decoded {
  readonly text: string;
  /** The position in the text as it was, for rising positions in this one. */
  originOf(position: number): number;
}

/** Escapes of signs that have a place in ASCII: of JSON and JavaScript, of URLs (RFC 3986, 2.1), of HTML. */
const ESCAPE = /\\u00([2-7][0-9a-f])|%([2-7][0-9a-f]|0[9ad])|&(quot|amp|apos|#(\d\d));/gi;

/** A text with the escapes of one level taken off it; absent where it has none. */
export function decodeEscapes(text: string): Decoded | undefined {
  // Most texts have none of these signs, which is found out many times faster than what the pattern finds.
  if (!text.includes('%') && !text.includes('\\u00') && !text.includes('&')) return undefined;
  const starts: number[] = [];
  const ends: number[] = [];
  let decoded = '';
  let from = 0;
  ESCAPE.lastIndex = 0;
  for (let match = ESCAPE.exec(text); match !== null; match = ESCAPE.exec(text)) {
    // The backslashes of the levels around belong to the escape.
    let start = match.index;
    if (text[start] === '\\') while (start > from && text[start - 1] === '\\') start -= 1;
    decoded += text.slice(from, start) + signOf(match);
    starts.push(decoded.length - 1);
    from = ESCAPE.lastIndex;
    ends.push(from);
  }
  if (from === 0) return undefined;
  return { text: decoded + text.slice(from), originOf: createOrigins(starts, ends) };
}

function signOf([, inJson, inUrl, inHtml, number]: RegExpExecArray): string {
  const code = inJson ?? inUrl;
  if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
  if (number !== undefined) return String.fromCharCode(Number(number));
  return inHtml === 'quot' ? '"' : inHtml === 'amp' ? '&' : "'";
}

/**
 * @param starts where the signs stand in the decoded text
 * @param ends positions behind their escapes
 */
function createOrigins(starts: readonly number[], ends: readonly number[]): Decoded['originOf'] {
  let next = 0;
  return (position) => {
    while (next < starts.length && starts[next]! < position) next += 1;
    return next === 0 ? position : position - starts[next - 1]! - 1 + ends[next - 1]!;
  };
}
