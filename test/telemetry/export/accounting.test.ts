import { BasicTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { resolveConfig } from '../../../src/telemetry/config/resolve.ts';
import { createReporter } from '../../../src/telemetry/diagnostics.ts';
import { createPipeline, type Pipeline } from '../../../src/telemetry/export/pipeline.ts';
import type { Recorder, Ticket } from '../../../src/telemetry/export/recorder/recorder.ts';
import { createSpanIntake, processorOf } from '../../../src/telemetry/export/span-intake.ts';
import { startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { someSpans } from './exporting.ts';
import { record, temporaryDirectory } from './recorder/recorded.ts';

describe('the account of a destination', () => {
  let sentry: FakeSentry;
  let pipeline: Pipeline;
  let lines: string[];
  beforeEach(async () => {
    sentry = await startFakeSentry();
    lines = [];
  });
  afterEach(async () => {
    pipeline.close();
    await sentry.close();
  });

  const start = (recorder?: Recorder): Pipeline => {
    const config = resolveConfig({ dsn: sentry.dsn }, {}, () => {});
    const report = createReporter((message) => lines.push(message));
    pipeline = createPipeline(config.destinations[0]!, config, report, { recorder });
    return pipeline;
  };

  it('has the spans that waited on disk alone until the recorder dropped them', async () => {
    const { recorder, tracer, tickets } = record({ directory: temporaryDirectory(), maxBytes: 128 * 1024 });
    for (let count = 0; count < 300; count += 1) {
      tracer.startSpan('a', { attributes: { content: 'x'.repeat(1_000) } }).end();
    }
    start(recorder).offerFromDisk(tickets as Ticket[]);
    await pipeline.flush(5_000);

    const { exported, failed, dropped, pending } = pipeline.status;
    expect(exported).toBe(sentry.spans.length);
    expect(dropped).toEqual({ recorder: 300 - exported });
    expect({ failed, pending }).toEqual({ failed: 300 - exported, pending: 0 });
    expect(failed).toBeGreaterThan(100);
    expect(lines).toEqual([expect.stringMatching(/^\d+ spans were not delivered: the flight recorder/)]);
  });

  it('has the spans that an exporter of the application sends', () => {
    const served = new Set([start().status.url]);
    for (const span of someSpans(3)) pipeline.outlet(span, undefined, served);
    pipeline.close();
    for (const span of someSpans(1)) pipeline.outlet(span, undefined, served);

    expect(pipeline.status).toMatchObject({ servedByApplication: 4, exported: 0, failed: 0, pending: 0 });
    expect(lines).toEqual([]);
  });
});

describe('the account of open spans', () => {
  it('has those that are too many to be held, which is said once', () => {
    const lines: string[] = [];
    const names: string[] = [];
    const intake = createSpanIntake({
      outlets: [(span) => names.push(span.name)],
      allow: (span) => span,
      report: createReporter((message) => lines.push(message)),
    });
    const provider = new BasicTracerProvider({ spanProcessors: [processorOf(intake, () => Promise.resolve())] });
    const tracer = provider.getTracer('test');
    const spans = Array.from({ length: 10_500 }, (_, index) => tracer.startSpan(`span ${index}`));

    expect(intake).toMatchObject({ started: 10_500, open: 10_500 });
    spans[0]?.end();
    expect(intake.open).toBe(10_499);
    expect(lines).toEqual([expect.stringContaining('more than 10000 spans have begun and not ended')]);
    intake.interrupt();
    expect({ sent: names.length, open: intake.open }).toEqual({ sent: 10_001, open: 499 });
  });
});
