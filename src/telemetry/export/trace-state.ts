import type { SpanContext } from '@opentelemetry/api';

import type { Redactor } from '../content/redactor.ts';

/**
 * A span context whose trace state holds no secret: every service on the way may have written into it. It is left
 * out as a whole, because nobody could read what redaction leaves of it.
 */
export function withoutSecretState(context: SpanContext, redactor: Redactor): SpanContext {
  if (context.traceState === undefined) return context;
  const state = context.traceState.serialize();
  if (redactor.text(state) === state) return context;
  const { traceState: _, ...others } = context;
  return others;
}
