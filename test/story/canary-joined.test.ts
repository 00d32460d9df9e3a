/** The canaries on what other people's code writes: spans of ours by way of the bare API, providers, and HTTP. */
import { createRequire } from 'node:module';

import { createTraceState, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';

import {
  captureException,
  continueTrace,
  recordFailure,
  setTag,
  setUser,
  traceAgent,
  traceChat,
  traceMemory,
  traceTool,
  traceTransport,
  withRunContext,
} from '../../src/index.ts';
import { createAgent, defineTool, jsonLog, type LogListener } from '../../src/runtime/index.ts';
import { startFakeSentry } from '../../src/testing/fake-sentry.ts';
import { scriptedModel } from '../../src/testing/scripted-model.ts';
import {
  ANYTHING,
  CONTENT,
  DATABASE_URL,
  found,
  KEY,
  missing,
  NEVER,
  PERSONAL,
  SECRETS,
  SPOKEN_SECRETS,
  TOKEN,
  UNSAID,
  type Leaving,
} from './canary-parts.ts';
import { setTheStage } from './canary-stage.ts';
import { everything, quietly } from './canary-stories.ts';

const stage = setTheStage();

/** Registers a provider of the application's before Faultline comes, with what it found out about the process. */
function registerProvider(): void {
  const commandLine = ['node', 'app.js', `--api-key=${SECRETS['API key under its name']}`, '--token', TOKEN];
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'shop',
      'process.command_args': commandLine,
      'process.command_line': commandLine.join(' '),
      'app.database': DATABASE_URL,
      'app.note': SPOKEN_SECRETS,
      'app.password': SECRETS.password,
    }),
  });
  provider.register();
  onTestFinished(() => provider.shutdown());
}

/** Writes with the bare API on whatever span is the active one. */
function writeOnActiveSpan(): void {
  const span = trace.getActiveSpan()!;
  const messages = JSON.stringify([{ role: 'user', content: `${CONTENT.bareMessages} ${SPOKEN_SECRETS}` }]);
  span.setAttribute('note', SPOKEN_SECRETS);
  span.setAttribute('password', SECRETS.password);
  span.setAttribute('notes', [KEY, DATABASE_URL]);
  span.setAttribute('gen_ai.input.messages', messages);
  span.setAttribute('gen_ai.output.messages', messages);
  span.setAttributes({ 'input.value': messages, 'gen_ai.tool.call.arguments': messages, 'llm.prompts': [messages] });
  span.addEvent('asked', { note: KEY, 'gen_ai.prompt': `${CONTENT.bareEvent} ${KEY}` });
  span.addEvent('gen_ai.user.message', { content: `${CONTENT.bareEvent} ${SPOKEN_SECRETS}` });
  span.addLink({
    context: { traceId: '2'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 },
    attributes: { note: KEY, 'gen_ai.prompt': CONTENT.bareEvent },
  });
  span.recordException(new Error(`${CONTENT.message} ${SPOKEN_SECRETS}`));
  span.setStatus({ code: SpanStatusCode.ERROR, message: `${CONTENT.message} ${SPOKEN_SECRETS}` });
}

/** An application that traces with the helpers, and writes on their spans without them. */
async function bareApi(): Promise<void> {
  await traceAgent({ name: 'helper' }, async () => {
    writeOnActiveSpan();
    traceChat({ model: 'gpt-5-mini', provider: 'openai' }, writeOnActiveSpan);
    traceTool({ name: 'look' }, writeOnActiveSpan);
    await traceMemory({ store: 'notes' }, async () => {
      writeOnActiveSpan();
      return [];
    });
    traceTool({ name: 'renamed' }, () => trace.getActiveSpan()!.updateName(`look for ${KEY}`));
    const own = trace.getTracer('shop').startSpan(`pay with ${KEY}`, { attributes: { note: TOKEN } }, ROOT_CONTEXT);
    own.end();
  });
}

/** An application that has put a key into everything that has a name. */
async function secretNames(): Promise<void> {
  class RefusedError extends Error {
    override readonly name = `Refused_${KEY}`;
    readonly code = KEY;
  }
  const refuse = () => {
    throw new RefusedError('refused');
  };
  const context = { conversationId: `c-${TOKEN}`, transport: `slack ${KEY}`, user: { id: `user ${TOKEN}` } };
  await withRunContext(context, () =>
    quietly(() =>
      traceAgent({ name: `helper ${KEY}`, description: `helps with ${DATABASE_URL}`, runId: KEY }, async () => {
        setTag('note', TOKEN);
        setUser({ id: KEY });
        traceChat(
          {
            model: `model-${KEY}`,
            provider: `provider-${KEY}`,
            server: { address: `${KEY}.example.com` },
            request: { stopSequences: [KEY, SPOKEN_SECRETS], reasoningLevel: TOKEN },
          },
          (chat) => chat.record({ id: KEY, model: TOKEN, finishReasons: [KEY] }),
        );
        traceTool({ name: KEY, callId: TOKEN, description: SPOKEN_SECRETS, type: KEY }, () => 7);
        await quietly(() => traceTool({ name: `look_${KEY}` }, refuse));
        await quietly(() => traceMemory({ store: `notes ${KEY}`, system: TOKEN }, refuse));
        recordFailure('tool.execution', new RefusedError('refused'), { attributes: { note: KEY } });
        captureException(new RefusedError('refused'));
        refuse();
      }),
    ),
  );
  await quietly(() => traceTransport({ name: `transport ${KEY}` }, () => Promise.reject(new RefusedError('refused'))));
}

/** Callers that have put a key into the state of their trace, which is a header of their requests. */
async function stateOfTheTrace(): Promise<void> {
  const caller = { traceparent: `00-${'3'.repeat(32)}-${'3'.repeat(16)}-01`, tracestate: `shop=${KEY},other=${TOKEN}` };
  const traceState = createTraceState(`shop=${KEY}`);
  const context = { traceId: '4'.repeat(32), spanId: '4'.repeat(16), traceFlags: 1, traceState };
  await continueTrace(caller, () =>
    traceAgent({ name: 'helper' }, async (agent) => {
      agent.span.addLink({ context });
      traceTool({ name: 'look', parent: context }, () => 7);
    }),
  );
}

/** A model that makes up names and ids out of a key it was told. */
async function secretsOfTheModel(onLog: LogListener): Promise<void> {
  const call = { name: KEY, id: TOKEN, input: {} };
  const agent = createAgent({
    name: 'helper',
    tools: [defineTool({ name: 'look', input: z.object({}), execute: () => 7 })],
    models: [scriptedModel([{ toolCalls: [call] }, { toolCalls: [{ ...call, name: 'look' }] }, 'Done.'])],
  });
  await agent.run('hi', { onLog, conversationId: `c-${TOKEN}` });
}

describe.each([
  ['a provider of our own', () => {}],
  ['a provider of the application', registerProvider],
])('with %s', (_whose, register) => {
  it('no content and no secret leaves while content is off', async () => {
    register();
    expect(found(await stage.play(everything), ANYTHING)).toEqual([]);
    expect(stage.sentry.spans.length).toBeGreaterThan(20);
  });

  it('content leaves while it is on, and no secret does', async () => {
    register();
    const left = await stage.play(everything, { captureContent: true });
    expect(found(left, NEVER)).toEqual([]);
    expect(missing(left, { prompt: CONTENT.prompt, completion: CONTENT.completion })).toEqual([]);
  });

  it('what the bare API writes on spans of ours obeys the settings while content is off', async () => {
    register();
    const left = await stage.play(bareApi);
    expect(found(left, ANYTHING)).toEqual([]);
    expect(missing(left, { event: 'asked' })).toEqual([]);
  });

  it('what the bare API writes on spans of ours obeys the settings while content is on', async () => {
    register();
    const left = await stage.play(bareApi, { captureContent: true });
    expect(found(left, SECRETS)).toEqual([]);
    const { bareMessages, bareEvent } = CONTENT;
    expect(missing(left, { bareMessages, bareEvent })).toEqual([]);
  });

  it.each([false, true])('no name and no id takes a secret along, with captureContent: %s', async (captureContent) => {
    register();
    const left = await stage.play(secretNames, { captureContent });
    expect(stage.sentry.envelopes.length).toBeGreaterThan(3);
    expect(found(left, SECRETS)).toEqual([]);
  });

  it('no name of a tag or an attribute takes a secret along', async () => {
    register();
    const attributes = { [`attribute ${KEY}`]: 'x' };
    const left = await stage.play(async () =>
      quietly(() =>
        traceAgent({ name: 'helper', attributes }, () => {
          setTag(`tag ${KEY}`, 'x');
          throw new Error('no');
        }),
      ),
    );
    expect(found(left, SECRETS)).toEqual([]);
    expect(missing(left, { span: 'agent.invoke helper' })).toEqual([]);
  });

  it('no state of a trace takes a secret along', async () => {
    register();
    expect(found(await stage.play(stateOfTheTrace), SECRETS)).toEqual([]);
    expect(new Set(stage.sentry.spans.map(({ traceId }) => traceId[0]))).toEqual(new Set(['3', '4']));
  });

  it.each([false, true])('no name a model made up does either, captureContent: %s', async (captureContent) => {
    register();
    const log: Leaving[] = [];
    const write = (bytes: string | Uint8Array) => log.push({ way: 'the log', bytes }) > 0;
    const left = await stage.play(() => secretsOfTheModel(jsonLog({ write })), {
      captureContent,
    });
    expect(log.length).toBeGreaterThan(3);
    expect(found([...left, ...log], SECRETS)).toEqual([]);
  });
});

it('what the environment says of the service takes no secret along', async () => {
  const env = {
    OTEL_SERVICE_NAME: `shop ${KEY}`,
    OTEL_RESOURCE_ATTRIBUTES: `app.note=${KEY},app.password=${SECRETS.password},host.name=${TOKEN}`,
    SENTRY_RELEASE: `shop@${KEY}`,
    SENTRY_ENVIRONMENT: `test-${KEY}`,
  };
  const left = await stage.play(everything, {}, env);
  expect(found(left, SECRETS)).toEqual([]);
  expect(missing(left, { note: 'app.note' })).toEqual([]);
});

describe('with the HTTP instrumentation', () => {
  const RECORDED_HEADERS = ['authorization', 'cookie', 'x-api-key', 'set-cookie'];
  const headersToSpanAttributes = {
    client: { requestHeaders: RECORDED_HEADERS, responseHeaders: RECORDED_HEADERS },
    server: { requestHeaders: RECORDED_HEADERS, responseHeaders: RECORDED_HEADERS },
  };
  let instrumentation: HttpInstrumentation;
  let get: typeof import('node:http').get;

  beforeAll(() => {
    // The names of the conventions now and before, on every span.
    process.env['OTEL_SEMCONV_STABILITY_OPT_IN'] = 'http/dup';
    instrumentation = new HttpInstrumentation({ headersToSpanAttributes });
    // What loads the module is what gets it instrumented.
    ({ get } = createRequire(import.meta.url)('node:http') as typeof import('node:http'));
  });
  afterAll(() => {
    instrumentation.disable();
    delete process.env['OTEL_SEMCONV_STABILITY_OPT_IN'];
  });

  /** Asks somebody for something, with canaries in address and headers. */
  async function asks(origin: string): Promise<void> {
    const query = new URLSearchParams({ q: CONTENT.url, api_key: KEY, note: CONTENT.prompt });
    const headers = {
      authorization: `Bearer ${SECRETS['bearer token']}`,
      cookie: `session=${SECRETS.cookie}`,
      'x-api-key': SECRETS['API key under its name'],
      'x-note': UNSAID['request header of the client'],
      'user-agent': `shop ${KEY}`,
    };
    const address = origin.replace('//', `//user:${SECRETS.password}@`);
    await new Promise<void>((resolve, reject) => {
      get(`${address}/search/${TOKEN}?${query.toString()}#${CONTENT.url}`, { headers }, (answer) => {
        answer.resume().once('end', resolve);
      }).once('error', reject);
    });
  }

  it.each([
    ['a provider of our own', false, () => {}],
    ['a provider of our own', true, () => {}],
    ['a provider of the application', false, registerProvider],
    ['a provider of the application', true, registerProvider],
  ])(
    'addresses and headers leave without secrets: %s, captureContent: %s',
    async (_whose, captureContent, register) => {
      register();
      // Any server will do. It is not one of the destinations, which requests are not traced to.
      const server = await startFakeSentry();
      onTestFinished(() => server.close());
      const left = await stage.play(
        async () => {
          instrumentation.setTracerProvider(trace.getTracerProvider());
          await traceAgent({ name: 'helper' }, () => asks(server.origin));
          await everything();
        },
        { captureContent },
      );
      const http = stage.sentry.spans.filter(({ attributes }) => attributes['http.request.method'] !== undefined);
      expect(new Set(http.map(({ kind }) => kind)).size).toBe(2);
      // Paths and clients are what such spans are about.
      const { 'agent nobody knows': _path, 'user agent of the client': _client, ...unsaid } = UNSAID;
      const never = { ...SECRETS, ...PERSONAL, ...unsaid, ...(captureContent ? {} : CONTENT) };
      expect(found(left, never)).toEqual([]);
    },
  );
});
