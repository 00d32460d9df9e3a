/**
 * Nothing of a conversation leaves while content is not recorded, and no secret ever does: told by running
 * everything there is with markers in it, and looking for the markers in every byte that was sent or printed.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { context, diag, propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';

import { SCENARIOS } from '../../src/cli/demo/scenarios.ts';
import {
  addBreadcrumb,
  captureException,
  recordFailure,
  setContext,
  setTag,
  setupTracing,
  traceAgent,
  traceChat,
  traceMemory,
  traceTool,
  traceTransport,
  type SetupOptions,
} from '../../src/index.ts';
import { createAgent, defineTool, type MemoryStore } from '../../src/runtime/index.ts';
import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { scriptedModel } from '../../src/testing/scripted-model.ts';
import { startStubProvider, type StubProvider } from '../../src/testing/stub-provider.ts';

let sentry: FakeSentry;
/** What was printed while the story ran. */
let printed: string[];
/** Where the flight recorder keeps what is not delivered yet. */
let directory: string;

beforeEach(async () => {
  sentry = await startFakeSentry();
  printed = [];
  directory = mkdtempSync(join(tmpdir(), 'faultline-canary-'));
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      printed.push(String(text));
      return true;
    });
  }
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, method).mockImplementation((...texts: readonly unknown[]) => void printed.push(texts.join(' ')));
  }
  process.on('warning', notePrinted);
});

afterEach(async () => {
  vi.restoreAllMocks();
  process.off('warning', notePrinted);
  trace.disable();
  context.disable();
  propagation.disable();
  diag.disable();
  await sentry.close();
  rmSync(directory, { recursive: true, force: true });
});

function notePrinted(warning: Error): void {
  printed.push(String(warning));
}

/** Plays a story with tracing on and answers every byte that left: requests, their headers, files, and what was printed. */
async function everythingThatLeaves(story: () => Promise<unknown>, options: SetupOptions = {}): Promise<string> {
  const tracing = setupTracing({ env: {}, dsn: sentry.dsn, debug: true, recorder: { directory }, ...options });
  await story();
  const files = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
  expect(files.join('').length).toBeGreaterThan(0);
  await tracing.shutdown();
  expect(sentry.spans.length).toBeGreaterThan(0);
  const requests = sentry.requests.map(
    ({ path, headers, body }) => `${path} ${JSON.stringify(headers)} ${Buffer.from(body).toString()}`,
  );
  return [...requests, ...files, ...printed].join('\n');
}

/** The markers that are found. */
function foundIn(bytes: string, markers: readonly string[]): readonly string[] {
  return markers.filter((marker) => bytes.includes(marker));
}

async function quietly(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch {
    // Failures are what the story is about.
  }
}

describe('every scenario of the demo', () => {
  /** What is said, asked, found, remembered and thrown in them. */
  const MARKERS = [
    'What should I pack|Light clothes|Take the train|Sintra|Oslo|Barcelona|Lisbon|market hall|every street',
    'You help people|Likes to pack|19 °C|cannot see the forecast|the weather service answered|disk image is malformed',
    'connection was closed|Rate limit reached|Incorrect API key|sk-proj-7Qd2|XjY',
  ].flatMap((line) => line.split('|'));

  it.each(Object.keys(SCENARIOS))('%s', async (name) => {
    const providers: StubProvider[] = [];
    const bytes = await everythingThatLeaves(async () => {
      await SCENARIOS[name]!.run({
        async provider(script) {
          const provider = await startStubProvider(script);
          providers.push(provider);
          return provider;
        },
        show: () => {},
      });
    });
    await Promise.all(providers.map((provider) => provider.close()));
    expect(foundIn(bytes, MARKERS)).toEqual([]);
  });
});

/** Markers by what they stand in. */
const CONTENT = {
  prompt: 'canary-prompt',
  instructions: 'canary-instructions',
  completion: 'canary-completion',
  reasoning: 'canary-reasoning',
  argument: 'canary-argument',
  argumentName: 'canary_argument_name',
  result: 'canary-result',
  query: 'canary-query',
  record: 'canary-record',
  message: 'canary-message',
  cause: 'canary-cause',
  toolName: 'canary tool name',
  url: 'canary-url',
  row: 'canary-row',
};

/** Secrets that look like those of providers, put together here so that nobody takes them for real ones. */
const SECRETS = {
  key: ['sk', 'proj', 'Zq8canary'.repeat(4)].join('-'),
  bearer: 'Yx7canary'.repeat(4),
  password: 'Wv6canary!pass',
};

class ServiceError extends Error {
  override readonly name = 'ServiceError';
}

function fail(): never {
  throw new ServiceError(`${CONTENT.message} ${SECRETS.key} 7`, {
    cause: new Error(`${CONTENT.cause}\n    at ${CONTENT.cause} (/x.js:1:1)\n${CONTENT.argument}`),
  });
}

/** An application that traces by hand. */
async function byHand(): Promise<void> {
  await quietly(() =>
    traceAgent({ name: 'helper', input: () => CONTENT.prompt }, async (agent) => {
      traceChat(
        {
          model: 'gpt-5-mini',
          provider: 'openai',
          systemInstructions: () => CONTENT.instructions,
          messages: () => [{ role: 'user', content: `${CONTENT.prompt} ${SECRETS.key}` }],
          toolDefinitions: () => [{ type: 'function', name: 'look' }],
        },
        (chat) => chat.record({ output: () => `${CONTENT.completion} ${SECRETS.key}` }),
      );
      traceTool(
        { name: 'look', arguments: () => ({ [CONTENT.argumentName]: CONTENT.argument, password: SECRETS.password }) },
        () => ({ found: CONTENT.result, authorization: `Bearer ${SECRETS.bearer}` }),
      );
      await traceMemory({ store: 'notes', query: () => CONTENT.query }, async () => [{ text: CONTENT.record }]);
      await quietly(() => traceTool({ name: 'fails', arguments: () => 7 }, fail));
      await quietly(() => traceMemory({ store: 'notes' }, fail));
      await quietly(() => traceChat({ model: 'gpt-5-mini', provider: 'openai' }, fail));
      await quietly(() => traceChat({ model: 'gpt-5-mini', provider: 'openai' }, refuse));
      await quietly(() => traceTool({ name: 'throws text' }, () => throwText()));
      recordFailure('tool.execution', new ServiceError(CONTENT.message));
      captureException(new AggregateError([new Error(CONTENT.message)], CONTENT.message));
      captureException(CONTENT.message);
      agent.record({ output: () => CONTENT.completion });
      setTag('note', SECRETS.key);
      setTag('password', SECRETS.password);
      setContext('order', { note: SECRETS.key, password: SECRETS.password });
      addBreadcrumb({ category: 'app', message: `used ${SECRETS.key}` });
      traceTool({ name: 'tagged', attributes: { note: SECRETS.key, 'input.value': CONTENT.argument } }, () => 7);
      agent.span.recordException(new Error(CONTENT.message));
      fail();
    }),
  );
  await quietly(() => traceTransport({ name: 'slack' }, () => Promise.reject(new Error(CONTENT.message))));
}

/** A provider that quotes everything. */
function refuse(): never {
  const body = { error: { message: `${CONTENT.prompt} is not allowed`, code: 'content_policy', type: 'invalid' } };
  throw Object.assign(new Error(`${CONTENT.prompt} is not allowed`), {
    name: 'AI_APICallError',
    statusCode: 400,
    requestBodyValues: { prompt: CONTENT.prompt, key: SECRETS.key },
    responseBody: JSON.stringify(body),
    responseHeaders: { 'set-cookie': SECRETS.bearer },
    data: body,
  });
}

function throwText(): never {
  throw CONTENT.message;
}

/** An application on the runtime. */
async function onTheRuntime(): Promise<void> {
  const look = defineTool({
    name: 'look',
    input: z.record(z.string(), z.string()),
    jsonSchema: { type: 'object' },
    execute: (input) => (Object.values(input)[0] === 'fail' ? fail() : { found: CONTENT.result, key: SECRETS.key }),
  });
  const memory: MemoryStore = {
    id: 'notes',
    add: () => Promise.resolve(),
    remove: () => Promise.resolve(false),
    search: async (query) => [{ id: '1', text: `${CONTENT.record} ${SECRETS.key}`, score: query.length }],
  };
  const broken: MemoryStore = { ...memory, id: 'broken', search: async (query) => Promise.reject(new Error(query)) };
  const calls = (name: string, input: Readonly<Record<string, unknown>>) => ({ toolCalls: [{ name, input }] });
  const model = scriptedModel([
    calls('look', { [CONTENT.argumentName]: CONTENT.argument }),
    calls('look', { [CONTENT.argumentName]: 7 }),
    calls('look', { any: 'fail' }),
    calls(CONTENT.toolName, {}),
    `${CONTENT.completion} ${SECRETS.key}`,
  ]);
  const agent = createAgent({
    name: 'helper',
    instructions: `${CONTENT.instructions} ${SECRETS.key}`,
    tools: [look],
    memory,
    models: [model],
  });
  await agent.run(`${CONTENT.prompt} ${SECRETS.key}`, {
    onEvent: () => {
      throw new Error(CONTENT.message);
    },
  });
  const refusing = scriptedModel([{ error: new Error(`bad prompt: ${CONTENT.prompt}`) }]);
  const failing = createAgent({ name: 'failing', memory: broken, maxRetries: 0, models: [refusing] });
  await quietly(() => failing.run(CONTENT.prompt));
}

/** Instrumentations of other people. */
async function othersInTheProcess(): Promise<void> {
  const aiSdk = trace.getTracer('ai').startSpan('ai.generateText', {
    attributes: {
      'ai.prompt': JSON.stringify({ prompt: CONTENT.prompt, apiKey: SECRETS.key }),
      'ai.prompt.messages': `[{"role":"user","content":"${CONTENT.prompt}"}]`,
      'ai.response.text': CONTENT.completion,
      'ai.response.toolCalls': `[{"args":"${CONTENT.argument}"}]`,
      'ai.toolCall.args': CONTENT.argument,
      'ai.toolCall.result': CONTENT.result,
      'ai.request.headers.authorization': `Bearer ${SECRETS.bearer}`,
    },
  });
  aiSdk.addEvent('gen_ai.user.message', { content: CONTENT.prompt });
  aiSdk.recordException(new ServiceError(`${CONTENT.message} ${SECRETS.key}`));
  aiSdk.setStatus({ code: SpanStatusCode.ERROR, message: `${CONTENT.message} ${SECRETS.key}` });
  aiSdk.end();
  const openInference = trace.getTracer('@arizeai/openinference').startSpan('LLM', {
    attributes: {
      'openinference.span.kind': 'LLM',
      'input.value': `${CONTENT.prompt} ${SECRETS.key}`,
      'output.value': CONTENT.completion,
      'llm.input_messages.0.message.content': CONTENT.prompt,
      'llm.output_messages.0.message.content': CONTENT.completion,
      'llm.prompts': [CONTENT.prompt],
      'retrieval.documents.0.document.content': CONTENT.record,
      'gen_ai.prompt.0.content': CONTENT.prompt,
      'gen_ai.completion.0.content': CONTENT.completion,
      'traceloop.entity.input': CONTENT.prompt,
    },
  });
  openInference.end();
  const http = trace.getTracer('@opentelemetry/instrumentation-http').startSpan('GET', {
    attributes: {
      'url.full': `https://user:${SECRETS.password}@example.com/search?q=${CONTENT.url}&api_key=${SECRETS.key}`,
      'http.request.header.authorization': [`Bearer ${SECRETS.bearer}`],
      'http.request.body.text': CONTENT.prompt,
      'db.query.text': `select * from t where a = '${CONTENT.row}'`,
      'db.system.name': 'postgresql',
    },
  });
  http.end();
}

async function everything(): Promise<void> {
  await byHand();
  await onTheRuntime();
  await othersInTheProcess();
}

describe('with content off, which is the default', () => {
  it('no content and no secret is in any byte that leaves', async () => {
    process.env['CANARY_SECRET'] = 'canary-environment';
    const bytes = await everythingThatLeaves(everything);
    delete process.env['CANARY_SECRET'];

    expect(foundIn(bytes, [...Object.values(CONTENT), ...Object.values(SECRETS)])).toEqual([]);
    // But for the name of this file, which is in every stack.
    expect(bytes).not.toMatch(/canary(?!\.test\.ts)/);
    // The failures themselves are there.
    expect(sentry.envelopes.length).toBeGreaterThan(5);
    expect(bytes).toContain('ServiceError');
    expect(bytes).toContain('Bad Request (content_policy)');
  });

  it('nor when error messages may leave: what they quote of known content, and secrets, stay in', async () => {
    const bytes = await everythingThatLeaves(onTheRuntime, { errorMessages: 'redacted' });
    const { message: _message, cause: _cause, argument: _argument, ...known } = CONTENT;
    expect(foundIn(bytes, [...Object.values(known), ...Object.values(SECRETS)])).toEqual([]);
    expect(bytes).toContain(CONTENT.message);
  });
});

describe('with content on', () => {
  it('content leaves, and no secret does', async () => {
    const bytes = await everythingThatLeaves(everything, { captureContent: true });
    const { toolName: _toolName, row: _row, reasoning: _reasoning, ...recorded } = CONTENT;
    expect(foundIn(bytes, Object.values(recorded))).toEqual(Object.values(recorded));
    expect(foundIn(bytes, Object.values(SECRETS))).toEqual([]);
    expect(foundIn(bytes, ['Zq8', 'Yx7', 'Wv6'])).toEqual([]);
  });
});
