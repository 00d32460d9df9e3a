import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { setupTracing, traceAgent, traceChat, traceTool } from '../dist/index.js';
import { activate, active } from '../dist/telemetry/active.js';
import { difference, interleave, ratio, runNode, summarize } from './measure.mjs';
import { spread } from './report.mjs';

const DIRECTORY = fileURLToPath(new URL('captured-failure', import.meta.url));
const SERVER = new URL('captured-failure/server.mjs', import.meta.url);
const WORKER = `${DIRECTORY}/worker.mjs`;
/** No two processes compile and inline the same functions in the same way. */
const PROCESSES = 5;
const SUCCESSES = { rounds: 600, warmUpRounds: 100 };
const LIMIT_MS = 1;
const SENTRY_LIMIT = 1;
const SUCCESS_LIMIT_MICROS = 0.5;

/** Runs per sample: enough for the clock, and so few that the garbage collector interrupts a sample now and then only. */
const SAMPLED_RUNS = 50;
const UNSAMPLED_RUNS = 250;

/** What Issues cost the event loop: a failure until its Issue has arrived, and runs in which nothing fails. */
export async function measureCapturedFailure() {
  installSentry();
  const server = new Worker(SERVER);
  const [port] = await once(server, 'message');
  const origin = `http://127.0.0.1:${port}`;
  const options = { env: {}, endpoint: `${origin}/v1/traces`, dsn: `http://key@127.0.0.1:${port}/1` };

  const processes = [];
  for (let count = 0; count < PROCESSES; count += 1) {
    const faultline = await measureFailures('faultline', origin, server);
    const sentry = await measureFailures('sentry', origin, server);
    processes.push({ faultline, sentry });
  }
  const sampled = await measureSuccesses({ ...options, tracesSampleRate: 1 }, SAMPLED_RUNS);
  const unsampled = await measureSuccesses({ ...options, tracesSampleRate: 0 }, UNSAMPLED_RUNS);
  await server.terminate();

  const all = (sdk, kind, until) => processes.flatMap((process) => process[sdk][kind].map((cost) => cost[until]));
  const issueCost = (sdk, until) => difference(all(sdk, 'asIssue', until), all(sdk, 'withoutIssue', until));
  const captured = issueCost('faultline', 'captured');
  const ofSentry = ratio(
    processes.map(({ faultline }) => medianCost(faultline)),
    processes.map(({ sentry }) => medianCost(sentry)),
  );
  const row = (what, kind) => [
    what,
    spread(summarize(all('faultline', kind, 'arrived')), 3, ' ms'),
    spread(summarize(all('sentry', kind, 'arrived')), 3, ' ms'),
  ];
  const successes = { sampled, 'not sampled': unsampled };
  return {
    title: 'A failure that becomes an Issue',
    compares: [
      'Traces go to a server on this machine, with Issues or without. A failure: one agent run of fifty steps, of which the',
      'last one fails and the run with it, three errors deep, on the event loop (`eventLoopUtilization`) from its start',
      'until traces and Issue have arrived. *Capturing* is what the run itself waits for, after which the event waits to be',
      'sent: the rest is its envelope and the request. A large one has two breadcrumbs with data for each step, a context',
      'of fifty entries and ten errors of fifty frames. The baseline is `@sentry/node` as it comes, with the same spans,',
      'breadcrumbs and errors, written by hand; each side has processes of its own, in turn. A success: runs of seven spans',
      'in which nothing fails, on the clock, many per sample.',
    ].join('\n'),
    columns: ['One run', 'Faultline', '`@sentry/node`'],
    rows: [
      row('a failure, without Issues', 'withoutIssue'),
      row('a failure, as an Issue', 'asIssue'),
      [
        'what an Issue adds',
        spread(issueCost('faultline', 'arrived'), 3, ' ms'),
        spread(issueCost('sentry', 'arrived'), 3, ' ms'),
      ],
      row('a large failure, without Issues', 'largeWithoutIssue'),
      row('a large failure, as an Issue', 'largeAsIssue'),
      ...Object.entries(successes).flatMap(([how, costs]) =>
        Object.entries(costs).map(([name, micros]) => [`${name}, ${how}`, spread(summarize(micros), 2, ' µs'), '']),
      ),
    ],
    targets: [
      {
        what: 'capturing one failure',
        limit: `≤ ${LIMIT_MS} ms`,
        measured: spread(captured, 3, ' ms'),
        met: captured.median <= LIMIT_MS,
      },
      {
        what: 'capturing one failure and sending it',
        limit: `≤ ${SENTRY_LIMIT.toFixed(1)} × Sentry SDK`,
        measured: spread(ofSentry, 2, ' ×'),
        met: ofSentry.median <= SENTRY_LIMIT,
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

function installSentry() {
  if (existsSync(`${DIRECTORY}/node_modules/@sentry/node`)) return;
  const { status } = spawnSync('npm', ['ci', '--prefix', DIRECTORY], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`npm ci --prefix ${DIRECTORY} ended with ${status}; it needs the npm registry.`);
}

/** The rounds of one process. */
async function measureFailures(sdk, origin, server) {
  const samples = JSON.parse(runNode([WORKER, sdk, origin]));
  server.postMessage('how many?');
  const [issues] = await once(server, 'message');
  const { warmUpRounds, costs } = samples;
  const expected = 2 * (warmUpRounds + costs.asIssue.length);
  if (issues !== expected) {
    throw new Error(`Expected ${expected} Issues of ${sdk} to arrive, got ${issues}: the work did not happen.`);
  }
  return costs;
}

/** What an Issue adds to a failure in one process. */
function medianCost({ asIssue, withoutIssue }) {
  const arrived = (costs) => costs.map((cost) => cost.arrived);
  return difference(arrived(asIssue), arrived(withoutIssue)).median;
}

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
