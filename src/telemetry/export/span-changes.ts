import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

/** Parts of a span that can be exchanged on its way out. */
export type SpanChanges = Partial<
  Pick<ReadableSpan, 'name' | 'attributes' | 'status' | 'events' | 'links' | 'resource' | 'instrumentationScope'>
>;

/**
 * A copy of a span with some parts exchanged. The fields are copied one by one: a span's own getters may rest on
 * private fields a proxy cannot reach.
 */
export function withChanges(span: ReadableSpan, changes: SpanChanges): ReadableSpan {
  const { parentSpanContext } = span;
  return {
    name: changes.name ?? span.name,
    attributes: changes.attributes ?? span.attributes,
    kind: span.kind,
    spanContext: () => span.spanContext(),
    ...(parentSpanContext === undefined ? undefined : { parentSpanContext }),
    startTime: span.startTime,
    endTime: span.endTime,
    status: changes.status ?? span.status,
    links: changes.links ?? span.links,
    events: changes.events ?? span.events,
    duration: span.duration,
    ended: span.ended,
    resource: changes.resource ?? span.resource,
    instrumentationScope: changes.instrumentationScope ?? span.instrumentationScope,
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
}
