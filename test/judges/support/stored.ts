import { bySpanId, type ArrivedSpan } from './arrived.ts';
import type { Aspire, StoredSpan } from './aspire.ts';
import type { DemoTrace } from './demo.ts';

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUS_CODE_ERROR = 2;

/** What the dashboard stored of these traces, in the order of the span ids. */
export async function storedSpans(aspire: Aspire, traces: readonly DemoTrace[]): Promise<readonly ArrivedSpan[]> {
  const stored = await Promise.all(traces.map(({ traceId }) => aspire.trace(traceId)));
  return bySpanId(
    stored.flat().map((span) => ({
      traceId: span.traceId,
      spanId: span.spanId,
      parentSpanId: span.parentSpanId ?? null,
      name: span.name,
      kind: KINDS[span.kind] ?? String(span.kind),
      failed: span.status?.code === STATUS_CODE_ERROR,
    })),
  );
}

/** The exceptions the dashboard stored, scenario by scenario: `span name: exception type`, in the order they ended. */
export async function exceptionsOf(
  aspire: Aspire,
  traces: readonly DemoTrace[],
): Promise<Readonly<Record<string, readonly string[]>>> {
  const exceptions: Record<string, string[]> = {};
  for (const { scenario, traceId, spans } of traces) {
    const stored = new Map((await aspire.trace(traceId)).map((span) => [span.spanId, span]));
    const found = spans.flatMap(({ spanId }) => exceptionTypes(stored.get(spanId)));
    exceptions[scenario] = [...(exceptions[scenario] ?? []), ...found];
  }
  return exceptions;
}

function exceptionTypes(span: StoredSpan | undefined): readonly string[] {
  const events = span?.events?.filter(({ name }) => name === 'exception') ?? [];
  return events.map(({ attributes }) => {
    const type = attributes.find(({ key }) => key === 'exception.type');
    return `${span?.name}: ${type?.value.stringValue}`;
  });
}
