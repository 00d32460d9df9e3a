/** A copy of every span of this process, taken where spans end, whatever becomes of the original. */
import type { Attributes, HrTime } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node';

import type { AttributeValue, ReceivedSpan } from '../../receiver/received-span.ts';

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

/** A span of the SDK in the form a receiver decodes. OTLP counts kinds from 1 where the API counts from 0. */
function receivedSpan(span: ReadableSpan): ReceivedSpan {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const { parentSpanContext, status } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanContext === undefined ? {} : { parentSpanId: parentSpanContext.spanId }),
    name: span.name,
    kind: span.kind + 1,
    startTimeUnixNano: nanoseconds(span.startTime),
    endTimeUnixNano: nanoseconds(span.endTime),
    attributes: values(span.attributes),
    status: status.message === undefined ? { code: status.code } : { code: status.code, message: status.message },
    events: span.events.map(({ name, time, attributes }) => ({
      name,
      timeUnixNano: nanoseconds(time),
      attributes: values(attributes),
    })),
    links: span.links.map(({ context, attributes }) => ({
      traceId: context.traceId,
      spanId: context.spanId,
      attributes: values(attributes),
    })),
    flags: traceFlags,
    resource: values(span.resource.attributes),
    scope: { name: span.instrumentationScope.name, version: span.instrumentationScope.version ?? '' },
  };
}

function nanoseconds([seconds, rest]: HrTime): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(rest);
}

function values(attributes: Attributes = {}): Record<string, AttributeValue> {
  const known = Object.entries(attributes).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as Record<string, AttributeValue>;
}
