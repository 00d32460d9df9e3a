import { interleave, ratio, summarize } from './measure.mjs';
import { spread } from './report.mjs';
import { closeConnections, makeRuns } from './served-runs/load.mjs';
import { startProvider, startServer } from './served-runs/processes.mjs';
import { SPANS_PER_RUN } from './served-runs/run-ids.mjs';
import { startSpanCheck } from './served-runs/span-check.mjs';

/** At the same time, and in one round. */
const RUNS = 500;
const ROUNDS = 5;
const WARM_UP_ROUNDS = 1;
const LIMIT = 1.15;

/** What tracing costs `faultline serve` while it streams five hundred runs at a time. */
export async function measureServedRuns() {
  const provider = await startProvider();
  const check = await startSpanCheck();
  const untraced = await startServer({ baseUrl: provider.baseUrl });
  const traced = await startServer({ baseUrl: provider.baseUrl, tracesUrl: check.url });
  const delays = { untraced: [], traced: [] };
  let begun = 0;
  let tracedRuns = 0;

  /** Microseconds of CPU of one run. */
  const round = async (name, server, arrived) => {
    await server.measure();
    const start = performance.now();
    const last = begun + RUNS;
    await makeRuns(server.url, RUNS, () => (begun < last ? (begun += 1) : undefined));
    const elapsedMs = performance.now() - start;
    await arrived();
    const { cpuMicros, p99Ms } = await server.measure();
    delays[name].push({ p99Ms, elapsedMs });
    return cpuMicros / RUNS;
  };
  const samples = await interleave(
    {
      untraced: () => round('untraced', untraced, () => {}),
      traced: () => round('traced', traced, () => check.expectRuns((tracedRuns += RUNS))),
    },
    { rounds: ROUNDS, warmUpRounds: WARM_UP_ROUNDS },
  );
  const memory = { untraced: await untraced.measure(), traced: await traced.measure() };

  closeConnections();
  await Promise.all([untraced.stop(), traced.stop()]);
  await provider.stop();
  await check.close();

  const factor = ratio(samples.traced, samples.untraced);
  const row = (title, name, times) => {
    const counted = delays[name].slice(WARM_UP_ROUNDS);
    return [
      title,
      spread(summarize(samples[name]), 0),
      times,
      spread(summarize(counted.map(({ p99Ms }) => p99Ms)), 0),
      spread(summarize(counted.map(({ elapsedMs }) => elapsedMs / 1_000)), 1),
      memory[name].rssMb.toFixed(0),
    ];
  };
  return {
    title: `${RUNS} streaming runs at a time`,
    compares: [
      '`faultline serve` with one agent, its memory and a tool, which answers 500 clients at a time with server-sent',
      'events, with tracing to a receiver on this machine and without. A run is two model calls, streamed by a provider',
      `in a process of its own, and one tool call: ${SPANS_PER_RUN} spans. Each client continues a trace of its own. The receiver`,
      'looks at the ids, parents, conversation, tool call and response of every run: none was lost, and none has a',
      'span, an id or an answer of another one. CPU is that of the serving process, export included.',
    ].join('\n'),
    columns: [
      'Served',
      'µs of CPU per run',
      '× untraced',
      'event loop delay p99, ms',
      's for all 500',
      'rss at the end, MB',
    ],
    rows: [row('untraced', 'untraced', ''), row('traced', 'traced', spread(factor, 2))],
    targets: [
      {
        what: 'CPU with tracing',
        limit: `≤ ${LIMIT.toFixed(2)} × without`,
        measured: `${spread(factor, 2)} ×`,
        met: factor.median <= LIMIT,
      },
    ],
    notes: [
      [
        'The delay is that beyond the 10 ms at which it is looked at. `node bench/served-runs/soak.mjs` serves for ten',
        'minutes and looks whether memory stays where it is.',
      ].join('\n'),
    ],
  };
}
