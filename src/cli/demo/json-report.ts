/** The demo as one JSON object, for scripts. */
import { jsonText } from '../../receiver/json.ts';
import type { ReceivedSpan } from '../../receiver/received-span.ts';
import type { Totals } from './delivery.ts';
import type { IssueSummary } from './issue-summary.ts';

/** What one scenario left behind. */
export interface ScenarioTraces {
  readonly scenario: string;
  readonly traces: readonly (readonly ReceivedSpan[])[];
  readonly issues: readonly IssueSummary[];
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUSES = ['unset', 'ok', 'error'];

/** The report of `--json`. Its fields are part of the interface of the command. */
export function jsonReport(
  done: readonly ScenarioTraces[],
  { delivered, undelivered, undeliveredIssues }: Totals,
): string {
  return jsonText({
    traces: done.flatMap(({ scenario, traces }) =>
      traces.map((spans) => ({ scenario, traceId: spans[0]?.traceId, spans: spans.map(jsonSpan) })),
    ),
    issues: done.flatMap(({ scenario, issues }) => issues.map((issue) => ({ scenario, ...issue }))),
    delivered,
    undelivered: undelivered + undeliveredIssues,
  });
}

function jsonSpan(span: ReceivedSpan): object {
  return {
    name: span.name,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? null,
    kind: KINDS[span.kind] ?? 'unspecified',
    status: STATUSES[span.status.code] ?? 'unset',
    durationMs: Number(span.endTimeUnixNano - span.startTimeUnixNano) / 1e6,
    attributes: span.attributes,
  };
}
