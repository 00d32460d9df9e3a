import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, it } from 'vitest';

const PACKAGE = join(import.meta.dirname, '..');
const COMPILER = join(PACKAGE, 'node_modules/typescript/bin/tsc');

/** How the compiler ended, where it did not end well. */
interface Ended {
  readonly code?: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

const COMPILED: Ended = { code: 0, stdout: '', stderr: '' };

/** Compiles these files, and a program if there is one, as a strict application with these options does. */
async function compile(files: readonly string[], options: object, program = ''): Promise<Ended> {
  const directory = await mkdtemp(join(tmpdir(), 'faultline-declarations-'));
  const project = {
    compilerOptions: {
      module: 'nodenext',
      target: 'es2022',
      strict: true,
      noEmit: true,
      types: ['node'],
      typeRoots: [join(PACKAGE, 'node_modules/@types')],
      ...options,
    },
    files: [...files, 'program.mts'],
  };
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(project));
  await writeFile(join(directory, 'program.mts'), program);
  const ended = await promisify(execFile)(process.execPath, [COMPILER, '-p', directory]).then(
    (output) => ({ code: 0, ...output }),
    ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }),
  );
  await rm(directory, { recursive: true });
  return ended;
}

// With exactOptionalPropertyTypes, as here, an optional property fits an index signature that it does not fit without.
it.each([true, false])(
  'the declarations of every entry hold for an application that checks those of its libraries, too, and what may be left out may be undefined, with exactOptionalPropertyTypes %j',
  async (exactOptionalPropertyTypes) => {
    const { exports } = (await import('../package.json', { with: { type: 'json' } })).default;
    const entries = Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? [] : [entry.types]));
    expect(entries).toHaveLength(5);
    const files = entries.map((entry) => join(PACKAGE, entry));
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
    expect(await compile(files, { skipLibCheck: false, exactOptionalPropertyTypes }, program)).toEqual(COMPILED);
  },
);
