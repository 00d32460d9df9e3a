import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { startReceiver, type Receiver } from '../../src/receiver/server.ts';
import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { spanTree } from '../../src/testing/span-tree.ts';
import { installApp, type App } from './support/app.ts';
import { TRIP } from './support/trip.ts';

let receiver: Receiver;
let sentry: FakeSentry;
let environment: Readonly<Record<string, string>>;

beforeEach(async () => {
  receiver = await startReceiver();
  sentry = await startFakeSentry();
  // A variable of the application's own: SENTRY_DSN would be Faultline's as well.
  environment = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: receiver.tracesUrl, SHOP_SENTRY_DSN: sentry.dsn };
});

afterEach(async () => {
  await receiver.close();
  await sentry.close();
});

describe("an application with Sentry's SDK 10, whose provider takes no span processors", () => {
  let app: App;
  beforeAll(async () => {
    app = await installApp({ '@opentelemetry/api': '1.9.1', '@sentry/node': '10.78.0' });
    return app.remove;
  });

  it('hears in one line that nothing is sent and what to do', async () => {
    const ended = await app.run('sentry-first.mjs', environment);

    expect(JSON.parse(ended.stdout)).toEqual({ state: 'off', status: 'nothing', exported: 0 });
    expect(ended.stderr).toMatch(
      /^faultline: another tracer provider is registered[^\n]*tracing\.spanProcessor[^\n]*skipOpenTelemetrySetup: true[^\n]*\n$/,
    );
    expect(ended.code).toBe(0);
  });

  it('is traced when it does that', async () => {
    const ended = await app.run('sentry-processor.mjs', environment);

    expect(ended).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
    expect(JSON.parse(ended.stdout)).toEqual({ state: 'on', joined: true, status: 'delivered', exported: 5 });
    expect(spanTree(receiver.spans)).toBe(TRIP);
  });
});

describe("an application with Sentry's SDK 11, which registers no provider unless told to", () => {
  let app: App;
  beforeAll(async () => {
    app = await installApp({ '@opentelemetry/api': '1.9.1', '@sentry/node': '11.11.0' });
    return app.remove;
  });

  it('is traced by a provider of our own', async () => {
    const ended = await app.run('sentry-first.mjs', environment);

    expect(ended).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
    expect(JSON.parse(ended.stdout)).toEqual({ state: 'on', joined: false, status: 'delivered', exported: 5 });
    expect(spanTree(receiver.spans)).toBe(TRIP);
  });

  it('hears in one line what to do where it registers one, as that for Next.js does', async () => {
    const ended = await app.run('sentry-first.mjs', { ...environment, SHOP_SENTRY_TRACES: 'opentelemetry' });

    expect(JSON.parse(ended.stdout)).toEqual({ state: 'off', status: 'nothing', exported: 0 });
    expect(ended.stderr).toMatch(
      /^faultline: another tracer provider is registered[^\n]*enableOpenTelemetrySetup: false[^\n]*\n$/,
    );
  });
});
