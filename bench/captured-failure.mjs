import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { addBreadcrumb, setContext, setupTracing, traceAgent, traceChat, traceTool } from '../dist/index.js';
import { activate, active } from '../dist/telemetry/active.js';
import { difference, interleave, summarize } from './measure.mjs';
import { spread } from './report.mjs';

const FAILURES = { rounds: 200, warmUpRounds: 60 };
const SUCCESSES = { rounds: 100, warmUpRounds: 20 };
const LIMIT_MS = 1;
const SUCCESS_LIMIT_MICROS = 0.5;

/** Runs per sample: few enough for all their spans to fit into the queue, and many to be told from noise. */
const SAMPLED_RUNS = 250;
const UNSAMPLED_RUNS = 2_500;

class WeatherServiceError extends Error {}

/** Takes traces and Issues in a thread of its own, so that its work is not counted. */
const SERVER = `
  import { createServer } from 'node:http';
  import { parentPort } from 'node:worker_threads';

  let envelopes = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.url.includes('/envelope/')) envelopes += 1;
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  parentPort.on('message', () => parentPort.postMessage(envelopes));
`;

/** What Issues cost the event loop: a failure until its Issue has arrived, and runs in which nothing fails. */
export async function measureCapturedFailure() {
  const server = new Worker(new URL(`data:text/javascript,${encodeURIComponent(SERVER)}`));
  const [port] = await once(server, 'message');
  const options = { env: {}, endpoint: `http://127.0.0.1:${port}/v1/traces`, dsn: `http://key@127.0.0.1:${port}/1` };

  const failures = await measureFailures(options);
  const sampled = await measureSuccesses({ ...options, tracesSampleRate: 1 }, SAMPLED_RUNS);
  const unsampled = await measureSuccesses({ ...options, tracesSampleRate: 0 }, UNSAMPLED_RUNS);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has none
  server.postMessage('how many?');
  const [envelopes] = await once(server, 'message');
  await server.terminate();
  const expected = 2 * (FAILURES.rounds + FAILURES.warmUpRounds);
  if (envelopes !== expected) {
    throw new Error(`Expected ${expected} Issues to arrive, got ${envelopes}: the work did not happen.`);
  }

  const cost = difference(failures['a failure, as an Issue'], failures['a failure, without Issues']);
  const successes = { sampled, 'not sampled': unsampled };
  return {
    title: 'A failure that becomes an Issue',
    compares: [
      'Traces go to a server on this machine, with Issues or without. A failure: one agent run of a hundred steps whose',
      'last tool call fails, three errors deep, on the event loop (`eventLoopUtilization`) from its start until traces',
      'and Issue have arrived. A large one has a breadcrumb with data for each step, a context of fifty entries and ten',
      'errors of fifty frames. A success: runs of seven spans in which nothing fails, on the clock, many per sample.',
    ].join('\n'),
    columns: ['One run', 'Event loop'],
    rows: [
      ...Object.entries(failures).map(([name, costs]) => [name, spread(summarize(costs), 3, ' ms')]),
      ...Object.entries(successes).flatMap(([how, costs]) =>
        Object.entries(costs).map(([name, micros]) => [`${name}, ${how}`, spread(summarize(micros), 2, ' µs')]),
      ),
    ],
    targets: [
      {
        what: 'capturing one failure and sending it',
        limit: `≤ ${LIMIT_MS} ms`,
        measured: spread(cost, 3, ' ms'),
        met: cost.median <= LIMIT_MS,
      },
      ...Object.entries(successes).map(([how, costs]) => {
        const more = difference(costs['a success, with Issues'], costs['a success, without Issues']);
        return {
          what: `what a success pays for them, ${how}`,
          limit: `≤ ${SUCCESS_LIMIT_MICROS} µs a run`,
          measured: spread(more, 2, ' µs'),
          met: more.median <= SUCCESS_LIMIT_MICROS,
        };
      }),
    ],
    notes: [
      'A run that succeeds remembers its steps, and nothing else: breadcrumbs are made of them when something fails. Their times are those of the spans; in a trace that is not sampled nobody asks the clock for them, and only failures have a time.',
    ],
  };
}

const ORDINARY = { steps: () => traceTool({ name: 'get_weather' }, () => 21), errors: 3, frames: 10 };
const LARGE = {
  steps(step) {
    if (step === 0) setContext('order', Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`entry_${n}`, n])));
    addBreadcrumb({ category: 'app', message: `step ${step}`, data: { step, city: 'Lisbon', ok: true } });
    addBreadcrumb({ category: 'app', message: `step ${step}, too`, data: { step, city: 'Porto', ok: false } });
  },
  errors: 10,
  frames: 50,
};

let number = 0;

/** Sets tracing up, and answers how to do some work with Issues and, with the same decisions otherwise, without. */
function switchable(options) {
  const tracing = setupTracing(options);
  const withIssues = active();
  const { issues: _, ...withoutIssues } = withIssues;
  const doWith = (decisions) => async (measure) => {
    activate(decisions);
    const cost = await measure(tracing);
    activate(withIssues);
    return cost;
  };
  return { tracing, without: doWith(withoutIssues), with: doWith(withIssues) };
}

async function measureFailures(options) {
  const issues = switchable(options);
  const samples = await interleave(
    {
      'a failure, without Issues': () => issues.without((tracing) => measureFailure(tracing, ORDINARY)),
      'a failure, as an Issue': () => issues.with((tracing) => measureFailure(tracing, ORDINARY)),
      'a large failure, without Issues': () => issues.without((tracing) => measureFailure(tracing, LARGE)),
      'a large failure, as an Issue': () => issues.with((tracing) => measureFailure(tracing, LARGE)),
    },
    FAILURES,
  );
  await issues.tracing.shutdown();
  return samples;
}

/** Each failure happens in a tool of its own, so that no Issue is held back as a repetition. */
async function measureFailure(tracing, { steps, errors, frames }) {
  number += 1;
  const place = `tool_${letters(number)}`;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = frames;
  const before = performance.eventLoopUtilization();
  traceAgent({ name: 'helper' }, () => {
    for (let step = 0; step < 50; step += 1) steps(step);
    try {
      traceTool({ name: place }, () => deep(frames, () => failing(errors)));
    } catch {
      // The run goes on, as an agent's does.
    }
  });
  const { status, reason } = await tracing.flush();
  const { active: spent } = performance.eventLoopUtilization(before);
  Error.stackTraceLimit = stackTraceLimit;
  if (status !== 'delivered') throw new Error(`Expected everything to be delivered, but ${reason}.`);
  return spent;
}

function deep(calls, work) {
  return calls === 0 ? work() : deep(calls - 1, work);
}

function failing(errors) {
  let error = new Error('ECONNRESET');
  for (let link = 2; link < errors; link += 1) error = new Error('socket closed', { cause: error });
  throw new WeatherServiceError('the service answered 503', { cause: error });
}

/** Digits do not tell failures apart for grouping, letters do. */
function letters(value) {
  return String(value).replaceAll(/\d/g, (digit) => 'abcdefghij'[digit]);
}

/** Microseconds of a run in which nothing fails. */
async function measureSuccesses(options, runs) {
  const issues = switchable(options);
  const measure = async (tracing) => {
    const start = performance.now();
    for (let run = 0; run < runs; run += 1) succeedingRun();
    const micros = ((performance.now() - start) * 1_000) / runs;
    await tracing.flush();
    return micros;
  };
  const samples = await interleave(
    {
      'a success, without Issues': () => issues.without(measure),
      'a success, with Issues': () => issues.with(measure),
    },
    SUCCESSES,
  );
  await issues.tracing.shutdown();
  return samples;
}

function succeedingRun() {
  traceAgent({ name: 'helper' }, () => {
    for (let turn = 0; turn < 3; turn += 1) {
      traceChat({ model: 'gpt-5-mini', provider: 'openai' }, () => 'an answer');
      traceTool({ name: 'get_weather' }, () => 21);
    }
  });
}
