import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { runScript } from '../support/run-script.ts';

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry();
});
afterEach(() => sentry.close());

const names = (): readonly string[] => sentry.stored.map(({ name }) => name).toSorted();

/** A run that is not over when the process ends, with one tool call that is. */
const program = (end: string, options = ''): string => `
  import { setupTracing } from 'DIST/index.js';
  import { traceAgent, traceTool } from 'DIST/telemetry/spans.js';
  setupTracing({ ${options} });
  await traceAgent({ name: 'helper' }, async () => {
    await traceTool({ name: 'get_weather' }, async () => 21);
    ${end}
    await new Promise(() => setInterval(() => {}, 1_000));
  });
`;

const BOTH = ['agent.invoke helper', 'execute_tool get_weather'];

describe('a process that ends in the middle of a run has its spans delivered', () => {
  it.each([
    ['by process.exit()', 'process.exit(7);', { code: 7, signal: null }],
    ['by an uncaught exception', "setImmediate(() => { throw new Error('broken'); });", { code: 1, signal: null }],
    ['by an unhandled rejection', "void Promise.reject(new Error('broken'));", { code: 1, signal: null }],
    ['by SIGTERM', "process.kill(process.pid, 'SIGTERM');", { code: null, signal: 'SIGTERM' }],
    ['by SIGINT', "process.kill(process.pid, 'SIGINT');", { code: null, signal: 'SIGINT' }],
    ['by SIGHUP', "process.kill(process.pid, 'SIGHUP');", { code: null, signal: 'SIGHUP' }],
  ])('%s, and ends as it would have', async (_, end, outcome) => {
    const ended = await runScript(program(end), { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject(outcome);
    expect(names()).toEqual(BOTH);
    const run = sentry.stored.find(({ name }) => name === 'agent.invoke helper');
    expect(run).toMatchObject({ status: 'error' });
    expect(run?.attributes).toMatchObject({ 'faultline.interrupted': true, 'error.type': 'interrupted' });
  });

  it('also when nothing is left to do although the run is not over', async () => {
    const ended = await runScript(program('await new Promise(() => {});').replace('setInterval', 'void'), {
      env: { SENTRY_DSN: sentry.dsn },
    });
    expect(ended).toMatchObject({ code: 13 });
    expect(names()).toEqual(BOTH);
  });
});

describe('a process that ends in the very turn in which tracing was set up has its spans delivered', () => {
  it.each([
    ['by process.exit(), as JSON', 'process.exit(7);', { code: 7 }, 'http/json'],
    ['by process.exit(), as protobuf', 'process.exit(7);', { code: 7 }, 'http/protobuf'],
    ['by an uncaught exception', "throw new Error('broken');", { code: 1 }, 'http/json'],
  ])('%s', async (_, end, outcome, protocol) => {
    const source = `
      import { setupTracing, traceAgent, traceTool } from 'DIST/index.js';
      setupTracing();
      traceAgent({ name: 'helper' }, () => traceTool({ name: 'get_weather' }, () => 21));
      ${end}
    `;
    const env = { SENTRY_DSN: sentry.dsn, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol };
    expect(await runScript(source, { env })).toMatchObject(outcome);
    expect(names()).toEqual(BOTH);
  });
});

describe('a listener of the application decides what a signal does', () => {
  it('and the process goes on when that goes on', async () => {
    const source = program(
      "process.kill(process.pid, 'SIGTERM'); await new Promise((resolve) => setImmediate(resolve));",
    ).replace(
      'setupTracing({',
      "process.on('SIGTERM', () => { console.log('heard'); setTimeout(() => process.exit(5), 50); });\n  setupTracing({",
    );
    const ended = await runScript(source, { env: { SENTRY_DSN: sentry.dsn } });
    expect(ended).toMatchObject({ code: 5, stdout: 'heard\n', stderr: '' });
    expect(names()).toEqual(BOTH);
  });
});

describe('a backend that does not answer holds the end no longer than the deadline', () => {
  it.each([
    ['process.exit()', 'process.exit(7);'],
    ['SIGTERM', "process.kill(process.pid, 'SIGTERM');"],
  ])('at %s, and the loss is said in one line', async (_, end) => {
    sentry.answerNext({ kind: 'hang' }, 100);
    const ended = await runScript(program(end, 'exitTimeoutMs: 300'), {
      env: { SENTRY_DSN: sentry.dsn },
      timeoutMs: 5_000,
    });
    expect(ended.signal).not.toBe('SIGKILL');
    expect(ended.stderr).toMatch(/^faultline: 2 spans were not delivered: 127\.0\.0\.1:\d+ .*\n$/);
  });
});

describe('a process that has nothing to send', () => {
  it('ends as it would without Faultline, and starts nothing for it', async () => {
    const ended = await runScript(
      `
      import { setupTracing } from 'DIST/index.js';
      setupTracing();
      process.on('exit', () => console.log(process.getActiveResourcesInfo().filter((resource) => /Worker|TCP/.test(resource)).length));
      process.exit(4);
    `,
      { env: { SENTRY_DSN: sentry.dsn } },
    );
    expect(ended).toEqual({ code: 4, signal: null, stdout: '0\n', stderr: '' });
    expect(sentry.requests).toEqual([]);
  });
});

describe('a worker thread', () => {
  it.each([
    ['that simply ends', ''],
    ['that calls process.exit()', 'process.exit(3);'],
  ])('%s has its spans delivered', async (_, end) => {
    const ended = await runScript(
      `
      import { Worker } from 'node:worker_threads';
      const source = ${JSON.stringify(`
        import { setupTracing } from 'DIST/index.js';
        import { traceTool } from 'DIST/telemetry/spans.js';
        setupTracing();
        await traceTool({ name: 'in_a_thread' }, async () => 21);
        ${end}
      `)};
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(source)));
      worker.on('exit', (code) => console.log('ended', code));
    `,
      { env: { SENTRY_DSN: sentry.dsn } },
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(names()).toEqual(['execute_tool in_a_thread']);
  });
});

describe('a process of a cluster', () => {
  it('has its spans delivered, each process its own', async () => {
    const ended = await runScript(
      `
      import cluster from 'node:cluster';
      import { setupTracing } from 'DIST/index.js';
      import { traceTool } from 'DIST/telemetry/spans.js';
      setupTracing();
      if (cluster.isPrimary) {
        cluster.fork();
        cluster.fork();
        await traceTool({ name: 'in_the_primary' }, async () => 21);
      } else {
        await traceTool({ name: 'in_worker_' + cluster.worker.id }, async () => 21);
        if (cluster.worker.id === 1) process.exit(0);
        cluster.worker.disconnect();
      }
    `,
      { env: { SENTRY_DSN: sentry.dsn } },
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(names()).toEqual(['execute_tool in_the_primary', 'execute_tool in_worker_1', 'execute_tool in_worker_2']);
  });
});
