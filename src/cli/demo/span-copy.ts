/** A copy of every span of this process, taken where spans end, whatever becomes of the original. */
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node';

import type { ReceivedSpan } from '../../receiver/received-span.ts';
import { receivedSpan } from '../../receiver/sdk-span.ts';

/** Spans as they end. */
export interface SpanCopy {
  readonly processor: SpanProcessor;
  /** The traces of every span that was started. */
  readonly traceIds: ReadonlySet<string>;
  /** The spans that ended since the last call, once none is open any more or `timeoutMs` has passed. */
  take(timeoutMs: number): Promise<readonly ReceivedSpan[]>;
}

/** Creates a processor that keeps copies. */
export function createSpanCopy(): SpanCopy {
  const traceIds = new Set<string>();
  let ended: ReadableSpan[] = [];
  let open = 0;
  let onIdle: (() => void) | undefined;
  return {
    traceIds,
    processor: {
      onStart(span) {
        traceIds.add(span.spanContext().traceId);
        open += 1;
      },
      onEnd(span) {
        ended.push(span);
        open -= 1;
        if (open === 0) onIdle?.();
      },
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    },
    async take(timeoutMs) {
      if (open > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          onIdle = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        onIdle = undefined;
      }
      const taken = ended;
      ended = [];
      return taken.map(receivedSpan);
    },
  };
}
