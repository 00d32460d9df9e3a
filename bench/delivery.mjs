import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

import { difference, interleave, ratio, summarize } from './measure.mjs';
import { spread } from './report.mjs';

const WORKER = fileURLToPath(new URL('delivery/worker.mjs', import.meta.url));
const ROUNDS = 11;
/** One takes half a second, and tells less than the others. */
const THROUGHPUT_ROUNDS = 25;
const WITHOUT = 'no exporter';
/** As it comes, with a queue of 2 048 spans: it loses what does not fit. */
const STOCK = 'stock';
/** With a queue that everything fits in: it loses nothing, so that its work can be compared with work that loses nothing. */
const ROOMY = 'stock, room for all';
const OURS = 'Faultline';
const RECORDED = 'Faultline, recorder on';
const WORKERS = { [WITHOUT]: 'none', [STOCK]: 'stock', [ROOMY]: 'roomy', [OURS]: 'faultline', [RECORDED]: 'recorder' };
const STALL_LIMIT_MS = 2;
/** The queue of 16 MiB, two requests under way with their bodies, and what goes with them. */
const HELD_LIMIT_MB = 24;

/**
 * Spans on their way out: the batch span processor and the OTLP exporter of the SDK, against what Faultline has in
 * their place, each in a process of its own, sending JSON to a server on this machine.
 */
export async function measureDelivery() {
  const server = await startCounter();
  const inTurn = async (scenario, names, rounds = ROUNDS) =>
    interleave(Object.fromEntries(names.map((name) => [name, () => runWorker(WORKERS[name], scenario, server)])), {
      rounds,
      warmUpRounds: 1,
    });
  const stalls = await inTurn('stall', [WITHOUT, ROOMY, OURS, RECORDED]);
  const sent = await inTurn('throughput', [STOCK, ROOMY, OURS, RECORDED], THROUGHPUT_ROUNDS);
  const outages = await inTurn('outage', [STOCK, OURS, RECORDED], 1);
  const exits = Object.fromEntries(
    await Promise.all(
      [STOCK, OURS].map(async (name) => [name, (await runWorker(WORKERS[name], 'exit', { url: CLOSED })).livedMs]),
    ),
  );
  await server.close();

  const of = (samples, name, key) => samples[name]?.map((sample) => sample[key]);
  const throughput = ratio(of(sent, OURS, 'spansPerSecond'), of(sent, STOCK, 'spansPerSecond'));
  const work = ratio(of(sent, OURS, 'spansPerSecond'), of(sent, ROOMY, 'spansPerSecond'));
  const lost = summarize(of(sent, STOCK, 'lostPercent'));
  const cpu = ratio(of(sent, OURS, 'cpuMicrosPerSpan'), of(sent, ROOMY, 'cpuMicrosPerSpan'));
  const recorded = ratio(of(sent, RECORDED, 'cpuMicrosPerSpan'), of(sent, ROOMY, 'cpuMicrosPerSpan'));
  const recordedMicros = difference(of(sent, RECORDED, 'cpuMicrosPerSpan'), of(sent, OURS, 'cpuMicrosPerSpan'));
  const held = Math.max(...[OURS, RECORDED].map((name) => outages[name][0].heldMb));
  const beyondLoop = (key) => difference(of(stalls, OURS, key), of(stalls, WITHOUT, key));
  const stall = beyondLoop('longestMs');
  const tenthStall = beyondLoop('tenthLongestMs');
  const cell = (samples, digits) => (samples === undefined ? '' : spread(summarize(samples), digits));
  return {
    title: 'Delivery',
    compares: [
      'Spans on their way out, against `BatchSpanProcessor` and `OTLPTraceExporter` of the SDK, each in a process of its',
      'own that sends JSON to a server on this machine, which counts. *Stall*: 6 000 spans with 4 kB of content, one in',
      'each turn of the event loop, and the turns after the first thousand. *Throughput*: 20 000 spans with the metadata of',
      'a model call, made as fast as they can be and sent meanwhile; the spans that arrived in a second, and how many of',
      'the made ones did not. *Outage*: 10 000 spans of 50 kB while the server hangs. *Exit*: 2 048 spans and a port nobody',
      'listens at, from the last span to the end of the process.',
    ].join('\n'),
    columns: [
      '',
      'longest turn, ms',
      'tenth longest, ms',
      'longest `end()`, ms',
      'spans/s',
      'lost, %',
      'µs of CPU per span',
      'held in an outage, MB',
      'with garbage, MB',
      'exit, s',
    ],
    rows: Object.keys(WORKERS).map((name) => [
      name,
      cell(of(stalls, name, 'longestMs'), 1),
      cell(of(stalls, name, 'tenthLongestMs'), 1),
      cell(of(stalls, name, 'longestEndMs'), 1),
      cell(of(sent, name, 'spansPerSecond'), 0),
      cell(of(sent, name, 'lostPercent'), 0),
      name === STOCK ? '' : cell(of(sent, name, 'cpuMicrosPerSpan'), 1),
      outages[name] === undefined ? '' : outages[name][0].heldMb.toFixed(0),
      outages[name] === undefined ? '' : outages[name][0].highestMb.toFixed(0),
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
      target(
        'throughput, spans that arrive',
        '≥ 1.0 × stock',
        spread(throughput, 2, ' ×'),
        Number(throughput.median.toFixed(2)) >= 1,
      ),
      target('CPU per span, with export', '≤ 1.1 × stock, room for all', spread(cpu, 2, ' ×'), cpu.median <= 1.1),
      target('memory held in an outage', `≤ ${HELD_LIMIT_MB} MB`, `${held.toFixed(0)} MB`, held <= HELD_LIMIT_MB),
      target('the same CPU, recorder on', '≤ 2 × stock, room for all', spread(recorded, 2, ' ×'), recorded.median <= 2),
      target('what the recorder adds', '≤ 15 µs a span', spread(recordedMicros, 1, ' µs'), recordedMicros.median <= 15),
    ],
    notes: [
      [
        'The machine interrupts a process now and then, and collects the garbage of 4 kB a turn, as the row without an',
        'exporter shows: that row is subtracted, round by round. The stock processor stalls at every 512th span, which is',
        'ten times in 5 000.',
      ].join('\n'),
      [
        `Of the spans of the throughput the stock processor loses ${lost.median.toFixed(0)} % as it comes. With room for all it`,
        `loses none, and then Faultline has ${spread(work, 2)} × its throughput: it looks through every span for secrets, and`,
        'keeps spans until the server has answered. CPU per span is compared with that one, because work that is not done',
        'costs nothing. A turn holds the making of one span as well.',
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
  const mayLose = variant === 'stock';
  if (isCounted && !mayLose && (arrived.spans !== measured.spans || arrived.bytes < measured.bytes)) {
    throw new Error(
      `Expected ${measured.spans} spans of ${variant}, of ${measured.bytes} bytes or more, got ${arrived.spans} of ${arrived.bytes}: the work did not happen.`,
    );
  }
  return { ...measured, livedMs, ...(scenario === 'throughput' ? throughputOf(measured, arrived) : undefined) };
}

function throughputOf({ spans, warmUpSpans, elapsedMs }, arrived) {
  return {
    spansPerSecond: ((arrived.spans - warmUpSpans) / elapsedMs) * 1_000,
    lostPercent: ((spans - arrived.spans) / (spans - warmUpSpans)) * 100,
  };
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
