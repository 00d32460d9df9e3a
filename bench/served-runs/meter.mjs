/**
 * Loaded before the program that is measured, which is started with an IPC channel: answers every message with what
 * was used since the last one. CPU is that of all threads.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 10;

const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();
let before = process.cpuUsage();

process.on('message', ({ collect }) => {
  const { user, system } = process.cpuUsage(before);
  const p99Ms = Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS);
  // After what is asked about, so that asking costs nothing.
  if (collect) globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  process.send({ cpuMicros: user + system, p99Ms, rssMb: rss / 1e6, heapMb: heapUsed / 1e6 });
  delays.reset();
  before = process.cpuUsage();
});
process.once('disconnect', () => process.exit());
// Nobody is kept alive by being measured.
process.channel.unref();
