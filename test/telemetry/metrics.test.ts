import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { describe, expect, it, onTestFinished } from 'vitest';

import { observeDelivery, type SelfNumbers } from '../../src/telemetry/metrics.ts';

const NUMBERS: SelfNumbers = {
  spans: { created: 9, open: 2, sampledOut: 1, dropped: { unreadable: 25 } },
  destinations: [
    {
      name: 'sentry',
      exported: 3,
      rejected: 4,
      retried: 5,
      possibleDuplicates: 6,
      pending: 7,
      queuedBytes: 8,
      leftOnDisk: 10,
      dropped: { queue_full: 11 },
      lastSuccessAtMs: 12_000,
    },
  ],
  issues: { sent: 13, failed: 14, pending: 15, leftOnDisk: 16, dropped: { held_back: 17 } },
  recorder: { spans: 18, issues: 19, bytes: 20, recovered: 21, interrupted: 22, dropped: { age: 23, bytes: 24 } },
};

/** Each metric as the meter provider of an application hands it out: its values with their attributes. */
async function shown(numbers: SelfNumbers): Promise<Readonly<Record<string, unknown>>> {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  onTestFinished(() => provider.shutdown());
  onTestFinished(observeDelivery(() => numbers, provider));
  await reader.forceFlush();
  const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics: all }) => all));
  return Object.fromEntries(
    metrics.map(({ descriptor, dataPoints }) => [
      descriptor.name,
      dataPoints.map(({ value, attributes }) => [value, ...Object.values(attributes)]),
    ]),
  );
}

describe('the metrics of tracing', () => {
  it('are all that its status counts', async () => {
    expect(await shown(NUMBERS)).toEqual({
      'faultline.spans.created': [[9]],
      'faultline.spans.open': [[2]],
      'faultline.spans.sampled_out': [[1]],
      'faultline.spans.exported': [[3, 'sentry']],
      'faultline.spans.rejected': [[4, 'sentry']],
      'faultline.spans.retried': [[5, 'sentry']],
      'faultline.spans.possible_duplicates': [[6, 'sentry']],
      'faultline.spans.pending': [[7, 'sentry']],
      'faultline.spans.queued_bytes': [[8, 'sentry']],
      'faultline.spans.left_on_disk': [[10, 'sentry']],
      'faultline.spans.dropped': [
        [25, 'unreadable'],
        [11, 'sentry', 'queue_full'],
      ],
      'faultline.spans.last_success': [[12, 'sentry']],
      'faultline.issues.sent': [[13]],
      'faultline.issues.failed': [[14]],
      'faultline.issues.pending': [[15]],
      'faultline.issues.left_on_disk': [[16]],
      'faultline.issues.dropped': [[17, 'held_back']],
      'faultline.recorder.spans': [[18]],
      'faultline.recorder.issues': [[19]],
      'faultline.recorder.bytes': [[20]],
      'faultline.recorder.recovered': [[21]],
      'faultline.recorder.interrupted': [[22]],
      'faultline.recorder.dropped': [
        [23, 'age'],
        [24, 'bytes'],
      ],
    });
  });

  it('say nothing of Issues and of the flight recorder when there are none', async () => {
    const { spans, destinations } = NUMBERS;
    const names = Object.keys(await shown({ spans, destinations }));
    expect(names.filter((name) => !name.startsWith('faultline.spans.'))).toEqual([]);
  });
});
