import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { context, propagation, SpanKind, trace, type Attributes, type Span } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { setupTracing, type Tracing } from '../../../src/telemetry/setup.ts';
import { traceAgent, traceChat, traceTool } from '../../../src/telemetry/spans.ts';
import { startFakeSentry, type FakeSentry, type StoredSpan } from '../../../src/testing/fake-sentry.ts';

let sentry: FakeSentry;
let tracing: Tracing;
beforeEach(async () => {
  sentry = await startFakeSentry();
  tracing = setupTracing({ env: {}, dsn: sentry.dsn, onDiagnostic: () => {} });
});
afterEach(async () => {
  await tracing.shutdown(1000);
  trace.disable();
  context.disable();
  propagation.disable();
  await sentry.close();
});

interface Written {
  readonly name: string;
  readonly attributes: Attributes;
  readonly kind?: SpanKind;
}

/** The spans of an instrumentation as Sentry stores them, in their order. */
async function stored(...spans: readonly Written[]): Promise<readonly StoredSpan[]> {
  const tracer = trace.getTracer('somebody-else');
  for (const { name, ...options } of spans) tracer.startSpan(name, options).end();
  await tracing.flush();
  return sentry.stored;
}

/** One span, by its attributes. */
async function storedOne(attributes: Attributes, name = 'their span'): Promise<StoredSpan> {
  const [only] = await stored({ name, attributes });
  return only!;
}

function counted(spans: readonly StoredSpan[]): readonly unknown[] {
  return spans.map(({ name, op, operationType }) => [name, op, operationType]);
}

/** The attributes with these beginnings. */
function only(span: StoredSpan, ...prefixes: readonly string[]): Record<string, unknown> {
  const kept = Object.entries(span.attributes).filter(([key]) => prefixes.some((prefix) => key.startsWith(prefix)));
  return Object.fromEntries(kept);
}

/** Every token on a span, whatever it is: what a dashboard sums that looks at all spans. */
function tokens(spans: readonly StoredSpan[]): readonly [input: number, output: number] {
  const sum = (key: string): number => spans.reduce((total, span) => total + Number(span.attributes[key] ?? 0), 0);
  return [sum('gen_ai.usage.input_tokens'), sum('gen_ai.usage.output_tokens')];
}

/** As `ai` 6.0 writes a `generateText` with one tool call, `functionId` being `my-fn`. */
const AI_SDK_COMMON = {
  'resource.name': 'my-fn',
  'ai.telemetry.functionId': 'my-fn',
  'ai.telemetry.metadata.userId': 'u1',
};
const AI_SDK_MODEL = { 'ai.model.provider': 'openai.chat', 'ai.model.id': 'gpt-5-mini', 'ai.settings.maxRetries': 2 };
const AI_SDK_CALL = {
  ...AI_SDK_COMMON,
  ...AI_SDK_MODEL,
  'operation.name': 'ai.generateText.doGenerate my-fn',
  'ai.operationId': 'ai.generateText.doGenerate',
  'gen_ai.system': 'openai.chat',
  'gen_ai.request.model': 'gpt-5-mini',
  'ai.response.finishReason': 'stop',
  'ai.response.id': 'chatcmpl-1',
  'ai.response.model': 'gpt-5-mini-2025',
  'ai.usage.inputTokens': 11,
  'ai.usage.inputTokenDetails.noCacheTokens': 8,
  'ai.usage.inputTokenDetails.cacheReadTokens': 3,
  'ai.usage.outputTokens': 5,
  'ai.usage.outputTokenDetails.textTokens': 3,
  'ai.usage.outputTokenDetails.reasoningTokens': 2,
  'ai.usage.totalTokens': 16,
  'ai.usage.reasoningTokens': 2,
  'ai.usage.cachedInputTokens': 3,
  'gen_ai.response.finish_reasons': ['stop'],
  'gen_ai.response.id': 'chatcmpl-1',
  'gen_ai.response.model': 'gpt-5-mini-2025',
  'gen_ai.usage.input_tokens': 11,
  'gen_ai.usage.output_tokens': 5,
};
const AI_SDK_RUN = {
  ...AI_SDK_COMMON,
  ...AI_SDK_MODEL,
  'operation.name': 'ai.generateText my-fn',
  'ai.operationId': 'ai.generateText',
  'ai.response.finishReason': 'stop',
  'ai.usage.inputTokens': 22,
  'ai.usage.inputTokenDetails.cacheReadTokens': 6,
  'ai.usage.outputTokens': 10,
  'ai.usage.outputTokenDetails.reasoningTokens': 4,
  'ai.usage.totalTokens': 32,
};
const AI_SDK_TOOL = {
  ...AI_SDK_COMMON,
  'operation.name': 'ai.toolCall my-fn',
  'ai.operationId': 'ai.toolCall',
  'ai.toolCall.name': 'weather',
  'ai.toolCall.id': 'call_1',
};

describe('a span of another instrumentation in which the same is told once more', () => {
  it('is no second call of a tool where ours has its name, and one where ours is another', async () => {
    const tracer = trace.getTracer('ai');
    tracer.startActiveSpan('ai.toolCall', { attributes: AI_SDK_TOOL }, (tool) => {
      traceTool({ name: 'weather' }, () => {});
      tool.end();
    });
    tracer.startActiveSpan('ai.toolCall', { attributes: AI_SDK_TOOL }, (tool) => {
      traceTool({ name: 'get_place' }, () => {});
      tool.end();
    });
    await tracing.flush();
    expect(counted(sentry.stored)).toEqual([
      ['execute_tool weather', 'gen_ai.execute_tool', 'tool'],
      ['execute_tool get_place', 'gen_ai.execute_tool', 'tool'],
      ['ai.toolCall', 'function', undefined],
      ['ai.toolCall', 'gen_ai.execute_tool', 'tool'],
    ]);
  });

  it.each([
    ['embedding', 'embeddings'],
    ['decision', 'decide'],
  ])('is no second %s, as the AI SDK 7 has it around its call', async (_what, operation) => {
    const attributes = {
      'gen_ai.operation.name': operation,
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'm-1',
    };
    const tracer = trace.getTracer('gen_ai');
    tracer.startActiveSpan(`${operation} m-1`, { attributes }, (around) => {
      const call = tracer.startSpan(`${operation} m-1`, { attributes });
      call.setAttribute('gen_ai.usage.input_tokens', 5);
      call.end();
      around.end();
    });
    await tracing.flush();
    expect(counted(sentry.stored)).toEqual([
      [`${operation} m-1`, `gen_ai.${operation}`, 'ai_client'],
      [`${operation} m-1`, 'function', undefined],
    ]);
    expect(tokens(sentry.stored)).toEqual([5, 0]);
  });

  it('is an agent of its own where it is one, directly in the one that hands over to it', async () => {
    const tracer = trace.getTracer('gen_ai');
    const attributes = { 'gen_ai.operation.name': 'invoke_agent' };
    tracer.startActiveSpan('invoke_agent host', { attributes }, (host) => {
      tracer.startSpan('invoke_agent guest', { attributes }).end();
      host.end();
    });
    await tracing.flush();
    expect(counted(sentry.stored)).toEqual([
      ['invoke_agent guest', 'gen_ai.invoke_agent', 'agent'],
      ['invoke_agent host', 'gen_ai.invoke_agent', 'agent'],
    ]);
  });
});

describe('model calls of others in each other', () => {
  const llm = { 'openinference.span.kind': 'LLM', 'llm.model_name': 'claude-sonnet-4-5' };
  const chat = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'claude-sonnet-4-5' };
  const llmUsage = { 'llm.token_count.prompt': 100, 'llm.token_count.completion': 30 };
  const chatUsage = { 'gen_ai.usage.input_tokens': 100, 'gen_ai.usage.output_tokens': 30 };

  it.each<[string, Attributes, Attributes, string]>([
    ['both say it', llmUsage, chatUsage, 'inner'],
    ['both say it, and the outer one ends first', llmUsage, chatUsage, 'outer'],
    ['the inner one says it alone', {}, chatUsage, 'inner'],
    ['the outer one says it alone', llmUsage, {}, 'outer'],
    ['the outer one says it alone, and ends first', llmUsage, {}, 'outer'],
  ])('are one call, that which says what it used, where %s', async (name, ofOuter, ofInner, counts) => {
    const instrumentation = trace.getTracer('@arizeai/openinference-instrumentation-anthropic');
    instrumentation.startActiveSpan('outer', { attributes: llm }, (outer) => {
      const inner = trace.getTracer('@anthropic-ai/sdk').startSpan('inner', { attributes: chat });
      outer.setAttributes(ofOuter);
      inner.setAttributes(ofInner);
      if (name.endsWith('first')) outer.end();
      inner.end();
      outer.end();
    });
    await tracing.flush();

    const calls = sentry.stored.filter(({ operationType }) => operationType === 'ai_client');
    expect(calls.map(({ name }) => name)).toEqual([counts]);
    expect(tokens(sentry.stored)).toEqual([100, 30]);
  });

  it('are one call also where the outer one is active in a wrapper, as those of OpenInference are', async () => {
    const outer = trace.getTracer('somebody-else').startSpan('outer', { attributes: llm });
    const wrapper = { span: outer, spanContext: () => outer.spanContext() } as unknown as Span;
    const inside = trace.setSpan(context.active(), wrapper);
    const inner = trace.getTracer('@anthropic-ai/sdk').startSpan('inner', { attributes: chat }, inside);
    inner.setAttributes(chatUsage).end();
    outer.setAttributes(llmUsage).end();
    await tracing.flush();

    expect(tokens(sentry.stored)).toEqual([100, 30]);
  });

  it('are calls of their own where one begins once the other has ended', async () => {
    const tracer = trace.getTracer('somebody-else');
    tracer.startActiveSpan('first', { attributes: { ...chat, ...chatUsage } }, (first) => {
      first.end();
      tracer.startSpan('second', { attributes: { ...chat, ...chatUsage } }).end();
    });
    await tracing.flush();

    expect(tokens(sentry.stored)).toEqual([200, 60]);
  });

  it.each<[string, Attributes, Attributes]>([
    ['all of them say it', llmUsage, llmUsage],
    ['the outermost and the innermost say it', llmUsage, {}],
    ['the innermost says it alone', {}, {}],
  ])('are one call also where there are three of them, and %s', async (_which, ofOuter, ofMiddle) => {
    const tracer = trace.getTracer('somebody-else');
    tracer.startActiveSpan('outer', { attributes: llm }, (outer) => {
      tracer.startActiveSpan('middle', { attributes: llm }, (middle) => {
        tracer.startSpan('inner', { attributes: { ...chat, ...chatUsage } }).end();
        middle.setAttributes(ofMiddle).end();
      });
      outer.setAttributes(ofOuter).end();
    });
    await tracing.flush();

    const calls = sentry.stored.filter(({ operationType }) => operationType === 'ai_client');
    expect(calls.map(({ name }) => name)).toEqual(['inner']);
    expect(tokens(sentry.stored)).toEqual([100, 30]);
  });

  it.each<[string, Attributes]>([
    ['one of them is an embedding', { 'gen_ai.operation.name': 'embeddings' }],
    ['they are of two models', { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'claude-haiku-4-5' }],
    ['they are of two models, in other words', { 'openinference.span.kind': 'LLM', 'llm.model_name': 'gpt-5-mini' }],
  ])('are calls of their own where %s', async (_which, ofInner) => {
    const tracer = trace.getTracer('somebody-else');
    tracer.startActiveSpan('outer', { attributes: chat }, (outer) => {
      tracer.startSpan('inner', { attributes: { ...ofInner, 'gen_ai.usage.input_tokens': 7 } }).end();
      outer.setAttributes(chatUsage).end();
    });
    await tracing.flush();

    const calls = sentry.stored.filter(({ operationType }) => operationType === 'ai_client');
    expect(calls.map(({ name }) => name)).toEqual(['inner', 'outer']);
    expect(tokens(sentry.stored)).toEqual([107, 30]);
  });

  it.each<[string, string]>([
    ['who serves it', 'anthropic/claude-sonnet-4-5'],
    ['which version of it answered', 'claude-sonnet-4-5-20250929'],
    ['that it is the latest', 'claude-sonnet-4-5-latest'],
  ])('are one call where one of them says of the model %s as well', async (_what, model) => {
    const tracer = trace.getTracer('somebody-else');
    tracer.startActiveSpan('outer', { attributes: chat }, (outer) => {
      tracer.startSpan('inner', { attributes: { ...llm, 'llm.model_name': model, ...llmUsage } }).end();
      outer.setAttributes(chatUsage).end();
    });
    await tracing.flush();

    expect(tokens(sentry.stored)).toEqual([100, 30]);
  });

  it('are calls of their own where one begins once the other has said what it used', async () => {
    const tracer = trace.getTracer('somebody-else');
    tracer.startActiveSpan('outer', { attributes: chat }, (outer) => {
      outer.setAttributes(chatUsage);
      tracer.startSpan('inner', { attributes: { ...chat, ...chatUsage } }).end();
      outer.end();
    });
    await tracing.flush();

    expect(tokens(sentry.stored)).toEqual([200, 60]);
  });

  it('are calls of their own where the outer one has ended and told of another one in it', async () => {
    const tracer = trace.getTracer('somebody-else');
    tracer.startActiveSpan('outer', { attributes: chat }, (outer) => {
      const first = tracer.startSpan('first', { attributes: chat });
      const second = tracer.startSpan('second', { attributes: chat });
      first.setAttributes(chatUsage).end();
      outer.setAttributes({ 'gen_ai.usage.input_tokens': 200, 'gen_ai.usage.output_tokens': 60 }).end();
      second.setAttributes(chatUsage).end();
    });
    await tracing.flush();

    expect(tokens(sentry.stored)).toEqual([200, 60]);
  });

  it('are one failed call where neither says what it used, and the outer one ends first', async () => {
    const tracer = trace.getTracer('somebody-else');
    tracer.startActiveSpan('outer', { attributes: llm }, (outer) => {
      const inner = tracer.startSpan('inner', { attributes: chat });
      outer.end();
      inner.end();
    });
    await tracing.flush();

    const calls = sentry.stored.filter(({ operationType }) => operationType === 'ai_client');
    expect(calls.map(({ name }) => name)).toEqual(['outer']);
  });

  it('are held by nothing once they have ended, also where each begins before the last one ends', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const tracer = trace.getTracer('somebody-else');
    const begin = (outer?: Span): Span => {
      const span = tracer.startSpan('poll', {}, outer && trace.setSpan(context.active(), outer));
      outer?.end();
      return span;
    };
    const first = new WeakRef(begin());
    let last = begin(first.deref());
    for (let number = 0; number < 10; number += 1) last = begin(last);
    await tracing.flush();
    for (let turns = 0; turns < 100 && first.deref() !== undefined; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
    }
    expect(first.deref()).toBeUndefined();
    last.end();
  });

  it('are calls of their own where a tool or an agent is between them', async () => {
    const tracer = trace.getTracer('somebody-else');
    tracer.startActiveSpan('outer', { attributes: { ...chat, ...chatUsage } }, (outer) => {
      tracer.startActiveSpan('tool', { attributes: { 'gen_ai.operation.name': 'execute_tool' } }, (tool) => {
        tracer.startSpan('inner', { attributes: { ...chat, ...chatUsage } }).end();
        tool.end();
      });
      outer.end();
    });
    await tracing.flush();

    expect(tokens(sentry.stored)).toEqual([200, 60]);
  });
});

describe('spans inside of a model call of ours', () => {
  /** As the AI SDK nests them: a run, a call and a tool in it. */
  function generateText(): void {
    const tracer = trace.getTracer('ai');
    tracer.startActiveSpan('ai.generateText', { attributes: AI_SDK_RUN }, (run) => {
      tracer.startSpan('ai.generateText.doGenerate', { attributes: AI_SDK_CALL }).end();
      tracer.startSpan('ai.toolCall', { attributes: AI_SDK_TOOL }).end();
      run.end();
    });
  }

  it('are that call, which is counted once, and its tools', async () => {
    traceAgent({ name: 'helper' }, () => {
      traceChat({ model: 'gpt-5-mini', provider: 'openai' }, ({ record }) => {
        generateText();
        record({ usage: { inputTokens: 22, outputTokens: 10 } });
      });
      // Beside a call of ours they are what they are.
      trace.getTracer('ai').startSpan('ai.generateText.doGenerate', { attributes: AI_SDK_CALL }).end();
    });
    await tracing.flush();
    expect(counted(sentry.stored)).toEqual([
      ['ai.generateText.doGenerate', 'function', undefined],
      ['ai.toolCall', 'gen_ai.execute_tool', 'tool'],
      ['ai.generateText', 'function', undefined],
      ['ai.generateText.doGenerate', 'gen_ai.chat', 'ai_client'],
      ['chat gpt-5-mini', 'gen_ai.chat', 'ai_client'],
      ['agent.invoke helper', 'gen_ai.invoke_agent', 'agent'],
    ]);
    expect(tokens(sentry.stored)).toEqual([33, 15]);
  });

  it('are none of it where a tool of ours begins', async () => {
    traceAgent({ name: 'helper' }, () => {
      traceChat({ model: 'gpt-5-mini', provider: 'openai' }, () => traceTool({ name: 'ask' }, generateText));
    });
    await tracing.flush();
    expect(counted(sentry.stored).slice(0, 3)).toEqual([
      ['ai.generateText.doGenerate', 'gen_ai.chat', 'ai_client'],
      ['ai.toolCall', 'gen_ai.execute_tool', 'tool'],
      ['ai.generateText', 'gen_ai.invoke_agent', 'agent'],
    ]);
  });

  it.each<Attributes>([
    { 'ai.operationId': 'ai.toolCall' },
    { 'gen_ai.operation.name': 'execute_tool' },
    { 'openinference.span.kind': 'TOOL' },
    { 'langfuse.observation.type': 'tool' },
    { 'traceloop.span.kind': 'tool' },
  ])('are none of it where a tool of theirs begins: %o', async (attributes) => {
    const tracer = trace.getTracer('ai');
    traceChat({ model: 'gpt-5-mini', provider: 'openai' }, ({ record }) => {
      tracer.startActiveSpan('run', { attributes: AI_SDK_RUN }, (run) => {
        tracer.startActiveSpan('tool', { attributes }, (tool) => {
          generateText();
          tool.end();
        });
        run.end();
      });
      record({ usage: { inputTokens: 100, outputTokens: 50 } });
    });
    await tracing.flush();
    expect(counted(sentry.stored)).toEqual([
      ['ai.generateText.doGenerate', 'gen_ai.chat', 'ai_client'],
      ['ai.toolCall', 'gen_ai.execute_tool', 'tool'],
      ['ai.generateText', 'gen_ai.invoke_agent', 'agent'],
      ['tool', 'gen_ai.execute_tool', 'tool'],
      ['run', 'function', undefined],
      ['chat gpt-5-mini', 'gen_ai.chat', 'ai_client'],
    ]);
    expect(tokens(sentry.stored)).toEqual([111, 55]);
  });

  it('whose instrumentation follows the conventions are counted once as well', async () => {
    traceChat({ model: 'gpt-5-mini', provider: 'openai' }, () => {
      const attributes = {
        'gen_ai.operation.name': 'chat',
        'sentry.op': 'gen_ai.chat',
        'gen_ai.usage.input_tokens': 7,
      };
      trace.getTracer('theirs').startSpan('chat gpt-5-mini', { attributes }).end();
    });
    await tracing.flush();
    expect(counted(sentry.stored)).toEqual([
      ['chat gpt-5-mini', 'function', undefined],
      ['chat gpt-5-mini', 'gen_ai.chat', 'ai_client'],
    ]);
    expect(tokens(sentry.stored)).toEqual([0, 0]);
  });

  it('have none of its tokens also where they name no operation', async () => {
    const attributes = {
      'gen_ai.system': 'gcp.vertex.agent',
      'gen_ai.request.model': 'g',
      'gen_ai.usage.input_tokens': 7,
      'gen_ai.usage.output_tokens': 1,
    };
    const callModel = (): void => trace.getTracer('gcp.vertex.agent').startSpan('call_llm', { attributes }).end();
    traceChat({ model: 'g', provider: 'gcp.vertex_ai' }, ({ record }) => {
      callModel();
      record({ usage: { inputTokens: 7, outputTokens: 1 } });
    });
    callModel();
    await tracing.flush();
    // Beside it, nobody else has them.
    expect(sentry.stored.map((span) => tokens([span]))).toEqual([
      [0, 0],
      [7, 1],
      [7, 1],
    ]);
    expect(only(sentry.stored[0]!, 'faultline.usage')).toEqual({
      'faultline.usage.input_tokens': 7,
      'faultline.usage.output_tokens': 1,
    });
  });
});

describe('spans inside of a run of ours', () => {
  const theirs = (name: string, attributes: Attributes): void => {
    trace.getTracer('somebody-else').startSpan(name, { attributes }).end();
  };
  const run = { name: 'helper', conversationId: 'c-1', runId: 'r-1' };

  it('are of its conversation, and model calls and tools of its agent', async () => {
    traceAgent(run, () => {
      theirs('generate', { 'ai.operationId': 'ai.generateText' });
      theirs('call', { 'ai.operationId': 'ai.generateText.doGenerate' });
      const tool = trace.getTracer('somebody-else').startSpan('tool');
      tool.setAttributes({ 'openinference.span.kind': 'TOOL', 'tool.name': 'get_weather' }).end();
    });
    theirs('later', { 'gen_ai.operation.name': 'chat' });
    await tracing.flush();

    const names = sentry.stored.map((span) => [span.name, only(span, 'gen_ai.agent', 'gen_ai.conv', 'faultline.run')]);
    const ofRun = { 'gen_ai.conversation.id': 'c-1', 'faultline.run.id': 'r-1' };
    expect(Object.fromEntries(names)).toEqual({
      'agent.invoke helper': { ...ofRun, 'gen_ai.agent.name': 'helper' },
      generate: ofRun,
      call: { ...ofRun, 'gen_ai.agent.name': 'helper' },
      tool: { ...ofRun, 'gen_ai.agent.name': 'helper' },
      later: {},
    });
  });

  it('keep the names they have, and have none where they are nothing of a model', async () => {
    traceAgent(run, () => {
      theirs('call', { 'ai.operationId': 'ai.generateText.doGenerate', 'ai.telemetry.functionId': 'my-fn' });
      theirs('llm', { 'openinference.span.kind': 'LLM', 'session.id': 'th1' });
      theirs('GET', { 'http.request.method': 'GET' });
      theirs('step', { 'openinference.span.kind': 'CHAIN' });
    });
    await tracing.flush();

    const names = sentry.stored.map((span) => [span.name, only(span, 'gen_ai.agent', 'gen_ai.conv', 'faultline.run')]);
    expect(Object.fromEntries(names)).toEqual({
      'agent.invoke helper': expect.anything(),
      call: { 'gen_ai.agent.name': 'my-fn', 'gen_ai.conversation.id': 'c-1', 'faultline.run.id': 'r-1' },
      llm: { 'gen_ai.agent.name': 'helper', 'gen_ai.conversation.id': 'th1', 'faultline.run.id': 'r-1' },
      GET: {},
      step: {},
    });
  });
});

describe('spans of the AI SDK', () => {
  it('are an agent, its model calls and its tools, with every token once', async () => {
    const spans = await stored(
      { name: 'ai.generateText.doGenerate', attributes: AI_SDK_CALL },
      { name: 'ai.toolCall', attributes: AI_SDK_TOOL },
      { name: 'ai.generateText.doGenerate', attributes: AI_SDK_CALL },
      { name: 'ai.generateText', attributes: AI_SDK_RUN },
    );
    expect(counted(spans)).toEqual([
      ['ai.generateText.doGenerate', 'gen_ai.chat', 'ai_client'],
      ['ai.toolCall', 'gen_ai.execute_tool', 'tool'],
      ['ai.generateText.doGenerate', 'gen_ai.chat', 'ai_client'],
      ['ai.generateText', 'gen_ai.invoke_agent', 'agent'],
    ]);
    expect(tokens(spans)).toEqual([22, 10]);
    expect(only(spans[0]!, 'gen_ai.')).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.operation.type': 'ai_client',
      'gen_ai.system': 'openai.chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.agent.name': 'my-fn',
      'gen_ai.request.model': 'gpt-5-mini',
      'gen_ai.response.model': 'gpt-5-mini-2025',
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.finish_reasons': '["stop"]',
      'gen_ai.usage.input_tokens': 11,
      'gen_ai.usage.output_tokens': 5,
      'gen_ai.usage.cache_read.input_tokens': 3,
      'gen_ai.usage.reasoning.output_tokens': 2,
    });
    expect(only(spans[1]!, 'gen_ai.tool', 'gen_ai.agent')).toEqual({
      'gen_ai.tool.name': 'weather',
      'gen_ai.tool.call.id': 'call_1',
      'gen_ai.agent.name': 'my-fn',
    });
    expect(only(spans[3]!, 'gen_ai.')).toEqual({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.operation.type': 'agent',
      'gen_ai.provider.name': 'openai',
      'gen_ai.agent.name': 'my-fn',
      'gen_ai.request.model': 'gpt-5-mini',
    });
  });

  it.each(['ai.response.msToFirstChunk', 'ai.stream.msToFirstChunk'])(
    'say how soon a streamed answer began, in seconds: %s',
    async (name) => {
      const span = await storedOne({
        ...AI_SDK_CALL,
        'ai.operationId': 'ai.streamText.doStream',
        [name]: 47.5,
      });
      expect(span.operationType).toBe('ai_client');
      expect(only(span, 'gen_ai.response.s', 'gen_ai.response.t')).toEqual({
        'gen_ai.response.streaming': true,
        'gen_ai.response.time_to_first_chunk': 0.0475,
      });
    },
  );

  it('have the tokens of an object, whose call has no other names for them', async () => {
    const span = await storedOne({
      ...AI_SDK_MODEL,
      'ai.operationId': 'ai.generateObject.doGenerate',
      'ai.usage.promptTokens': 11,
      'ai.usage.completionTokens': 5,
    });
    expect([span.op, ...tokens([span])]).toEqual(['gen_ai.chat', 11, 5]);
  });

  /** As `ai` 5.0 and 7.0 write what `@ai-sdk/anthropic` said of a call: 3000 tokens, and 2000 and 1000 of the cache. */
  const OF_ANTHROPIC = {
    'ai.model.provider': 'anthropic.messages',
    'ai.response.text': 'Hello',
    'ai.response.id': 'm',
  };
  const SAID_BESIDES = JSON.stringify({
    anthropic: {
      usage: {
        input_tokens: 3000,
        output_tokens: 30,
        cache_read_input_tokens: 2000,
        cache_creation_input_tokens: 1000,
      },
      cacheCreationInputTokens: 1000,
    },
  });
  it.each<[string, Attributes]>([
    ['a text of version 5', { 'ai.usage.promptTokens': 3000, 'ai.usage.completionTokens': 30 }],
    [
      'a stream of version 5',
      { 'ai.usage.inputTokens': 3000, 'ai.usage.outputTokens': 30, 'ai.usage.cachedInputTokens': 2000 },
    ],
    [
      'an object of version 7',
      {
        'ai.usage.promptTokens': 6000,
        'ai.usage.completionTokens': 30,
        'gen_ai.usage.cache_read.input_tokens': 2000,
        'gen_ai.usage.cache_write.input_tokens': 1000,
      },
    ],
  ])("have all tokens of Anthropic's cache once in the call of %s", async (name, usage) => {
    const operation = name.includes('object') ? 'ai.generateObject.doGenerate' : 'ai.generateText.doGenerate';
    const said = { 'ai.operationId': operation, 'ai.response.providerMetadata': SAID_BESIDES };

    const span = await storedOne({ ...OF_ANTHROPIC, ...said, ...usage });

    expect(only(span, 'gen_ai.usage', 'faultline')).toEqual({
      'gen_ai.usage.input_tokens': 6000,
      'gen_ai.usage.output_tokens': 30,
      'gen_ai.usage.cache_read.input_tokens': 2000,
      'gen_ai.usage.cache_creation.input_tokens': 1000,
    });
    expect(span.attributes['ai.response.providerMetadata']).toBeUndefined();
  });

  it.each([
    [{ cache_read_input_tokens: 2000 }, 5000, 2000],
    [{ cache_read_input_tokens: 2000, cache_creation_input_tokens: null }, 5000, 2000],
    [{ cache_read_input_tokens: 'the prompt', cache_creation_input_tokens: -1 }, 3000, undefined],
  ])('have the tokens of a cache where a server like that of Anthropic names %j', async (cached, input, read) => {
    const usage = { input_tokens: 3000, output_tokens: 30, ...cached };
    const span = await storedOne({
      ...OF_ANTHROPIC,
      'ai.operationId': 'ai.generateText.doGenerate',
      'ai.usage.promptTokens': 3000,
      'ai.response.providerMetadata': JSON.stringify({ anthropic: { usage } }),
    });
    expect(span.attributes['gen_ai.usage.input_tokens']).toBe(input);
    expect(span.attributes['gen_ai.usage.cache_read.input_tokens']).toBe(read);
    expect(JSON.stringify(span.attributes)).not.toContain('the prompt');
  });

  it('are an agent also where it runs as a workflow', async () => {
    const span = await storedOne({ ...AI_SDK_RUN, 'ai.operationId': 'ai.workflowAgent.stream' });
    expect([span.op, span.operationType, span.attributes['gen_ai.agent.name']]).toEqual([
      'gen_ai.invoke_agent',
      'agent',
      'my-fn',
    ]);
  });

  it('count a decision once', async () => {
    const spans = await stored(
      { name: 'ai.decide.doDecide', attributes: { ...AI_SDK_MODEL, 'ai.operationId': 'ai.decide.doDecide' } },
      { name: 'ai.decide', attributes: { ...AI_SDK_MODEL, 'ai.operationId': 'ai.decide' } },
    );
    expect(counted(spans)).toEqual([
      ['ai.decide.doDecide', 'gen_ai.decide', 'ai_client'],
      ['ai.decide', 'default', undefined],
    ]);
  });

  it('count an embedding once', async () => {
    const model = { 'ai.model.provider': 'openai.embedding', 'ai.model.id': 'text-embedding-3-small' };
    const spans = await stored(
      {
        name: 'ai.embedMany.doEmbed',
        attributes: { ...model, 'ai.operationId': 'ai.embedMany.doEmbed', 'ai.usage.tokens': 7 },
      },
      { name: 'ai.embedMany', attributes: { ...model, 'ai.operationId': 'ai.embedMany', 'ai.usage.tokens': 7 } },
    );
    expect(counted(spans)).toEqual([
      ['ai.embedMany.doEmbed', 'gen_ai.embeddings', 'ai_client'],
      ['ai.embedMany', 'default', undefined],
    ]);
    expect(tokens(spans)).toEqual([7, 0]);
    expect(spans[0]?.attributes['gen_ai.request.model']).toBe('text-embedding-3-small');
  });

  it.each([
    ['anthropic.messages', 'anthropic', 35, 8],
    ['amazon-bedrock', 'aws.bedrock', 35, 8],
    ['google.generative-ai', 'gcp.gemini', 20, 10],
    ['openai.chat', 'openai', 20, 8],
  ])('count of %s what version 5 leaves out of its totals', async (given, provider, input, output) => {
    const span = await storedOne({
      'ai.operationId': 'ai.generateText.doGenerate',
      'ai.model.provider': given,
      'ai.model.id': 'm',
      'ai.usage.inputTokens': 20,
      'ai.usage.outputTokens': 8,
      'ai.usage.reasoningTokens': 2,
      'ai.usage.cachedInputTokens': 15,
      'gen_ai.usage.input_tokens': 20,
      'gen_ai.usage.output_tokens': 8,
    });
    expect(tokens([span])).toEqual([input, output]);
    expect(span.attributes['gen_ai.provider.name']).toBe(provider);
  });

  it.each(['anthropic.messages', 'google.generative-ai'])(
    'add nothing for an object by %s of version 7, which has totals alone',
    async (provider) => {
      const used = {
        'ai.model.provider': provider,
        'ai.model.id': 'm',
        'ai.usage.inputTokens': 100,
        'ai.usage.outputTokens': 20,
        'ai.usage.totalTokens': 120,
        'ai.usage.reasoningTokens': 5,
        'ai.usage.cachedInputTokens': 40,
      };
      const [call, run] = await stored(
        { name: 'a', attributes: { ...used, 'ai.operationId': 'ai.generateObject.doGenerate' } },
        { name: 'b', attributes: { ...used, 'ai.operationId': 'ai.generateObject' } },
      );
      expect(tokens([call!])).toEqual([100, 20]);
      expect(run!.attributes).toMatchObject({
        'faultline.usage.input_tokens': 100,
        'faultline.usage.output_tokens': 20,
      });
    },
  );
});

describe('spans of OpenInference', () => {
  it('are what their kind says, in the conversation their session is', async () => {
    const session = { 'session.id': 'th1', metadata: '{"thread_id":"th1"}' };
    const spans = await stored(
      {
        name: 'ChatOpenAI',
        attributes: {
          ...session,
          'openinference.span.kind': 'LLM',
          'llm.model_name': 'gpt-5-mini',
          'llm.system': 'openai',
          'llm.finish_reason': 'tool_calls',
          'llm.token_count.completion': 5,
          'llm.token_count.prompt': 11,
          'llm.token_count.total': 16,
          'llm.token_count.prompt_details.cache_read': 3,
          'llm.token_count.completion_details.reasoning': 2,
          'output.mime_type': 'application/json',
        },
      },
      { name: 'weather', attributes: { ...session, 'openinference.span.kind': 'TOOL', 'tool.name': 'get_weather' } },
      { name: 'search', attributes: { 'openinference.span.kind': 'TOOL' } },
      { name: 'AgentExecutor', attributes: { 'openinference.span.kind': 'AGENT', 'agent.name': 'helper' } },
      {
        name: 'OpenAI Embeddings',
        attributes: { 'openinference.span.kind': 'EMBEDDING', 'embedding.model_name': 'e-3', 'llm.system': 'openai' },
      },
      { name: 'LangGraph', attributes: { ...session, 'openinference.span.kind': 'CHAIN' } },
      { name: 'VectorStoreRetriever', attributes: { 'openinference.span.kind': 'RETRIEVER' } },
    );
    expect(counted(spans)).toEqual([
      ['ChatOpenAI', 'gen_ai.chat', 'ai_client'],
      ['weather', 'gen_ai.execute_tool', 'tool'],
      ['search', 'gen_ai.execute_tool', 'tool'],
      ['AgentExecutor', 'gen_ai.invoke_agent', 'agent'],
      ['OpenAI Embeddings', 'gen_ai.embeddings', 'ai_client'],
      ['LangGraph', 'default', undefined],
      ['VectorStoreRetriever', 'default', undefined],
    ]);
    expect(only(spans[0]!, 'gen_ai.')).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.operation.type': 'ai_client',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-5-mini',
      'gen_ai.response.finish_reasons': '["tool_calls"]',
      'gen_ai.conversation.id': 'th1',
      'gen_ai.usage.input_tokens': 11,
      'gen_ai.usage.output_tokens': 5,
      'gen_ai.usage.cache_read.input_tokens': 3,
      'gen_ai.usage.reasoning.output_tokens': 2,
    });
    expect(spans.map(({ attributes }) => attributes['gen_ai.tool.name'] ?? attributes['gen_ai.agent.name'])).toEqual([
      undefined,
      'get_weather',
      'search',
      'helper',
      undefined,
      undefined,
      undefined,
    ]);
    expect(spans[4]?.attributes['gen_ai.request.model']).toBe('e-3');
    // A model call has the name of nobody.
    expect(Object.values(spans[0]!.attributes)).not.toContain('ChatOpenAI');
  });

  it('have the names of their newer conventions first', async () => {
    const span = await storedOne({
      'openinference.span.kind': 'LLM',
      'llm.provider': 'azure',
      'llm.system': 'openai',
      'llm.request.model_name': 'gpt-5-mini',
      'llm.model_name': 'gpt-5-mini-2025',
      'llm.response.model_name': 'gpt-5-mini-2025',
      'tool.description': 'Looks outside.',
    });
    expect(only(span, 'gen_ai.provider', 'gen_ai.request', 'gen_ai.response', 'gen_ai.tool')).toEqual({
      'gen_ai.provider.name': 'azure',
      'gen_ai.request.model': 'gpt-5-mini',
      'gen_ai.response.model': 'gpt-5-mini-2025',
      'gen_ai.tool.description': 'Looks outside.',
    });
  });
});

it("spans of OpenInference for OpenAI's agents are agents, model calls and tools, and not their trace or a list of tools", async () => {
  const tracer = trace.getTracer('@arizeai/openinference-instrumentation-openai-agents');
  const agent = { 'openinference.span.kind': 'AGENT', 'llm.system': 'openai' };
  const tool = { 'openinference.span.kind': 'TOOL', 'llm.system': 'openai' };
  tracer.startSpan('Agent workflow', { attributes: agent }).end();
  tracer.startSpan('helper', { attributes: { ...agent, 'graph.node.id': 'helper' } }).end();
  tracer.startSpan('mcp_tools', { attributes: tool }).end();
  tracer.startSpan('get_weather', { attributes: { ...tool, 'tool.name': 'get_weather' } }).end();
  tracer.startSpan('response', { attributes: { 'openinference.span.kind': 'LLM', 'llm.system': 'openai' } }).end();
  await tracing.flush();
  expect(counted(sentry.stored)).toEqual([
    ['Agent workflow', 'function', undefined],
    ['helper', 'gen_ai.invoke_agent', 'agent'],
    ['mcp_tools', 'function', undefined],
    ['get_weather', 'gen_ai.execute_tool', 'tool'],
    ['response', 'gen_ai.chat', 'ai_client'],
  ]);
});

describe('spans of Langfuse', () => {
  it('are what their type says, with counts that stand beside each other added up', async () => {
    const spans = await stored(
      {
        name: 'ChatOpenAI',
        attributes: {
          'langfuse.observation.type': 'generation',
          'langfuse.observation.model.name': 'gpt-5-mini',
          'langfuse.observation.usage_details':
            '{"input":8,"output":3,"total":16,"input_cache_read":3,"output_reasoning":2}',
          'session.id': 's1',
        },
      },
      { name: 'weather', attributes: { 'langfuse.observation.type': 'tool' } },
      { name: 'helper', attributes: { 'langfuse.observation.type': 'agent', 'langfuse.session.id': 's2' } },
      { name: 'LangGraph', attributes: { 'langfuse.observation.type': 'span' } },
      {
        name: 'openai',
        attributes: {
          'langfuse.observation.type': 'generation',
          'langfuse.observation.usage_details': '{"prompt_tokens":7,"completion_tokens":4,"total_tokens":11}',
        },
      },
      {
        name: 'broken',
        attributes: { 'langfuse.observation.type': 'generation', 'langfuse.observation.usage_details': '{"in' },
      },
    );
    expect(counted(spans)).toEqual([
      ['ChatOpenAI', 'gen_ai.chat', 'ai_client'],
      ['weather', 'gen_ai.execute_tool', 'tool'],
      ['helper', 'gen_ai.invoke_agent', 'agent'],
      ['LangGraph', 'default', undefined],
      ['openai', 'gen_ai.chat', 'ai_client'],
      ['broken', 'gen_ai.chat', 'ai_client'],
    ]);
    expect(only(spans[0]!, 'gen_ai.usage', 'gen_ai.request', 'gen_ai.conversation')).toEqual({
      'gen_ai.request.model': 'gpt-5-mini',
      'gen_ai.conversation.id': 's1',
      'gen_ai.usage.input_tokens': 11,
      'gen_ai.usage.output_tokens': 5,
      'gen_ai.usage.cache_read.input_tokens': 3,
      'gen_ai.usage.reasoning.output_tokens': 2,
    });
    expect(spans[1]?.attributes['gen_ai.tool.name']).toBe('weather');
    expect(only(spans[2]!, 'gen_ai.agent', 'gen_ai.conversation')).toEqual({
      'gen_ai.agent.name': 'helper',
      'gen_ai.conversation.id': 's2',
    });
    expect(tokens([spans[4]!])).toEqual([7, 4]);
  });

  it.each(['{}', '{"total":8}', '{"input":"many"}'])(
    'have the counts beside the details where those hold none that can be read: %s',
    async (details) => {
      const span = await storedOne({
        'langfuse.observation.type': 'generation',
        'langfuse.observation.usage_details': details,
        'gen_ai.usage.prompt_tokens': 7,
        'gen_ai.usage.output_tokens': 1,
      });
      expect(tokens([span])).toEqual([7, 1]);
    },
  );
});

describe('spans of OpenLLMetry', () => {
  it('count as model calls only where they are', async () => {
    const workflow = {
      'gen_ai.operation.name': 'workflow',
      'gen_ai.provider.name': 'langchain',
      'traceloop.span.kind': 'workflow',
      'traceloop.workflow.name': 'RunnableSequence',
    };
    const spans = await stored(
      { name: 'workflow RunnableSequence', attributes: workflow },
      {
        name: 'chat gpt-5-mini',
        attributes: {
          'gen_ai.provider.name': 'openai',
          'gen_ai.operation.name': 'chat',
          'gen_ai.request.model': 'gpt-5-mini',
          'gen_ai.usage.input_tokens': 11,
          'gen_ai.usage.output_tokens': 5,
          'gen_ai.usage.total_tokens': 16,
        },
      },
      {
        name: 'execute_tool DynamicStructuredTool',
        attributes: {
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.provider.name': 'langchain',
          'traceloop.span.kind': 'task',
          'traceloop.entity.name': 'DynamicStructuredTool',
        },
      },
    );
    expect(counted(spans)).toEqual([
      ['workflow RunnableSequence', 'function', undefined],
      ['chat gpt-5-mini', 'gen_ai.chat', 'ai_client'],
      ['execute_tool DynamicStructuredTool', 'gen_ai.execute_tool', 'tool'],
    ]);
    expect(tokens(spans)).toEqual([11, 5]);
    expect(spans[2]?.attributes['gen_ai.tool.name']).toBe('DynamicStructuredTool');
  });

  it('are understood also as they were before they had names of operations', async () => {
    const span = await storedOne({
      'gen_ai.system': 'Anthropic',
      'llm.request.type': 'chat',
      'gen_ai.request.model': 'claude-haiku-4-5',
      'gen_ai.usage.prompt_tokens': 10,
      'gen_ai.usage.completion_tokens': 4,
      'gen_ai.usage.cache_read_input_tokens': 90,
    });
    expect([span.op, span.operationType]).toEqual(['gen_ai.chat', 'ai_client']);
    // Cached tokens that are more than all of the input stand beside it.
    expect(tokens([span])).toEqual([100, 4]);
    expect(span.attributes['gen_ai.provider.name']).toBe('Anthropic');
  });
});

describe("spans of Google's ADK", () => {
  /** As `@google/adk` 2.0 writes them for an agent that calls two tools at once. */
  const CALL: Attributes = {
    'gen_ai.system': 'gcp.vertex.agent',
    'gen_ai.request.model': 'gemini-3.5-flash',
    'gen_ai.agent.name': 'helper',
    'gcp.vertex.agent.invocation_id': 'e-1',
    'gcp.vertex.agent.session_id': 's-1',
    'gcp.vertex.agent.event_id': 'vcgLBsy0',
    'gen_ai.usage.input_tokens': 100,
    'gen_ai.usage.output_tokens': 20,
    'gen_ai.response.finish_reasons': ['stop'],
  };
  const tool = (name: string): Attributes => ({
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': name,
    'gcp.vertex.agent.event_id': 'mnoMBZiy',
  });

  it('are an agent, its model calls, which name no operation, and each tool once', async () => {
    const spans = await stored(
      { name: 'invocation', attributes: {} },
      {
        name: 'invoke_agent helper',
        attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.conversation.id': 's-1' },
      },
      { name: 'call_llm', attributes: CALL },
      { name: 'execute_tool get_weather', attributes: tool('get_weather') },
      { name: 'execute_tool get_time', attributes: tool('get_time') },
      { name: 'execute_tool (merged)', attributes: tool('(merged tools)') },
    );
    expect(counted(spans)).toEqual([
      ['invocation', 'default', undefined],
      ['invoke_agent helper', 'gen_ai.invoke_agent', 'agent'],
      ['call_llm', 'gen_ai.chat', 'ai_client'],
      ['execute_tool get_weather', 'gen_ai.execute_tool', 'tool'],
      ['execute_tool get_time', 'gen_ai.execute_tool', 'tool'],
      ['execute_tool (merged)', 'function', undefined],
    ]);
    expect(tokens(spans)).toEqual([100, 20]);
    expect(spans[2]?.attributes).toMatchObject({
      'gen_ai.request.model': 'gemini-3.5-flash',
      'gen_ai.agent.name': 'helper',
      'gen_ai.conversation.id': 's-1',
    });
  });
});

it('is what its instrumentation says it is, in whichever word', async () => {
  const words: readonly (readonly [sign: string, ops: Readonly<Record<string, string>>])[] = [
    [
      'ai.operationId',
      {
        'ai.streamText': 'invoke_agent',
        'ai.generateObject': 'invoke_agent',
        'ai.streamObject': 'invoke_agent',
        'ai.streamObject.doStream': 'chat',
        'ai.embed.doEmbed': 'embeddings',
      },
    ],
    ['langfuse.observation.type', { embedding: 'embeddings' }],
    ['traceloop.span.kind', { agent: 'invoke_agent', tool: 'execute_tool' }],
    ['llm.request.type', { completion: 'text_completion', embedding: 'embeddings' }],
    [
      'gen_ai.operation.name',
      {
        generate_content: 'generate_content',
        text_completion: 'text_completion',
        extract: 'extract',
        handoff: 'handoff',
        'text.completions': 'text_completion',
        completion: 'text_completion',
        embedding: 'embeddings',
      },
    ],
  ];
  const said = words.flatMap(([sign, ops]) => Object.entries(ops).map(([word, op]) => [sign, word, op] as const));
  const spans = await stored(...said.map(([sign, word]) => ({ name: word, attributes: { [sign]: word } })));
  expect(spans.map(({ name, op }) => [name, op])).toEqual(said.map(([, word, op]) => [word, `gen_ai.${op}`]));
});

it.each([
  ['openinference.span.kind', 'AGENT', {}, 'their span'],
  ['langfuse.observation.type', 'agent', {}, 'their span'],
  ['traceloop.span.kind', 'agent', { 'traceloop.entity.name': 'helper' }, 'helper'],
])('an agent by %s has the name its span has for it', async (sign, agent, given, name) => {
  const span = await storedOne({ [sign]: agent, ...given });
  expect(span.attributes['gen_ai.agent.name']).toBe(name);
});

describe('a span that names its operation itself', () => {
  it('has the op of it, also where it says how it was requested, as those of the Anthropic SDK do', async () => {
    const [span] = await stored({
      name: 'anthropic.messages.create',
      kind: SpanKind.CLIENT,
      attributes: {
        'gen_ai.provider.name': 'anthropic',
        'gen_ai.operation.name': 'chat',
        'gen_ai.request.model': 'claude-haiku-4-5',
        'http.request.method': 'POST',
        'url.path': '/v1/messages',
        'gen_ai.usage.input_tokens': 131,
        'gen_ai.usage.cache_creation.input_tokens': 20,
        'gen_ai.usage.cache_read.input_tokens': 100,
        'gen_ai.usage.output_tokens': 5,
        'anthropic.message.stop_reason': 'end_turn',
      },
    });
    expect([span?.op, span?.operationType]).toEqual(['gen_ai.chat', 'ai_client']);
    expect(span?.attributes['gen_ai.response.finish_reasons']).toBe('["end_turn"]');
    expect(only(span!, 'gen_ai.usage')).toEqual({
      'gen_ai.usage.input_tokens': 131,
      'gen_ai.usage.output_tokens': 5,
      'gen_ai.usage.cache_creation.input_tokens': 20,
      'gen_ai.usage.cache_read.input_tokens': 100,
    });
  });

  it("has what one of Google's models thought where Langfuse has it in the total alone", async () => {
    const span = await storedOne({
      'langfuse.observation.type': 'generation',
      'langfuse.observation.model.name': 'gemini-2.5-flash',
      'langfuse.observation.usage_details': '{"prompt_tokens":100,"completion_tokens":18,"total_tokens":130}',
    });
    expect(only(span, 'gen_ai.usage')).toEqual({
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 30,
      'gen_ai.usage.reasoning.output_tokens': 12,
    });
  });

  it.each([
    ['beside its input', 65, 60],
    ['in its input', 35, 30],
  ])(
    'has cached tokens once where its total says that they are %s, as those of Strands do',
    async (_where, total, input) => {
      const span = await storedOne({
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'strands-agents',
        'gen_ai.usage.input_tokens': 30,
        'gen_ai.usage.output_tokens': 5,
        'gen_ai.usage.total_tokens': total,
        'gen_ai.usage.cache_read.input_tokens': 20,
        'gen_ai.usage.cache_creation.input_tokens': 10,
      });
      expect(only(span, 'gen_ai.usage.input', 'gen_ai.usage.output', 'gen_ai.usage.cache')).toEqual({
        'gen_ai.usage.input_tokens': input,
        'gen_ai.usage.output_tokens': 5,
        'gen_ai.usage.cache_read.input_tokens': 20,
        'gen_ai.usage.cache_creation.input_tokens': 10,
      });
    },
  );

  it.each<[string, Attributes]>([
    [
      '@traceloop/instrumentation-anthropic',
      {
        'gen_ai.operation.name': 'chat',
        'gen_ai.usage.input_tokens': 30,
        'gen_ai.usage.output_tokens': 5,
        'gen_ai.usage.total_tokens': 35,
        'gen_ai.usage.cache_read.input_tokens': 20,
        'gen_ai.usage.cache_creation.input_tokens': 10,
      },
    ],
    [
      '@arizeai/openinference-instrumentation-bedrock',
      {
        'openinference.span.kind': 'LLM',
        'llm.token_count.prompt': 30,
        'llm.token_count.completion': 5,
        'llm.token_count.prompt_details.cache_read': 20,
        'llm.token_count.prompt_details.cache_write': 10,
      },
    ],
  ])('has cached tokens in its input where %s hands on what stands beside it', async (scope, attributes) => {
    const callModel = (): void => trace.getTracer(scope).startSpan('chat', { attributes }).end();
    callModel();
    traceChat({ model: 'm', provider: 'p' }, callModel);
    await tracing.flush();
    expect(only(sentry.stored[0]!, 'gen_ai.usage.input', 'gen_ai.usage.output', 'gen_ai.usage.cache')).toEqual({
      'gen_ai.usage.input_tokens': 60,
      'gen_ai.usage.output_tokens': 5,
      'gen_ai.usage.cache_read.input_tokens': 20,
      'gen_ai.usage.cache_creation.input_tokens': 10,
    });
    expect(sentry.stored[1]?.attributes['faultline.usage.input_tokens']).toBe(60);
  });

  it('says how soon a streamed answer began, as those of the AI SDK 7 do', async () => {
    const span = await storedOne({
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-5-mini',
      'gen_ai.client.operation.duration': 0.052,
      'gen_ai.client.operation.time_to_first_chunk': 0.047,
    });
    expect(only(span, 'gen_ai.response')).toEqual({
      'gen_ai.response.streaming': true,
      'gen_ai.response.time_to_first_chunk': 0.047,
    });
  });

  it('keeps an op it has', async () => {
    const span = await storedOne({ 'gen_ai.operation.name': 'chat', 'sentry.op': 'gen_ai.generate_content' });
    expect(span.op).toBe('gen_ai.generate_content');
  });

  it.each([
    ['responses', 'gen_ai.chat', 'ai_client'],
    ['chat.completions', 'gen_ai.chat', 'ai_client'],
    ['create_agent', 'gen_ai.create_agent', 'agent'],
    ['guardrail', 'function', undefined],
    ['invoke_workflow', 'function', undefined],
    ['toString', 'function', undefined],
  ])('is counted as what %s is', async (operation, op, type) => {
    const span = await storedOne({ 'gen_ai.operation.name': operation, 'gen_ai.operation.type': 'ai_client' });
    expect([span.op, span.operationType]).toEqual([op, type]);
  });

  it.each([
    ['gen_ai.guardrail', 'function'],
    ['gen_ai.chat', 'function'],
    ['ai.pipeline.guardrail', 'function'],
    ['queue.process', 'queue.process'],
  ])('is counted by no op where its operation is counted as nothing: %s', async (written, op) => {
    const span = await storedOne({ 'gen_ai.operation.name': 'guardrail', 'sentry.op': written });
    expect([span.op, span.operationType]).toEqual([op, undefined]);
  });

  it.each([
    ['query of a database', 'db', 'db.system.name', 'pinecone'],
    ['request', 'http', 'http.request.method', 'POST'],
  ])('stays a %s where it is one', async (_what, op, key, value) => {
    const span = await storedOne({ 'gen_ai.operation.name': 'retrieval', [key]: value });
    expect([span.op, span.operationType]).toEqual([op, undefined]);
  });

  it.each<[string, Attributes]>([
    [
      'the conventions',
      {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.usage.input_tokens': 22,
        'gen_ai.usage.output_tokens': 10,
        'gen_ai.usage.total_tokens': 32,
        'gen_ai.cost.total_tokens': 0.5,
      },
    ],
    [
      'OpenInference, as for the agent SDK of Claude',
      {
        'openinference.span.kind': 'AGENT',
        'llm.token_count.prompt': 22,
        'llm.token_count.completion': 10,
        'llm.token_count.total': 32,
        'llm.cost.total': 0.5,
      },
    ],
    [
      'Langfuse',
      {
        'langfuse.observation.type': 'agent',
        'langfuse.observation.usage_details': '{"input":22,"output":10}',
        'gen_ai.cost.total_tokens': 0.5,
      },
    ],
  ])(
    'has the sum of its model calls under names of which nothing is summed twice, in words of %s',
    async (_who, said) => {
      const span = await storedOne(said);
      expect(span.operationType).toBe('agent');
      expect(only(span, 'gen_ai.usage', 'gen_ai.cost', 'faultline.')).toEqual({
        'faultline.usage.input_tokens': 22,
        'faultline.usage.output_tokens': 10,
        'faultline.cost_usd.total': 0.5,
      });
    },
  );
});

it('a span of no model stays as it is written, the session of a browser among it', async () => {
  const attributes = { 'http.request.method': 'GET', 'session.id': 'b1', 'user.id': 'u', 'tool.name': 'wget' };
  const span = await storedOne(attributes);
  expect([span.op, span.operationType]).toEqual(['http', undefined]);
  expect(span.attributes).toMatchObject(attributes);
  expect(only(span, 'gen_ai.')).toEqual({});
});

it("a span of Faultline's is what it is, whatever else is written on it", async () => {
  traceAgent({ name: 'helper', attributes: { 'openinference.span.kind': 'LLM', 'llm.model_name': 'm' } }, () =>
    traceChat({ model: 'm', provider: 'p', attributes: { 'ai.operationId': 'ai.generateText' } }, () => undefined),
  );
  await tracing.flush();
  expect(counted(sentry.stored)).toEqual([
    ['chat m', 'gen_ai.chat', 'ai_client'],
    ['agent.invoke helper', 'gen_ai.invoke_agent', 'agent'],
  ]);
});
