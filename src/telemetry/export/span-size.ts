import type { Attributes, AttributeValue } from '@opentelemetry/api';
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
 * Only lengths are added up: a queue is bounded by it, and measuring must cost less than keeping.
 */
export function sizeOf(span: ReadableSpan): number {
  let bytes = SPAN_BYTES + span.name.length + sizeOfAttributes(span.attributes);
  for (const { name, attributes } of span.events) bytes += RECORD_BYTES + name.length + sizeOfAttributes(attributes);
  for (const { attributes } of span.links) bytes += RECORD_BYTES + sizeOfAttributes(attributes);
  return bytes;
}

function sizeOfAttributes(attributes: Attributes | undefined): number {
  let bytes = 0;
  for (const key in attributes) bytes += ENTRY_BYTES + key.length + sizeOfValue(attributes[key]);
  return bytes;
}

function sizeOfValue(value: AttributeValue | undefined): number {
  if (typeof value === 'string') return value.length;
  if (!Array.isArray(value)) return 0;
  let bytes = 0;
  for (const element of value) bytes += ENTRY_BYTES + (typeof element === 'string' ? element.length : 0);
  return bytes;
}
