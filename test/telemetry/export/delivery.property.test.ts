import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { expect, it } from 'vitest';

// Loaded before hurried clocks run, whose hours pass in less time than loading takes.
import '../../../src/telemetry/export/official-exporter.ts';
import { createOtlpExporter } from '../../../src/telemetry/export/otlp-exporter.ts';
import { createRetryingExporter } from '../../../src/telemetry/export/retrying-exporter.ts';
import { createSplittingExporter } from '../../../src/telemetry/export/splitting-exporter.ts';
import { createConnection } from '../../../src/telemetry/http/connection.ts';
import { hurriedClock } from '../http/clocks.ts';
import { destinationAt, sent, someSpans, type WholeOutcome } from './exporting.ts';
import { fc } from '../../support/properties.ts';
import { BEHAVIOUR, plannedServer } from './planned-server.ts';

const server = plannedServer();
const SPANS = someSpans(24, 500);

it('whatever a server does, every export ends, and every span is where its result says', async () => {
  const property = fc.asyncProperty(
    fc.array(BEHAVIOUR, { maxLength: 12 }),
    fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 3 }),
    async (behaviours, sizes) => {
      server.follow(behaviours);
      server.forget();
      const { url } = server;
      const connection = createConnection({ url });
      const otlp = createOtlpExporter(destinationAt(url, { timeoutMs: 40 }), connection);
      const exporter = createRetryingExporter(createSplittingExporter(otlp), {
        retryForMs: 3_000_000,
        clock: hurriedClock(),
      });
      let from = 0;
      const batches = sizes.map((size) => SPANS.slice(from, (from += size)));
      const results = await Promise.all(batches.map((batch) => sent(exporter, batch)));
      connection.abort();
      for (const [index, result] of results.entries()) checkResult(batches[index] ?? [], result);
      const { possibleDuplicates } = exporter.history;
      const duplicates = [...server.kept.values()].reduce((total, times) => total + times - 1, 0);
      expect(duplicates).toBeLessThanOrEqual(possibleDuplicates);
    },
  );
  await fc.assert(property, { numRuns: 150, interruptAfterTimeLimit: 4_000 });
});

function checkResult(batch: readonly ReadableSpan[], result: WholeOutcome): void {
  const { accepted, rejected, undecided, failure, refusal } = result;
  expect(accepted + rejected + undecided.length).toBe(batch.length);
  expect(undecided.every((span) => batch.includes(span))).toBe(true);
  expect(new Set(undecided).size).toBe(undecided.length);
  expect(failure === undefined).toBe(undecided.length === 0);
  expect(refusal === undefined).toBe(rejected === 0);
  const arrived = batch.filter((span) => server.kept.has(span.spanContext().spanId));
  // What was accepted is there, and nothing else is lost: what is not there is rejected or undecided.
  expect(arrived.length).toBeGreaterThanOrEqual(accepted);
  expect(batch.length - arrived.length).toBeLessThanOrEqual(rejected + undecided.length);
  for (const reason of [failure, refusal]) expect(reason?.sentence).not.toBe('');
}
