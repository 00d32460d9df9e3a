import { isJsonObject, type JsonObject } from './json.ts';

/** A Sentry envelope, taken apart. */
export interface Envelope {
  readonly headers: JsonObject;
  readonly items: readonly EnvelopeItem[];
}

/** One item of an envelope, such as an event. */
export interface EnvelopeItem {
  readonly type: string;
  readonly headers: JsonObject;
  readonly bytes: Uint8Array;
  /** The payload as JSON; undefined when it is something else, such as an attachment. */
  readonly payload: unknown;
}

/** Says why bytes are not an envelope. */
export class MalformedEnvelopeError extends Error {
  override readonly name = 'MalformedEnvelopeError';
}

const NEWLINE = 0x0a;

/**
 * Parses an envelope: a line of headers, then per item a line of headers and the payload.
 *
 * A payload is as long as its `length` header says, or else reaches to the end of its line.
 */
export function parseEnvelope(body: Uint8Array): Envelope {
  const [headerLine, afterHeaders] = line(body, 0);
  const headers = jsonObject(headerLine, 'the envelope headers');
  const items: EnvelopeItem[] = [];
  let position = afterHeaders;
  while (position < body.length) {
    const [itemLine, payloadStart] = line(body, position);
    position = payloadStart;
    // The last item may end in a newline, and some senders put an empty line between items.
    if (itemLine.length === 0) continue;
    const at = `item ${items.length}`;
    const itemHeaders = jsonObject(itemLine, `the headers of ${at}`);
    const { type, length } = itemHeaders;
    if (typeof type !== 'string') throw new MalformedEnvelopeError(`Expected ${at} to have a type.`);
    const [bytes, next] = length === undefined ? line(body, payloadStart) : sized(body, payloadStart, length, at);
    items.push({ type, headers: itemHeaders, bytes, payload: jsonOrUndefined(bytes) });
    position = next;
  }
  return { headers, items };
}

/** The bytes up to the next newline, and where the line after it starts. */
function line(body: Uint8Array, start: number): readonly [Uint8Array, number] {
  const end = body.indexOf(NEWLINE, start);
  return end === -1 ? [body.subarray(start), body.length] : [body.subarray(start, end), end + 1];
}

function sized(body: Uint8Array, start: number, length: unknown, at: string): readonly [Uint8Array, number] {
  const left = body.length - start;
  if (typeof length !== 'number' || !Number.isInteger(length) || length < 0 || length > left) {
    throw new MalformedEnvelopeError(`Expected the length of ${at} to be a number of bytes up to ${left}.`);
  }
  const end = start + length;
  if (end < body.length && body[end] !== NEWLINE) {
    throw new MalformedEnvelopeError(`Expected a newline after the ${length} bytes of ${at}.`);
  }
  return [body.subarray(start, end), end + 1];
}

function jsonObject(bytes: Uint8Array, what: string): JsonObject {
  const value = jsonOrUndefined(bytes);
  if (isJsonObject(value)) return value;
  throw new MalformedEnvelopeError(`Expected ${what} to be a JSON object.`);
}

function jsonOrUndefined(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    return HALF_A_CHARACTER.test(text) && HALF_A_CHARACTER.test(JSON.stringify(value)) ? undefined : value;
  } catch {
    return undefined;
  }
}

/**
 * An escape of a surrogate. What is parsed and written anew has one only where the other half is missing, which is no
 * JSON to Relay (`InvalidJsonError` of sentry-relay 0.10).
 */
const HALF_A_CHARACTER = /(?<!\\)(?:\\\\)*\\ud[89a-f]/i;
