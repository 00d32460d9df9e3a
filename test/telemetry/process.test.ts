import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { FAKE_PUBLIC_KEY, startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { closedPort } from '../support/loopback.ts';
import { ONLY_SHORT_WAITS, SHORT_WAITS_MODULE } from '../support/only-short-waits.ts';
import { runScript } from '../support/run-script.ts';
import { receivedEvents } from './issues/sending.ts';

/** A program with an answer of its own on both outputs and an exit code of its own. */
const PROGRAM = `
  import { traceAgent, traceTool } from 'DIST/telemetry/spans.js';
  await traceAgent({ name: 'helper' }, async () => traceTool({ name: 'get_weather' }, async () => 21));
  console.log('the answer is 42');
  console.error('a note');
  process.exitCode = 3;
`;
const UNCHANGED = { code: 3, signal: null, stdout: 'the answer is 42\n' };

/** Reports what of the SDK is loaded and what keeps the process alive, at the end of a script. */
const LOADED = `
  import { createRequire } from 'node:module';
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  console.log(JSON.stringify({
    sdk: loaded.filter((file) => /@opentelemetry\\/(sdk|exporter|otlp|resources|core|context)/.test(file)).length,
    api: loaded.some((file) => file.includes('@opentelemetry/api')),
    running: process.getActiveResourcesInfo().filter((resource) => /Timeout|Immediate|TCP|TLS|UDP|AddrInfo/.test(resource)),
    listeners: process.eventNames().filter((name) => /^(?:beforeExit|un.*|SIG.*)$/.test(name)),
  }));
`;
const NOTHING_LOADED = { sdk: 0, api: false, running: [], listeners: [] };

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry();
});
afterEach(() => sentry.close());

describe('a script that simply ends', () => {
  it('has its spans delivered, and keeps its output and its exit code', async () => {
    const ended = await runScript(PROGRAM, { env: { SENTRY_DSN: sentry.dsn }, preload: ['register.js'] });
    expect(ended).toEqual({ ...UNCHANGED, stderr: 'a note\n' });
    expect(sentry.stored.map(({ name }) => name)).toEqual(['execute_tool get_weather', 'agent.invoke helper']);
  });

  it('has its Issues delivered without traces, when those go nowhere', async () => {
    const source = `
      import { traceTool } from 'DIST/telemetry/spans.js';
      try { traceTool({ name: 'book' }, () => { throw new RangeError('no seat left'); }); } catch {}
    `;
    const env = { SENTRY_DSN: sentry.dsn, OTEL_TRACES_EXPORTER: 'none' };
    const ended = await runScript(source, { env, preload: ['register.js'] });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(sentry.envelopes).toHaveLength(1);
    expect(sentry.stored).toEqual([]);
  });

  it('begins before Node has loaded what speaks TLS', async () => {
    const source = `console.log(process.moduleLoadList.filter((name) => /NativeModule (_tls|tls|_?http)/.test(name)));`;
    const dsn = sentry.dsn.replace('http:', 'https:');
    const ended = await runScript(source, { env: { SENTRY_DSN: dsn }, preload: ['register.js'] });
    expect(ended).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' });
  });

  it('is traced through a .env file as well, which stays out of its environment', async () => {
    const source = `
      import { writeFileSync } from 'node:fs';
      writeFileSync('.env', 'SENTRY_DSN=${sentry.dsn}\\nSENTRY_ENVIRONMENT=from-file\\n');
      const { setupTracing } = await import('DIST/index.js');
      setupTracing();
      console.log(process.env.SENTRY_DSN);
      ${PROGRAM.replace('import {', 'const {').replace("} from 'DIST/telemetry/spans.js'", "} = await import('DIST/telemetry/spans.js')")}
    `;
    const ended = await runScript(source, { env: { SENTRY_ENVIRONMENT: 'from-process' } });
    expect(ended).toEqual({ code: 3, signal: null, stdout: 'undefined\nthe answer is 42\n', stderr: 'a note\n' });
    expect(sentry.stored.map(({ environment }) => environment)).toEqual(['from-process', 'from-process']);
  });
});

describe('with nothing configured', () => {
  it('the program runs as if Faultline were not there', async () => {
    const ended = await runScript(PROGRAM, { preload: ['register.js'] });
    expect(ended).toEqual({ ...UNCHANGED, stderr: 'a note\n' });
  });

  it.each(['telemetry/spans.js', 'runtime/index.js', 'register.js'])(
    '%s loads no SDK and starts nothing',
    async (module) => {
      const { stdout } = await runScript(
        `await import('DIST/${module}'); await import('DIST/telemetry/spans.js'); ${LOADED}`,
      );
      expect(JSON.parse(stdout)).toEqual(NOTHING_LOADED);
    },
  );

  it.each([
    ['', () => ({})],
    [', nor where it is turned off', () => ({ SENTRY_DSN: sentry.dsn, OTEL_SDK_DISABLED: 'true' })],
  ])('setupTracing starts nothing%s', async (_, env) => {
    const source = `
      import { setupTracing } from 'DIST/index.js';
      setupTracing({ captureUncaught: true });
      ${LOADED}
    `;
    const { stdout } = await runScript(source, { env: env() });
    expect(JSON.parse(stdout)).toMatchObject({ running: [], listeners: [] });
  });

  it('a malformed DSN is said in one line that does not show the key, and changes nothing else', async () => {
    const env = { SENTRY_DSN: `https://${FAKE_PUBLIC_KEY}@example.com/not-a-number` };
    const ended = await runScript(PROGRAM, { env, preload: ['register.js'] });
    expect(ended).toMatchObject(UNCHANGED);
    expect(ended.stderr).toMatch(/^faultline: SENTRY_DSN .*\na note\n$/);
    expect(ended.stderr).not.toContain(FAKE_PUBLIC_KEY);
  });
});

describe('in the cluster mode of PM2, where the environment comes after --import', () => {
  it.each([
    [
      'says that nothing is traced, where something would be',
      { SENTRY_DSN: `https://${FAKE_PUBLIC_KEY}@example.com/1`, FAULTLINE_EXIT_TIMEOUT: 5_000 },
      1,
    ],
    ['says nothing, where nothing is configured', { NODE_ENV: 'production' }, 0],
  ])('faultline/register %s', async (_, given, lines) => {
    const env = { pm2_env: JSON.stringify({ name: 'shop', env: given, ...given }) };
    const ended = await runScript(PROGRAM, { env, preload: ['register.js'] });
    expect(ended).toMatchObject(UNCHANGED);
    expect(ended.stderr).toMatch(new RegExp(`^(faultline: tracing was not set up.*PM2.*\\n){${lines}}a note\\n$`));
  });

  it('faultline/register says so as well, where a .env file beside the application configures it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'faultline-shop-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, '.env'), `SENTRY_DSN=${sentry.dsn}\n`);
    const env = { pm2_env: JSON.stringify({ name: 'shop', pm_cwd: directory }) };
    const ended = await runScript(PROGRAM, { env, preload: ['register.js'] });
    expect(ended).toMatchObject(UNCHANGED);
    expect(ended.stderr).toMatch(/^faultline: tracing was not set up.*PM2.*\na note\n$/);
  });

  it('faultline/register says to leave --import out, after which its own import would do nothing', async () => {
    const source = `
      const given = JSON.parse(process.env.pm2_env);
      Object.assign(process.env, given);
      await import('DIST/register.js');
      ${PROGRAM}
    `;
    const env = { pm2_env: JSON.stringify({ SENTRY_DSN: sentry.dsn }) };
    const early = await runScript(source, { env, preload: ['register.js'] });
    expect(early.stderr).toContain("in place of --import, import 'faultline/register' in the first line");
    expect(sentry.stored).toEqual([]);
    const ended = await runScript(source, { env });
    expect(ended).toEqual({ ...UNCHANGED, stderr: 'a note\n' });
    expect(sentry.stored).toHaveLength(2);
  });
});

describe('a backend in trouble leaves the program as it is, and is said in one line:', () => {
  const lineOf = (stderr: string): string => stderr.replace('a note\n', '');

  it('nothing listens', async () => {
    const port = await closedPort();
    const env = {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/v1/traces`,
      FAULTLINE_EXIT_TIMEOUT: '2000',
    };
    const ended = await runScript(PROGRAM, { env, preload: [SHORT_WAITS_MODULE, 'register.js'] });
    expect(ended).toMatchObject(UNCHANGED);
    expect(lineOf(ended.stderr)).toBe(
      `faultline: 2 spans were not delivered: nothing is listening at 127.0.0.1:${port} (ECONNREFUSED)\n`,
    );
  });

  it('the name does not resolve', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://no-such-host.invalid:4318', FAULTLINE_EXIT_TIMEOUT: '2000' };
    const ended = await runScript(PROGRAM, { env, preload: [SHORT_WAITS_MODULE, 'register.js'] });
    expect(ended).toMatchObject(UNCHANGED);
    expect(lineOf(ended.stderr)).toMatch(
      /^faultline: 2 spans were not delivered: the host of no-such-host\.invalid:4318 cannot be resolved \(\w+\)\n$/,
    );
  });

  it('the key is refused', async () => {
    const ended = await runScript(PROGRAM, {
      env: { SENTRY_DSN: sentry.dsn.replace('facade0f', '00000000') },
      preload: ['register.js'],
    });
    expect(ended).toMatchObject(UNCHANGED);
    expect(lineOf(ended.stderr)).toMatch(
      /^faultline: 2 spans were not delivered: 127\.0\.0\.1:\d+ refused the key \(40[13]\); copy the DSN whole from .*\n$/,
    );
  });

  it('the server hangs: the process ends at the deadline', async () => {
    sentry.answerNext({ kind: 'hang' }, 10);
    const ended = await runScript(
      `${ONLY_SHORT_WAITS} import { setupTracing } from 'DIST/index.js'; setupTracing({ exitTimeoutMs: 300 }); ${PROGRAM}`,
      { env: { SENTRY_DSN: sentry.dsn } },
    );
    expect(ended).toMatchObject(UNCHANGED);
    expect(lineOf(ended.stderr)).toMatch(
      /^faultline: 2 spans were not delivered: 127\.0\.0\.1:\d+ did not take them before the time for it was over\n$/,
    );
  });

  it('the connection is reset', async () => {
    sentry.answerNext({ kind: 'reset' }, 100);
    const env = { SENTRY_DSN: sentry.dsn, FAULTLINE_EXIT_TIMEOUT: '2000' };
    const ended = await runScript(PROGRAM, { env, preload: [SHORT_WAITS_MODULE, 'register.js'] });
    expect(ended).toMatchObject(UNCHANGED);
    expect(lineOf(ended.stderr)).toMatch(
      /^faultline: 2 spans were not delivered: 127\.0\.0\.1:\d+ broke the connection off \(\w+\)\n$/,
    );
  });
});

describe('beside an agent that takes the place of the OpenTelemetry SDK, as dd-trace does when it is told to', () => {
  /** Replaces the provider in its module, before anything else loads that. */
  const REPLACING = `
    import { createRequire } from 'node:module';
    const require = createRequire('DIST/');
    const { join } = require('node:path');
    const sdk = require(join(require.resolve('@opentelemetry/sdk-trace'), '../TracerProvider.js'));
    const { trace } = require('@opentelemetry/api');
    sdk.TracerProvider = class {
      getTracer = () => ({ startSpan: () => trace.wrapSpanContext({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 }) });
      shutdown() {}
    };
    const { setupTracing } = await import('DIST/index.js');
    const { traceAgent, traceTool } = await import('DIST/telemetry/spans.js');
    const { status } = setupTracing();
    await traceAgent({ name: 'helper' }, async () => {
      await traceTool({ name: 'broken' }, async () => { throw new RangeError('no'); }).catch(() => {});
    });
    console.log(JSON.stringify({ state: status.state, reason: status.reason }));
  `;

  it('says which of the two has to be loaded first, and sends the Issues', async () => {
    const ended = await runScript(REPLACING, { env: { SENTRY_DSN: sentry.dsn } });

    expect(ended.stderr).toMatch(/^faultline: another agent has put [^\n]*load faultline\/register before it[^\n]*\n$/);
    const reason: unknown = expect.stringContaining('dd-trace');
    expect([ended.code, JSON.parse(ended.stdout)]).toEqual([0, { state: 'on', reason }]);
    expect(sentry.spans).toEqual([]);
    expect(receivedEvents(sentry)).toMatchObject([{ tags: { agent: 'helper', tool: 'broken' } }]);
  });

  it('is off where there is no DSN for Issues', async () => {
    const ended = await runScript(REPLACING, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: sentry.origin } });

    expect(JSON.parse(ended.stdout)).toMatchObject({ state: 'off', reason: expect.stringContaining('dd-trace') });
    expect(sentry.requests).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('a standard error that takes nothing, as on a full disk', () => {
  it('leaves the program as it is when several things are said', async () => {
    const full = openSync('/dev/full', 'w');
    onTestFinished(() => closeSync(full));
    const source = `
      import { setupTracing, traceAgent, traceTool } from 'DIST/index.js';
      const tracing = setupTracing();
      const refused = () => { throw new RangeError('no seat left'); };
      await traceAgent({ name: 'helper' }, async () => traceTool({ name: 'book' }, refused)).catch(() => {});
      console.log((await tracing.flush()).status);
      process.exitCode = 3;
    `;
    const env = { SENTRY_DSN: sentry.dsn.replace('facade0f', '00000000'), SENTRY_TRACES_SAMPLE_RATE: 'many' };
    const ended = await runScript(source, { env, stderr: full });
    expect(ended).toMatchObject({ code: 3, signal: null, stdout: 'failed\n' });
  });
});

it.each([
  ['is heard with SENTRY_DEBUG=true', 'true', /Invalid attribute value set for key: seats/],
  ['is not heard otherwise', 'false', /^$/],
])('what the OpenTelemetry SDK warns of %s', async (_, debug, said) => {
  const source = `
    import { traceAgent } from 'DIST/telemetry/spans.js';
    await traceAgent({ name: 'helper' }, async ({ span }) => span.setAttribute('seats', { window: 2 }));
  `;
  const ended = await runScript(source, {
    env: { SENTRY_DSN: sentry.dsn, SENTRY_DEBUG: debug },
    preload: ['register.js'],
  });
  expect(ended.code).toBe(0);
  expect(ended.stdout + ended.stderr).toMatch(said);
  expect(sentry.stored.map(({ name }) => name)).toEqual(['agent.invoke helper']);
});

describe('exporting', () => {
  it('is never traced, also when every HTTP request of the process is', async () => {
    const ended = await runScript(
      `
      import { createRequire } from 'node:module';
      const require = createRequire('DIST/');
      const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
      new HttpInstrumentation().enable();
      const http = require('node:http');
      const { setupTracing } = await import('DIST/index.js');
      const tracing = setupTracing({ batch: { maxExportBatchSize: 1 } });
      const { traceTool } = await import('DIST/telemetry/spans.js');
      await traceTool({ name: 'fetching' }, () => new Promise((done) => http.get(process.env.PAGE, (answer) => answer.resume().on('end', done))));
      await tracing.flush();
      await tracing.flush();
    `,
      { env: { SENTRY_DSN: sentry.dsn, PAGE: `${sentry.origin}/page` } },
    );
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(sentry.stored.map(({ name }) => name).toSorted()).toEqual(['GET', 'execute_tool fetching']);
  });
});
