import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { expect, it } from 'vitest';

import { resolveConfig } from '../../../src/telemetry/config/resolve.ts';
// Loaded before hurried clocks run, whose hours pass in less time than loading takes.
import '../../../src/telemetry/export/official-exporter.ts';
import { createPipeline, destinationKey, type Pipeline } from '../../../src/telemetry/export/pipeline.ts';
import { createRecorder, type Recorder } from '../../../src/telemetry/export/recorder/recorder.ts';
import { createConnection } from '../../../src/telemetry/http/connection.ts';
import { post } from '../../../src/telemetry/http/post.ts';
import { fc } from '../../support/properties.ts';
import { hurriedClock } from '../http/clocks.ts';
import { someSpans } from './exporting.ts';
import { BEHAVIOUR, plannedServer } from './planned-server.ts';

/** What an application does, one thing after the other. */
type Step =
  | { readonly kind: 'end spans'; readonly count: number }
  | { readonly kind: 'do something else'; readonly turns: number }
  | { readonly kind: 'flush' }
  /** As after an end in order, after one that sends what it can in requests of its own, and after one that waits for nothing. */
  | { readonly kind: 'start anew'; readonly first: 'flush' | 'last words' | 'nothing' };

const STEPS = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('end spans' as const), count: fc.integer({ min: 1, max: 12 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('do something else' as const), turns: fc.integer({ min: 1, max: 8 }) }),
    },
    fc.record({ kind: fc.constant('flush' as const) }),
    fc.record({
      kind: fc.constant('start anew' as const),
      first: fc.constantFrom('flush' as const, 'last words' as const, 'nothing' as const),
    }),
  ),
  { minLength: 2, maxLength: 8 },
);

const server = plannedServer();
const SPANS = someSpans(100, 500);
const idOf = (span: ReadableSpan): string => span.spanContext().spanId;

/** One start of an application: a queue for eight spans, requests of four. */
interface Start {
  end(span: ReadableSpan): void;
  readonly pipeline: Pipeline;
  readonly recorder?: Recorder;
  /** How many spans it has not sent, dropped or left on disk. */
  readonly pending: () => number;
}

async function start(directory: string | undefined): Promise<Start> {
  const batch = { maxQueueSize: 8, maxExportBatchSize: 4, scheduleDelayMs: 1_000 };
  const config = resolveConfig({ endpoint: server.url, timeoutMs: 40, batch }, {}, () => {});
  const destination = config.destinations[0]!;
  const clock = hurriedClock();
  if (directory === undefined) {
    const pipeline = createPipeline(destination, config, () => {}, { clock });
    return { pipeline, end: (span) => pipeline.outlet(span, undefined), pending: () => pipeline.status.pending };
  }
  const key = destinationKey(destination);
  const recorder = createRecorder({ directory, destinations: [key], report: () => {} });
  const pipeline = createPipeline(destination, config, () => {}, { clock, recorder });
  const { spans } = await recorder.recover();
  pipeline.offerFromDisk(spans.get(key) ?? []);
  return {
    pipeline,
    recorder,
    end: (span) => pipeline.outlet(span, recorder.ended(span)),
    pending: () => pipeline.status.pending,
  };
}

/** Counts of all starts together. */
interface Totals {
  exported: number;
  rejected: number;
  dropped: number;
  left: number;
  possibleDuplicates: number;
}

const NOTHING: Totals = { exported: 0, rejected: 0, dropped: 0, left: 0, possibleDuplicates: 0 };

function close({ pipeline, recorder }: Start, totals: Totals): void {
  pipeline.close();
  recorder?.close();
  const { exported, rejected, dropped, leftOnDisk, pending, possibleDuplicates } = pipeline.status;
  expect(pending).toBe(0);
  totals.exported += exported;
  totals.rejected += rejected;
  totals.dropped += Object.values(dropped).reduce((sum, count) => sum + count, 0);
  totals.left += leftOnDisk;
  totals.possibleDuplicates += possibleDuplicates;
  expect(recorder?.status.dropped ?? {}).toEqual({});
}

/** The last requests, for which nothing waits here: the server is in this very process. */
async function sayLastWords(pipeline: Pipeline): Promise<void> {
  const connection = createConnection({ url: server.url });
  let open = pipeline.lastWords(0);
  for (let attempt = 1; attempt <= 4 && open.length > 0; attempt += 1) {
    const next = open.map(async ({ request: { url, headers, body }, settle }) =>
      settle(await post({ url, headers, connection, timeoutMs: 40 }, body)),
    );
    open = (await Promise.all(next)).flatMap(({ words }) => words);
  }
  for (const word of open) word.giveUp();
  connection.abort();
}

/** Plays the steps, then starts once more with a server in order. Answers the spans that ended. */
async function play(steps: readonly Step[], directory: string | undefined, totals: Totals): Promise<ReadableSpan[]> {
  const ended: ReadableSpan[] = [];
  let running = await start(directory);
  for (const step of steps) {
    if (step.kind === 'end spans') {
      for (const span of SPANS.slice(ended.length, ended.length + step.count)) {
        ended.push(span);
        running.end(span);
      }
    }
    if (step.kind === 'do something else') {
      for (let turn = 0; turn < step.turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    if (step.kind === 'flush') await running.pipeline.flush(1_000);
    if (step.kind === 'start anew') {
      if (step.first === 'flush') await running.pipeline.flush(1_000);
      if (step.first === 'last words') await sayLastWords(running.pipeline);
      close(running, totals);
      running = await start(directory);
    }
  }
  close(running, totals);
  return ended;
}

async function sendRest(directory: string, totals: Totals): Promise<void> {
  const last = await start(directory);
  while (last.pending() > 0) await last.pipeline.flush(1_000);
  close(last, totals);
}

const missing = (ended: readonly ReadableSpan[]): number => ended.filter((span) => !server.kept.has(idOf(span))).length;

it('whatever a server does, the queue accounts for every span, and loses none it says it delivered', async () => {
  const property = fc.asyncProperty(fc.array(BEHAVIOUR, { maxLength: 12 }), STEPS, async (behaviours, steps) => {
    server.follow(behaviours);
    server.forget();
    const totals = { ...NOTHING };
    const ended = await play(steps, undefined, totals);
    expect(totals.exported + totals.rejected + totals.dropped).toBe(ended.length);
    expect(totals.left).toBe(0);
    const duplicates = [...server.kept.values()].reduce((total, times) => total + times - 1, 0);
    expect(duplicates).toBeLessThanOrEqual(totals.possibleDuplicates);
    expect(missing(ended)).toBeLessThanOrEqual(totals.rejected + totals.dropped);
  });
  await fc.assert(property, { interruptAfterTimeLimit: 6_000 });
});

it('whatever a server does, and however often the application starts anew, the recorder loses no span', async () => {
  const property = fc.asyncProperty(fc.array(BEHAVIOUR, { maxLength: 12 }), STEPS, async (behaviours, steps) => {
    const directory = mkdtempSync(join(tmpdir(), 'faultline-property-'));
    try {
      server.follow(behaviours);
      server.forget();
      const totals = { ...NOTHING };
      const ended = await play(steps, directory, totals);
      server.follow([]);
      await sendRest(directory, totals);
      expect(totals.dropped).toBe(0);
      expect(missing(ended)).toBeLessThanOrEqual(totals.rejected);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
  await fc.assert(property, { interruptAfterTimeLimit: 6_000 });
});
