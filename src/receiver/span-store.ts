import type { ReceivedSpan } from './received-span.ts';

/** The newest spans received, at most `capacity` of them. */
export interface SpanStore {
  /** A live view, oldest first. */
  readonly spans: readonly ReceivedSpan[];
  /** How many spans made room for newer ones since the last `clear`. */
  readonly dropped: number;
  add(spans: readonly ReceivedSpan[]): void;
  clear(): void;
}

export function createSpanStore(capacity: number): SpanStore {
  if (!Number.isInteger(capacity) || capacity < 1) {
    throw new RangeError(`Expected maxSpans to be a positive integer, got ${capacity}.`);
  }
  const spans: ReceivedSpan[] = [];
  let dropped = 0;
  return {
    spans,
    get dropped() {
      return dropped;
    },
    add(added) {
      for (const span of added) spans.push(span);
      dropped += spans.splice(0, Math.max(0, spans.length - capacity)).length;
    },
    clear() {
      spans.length = 0;
      dropped = 0;
    },
  };
}
