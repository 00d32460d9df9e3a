/**
 * One process that makes spans and sends them: `node worker.mjs <none|stock|roomy|faultline|recorder> <scenario>
 * <url>`. Prints what it measured as JSON. The parent counts what arrives.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { trace } from '@opentelemetry/api';

const [variant, scenario, url] = process.argv.slice(2);

const CONTENT = 'The quick brown fox jumps over the lazy dog. '.repeat(91).slice(0, 4096);
const LARGE = Buffer.alloc(50_000, 'x');

const RELEASE = 'forecaster@1.4.2';

const METADATA = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': 'gpt-5-mini',
  'gen_ai.response.model': 'gpt-5-mini-2026-05-01',
  'gen_ai.response.id': 'chatcmpl-7f3a',
  'gen_ai.response.finish_reasons': ['stop'],
  'gen_ai.usage.input_tokens': 1204,
  'gen_ai.usage.output_tokens': 310,
  'gen_ai.agent.name': 'forecaster',
  'gen_ai.conversation.id': 'c-1849',
  'server.address': 'api.openai.com',
  'server.port': 443,
  'gen_ai.request.temperature': 0.2,
  'gen_ai.request.max_tokens': 1024,
  'gen_ai.cost_usd': 0.0012,
};

const directory = mkdtempSync(join(tmpdir(), 'faultline-bench-'));
const sending = await { none, stock, roomy: stock, faultline, recorder: faultline }[variant]();
// As the spans of the helpers.
const tracer = trace.getTracer('faultline');

const SCENARIOS = { stall, throughput, outage, exit };
const measured = await SCENARIOS[scenario]();
process.stdout.write(`${JSON.stringify(measured)}\n`);
rmSync(directory, { recursive: true, force: true });

/** Spans that nobody sends: what the machine does to a process that has little to do. */
async function none() {
  const { NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node');
  new NodeTracerProvider({}).register();
  return { flush: async () => {} };
}

async function stock() {
  const { NodeTracerProvider, BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-node');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const exporter = new OTLPTraceExporter({ url });
  const queue = variant === 'roomy' ? { maxQueueSize: 100_000 } : {};
  const processor = new BatchSpanProcessor(exporter, queue);
  // The release is on every span of Faultline's, so it is on every span here.
  const onStart = (span) => span.setAttribute('sentry.release', RELEASE);
  const stamp = { onStart, onEnd() {}, forceFlush: async () => {}, shutdown: async () => {} };
  const provider = new NodeTracerProvider({ spanProcessors: [stamp, processor] });
  provider.register();
  // The SDK has no hook for the end of a process; this is the one its users write.
  process.on('beforeExit', () => void provider.shutdown().catch(() => {}));
  return {
    flush: async () => {
      await provider.forceFlush();
      await exporter.forceFlush();
    },
  };
}

async function faultline() {
  const { setupTracing } = await import('../../dist/index.js');
  const tracing = setupTracing({
    env: {},
    endpoint: url,
    onDiagnostic: () => {},
    release: RELEASE,
    // What the spans hold in these scenarios is content, which is redacted on its way.
    captureContent: scenario === 'stall' || scenario === 'outage',
    ...(variant === 'recorder' ? { recorder: { directory } } : undefined),
  });
  return { flush: () => tracing.flush(60_000) };
}

function endSpan(attributes) {
  const span = tracer.startSpan('chat gpt-5-mini', { attributes: METADATA });
  if (attributes !== undefined) span.setAttributes(attributes);
  span.end();
}

function nextTick() {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * The longest time the event loop could not turn, while an agent ends a span of 4 kB content in every turn.
 *
 * When the machine gives the processor to another process for some milliseconds, that is nobody's stall: a turn takes
 * no longer than the clock says, and no longer than all threads of the process have run.
 */
async function stall() {
  const SPANS = 6_000;
  let longestEndMs = 0;
  const turns = [];
  for (let index = 0; index < SPANS; index += 1) {
    const turn = startTurn();
    endSpan({ 'gen_ai.output.messages': CONTENT });
    longestEndMs = Math.max(longestEndMs, turn.takenMs());
    await nextTick();
    turns.push(turn.takenMs());
  }
  await sending.flush();
  // The first ones load code and compile it.
  const warm = turns.slice(1_000).toSorted((left, right) => right - left);
  return { spans: SPANS, bytes: SPANS * CONTENT.length, longestMs: warm[0], tenthLongestMs: warm[9], longestEndMs };
}

function startTurn() {
  const cpu = process.cpuUsage();
  const start = performance.now();
  return {
    takenMs() {
      const clockMs = performance.now() - start;
      const { user, system } = process.cpuUsage(cpu);
      return Math.min(clockMs, (user + system) / 1_000);
    },
  };
}

/** Spans with the metadata of a model call, as many as fit, until the backend has all of them. */
async function throughput() {
  const SPANS = 20_000;
  const WARM_UP_SPANS = 2_000;
  for (let index = 0; index < WARM_UP_SPANS; index += 1) endSpan();
  await sending.flush();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  for (let index = 0; index < SPANS; index += 1) {
    endSpan();
    if (index % 100 === 99) await nextTick();
  }
  await sending.flush();
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    spans: SPANS + WARM_UP_SPANS,
    warmUpSpans: WARM_UP_SPANS,
    bytes: 0,
    elapsedMs,
    cpuMicrosPerSpan: (user + system) / SPANS,
  };
}

/** What an outage costs in memory: 10 000 spans of 50 kB while the backend hangs. */
async function outage() {
  const heldBytes = () => {
    globalThis.gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = { rss: process.memoryUsage().rss, held: heldBytes() };
  let highest = before.rss;
  for (let index = 0; index < 10_000; index += 1) {
    // A text of its own for each span, as prompts are.
    LARGE.write(String(index));
    endSpan({ 'gen_ai.output.messages': LARGE.toString('latin1') });
    if (index % 10 === 9) await nextTick();
    highest = Math.max(highest, process.memoryUsage().rss);
  }
  const held = heldBytes() - before.held;
  setImmediate(() => process.exit(0));
  return { highestMb: (highest - before.rss) / 1e6, heldMb: held / 1e6 };
}

/** 2 048 spans and a backend that refuses connections: the parent measures how long the process lives on. */
async function exit() {
  for (let index = 0; index < 2_048; index += 1) endSpan();
  return { spans: 2_048 };
}
