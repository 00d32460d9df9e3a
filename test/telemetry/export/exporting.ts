import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { onTestFinished } from 'vitest';

import type { Destination } from '../../../src/telemetry/config/destinations.ts';
import {
  combined,
  deliveryResult,
  type DeliveringExporter,
  type DeliveryResult,
  type Outcome,
} from '../../../src/telemetry/export/delivery-result.ts';
import { createOtlpExporter, type OtlpExporter } from '../../../src/telemetry/export/otlp-exporter.ts';
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

/** Exports, and resolves with the result. A second call back is an error. */
export function exported(exporter: DeliveringExporter, spans: readonly ReadableSpan[]): Promise<DeliveryResult> {
  let calls = 0;
  onTestFinished(() => {
    if (calls > 1) throw new Error('the exporter called back twice');
  });
  return new Promise((resolve) => {
    exporter.export([...spans], (result) => {
      calls += 1;
      resolve(result);
    });
  });
}

/** Sends, and resolves when all of it is decided. To decide more than was sent is an error. */
export function sent(exporter: RetryingExporter, spans: readonly ReadableSpan[]): Promise<DeliveryResult> {
  let isDecidedTwice = false;
  onTestFinished(() => {
    if (isDecidedTwice) throw new Error('a span was decided twice');
  });
  return new Promise((resolve) => {
    let outcome: Outcome = {};
    const open = new Set(spans);
    if (open.size === 0) resolve(deliveryResult(outcome));
    exporter.send(spans, (decided, result) => {
      if (!decided.every((span) => open.delete(span))) isDecidedTwice = true;
      outcome = combined(outcome, result);
      if (open.size === 0) resolve(deliveryResult(outcome));
    });
  });
}
