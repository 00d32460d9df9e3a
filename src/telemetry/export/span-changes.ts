import type { SpanContext } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

type Exchanged =
  | 'name'
  | 'attributes'
  | 'status'
  | 'events'
  | 'links'
  | 'parentSpanContext'
  | 'resource'
  | 'instrumentationScope'
  | 'startTime'
  | 'endTime'
  | 'duration'
  | 'ended';

/** Parts of a span that can be exchanged on its way out. */
export type SpanChanges = Partial<Pick<ReadableSpan, Exchanged>> & { readonly spanContext?: SpanContext };

/**
 * A copy of a span with some parts exchanged. The fields are copied one by one: a span's own getters may rest on
 * private fields a proxy cannot reach.
 */
export function withChanges(span: ReadableSpan, changes: SpanChanges): ReadableSpan {
  const { parentSpanContext = span.parentSpanContext, spanContext = span.spanContext() } = changes;
  return {
    name: changes.name ?? span.name,
    attributes: changes.attributes ?? span.attributes,
    kind: span.kind,
    spanContext: () => spanContext,
    ...(parentSpanContext === undefined ? undefined : { parentSpanContext }),
    startTime: changes.startTime ?? span.startTime,
    endTime: changes.endTime ?? span.endTime,
    status: changes.status ?? span.status,
    links: changes.links ?? span.links,
    events: changes.events ?? span.events,
    duration: changes.duration ?? span.duration,
    ended: changes.ended ?? span.ended,
    resource: changes.resource ?? span.resource,
    instrumentationScope: changes.instrumentationScope ?? span.instrumentationScope,
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
}
