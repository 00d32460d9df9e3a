import { propagation, type Context } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';

import { guard } from '../guard.ts';
import { SENTRY_CLIENT_SAMPLE_RATE } from '../semconv.ts';
import { startProcessor } from './start-processor.ts';

/**
 * Writes the rate of a caller that has decided whether its trace is sampled on the spans of that trace. Sentry
 * multiplies its counts by it, and our own rate has decided nothing there.
 *
 * @see https://develop.sentry.dev/sdk/foundations/trace-propagation/dynamic-sampling-context/
 */
export function createCallersRateProcessor(): SpanProcessor {
  return startProcessor((span, parentContext) => {
    // Anybody may have put anything there.
    const rate = guard(() => callersRate(parentContext, span.spanContext().traceId));
    if (rate !== undefined) span.setAttribute(SENTRY_CLIENT_SAMPLE_RATE, rate);
  });
}

/** What a Sentry SDK says in its baggage of one trace. */
function callersRate(context: Context, traceId: string): number | undefined {
  const baggage = propagation.getBaggage(context);
  if (baggage?.getEntry('sentry-trace_id')?.value !== traceId) return undefined;
  const rate = Number(baggage.getEntry('sentry-sample_rate')?.value);
  return rate > 0 && rate <= 1 ? rate : undefined;
}
