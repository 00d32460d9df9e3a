import type { AttributeValue } from './received-span.ts';

/**
 * An OTLP trace request as plain data: what both decoders produce, with protobuf's defaults filled in.
 *
 * Nothing is judged yet except types. Ids are hex text of any length, because whether they are valid is
 * one question with one answer for both formats (`otlp.ts`).
 */
export type TraceRequestMessage = ResourceSpansMessage[];

export interface ResourceSpansMessage {
  resource: AttributesMessage;
  scopeSpans: ScopeSpansMessage[];
}

export interface ScopeSpansMessage {
  scope: { name: string; version: string };
  spans: SpanMessage[];
}

export interface SpanMessage {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  attributes: AttributesMessage;
  events: EventMessage[];
  links: LinkMessage[];
  status: { code: number; message: string };
  flags: number;
}

export interface EventMessage {
  name: string;
  timeUnixNano: bigint;
  attributes: AttributesMessage;
}

export interface LinkMessage {
  traceId: string;
  spanId: string;
  attributes: AttributesMessage;
}

export type AttributesMessage = Record<string, AttributeValue>;

/** How deep lists and maps may nest inside one attribute: far beyond any real one, far below the stack's end. */
export const MAX_VALUE_NESTING = 64;

/** Sets an attribute; of two with one key the later wins. */
export function setAttribute(attributes: AttributesMessage, key: string, value: AttributeValue): void {
  if (key === '__proto__') {
    // A plain assignment would change the prototype instead of adding a key.
    Object.defineProperty(attributes, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    attributes[key] = value;
  }
}

/** An int64 as the most convenient type that loses nothing. */
export function integerValue(value: bigint): number | bigint {
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value;
}
