import type { Attributes } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';

/**
 * Writes the same attributes on every span when it starts, spans of other instrumentations included.
 *
 * Sentry reads the release from the span and not from the resource, and needs the sampling rate on each
 * span to extrapolate counts.
 */
export function createStampProcessor(stamp: Attributes): SpanProcessor {
  const entries = Object.entries(stamp);
  return {
    onStart(span) {
      for (const [key, value] of entries) if (value !== undefined) span.setAttribute(key, value);
    },
    onEnd() {},
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}
