import { cp } from 'node:fs/promises';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { startReceiver, type Receiver } from '../../src/receiver/server.ts';
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
});
