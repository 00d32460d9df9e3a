import { SpanStatusCode, type HrTime } from '@opentelemetry/api';
import { hrTimeDuration } from '@opentelemetry/core';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import { ERROR_TYPE, FAULTLINE_INTERRUPTED, INTERRUPTED_ERROR_TYPE } from '../semconv.ts';
import { withChanges } from './span-changes.ts';

/**
 * A span that had begun and never ended, as an ended one: it failed with `error.type=interrupted`. `endTime`
 * is the last time anything is known of its process; a clock that was set back never ends it before its start.
 * `span` stays as it is.
 */
export function interruptedSpan(span: ReadableSpan, endTime: HrTime): ReadableSpan {
  const { startTime, attributes } = span;
  const end = isBefore(endTime, startTime) ? startTime : endTime;
  return withChanges(span, {
    endTime: end,
    duration: hrTimeDuration(startTime, end),
    ended: true,
    status: { code: SpanStatusCode.ERROR, message: 'The process ended before this span did.' },
    attributes: { ...attributes, [ERROR_TYPE]: INTERRUPTED_ERROR_TYPE, [FAULTLINE_INTERRUPTED]: true },
  });
}

function isBefore(one: HrTime, other: HrTime): boolean {
  return one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);
}
