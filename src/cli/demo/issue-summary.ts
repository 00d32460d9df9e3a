/** What the demo tells of an Issue. */
import type { SentryEvent } from '../../telemetry/issues/sentry-event.ts';

export interface IssueSummary {
  readonly eventId: string;
  readonly level: string;
  readonly type: string;
  readonly value: string;
  /** Whether the run went on. */
  readonly handled: boolean;
  readonly failurePoint: string | null;
  readonly traceId: string | null;
  readonly spanId: string | null;
  /** Function, file and line of the failing code. */
  readonly culprit: string | null;
}

export function summarizeIssue(event: SentryEvent): IssueSummary {
  const thrown = event.exception?.values.at(-1);
  const frame = thrown?.stacktrace?.frames.findLast(({ in_app: inApp }) => inApp);
  const { trace } = event.contexts as { trace?: { trace_id?: string; span_id?: string } };
  return {
    eventId: event.event_id,
    level: event.level,
    type: thrown?.type ?? 'message',
    value: thrown?.value ?? '',
    handled: thrown?.mechanism?.handled ?? true,
    failurePoint: event.tags['failure.point'] ?? null,
    traceId: trace?.trace_id ?? null,
    spanId: trace?.span_id ?? null,
    culprit: frame === undefined ? null : `${frame.function} (${frame.filename}:${frame.lineno})`,
  };
}
