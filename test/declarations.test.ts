import { join } from 'node:path';

import { expect, it } from 'vitest';

import manifest from '../package.json' with { type: 'json' };
import { compile } from './support/compile.ts';

const PACKAGE = join(import.meta.dirname, '..');

// With exactOptionalPropertyTypes, as here, an optional property fits an index signature that it does not fit without.
it.each([true, false])(
  'the declarations of every entry hold for an application that checks those of its libraries, too, and what may be left out may be undefined, with exactOptionalPropertyTypes %j',
  async (exactOptionalPropertyTypes) => {
    const entries = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [] : [entry.types],
    );
    expect(entries).toHaveLength(5);
    const imports = entries.map((entry) => `import '${join(PACKAGE, entry).replace('.d.ts', '.js')}';`).join('\n');
    const program = `
    import { captureException, setupTracing, setUser, traceAgent, traceChat, withRunContext } from '${PACKAGE}/dist/index.js';
    import {
      cliTransport,
      createAgent,
      createRuntime,
      defineTool,
      httpTransport,
      inProcessHistory,
      inProcessMemory,
      slackTransport,
      sqliteMemory,
      type Agent,
      type SlackApp,
    } from '${PACKAGE}/dist/runtime/index.js';
    import { scriptedModel, startFakeSentry } from '${PACKAGE}/dist/testing/index.js';
    declare const request: { id?: string; user?: string; most?: number; yes?: boolean; signal: AbortSignal | undefined };
    declare const app: SlackApp;
    declare const schema: Parameters<typeof defineTool>[0]['input'];
    declare const response: { id: string; usage: object | undefined; model: string | undefined };
    declare const helper: Agent;
    setupTracing({ dsn: process.env.SENTRY_DSN, beforeSend: undefined, captureUncaught: undefined });
    setUser({ id: request.user });
    withRunContext({ conversationId: request.id }, () =>
      traceAgent({ name: 'helper', conversationId: request.id, signal: request.signal }, () =>
        traceChat({ model: 'm-1', provider: 'openai', server: undefined, messages: undefined }, (chat) => {
          chat.record({ id: response.id, model: response.model, usage: response.usage });
        }),
      ),
    );
    captureException(new Error(), { level: undefined, user: { id: request.user } });
    await helper.run('hi', { conversationId: request.id, signal: request.signal, timeoutMs: request.most });
    const { id, most, yes } = request;
    setupTracing({
      batch: { retryForMs: most },
      recorder: { directory: id },
      spanLimits: { linkCountLimit: most },
      redaction: { emails: yes, redact: undefined },
      captureContent: { inputs: yes },
      pricing: { 'm-1': { input: 1, output: 1, cacheRead: most } },
    });
    traceChat({ model: 'm-1', provider: 'openai', server: { address: 'a', port: most } }, () => 1);
    const model = scriptedModel([{ text: id, toolCalls: [{ id, name: 'look', input: {} }] }], { modelId: id });
    const tool = defineTool({ name: 'look', input: schema, description: id, timeoutMs: most, execute: () => '' });
    const lead = createAgent({
      name: 'lead',
      models: [{ model, settings: { temperature: most } }],
      settings: { seed: most, stopSequences: undefined },
      tools: [tool, helper.asTool({ description: id }), { name: 'do', jsonSchema: {}, timeoutMs: most, execute: () => '' }],
      memory: { store: sqliteMemory({ path: 'a', maxRecords: most }), limit: most, scopes: undefined },
      maxTurns: most,
      maxCostUsd: most,
    });
    await inProcessMemory({ maxRecords: most }).add({ id: 'a', text: 'a', scope: id, metadata: undefined });
    const http = httpTransport({ agents: [lead], token: id, maxActive: most, listen: undefined, status: undefined });
    const transports = [
      { transport: http, agent: id },
      { transport: cliTransport({ prompt: id }) },
      { transport: slackTransport({ app, stream: yes }) },
    ];
    const history = inProcessHistory({ maxMessages: most });
    await createRuntime({ agents: [lead], transports, history, onCrash: undefined }).stop({ timeoutMs: most });
    await startFakeSentry({ port: most });
  `;
    const files = { 'program.mts': imports + program };
    expect(await compile(files, { skipLibCheck: false, exactOptionalPropertyTypes })).toBe('');
  },
);
