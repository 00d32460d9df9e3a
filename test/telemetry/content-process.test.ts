import { expect, it } from 'vitest';

import { runScript } from '../support/run-script.ts';

it('goes on when functions that give or redact content answer with promises that are rejected', async () => {
  const { code, stdout, stderr } = await runScript(`
    import { setupTracing, traceChat, traceTool } from 'DIST/index.js';
    const rejected = async () => { throw new Error('boom'); };
    const spans = [];
    const done = async () => {};
    const processor = { onStart() {}, onEnd: (span) => spans.push(span.attributes), forceFlush: done, shutdown: done };
    setupTracing({
      env: {},
      captureContent: true,
      redaction: { redact: (text) => (text.includes('secret') ? rejected() : text) },
      spanProcessors: [processor],
    });
    let queries = 0;
    const query = { then: () => { queries += 1; } };
    traceChat({ model: 'm', provider: 'p', messages: rejected, systemInstructions: () => query }, () => undefined);
    traceTool({ name: 'a', arguments: () => ({ one: { toJSON: rejected }, two: 'secret' }) }, () => 'ok');
    try {
      traceTool({ name: 'b', arguments: rejected, withhold: rejected }, () => { throw new Error('failed'); });
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 20));
    console.log(JSON.stringify({ queries, spans }));
  `);
  expect(stderr).not.toContain('boom');
  expect(code).toBe(0);
  expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toMatchObject({
    queries: 0,
    spans: [
      {
        'gen_ai.input.messages': expect.stringContaining('[unreadable]') as string,
        'gen_ai.system_instructions': expect.stringContaining('[unreadable]') as string,
      },
      { 'gen_ai.tool.call.arguments': '{"one":"[unreadable]","two":"[redaction failed]"}' },
      { 'gen_ai.tool.call.arguments': '{"input":"[unreadable]"}' },
    ],
  });
});
