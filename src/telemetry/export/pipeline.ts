import { BatchSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import type { TelemetryConfig } from '../config/resolve.ts';
import type { Reporter } from '../diagnostics.ts';
import { createAccountingExporter } from './accounting-exporter.ts';
import { createClosableAgent } from './closable-agent.ts';
import type { Dialect } from './dialects/dialect.ts';
import { otelDialect } from './dialects/otel.ts';
import { sentryDialect } from './dialects/sentry.ts';
import { explainFailure } from './explain-failure.ts';
import { createOtlpExporter } from './otlp-exporter.ts';
import { createTranslatingExporter } from './translating-exporter.ts';

/** What became of the spans of one destination. */
export interface DestinationStatus {
  readonly name: Destination['name'];
  /** Where the spans go. It holds no credentials. */
  readonly url: string;
  /** Spans the destination accepted. */
  readonly exported: number;
  /** Spans it did not accept. */
  readonly failed: number;
  /** Spans that wait, or whose answer is awaited. */
  readonly pending: number;
  /** The last failure in one sentence. */
  readonly lastError?: string;
}

/** The way from an ended span to one destination. */
export interface Pipeline {
  readonly processor: SpanProcessor;
  readonly status: DestinationStatus;
  /** Sends everything that waits, and waits for what is under way. Settles when all of it is decided. */
  flush(): Promise<void>;
  /** Gives up everything under way at once, and takes nothing further. */
  close(): void;
}

const DIALECTS: Readonly<Record<Destination['dialect'], Dialect>> = { otel: otelDialect, sentry: sentryDialect };

/**
 * Wires one destination: queue → count → translate → official exporter → connections that can be closed.
 */
export function createPipeline(destination: Destination, config: TelemetryConfig, report: Reporter): Pipeline {
  let lastError: string | undefined;
  const agent = createClosableAgent(destination.tls);
  const exporter = createAccountingExporter(
    createTranslatingExporter(createOtlpExporter(destination, agent), DIALECTS[destination.dialect]),
    (error, spans) => {
      const { kind, sentence } = explainFailure(error, destination);
      lastError = sentence;
      report({ key: `export:${destination.url}:${kind}`, message: `${spans} spans were not delivered: ${sentence}` });
    },
  );
  const { maxQueueSize, maxExportBatchSize, scheduleDelayMs, exportTimeoutMs } = config.batch;
  const queue = new BatchSpanProcessor(exporter, {
    maxQueueSize,
    maxExportBatchSize,
    scheduledDelayMillis: scheduleDelayMs,
    exportTimeoutMillis: exportTimeoutMs,
  });
  const counter = countEnded(queue);
  let dropped = 0;

  return {
    processor: counter.processor,
    get status() {
      const { exported } = exporter;
      const failed = exporter.failed + dropped;
      const pending = Math.max(counter.ended - exported - failed, 0);
      const status = { name: destination.name, url: destination.url, exported, failed, pending };
      return lastError === undefined ? status : { ...status, lastError };
    },
    async flush() {
      const { ended } = counter;
      // The SDK rejects with an array of errors the exporter has already reported, and neither it nor the
      // processor waits for a batch that was under way before.
      await queue.forceFlush().catch(() => {});
      await exporter.idle();
      // A span that had ended before and has no fate now found the queue full, which keeps no count of these.
      dropped += Math.max(ended - exporter.exported - exporter.failed - dropped, 0);
    },
    close() {
      agent.abort();
      // What is still queued now fails at once, and is counted. It may wait for a retry that is under way,
      // so nobody waits for it.
      queue.shutdown().catch(() => {});
    },
  };
}

/** Counts the spans that enter the queue: the ones that are sampled. */
function countEnded(queue: SpanProcessor): { readonly processor: SpanProcessor; readonly ended: number } {
  let ended = 0;
  const SAMPLED = 1;
  return {
    get ended() {
      return ended;
    },
    processor: {
      onStart: (span, context) => queue.onStart(span, context),
      onEnd(span) {
        if ((span.spanContext().traceFlags & SAMPLED) !== 0) ended += 1;
        queue.onEnd(span);
      },
      // Who calls these is the application that owns the provider: our trouble must not become its own.
      forceFlush: () => queue.forceFlush().catch(() => {}),
      shutdown: () => queue.shutdown().catch(() => {}),
    },
  };
}
