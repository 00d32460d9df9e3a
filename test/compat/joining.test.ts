import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { startReceiver, type Receiver } from '../../src/receiver/server.ts';
import { spanTree } from '../../src/testing/span-tree.ts';
import { installApp, type App, type Ended } from './support/app.ts';
import { TRIP } from './support/trip.ts';

let ours: Receiver;
let theirs: Receiver;
let environment: Readonly<Record<string, string>>;

beforeEach(async () => {
  ours = await startReceiver();
  theirs = await startReceiver();
  environment = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ours.tracesUrl, SHOP_BACKEND: theirs.tracesUrl };
});

afterEach(async () => {
  await ours.close();
  await theirs.close();
});

/** The application and Faultline each sent the whole trip to where they send. */
const JOINED = {
  code: 0,
  stderr: '',
  report: { state: 'on', joined: true, status: 'delivered', exported: 5 },
  ours: TRIP,
  theirs: TRIP,
};

/** What a program printed, and what arrived at our receiver and at its own. */
function outcome({ code, stdout, stderr }: Ended): object {
  const report: unknown = stdout === '' ? undefined : JSON.parse(stdout);
  return { code, stderr, report, ours: spanTree(ours.spans), theirs: spanTree(theirs.spans) };
}

describe('an application with SDK 2.x on API 1.9', () => {
  let app: App;
  beforeAll(async () => {
    app = await installApp({
      '@opentelemetry/api': '1.9.1',
      '@opentelemetry/exporter-trace-otlp-http': '0.223.0',
      '@opentelemetry/sdk-trace-node': '2.12.0',
    });
    return app.remove;
  });

  it('is joined', async () => {
    expect(outcome(await app.run('sdk-2.mjs', environment))).toEqual(JOINED);
  });

  it('is joined also when its provider has no span processor yet', async () => {
    expect(outcome(await app.run('sdk-2-empty.mjs', environment))).toEqual({ ...JOINED, theirs: '' });
  });

  it('delivers to both when it shuts its provider down and never calls Faultline', async () => {
    expect(outcome(await app.run('sdk-2-shutdown.mjs', environment))).toEqual({ ...JOINED, report: undefined });
  });

  it('goes on alone when Faultline is shut down', async () => {
    expect(outcome(await app.run('sdk-2-withdraw.mjs', environment))).toEqual({
      ...JOINED,
      report: undefined,
      theirs: `${TRIP}\n\nGET /goodbye`,
    });
  });

  it('keeps its own backend when ours is down, and hears one line', async () => {
    await ours.close();

    const ended = await app.run('sdk-2-shutdown.mjs', { ...environment, OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '500' });

    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/^faultline: 5 spans were not delivered: [^\n]+\n$/);
    expect(spanTree(theirs.spans)).toBe(TRIP);
  });
});

describe('an application with SDK 1.x', () => {
  let app: App;
  beforeAll(async () => {
    app = await installApp({ '@opentelemetry/api': '1.9.1', '@opentelemetry/sdk-trace-node': '1.30.1' });
    return app.remove;
  });

  it('hears in one line that its spans cannot be read, and finds them counted', async () => {
    const ended = await app.run('sdk-1-own.mjs', environment);

    expect(ended.stderr).toMatch(/^faultline: [^\n]*spans of the OpenTelemetry SDK 2 and newer[^\n]*\n$/);
    const spans = { created: 5, open: 0, sampledOut: 0, dropped: { unreadable: 5 } };
    expect(JSON.parse(ended.stdout)).toEqual({ status: 'failed', failed: 5, spans });
    expect(ended.code).toBe(0);
  });

  it('hears in one line that its provider, registered later, takes no span processors', async () => {
    const ended = await app.run('sdk-1-later.mjs', environment);

    expect(ended.stderr).toMatch(/^faultline: another tracer provider is registered[^\n]*SDK 2 or newer[^\n]*\n$/);
    expect(JSON.parse(ended.stdout)).toEqual({ state: 'on', joined: false, status: 'nothing', exported: 0 });
    expect(ended.code).toBe(0);
  });
});

describe('an application with SDK 3.x on API 1.10', () => {
  let app: App;
  beforeAll(async () => {
    app = await installApp({
      '@opentelemetry/api': '1.10.0',
      '@opentelemetry/context-async-hooks': '3.1.1',
      '@opentelemetry/exporter-trace-otlp-proto': '0.301.1',
      '@opentelemetry/sdk-trace': '3.1.1',
    });
    return app.remove;
  });

  it('is joined', async () => {
    expect(outcome(await app.run('sdk-3.mjs', environment))).toEqual(JOINED);
  });

  it('is joined and given the context manager it has not registered', async () => {
    expect(outcome(await app.run('sdk-3.mjs', { ...environment, SHOP_CONTEXT: 'none' }))).toEqual(JOINED);
  });
});

describe('an application with a NodeSDK', () => {
  const TRACES_ONLY = { OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' };
  let app: App;
  beforeAll(async () => {
    app = await installApp({
      '@opentelemetry/api': '1.9.1',
      '@opentelemetry/exporter-trace-otlp-http': '0.223.0',
      '@opentelemetry/propagator-b3': '2.12.0',
      '@opentelemetry/sdk-node': '0.223.0',
    });
    return app.remove;
  });

  it('is joined', async () => {
    expect(outcome(await app.run('node-sdk.mjs', { ...environment, ...TRACES_ONLY }))).toEqual(JOINED);
  });

  it('sends every span once when both read the same endpoint from the environment', async () => {
    await app.run('node-sdk.mjs', { ...TRACES_ONLY, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ours.tracesUrl });

    expect(spanTree(ours.spans)).toBe(TRIP);
  });

  it('keeps its own tracing when faultline/register is loaded before it starts', async () => {
    const preload = ['--import', 'faultline/register'];
    const ended = await app.run('node-sdk-alone.mjs', { ...environment, ...TRACES_ONLY }, preload);

    expect(outcome(ended)).toEqual({ ...JOINED, report: undefined });
  });

  it('keeps its own headers then, also when Faultline is shut down', async () => {
    const ended = await app.run('node-sdk-b3.mjs', environment, ['--import', 'faultline/register']);

    expect(ended).toEqual({ code: 0, stderr: '', stdout: '[["b3"],["b3"]]\n' });
  });
});
