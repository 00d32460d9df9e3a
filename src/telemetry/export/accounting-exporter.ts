import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';

/** A span exporter that knows what became of every span it was given. */
export interface AccountingExporter extends SpanExporter {
  /** Spans the destination accepted. */
  readonly exported: number;
  /** Spans the destination did not accept. */
  readonly failed: number;
  /** Spans handed over whose fate is not known yet. */
  readonly inFlight: number;
  /** Resolves when nothing is in flight. Never rejects. */
  idle(): Promise<void>;
}

/**
 * Counts what `exporter` delivers and reports its failures to `onFailure`. Also the wall that keeps the
 * exporter's trouble out of the SDK: an exporter that throws counts as one that failed.
 */
export function createAccountingExporter(
  exporter: SpanExporter,
  onFailure: (error: Error, spans: number) => void,
): AccountingExporter {
  let exported = 0;
  let failed = 0;
  let inFlight = 0;
  let waiting: (() => void)[] = [];

  const settle = (spans: number, result: ExportResult, done: (result: ExportResult) => void): void => {
    inFlight -= spans;
    if (result.code === ExportResultCode.SUCCESS) {
      exported += spans;
    } else {
      failed += spans;
      onFailure(result.error ?? new Error('the exporter gave no reason'), spans);
    }
    done(result);
    if (inFlight > 0) return;
    for (const wake of waiting) wake();
    waiting = [];
  };

  return {
    get exported() {
      return exported;
    },
    get failed() {
      return failed;
    },
    get inFlight() {
      return inFlight;
    },
    export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
      inFlight += spans.length;
      let settled = false;
      const once = (result: ExportResult): void => {
        if (settled) return;
        settled = true;
        settle(spans.length, result, done);
      };
      try {
        exporter.export(spans, once);
      } catch (error) {
        once({ code: ExportResultCode.FAILED, error: error instanceof Error ? error : new Error(String(error)) });
      }
    },
    idle: () => (inFlight === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}
