import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

import { difference, interleave, ratio, summarize } from './measure.mjs';
import { spread } from './report.mjs';

const WORKER = fileURLToPath(new URL('delivery/worker.mjs', import.meta.url));
const ROUNDS = 11;
const WITHOUT = 'no exporter';
const VARIANTS = { stock: 'stock', Faultline: 'faultline', 'Faultline, recorder on': 'recorder' };
const STALL_LIMIT_MS = 2;
/** The queue of 16 MiB, two requests under way with their bodies, and what goes with them. */
const HELD_LIMIT_MB = 24;

/**
 * Spans on their way out: the batch span processor and the OTLP exporter of the SDK, against what Faultline has in
 * their place, each in a process of its own, sending JSON to a server on this machine.
 */
export async function measureDelivery() {
  const server = await startCounter();
  const inTurn = async (scenario, rounds = ROUNDS, variants = VARIANTS) =>
    interleave(
      Object.fromEntries(
        Object.entries(variants).map(([name, variant]) => [name, () => runWorker(variant, scenario, server)]),
      ),
      { rounds, warmUpRounds: 1 },
    );
  const stalls = await inTurn('stall', ROUNDS, { [WITHOUT]: 'none', ...VARIANTS });
  const sent = await inTurn('throughput');
  const outages = await inTurn('outage', 1);
  const exits = Object.fromEntries(
    await Promise.all(
      ['stock', 'Faultline'].map(async (name) => [
        name,
        (await runWorker(VARIANTS[name], 'exit', { url: CLOSED })).livedMs,
      ]),
    ),
  );
  await server.close();

  const of = (samples, name, key) => samples[name].map((sample) => sample[key]);
  const names = Object.keys(VARIANTS);
  const throughput = ratio(of(sent, 'Faultline', 'spansPerSecond'), of(sent, 'stock', 'spansPerSecond'));
  const cpu = ratio(of(sent, 'Faultline', 'cpuMicrosPerSpan'), of(sent, 'stock', 'cpuMicrosPerSpan'));
  const recorded = ratio(of(sent, 'Faultline, recorder on', 'cpuMicrosPerSpan'), of(sent, 'stock', 'cpuMicrosPerSpan'));
  const recordedMicros = summarize(
    of(sent, 'Faultline, recorder on', 'cpuMicrosPerSpan').map(
      (micros, round) => micros - sent['Faultline'][round].cpuMicrosPerSpan,
    ),
  );
  const held = Math.max(...['Faultline', 'Faultline, recorder on'].map((name) => outages[name][0].heldMb));
  const beyondLoop = (key) => difference(of(stalls, 'Faultline', key), of(stalls, WITHOUT, key));
  const stall = beyondLoop('longestMs');
  const tenthStall = beyondLoop('tenthLongestMs');
  return {
    title: 'Delivery',
    compares: [
      'Spans on their way out, against `BatchSpanProcessor` and `OTLPTraceExporter` of the SDK, each in a process of its',
      'own that sends JSON to a server on this machine; every span was counted there. *Stall*: 6 000 spans with 4 kB of',
      'content, one in each turn of the event loop, and the turns after the first thousand. *Throughput*: 22 000',
      'spans with the metadata of a model call, until the server has them. *Outage*: 10 000 spans of 50 kB while the',
      'server hangs. *Exit*: 2 048 spans and a port nobody listens at, from the last span to the end of the process.',
    ].join('\n'),
    columns: [
      '',
      'longest turn, ms',
      'tenth longest, ms',
      'longest `end()`, ms',
      'spans/s',
      'µs of CPU per span',
      'held in an outage, MB',
      'with garbage, MB',
      'exit, s',
    ],
    rows: [WITHOUT, ...names].map((name) => [
      name,
      spread(summarize(of(stalls, name, 'longestMs')), 1),
      spread(summarize(of(stalls, name, 'tenthLongestMs')), 1),
      spread(summarize(of(stalls, name, 'longestEndMs')), 1),
      sent[name] === undefined ? '' : spread(summarize(of(sent, name, 'spansPerSecond')), 0),
      sent[name] === undefined ? '' : spread(summarize(of(sent, name, 'cpuMicrosPerSpan')), 1),
      outages[name] === undefined ? '' : summarize(of(outages, name, 'heldMb')).median.toFixed(0),
      outages[name] === undefined ? '' : summarize(of(outages, name, 'highestMb')).median.toFixed(0),
      exits[name] === undefined ? '' : (exits[name] / 1_000).toFixed(1),
    ]),
    targets: [
      target(
        'longest turn, beyond that without an exporter',
        `≤ ${STALL_LIMIT_MS} ms`,
        spread(stall, 1, ' ms'),
        stall.median <= STALL_LIMIT_MS,
      ),
      target(
        'tenth longest turn of 5 000, beyond that',
        `≤ ${STALL_LIMIT_MS} ms`,
        spread(tenthStall, 1, ' ms'),
        tenthStall.median <= STALL_LIMIT_MS,
      ),
      target('throughput', '≥ 1.0 × stock', spread(throughput, 2, ' ×'), Number(throughput.median.toFixed(2)) >= 1),
      target('CPU per span, with export', '≤ 1.1 × stock', spread(cpu, 2, ' ×'), cpu.median <= 1.1),
      target('memory held in an outage', `≤ ${HELD_LIMIT_MB} MB`, `${held.toFixed(0)} MB`, held <= HELD_LIMIT_MB),
      target('the same CPU, recorder on', '≤ 2 × stock', spread(recorded, 2, ' ×'), recorded.median <= 2),
      target('what the recorder adds', '≤ 15 µs a span', spread(recordedMicros, 1, ' µs'), recordedMicros.median <= 15),
    ],
    notes: [
      [
        'The machine interrupts a process now and then, and collects the garbage of 4 kB a turn, as the row without an',
        'exporter shows: that row is subtracted, round by round. The stock processor stalls at every 512th span, which is',
        'ten times in 5 000.',
      ].join('\n'),
      [
        'A turn holds the making of one span as well. The stock queue was made large enough to lose nothing, except in an',
        'outage and at the exit, where it has its defaults.',
      ].join('\n'),
    ],
  };
}

const CLOSED = 'http://127.0.0.1:9/v1/traces';

function target(what, limit, measured, met) {
  return { what, limit, measured, met };
}

/** Counts the spans that arrive. A request to `/hang` is never answered. */
async function startCounter() {
  let spans = 0;
  let bytes = 0;
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/hang') return;
      const body = Buffer.concat(chunks);
      bytes += body.length;
      spans += body.toString().split('"spanId"').length - 1;
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    url: `${origin}/v1/traces`,
    hang: `${origin}/hang`,
    take() {
      const taken = { spans, bytes };
      spans = 0;
      bytes = 0;
      return taken;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

async function runWorker(variant, scenario, server) {
  const url = scenario === 'outage' ? server.hang : server.url;
  const { measured, livedMs } = await spawnWorker([WORKER, variant, scenario, url]);
  const arrived = server.take?.() ?? { spans: 0, bytes: 0 };
  const isCounted = variant !== 'none' && scenario !== 'outage' && scenario !== 'exit';
  if (isCounted && (arrived.spans !== measured.spans || arrived.bytes < measured.bytes)) {
    throw new Error(
      `Expected ${measured.spans} spans of ${variant}, of ${measured.bytes} bytes or more, got ${arrived.spans} of ${arrived.bytes}: the work did not happen.`,
    );
  }
  return { ...measured, livedMs };
}

function spawnWorker(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--expose-gc', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    let readyAtMs;
    child.stdout.setEncoding('utf8').on('data', (text) => {
      readyAtMs ??= performance.now();
      stdout += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`${args.join(' ')} ended with ${code}`));
      return resolve({ measured: JSON.parse(stdout), livedMs: performance.now() - readyAtMs });
    });
  });
}
