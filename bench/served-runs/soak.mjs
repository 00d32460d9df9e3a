/**
 * Serves runs for a long time and looks whether memory stays where it is: `node bench/served-runs/soak.mjs [minutes]`,
 * 10 by default. Prints a line each 10 seconds, after which the runs under way are waited for: what they hold would hide
 * what is never let go of. Ends with 1 when memory grows, or when a span is lost or misplaced.
 */
import { closeConnections, makeRuns } from './load.mjs';
import { startProvider, startServer } from './processes.mjs';
import { startSpanCheck } from './span-check.mjs';

const CONCURRENCY = 500;
const INTERVAL_MS = 10_000;
/** The first part, in which caches fill and code is compiled, says nothing about the rest. */
const WARM_UP_SHARE = 0.25;
const HEAP_LIMIT_MB_PER_MINUTE = 0.5;
const RSS_LIMIT_MB_PER_MINUTE = 2;

const minutes = Number(process.argv[2] ?? 10);
if (!(minutes >= 1)) {
  console.error(`Expected a number of minutes of at least 1, got ${process.argv[2]}.`);
  process.exit(2);
}

const provider = await startProvider();
const check = await startSpanCheck();
const server = await startServer({ baseUrl: provider.baseUrl, tracesUrl: check.url });
const start = performance.now();
const samples = [];
let begun = 0;
while (performance.now() < start + minutes * 60_000) samples.push(await serveInterval());
closeConnections();
await server.stop();
await provider.stop();
await check.close();

const steady = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
const growths = [
  { name: 'heap', limit: HEAP_LIMIT_MB_PER_MINUTE, ...growth(steady, 'heapMb') },
  { name: 'rss', limit: RSS_LIMIT_MB_PER_MINUTE, ...growth(steady, 'rssMb') },
];
console.log(`${begun} runs, ${CONCURRENCY} at a time; every span arrived and belongs to its run`);
process.exitCode = 0;
for (const { name, limit, slope, error } of growths) {
  // Collections come and go between samples, and rss with them: what chance alone would do is no growth.
  const isMet = slope - 2 * error <= limit;
  if (!isMet) process.exitCode = 1;
  const measured = `${slope.toFixed(2)} ± ${(2 * error).toFixed(2)} MB a minute`;
  console.log(`${name}: ${measured}, limit ${limit}: ${isMet ? 'met' : 'NOT MET'}`);
}

/** Serves for a while, and measures what is left when everything is answered and sent. */
async function serveInterval() {
  const end = performance.now() + INTERVAL_MS;
  await makeRuns(server.url, CONCURRENCY, () => (performance.now() < end ? (begun += 1) : undefined));
  await check.expectRuns(begun);
  const { rssMb, heapMb, p99Ms } = await server.measure({ collect: true });
  const minute = (performance.now() - start) / 60_000;
  console.log(
    [
      `${minute.toFixed(1)} min`,
      `${begun} runs`,
      `rss ${rssMb.toFixed(1)} MB`,
      `heap ${heapMb.toFixed(2)} MB`,
      `event loop p99 ${p99Ms.toFixed(0)} ms`,
    ].join('  '),
  );
  return { minute, rssMb, heapMb };
}

/** The slope of the line closest to the samples, in MB a minute, and its standard error. */
function growth(samples, key) {
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const mean = (values) => sum(values) / values.length;
  const middle = mean(samples.map(({ minute }) => minute));
  const average = mean(samples.map((sample) => sample[key]));
  const width = sum(samples.map(({ minute }) => (minute - middle) ** 2));
  const slope = sum(samples.map((sample) => (sample.minute - middle) * (sample[key] - average))) / width;
  const rest = sum(samples.map((sample) => (sample[key] - average - slope * (sample.minute - middle)) ** 2));
  return { slope, error: Math.sqrt(rest / (samples.length - 2) / width) };
}
