/**
 * Measures the traced run in one situation: `node --expose-gc worker.mjs succeeding|failing|unconfigured`.
 * Prints the CPU time of one run by variant, one number per round, as JSON.
 *
 * Each situation has a process of its own, because what V8 learns in one of them it would unlearn in the next.
 */
import { deepStrictEqual, strictEqual } from 'node:assert';

import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

import { activate } from '../../dist/telemetry/active.js';
import { createPricing } from '../../dist/telemetry/attributes/cost.js';
import { cpuMicros, interleave } from '../measure.mjs';
import { createHandWritten } from './by-hand.mjs';
import { TURNS } from './script.mjs';
import { runUntraced } from './untraced.mjs';
import { runWithFaultline } from './with-faultline.mjs';

const RUNS_PER_ROUND = 1_500;

/** Accepts spans at once. It keeps them only while they are looked at, never while they are measured. */
class CountingExporter {
  count = 0;
  kept;

  export(spans, done) {
    this.count += spans.length;
    this.kept?.push(...spans);
    done({ code: 0 });
  }

  async forceFlush() {}
  async shutdown() {}
}

const exporter = new CountingExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });

// Both sides price by the same function, which is part of the work of both.
const price = createPricing({ 'gpt-5-mini': { input: 0.25, cacheRead: 0.025, output: 2 } });

const situation = process.argv[2];
const isConfigured = situation !== 'unconfigured';
const failingTool = situation === 'failing' ? 'find_trains' : undefined;
const spansPerRun = isConfigured ? 7 : 0;

if (isConfigured) {
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  activate({ price });
}
const runByHand = createHandWritten(price);

await assertSameSpans();
const samples = await interleave(
  {
    untraced: () => measure(runUntraced, 0),
    byHand: () => measure(runByHand, spansPerRun),
    faultline: () => measure(runWithFaultline, spansPerRun),
  },
  { rounds: 16, warmUpRounds: 4 },
);
console.log(JSON.stringify(samples));

/** CPU of one run in microseconds, from the first line of the agent to the exporter having the last span. */
async function measure(run, expectedSpans) {
  exporter.count = 0;
  // Nobody pays for the litter of the one before. Not a full collection: that also takes the hidden classes of
  // attributes nobody holds at the moment and the machine code that relies on them, and both sides would then be
  // measured while they warm up again.
  globalThis.gc({ type: 'minor' });
  let answers = 0;
  const micros = await cpuMicros(async () => {
    for (let index = 0; index < RUNS_PER_ROUND; index += 1) {
      if ((await run(failingTool)) === TURNS.at(-1).id) answers += 1;
    }
    await provider.forceFlush();
  });
  strictEqual(answers, RUNS_PER_ROUND, 'a run did not return its answer');
  strictEqual(exporter.count, RUNS_PER_ROUND * expectedSpans, 'spans were lost');
  return micros / RUNS_PER_ROUND;
}

/** A faster helper that says less would be no achievement. */
async function assertSameSpans() {
  const byHand = await spansOf(runByHand);
  const faultline = await spansOf(runWithFaultline);
  strictEqual(byHand.length, spansPerRun);
  deepStrictEqual(faultline, byHand);
}

/** The spans of one run, without what differs from run to run: ids, times and lines of the stack. */
async function spansOf(run) {
  exporter.kept = [];
  await run(failingTool);
  await provider.forceFlush();
  const spans = exporter.kept;
  exporter.kept = undefined;
  const ids = spans.map((span) => span.spanContext().spanId);
  return spans.map((span) => ({
    name: span.name,
    kind: span.kind,
    parent: ids.indexOf(span.parentSpanContext?.spanId),
    status: span.status,
    attributes: { ...span.attributes, 'faultline.run.id': runIdShape(span.attributes['faultline.run.id']) },
    events: span.events.map(({ name, attributes }) => ({
      name,
      attributes: { ...attributes, 'exception.stacktrace': attributes['exception.stacktrace']?.split('\n')[0] },
    })),
    links: span.links,
  }));
}

function runIdShape(id) {
  return /^[0-9a-f]{8}$/.test(id);
}
