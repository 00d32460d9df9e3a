/**
 * What survives: every way a program can end, with every kind of trouble its backend can be in, with and without
 * the flight recorder. Each cell is a real process and a real server.
 *
 *     node test/survival/matrix.mjs             all of it, about three minutes
 *     node test/survival/matrix.mjs --quick     without the servers that come back after many seconds
 *
 * Fails when the recorder is on and anything is missing, and when it is off and something is lost without a word.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import { rateLimited, startFakeSentry } from '../../dist/testing/index.js';

const QUICK = process.argv.includes('--quick');
const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice('--only='.length);
const PARALLEL = 8;
const SPANS = 33;

const ENDINGS = [
  'script ends',
  'process.exit()',
  'uncaught throw',
  'unhandled rejection',
  'SIGTERM',
  'SIGINT',
  'SIGKILL',
];

const unavailable = { kind: 'status', status: 503 };
const limited = {
  kind: 'status',
  status: 429,
  headers: { 'retry-after': '2', 'x-sentry-rate-limits': '2:error:organization' },
};
const plan = (server, traces, envelopes, times) => {
  server.answerNext(traces, times);
  server.answerNextEnvelope(envelopes, times);
};

/** Each starts a server at a port; `opensAfterMs` counts from the moment the program begins to end. */
const SERVERS = [
  { name: 'fine', start: (port) => startFakeSentry({ port }) },
  {
    name: 'two 503s',
    start: async (port) => {
      const server = await startFakeSentry({ port });
      plan(server, unavailable, unavailable, 2);
      return server;
    },
  },
  {
    name: '429, Retry-After 2',
    start: async (port) => {
      const server = await startFakeSentry({ port });
      plan(server, rateLimited(2), limited, 1);
      return server;
    },
  },
  { name: 'refused for 9 s', start: (port) => startFakeSentry({ port }), opensAfterMs: 9_000 },
  { name: 'refused for 40 s', start: (port) => startFakeSentry({ port }), opensAfterMs: 40_000 },
  {
    name: 'hanging',
    start: async (port) => {
      const server = await startFakeSentry({ port });
      plan(server, { kind: 'hang' }, { kind: 'hang' }, 1_000_000);
      return server;
    },
  },
  { name: '413 above 8 kB', start: (port) => startFakeSentry({ port, maxBodyBytes: 8_000 }) },
];

const cells = ENDINGS.flatMap((ending) =>
  SERVERS.filter(({ opensAfterMs = 0 }) => !QUICK || opensAfterMs === 0).flatMap((server) =>
    [true, false].map((recorder) => ({ ending, server, recorder })),
  ),
).filter(
  ({ ending, server, recorder }) =>
    only === undefined || `${ending}|${server.name}|${recorder ? 'on' : 'off'}`.includes(only),
);

const results = await inParallel(cells, PARALLEL, measure);
printTable(results);
const broken = results.filter(({ verdict }) => verdict.startsWith('BROKEN'));
console.log(
  broken.length === 0
    ? `\n${results.length} cells, none broken.`
    : `\n${broken.length} of ${results.length} cells are broken.`,
);
process.exitCode = broken.length === 0 ? 0 : 1;

async function measure({ ending, server: kind, recorder }) {
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), 'faultline-survival-'));
  const env = {
    PATH: process.env.PATH,
    ENDING: ending,
    SENTRY_DSN: `http://facade0ffacade0ffacade0ffacade0f@127.0.0.1:${port}/1`,
    ...(recorder ? { FAULTLINE_RECORDER_DIR: directory } : undefined),
  };
  const arrived = { spans: [], issues: [] };
  const opened = [];
  const open = async (start) => {
    const server = await start(port);
    opened.push(server);
    return server;
  };
  const close = async () => {
    for (const server of opened.splice(0)) {
      arrived.spans.push(...server.spans);
      arrived.issues.push(...server.envelopes.flatMap(({ items }) => items.filter(({ type }) => type === 'event')));
      await server.close();
    }
  };
  if (kind.opensAfterMs === undefined) await open(kind.start);
  let openLater;
  const first = await run('program.mjs', env, (child) => {
    if (kind.opensAfterMs !== undefined) openLater = setTimeout(() => void open(kind.start), kind.opensAfterMs);
    if (ending.startsWith('SIG')) child.kill(ending);
  });
  clearTimeout(openLater);
  await close();
  const before = arrived.spans.length;
  if (recorder) {
    await open((at) => startFakeSentry({ port: at }));
    await run('restart.mjs', env, () => {});
    await close();
  }
  const left = (await readdir(directory)).length;
  await rm(directory, { recursive: true });
  return { ending, server: kind.name, recorder, first, before, left, ...judge(ending, recorder, arrived, first, left) };
}

function judge(ending, recorder, { spans, issues }, { stderr }, left) {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const isFatal = ending === 'uncaught throw' || ending === 'unhandled rejection';
  const expectedIssues = isFatal ? 2 : 1;
  const events = new Set(issues.map((item) => JSON.parse(Buffer.from(item.bytes).toString()).event_id));
  const missing = SPANS - ids.size + (expectedIssues - events.size);
  const lines = stderr.split('\n').filter((line) => line.startsWith('faultline: '));
  const roots = spans.filter(({ name }) => name.startsWith('agent.invoke')).length;
  const said = lines.some((line) => /not delivered/.test(line));
  const counts = {
    spans: `${ids.size}/${SPANS}`,
    issues: `${events.size}/${expectedIssues}`,
    duplicates: spans.length - ids.size + (issues.length - events.size),
    lines: lines.length,
    said: lines,
    roots,
  };
  const verdict = () => {
    if (missing === 0) return recorder && left > 0 ? 'BROKEN: files left' : 'all';
    if (recorder) return 'BROKEN: missing';
    if (ending === 'SIGKILL') return 'lost, no code can run';
    return said ? 'lost, and said' : 'BROKEN: lost in silence';
  };
  return { ...counts, verdict: verdict() };
}

/** Runs a program to its end. `onReady` is called when it is about to end. */
function run(file, env, onReady) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url))], {
      env,
      cwd: tmpdir(),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 120_000,
      killSignal: 'SIGKILL',
    });
    let stderr = '';
    let readyAtMs;
    child.stdout.setEncoding('utf8').on('data', () => {
      if (readyAtMs !== undefined) return;
      readyAtMs = performance.now();
      onReady(child);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ code, signal, stderr, exitMs: performance.now() - (readyAtMs ?? performance.now()) }),
    );
  });
}

async function inParallel(items, limit, work) {
  const results = [];
  const todo = [...items.entries()];
  const worker = async () => {
    for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
      const [index, item] = next;
      results[index] = await work(item);
      if (process.stderr.isTTY) process.stderr.write(`\r${results.filter(Boolean).length} of ${items.length}`);
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (process.stderr.isTTY) process.stderr.write('\r');
  return results;
}

function printTable(rows) {
  const header = [
    'program',
    'server',
    'recorder',
    'spans',
    'Issues',
    'twice',
    'before restart',
    'exit ms',
    'ended',
    'lines',
    '',
  ];
  const body = rows.map(({ ending, server, recorder, spans, issues, duplicates, before, first, lines, verdict }) => [
    ending,
    server,
    recorder ? 'on' : 'off',
    spans,
    issues,
    String(duplicates),
    String(before),
    String(Math.round(first.exitMs)),
    first.signal ?? String(first.code),
    String(lines),
    verdict,
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...body].map((row) => row[column].length)));
  for (const row of [header, ...body])
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    );
  if (process.argv.includes('--lines')) {
    for (const { ending, server, recorder, said, first } of rows) {
      console.log(`\n${ending}, ${server}, recorder ${recorder ? 'on' : 'off'}:`);
      console.log(said.join('\n') || first.stderr.slice(0, 500));
    }
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
