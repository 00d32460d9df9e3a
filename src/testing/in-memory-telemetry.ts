import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { NodeTracerProvider, type ReadableSpan, type SpanProcessor } from '@opentelemetry/sdk-trace-node';

import type { ReceivedSpan } from '../receiver/received-span.ts';
import { receivedSpan } from '../receiver/sdk-span.ts';
import { activate, type Active } from '../telemetry/active.ts';
import { createPricing } from '../telemetry/attributes/cost.ts';
import { RANDOM_IDS } from '../telemetry/export/random-ids.ts';
import { findRegisteredProvider } from '../telemetry/export/registered-provider.ts';
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
 * @param options what `setupTracing` decides about spans otherwise, such as `{ toolSpanParent: 'agent' }`
 * @throws Error when another tracer provider is registered already
 */
export function inMemoryTelemetry(options: Partial<Active> = {}): InMemoryTelemetry {
  const ended: ReadableSpan[] = [];
  const provider = new NodeTracerProvider({ idGenerator: RANDOM_IDS, spanProcessors: [keepingIn(ended)] });
  // The one of `setupTracing` would give way, and send what is recorded here.
  if (findRegisteredProvider() !== undefined || !trace.setGlobalTracerProvider(provider)) {
    throw new Error(
      'inMemoryTelemetry needs to be the only tracer provider, but another one is registered: shut that of an ' +
        'earlier test down, or, where it is the one of setupTracing(), run the tests with an empty SENTRY_DSN',
    );
  }
  const ownsContext = context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const deactivate = activate({ price: createPricing(), ...options });
  const read = (): ReceivedSpan[] => ended.map(receivedSpan);
  return {
    get spans() {
      return read();
    },
    tree: () => spanTree(read()),
    reset: () => void ended.splice(0),
    async shutdown() {
      deactivate();
      trace.disable();
      if (ownsContext) context.disable();
      await provider.shutdown();
    },
  };
}

/** The exporter of the SDK that keeps spans in memory takes a timer for each, which a test that moves the clock would meet. */
function keepingIn(ended: ReadableSpan[]): SpanProcessor {
  return {
    onStart: () => {},
    onEnd: (span) => void ended.push(span),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}
