import { SpanStatusCode, type HrTime } from '@opentelemetry/api';
import { hrTimeDuration } from '@opentelemetry/core';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import { ERROR_TYPE, FAULTLINE_INTERRUPTED, INTERRUPTED_ERROR_TYPE } from '../semconv.ts';

/**
 * A span that had begun and never ended, as an ended one: it failed with `error.type=interrupted`. `endTime`
 * is the last time anything is known of its process; a clock that was set back never ends it before its start.
 * `span` stays as it is.
 */
export function interruptedSpan(span: ReadableSpan, endTime: HrTime): ReadableSpan {
  const { name, kind, parentSpanContext, startTime, links, events, resource, instrumentationScope } = span;
  const { droppedAttributesCount, droppedEventsCount, droppedLinksCount } = span;
  const context = span.spanContext();
  const end = isBefore(endTime, startTime) ? startTime : endTime;
  return {
    name,
    kind,
    spanContext: () => context,
    ...(parentSpanContext === undefined ? {} : { parentSpanContext }),
    startTime,
    endTime: end,
    duration: hrTimeDuration(startTime, end),
    ended: true,
    status: { code: SpanStatusCode.ERROR, message: 'The process ended before this span did.' },
    attributes: { ...span.attributes, [ERROR_TYPE]: INTERRUPTED_ERROR_TYPE, [FAULTLINE_INTERRUPTED]: true },
    links,
    events,
    resource,
    instrumentationScope,
    droppedAttributesCount,
    droppedEventsCount,
    droppedLinksCount,
  };
}

function isBefore(one: HrTime, other: HrTime): boolean {
  return one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);
}
