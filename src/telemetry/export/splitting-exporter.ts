import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import { combined, deliver, type DeliveringExporter, type DeliveryFailure, type Outcome } from './outcome.ts';
import { sizeOf } from './span-size.ts';

/**
 * Hands spans to `exporter` in requests that are not too large: in halves, and halves of these, when the backend takes
 * less. A single span the backend finds too large is refused. After a failure that is not about the
 * spans nothing more is sent: what is left is undecided.
 */
export function createSplittingExporter(exporter: DeliveringExporter): DeliveringExporter {
  const send = async (spans: readonly ReadableSpan[]): Promise<Outcome> => {
    const outcome = await deliver(exporter, spans);
    if (outcome.failure?.kind !== 'too_large') return outcome;
    const [first, second] = spans;
    if (first === undefined) return outcome;
    if (second === undefined) return { rejected: 1, refusal: tooLarge(outcome.failure, sizeOf(first)) };
    const half = Math.ceil(spans.length / 2);
    return sendAll([spans.slice(0, half), spans.slice(half)], outcome.pauseMs);
  };

  const sendAll = async (requests: readonly (readonly ReadableSpan[])[], pauseMs = 0): Promise<Outcome> => {
    let outcome: Outcome = { pauseMs };
    for (const [index, spans] of requests.entries()) {
      outcome = combined(outcome, await send(spans));
      const left = requests.slice(index + 1).flat();
      if (left.length === 0) continue;
      const isStopped = (outcome.undecided ?? []).length > 0;
      if (isStopped || (outcome.pauseMs ?? 0) > 0) {
        return combined(outcome, { undecided: left, failure: isStopped ? outcome.failure : PAUSED });
      }
    }
    return outcome;
  };

  return { export: send };
}

const PAUSED: DeliveryFailure = {
  kind: 'passing',
  cause: 'paused',
  sentence: 'the backend asked for a pause before it had all of them',
  mayHaveArrived: false,
};

/** Why a span is refused that is too large even for a request of its own. */
export function tooLarge({ sentence }: DeliveryFailure, bytes: number): DeliveryFailure {
  return {
    kind: 'refused',
    cause: 'span too large',
    sentence: `${sentence}, and that was a single span of about ${Math.ceil(bytes / 1024)} KiB; record less content in it`,
  };
}
