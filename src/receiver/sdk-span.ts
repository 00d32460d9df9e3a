import type { Attributes, HrTime } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { AttributeValue, ReceivedSpan } from './received-span.ts';

/** A span of the SDK in the form a receiver decodes. OTLP counts kinds from 1 where the API counts from 0. */
export function receivedSpan(span: ReadableSpan): ReceivedSpan {
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
