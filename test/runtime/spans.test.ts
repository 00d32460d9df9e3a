import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';

import { createAgentWith } from '../../src/runtime/agent.ts';
import { createAgent, defineTool, inProcessMemory } from '../../src/runtime/index.ts';
import type { Agent, AgentOptions, MemoryStore, ModelEntry, Tool } from '../../src/runtime/index.ts';
import { activate } from '../../src/telemetry/active.ts';
import { createPricing } from '../../src/telemetry/attributes/cost.ts';
import { withRunContext } from '../../src/telemetry/context.ts';
import { scriptedModel } from '../../src/testing/scripted-model.ts';
import type { ScriptedTurn } from '../../src/testing/scripted-model.ts';
import { startStubProvider } from '../../src/testing/stub-provider.ts';
import { collect, echo, gate, rejection, type Gate } from './support/agents.ts';
import { manualTime } from './support/manual-time.ts';
import { settled } from '../support/process-events.ts';
import { recordSpans } from './support/spans.ts';

const recorder = recordSpans();

/** A model that does not wait before it fails for good. */
function model(modelId: string, ...turns: ScriptedTurn[]): ModelEntry {
  return { model: scriptedModel(turns, { modelId, provider: 'openai.chat' }), maxRetries: 0 };
}

function httpError(statusCode: number, headers: Record<string, string> = {}): Error {
  const error = new Error('the request failed');
  return Object.assign(error, { name: 'AI_APICallError', statusCode, responseHeaders: headers });
}

function helper(options: Partial<AgentOptions> & Pick<AgentOptions, 'models'>) {
  return createAgent({ name: 'helper', ...options });
}

const twoCalls: ScriptedTurn = {
  toolCalls: [
    { id: 'call_1', name: 'echo', input: { text: 'one' } },
    { id: 'call_2', name: 'echo', input: { text: 'two' } },
  ],
};
const failing = defineTool({
  name: 'echo',
  input: z.object({ text: z.string() }),
  execute: () => {
    throw new RangeError('no such thing');
  },
});

describe('the tree of a run', () => {
  test('that uses tools has them below the model call that asked for them', async () => {
    const agent = helper({ models: [model('gpt-x', twoCalls, 'done')], tools: [echo()] });

    await agent.run('go');

    expect(recorder.tree('gen_ai.tool.call.id', 'faultline.turns')).toBe(
      [
        'agent.invoke helper turns=2',
        '  chat gpt-x',
        '    execute_tool echo id=call_1',
        '    execute_tool echo id=call_2',
        '  chat gpt-x',
      ].join('\n'),
    );
  });

  test('whose tool fails stays green at the root', async () => {
    const agent = helper({ models: [model('gpt-x', twoCalls, 'done')], tools: [failing] });

    expect(await agent.run('go')).toMatchObject({ text: 'done', toolErrors: 2 });
    expect(recorder.tree('error.type', 'faultline.failure.point', 'faultline.tool_errors')).toBe(
      [
        'agent.invoke helper tool_errors=2',
        '  chat gpt-x',
        '    execute_tool echo ! x type=RangeError point=tool.execution',
        '    execute_tool echo ! x type=RangeError point=tool.execution',
        '  chat gpt-x',
      ].join('\n'),
    );
  });

  test('whose tool reports a failure in the words of MCP has a tool that failed', async () => {
    const content = [{ type: 'text', text: 'no such file' }];
    const reporting: Tool = { ...echo(), execute: () => ({ isError: true, content }) };
    const agent = helper({ models: [model('gpt-x', twoCalls, 'done')], tools: [reporting] });

    expect(await agent.run('go')).toMatchObject({ text: 'done', toolErrors: 2 });
    expect(recorder.tree('error.type', 'faultline.failure.point', 'faultline.tool_errors')).toBe(
      [
        'agent.invoke helper tool_errors=2',
        '  chat gpt-x',
        '    execute_tool echo ! x type=ToolReportedError point=tool.execution',
        '    execute_tool echo ! x type=ToolReportedError point=tool.execution',
        '  chat gpt-x',
      ].join('\n'),
    );
    expect(recorder.named('execute_tool echo')[0]?.status.message).toBe('echo reported an error');
  });

  test('has a span for a tool that does not exist and for arguments that do not fit', async () => {
    const asked: ScriptedTurn = {
      toolCalls: [
        { name: 'fly', input: {} },
        { name: 'echo', input: { text: 7 } },
        { name: 'echo', input: 'not json' },
      ],
    };
    const agent = helper({ models: [model('gpt-x', asked, 'done')], tools: [echo()] });

    await agent.run('go');

    expect(recorder.tree('error.type')).toBe(
      [
        'agent.invoke helper',
        '  chat gpt-x',
        '    execute_tool fly ! x type=ToolNotFoundError',
        '    execute_tool echo ! x type=InvalidToolArgumentsError',
        '    execute_tool echo ! x type=InvalidToolArgumentsError',
        '  chat gpt-x',
      ].join('\n'),
    );
  });

  test('that falls back shows the failed call, and the hop on the one that answered', async () => {
    const agent = helper({
      models: [model('gpt-x', { error: httpError(429) }), model('gpt-y', twoCalls, 'done')],
      tools: [echo()],
    });

    await agent.run('go');

    expect(recorder.tree('error.type', 'faultline.fallbacks')).toBe(
      [
        'agent.invoke helper fallbacks=1',
        '  chat gpt-x ! x type=429',
        '  chat gpt-y',
        '    execute_tool echo',
        '    execute_tool echo',
        '  chat gpt-y',
      ].join('\n'),
    );
    const [answered, next] = recorder.named('chat gpt-y');
    expect(answered?.events).toMatchObject([
      {
        name: 'gen_ai.chat.fallback',
        attributes: {
          'faultline.fallback.from': 'gpt-x',
          'faultline.fallback.from_provider': 'openai',
          'faultline.fallback.to': 'gpt-y',
          'faultline.fallback.to_provider': 'openai',
          'faultline.fallback.reason': '429',
        },
      },
    ]);
    expect(next?.events).toEqual([]);
  });

  test('that falls back twice in one turn has both hops, in order', async () => {
    const agent = helper({
      models: [model('a', { error: httpError(500) }), model('b', { error: new TypeError('odd') }), model('c', 'done')],
    });

    await agent.run('go');

    expect(recorder.only('chat c').events.map((event) => event.attributes)).toMatchObject([
      { 'faultline.fallback.from': 'a', 'faultline.fallback.to': 'b', 'faultline.fallback.reason': '500' },
      { 'faultline.fallback.from': 'b', 'faultline.fallback.to': 'c', 'faultline.fallback.reason': 'TypeError' },
    ]);
  });

  test('that retries has one span per attempt, side by side', async () => {
    const time = manualTime();
    const busy = scriptedModel([{ error: httpError(500) }, { error: httpError(500) }], { modelId: 'gpt-x' });
    const agent = createAgentWith(time, { name: 'helper', models: [busy, model('gpt-y', 'done')] });

    const run = agent.run('go');
    time.advance(await time.nextTimer());
    await run;

    expect(recorder.tree('error.type', 'faultline.attempt')).toBe(
      [
        'agent.invoke helper',
        '  chat gpt-x ! x type=500 attempt=1',
        '  chat gpt-x ! x type=500 attempt=2',
        '  chat gpt-y attempt=1',
      ].join('\n'),
    );
  });

  test('that nobody answers has one exception per call, and its own at the root', async () => {
    const agent = helper({
      models: [model('a', { error: httpError(401) }), model('b', { error: httpError(429) }), model('c', { cut: '' })],
    });

    await rejection(agent.run('go'));

    expect(recorder.tree('error.type', 'faultline.failure.point', 'faultline.fallbacks')).toBe(
      [
        'agent.invoke helper ! x type=AllModelsFailedError point=model.fallback_exhausted fallbacks=2',
        '  chat a ! x type=401',
        '  chat b ! x type=429',
        '  chat c ! x type=AI_APICallError',
      ].join('\n'),
    );
  });

  test('whose memory fails goes on without', async () => {
    const broken: MemoryStore = {
      ...inProcessMemory({ id: 'notes' }),
      system: 'sqlite',
      search: () => Promise.reject(Object.assign(new Error('no such table'), { name: 'SqliteError' })),
    };
    const agent = helper({ models: [model('gpt-x', 'done')], memory: broken });

    expect(await agent.run('go')).toMatchObject({ text: 'done', memoryFailed: true });
    expect(recorder.tree('error.type', 'faultline.failure.point', 'faultline.memory_failed')).toBe(
      [
        'agent.invoke helper memory_failed=true',
        '  search_memory notes ! x type=SqliteError point=memory.search',
        '  chat gpt-x',
      ].join('\n'),
    );
    expect(recorder.only('search_memory notes').attributes).toMatchObject({ 'db.system.name': 'sqlite' });
  });

  test('whose memory is too slow goes on without', async () => {
    const time = manualTime();
    const slow: MemoryStore = { ...inProcessMemory({ id: 'notes' }), search: () => new Promise(() => {}) };
    const agent = createAgentWith(time, {
      name: 'helper',
      models: [model('gpt-x', 'done')],
      memory: { store: slow, timeoutMs: 500 },
    });

    const run = agent.run('go');
    time.advance(await time.nextTimer());
    await run;

    expect(recorder.tree('error.type')).toBe(
      ['agent.invoke helper', '  search_memory notes ! x type=MemoryTimeoutError', '  chat gpt-x'].join('\n'),
    );
  });

  test('that remembers something says how much', async () => {
    const memory = inProcessMemory({ id: 'notes' });
    await memory.add({ id: '1', text: 'Ada likes tea' });
    const agent = helper({ models: [model('gpt-x', 'done')], memory });

    await agent.run('tea for Ada?');

    expect(recorder.only('search_memory notes').attributes).toMatchObject({ 'gen_ai.memory.record.count': 1 });
  });

  test('that may show its memory shows the whole records', async () => {
    const memory = inProcessMemory({ id: 'notes' });
    await memory.add({ id: '1', text: 'Ada likes tea', metadata: { from: 'Ada' } });
    const agent = helper({ models: [model('gpt-x', 'done')], memory, captureContent: { memory: true } });

    await agent.run('tea for Ada?');

    const records = String(recorder.only('search_memory notes').attributes['gen_ai.memory.records']);
    expect(JSON.parse(records)).toEqual([
      { id: '1', text: 'Ada likes tea', metadata: { from: 'Ada' }, score: expect.any(Number) },
    ]);
  });

  test('whose stream dies has the broken call beside the one that answered', async () => {
    const agent = helper({ models: [model('gpt-x', { cut: 'Once upon' }), model('gpt-y', 'done')] });

    await agent.stream('go').result;

    expect(recorder.tree('error.type', 'gen_ai.response.finish_reasons', 'gen_ai.request.stream')).toBe(
      [
        'agent.invoke helper',
        '  chat gpt-x ! x type=AI_APICallError finish_reasons=error stream=true',
        '  chat gpt-y finish_reasons=stop stream=true',
      ].join('\n'),
    );
    const broken = recorder.only('chat gpt-x');
    expect(broken.attributes['gen_ai.response.id']).toBe('response-1');
    expect(broken.attributes['gen_ai.response.time_to_first_chunk']).toEqual(expect.any(Number));
  });

  test('that the user aborts is no failure anywhere', async () => {
    const agent = helper({ models: [model('gpt-x', { hang: 'For' })] });
    const run = agent.stream('go');
    for await (const event of run) if (event.type === 'text.delta') run.abort(new Error('stop'));

    await rejection(run.result);

    expect(recorder.tree('faultline.outcome', 'error.type', 'gen_ai.response.finish_reasons')).toBe(
      ['agent.invoke helper outcome=aborted', '  chat gpt-x outcome=aborted type=aborted'].join('\n'),
    );
  });

  describe('that its reader leaves has ended all of its spans when the reader goes on', () => {
    /** An agent that is in the middle of something once the gate is open. */
    type Busy = (started: Gate) => Agent;
    const deaf: Busy = (started) => {
      const execute = (): Promise<never> => {
        started.open();
        return new Promise(() => {});
      };
      const called: ScriptedTurn = { toolCalls: [{ name: 'deaf', input: { text: 'a' } }] };
      return createAgent({ name: 'deepest', models: [model('gpt-x', called)], tools: [{ ...echo('deaf'), execute }] });
    };
    const above = (agent: Agent, name: string): Agent => {
      const tool = agent.asTool();
      const asked: ScriptedTurn = { toolCalls: [{ name: tool.name, input: { task: 'b' } }] };
      return createAgent({ name, models: [model('gpt-x', asked)], tools: [tool] });
    };
    const writing: Busy = (started) => {
      const turn = (): ScriptedTurn => {
        started.open();
        return { hang: 'so' };
      };
      return createAgent({ name: 'deepest', models: [{ model: scriptedModel([turn], { modelId: 'gpt-x' }) }] });
    };

    test.each<[string, Busy]>([
      ['while a model writes', writing],
      ['while a tool runs that does not listen to its signal', deaf],
      ['while a model writes for the sub-agent of a sub-agent', (started) => above(above(writing(started), 'b'), 'a')],
      ['while a tool of the sub-agent of a sub-agent runs', (started) => above(above(deaf(started), 'b'), 'a')],
    ])('%s', async (_when, make) => {
      const started = gate();
      for await (const event of make(started).stream('go')) {
        if (event.type !== 'turn.start') continue;
        await started.opened;
        break;
      }
      const atOnce = recorder.tree('faultline.outcome');
      await settled();

      expect(atOnce).toBe(recorder.tree('faultline.outcome'));
      expect(atOnce).toMatch(/^agent\.invoke (deepest|a) outcome=aborted\n/);
    });
  });

  test('that the user aborts while tools run leaves no tool open', async () => {
    const controller = new AbortController();
    const started = gate();
    const slow = defineTool({
      name: 'echo',
      input: z.object({ text: z.string() }),
      execute: () => {
        started.open();
        return new Promise(() => {});
      },
    });
    const agent = helper({ models: [model('gpt-x', twoCalls)], tools: [slow] });

    const run = agent.run('go', { signal: controller.signal });
    await started.opened;
    controller.abort('stop');

    expect(await rejection(run)).toBe('stop');
    expect(recorder.tree('faultline.outcome')).toBe(
      [
        'agent.invoke helper outcome=aborted',
        '  chat gpt-x',
        '    execute_tool echo outcome=aborted',
        '    execute_tool echo outcome=aborted',
      ].join('\n'),
    );
  });

  test('with a model that is too slow blames the model', async () => {
    const time = manualTime();
    const agent = createAgentWith(time, {
      name: 'helper',
      models: [{ ...model('slow', { hang: '' }), timeoutMs: 100 }, model('quick', 'done')],
    });

    const run = agent.run('go');
    time.advance(await time.nextTimer());
    await run;

    expect(recorder.tree('error.type')).toBe(
      ['agent.invoke helper', '  chat slow ! x type=ModelTimeoutError', '  chat quick'].join('\n'),
    );
  });

  test('that takes too long blames the run, at the model call it was in', async () => {
    const time = manualTime();
    const asked = gate();
    const slow = () => {
      asked.open();
      return { hang: '' };
    };
    const models = [scriptedModel([slow], { modelId: 'slow' })];
    const agent = createAgentWith(time, { name: 'helper', models, timeoutMs: 100 });

    const run = rejection(agent.run('go'));
    await asked.opened;
    time.advance(100);
    await run;

    expect(recorder.tree('error.type', 'faultline.failure.point')).toBe(
      [
        'agent.invoke helper ! type=RunTimeoutError point=conversation.unhandled',
        '  chat slow ! x type=RunTimeoutError',
      ].join('\n'),
    );
  });

  test('that takes too long while tools run does not blame the tools', async () => {
    const time = manualTime();
    const hanging = defineTool({
      name: 'echo',
      input: z.object({ text: z.string() }),
      execute: () => {
        time.advance(100);
        return new Promise(() => {});
      },
    });
    const agent = createAgentWith(time, {
      name: 'helper',
      models: [model('gpt-x', { toolCalls: [{ name: 'echo', input: { text: '' } }] })],
      tools: [hanging],
      timeoutMs: 100,
    });

    await rejection(agent.run('go'));

    expect(recorder.tree('error.type', 'faultline.outcome')).toBe(
      ['agent.invoke helper ! x type=RunTimeoutError', '  chat gpt-x', '    execute_tool echo outcome=aborted'].join(
        '\n',
      ),
    );
  });

  test('that never comes to an answer says so', async () => {
    const agent = helper({ models: [model('gpt-x', twoCalls, twoCalls)], tools: [echo()], maxTurns: 2 });

    await rejection(agent.run('go'));

    expect(recorder.tree('error.type', 'faultline.failure.point')).toBe(
      [
        'agent.invoke helper ! x type=MaxTurnsError point=conversation.unhandled',
        '  chat gpt-x',
        '    execute_tool echo',
        '    execute_tool echo',
        '  chat gpt-x',
      ].join('\n'),
    );
  });

  test('that asks a sub-agent has its run below the tool call', async () => {
    const researcher = createAgent({ name: 'researcher', models: [model('gpt-y', 'found it')] });
    const agent = helper({
      models: [model('gpt-x', { toolCalls: [{ name: 'ask_researcher', input: { task: 'find' } }] }, 'done')],
      tools: [researcher.asTool()],
    });

    const result = await agent.run('go', { conversationId: 'c-1' });

    expect(
      recorder.tree(
        'gen_ai.agent.name',
        'gen_ai.conversation.id',
        'faultline.depth',
        'gen_ai.transfer.target.name',
        'gen_ai.transfer.mode',
      ),
    ).toBe(
      [
        'agent.invoke helper name=helper id=c-1 depth=0',
        '  chat gpt-x name=helper id=c-1 depth=0',
        '    execute_tool ask_researcher name=helper id=c-1 depth=0 name=researcher mode=return_to_caller',
        '      agent.invoke researcher name=researcher id=c-1 depth=1',
        '        chat gpt-y name=researcher id=c-1 depth=1',
        '  chat gpt-x name=helper id=c-1 depth=0',
      ].join('\n'),
    );
    const runs = new Set(recorder.spans().map((span) => span.attributes['faultline.run.id']));
    expect([...runs]).toEqual([result.runId]);
  });

  test('whose delivery fails has failed, whatever the model said', async () => {
    const agent = helper({ models: [model('gpt-x', 'done')] });
    const deliver = () => Promise.reject(new TypeError('the channel is gone'));

    await rejection(agent.run('go', { deliver }));

    expect(recorder.tree('error.type', 'faultline.failure.point')).toBe(
      ['agent.invoke helper ! x type=TypeError point=conversation.unhandled', '  chat gpt-x'].join('\n'),
    );
  });

  test('whose history cannot be loaded has failed before a model was asked', async () => {
    const agent = helper({ models: [model('gpt-x', 'done')] });
    const history = () => Promise.reject(new TypeError('no database'));

    await rejection(agent.run('go', { history }));

    expect(recorder.tree('error.type')).toBe('agent.invoke helper ! x type=TypeError');
  });
});

describe('the attributes of a run', () => {
  test('name model, provider, server, request, answer and usage of a call', async () => {
    const provider = await startStubProvider({
      'gpt-x': [
        { type: 'text', text: 'Fine.', responseModel: 'gpt-x-2026-01-01', usage: { inputTokens: 7, outputTokens: 3 } },
      ],
    });
    const connect = createOpenAICompatible({
      name: 'openai',
      baseURL: provider.baseUrl,
      apiKey: 'k',
      includeUsage: true,
    });
    const agent = helper({
      models: [{ model: connect('gpt-x'), settings: { temperature: 0.2, topP: 0.9, maxOutputTokens: 50 } }],
    });

    await agent.stream('go').result;
    await provider.close();

    expect(recorder.only('chat gpt-x').attributes).toMatchObject({
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-x',
      'gen_ai.request.stream': true,
      'gen_ai.request.temperature': 0.2,
      'gen_ai.request.top_p': 0.9,
      'gen_ai.request.max_tokens': 50,
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.model': 'gpt-x-2026-01-01',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 7,
      'gen_ai.usage.output_tokens': 3,
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(provider.origin).port),
      'faultline.attempt': 1,
    });
  });

  /** What a model answered, in one piece or as the end of a stream. */
  function answering(provider: string, modelId: string, answer: object): ModelEntry {
    const end = { type: 'finish', ...answer };
    return {
      maxRetries: 0,
      model: {
        specificationVersion: 'v2',
        provider,
        modelId,
        doGenerate: async () => ({ content: [], response: { id: 'r_1' }, ...answer }),
        doStream: async () => ({ stream: ReadableStream.from([{ type: 'response-metadata', id: 'r_1' }, end]) }),
      },
    };
  }

  const v2OfAnthropic = {
    finishReason: 'stop',
    usage: { inputTokens: 50, outputTokens: 30, totalTokens: 80, cachedInputTokens: 2000 },
    providerMetadata: {
      anthropic: {
        usage: {
          input_tokens: 50,
          output_tokens: 30,
          cache_creation_input_tokens: 1000,
          cache_read_input_tokens: 2000,
          cache_creation: { ephemeral_5m_input_tokens: 400, ephemeral_1h_input_tokens: 600 },
        },
        cacheCreationInputTokens: 1000,
      },
    },
  };
  const v2OfBedrock = {
    finishReason: 'stop',
    usage: { inputTokens: 50, outputTokens: 30, totalTokens: 80, cachedInputTokens: 2000 },
    providerMetadata: { bedrock: { usage: { cacheWriteInputTokens: 1000 } } },
  };
  const ofAnthropic = (50 * 3 + 2000 * 0.3 + 400 * 3.75 + 600 * 6 + 30 * 15) / 1e6;
  // The price list has no price of an hour there.
  const ofVertex = (50 * 3 + 2000 * 0.3 + 1000 * 3.75 + 30 * 15) / 1e6;
  const ofBedrock = (50 * 3.3 + 2000 * 0.33 + 1000 * 4.125 + 30 * 16.5) / 1e6;
  test.each([
    ['Anthropic', 'anthropic.messages', 'claude-sonnet-4-5-20250929', v2OfAnthropic, ofAnthropic],
    ['Anthropic at Vertex AI', 'vertex.anthropic.messages', 'claude-sonnet-4-5@20250929', v2OfAnthropic, ofVertex],
    ['Bedrock', 'amazon-bedrock', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', v2OfBedrock, ofBedrock],
  ])('have what a model of the specification V2 of %s wrote to its cache', async (_name, provider, id, answer, usd) => {
    const telemetry = activate({ price: createPricing() });
    onTestFinished(telemetry);
    const agent = helper({ models: [answering(provider, id, answer)] });

    for (const stream of [false, true]) {
      const { usage } = await agent.run('go', { stream });
      expect(usage).toEqual({ inputTokens: 3050, outputTokens: 30, cacheReadTokens: 2000, cacheWriteTokens: 1000 });
    }

    for (const { attributes } of recorder.named(`chat ${id}`)) {
      expect(attributes).toMatchObject({
        'gen_ai.usage.input_tokens': 3050,
        'gen_ai.usage.cache_read.input_tokens': 2000,
        'gen_ai.usage.cache_write.input_tokens': 1000,
        'gen_ai.cost.total_tokens': expect.closeTo(usd, 12),
      });
    }
  });

  test("have what one of Google's models thought where a gateway names it in the total alone", async () => {
    const usage = {
      inputTokens: { total: 100, noCache: 100 },
      outputTokens: { total: 18, text: 18 },
      raw: { prompt_tokens: 100, completion_tokens: 18, total_tokens: 130 },
    };
    const answer = { content: [{ type: 'text', text: 'done' }], finishReason: 'stop', usage };
    const agent = helper({ models: [answering('my-gateway.chat', 'gemini-2.5-flash', answer)] });

    const counted = { inputTokens: 100, outputTokens: 30, reasoningTokens: 12 };
    expect((await agent.run('go')).usage).toEqual(counted);

    expect(recorder.only('chat gemini-2.5-flash').attributes).toMatchObject({
      'gen_ai.usage.output_tokens': 30,
      'gen_ai.usage.reasoning.output_tokens': 12,
    });
  });

  test.each([false, true])('have what an answer used that ended with an error (stream: %s)', async (stream) => {
    const usage = { inputTokens: 100, outputTokens: 18, totalTokens: 118 };
    const agent = helper({
      models: [answering('google.generative-ai', 'g', { finishReason: 'error', usage }), model('gpt-x', 'done')],
    });

    await agent.run('go', { stream });

    expect(recorder.only('chat g').attributes).toMatchObject({
      'gen_ai.response.id': 'r_1',
      'gen_ai.response.finish_reasons': ['error'],
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 18,
      'error.type': 'ModelResponseError',
    });
    const { attributes } = recorder.only('agent.invoke helper');
    const answered = recorder.only('chat gpt-x').attributes['gen_ai.usage.input_tokens'];
    expect(attributes['faultline.usage.input_tokens']).toBe(100 + Number(answered));
  });

  test('name the tool, its call and the size of what it returned', async () => {
    const agent = helper({
      models: [model('gpt-x', { toolCalls: [{ id: 'call_7', name: 'echo', input: { text: 'ü' } }] }, 'done')],
      tools: [echo()],
    });

    await agent.run('go');

    expect(recorder.only('execute_tool echo').attributes).toMatchObject({
      'gen_ai.tool.name': 'echo',
      'gen_ai.tool.type': 'function',
      'gen_ai.tool.description': 'Says it again',
      'gen_ai.tool.call.id': 'call_7',
      'gen_ai.tool.call.result.size': Buffer.byteLength('echo: ü'),
    });
  });

  test('hold no word of what was said', async () => {
    const memory = inProcessMemory();
    await memory.add({ id: '1', text: 'tell SECRET' });
    const agent = helper({
      instructions: 'SECRET',
      memory,
      models: [model('gpt-x', { text: 'SECRET', toolCalls: [{ name: 'echo', input: { text: 'SECRET' } }] }, 'SECRET')],
      tools: [echo()],
    });

    await agent.run('tell SECRET');

    const everything = recorder.spans().map(({ name, attributes, events }) => ({ name, attributes, events }));
    expect(JSON.stringify(everything)).not.toContain('SECRET');
  });

  test('come from the surrounding run context and from the options', async () => {
    const agent = helper({ models: [model('gpt-x', 'one', 'two')] });

    await withRunContext({ transport: 'slack', conversationId: 'c-1' }, () => agent.run('go', { user: { id: 'u-1' } }));

    for (const name of ['agent.invoke helper', 'chat gpt-x']) {
      expect(recorder.only(name).attributes).toMatchObject({
        'faultline.transport': 'slack',
        'gen_ai.conversation.id': 'c-1',
        'user.id': 'u-1',
      });
    }
  });

  test('are the same run and trace the result and the events speak of', async () => {
    const agent = helper({ models: [model('gpt-x', 'done')] });
    const run = agent.stream('go');
    const [start] = await collect(run);
    const result = await run.result;

    const root = recorder.only('agent.invoke helper');
    expect(result).toMatchObject({
      traceId: root.spanContext().traceId,
      runId: root.attributes['faultline.run.id'],
    });
    expect(start).toMatchObject({
      type: 'run.start',
      runId: result.runId,
      spanContext: { spanId: root.spanContext().spanId },
    });
  });
});

test('concurrent runs of one agent keep their spans apart', async () => {
  const second = gate();
  const slow = scriptedModel([
    async () => {
      await second.opened;
      return 'first';
    },
    () => {
      second.open();
      return 'second';
    },
  ]);
  const agent = helper({ models: [slow] });

  await Promise.all([agent.run('a', { conversationId: 'a' }), agent.run('b', { conversationId: 'b' })]);

  const chats = recorder.named('chat scripted-model');
  const roots = recorder.named('agent.invoke helper');
  for (const chat of chats) {
    const root = roots.find((span) => span.spanContext().spanId === chat.parentSpanContext?.spanId);
    expect(root?.attributes['gen_ai.conversation.id']).toBe(chat.attributes['gen_ai.conversation.id']);
  }
  expect(new Set(roots.map((root) => root.spanContext().traceId)).size).toBe(2);
});

test('the span of a tool is active while the tool runs', async () => {
  let active: string | undefined;
  const look = defineTool({
    name: 'look',
    input: z.object({}),
    execute: () => {
      active = trace.getActiveSpan()?.spanContext().spanId;
      return 'seen';
    },
  });
  const agent = helper({
    models: [model('gpt-x', { toolCalls: [{ name: 'look', input: {} }] }, 'done')],
    tools: [look],
  });

  await agent.run('go');

  const span = recorder.only('execute_tool look');
  expect(active).toBe(span.spanContext().spanId);
  expect(span.status.code).toBe(SpanStatusCode.UNSET);
});
