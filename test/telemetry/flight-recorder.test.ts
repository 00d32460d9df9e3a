import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startReceiver, type Receiver } from '../../src/receiver/server.ts';
import { FAKE_PUBLIC_KEY, startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { runScript, type Ended } from '../support/run-script.ts';
import { cli } from '../cli/cli.ts';
import { receivedEvents } from './issues/sending.ts';

let sentry: FakeSentry;
let directory: string;
beforeEach(async () => {
  sentry = await startFakeSentry();
  directory = await mkdtemp(join(tmpdir(), 'faultline-recorder-'));
});
afterEach(async () => {
  await sentry.close();
  await rm(directory, { recursive: true, force: true });
});

const run = (source: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  runScript(source, { env: { SENTRY_DSN: sentry.dsn, FAULTLINE_RECORDER_DIR: directory, ...env } });

/** The next start of the program, which has nothing of its own to send. */
const restart = (env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  run("import { setupTracing } from 'DIST/index.js'; setupTracing();", env);

/** Two runs: one that ends, with a tool that fails, and one that does not come that far. Prints the ids of all spans. */
const KILLED = `
  import { createRequire } from 'node:module';
  const { trace } = createRequire('DIST/')('@opentelemetry/api');
  import { setupTracing } from 'DIST/index.js';
  import { traceAgent, traceChat, traceTool } from 'DIST/telemetry/spans.js';
  setupTracing({ batch: { scheduleDelayMs: 60_000 } });
  const ids = () => trace.getActiveSpan().spanContext();
  const said = [];
  const say = (name, parent) => said.push({ name, ...ids(), parent });
  await traceAgent({ name: 'first' }, async () => {
    say('agent.invoke first');
    const { spanId } = ids();
    await traceTool({ name: 'broken' }, async () => { say('execute_tool broken', spanId); throw new RangeError('no'); }).catch(() => {});
  });
  await traceAgent({ name: 'second' }, async () => {
    say('agent.invoke second');
    const { spanId } = ids();
    await traceTool({ name: 'whole' }, async () => say('execute_tool whole', spanId));
    await traceTool({ name: 'failed_before' }, async () => { say('execute_tool failed_before', spanId); throw new TypeError('no'); }).catch(() => {});
    await traceTool({ name: 'unfinished' }, async () => {
      say('execute_tool unfinished', spanId);
      process.stdout.write(JSON.stringify(said), () => process.kill(process.pid, 'SIGKILL'));
      await new Promise(() => setInterval(() => {}, 1_000));
    });
  });
`;

interface Said {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent?: string | undefined;
}

describe.runIf(process.platform === 'linux')('a worker thread that is terminated', () => {
  it('has its spans sent by the process that lives on, and those of a thread that lives are left to it', async () => {
    const ended = await run(`
      import { once } from 'node:events';
      import { Worker } from 'node:worker_threads';
      import { setupTracing } from 'DIST/index.js';
      const source = (name) => "import { parentPort } from 'node:worker_threads'; import { setupTracing } from 'DIST/index.js';"
        + "import { traceAgent } from 'DIST/telemetry/spans.js'; setupTracing({ batch: { scheduleDelayMs: 60_000 } });"
        + "traceAgent({ name: '" + name + "' }, () => new Promise((resolve) => { parentPort.once('message', resolve); parentPort.postMessage('begun'); }));";
      const workers = ['gone', 'alive'].map((name) => new Worker(new URL('data:text/javascript,' + encodeURIComponent(source(name)))));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      await workers[0].terminate();
      const { flush } = setupTracing();
      console.log(JSON.stringify(await flush()));
      workers[1].postMessage('end');
    `);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'delivered', exported: 1 });
    expect(sentry.spans.map(({ name, attributes }) => [name, attributes['faultline.interrupted']])).toEqual([
      ['agent.invoke gone', true],
      ['agent.invoke alive', undefined],
    ]);
  });
});

describe('an application whose file system is instrumented', () => {
  const INSTRUMENTED = `
    import { createRequire, syncBuiltinESMExports } from 'node:module';
    const require = createRequire('DIST/');
    const { context, trace } = require('@opentelemetry/api');
    const { isTracingSuppressed } = require('@opentelemetry/core');
    const fs = require('node:fs');
    // As @opentelemetry/instrumentation-fs does it.
    const instrument = (holder, name) => {
      const original = holder[name];
      holder[name] = Object.assign((...given) => {
        if (isTracingSuppressed(context.active())) return original(...given);
        return trace.getTracer('instrumentation-fs').startActiveSpan('fs ' + name, (span) => {
          try { return original(...given); } finally { span.end(); }
        });
      }, original);
    };
    for (const name of Object.keys(fs)) if (name.endsWith('Sync')) instrument(fs, name);
    instrument(fs.realpathSync, 'native');
    syncBuiltinESMExports();
    const { setupTracing } = await import('DIST/index.js');
    const { traceAgent, traceChat, traceTool } = await import('DIST/telemetry/spans.js');
  `;

  it('has its own work with files traced, and nothing of what Faultline reads and writes', async () => {
    const ended = await run(`
      ${INSTRUMENTED}
      const { flush } = setupTracing();
      await traceAgent({ name: 'helper' }, async () => {
        fs.statSync('.');
        await traceChat({ model: 'gpt-5-mini', provider: 'openai' }, (chat) => chat.record({ usage: { prompt_tokens: 1 } }));
        await traceTool({ name: 'broken' }, async () => { throw new RangeError('no'); }).catch(() => {});
      });
      await flush();
      await traceAgent({ name: 'last' }, async () => {});
      process.exit(0);
    `);

    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const names = ['fs statSync', 'chat gpt-5-mini', 'execute_tool broken', 'agent.invoke helper', 'agent.invoke last'];
    const runs = new Set(
      sentry.spans.flatMap(({ name, traceId }) => (name.startsWith('agent.invoke') ? [traceId] : [])),
    );
    // What is loaded when it begins is in traces of its own, as that of any package.
    const spans = sentry.spans.filter(({ traceId }) => runs.has(traceId));
    expect(spans.map(({ name }) => name)).toEqual(names);
    expect(spans[1]?.attributes).toHaveProperty('gen_ai.cost.total_tokens');
    expect(sentry.envelopes).toHaveLength(1);
  });
});

describe('a process that is killed in the middle of a run', () => {
  it('has every span sent once by the next start, the interrupted ones as such, with their ids and parents, and every Issue', async () => {
    const killed = await run(KILLED);
    expect(killed).toMatchObject({ signal: 'SIGKILL', stderr: '' });
    expect(sentry.spans).toEqual([]);

    const said = JSON.parse(killed.stdout) as Said[];
    expect(await restart()).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect([sentry.spans.length, sentry.envelopes.length]).toEqual([said.length, 2]);
    expect(await restart()).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const arrived = sentry.spans.map(({ name, traceId, spanId, parentSpanId }) => ({
      name,
      traceId,
      spanId,
      parent: parentSpanId,
    }));
    const byName = (one: Said, other: Said): number => one.name.localeCompare(other.name);
    expect(arrived.toSorted(byName)).toEqual(
      said.map(({ name, traceId, spanId, parent }) => ({ name, traceId, spanId, parent })).toSorted(byName),
    );
    const interrupted = sentry.stored.filter(({ attributes }) => attributes['faultline.interrupted'] === true);
    expect(interrupted.map(({ name, status }) => `${name}: ${status}`).toSorted()).toEqual([
      'agent.invoke second: error',
      'execute_tool unfinished: error',
    ]);
    // Also the one of a run that was not over.
    const types = receivedEvents(sentry).map(({ exception }) => exception!.values[0]?.type);
    expect(types).toHaveLength(2);
    expect(new Set(types)).toEqual(new Set(['RangeError', 'TypeError']));
    expect(await readdir(directory)).toEqual([]);
  });

  it('leaves a directory and files that only their owner can read, and that hold no key of the destination', async () => {
    const own = join(directory, 'made', 'for-it');
    await run(KILLED, { FAULTLINE_RECORDER_DIR: own });
    expect((await stat(own)).mode & 0o777).toBe(0o700);
    const [file, ...others] = await readdir(own);
    expect(others).toEqual([]);
    expect((await stat(join(own, file!))).mode & 0o777).toBe(0o600);
    const text = await readFile(join(own, file!), 'utf8');
    expect(text).toContain('agent.invoke second');
    expect(text).not.toContain(FAKE_PUBLIC_KEY);
  });
});

/** For a process that tries where nobody listens. */
const GIVES_UP_SOON = { FAULTLINE_EXIT_TIMEOUT: '200' };

const ONE_TOOL = `
  import { setupTracing } from 'DIST/index.js';
  import { traceTool } from 'DIST/telemetry/spans.js';
  setupTracing();
  await traceTool({ name: 'get_weather' }, async () => 21);
  console.log('done');
`;

describe('an outage that lasts longer than the process', () => {
  it('is said in one line, and the next start sends what was left with its original time', async () => {
    sentry.answerNext({ kind: 'status', status: 503 }, 100);
    const before = Date.now();
    const ended = await run(ONE_TOOL, { FAULTLINE_EXIT_TIMEOUT: '2000' });
    const after = Date.now();
    expect(ended).toMatchObject({ code: 0, stdout: 'done\n' });
    expect(ended.stderr).toMatch(/^faultline: 1 span was left on disk for the next start: 127\.0\.0\.1:\d+ .*503.*\n$/);

    const port = Number(new URL(sentry.origin).port);
    await sentry.close();
    sentry = await startFakeSentry({ port });
    await restart();
    const startedAtMs = Number(sentry.spans[0]!.startTimeUnixNano / 1_000_000n);
    expect(startedAtMs).toBeGreaterThanOrEqual(before);
    expect(startedAtMs).toBeLessThanOrEqual(after);
  });

  it('costs nothing when the endpoint was wrong, and is put right', async () => {
    const named = { OTEL_SERVICE_NAME: 'first' };
    await run(ONE_TOOL, { ...named, ...GIVES_UP_SOON, SENTRY_DSN: `http://${FAKE_PUBLIC_KEY}@127.0.0.1:9/1` });
    await restart(named);
    expect(sentry.spans.map(({ name }) => name)).toEqual(['execute_tool get_weather']);
    expect(await readdir(directory)).toEqual([]);
  });

  it('costs nothing when the key was wrong, and is put right', async () => {
    const wrong = sentry.dsn.replace(FAKE_PUBLIC_KEY, '0'.repeat(32));
    const ended = await run(ONE_TOOL, { SENTRY_DSN: wrong });
    expect(ended.stderr).toMatch(/left on disk for the next start: 127\.0\.0\.1:\d+ refused the key/);
    await restart();
    expect(sentry.spans.map(({ name }) => name)).toEqual(['execute_tool get_weather']);
  });
});

describe('a directory that cannot be used', () => {
  it.each([
    ['is a file', async () => writeFile(join(directory, 'file'), ''), 'file'],
    ['is below a file', async () => writeFile(join(directory, 'file'), ''), 'file/below'],
  ])('because it %s is said in one line, and spans are sent all the same', async (_, prepare, path) => {
    await prepare();
    const ended = await run(ONE_TOOL, { FAULTLINE_RECORDER_DIR: join(directory, path) });
    expect(ended).toMatchObject({ code: 0, stdout: 'done\n' });
    expect(ended.stderr).toMatch(/^faultline: [^\n]+\n$/);
    expect(sentry.spans).toHaveLength(1);
  });

  it('because it is removed under a running program changes nothing for it', async () => {
    const ended = await run(`
      import { rmSync } from 'node:fs';
      ${ONE_TOOL}
      rmSync(process.env.FAULTLINE_RECORDER_DIR, { recursive: true });
      await traceTool({ name: 'afterwards' }, async () => 21);
    `);
    expect(ended).toMatchObject({ code: 0, stdout: 'done\n' });
    expect(sentry.spans).toHaveLength(2);
  });
});

describe('processes that share a directory', () => {
  it('leave each other alone while they live, and take over once', async () => {
    await run(KILLED);
    // Two starts at one moment.
    await Promise.all([restart(), restart()]);
    expect(sentry.spans).toHaveLength(6);
    expect(await readdir(directory)).toEqual([]);
  });
});

const FAILED = `
  import { captureException, setupTracing } from 'DIST/index.js';
  import { traceTool } from 'DIST/telemetry/spans.js';
  setupTracing();
  await traceTool({ name: 'of_the_first' }, async () => 21);
  captureException(new Error('of the first'));
`;

describe('applications that share a directory', () => {
  const nowhere = `http://${FAKE_PUBLIC_KEY}@127.0.0.1:9/11`;
  const first = { OTEL_SERVICE_NAME: 'first', SENTRY_DSN: nowhere, ...GIVES_UP_SOON };

  it('send nothing of each other to another project, say so once, and each gets its own at its next start', async () => {
    await run(FAILED, first);
    const other = await restart({ OTEL_SERVICE_NAME: 'second' });
    expect(sentry.spans).toEqual([]);
    expect(sentry.envelopes).toEqual([]);
    expect(other.stderr).toMatch(
      /^faultline: The flight recorder in [^\n]+ sentry:http:\/\/127\.0\.0\.1:9\/api\/11\/[^\n]+ does not send to; [^\n]+\n$/,
    );

    const own = await startFakeSentry({ projects: [{ id: '11', publicKey: FAKE_PUBLIC_KEY }] });
    await restart({ OTEL_SERVICE_NAME: 'first', SENTRY_DSN: own.dsn });
    expect(own.spans.map(({ name }) => name)).toEqual(['execute_tool of_the_first']);
    expect(own.envelopes).toHaveLength(1);
    expect(await readdir(directory)).toEqual([]);
    await own.close();
  });

  it('send nothing of each other to another vendor', async () => {
    await run(FAILED, first);
    const names = await namesAt(async ({ tracesUrl }) => {
      await restart({ ...onlyAt(tracesUrl), OTEL_SERVICE_NAME: 'second' });
      await restart({ ...onlyAt(tracesUrl), OTEL_SERVICE_NAME: 'first' });
    });
    expect(names).toEqual([]);
    expect(await readdir(directory)).toHaveLength(1);
  });

  it('send nothing of each other to an endpoint that has moved', async () => {
    await run(ONE_TOOL, { ...GIVES_UP_SOON, ...onlyAt('http://127.0.0.1:9/v1/traces'), OTEL_SERVICE_NAME: 'first' });
    const names = await namesAt(async (collector) => {
      await restart({ ...onlyAt(collector.tracesUrl), OTEL_SERVICE_NAME: 'second' });
      expect(collector.spans).toEqual([]);
      await restart({ ...onlyAt(collector.tracesUrl), OTEL_SERVICE_NAME: 'first' });
    });
    expect(names).toEqual(['execute_tool get_weather']);
  });

  it('send nothing of each other to an endpoint that has moved when nobody named them either', async () => {
    // Two scripts called script.mjs, each in a directory of its own.
    await run(ONE_TOOL, { ...GIVES_UP_SOON, ...onlyAt('http://127.0.0.1:9/v1/traces') });
    expect(await namesAt((collector) => restart(onlyAt(collector.tracesUrl)))).toEqual([]);
    expect(await readdir(directory)).toHaveLength(1);
  });

  it('are told apart by drain, which says whose what is left is', async () => {
    await run(FAILED, first);
    const env = { SENTRY_DSN: sentry.dsn, FAULTLINE_RECORDER_DIR: directory };
    const drained = await cli(['recorder', 'drain', '--json'], env);
    expect(drained.code).toBe(1);
    expect(JSON.parse(drained.stdout)).toEqual({
      directory,
      spans: 0,
      issues: 0,
      left: 2,
      reason:
        '1 span for sentry:http://127.0.0.1:9/api/11/integration/otlp/v1/traces/, which is not configured; ' +
        '1 Issue for http://127.0.0.1:9/api/11/, which is not configured',
    });
    const status = await cli(['recorder', 'status'], env);
    expect(status.stdout).toContain('http://127.0.0.1:9/api/11/: 1 Issue\n');
  });
});

/** No Sentry, and one other place. */
const onlyAt = (tracesUrl: string): Readonly<Record<string, string>> => ({
  SENTRY_DSN: '',
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: tracesUrl,
});

/** What a collector of another vendor has in the end. */
async function namesAt(work: (collector: Receiver) => Promise<unknown>): Promise<readonly string[]> {
  const collector = await startReceiver();
  try {
    await work(collector);
    return collector.spans.map(({ name }) => name);
  } finally {
    await collector.close();
  }
}

describe('a destination that has moved', () => {
  it('gets what waited for it, and nothing of another kind', async () => {
    const named = { OTEL_SERVICE_NAME: 'first' };
    await run(ONE_TOOL, {
      ...named,
      FAULTLINE_EXIT_TIMEOUT: '2000',
      FAULTLINE_DESTINATIONS: 'sentry,otlp',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9/v1/traces',
    });
    expect(sentry.spans).toHaveLength(1);
    const names = await namesAt(({ tracesUrl }) => restart({ ...onlyAt(tracesUrl), ...named }));
    expect(names).toEqual(['execute_tool get_weather']);
    expect(await readdir(directory)).toEqual([]);
  });
});
