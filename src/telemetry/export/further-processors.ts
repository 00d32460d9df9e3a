import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';

import { untraced } from '../untraced.ts';

/** Span processors of the application, such as one that sends to a vendor by itself. */
export interface FurtherProcessors {
  /** What a provider gets. */
  readonly processors: readonly SpanProcessor[];
  /** Whether spans have ended since the last flush, which they may hold. */
  readonly isPending: boolean;
  /** Has them send what they hold. Never rejects. */
  flush(): Promise<void>;
}

/** Creates what has them flushed with everything else: at the end of the process nobody else would. */
export function createFurtherProcessors(given: readonly SpanProcessor[]): FurtherProcessors {
  let isPending = false;
  const listener: SpanProcessor = {
    onStart() {},
    onEnd() {
      isPending = true;
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  return {
    processors: given.length === 0 ? [] : [...given, listener],
    get isPending() {
      return isPending;
    },
    async flush() {
      isPending = false;
      // Spans of what they send with would be sent by them in turn, and no process would come to its end.
      const flushOne = untraced(async (processor: SpanProcessor) => processor.forceFlush());
      await Promise.allSettled(given.map((processor) => flushOne(processor)));
    },
  };
}
