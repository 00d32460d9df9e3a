import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';

/** A span processor that sees spans when they start, and holds none of them. */
export function startProcessor(onStart: SpanProcessor['onStart']): SpanProcessor {
  return { onStart, onEnd() {}, forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() };
}
