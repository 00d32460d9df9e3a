import type { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import { joinRequests } from './join-requests.ts';
import { sizeOf } from './span-size.ts';
import { translateSpan } from './translate-span.ts';

/** Spans as an OTLP request. */
export interface SerializedSpans {
  readonly body: Uint8Array;
  /** Spans that cannot be written as OTLP, and are not in it. */
  readonly unwritable: number;
}

/** How a destination wants its spans. */
export type Format = Pick<Destination, 'protocol' | 'dialect'>;

/** What writes spans in the protocol of a destination: an official serializer. */
export type SpanSerializer = Pick<typeof JsonTraceSerializer, 'serializeRequest'>;

/** A slice takes about a millisecond to write, so that nothing else waits for long. */
const MAX_SLICE_BYTES = 192 * 1024;
const MAX_SLICE_SPANS = 192;

/**
 * Writes spans as an OTLP request, in the words and the protocol of the destination: few of them at once, many in
 * slices, between which the program gets its turn.
 */
export function serializeSpans(
  spans: readonly ReadableSpan[],
  format: Format,
  serializer: SpanSerializer,
): SerializedSpans | Promise<SerializedSpans> {
  const slices = slicesOf(spans);
  return slices.length <= 1 ? serializeAtOnce(spans, format, serializer) : serializeInTurns(slices, format, serializer);
}

/** Writes spans as one OTLP request before it returns, for a process that cannot wait. */
export function serializeAtOnce(
  spans: readonly ReadableSpan[],
  format: Format,
  serializer: SpanSerializer,
): SerializedSpans {
  return joined([writeSlice(spans, format, serializer)], format);
}

async function serializeInTurns(
  slices: readonly (readonly ReadableSpan[])[],
  format: Format,
  serializer: SpanSerializer,
): Promise<SerializedSpans> {
  const written: Written[] = [];
  for (const slice of slices) {
    written.push(writeSlice(slice, format, serializer));
    await new Promise(setImmediate);
  }
  return joined(written, format);
}

function slicesOf(spans: readonly ReadableSpan[]): readonly (readonly ReadableSpan[])[] {
  const slices: ReadableSpan[][] = [];
  let slice: ReadableSpan[] = [];
  let bytes = 0;
  for (const span of spans) {
    const size = sizeOrNothing(span);
    if (slice.length > 0 && (slice.length === MAX_SLICE_SPANS || bytes + size > MAX_SLICE_BYTES)) {
      slices.push(slice);
      slice = [];
      bytes = 0;
    }
    slice.push(span);
    bytes += size;
  }
  if (slice.length > 0) slices.push(slice);
  return slices;
}

/** A span that cannot be measured cannot be written either, which shows when it is. */
function sizeOrNothing(span: ReadableSpan): number {
  try {
    return sizeOf(span);
  } catch {
    return 0;
  }
}

/** Requests that hold the spans of a slice: one, unless a span in it cannot be written. */
interface Written {
  readonly requests: readonly Uint8Array[];
  readonly unwritable: number;
}

function writeSlice(spans: readonly ReadableSpan[], format: Format, serializer: SpanSerializer): Written {
  if (spans.length === 0) return { requests: [], unwritable: 0 };
  const request = write(spans, format, serializer);
  if (request !== undefined) return { requests: [request], unwritable: 0 };
  if (spans.length === 1) return { requests: [], unwritable: 1 };
  // One span that cannot be written must not cost the others.
  const half = Math.ceil(spans.length / 2);
  const before = writeSlice(spans.slice(0, half), format, serializer);
  const after = writeSlice(spans.slice(half), format, serializer);
  return { requests: [...before.requests, ...after.requests], unwritable: before.unwritable + after.unwritable };
}

function write(
  spans: readonly ReadableSpan[],
  { dialect }: Format,
  serializer: SpanSerializer,
): Uint8Array | undefined {
  try {
    return serializer.serializeRequest(spans.map((span) => translateSpan(span, dialect)));
  } catch {
    return undefined;
  }
}

function joined(written: readonly Written[], { protocol }: Format): SerializedSpans {
  const requests = written.flatMap((slice) => slice.requests);
  const unwritable = written.reduce((total, slice) => total + slice.unwritable, 0);
  const [only] = requests;
  if (requests.length === 1 && only !== undefined) return { body: only, unwritable };
  return { body: joinRequests(requests, protocol), unwritable };
}
