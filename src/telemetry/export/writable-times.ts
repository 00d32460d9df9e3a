import type { HrTime } from '@opentelemetry/api';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-node';

import { withChanges } from './span-changes.ts';

/**
 * A span with the times OTLP has: nanoseconds since 1970 in 64 bits. Tests stop their clock at its first moment, where
 * the SDK has spans begin before it, and some libraries tell nanoseconds as milliseconds. Sentry takes a request with
 * another time, and throws away all that is in it.
 */
export function withWritableTimes(span: ReadableSpan): ReadableSpan {
  const { startTime, endTime, events } = span;
  if (isWritable(startTime) && isWritable(endTime) && events.every(({ time }) => isWritable(time))) return span;
  return withChanges(span, {
    startTime: writable(startTime),
    endTime: writable(endTime),
    events: events.map(atWritableTime),
  });
}

/** Seconds of which 64 bits hold the nanoseconds: until the year 2514. */
const LATEST = 2 ** 34;

/** What is not a number is no time either, and cannot be written at all. */
function isWritable(time: HrTime): boolean {
  const seconds = secondsOf(time);
  return !(seconds < 0 || seconds >= LATEST);
}

/** Nanoseconds may be before the second: the SDK writes them so where a test has set its clock back. */
function secondsOf([seconds, nanoseconds]: HrTime): number {
  return seconds + nanoseconds / 1e9;
}

function writable(time: HrTime): HrTime {
  if (isWritable(time)) return time;
  return [secondsOf(time) < 0 ? 0 : LATEST, 0];
}

function atWritableTime(event: TimedEvent): TimedEvent {
  return { ...event, time: writable(event.time) };
}
