import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';

import type { Dialect } from './dialects/dialect.ts';

/** Hands spans to `exporter` in the words of `dialect`. */
export function createTranslatingExporter(exporter: SpanExporter, dialect: Dialect): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(
        spans.map((span) => translate(span, dialect)),
        done,
      ),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

/** The fields are copied one by one: a span's own getters may rest on private fields a proxy cannot reach. */
function translate(span: ReadableSpan, dialect: Dialect): ReadableSpan {
  const { name, attributes } = dialect(span);
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
