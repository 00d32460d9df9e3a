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
