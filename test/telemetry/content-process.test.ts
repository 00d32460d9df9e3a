import { expect, it } from 'vitest';

import { startFakeSentry } from '../../src/testing/fake-sentry.ts';
import { runScript } from '../support/run-script.ts';

it('goes on when functions that give or redact content answer with promises that are rejected', async () => {
  const sentry = await startFakeSentry();
  try {
    const { code, stdout, stderr } = await runScript(
      `
      import { setupTracing, traceChat, traceTool } from 'DIST/index.js';
      const rejected = async () => { throw new Error('boom'); };
      const tracing = setupTracing({
        env: {},
        dsn: process.env.DSN,
        captureContent: true,
        redaction: { redact: (text) => (text.includes('secret') ? rejected() : text) },
      });
      let queries = 0;
      const query = { then: () => { queries += 1; } };
      traceChat({ model: 'm', provider: 'p', messages: rejected, systemInstructions: () => query }, () => undefined);
      traceTool({ name: 'a', arguments: () => ({ one: { toJSON: rejected }, two: 'secret' }) }, () => 'ok');
      try {
        traceTool({ name: 'b', arguments: rejected, withhold: rejected }, () => { throw new Error('failed'); });
      } catch {}
      await tracing.shutdown(5_000);
      console.log('queries', queries);
    `,
      { env: { DSN: sentry.dsn } },
    );
    expect(stderr).not.toContain('boom');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'queries 0\n' });
    const attributesOf = (name: string): unknown => sentry.spans.find((span) => span.name === name)?.attributes;
    expect(attributesOf('chat m')).toMatchObject({
      'gen_ai.input.messages': expect.stringContaining('[unreadable]') as string,
      'gen_ai.system_instructions': expect.stringContaining('[unreadable]') as string,
    });
    expect(attributesOf('execute_tool a')).toMatchObject({
      'gen_ai.tool.call.arguments': '{"one":"[unreadable]","two":"[redaction failed]"}',
    });
    expect(attributesOf('execute_tool b')).toMatchObject({ 'gen_ai.tool.call.arguments': '{"input":"[unreadable]"}' });
  } finally {
    await sentry.close();
  }
});

it('keeps no long text in memory for a name that was cut out of it', async () => {
  const sentry = await startFakeSentry();
  try {
    const { stdout } = await runScript(
      `
      import { setFlagsFromString } from 'node:v8';
      import { runInNewContext } from 'node:vm';
      import { setupTracing, traceAgent } from 'DIST/index.js';
      setFlagsFromString('--expose-gc');
      const heap = () => { runInNewContext('gc')(); return process.memoryUsage().heapUsed; };
      const tracing = setupTracing({ env: {}, dsn: process.env.DSN });
      const readPages = async (book) => {
        for (let number = 0; number < 40; number += 1) {
          const name = 'reader of ' + book + ' ' + String.fromCharCode(97 + (number % 26)) + number;
          const page = Buffer.alloc(500_000, name).toString('latin1');
          traceAgent({ name: page.slice(0, name.length) }, () => {});
          if (number % 10 === 9) await tracing.flush();
        }
      };
      await readPages('one');
      const before = heap();
      await readPages('the other');
      console.log(heap() - before < 5_000_000 ? 'let go' : 'kept');
      await tracing.shutdown();
    `,
      { env: { DSN: sentry.dsn } },
    );
    expect(stdout).toBe('let go\n');
  } finally {
    await sentry.close();
  }
});

it('keeps no content of operations that started one another and have ended', async () => {
  const sentry = await startFakeSentry();
  try {
    const { stdout } = await runScript(
      `
      import { setFlagsFromString } from 'node:v8';
      import { runInNewContext } from 'node:vm';
      import { setupTracing, traceTool } from 'DIST/index.js';
      setFlagsFromString('--expose-gc');
      const heap = () => { runInNewContext('gc')(); return process.memoryUsage().heapUsed; };
      const tracing = setupTracing({ env: {}, dsn: process.env.DSN, errorMessages: 'redacted' });
      const before = heap();
      const poll = (number) => {
        const page = Buffer.alloc(500_000, String(number)).toString('latin1');
        return traceTool({ name: 'poll', arguments: () => page }, async () => {
          await null;
          if (number < 40) setImmediate(poll, number + 1);
          else setImmediate(tell);
        });
      };
      const tell = () => console.log(heap() - before < 10_000_000 ? 'let go' : 'kept');
      poll(1);
    `,
      { env: { DSN: sentry.dsn } },
    );
    expect(stdout).toBe('let go\n');
  } finally {
    await sentry.close();
  }
});
