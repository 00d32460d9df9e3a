import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

import type { ReceivedSpan } from '../../src/receiver/received-span.ts';
import { createAgent, defineTool, inProcessMemory } from '../../src/runtime/index.ts';
import { activate } from '../../src/telemetry/active.ts';
import { createContentPolicy, type ContentOptions } from '../../src/telemetry/content/policy.ts';
import { withRunContext } from '../../src/telemetry/context.ts';
import { traceAgent, traceChat, traceMemory, traceTool, type ChatSpanOptions } from '../../src/telemetry/spans.ts';
import { inMemoryTelemetry, type InMemoryTelemetry } from '../../src/testing/in-memory-telemetry.ts';
import { scriptedModel } from '../../src/testing/scripted-model.ts';

const GPT: ChatSpanOptions = { model: 'gpt-5-mini', provider: 'openai' };
const KEY = ['sk', 'proj', 'Ab3'.repeat(12)].join('-');

let telemetry: InMemoryTelemetry;
beforeAll(() => {
  telemetry = inMemoryTelemetry();
});
afterEach(() => telemetry.reset());

function decide(options: ContentOptions): void {
  activate({ content: createContentPolicy(options) });
}

function span(name: string): ReceivedSpan {
  const found = telemetry.spans.filter((candidate) => candidate.name === name);
  expect(found, `spans named ${name}`).toHaveLength(1);
  return found[0]!;
}

/** The attributes with content, as what their JSON says. */
function contentOf(name: string): Record<string, unknown> {
  const { attributes } = span(name);
  const isContent = /messages$|instructions$|definitions$|arguments$|call\.result$|records$|query\.text$/;
  const found = Object.entries(attributes).filter(([key]) => isContent.test(key));
  return Object.fromEntries(found.map(([key, value]) => [key, json(value)]));
}

function json(text: unknown): unknown {
  try {
    return JSON.parse(text as string) as unknown;
  } catch {
    return text;
  }
}

function text(content: unknown): { readonly type: 'text'; readonly content: unknown } {
  return { type: 'text', content };
}

/** What would be content, if anybody asked. */
function never(): never {
  throw new Error('this content cannot be given');
}

describe('content that is not recorded', () => {
  it('is not even asked for, so it costs nothing however much it is', () => {
    decide({});
    let asked = 0;
    const content = (): string => {
      asked += 1;
      return 'content';
    };
    traceAgent({ name: 'helper', input: content, withhold: content }, (agent) => {
      traceChat({ ...GPT, messages: content, systemInstructions: content, toolDefinitions: content }, (chat) =>
        chat.record({ output: content }),
      );
      traceTool({ name: 't', arguments: content }, (tool) => tool.record({ result: content }));
      traceMemory({ store: 'notes', query: content }, (memory) => memory.record({ records: content }));
      agent.record({ output: content });
      const result = {
        get read(): string {
          return content();
        },
        toJSON: content,
      };
      expect(traceTool({ name: 'returns' }, () => result)).toBe(result);
      // Nor to clean a message of it that is not sent at all.
      expect(() =>
        traceTool({ name: 'fails', arguments: content }, () => {
          throw new Error('content');
        }),
      ).toThrow('content');
    });
    expect(asked).toBe(0);
    expect(telemetry.spans).toHaveLength(6);
  });

  it('is not asked for by a span that is not sampled either', () => {
    decide({ captureContent: true });
    let asked = 0;
    const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 0 };
    traceChat({ ...GPT, parent, messages: () => (asked += 1) }, () => undefined);
    expect(asked).toBe(0);
  });
});

describe('content that is recorded', () => {
  it('is on the span of a model call in the shape of the conventions', () => {
    decide({ captureContent: true });
    traceChat(
      {
        ...GPT,
        systemInstructions: () => 'You are terse.',
        messages: () => [
          { role: 'user', content: 'What is the weather in Lisbon?' },
          {
            role: 'assistant',
            content: null,
            tool_calls: [
              { id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Lisbon"}' } },
            ],
          },
          { role: 'tool', tool_call_id: 'call_1', content: '19 °C' },
        ],
        toolDefinitions: () => [{ type: 'function', name: 'get_weather' }],
      },
      (chat) => chat.record({ finishReasons: ['stop'], output: () => '19 °C and sunny.' }),
    );
    expect(contentOf('chat gpt-5-mini')).toEqual({
      'gen_ai.system_instructions': [text('You are terse.')],
      'gen_ai.input.messages': [
        { role: 'user', parts: [text('What is the weather in Lisbon?')] },
        {
          role: 'assistant',
          parts: [{ type: 'tool_call', id: 'call_1', name: 'get_weather', arguments: { city: 'Lisbon' } }],
        },
        { role: 'tool', parts: [{ type: 'tool_call_response', id: 'call_1', response: '19 °C' }] },
      ],
      'gen_ai.tool.definitions': [{ type: 'function', name: 'get_weather' }],
      'gen_ai.output.messages': [{ role: 'assistant', parts: [text('19 °C and sunny.')], finish_reason: 'stop' }],
    });
  });

  it.each<[string, unknown, unknown]>([
    ['a text', 'Hello', [{ role: 'user', parts: [text('Hello')] }]],
    [
      'Anthropic',
      [
        {
          role: 'user',
          content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(400) } }],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm' },
            { type: 'tool_use', id: 'tu_1', name: 'look', input: { q: 1 } },
          ],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'tu_1', content: 'found' }] },
      ],
      [
        {
          role: 'user',
          parts: [{ type: 'blob', modality: 'image', mime_type: 'image/png', content: '[300 bytes left out]' }],
        },
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', content: 'hm' },
            { type: 'tool_call', id: 'tu_1', name: 'look', arguments: { q: 1 } },
          ],
        },
        { role: 'user', parts: [{ type: 'tool_call_response', id: 'tu_1', response: 'found' }] },
      ],
    ],
    [
      'OpenAI responses',
      [
        { role: 'developer', content: 'Be kind.' },
        {
          type: 'message',
          role: 'user',
          content: [
            { type: 'input_text', text: 'Hi' },
            { type: 'input_image', image_url: 'data:image/gif;base64,AAAA' },
          ],
        },
        { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: 'found' },
      ],
      [
        { role: 'system', parts: [text('Be kind.')] },
        {
          role: 'user',
          parts: [
            text('Hi'),
            { type: 'blob', modality: 'image', mime_type: 'image/gif', content: '[3 bytes left out]' },
          ],
        },
        { role: 'assistant', parts: [{ type: 'tool_call', id: 'c1', name: 'look', arguments: {} }] },
        { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c1', response: 'found' }] },
      ],
    ],
    [
      'Gemini',
      [
        { role: 'user', parts: [{ text: 'Hi' }, { inlineData: { mimeType: 'audio/mp3', data: 'AAAA' } }] },
        { role: 'model', parts: [{ functionCall: { name: 'look', args: { q: 1 } } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'look', response: { found: 1 } } }] },
      ],
      [
        {
          role: 'user',
          parts: [
            text('Hi'),
            { type: 'blob', modality: 'audio', mime_type: 'audio/mp3', content: '[3 bytes left out]' },
          ],
        },
        { role: 'assistant', parts: [{ type: 'tool_call', name: 'look', arguments: { q: 1 } }] },
        { role: 'user', parts: [{ type: 'tool_call_response', name: 'look', response: { found: 1 } }] },
      ],
    ],
    [
      'Bedrock',
      [
        { role: 'user', content: [{ text: 'Hi' }, { image: { format: 'png', source: { bytes: new Uint8Array(9) } } }] },
        {
          role: 'assistant',
          content: [
            { reasoningContent: { reasoningText: { text: 'I must look.', signature: 'abc' } } },
            { toolUse: { toolUseId: 'c1', name: 'look', input: { q: 1 } } },
          ],
        },
        { role: 'user', content: [{ toolResult: { toolUseId: 'c1', content: [{ text: 'found' }] } }] },
      ],
      [
        { role: 'user', parts: [text('Hi'), { type: 'unknown' }] },
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', content: 'I must look.' },
            { type: 'tool_call', id: 'c1', name: 'look', arguments: { q: 1 } },
          ],
        },
        { role: 'user', parts: [{ type: 'tool_call_response', id: 'c1', response: [{ text: 'found' }] }] },
      ],
    ],
    [
      'Mistral and Cohere',
      [
        {
          role: 'assistant',
          content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'I must look.' }] }],
          toolCalls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{"q":1}' } }],
        },
        { role: 'tool', toolCallId: 'c1', content: 'found' },
      ],
      [
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', content: 'I must look.' },
            { type: 'tool_call', id: 'c1', name: 'look', arguments: { q: 1 } },
          ],
        },
        { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c1', response: 'found' }] },
      ],
    ],
    [
      'the AI SDK',
      [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Hi' },
            { type: 'file', mediaType: 'application/pdf', data: new Uint8Array(9) },
            { type: 'image', image: new URL('https://example.com/a.png'), mediaType: 'image/png' },
          ],
        },
        { role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'c1', toolName: 'look', input: { q: 1 } }] },
        {
          role: 'tool',
          content: [
            { type: 'tool-result', toolCallId: 'c1', toolName: 'look', output: { type: 'json', value: { found: 1 } } },
          ],
        },
      ],
      [
        {
          role: 'user',
          parts: [
            text('Hi'),
            { type: 'blob', modality: 'document', mime_type: 'application/pdf', content: '[9 bytes left out]' },
            { type: 'uri', modality: 'image', mime_type: 'image/png', uri: 'https://example.com/a.png' },
          ],
        },
        { role: 'assistant', parts: [{ type: 'tool_call', id: 'c1', name: 'look', arguments: { q: 1 } }] },
        { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c1', response: { found: 1 } }] },
      ],
    ],
  ])('may be given in the shape of %s', (_name, given, expected) => {
    decide({ captureContent: true });
    traceChat({ ...GPT, messages: () => given }, () => undefined);
    expect(contentOf('chat gpt-5-mini')).toEqual({ 'gen_ai.input.messages': expected });
  });

  it.each<[string, unknown]>([
    [
      'Bedrock',
      {
        output: {
          message: { role: 'assistant', content: [{ toolUse: { toolUseId: 'c1', name: 'look', input: { q: 1 } } }] },
        },
        stopReason: 'tool_use',
      },
    ],
    [
      'Mistral',
      {
        choices: [
          {
            index: 0,
            message: {
              role: 'assistant',
              content: '',
              toolCalls: [{ id: 'c1', function: { name: 'look', arguments: { q: 1 } } }],
            },
          },
        ],
      },
    ],
    [
      'Cohere',
      {
        id: 'a1',
        message: {
          role: 'assistant',
          toolCalls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{"q":1}' } }],
        },
      },
    ],
  ])('may be the answer of %s as a whole', (_name, answer) => {
    decide({ captureContent: true });
    traceChat(GPT, (chat) => chat.record({ finishReasons: ['tool_call'], output: () => answer }));
    expect(contentOf('chat gpt-5-mini')).toEqual({
      'gen_ai.output.messages': [
        {
          role: 'assistant',
          parts: [{ type: 'tool_call', id: 'c1', name: 'look', arguments: { q: 1 } }],
          finish_reason: 'tool_call',
        },
      ],
    });
  });

  it('is what a tool was given and what it returns, as objects', async () => {
    decide({ captureContent: true });
    traceTool({ name: 'object', arguments: () => ({ city: 'Lisbon' }) }, () => ({ celsius: 19 }));
    await traceTool({ name: 'text', arguments: () => '{"city":"Oslo"}' }, async () => 'cold');
    traceTool({ name: 'list', arguments: () => 'Oslo' }, () => [1, 2]);
    traceTool({ name: 'recorded' }, (tool) => (tool.record({ result: () => 'said' }), 'returned'));
    expect(contentOf('execute_tool object')).toEqual({
      'gen_ai.tool.call.arguments': { city: 'Lisbon' },
      'gen_ai.tool.call.result': { celsius: 19 },
    });
    expect(contentOf('execute_tool text')).toEqual({
      'gen_ai.tool.call.arguments': { city: 'Oslo' },
      'gen_ai.tool.call.result': { result: 'cold' },
    });
    expect(contentOf('execute_tool list')).toEqual({
      'gen_ai.tool.call.arguments': { input: 'Oslo' },
      'gen_ai.tool.call.result': { result: [1, 2] },
    });
    expect(contentOf('execute_tool recorded')).toEqual({ 'gen_ai.tool.call.result': { result: 'said' } });
  });

  it('is what was looked for and found in a memory, and what an agent was asked and answered', async () => {
    decide({ captureContent: true });
    await traceAgent({ name: 'helper', input: () => 'Pack for Lisbon' }, async (agent) => {
      await traceMemory({ store: 'notes', query: () => 'Lisbon' }, async () => [{ id: 'n1', text: 'packs light' }]);
      agent.record({ output: () => 'Light clothes.' });
    });
    expect(contentOf('search_memory notes')).toEqual({
      'gen_ai.memory.query.text': 'Lisbon',
      'gen_ai.memory.records': [{ id: 'n1', text: 'packs light' }],
    });
    expect(contentOf('agent.invoke helper')).toEqual({
      'gen_ai.input.messages': [{ role: 'user', parts: [text('Pack for Lisbon')] }],
      'gen_ai.output.messages': [{ role: 'assistant', parts: [text('Light clothes.')], finish_reason: 'stop' }],
    });
  });

  it('is what was found in a memory also where only its number is recorded', async () => {
    decide({ captureContent: true });
    await traceMemory({ store: 'notes' }, async (memory) => {
      memory.record({ recordCount: 1 });
      return [{ id: 'n1', text: 'packs light' }];
    });
    expect(contentOf('search_memory notes')).toEqual({
      'gen_ai.memory.records': [{ id: 'n1', text: 'packs light' }],
    });
  });

  it('leaves a stream alone: only its consumer reads it', async () => {
    decide({ captureContent: true });
    let reads = 0;
    async function* numbers(): AsyncGenerator<number> {
      reads += 1;
      yield 1;
    }
    const stream = traceTool({ name: 'stream' }, numbers);
    expect(reads).toBe(0);
    for await (const value of stream) expect(value).toBe(1);
    expect(reads).toBe(1);
    expect(contentOf('execute_tool stream')).toEqual({});
  });

  it('has no secret in it, also where JSON stands in a text', () => {
    decide({ captureContent: true });
    traceTool({ name: 't', arguments: () => ({ note: `use ${KEY}`, password: 'hunter2hunter2' }) }, () =>
      JSON.stringify({ apiKey: KEY }),
    );
    const bytes = JSON.stringify(contentOf('execute_tool t'));
    expect(bytes).not.toContain('Ab3');
    expect(bytes).not.toContain('hunter2');
    expect(bytes).toContain('[redacted:');
  });

  it('goes through the function of the application, which may not fail either', () => {
    decide({ captureContent: true, redaction: { redact: (given) => given.replaceAll('Lisbon', 'L.') } });
    traceTool({ name: 't', arguments: () => ({ city: 'Lisbon' }) }, () => undefined);
    expect(contentOf('execute_tool t')).toEqual({ 'gen_ai.tool.call.arguments': { city: 'L.' } });
    telemetry.reset();
    decide({
      captureContent: true,
      redaction: {
        redact: () => {
          throw new Error('no');
        },
      },
    });
    traceTool({ name: 't', arguments: () => ({ city: 'Lisbon' }) }, () => undefined);
    expect(JSON.stringify(contentOf('execute_tool [redaction failed]'))).not.toContain('Lisbon');
  });

  it('that cannot be given costs nothing else', () => {
    decide({ captureContent: true });
    expect(traceTool({ name: 't', arguments: never }, () => 'value')).toBe('value');
    expect(contentOf('execute_tool t')).toEqual({
      'gen_ai.tool.call.arguments': { input: '[unreadable]' },
      'gen_ai.tool.call.result': { result: 'value' },
    });
  });

  it('is no more than fits, and keeps the system message, the last word of the user and the newest messages', () => {
    decide({ captureContent: true });
    const old = Array.from({ length: 400 }, (_, index) => ({
      role: 'assistant',
      content: `${index} ${'old '.repeat(100)}`,
    }));
    traceChat(
      {
        ...GPT,
        messages: () => [
          { role: 'system', content: 'Be kind.' },
          { role: 'user', content: 'first question' },
          ...old,
          { role: 'user', content: 'last question' },
          {
            role: 'assistant',
            content: [
              { type: 'tool-call', toolCallId: 'c1', toolName: 'look', input: { page: 'x '.repeat(100_000), id: 7 } },
            ],
          },
          {
            role: 'tool',
            content: [
              {
                type: 'tool-result',
                toolCallId: 'c1',
                toolName: 'look',
                output: { type: 'error-text', value: 'it failed' },
              },
            ],
          },
        ],
      },
      () => undefined,
    );
    const given = span('chat gpt-5-mini').attributes['gen_ai.input.messages'] as string;
    expect(Buffer.byteLength(given)).toBeLessThanOrEqual(65_536);
    const messages = JSON.parse(given) as { role: string; parts: { content?: string; response?: string }[] }[];
    expect(messages[0]).toEqual({ role: 'system', parts: [text('Be kind.')] });
    expect(messages[1]).toEqual({
      role: 'system',
      parts: [text(expect.stringMatching(/^\[\d+ messages left out: \d+ characters\]$/) as unknown as string)],
    });
    expect(messages.filter(({ parts }) => parts[0]?.content === 'last question')).toHaveLength(1);
    expect(messages.at(-1)?.parts[0]?.response).toBe('it failed');
    expect(messages.at(-3)?.parts[0]?.content).toBe('last question');
    expect(given).not.toContain('first question');
  });
});

describe('which content is recorded', () => {
  const everything = (): void => {
    traceAgent({ name: 'helper', input: () => 'asked' }, () => {
      traceChat(
        {
          ...GPT,
          systemInstructions: () => 'instructed',
          toolDefinitions: () => [{ type: 'function', name: 'defined' }],
          messages: () => [
            { role: 'system', content: 'instructed too' },
            { role: 'user', content: 'asked' },
            {
              role: 'assistant',
              content: 'answered before',
              tool_calls: [{ id: '1', function: { name: 't', arguments: '{"a":"argued"}' } }],
            },
            { role: 'tool', tool_call_id: '1', content: 'resulted' },
          ],
        },
        (chat) =>
          chat.record({
            output: () => [
              {
                role: 'assistant',
                content: [text('answered'), { type: 'tool_call', id: '2', name: 't', arguments: { a: 'argued' } }],
              },
            ],
          }),
      );
      traceTool({ name: 't', arguments: () => ({ a: 'argued' }) }, () => 'resulted');
      traceMemory({ store: 'notes', query: () => 'remembered' }, () => ['remembered']);
    });
  };
  const recorded = (): readonly string[] => {
    const bytes = JSON.stringify(telemetry.spans.map(({ attributes }) => attributes));
    const words = ['instructed', 'defined', 'asked', 'answered', 'argued', 'resulted', 'remembered'];
    return words.filter((word) => bytes.includes(word));
  };

  it.each<[ContentOptions['captureContent'], readonly string[]]>([
    [{ inputs: true }, ['asked']],
    [{ outputs: true }, ['answered']],
    [{ toolArguments: true }, ['argued']],
    [{ toolResults: true }, ['resulted']],
    [{ systemInstructions: true }, ['instructed']],
    [{ toolDefinitions: true }, ['defined']],
    [{ memory: true }, ['remembered']],
    [{ inputs: true, toolResults: true }, ['asked', 'resulted']],
    [true, ['instructed', 'defined', 'asked', 'answered', 'argued', 'resulted', 'remembered']],
    [false, []],
  ])('is decided kind by kind: %j', (captureContent, expected) => {
    decide({ captureContent: captureContent ?? false });
    everything();
    expect(recorded()).toEqual(expected);
  });

  it('is decided by the run where that says so, over what holds around it', () => {
    decide({ captureContent: false });
    withRunContext({ captureContent: { inputs: true, toolResults: true } }, () =>
      withRunContext({ captureContent: { toolResults: false } }, everything),
    );
    expect(recorded()).toEqual(['asked']);
    telemetry.reset();
    decide({ captureContent: true });
    traceAgent({ name: 'private', captureContent: false }, everything);
    expect(recorded()).toEqual([]);
  });

  it('is decided for an agent of the runtime, and for one run of it', async () => {
    decide({});
    const look = defineTool({ name: 'look', input: z.object({ q: z.string() }), execute: ({ q }) => `found ${q}` });
    const notes = inProcessMemory({ id: 'notes' });
    await notes.add({ id: '1', text: 'remembers a boat' });
    const script = [{ toolCalls: [{ id: 'c1', name: 'look', input: { q: 'a boat' } }] }, 'It floats.'];
    const agent = createAgent({
      name: 'helper',
      instructions: 'Answer.',
      captureContent: true,
      memory: notes,
      tools: [look],
      models: [scriptedModel([...script, ...script], { modelId: 'gpt-5-mini' })],
    });
    await agent.run('Where is a boat?', { captureContent: false });
    expect(telemetry.spans.map(({ name }) => name)).toContain('execute_tool look');
    expect(JSON.stringify(telemetry.spans.map(({ attributes }) => attributes))).not.toContain('boat');
    telemetry.reset();

    await agent.run('Where is a boat?');
    expect(contentOf('agent.invoke helper')).toMatchObject({
      'gen_ai.input.messages': [{ role: 'user', parts: [text('Where is a boat?')] }],
      'gen_ai.output.messages': [{ role: 'assistant', parts: [text('It floats.')] }],
    });
    expect(contentOf('execute_tool look')).toEqual({
      'gen_ai.tool.call.arguments': { q: 'a boat' },
      'gen_ai.tool.call.result': { result: 'found a boat' },
    });
    expect(contentOf('search_memory notes')).toMatchObject({ 'gen_ai.memory.query.text': 'Where is a boat?' });
    const last = telemetry.spans.findLast(({ name }) => name === 'chat gpt-5-mini');
    expect(json(last?.attributes['gen_ai.system_instructions'])).toEqual([text('Answer.')]);
    expect(json(last?.attributes['gen_ai.input.messages'])).toEqual([
      { role: 'user', parts: [text('Where is a boat?')] },
      { role: 'assistant', parts: [{ type: 'tool_call', id: 'c1', name: 'look', arguments: { q: 'a boat' } }] },
      { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c1', response: 'found a boat' }] },
    ]);
    expect(json(last?.attributes['gen_ai.output.messages'])).toEqual([
      { role: 'assistant', parts: [text('It floats.')], finish_reason: 'stop' },
    ]);
    expect(json(last?.attributes['gen_ai.tool.definitions'])).toMatchObject([{ type: 'function', name: 'look' }]);
  });
});
