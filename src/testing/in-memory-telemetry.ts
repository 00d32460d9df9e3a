import { context, trace, type Attributes, type HrTime } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';

import type { AttributeValue, ReceivedSpan } from '../receiver/received-span.ts';
import { activate, type Active } from '../telemetry/active.ts';
import { createPricing } from '../telemetry/attributes/cost.ts';
import { spanTree } from './span-tree.ts';

/** Spans of the code under test, kept in this process. */
export interface InMemoryTelemetry {
  /** Every span that has ended, oldest first, in the form a receiver would have it. */
  readonly spans: readonly ReceivedSpan[];
  /** The spans as a readable tree. */
  tree(): string;
  /** Forgets the spans so far. */
  reset(): void;
  /** Takes the tracer provider back. */
  shutdown(): Promise<void>;
}

/**
 * Registers a real tracer provider that keeps spans in memory: for tests of agents and tools, without a
 * network.
 *
 * @throws Error when another tracer provider is registered already
 */
export function inMemoryTelemetry(options: Partial<Active> = {}): InMemoryTelemetry {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  if (!trace.setGlobalTracerProvider(provider)) {
    throw new Error('inMemoryTelemetry needs to be the only tracer provider, but another one is registered');
  }
  const ownsContext = context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const deactivate = activate({ price: createPricing(), ...options });
  const read = (): ReceivedSpan[] => exporter.getFinishedSpans().map(receivedSpan);
  return {
    get spans() {
      return read();
    },
    tree: () => spanTree(read()),
    reset: () => exporter.reset(),
    async shutdown() {
      deactivate();
      trace.disable();
      if (ownsContext) context.disable();
      await provider.shutdown();
    },
  };
}

/** A span of the SDK in the form a receiver decodes. OTLP counts kinds from 1 where the API counts from 0. */
function receivedSpan(span: ReadableSpan): ReceivedSpan {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const { parentSpanContext, status } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanContext === undefined ? undefined : { parentSpanId: parentSpanContext.spanId }),
    name: span.name,
    kind: span.kind + 1,
    startTimeUnixNano: nanoseconds(span.startTime),
    endTimeUnixNano: nanoseconds(span.endTime),
    attributes: attributeValues(span.attributes),
    status: status.message === undefined ? { code: status.code } : { code: status.code, message: status.message },
    events: span.events.map(({ name, time, attributes }) => ({
      name,
      timeUnixNano: nanoseconds(time),
      attributes: attributeValues(attributes),
    })),
    links: span.links.map((link) => ({
      traceId: link.context.traceId,
      spanId: link.context.spanId,
      attributes: attributeValues(link.attributes),
    })),
    flags: traceFlags,
    resource: attributeValues(span.resource.attributes),
    scope: { name: span.instrumentationScope.name, version: span.instrumentationScope.version ?? '' },
  };
}

function nanoseconds([seconds, nanos]: HrTime): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
}

function attributeValues(attributes: Attributes = {}): Record<string, AttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [[key, value as AttributeValue]])),
  );
}
