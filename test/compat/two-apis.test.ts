import { cp } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { startReceiver, type Receiver } from '../../src/receiver/server.ts';
import { installApp, type App, type Ended } from './support/app.ts';

let app: App;
let receiver: Receiver;

beforeAll(async () => {
  app = await installApp({
    '@opentelemetry/api': '1.9.1',
    '@opentelemetry/sdk-trace-node': '2.12.0',
    'older-api': 'npm:@opentelemetry/api@1.9.0',
    'older-minor-api': 'npm:@opentelemetry/api@1.8.0',
  });
  const modules = join(app.directory, 'node_modules');
  await cp(join(modules, '@opentelemetry/api'), join(modules, 'same-api'), { recursive: true });
  return app.remove;
});

beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

function run(api: string, uses: string, order: string): Promise<Ended> {
  const environment = { SHOP_API: api, SHOP_USES: uses, SHOP_ORDER: order };
  return app.run('two-apis.mjs', { ...environment, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: receiver.tracesUrl });
}

describe('an application with a copy of the OpenTelemetry API of its own', () => {
  it('of another version, which it used first, hears in one line that there are two and what to do', async () => {
    const ended = await run('older-api', 'logger', 'first');

    expect(ended.stderr).toMatch(
      /^faultline: two versions of @opentelemetry\/api [^\n]*npm ls @opentelemetry\/api[^\n]*\n$/,
    );
    expect(ended.stdout).toBe('{"state":"off","status":"nothing","exported":0}\n0\n');
    expect(ended.code).toBe(0);
  });

  it('of an older minor version hears what helps, whatever it used first', async () => {
    for (const uses of ['logger', 'provider']) {
      const ended = await run('older-minor-api', uses, 'first');

      expect(ended.stderr).toMatch(
        /^faultline: two versions of @opentelemetry\/api [^\n]*older minor version[^\n]*\n$/,
      );
      expect(ended.stderr.includes('register your tracer provider before')).toBe(uses === 'logger');
      expect(ended.stdout).toMatch(/^{"state":"off","status":"nothing","exported":0}\n/);
    }
  });

  it.each(['older-api', 'same-api'])('is joined when it registers its provider first, with its %s', async (api) => {
    const ended = await run(api, 'provider', 'first');

    expect(ended).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
    expect(ended.stdout).toBe('{"state":"on","joined":true,"status":"delivered","exported":5}\n5\n');
  });

  it.each(['older-minor-api', 'older-api', 'same-api'])(
    'hears in one line that its provider came too late, with its %s',
    async (api) => {
      const ended = await run(api, 'provider', 'later');

      expect(ended.stderr).toMatch(
        /^faultline: a tracer provider [^\n]* another copy of @opentelemetry\/api [^\n]*\n$/,
      );
      expect(ended.stdout).toBe('{"state":"on","joined":false,"status":"delivered","exported":5}\n0\n');
      expect(ended.code).toBe(0);
    },
  );

  it('hears nothing more when it sets a logger later', async () => {
    const ended = await run('@opentelemetry/api', 'logger', 'later');

    expect(ended).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
    expect(ended.stdout).toBe('{"state":"on","joined":false,"status":"delivered","exported":5}\n0\n');
  });
});
