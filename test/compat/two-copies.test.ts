import { cp } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { startReceiver, type Receiver } from '../../src/receiver/server.ts';
import type { SentryEvent } from '../../src/telemetry/issues/sentry-event.ts';
import { startFakeSentry } from '../../src/testing/fake-sentry.ts';
import { spanTree } from '../../src/testing/span-tree.ts';
import { installApp, type App } from './support/app.ts';

/** The names the application chose, the totals of the model call the library made, and each span once. */
const TREE = `
invoke_agent helper  turns=1
└ chat gpt-5-mini  finish=tool-calls in=9 out=2
  └ execute_tool ask_guide
    └ invoke_agent guide  turns=0`.trim();

let app: App;
let receiver: Receiver;

beforeAll(async () => {
  app = await installApp();
  // Where npm puts it when a library asks for another version than the application.
  await cp(join(app.directory, 'node_modules/faultline'), join(app.directory, 'plugin/node_modules/faultline'), {
    recursive: true,
  });
  return app.remove;
});

beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

describe('an application and a library that each have a copy', () => {
  it("share the application's setup: one tree, its names, its totals", async () => {
    const ended = await app.run('two-copies.mjs', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: receiver.tracesUrl });

    expect(ended).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
    expect(JSON.parse(ended.stdout)).toEqual({ state: 'on', joined: false, status: 'delivered', exported: 4 });
    expect(spanTree(receiver.spans)).toBe(TREE);
  });

  it('send every span once when both set up', async () => {
    const ended = await app.run('two-copies.mjs', {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: receiver.tracesUrl,
      PLUGIN_SETS_UP: 'too',
    });

    expect(ended).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
    expect(spanTree(receiver.spans)).toBe(TREE);
  });

  it.each([
    ['withheld', 'Too Many Requests', '[message withheld]'],
    ['redacted', 'too many of: marker-4711', 'there is no "[content]"'],
  ])(
    'say the same of a failure on its spans and in its one Issue, with messages that are %s',
    async (messages, ...texts) => {
      const sentry = await startFakeSentry();

      const ended = await app.run('two-copies-failing.mjs', {
        SENTRY_DSN: sentry.dsn,
        FAULTLINE_ERROR_MESSAGES: messages,
      });

      await sentry.close();
      expect(ended).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
      const [refused, quoting, agent] = sentry.spans.map(({ status }) => status.message);
      expect([refused, quoting, agent]).toEqual([...texts, texts[1]]);
      const events = sentry.envelopes.flatMap(({ items }) => items.map(({ payload }) => payload as SentryEvent));
      const told = events.map(({ exception }) => exception?.values[0]?.value);
      expect(told).toHaveLength(texts.length);
      expect(told).toEqual(expect.arrayContaining(texts));
    },
  );

  it("share what the application says of the process, the request and the steps before the library's agent", async () => {
    const sentry = await startFakeSentry();

    const ended = await app.run('two-copies-saying.mjs', { SENTRY_DSN: sentry.dsn });

    await sentry.close();
    expect(ended).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
    for (const { attributes } of sentry.spans) expect(attributes).toMatchObject({ tier: 'gold', 'user.id': 'u-42' });
    const events = sentry.envelopes.flatMap(({ items }) => items.map(({ payload }) => payload as SentryEvent));
    expect(events).toHaveLength(2);
    for (const { tags, user, breadcrumbs } of events) {
      expect(tags).toMatchObject({ tier: 'gold' });
      expect(user).toEqual({ id: 'u-42' });
      expect(breadcrumbs?.values.slice(0, 3).map(({ message }) => message)).toEqual([
        'signed in',
        'asked',
        'agent.invoke helper',
      ]);
    }
  });

  it.each([
    ['1', 3],
    ['0', 0],
  ])('share which call an error is of, and with a rate of %s which traces are left to it', async (rate, spans) => {
    const sentry = await startFakeSentry();

    const ended = await app.run('two-copies-asking.mjs', { SENTRY_DSN: sentry.dsn, SENTRY_TRACES_SAMPLE_RATE: rate });

    await sentry.close();
    expect(ended).toEqual({ code: 0, stderr: '', stdout: expect.any(String) });
    expect(sentry.spans).toHaveLength(spans);
    const [event] = sentry.envelopes.flatMap(({ items }) => items.map(({ payload }) => payload as SentryEvent));
    expect(event?.tags).toMatchObject({ model: 'gpt-5', provider: 'openai' });
  });
});
