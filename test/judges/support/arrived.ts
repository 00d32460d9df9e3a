import type { DemoTrace } from './demo.ts';

/** What every judge has to say about a span: who it is, where it hangs, and whether it failed. */
export interface ArrivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: string;
  readonly failed: boolean;
}

/** What the demo says it sent, in the order of the span ids. */
export function sentSpans(traces: readonly DemoTrace[]): readonly ArrivedSpan[] {
  return bySpanId(
    traces.flatMap(({ traceId, spans }) =>
      spans.map(({ spanId, parentSpanId, name, kind, status }) => ({
        traceId,
        spanId,
        parentSpanId,
        name,
        kind,
        failed: status === 'error',
      })),
    ),
  );
}

export function bySpanId<Span extends { readonly spanId: string }>(spans: readonly Span[]): readonly Span[] {
  return spans.toSorted((a, b) => (a.spanId < b.spanId ? -1 : 1));
}
