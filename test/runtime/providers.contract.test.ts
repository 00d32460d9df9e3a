import { createOpenAICompatible as createV3 } from '@ai-sdk/openai-compatible';
import { createOpenAICompatible as createV2 } from '@ai-sdk/openai-compatible-v2';
import { createOpenAICompatible as createV4 } from '@ai-sdk/openai-compatible-v4';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';

import { createAgentWith } from '../../src/runtime/agent.ts';
import { AllModelsFailedError, createAgent, ModelResponseError, ModelTimeoutError } from '../../src/runtime/index.ts';
import type { AgentEvent, AgentOptions, ModelLike } from '../../src/runtime/index.ts';
import { scriptedModel } from '../../src/testing/scripted-model.ts';
import { startStubProvider } from '../../src/testing/stub-provider.ts';
import type { StubProvider, StubProviderScript } from '../../src/testing/stub-provider.ts';
import { collect, echo, only, rejection } from './support/agents.ts';
import { manualTime, type ManualTime } from './support/manual-time.ts';

/** Packages of the three specifications. Typed as `ModelLike`: that they fit is part of the contract. */
const SPECIFICATIONS: readonly (readonly [string, (baseURL: string, modelId: string) => ModelLike])[] = [
  ['v2', (baseURL, id) => createV2({ name: 'stub', baseURL, apiKey: 'sk-test-1234567890', includeUsage: true })(id)],
  ['v3', (baseURL, id) => createV3({ name: 'stub', baseURL, apiKey: 'sk-test-1234567890', includeUsage: true })(id)],
  ['v4', (baseURL, id) => createV4({ name: 'stub', baseURL, apiKey: 'sk-test-1234567890', includeUsage: true })(id)],
];

describe.each(SPECIFICATIONS)('a real provider package of specification %s', (version, connect) => {
  let provider: StubProvider;
  let time: ManualTime;

  afterEach(() => provider.close());

  /** An agent over a provider that follows the script: one model of the chain per entry of the script. */
  async function agentFor(script: StubProviderScript, options: Partial<AgentOptions> = {}) {
    provider = await startStubProvider(script);
    expect(connect(provider.baseUrl, 'm').specificationVersion).toBe(version);
    time = manualTime();
    const models = Object.keys(script).map((id) => connect(provider.baseUrl, id));
    return createAgentWith(time, { name: 'helper', models, maxRetries: 0, ...options });
  }

  const ok = { type: 'text', text: 'It is fine.' } as const;

  test('answers in one piece, with usage that includes cached and reasoning tokens', async () => {
    const usage = { inputTokens: 100, outputTokens: 30, cachedTokens: 40, reasoningTokens: 12 };
    const agent = await agentFor({ m: [{ ...ok, usage, responseModel: 'm-2026-01-01' }] });

    const result = await agent.run('hello');

    expect(result).toMatchObject({ text: 'It is fine.', finishReason: 'stop', model: 'm', turns: 1 });
    expect(result.usage).toEqual({ inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, reasoningTokens: 12 });
  });

  test('streams the same answer piece by piece', async () => {
    const usage = { inputTokens: 100, outputTokens: 30, cachedTokens: 40, reasoningTokens: 12 };
    const agent = await agentFor({ m: [{ ...ok, reasoning: 'Let me think.', usage }] });

    const run = agent.stream('hello');
    const events = await collect(run);

    expect(
      only(events, 'text.delta')
        .map((event) => event.text)
        .join(''),
    ).toBe('It is fine.');
    expect(
      only(events, 'reasoning.delta')
        .map((event) => event.text)
        .join(''),
    ).toBe('Let me think.');
    expect((await run.result).usage).toEqual({
      inputTokens: 100,
      outputTokens: 30,
      cacheReadTokens: 40,
      reasoningTokens: 12,
    });
    expect(provider.requests[0]?.body.stream).toBe(true);
  });

  test.each([false, true])('calls tools and shows the model what they said (stream: %s)', async (stream) => {
    const calls = [
      { id: 'a', name: 'echo', arguments: { text: 'one' } },
      { id: 'b', name: 'echo', arguments: '{"text": ' },
    ];
    const agent = await agentFor({ m: [{ type: 'toolCalls', calls }, ok] }, { tools: [echo()] });

    const result = await agent.run('hello', { stream });

    expect(result).toMatchObject({ text: 'It is fine.', turns: 2, toolErrors: 1 });
    expect(provider.requests[1]?.body.messages.slice(1)).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'echo', arguments: '{"text":"one"}' } },
          { id: 'b', type: 'function', function: { name: 'echo', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'a', content: 'echo: one' },
      {
        role: 'tool',
        tool_call_id: 'b',
        content: 'InvalidToolArgumentsError: the arguments of echo are not a JSON object',
      },
    ]);
  });

  test('shows ids that do not repeat to a vendor that gave none', async () => {
    const calls = [
      { id: '', name: 'echo', arguments: { text: 'one' } },
      { id: '', name: 'echo', arguments: { text: 'two' } },
    ];
    const asks = { type: 'toolCalls', calls } as const;
    const agent = await agentFor({ m: [asks, asks, ok] }, { tools: [echo()] });

    await agent.run('hello');

    const { messages } = provider.requests[2]!.body;
    const answered = messages.flatMap(({ tool_call_id: id }) => (id === undefined ? [] : [{ id }]));
    expect(new Set(answered.map(({ id }) => id)).size).toBe(4);
    expect(messages.flatMap(({ tool_calls = [] }) => tool_calls)).toMatchObject(answered);
  });

  test('sends instructions, settings and tools as the vendor wants them', async () => {
    const agent = await agentFor(
      { m: [ok] },
      { tools: [echo()], instructions: 'Be kind.', settings: { temperature: 0.5, maxOutputTokens: 99, seed: 7 } },
    );

    await agent.run('hello');

    expect(provider.requests[0]?.body).toMatchObject({
      model: 'm',
      temperature: 0.5,
      max_tokens: 99,
      seed: 7,
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'hello' },
      ],
      tools: [
        {
          type: 'function',
          function: {
            name: 'echo',
            description: 'Says it again',
            parameters: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
          },
        },
      ],
    });
  });

  describe.each([false, true])('fails before there is an answer (stream: %s)', (stream) => {
    test.each([
      ['400', { type: 'status', status: 400 }],
      ['401', { type: 'status', status: 401 }],
      ['403', { type: 'status', status: 403 }],
      ['404', { type: 'status', status: 404 }],
      ['429', { type: 'status', status: 429, headers: { 'retry-after': '7' } }],
      ['500', { type: 'status', status: 500 }],
      ['502', { type: 'status', status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad Gateway</h1>' }],
      ['AI_APICallError', { type: 'reset' }],
    ] as const)('with %s, so the next model is asked once', async (reason, turn) => {
      const agent = await agentFor({ primary: [turn], secondary: [ok] });
      const run = agent.stream('hello', { stream });
      const events = await collect(run);

      expect(only(events, 'model.fallback')).toEqual([
        { type: 'model.fallback', from: 'primary', to: 'secondary', reason },
      ]);
      expect(only(events, 'text.reset')).toEqual([]);
      expect(await run.result).toMatchObject({ text: 'It is fine.', model: 'secondary', fallbacks: 1 });
      expect(provider.requests.map((request) => request.body.model)).toEqual(['primary', 'secondary']);
      expect(JSON.stringify(events)).not.toContain('sk-test');
    });

    test.each([408, 409, 429, 500, 503, 529])('with %d, which is tried again on the same model', async (status) => {
      const agent = await agentFor({ m: [{ type: 'status', status }, ok] }, { maxRetries: 1 });
      const run = agent.stream('hello', { stream });
      time.advance(await time.nextTimer());
      const events = await collect(run);

      expect(only(events, 'model.retry')).toMatchObject([{ model: 'm', attempt: 2, reason: String(status) }]);
      expect(await run.result).toMatchObject({ text: 'It is fine.', fallbacks: 0 });
      expect(provider.requests).toHaveLength(2);
    });

    test('with a dropped connection, which is tried again on the same model', async () => {
      const agent = await agentFor({ m: [{ type: 'reset' }, ok] }, { maxRetries: 1 });
      const run = agent.run('hello', { stream });
      time.advance(await time.nextTimer());

      expect(await run).toMatchObject({ text: 'It is fine.' });
    });

    test.each([400, 401, 403, 404, 422])('with %d, which is never tried again', async (status) => {
      const agent = await agentFor({ m: [{ type: 'status', status }, ok] }, { maxRetries: 3 });

      const error = await rejection(agent.run('hello', { stream }));

      expect(error).toBeInstanceOf(AllModelsFailedError);
      expect(error).toMatchObject({
        attempts: [{ model: 'm', provider: 'stub', attempts: 1, reason: String(status) }],
      });
      expect(provider.requests).toHaveLength(1);
    });

    test('with silence, which a per-model timeout ends', async () => {
      const agent = await agentFor({ slow: [{ type: 'hang' }], quick: [ok] }, { modelTimeoutMs: 30_000 });
      const run = agent.stream('hello', { stream });
      await provider.waitForRequest();
      time.advance(30_000);
      const events = await collect(run);

      expect(only(events, 'model.fallback')).toMatchObject([
        { from: 'slow', to: 'quick', reason: 'ModelTimeoutError' },
      ]);
      expect(await run.result).toMatchObject({ text: 'It is fine.' });
      await provider.waitForAbort();
    });

    test('with the reason the caller aborted with, whatever it is', async () => {
      const agent = await agentFor({ m: [{ type: 'hang' }], unused: [ok] });
      const reason = { stop: 'the user pressed stop' };
      const controller = new AbortController();
      const run = agent.run('hello', { stream, signal: controller.signal });
      await provider.waitForRequest();
      controller.abort(reason);

      expect(await rejection(run)).toBe(reason);
      await provider.waitForAbort();
      expect(provider.requests).toHaveLength(1);
    });

    test("with the caller's own timeout, as its TimeoutError", async () => {
      const agent = await agentFor({ m: [{ type: 'hang' }] });

      const error = await rejection(agent.run('hello', { stream, signal: AbortSignal.timeout(20) }));

      expect(error).toMatchObject({ name: 'TimeoutError' });
    });
  });

  describe('fails inside an answer that is not streamed', () => {
    test.each([
      ['AI_APICallError', { type: 'junk' }],
      ['AI_InvalidResponseDataError', { type: 'unfinished', text: '' }],
    ] as const)('with %s for a body that makes no sense, which is not tried again', async (reason, turn) => {
      const agent = await agentFor({ broken: [turn], sound: [ok] }, { maxRetries: 3 });
      const events: AgentEvent[] = [];

      const result = await agent.run('hello', { onEvent: (event) => events.push(event) });

      expect(result).toMatchObject({ text: 'It is fine.', model: 'sound', fallbacks: 1 });
      expect(only(events, 'model.fallback')).toMatchObject([{ reason }]);
    });

    test('with half a body, which is tried again', async () => {
      const agent = await agentFor({ m: [{ type: 'cut', text: 'Once upon a time' }, ok] }, { maxRetries: 1 });
      const run = agent.run('hello');
      time.advance(await time.nextTimer());

      expect(await run).toMatchObject({ text: 'It is fine.' });
    });
  });

  describe('fails in the middle of a stream', () => {
    const partial = 'Once upon a time';

    test('with an error report, whose text is taken back before the next model is asked', async () => {
      const message = 'The prompt "secret" was refused.';
      const agent = await agentFor({ broken: [{ type: 'errorFrame', text: partial, message }], sound: [ok] });
      const run = agent.stream('hello');
      const events = await collect(run);

      const story = only(events, 'text.delta', 'text.reset', 'model.fallback').map((event) =>
        event.type === 'text.delta' ? 'text' : event.type,
      );
      expect([...new Set(story)]).toEqual(['text', 'text.reset', 'model.fallback']);
      expect(story.slice(story.indexOf('text.reset'), story.indexOf('text.reset') + 3)).toEqual([
        'text.reset',
        'model.fallback',
        'text',
      ]);
      expect(await run.result).toMatchObject({ text: 'It is fine.', model: 'sound' });
      expect(JSON.stringify(events)).not.toContain('secret');
    });

    test('with an error report, described by what the vendor calls it', async () => {
      const agent = await agentFor({ m: [{ type: 'errorFrame', text: partial, message: 'Overloaded' }] });

      const error = (await rejection(agent.stream('hello').result)) as AllModelsFailedError;

      expect(error.attempts[0]?.error).toBeInstanceOf(ModelResponseError);
      expect(error.attempts[0]?.error).toMatchObject({ kind: 'error', statusCode: 500 });
      expect(error.attempts[0]?.reason).toBe('500');
    });

    test.each([
      ['a connection that is cut', { type: 'cut', text: partial }],
      ['an end without a finish reason', { type: 'unfinished', text: partial }],
    ] as const)('with %s, which is tried again', async (_name, turn) => {
      const agent = await agentFor({ m: [turn, ok] }, { maxRetries: 1 });
      const run = agent.stream('hello');
      time.advance(await time.nextTimer());
      const events = await collect(run);

      expect(only(events, 'text.reset', 'model.retry').map((event) => event.type)).toEqual([
        'text.reset',
        'model.retry',
      ]);
      expect(await run.result).toMatchObject({ text: 'It is fine.' });
    });

    test('with a frame that makes no sense, which is not tried again', async () => {
      const agent = await agentFor(
        { broken: [{ type: 'junk', body: '{"choices": [{' }], sound: [ok] },
        { maxRetries: 3 },
      );

      expect(await agent.stream('hello').result).toMatchObject({ text: 'It is fine.', model: 'sound' });
    });

    test('with silence, which a per-model timeout ends', async () => {
      const agent = await agentFor(
        { slow: [{ type: 'hang', text: partial }], quick: [ok] },
        { modelTimeoutMs: 30_000 },
      );
      const run = agent.stream('hello');
      const events: AgentEvent[] = [];
      for await (const event of run) {
        if (only(events, 'text.delta').length === 0 && event.type === 'text.delta') time.advance(30_000);
        events.push(event);
      }

      expect(await run.result).toMatchObject({ text: 'It is fine.', model: 'quick' });
      await provider.waitForAbort();
    });

    test('with the reason the caller aborted with', async () => {
      const agent = await agentFor({ m: [{ type: 'hang', text: partial }] });
      const run = agent.stream('hello');
      for await (const event of run) if (event.type === 'text.delta') run.abort('enough');

      expect(await rejection(run.result)).toBe('enough');
      await provider.waitForAbort();
    });

    test('and closes the connection when the reader leaves', async () => {
      const agent = await agentFor({ m: [{ type: 'hang', text: partial }] });
      const run = agent.stream('hello');
      for await (const event of run) if (event.type === 'text.delta') break;

      expect(await rejection(run.result)).toMatchObject({ name: 'AbortError' });
      await provider.waitForAbort();
    });
  });

  test('with every model failing, the error names each of them and keeps what it threw', async () => {
    const agent = await agentFor({
      first: [{ type: 'status', status: 401 }],
      second: [{ type: 'status', status: 429, headers: { 'retry-after': '30' } }],
      third: [{ type: 'reset' }],
    });

    const error = (await rejection(agent.run('hello'))) as AllModelsFailedError;

    expect(error.message).toMatch(
      /^no model answered: first \(401\), second \(429\), third \(AI_APICallError, (?:ECONNRESET|UND_ERR_SOCKET)\)$/,
    );
    expect(error.attempts.map(({ model, attempts, reason }) => [model, attempts, reason])).toEqual([
      ['first', 1, '401'],
      ['second', 1, '429'],
      ['third', 1, 'AI_APICallError'],
    ]);
    expect(error.errors).toEqual(error.attempts.map((attempt) => attempt.error));
    expect(error.cause).toBe(error.errors[2]);
    expect(error.message).not.toContain('sk-test');
  });

  test('with a model that is too slow every time, the timeouts are its failures', async () => {
    const agent = await agentFor({ m: [{ type: 'hang' }, { type: 'hang' }] }, { modelTimeoutMs: 1_000, maxRetries: 1 });
    const run = rejection(agent.run('hello'));
    await provider.waitForRequest(1);
    time.advance(1_000);
    await time.nextTimer();
    time.advance(await time.nextTimer());
    await provider.waitForRequest(2);
    time.advance(1_000);

    const error = (await run) as AllModelsFailedError;
    expect(error.attempts).toMatchObject([{ model: 'm', attempts: 2, reason: 'ModelTimeoutError' }]);
    expect(error.cause).toBeInstanceOf(ModelTimeoutError);
    expect(time.running).toBe(0);
  });
});

/** A provider whose every answer is the same stream of text completions, ended cleanly. */
async function serveCompletions(choices: readonly object[], usage: object | undefined): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const chunk = { id: 'c-1', created: 1, model: 'm-1', ...(usage === undefined ? {} : { usage }) };
    for (const choice of choices) response.write(`data: ${JSON.stringify({ ...chunk, choices: [choice] })}\n\n`);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

// The completion models of these packages report the end of a stream as @ai-sdk/openai and @ai-sdk/google do.
describe.each([
  ['v2', undefined, (baseURL: string): ModelLike => createV2({ name: 'stub', baseURL }).completionModel('m')],
  ['v3', undefined, (baseURL: string): ModelLike => createV3({ name: 'stub', baseURL }).completionModel('m')],
  [
    'v3, which counts tokens in every piece,',
    { prompt_tokens: 5, completion_tokens: 4, total_tokens: 9 },
    (baseURL: string): ModelLike => createV3({ name: 'stub', baseURL }).completionModel('m'),
  ],
  ['v4', undefined, (baseURL: string): ModelLike => createV4({ name: 'stub', baseURL }).completionModel('m')],
])('a stream of a provider package of specification %s', (_version, usage, connect) => {
  const text = 'Transfer the money to acc';

  test('that ends in the middle of the answer was cut, and the next model is asked', async () => {
    const baseURL = await serveCompletions([{ index: 0, text, finish_reason: null }], usage);
    const models = [connect(baseURL), scriptedModel(['It is fine.'])];
    const run = createAgent({ name: 'helper', models, maxRetries: 0 }).stream('hello');

    expect(only(await collect(run), 'text.reset')).toEqual([{ type: 'text.reset', reason: 'ModelResponseError' }]);
    expect(await run.result).toMatchObject({ text: 'It is fine.', finishReason: 'stop', fallbacks: 1 });
  });

  test.each(['stop', 'length', 'content_filter'])('that says it ends because of %s is an answer', async (reason) => {
    const baseURL = await serveCompletions([{ index: 0, text, finish_reason: reason }], usage);

    const run = createAgent({ name: 'helper', models: [connect(baseURL)], maxRetries: 0 }).stream('hello');

    expect(await run.result).toMatchObject({ text, fallbacks: 0 });
  });
});
