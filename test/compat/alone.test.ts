import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { startReceiver, type Receiver } from '../../src/receiver/server.ts';
import { spanTree } from '../../src/testing/span-tree.ts';
import { installApp, type App } from './support/app.ts';
import { TRIP } from './support/trip.ts';

const HELPER = `
agent.invoke helper  turns=0
└ execute_tool get_weather`.trim();

let receiver: Receiver;
let environment: Readonly<Record<string, string>>;

beforeEach(async () => {
  receiver = await startReceiver();
  environment = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: receiver.tracesUrl };
});

afterEach(() => receiver.close());

describe.each([
  { app: 'nothing but Faultline', dependencies: {} },
  { app: 'API 1.9.0', dependencies: { '@opentelemetry/api': '1.9.0' } },
  { app: 'API 1.9', dependencies: { '@opentelemetry/api': '1.9.1' } },
  { app: 'API 1.10', dependencies: { '@opentelemetry/api': '1.10.0' } },
  // Its optional peers name an older version of the OTLP exporter.
  { app: 'the SDK of Mistral', dependencies: { '@mistralai/mistralai': '2.7.0' } },
])('an application that has installed $app', ({ dependencies }) => {
  let app: App;
  beforeAll(async () => {
    app = await installApp(dependencies);
    return app.remove;
  });

  it('is traced by a provider of our own, its own spans included', async () => {
    const ended = await app.run('no-sdk.mjs', environment);

    expect(ended).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
    expect(JSON.parse(ended.stdout)).toEqual({ state: 'on', joined: false, status: 'delivered', exported: 5 });
    expect(spanTree(receiver.spans)).toBe(TRIP);
  });

  it('is traced by node --import faultline/register without a line of code', async () => {
    const ended = await app.run('untouched.mjs', environment, ['--import', 'faultline/register']);

    expect(ended).toEqual({ code: 0, stderr: '', stdout: '' });
    expect(spanTree(receiver.spans)).toBe(TRIP);
  });

  it('is set up once when it is also set up by its code', async () => {
    const ended = await app.run('no-sdk.mjs', environment, ['--import', 'faultline/register']);

    expect(JSON.parse(ended.stdout)).toEqual({ state: 'on', joined: false, status: 'delivered', exported: 5 });
    expect(spanTree(receiver.spans)).toBe(TRIP);
  });

  it('is traced from CommonJS', async () => {
    const ended = await app.run('commonjs.cjs', environment);

    expect(ended).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
    expect(JSON.parse(ended.stdout)).toEqual({ state: 'on', joined: false, status: 'delivered', exported: 2 });
    expect(spanTree(receiver.spans)).toBe(HELPER);
  });

  it("is traced from CommonJS by require('faultline/register')", async () => {
    const ended = await app.run('commonjs-register.cjs', environment);

    expect(ended).toEqual({ code: 0, stderr: '', stdout: '' });
    expect(spanTree(receiver.spans)).toBe(HELPER);
  });

  it('can import and require every entry point, and hears nothing about it', async () => {
    const imported = await app.run('entries.mjs');
    const required = await app.run('entries.cjs');

    expect(required).toEqual({ code: 0, stderr: '', stdout: expect.stringMatching(/^faultline\nfaultline\/spans\n/) });
    expect(imported).toEqual(required);
  });

  it('runs as ever when nothing is configured', async () => {
    const ended = await app.run('untouched.mjs', {}, ['--import', 'faultline/register']);

    expect(ended).toEqual({ code: 0, stderr: '', stdout: '' });
    expect(receiver.spans).toEqual([]);
  });
});
