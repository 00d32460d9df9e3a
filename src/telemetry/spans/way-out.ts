import { isSpanContextValid, trace, type Context, type Span, type SpanContext } from '@opentelemetry/api';

import type { WayOut } from '../recorded-failures.ts';
import type { AgentFrame } from '../run-frame.ts';

/**
 * The way a failure takes from here, as far as it is known: the span around this one, the one around that where the
 * SDK tells, and the agent. Spans are told by their ids, which hold nothing of what they say.
 *
 * @param around the context the span is in
 * @param within the agent it is part of
 * @internal
 */
export function wayOut(span: Span, around: Context, within: AgentFrame | undefined): WayOut {
  const outer = trace.getSpan(around);
  return {
    self: keyOf(span),
    agent: within && keyOf(within.span),
    around: outer === undefined ? [] : [keyOf(outer), ...parentOf(outer)],
  };
}

/** Where nothing is traced no span has an id. */
function keyOf(span: Span): unknown {
  const context = span.spanContext();
  return isSpanContextValid(context) ? context.spanId : span;
}

function parentOf(span: Span): readonly unknown[] {
  const { parentSpanContext } = span as Span & { readonly parentSpanContext?: SpanContext };
  return parentSpanContext === undefined ? [] : [parentSpanContext.spanId];
}
