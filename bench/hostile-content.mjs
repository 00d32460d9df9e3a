import { trace } from '@opentelemetry/api';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-node';

import { setupTracing, traceChat, traceTool } from '../dist/index.js';
import { active } from '../dist/telemetry/active.js';
import { createContentGuard } from '../dist/telemetry/export/content-policy.js';
import { interleave, summarize } from './measure.mjs';
import { megabyteOf } from './megabyte.mjs';
import { spread } from './report.mjs';

const ROUNDS = 15;
const WARM_UP_ROUNDS = 10;
const LIMIT_MS = 10;

/** Beginnings of what is looked for, and of structure without end, of which none goes on. */
const BAIT = [
  'api_key: ',
  'otp: ',
  'key=val&',
  '&sig=',
  'token="',
  '"password":',
  'token=xxxxxx',
  'pwd=/',
  'cookie:a=xxxxxx',
  'passwordxoxb-',
  'Basic+',
  'Bearer+xxxxxx~',
  'name:password value:',
  'Cookie: ',
  'curl -u a:',
  'postgres://u:p@',
  'eyJhbGciOiJ9.',
  'ghp_',
  '1.1.1.1 ',
  '+1 ',
  '(2)',
  'version 1.2.3.4 ',
  'a%3D',
  '%40',
  '\\"',
  'data:image/png;base64,',
  '[',
  '{"a":',
  '\u0000',
  '\ud800',
];

/** Where such a text can stand: what of our own spans says it, and what of the spans of other instrumentations. */
const PLACES = {
  'a message': (text) =>
    traceChat({ model: 'm', provider: 'p', messages: () => [{ role: 'user', content: text }] }, () => {}),
  'an argument of a tool': (text) => traceTool({ name: 't', arguments: () => ({ query: text }) }, () => {}),
  'a result of a tool': (text) => traceTool({ name: 't' }, () => text),
  'the name of a tool': (text) => traceTool({ name: text }, () => {}),
  'the message of an error': (text) => failing(new Error(text)),
  'an attribute': (text) => traceTool({ name: 't', attributes: { 'app.note': text } }, () => {}),
  'the name of a foreign span': (text, { tracer, guard }) => guard.allow(ended(tracer.startSpan(text))),
  ...Object.fromEntries(
    ['input.value', 'app.note', 'db.query.text', 'url.full'].map((name) => [
      `\`${name}\` of a foreign span`,
      (text, { tracer, guard }) => guard.allow(ended(tracer.startSpan('x', { attributes: { [name]: text } }))),
    ]),
  ),
};

/** What a megabyte costs that is made to cost as much as it can, with everything recorded and redacted. */
export async function measureHostileContent() {
  const kept = [];
  const provider = new BasicTracerProvider({ spanProcessors: [keeping(kept)] });
  trace.setGlobalTracerProvider(provider);
  const tracing = setupTracing({
    env: {},
    endpoint: 'http://127.0.0.1:9',
    captureContent: true,
    exitTimeoutMs: 0,
    onDiagnostic: () => {},
  });
  const foreign = { tracer: provider.getTracer('other'), guard: createContentGuard(active().content) };
  const texts = BAIT.map((bait) => [bait, megabyteOf(bait)]);
  const results = [];
  for (const [place, put] of Object.entries(PLACES)) {
    const variants = Object.fromEntries(
      texts.map(([bait, text]) => [bait, async () => timed(() => put(text, foreign))]),
    );
    const samples = await interleave(variants, { rounds: ROUNDS, warmUpRounds: WARM_UP_ROUNDS });
    const [bait, costs] = Object.entries(samples)
      .map(([name, values]) => [name, summarize(values)])
      .toSorted(([, one], [, other]) => other.median - one.median)[0];
    results.push({ place, bait, costs });
  }
  if (kept.length < BAIT.length * Object.keys(PLACES).length) throw new Error('The work did not happen.');
  await tracing.shutdown(0);
  trace.disable();
  return {
    title: 'Hostile content',
    compares: [
      `A megabyte that consists of the beginning of something that is looked for, again and again, with everything`,
      `recorded and redacted: ${BAIT.length} such texts in each place, of which the one is shown that takes longest.`,
    ].join('\n'),
    columns: ['Place', 'worst text', 'ms'],
    rows: results.map(({ place, bait, costs }) => [place, `\`${JSON.stringify(bait)}\``, spread(costs, 1)]),
    targets: [
      {
        what: 'the worst megabyte in the worst place',
        limit: `≤ ${LIMIT_MS} ms`,
        measured: spread(worst(results), 1, ' ms'),
        met: worst(results).median <= LIMIT_MS,
      },
    ],
    notes: [
      'What is too long to be kept is cut before it is redacted, so that more of it does not cost more.',
      'The first such texts of a process are left out: they take several times as long, until V8 has compiled the code.',
    ],
  };
}

function worst(results) {
  return results.map(({ costs }) => costs).toSorted((one, other) => other.median - one.median)[0];
}

function keeping(kept) {
  return {
    onStart() {},
    onEnd: (span) => kept.push(span.name.length),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}

function failing(error) {
  try {
    traceTool({ name: 't' }, () => {
      throw error;
    });
  } catch {
    // That is what is measured.
  }
}

function ended(span) {
  span.end();
  return span;
}

function timed(work) {
  const start = performance.now();
  work();
  return performance.now() - start;
}
