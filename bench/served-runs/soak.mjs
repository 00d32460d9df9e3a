/**
 * Serves runs for a long time and looks whether memory stays where it is: `node bench/served-runs/soak.mjs [minutes]`,
 * 10 by default. Prints a line each 10 seconds. Ends with 1 when memory grows, or when a span is lost or misplaced.
 */
import { setTimeout as delay } from 'node:timers/promises';

import { closeConnections, makeRuns } from './load.mjs';
import { startProvider, startServer } from './processes.mjs';
import { startSpanCheck } from './span-check.mjs';

const CONCURRENCY = 200;
const INTERVAL_MS = 10_000;
/** The first part, in which caches fill and code is compiled, says nothing about the rest. */
const WARM_UP_SHARE = 0.25;
const HEAP_LIMIT_MB_PER_MINUTE = 0.5;
const RSS_LIMIT_MB_PER_MINUTE = 2;

const minutes = Number(process.argv[2] ?? 10);
if (!(minutes > 0)) {
  console.error(`Expected a number of minutes, got ${process.argv[2]}.`);
  process.exit(2);
}

const provider = await startProvider();
const check = await startSpanCheck();
const server = await startServer({ baseUrl: provider.baseUrl, tracesUrl: check.url });
const end = performance.now() + minutes * 60_000;
let begun = 0;
const next = () => (performance.now() < end ? (begun += 1) : undefined);

const [samples] = await Promise.all([watch(), makeRuns(server.url, CONCURRENCY, next)]);
await check.expectRuns(begun);
closeConnections();
await server.stop();
await provider.stop();
await check.close();

const steady = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
const growths = [
  ['heap', growth(steady, 'heapMb'), HEAP_LIMIT_MB_PER_MINUTE],
  ['rss', growth(steady, 'rssMb'), RSS_LIMIT_MB_PER_MINUTE],
];
console.log(`${begun} runs, ${CONCURRENCY} at a time; every span arrived and belongs to its run`);
for (const [name, slope, limit] of growths) {
  console.log(`${name}: ${slope.toFixed(2)} MB a minute, limit ${limit}: ${slope <= limit ? 'met' : 'NOT MET'}`);
}
process.exitCode = growths.every(([, slope, limit]) => slope <= limit) ? 0 : 1;

async function watch() {
  const seen = [];
  const start = performance.now();
  while (performance.now() < end - INTERVAL_MS / 2) {
    await delay(INTERVAL_MS);
    const sample = { minute: (performance.now() - start) / 60_000, ...(await server.measure({ collect: true })) };
    seen.push(sample);
    const { minute, rssMb, heapMb, p99Ms, cpuMicros } = sample;
    console.log(
      [
        `${minute.toFixed(1)} min`,
        `${begun} runs`,
        `rss ${rssMb.toFixed(1)} MB`,
        `heap ${heapMb.toFixed(1)} MB`,
        `event loop p99 ${p99Ms.toFixed(0)} ms`,
        `CPU ${((cpuMicros / 1e3 / INTERVAL_MS) * 100).toFixed(0)} %`,
      ].join('  '),
    );
  }
  return seen;
}

/** The slope of the line closest to the samples, in MB a minute. */
function growth(samples, key) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = mean(samples.map(({ minute }) => minute));
  const average = mean(samples.map((sample) => sample[key]));
  const covariance = mean(samples.map((sample) => (sample.minute - middle) * (sample[key] - average)));
  return covariance / mean(samples.map(({ minute }) => (minute - middle) ** 2));
}
