import { BasicTracerProvider } from '@opentelemetry/sdk-trace-node';
import { trace } from '@opentelemetry/api';

import { setupTracing, traceChat } from '../dist/index.js';
import { interleave, ratio, summarize } from './measure.mjs';
import { spread } from './report.mjs';

const ROUNDS = 60;
const WARM_UP_ROUNDS = 15;
const KILOBYTE = 1024;
const SPANS = 500;
const PER_MEGABYTE_LIMIT_MS = 10;
const OFF_LIMIT = 1.1;

const SENTENCE =
  'The traveller asked about the weather in Lisbon, and the agent looked it up: 21 degrees, light wind. ';

/**
 * What content costs a model call: nothing while it is off, however long the prompt is, and little when it is on,
 * because what would be thrown away is not redacted first.
 */
export async function measureContent() {
  const seen = { spans: 0, contentBytes: 0 };
  const provider = new BasicTracerProvider({ spanProcessors: [counting(seen)] });
  const variants = {
    'off, no prompt given': () => measureOff(provider, undefined),
    'off, prompt of 1 kB': () => measureOff(provider, promptOf(KILOBYTE)),
    'off, prompt of 1 MB': () => measureOff(provider, promptOf(KILOBYTE * KILOBYTE)),
    'on, prompt of 1 kB': () => measureOn(provider, promptOf(KILOBYTE), 50),
    'on, prompt of 100 kB': () => measureOn(provider, promptOf(100 * KILOBYTE), 5),
    'on, prompt of 1 MB': () => measureOn(provider, promptOf(KILOBYTE * KILOBYTE), 3),
  };
  const samples = await interleave(variants, { rounds: ROUNDS, warmUpRounds: WARM_UP_ROUNDS });
  if (seen.spans === 0 || seen.contentBytes === 0)
    throw new Error('Expected spans with content: the work did not happen.');

  const large = ratio(samples['off, prompt of 1 MB'], samples['off, prompt of 1 kB']);
  const megabyte = summarize(samples['on, prompt of 1 MB']);
  return {
    title: 'Content of a model call',
    compares: 'One `chat` span with a prompt of some length, from its start to its end, without export.',
    columns: ['Content', 'ms a span'],
    rows: Object.entries(samples).map(([name, costs]) => [name, spread(summarize(costs), 4)]),
    targets: [
      {
        what: 'off: 1 MB against 1 kB',
        limit: `≤ ${OFF_LIMIT.toFixed(2)} ×`,
        measured: spread(large, 2, ' ×'),
        met: large.median <= OFF_LIMIT,
      },
      {
        what: 'on: redaction and truncation of 1 MB',
        limit: `≤ ${PER_MEGABYTE_LIMIT_MS} ms`,
        measured: spread(megabyte, 2, ' ms'),
        met: megabyte.median <= PER_MEGABYTE_LIMIT_MS,
      },
    ],
    notes: [],
  };
}

function counting(seen) {
  return {
    onStart() {},
    onEnd(span) {
      seen.spans += 1;
      seen.contentBytes += String(span.attributes['gen_ai.input.messages'] ?? '').length;
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}

const prompts = new Map();

/** Ten messages of a conversation, with so many characters in all. */
function promptOf(length) {
  if (!prompts.has(length)) {
    const content = SENTENCE.repeat(Math.ceil(length / 10 / SENTENCE.length)).slice(0, length / 10);
    prompts.set(
      length,
      Array.from({ length: 10 }, (_, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content })),
    );
  }
  return prompts.get(length);
}

function measureOff(provider, messages) {
  return measure(provider, messages, SPANS, false);
}

function measureOn(provider, messages, spans) {
  return measure(provider, messages, spans, true);
}

/** Milliseconds of one span. */
async function measure(provider, messages, spans, captureContent) {
  trace.setGlobalTracerProvider(provider);
  const tracing = setupTracing({
    env: {},
    endpoint: 'http://127.0.0.1:9',
    captureContent,
    exitTimeoutMs: 0,
    onDiagnostic: () => {},
  });
  const options = { model: 'gpt-5-mini', provider: 'openai', ...(messages && { messages: () => messages }) };
  const start = performance.now();
  for (let index = 0; index < spans; index += 1) traceChat(options, () => undefined);
  const cost = (performance.now() - start) / spans;
  await tracing.shutdown(0);
  trace.disable();
  return cost;
}
