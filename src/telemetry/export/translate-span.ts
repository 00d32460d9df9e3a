import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import type { Dialect } from './dialects/dialect.ts';
import { otelDialect } from './dialects/otel.ts';
import { sentryDialect } from './dialects/sentry.ts';

const DIALECTS: Readonly<Record<Destination['dialect'], Dialect>> = { otel: otelDialect, sentry: sentryDialect };

/** The span in the words of a dialect. A span the dialect cannot read stays as it is. */
export function translateSpan(span: ReadableSpan, name: Destination['dialect']): ReadableSpan {
  try {
    return withWords(span, DIALECTS[name](span));
  } catch {
    return span;
  }
}

/** The fields are copied one by one: a span's own getters may rest on private fields a proxy cannot reach. */
function withWords(span: ReadableSpan, { name, attributes }: ReturnType<Dialect>): ReadableSpan {
  if (name === span.name && attributes === span.attributes) return span;
  const { parentSpanContext } = span;
  return {
    name,
    attributes,
    kind: span.kind,
    spanContext: () => span.spanContext(),
    ...(parentSpanContext === undefined ? undefined : { parentSpanContext }),
    startTime: span.startTime,
    endTime: span.endTime,
    status: span.status,
    links: span.links,
    events: span.events,
    duration: span.duration,
    ended: span.ended,
    resource: span.resource,
    instrumentationScope: span.instrumentationScope,
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
}
