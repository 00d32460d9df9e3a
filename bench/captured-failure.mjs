import { createServer } from 'node:http';

import { setupTracing, traceAgent, traceTool } from '../dist/index.js';
import { difference, interleave, summarize } from './measure.mjs';
import { spread } from './report.mjs';

const ROUNDS = 300;
const WARM_UP_ROUNDS = 60;
const LIMIT_MS = 1;

class WeatherServiceError extends Error {}

/**
 * What it costs the event loop that a failure becomes an Issue: a run whose tool fails and recovers, and one
 * that succeeds, with Issues and without. Each error is made anew, three causes deep, in a
 * tool of its own, so that no Issue is held back as a repetition.
 */
export async function measureCapturedFailure() {
  const envelopes = { count: 0 };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.url.includes('/envelope/')) envelopes.count += 1;
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://key@127.0.0.1:${server.address().port}`;

  const samples = await interleave(
    {
      'a failure, without Issues': () => measure(`${origin}/1`, failingRun, { sampleRate: 0 }),
      'a failure, as an Issue': () => measure(`${origin}/1`, failingRun, {}),
      'a success, without Issues': () => measure(`${origin}/1`, succeedingRun, { sampleRate: 0 }),
      'a success, with Issues': () => measure(`${origin}/1`, succeedingRun, {}),
    },
    { rounds: ROUNDS, warmUpRounds: WARM_UP_ROUNDS },
  );
  await new Promise((resolve) => server.close(resolve));
  const expected = ROUNDS + WARM_UP_ROUNDS;
  if (envelopes.count !== expected) {
    throw new Error(`Expected ${expected} Issues to arrive, got ${envelopes.count}: the work did not happen.`);
  }

  const cost = difference(samples['a failure, as an Issue'], samples['a failure, without Issues']);
  return {
    title: 'A failure that becomes an Issue',
    compares: [
      'One synchronous agent run with one tool call, on the clock from its start to its end, with the real exporter and',
      'a server on this machine. Issues are on or sampled out; a run that succeeds is measured both ways as well.',
    ].join('\n'),
    columns: ['One run', 'ms of event loop'],
    rows: Object.entries(samples).map(([name, costs]) => [name, spread(summarize(costs), 3)]),
    targets: [
      {
        what: 'capturing one failure',
        limit: `≤ ${LIMIT_MS} ms`,
        measured: spread(cost, 3, ' ms'),
        met: cost.median <= LIMIT_MS,
      },
    ],
    notes: ['The stack of the error and of its causes is parsed, and up to a hundred steps of the run are told.'],
  };
}

let number = 0;

function failingRun() {
  number += 1;
  const place = `tool_${letters(number)}`;
  traceAgent({ name: 'helper' }, () => {
    try {
      traceTool({ name: place }, () => {
        const cause = new Error('socket closed', { cause: new Error('ECONNRESET') });
        throw new WeatherServiceError('the service answered 503', { cause });
      });
    } catch {
      // The run goes on, as an agent's does.
    }
  });
}

function succeedingRun() {
  traceAgent({ name: 'helper' }, () => traceTool({ name: 'get_weather' }, () => 21));
}

/** Digits do not tell failures apart for grouping, letters do. */
function letters(value) {
  return String(value).replaceAll(/\d/g, (digit) => 'abcdefghij'[digit]);
}

async function measure(dsn, run, options) {
  const tracing = setupTracing({ dsn, env: {}, ...options });
  const start = performance.now();
  run();
  const cost = performance.now() - start;
  const { status, reason } = await tracing.shutdown();
  if (status !== 'delivered') throw new Error(`Expected everything to be delivered, but ${reason}.`);
  return cost;
}
