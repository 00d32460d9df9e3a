import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

/** What a span object costs before it says anything: ids, times, status, the objects themselves. */
const SPAN_BYTES = 600;
/** The same of an event or a link. */
const RECORD_BYTES = 120;
/** A slot of an attribute object, and a number or boolean in it. */
const ENTRY_BYTES = 24;

/**
 * About how many bytes of memory a span holds, which is also a little more than its OTLP request takes.
 *
 * A queue is bounded by it, and measuring must cost less than keeping.
 */
export function sizeOf(span: ReadableSpan): number {
  let bytes = SPAN_BYTES + span.name.length + sizeOfAttributes(span.attributes);
  for (const { name, attributes } of span.events) bytes += RECORD_BYTES + name.length + sizeOfAttributes(attributes);
  for (const { attributes } of span.links) bytes += RECORD_BYTES + sizeOfAttributes(attributes);
  return bytes;
}

function sizeOfAttributes(attributes: Readonly<Record<string, unknown>> | undefined): number {
  let bytes = 0;
  for (const key in attributes) bytes += ENTRY_BYTES + key.length + sizeOfValue(attributes[key]);
  return bytes;
}

/** Newer SDKs take bytes and maps as values, too. */
function sizeOfValue(value: unknown): number {
  if (typeof value === 'string') return sizeOfText(value);
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Uint8Array) return value.byteLength;
  if (!Array.isArray(value)) return sizeOfAttributes(value as Readonly<Record<string, unknown>>);
  let bytes = 0;
  for (const element of value) bytes += ENTRY_BYTES + sizeOfValue(element);
  return bytes;
}

/** Below this length a text is not worth a look at its letters, of which some take three bytes in a request. */
const SHORT = 64;

function sizeOfText(text: string): number {
  return text.length <= SHORT ? text.length : Buffer.byteLength(text);
}
