import type { Attributes } from '@opentelemetry/api';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { activate } from '../../src/telemetry/active.ts';
import { createContentPolicy, type ContentOptions } from '../../src/telemetry/content/policy.ts';
import { withRunContext } from '../../src/telemetry/context.ts';
import { traceAgent, traceChat } from '../../src/telemetry/spans.ts';
import { inMemoryTelemetry, type InMemoryTelemetry } from '../../src/testing/in-memory-telemetry.ts';

interface Message {
  readonly role: string;
  readonly parts: readonly Readonly<Record<string, unknown>>[];
}

let telemetry: InMemoryTelemetry;
beforeAll(() => {
  telemetry = inMemoryTelemetry();
});
afterEach(() => telemetry.reset());

function decide(captureContent: ContentOptions['captureContent']): void {
  activate({ content: createContentPolicy({ captureContent: captureContent ?? false }) });
}

function attributes(): Attributes {
  return telemetry.spans.at(-1)!.attributes as Attributes;
}

/** What a model call says it was asked. */
function asked(messages: unknown): string {
  traceChat({ model: 'm', provider: 'p', messages: () => messages }, () => undefined);
  return String(attributes()['gen_ai.input.messages']);
}

/** What an agent says it answered. */
function answered(output: unknown): string {
  traceAgent({ name: 'helper' }, (agent) => agent.record({ output: () => output }));
  return String(attributes()['gen_ai.output.messages']);
}

function messagesOf(json: string): readonly Message[] {
  return JSON.parse(json) as readonly Message[];
}

function partsOf(messages: unknown): readonly Readonly<Record<string, unknown>>[] {
  return messagesOf(asked(messages)).flatMap(({ parts }) => parts);
}

describe('a kind of content that is not recorded', () => {
  it('does not leave with an answer that holds the question', () => {
    decide({ outputs: true });
    const output = answered([
      { role: 'user', content: 'the question' },
      { role: 'assistant', content: 'the answer' },
    ]);
    expect(output).toContain('the answer');
    expect(output).not.toContain('the question');
  });

  it.each<[unknown]>([
    [{ role: 'tool', content: [{ type: 'text', text: 'canary' }] }],
    [{ role: 'TOOL', content: 'canary' }],
    [{ type: 'tool', content: [{ type: 'text', text: 'canary' }] }],
    [{ role: 'System', content: 'canary' }],
    [{ role: 'Assistant', content: 'canary' }],
    [{ role: 'bot', content: 'canary' }],
    [{ role: 'narrator', content: 'canary' }],
    [{ type: 'custom_tool_call', call_id: 'c', name: 'n', input: 'canary' }],
    [{ role: 'user', parts: [{ executableCode: { code: 'canary' } }] }],
  ])('does not leave as something that was asked: %j', (message) => {
    decide({ inputs: true });
    expect(asked([message, { role: 'user', content: 'asked' }])).not.toContain('canary');
  });

  it('does not leave within an answer of a shape nobody knows', () => {
    decide({ outputs: true });
    expect(answered({ steps: [{ text: 'answer', toolCalls: [{ args: 'canary' }] }] })).not.toContain('canary');
  });

  it('is not decided by a run that says neither yes nor no', () => {
    decide(false);
    const words = { inputs: 'false' } as never;
    withRunContext({ captureContent: words }, () => expect(asked('canary')).toBe('undefined'));
    expect(withRunContext({ captureContent: null as never }, () => 'value')).toBe('value');
    decide(true);
    withRunContext({ captureContent: words }, () => expect(asked('asked')).toContain('asked'));
  });
});

describe('messages that do not fit', () => {
  const filler = (count: number): readonly object[] =>
    Array.from({ length: count }, (_, index) => ({ role: 'assistant', content: `${index} ${'old '.repeat(1_000)}` }));

  it.each([
    ['of OpenAI', [{ role: 'tool', tool_call_id: 'bad', content: '{"error":"refused"}' }]],
    ['with a status', [{ role: 'tool', tool_call_id: 'bad', status: 'error', content: 'refused' }]],
    [
      'of Anthropic',
      [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'bad', is_error: true, content: 'refused' }] }],
    ],
    [
      'of the AI SDK',
      [
        {
          role: 'tool',
          content: [
            { type: 'tool-result', toolCallId: 'bad', toolName: 't', output: { type: 'error-text', value: 'refused' } },
          ],
        },
      ],
    ],
  ])('keep the newest tool call that failed, %s, and what it was called with', (_name, answer) => {
    decide(true);
    const call = { id: 'bad', type: 'function', function: { name: 't', arguments: '{"x":"these arguments"}' } };
    const json = asked([
      { role: 'user', content: 'first' },
      { role: 'assistant', content: null, tool_calls: [call] },
      ...answer,
      ...filler(40),
      { role: 'user', content: 'last' },
    ]);
    expect(json).toContain('refused');
    expect(json).toContain('these arguments');
    expect(json).toContain('"last"');
    expect(Buffer.byteLength(json)).toBeLessThanOrEqual(65_536);
  });

  it('keep the question also where answers of tools are messages of the user', () => {
    decide(true);
    const rounds = Array.from({ length: 40 }, (_, index) => [
      { role: 'assistant', content: [{ type: 'tool_use', id: `t${index}`, name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: `t${index}`, content: 'result '.repeat(800) }] },
    ]);
    expect(asked([{ role: 'user', content: 'the real question' }, ...rounds.flat()])).toContain('the real question');
  });

  it('cost no more than their number allows, however many they are', () => {
    decide(true);
    // So many that whatever looks at all of them for each would not come to an end.
    const messages = messagesOf(asked(Array.from({ length: 1_000_000 }, () => ({ role: 'user', content: 'hello' }))));
    expect(JSON.stringify(messages)).toMatch(/\[9\d{5} messages left out: more than \d+ characters\]/);
    const content: unknown[] = [];
    content.length = 10_000_000;
    expect(asked([{ role: 'user', content }])).toContain('parts left out');
  });

  it('leave every part its type', () => {
    decide(true);
    const content = Array.from({ length: 900 }, (_, index) => ({ type: 'text', text: `${index} ${'x '.repeat(500)}` }));
    for (const part of partsOf([{ role: 'user', content }])) expect(part).toHaveProperty('type', expect.any(String));
  });

  it('lose no message to another that cannot be read', () => {
    decide(true);
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const hostile = {
      get role(): never {
        throw new Error('no');
      },
    };
    const json = asked([{ role: 'user', content: 'asked' }, hostile, proxy]);
    expect(json).toContain('"asked"');
    expect(json).toContain('[unreadable]');
    const list = Proxy.revocable([], {});
    list.revoke();
    expect(asked(list.proxy)).toBe('"[unreadable]"');
  });
});

describe('a message', () => {
  it.each<[string, unknown, unknown]>([
    [
      'an uploaded file',
      { type: 'file', file: { file_id: 'file-1' } },
      { type: 'file', modality: 'document', file_id: 'file-1' },
    ],
    [
      'a recording',
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
      { type: 'blob', modality: 'audio', mime_type: 'audio/wav', content: '[3 bytes left out]' },
    ],
    ['a refusal', { type: 'refusal', refusal: 'No.' }, { type: 'text', content: 'No.' }],
    [
      'a tool of the provider',
      { type: 'server_tool_use', id: 's1', name: 'web_search', input: { q: 1 } },
      { type: 'tool_call', id: 's1', name: 'web_search', arguments: { q: 1 } },
    ],
    [
      'what such a tool answered',
      { type: 'web_search_tool_result', tool_use_id: 's1', content: 'found' },
      { type: 'tool_call_response', id: 's1', response: 'found' },
    ],
    [
      'code of Gemini',
      { executableCode: { language: 'PYTHON', code: '1+1' } },
      { type: 'tool_call', name: 'code_execution', arguments: { language: 'PYTHON', code: '1+1' } },
    ],
    ['a thought of Gemini', { thought: true, text: 'hm' }, { type: 'reasoning', content: 'hm' }],
    [
      'a result with a picture',
      {
        type: 'tool_result',
        tool_use_id: 's1',
        content: [{ type: 'image', data: 'iVBOR'.repeat(9), mimeType: 'i/p' }],
      },
      {
        type: 'tool_call_response',
        id: 's1',
        response: [{ type: 'image', data: '[33 bytes left out]', mimeType: 'i/p' }],
      },
    ],
    [
      'an address with a signature',
      { type: 'image_url', image_url: { url: 'https://example.com/a.png?sig=canary' } },
      { type: 'uri', modality: 'image', uri: 'https://example.com/a.png?sig=?' },
    ],
  ])('may have %s', (_name, part, expected) => {
    decide(true);
    expect(partsOf([{ role: 'assistant', content: [part] }])).toEqual([expected]);
  });

  it('may be a choice of OpenAI, a candidate of Gemini, one of Cohere, or an object of the application', () => {
    decide({ outputs: true });
    const text = (content: unknown): object => ({ role: 'assistant', parts: [{ type: 'text', content }] });
    const choice = { index: 0, finish_reason: 'length', message: { role: 'assistant', content: 'hello' } };
    expect(messagesOf(answered({ choices: [choice] }))).toEqual([{ ...text('hello'), finish_reason: 'length' }]);
    const candidate = { content: { role: 'model', parts: [{ text: 'hello' }] } };
    expect(messagesOf(answered({ candidates: [candidate] }))).toMatchObject([text('hello')]);
    expect(messagesOf(answered([{ role: 'CHATBOT', message: 'hello' }]))).toMatchObject([text('hello')]);
    decide(true);
    expect(messagesOf(answered({ answer: 42 }))).toMatchObject([text({ answer: 42 })]);
  });
});
