import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { onTestFinished } from 'vitest';

import type { Destination } from '../../../src/telemetry/config/destinations.ts';
import { createOtlpExporter, type OtlpExporter } from '../../../src/telemetry/export/otlp-exporter.ts';
import {
  combined,
  deliver,
  type DeliveringExporter,
  type DeliveryFailure,
  type Outcome,
} from '../../../src/telemetry/export/outcome.ts';
import type { RetryingExporter } from '../../../src/telemetry/export/retrying-exporter.ts';
import { createConnection } from '../../../src/telemetry/http/connection.ts';
import { FAKE_PUBLIC_KEY, type FakeSentry } from '../../../src/testing/fake-sentry.ts';

/** Ended spans of the real SDK, named `span 0`, `span 1` …, each with a text of this length. */
export function someSpans(count: number, textLength = 10): ReadableSpan[] {
  const memory = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'trip-helper' }),
    spanProcessors: [new SimpleSpanProcessor(memory)],
  });
  const tracers = ['faultline', 'other'].map((name) => provider.getTracer(name, '1.2.3'));
  for (let index = 0; index < count; index += 1) {
    const attributes = { index, 'gen_ai.input.messages': 'é'.padEnd(textLength, 'x') };
    tracers[index % 2]?.startSpan(`span ${index}`, { attributes }).end();
  }
  return memory.getFinishedSpans();
}

/** The fake Sentry as a destination. */
export function destinationAt(url: string, overrides: Partial<Destination> = {}): Destination {
  return {
    name: 'otlp',
    url,
    headers: { 'x-sentry-auth': `sentry sentry_key=${FAKE_PUBLIC_KEY}` },
    protocol: 'http/json',
    compression: 'none',
    timeoutMs: 5_000,
    dialect: 'otel',
    ...overrides,
  };
}

export function tracesUrlOf({ origin }: FakeSentry): string {
  return `${origin}/api/1/integration/otlp/v1/traces/`;
}

/** An exporter to a URL whose connections end with the test. */
export function exporterTo(url: string, overrides: Partial<Destination> = {}): OtlpExporter {
  const connection = createConnection({ url });
  onTestFinished(() => connection.abort());
  return createOtlpExporter(destinationAt(url, overrides), connection);
}

/** What became of spans, also where that is nothing. */
export type WholeOutcome = Required<Outcome>;

function whole(outcome: Outcome): WholeOutcome {
  const { accepted = 0, rejected = 0, undecided = [], failure, refusal, pauseMs = 0 } = outcome;
  return { accepted, rejected, undecided, failure, refusal, pauseMs };
}

/** What became of so many spans where nothing went wrong. */
export function allAccepted(accepted: number): Partial<WholeOutcome> {
  return { accepted, rejected: 0, undecided: [], failure: undefined, refusal: undefined };
}

/** Exports, and resolves with what became of the spans. */
export async function exported(exporter: DeliveringExporter, spans: readonly ReadableSpan[]): Promise<WholeOutcome> {
  return whole(await deliver(exporter, spans));
}

/** Exports spans that are not accepted, and resolves with the reason. */
export async function reasonFor(
  exporter: DeliveringExporter,
  spans: readonly ReadableSpan[],
): Promise<DeliveryFailure | undefined> {
  const { failure, refusal } = await deliver(exporter, spans);
  return failure ?? refusal;
}

/** Sends, and resolves when all of it is decided. To decide more than was sent is an error. */
export function sent(exporter: RetryingExporter, spans: readonly ReadableSpan[]): Promise<WholeOutcome> {
  let isDecidedTwice = false;
  onTestFinished(() => {
    if (isDecidedTwice) throw new Error('a span was decided twice');
  });
  return new Promise((resolve) => {
    let outcome: Outcome = {};
    const open = new Set(spans);
    if (open.size === 0) resolve(whole(outcome));
    exporter.send(spans, (decided, told) => {
      if (!decided.every((span) => open.delete(span))) isDecidedTwice = true;
      outcome = combined(outcome, told);
      if (open.size === 0) resolve(whole(outcome));
    });
  });
}
