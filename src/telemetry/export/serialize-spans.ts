import type { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import { now, setImmediate } from '../real-time.ts';
import { joinRequests } from './join-requests.ts';
import { sizeOf } from './span-size.ts';
import { translateSpan } from './translate-span.ts';
import { withWritableTimes } from './writable-times.ts';

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

/**
 * Spans are written in slices. V8 keeps texts and arrays up to 128 KiB among the young objects, where they are made and
 * given up for less: the spans of a slice are written in a sixth less time than 512 of them at once.
 */
const SLICE_BYTES = 64 * 1024;
/** A slice may hold so many times as many spans as the one before it. */
const MAX_GROWTH = 4;
/** Then the program gets its turn, so that nothing else waits for long. */
const TURN_MS = 1;

/**
 * Writes spans as an OTLP request, in the words and the protocol of the destination: few of them at once, many in
 * turns, between which the program gets its own.
 */
export function serializeSpans(
  spans: readonly ReadableSpan[],
  format: Format,
  serializer: SpanSerializer,
): SerializedSpans | Promise<SerializedSpans> {
  const first = firstSliceOf(spans);
  return first === spans.length
    ? joined([writeSlice(spans, format, serializer)], format)
    : serializeInTurns(writeSlices(spans, format, serializer, first), format);
}

/** Writes spans as one OTLP request before it returns, for a process that cannot wait. */
export function serializeAtOnce(
  spans: readonly ReadableSpan[],
  format: Format,
  serializer: SpanSerializer,
): SerializedSpans {
  return joined([...writeSlices(spans, format, serializer)], format);
}

async function serializeInTurns(slices: Iterable<Written>, format: Format): Promise<SerializedSpans> {
  const written: Written[] = [];
  let startedAtMs = now();
  for (const slice of slices) {
    written.push(slice);
    if (now() - startedAtMs < TURN_MS) continue;
    await new Promise(setImmediate);
    startedAtMs = now();
  }
  return joined(written, format);
}

/** The first slice is measured before it is written. How long the others may be, the one before them says for less. */
function* writeSlices(
  spans: readonly ReadableSpan[],
  format: Format,
  serializer: SpanSerializer,
  first = firstSliceOf(spans),
): Generator<Written> {
  let count = first;
  for (let start = 0; start < spans.length;) {
    const slice = spans.slice(start, start + count);
    const written = writeSlice(slice, format, serializer);
    yield written;
    start += slice.length;
    const bytes = written.requests.reduce((total, { byteLength }) => total + byteLength, 0);
    const fitting = Math.floor((SLICE_BYTES / bytes) * slice.length);
    count = Math.max(1, Math.min(fitting, count * MAX_GROWTH));
  }
}

/** How many spans fit into the first slice: one or more, if there are any. */
function firstSliceOf(spans: readonly ReadableSpan[]): number {
  let bytes = 0;
  const end = spans.findIndex((span, index) => {
    bytes += sizeOrNothing(span);
    return index > 0 && bytes > SLICE_BYTES;
  });
  return end === -1 ? spans.length : end;
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
    return serializer.serializeRequest(spans.map((span) => translateSpan(withWritableTimes(span), dialect)));
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
