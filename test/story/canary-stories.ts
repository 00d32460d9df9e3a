/** What happens on the stage of the canary tests: everything Faultline traces, with canaries in all of it. */
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { expect } from 'vitest';
import { z } from 'zod';

import {
  addBreadcrumb,
  captureException,
  captureMessage,
  recordFailure,
  setContext,
  setTag,
  traceAgent,
  traceChat,
  traceMemory,
  traceTool,
  traceTransport,
} from '../../src/index.ts';
import {
  createAgent,
  createRuntime,
  defineTool,
  type Agent,
  type MemoryStore,
  type RunOptions,
  type Tool,
} from '../../src/runtime/index.ts';
import { slackTransport } from '../../src/runtime/transports/slack.ts';
import { scriptedModel, type ScriptedTurn } from '../../src/testing/scripted-model.ts';
import { startStubProvider } from '../../src/testing/stub-provider.ts';
import { serve } from '../runtime/transports/serving.ts';
import { direct, workspace } from '../runtime/transports/slack-workspace.ts';
import { askInEveryWay, FAILED_ANSWER, PROVIDER } from './canary-http.ts';
import {
  ANSWER,
  CONTENT,
  DATABASE_URL,
  INPUT,
  KEY,
  QUESTION,
  SECRETS,
  SPOKEN_PERSONAL,
  SPOKEN_SECRETS,
  SYSTEM_PROMPT,
  UNSAID,
  type Leaving,
} from './canary-parts.ts';
import type { Story } from './canary-stage.ts';

/**
 * Stories of the adapters, by the name of their file in `src/adapters` without its ending. Each one runs the
 * framework it is for with `CONTENT`, `SPOKEN_SECRETS` and `SPOKEN_PERSONAL` in everything the framework is told and
 * answers, and lets it fail with them.
 */
export const ADAPTERS: Readonly<Record<string, Story>> = {};

export const STORIES: Readonly<Record<string, Story>> = {
  'an application that traces by hand': byHand,
  'an application on the runtime': onTheRuntime,
  'agents over HTTP, with models over HTTP': overHttp,
  'a bot in Slack': inSlack,
  'instrumentations of other people': othersInTheProcess,
  ...ADAPTERS,
};

/** All of them. Answers what was told in all of them. */
export async function everything(): Promise<readonly Leaving[]> {
  const told: Leaving[] = [];
  for (const story of Object.values(STORIES)) told.push(...((await story()) ?? []));
  return told;
}

/** Swallows what work throws. */
export async function quietly(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch {
    // Failures are what the story is about.
  }
}

class ServiceError extends Error {
  override readonly name = 'ServiceError';
}

function fail(): never {
  throw new ServiceError(`${CONTENT.message} ${SPOKEN_SECRETS} ${SPOKEN_PERSONAL} 7`, {
    cause: new Error(`${CONTENT.cause}\n    at ${CONTENT.cause} (/x.js:1:1)\n${CONTENT.argument} ${KEY}`),
  });
}

/** What a tool is asked for and answers: secrets under their names, and in its texts. */
const SECRET_FIELDS = {
  password: SECRETS.password,
  headers: { authorization: `Bearer ${SECRETS['bearer token']}`, cookie: `session=${SECRETS.cookie}` },
  databaseUrl: DATABASE_URL,
  notes: [SPOKEN_SECRETS, SPOKEN_PERSONAL],
};

async function byHand(): Promise<void> {
  await quietly(() =>
    traceAgent({ name: 'helper', input: () => CONTENT.prompt }, async (agent) => {
      traceChat(
        {
          model: 'gpt-5-mini',
          provider: 'openai',
          systemInstructions: () => `${CONTENT.instructions} ${SPOKEN_SECRETS}`,
          messages: () => [{ role: 'user', content: `${CONTENT.prompt} ${SPOKEN_SECRETS} ${SPOKEN_PERSONAL}` }],
          toolDefinitions: () => [{ type: 'function', name: 'look' }],
        },
        (chat) => chat.record({ output: () => `${CONTENT.completion} ${SPOKEN_SECRETS} ${SPOKEN_PERSONAL}` }),
      );
      traceTool(
        { name: 'look', arguments: () => ({ [CONTENT.argumentName]: CONTENT.argument, ...SECRET_FIELDS }) },
        () => ({ found: CONTENT.result, ...SECRET_FIELDS }),
      );
      await traceMemory({ store: 'notes', query: () => `${CONTENT.query} ${KEY}` }, async () => [
        { text: `${CONTENT.record} ${SPOKEN_SECRETS} ${SPOKEN_PERSONAL}` },
      ]);
      await quietly(() => traceTool({ name: 'fails', arguments: () => 7 }, fail));
      await quietly(() => traceMemory({ store: 'notes' }, fail));
      await quietly(() => traceChat({ model: 'gpt-5-mini', provider: 'openai' }, fail));
      await quietly(() => traceChat({ model: 'gpt-5-mini', provider: 'openai' }, refuse));
      await quietly(() => traceTool({ name: 'throws text' }, () => throwText()));
      recordFailure('tool.execution', new ServiceError(CONTENT.message));
      captureException(new AggregateError([new Error(CONTENT.message)], `${CONTENT.message} ${KEY}`));
      captureException(CONTENT.message);
      captureMessage(`something to look at ${SPOKEN_SECRETS}`);
      agent.record({ output: () => CONTENT.completion });
      setTag('note', KEY);
      setTag('password', SECRETS.password);
      setContext('order', { note: SPOKEN_SECRETS, ...SECRET_FIELDS, notes: KEY });
      addBreadcrumb({ category: 'app', message: `used ${SPOKEN_SECRETS}`, data: { password: SECRETS.password } });
      traceTool({ name: 'tagged', attributes: { note: KEY, 'input.value': CONTENT.argument } }, () => 7);
      agent.span.recordException(new Error(`${CONTENT.message} ${KEY}`));
      fail();
    }),
  );
  await quietly(() =>
    traceTransport({ name: 'slack' }, () => Promise.reject(new Error(`${CONTENT.message} ${SPOKEN_SECRETS}`))),
  );
}

/** A provider that quotes everything. */
function refuse(): never {
  const body = { error: { message: `${CONTENT.prompt} is not allowed`, code: 'content_policy', type: 'invalid' } };
  throw Object.assign(new Error(`${CONTENT.prompt} is not allowed`), {
    name: 'AI_APICallError',
    statusCode: 400,
    requestBodyValues: { prompt: CONTENT.prompt, key: KEY },
    responseBody: JSON.stringify(body),
    responseHeaders: { 'set-cookie': SECRETS.cookie, 'x-note': UNSAID['response header of the model'] },
    data: body,
  });
}

function throwText(): never {
  throw CONTENT.message;
}

/** A tool that answers, and fails when it is asked to. */
const LOOK: Tool = defineTool({
  name: 'look',
  input: z.record(z.string(), z.string()),
  jsonSchema: { type: 'object' },
  execute: (input) =>
    Object.values(input)[0] === 'fail'
      ? failWith(input)
      : { found: `${CONTENT.result} ${SPOKEN_SECRETS} ${SPOKEN_PERSONAL}`, ...SECRET_FIELDS },
});

function failWith(input: unknown): never {
  throw new ServiceError(`no forecast for ${JSON.stringify(input)}: ${CONTENT.message} ${SPOKEN_SECRETS}`);
}

const NOTES: MemoryStore = {
  id: 'notes',
  add: () => Promise.resolve(),
  remove: () => Promise.resolve(false),
  search: async (query) => [
    { id: '1', text: `${CONTENT.record} ${SPOKEN_SECRETS} ${SPOKEN_PERSONAL}`, score: query.length },
  ],
};

const BROKEN_NOTES: MemoryStore = {
  ...NOTES,
  id: 'broken',
  search: async (query) => Promise.reject(new Error(`no such column: ${query} ${SPOKEN_SECRETS}`)),
};

function calls(name: string, input: Readonly<Record<string, unknown>>): ScriptedTurn {
  return { toolCalls: [{ name, input }] };
}

async function onTheRuntime(): Promise<void> {
  const agent = createAgent({
    name: 'helper',
    instructions: SYSTEM_PROMPT,
    tools: [LOOK],
    memory: NOTES,
    models: [
      scriptedModel([
        calls('look', { [CONTENT.argumentName]: CONTENT.argument, password: SECRETS.password }),
        calls('look', { [CONTENT.argumentName]: 7 }),
        calls('look', { any: 'fail', also: CONTENT.argument }),
        calls(`${CONTENT.toolName} of mine`, {}),
        ANSWER,
      ]),
    ],
  });
  await agent.run(QUESTION, {
    onEvent: () => {
      throw new Error(`${CONTENT.message} ${SPOKEN_SECRETS}`);
    },
    onLog: failingLog,
  });
  const failing = createAgent({
    name: 'failing',
    memory: BROKEN_NOTES,
    maxRetries: 0,
    models: [scriptedModel([{ error: new Error(`bad prompt: ${QUESTION}`) }])],
  });
  await quietly(() => failing.run(QUESTION));
}

/** A log of the application that cannot be written. */
const failingLog: NonNullable<RunOptions['onLog']> = () => {
  throw new Error(`${CONTENT.message} ${SPOKEN_SECRETS}`);
};

async function overHttp(): Promise<readonly Leaving[]> {
  const provider = await startStubProvider(PROVIDER);
  const connect = createOpenAICompatible({
    name: 'gateway',
    baseURL: provider.baseUrl,
    apiKey: KEY,
    headers: {
      'x-note': UNSAID['request header of the model'],
      cookie: `session=${SECRETS.cookie}`,
      'x-api-key': SECRETS['API key under its name'],
    },
    queryParams: { note: CONTENT.queryOfModel, api_key: SECRETS.password },
  });
  const agent = createAgent({
    name: 'served',
    instructions: SYSTEM_PROMPT,
    tools: [LOOK],
    memory: BROKEN_NOTES,
    maxRetries: 0,
    models: [connect('m-1')],
  });
  const { origin, runtime } = await serve(agent, { token: SECRETS['bearer token'], eventSource: true });
  const told = await askInEveryWay(origin, 'served');
  await runtime.stop();
  await provider.close();
  return told;
}

/** A bot that answers, fails, and loses its connection. */
async function inSlack(): Promise<readonly Leaving[]> {
  const talk = async (agent: Agent): Promise<string> => {
    const slack = workspace();
    const transport = slackTransport({ app: slack.app });
    const runtime = createRuntime({ agents: [agent], transports: [{ transport, agent: agent.name }] });
    const working = runtime.start();
    await slack.send(direct(QUESTION));
    await runtime.stop();
    await working;
    return slack.messages.flatMap(({ texts }) => texts).join('\n');
  };
  const bot = (memory: MemoryStore, ...turns: readonly ScriptedTurn[]) =>
    createAgent({
      name: 'bot',
      instructions: SYSTEM_PROMPT,
      tools: [LOOK],
      memory,
      maxRetries: 0,
      models: [scriptedModel(turns)],
    });
  const answer = await talk(bot(BROKEN_NOTES, calls('look', INPUT), ANSWER));
  expect(answer).toContain(CONTENT.completion);
  const failed = await talk(bot(NOTES, { error: new Error(`bad prompt: ${QUESTION}`) }));
  expect(failed).toContain('Something went wrong');

  const lost = workspace(() => Promise.reject(new Error(`invalid_auth ${SPOKEN_SECRETS}`)));
  const transport = slackTransport({ app: lost.app });
  const runtime = createRuntime({ agents: [bot(NOTES)], transports: [{ transport, agent: 'bot' }] });
  await quietly(() => runtime.start());
  await runtime.stop();
  return [{ way: FAILED_ANSWER, bytes: failed }];
}

/** Instrumentations of other people. */
async function othersInTheProcess(): Promise<void> {
  const aiSdk = trace.getTracer('ai').startSpan('ai.generateText', {
    attributes: {
      'ai.prompt': JSON.stringify({ prompt: QUESTION, apiKey: KEY }),
      'ai.prompt.messages': JSON.stringify([{ role: 'user', content: QUESTION }]),
      'ai.response.text': ANSWER,
      'ai.response.toolCalls': JSON.stringify([{ args: JSON.stringify(INPUT) }]),
      'ai.toolCall.args': JSON.stringify(INPUT),
      'ai.toolCall.result': JSON.stringify({ found: CONTENT.result, ...SECRET_FIELDS }),
      'ai.request.headers.authorization': `Bearer ${SECRETS['bearer token']}`,
      'ai.telemetry.metadata.note': SPOKEN_SECRETS,
    },
  });
  aiSdk.addEvent('gen_ai.user.message', { content: QUESTION });
  aiSdk.recordException(new ServiceError(`${CONTENT.message} ${SPOKEN_SECRETS}`));
  aiSdk.setStatus({ code: SpanStatusCode.ERROR, message: `${CONTENT.message} ${SPOKEN_SECRETS}` });
  aiSdk.end();
  const openInference = trace.getTracer('@arizeai/openinference').startSpan('LLM', {
    attributes: {
      'openinference.span.kind': 'LLM',
      'input.value': QUESTION,
      'output.value': ANSWER,
      'llm.input_messages.0.message.content': QUESTION,
      'llm.output_messages.0.message.content': ANSWER,
      'llm.prompts': [QUESTION],
      'retrieval.documents.0.document.content': `${CONTENT.record} ${KEY}`,
      'gen_ai.prompt.0.content': QUESTION,
      'gen_ai.completion.0.content': ANSWER,
      'traceloop.entity.input': QUESTION,
    },
  });
  openInference.end();
  const http = trace.getTracer('@opentelemetry/instrumentation-http').startSpan(`GET /${KEY}`, {
    attributes: {
      'url.full': `https://user:${SECRETS.password}@example.com/search?q=${CONTENT.url}&api_key=${KEY}`,
      'url.query': `q=${CONTENT.url}&api_key=${KEY}`,
      'http.request.header.authorization': [`Bearer ${SECRETS['bearer token']}`],
      'http.request.header.cookie': [`session=${SECRETS.cookie}`],
      'http.request.header.x-api-key': [SECRETS['API key under its name']],
      'http.request.body.text': QUESTION,
      'db.query.text': `select * from t where a = '${CONTENT.row}' and key = '${KEY}'`,
      'db.system.name': 'postgresql',
    },
    links: [{ context: { traceId: '1'.repeat(32), spanId: '1'.repeat(16), traceFlags: 1 }, attributes: { note: KEY } }],
  });
  http.end();
}
