import type { Protocol } from '../config/options.ts';

/**
 * One OTLP request with what several hold. Protobuf messages written one after the other are one message with the
 * repeated fields of all, and of JSON requests the arrays are put together.
 *
 * @see https://protobuf.dev/programming-guides/encoding/#last-one-wins
 */
export function joinRequests(requests: readonly Uint8Array[], protocol: Protocol): Uint8Array {
  if (protocol === 'http/protobuf') return Buffer.concat(requests);
  const texts = requests.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength));
  return texts.every(isPlain) ? joinedAsText(texts) : joinedAsValues(texts);
}

const START = Buffer.from('{"resourceSpans":[');
const END = Buffer.from(']}');
const COMMA = Buffer.from(',');

/** Whether a request is nothing but its array, without a space, as the official serializer writes it. */
function isPlain(text: Buffer): boolean {
  return text.subarray(0, START.length).equals(START) && text.subarray(-END.length).equals(END);
}

function joinedAsText(texts: readonly Buffer[]): Uint8Array {
  const arrays = texts.map((text) => text.subarray(START.length, -END.length)).filter(({ length }) => length > 0);
  const parts = arrays.flatMap((array, index) => (index === 0 ? [array] : [COMMA, array]));
  return Buffer.concat([START, ...parts, END]);
}

function joinedAsValues(texts: readonly Buffer[]): Uint8Array {
  const resourceSpans = texts.flatMap((text) => {
    const request = JSON.parse(text.toString()) as { readonly resourceSpans?: readonly unknown[] };
    return request.resourceSpans ?? [];
  });
  return Buffer.from(JSON.stringify({ resourceSpans }));
}
