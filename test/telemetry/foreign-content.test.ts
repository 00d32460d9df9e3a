import type { Attributes } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { describe, expect, it } from 'vitest';

import { createContentPolicy, type ContentOptions } from '../../src/telemetry/content/policy.ts';
import { createContentGuard } from '../../src/telemetry/export/content-policy.ts';
import { sentryDialect } from '../../src/telemetry/export/dialects/sentry.ts';

/** What leaves of a span of another instrumentation, while all content is recorded, or what is named. */
function leaving(attributes: Attributes, captureContent: ContentOptions['captureContent'] = true): Attributes {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.getTracer('somebody-else').startSpan('their span', { attributes }).end();
  const guard = createContentGuard(createContentPolicy({ captureContent }));
  return guard.allow(exporter.getFinishedSpans()[0]!).attributes;
}

function bytesOf(attributes: Attributes): number {
  return Object.values(attributes)
    .flat()
    .reduce<number>((sum, text) => sum + Buffer.byteLength(String(text)), 0);
}

const FILE = Buffer.from(Array.from({ length: 900 }, (_, index) => (index * 89) % 251)).toString('base64');

describe('content of another instrumentation', () => {
  it('has no file in it', () => {
    const attributes = leaving({
      'ai.prompt.messages': JSON.stringify([
        { role: 'user', content: [{ type: 'image', data: FILE.slice(0, 80), mediaType: 'image/png' }] },
      ]),
      'input.value': JSON.stringify({ messages: [{ image_url: { url: `data:image/png;base64,${FILE}` } }] }),
      'output.value': `see ${FILE}`,
    });
    expect(JSON.stringify(attributes)).not.toContain(FILE.slice(0, 40));
    expect(attributes['output.value']).toBe('see [900 bytes left out]');
  });

  it('stays as it was written where nothing has to go', () => {
    const written = '{ "id": 12345678901234567890, "city": "Lisbon" }';
    expect(leaving({ 'input.value': written })['input.value']).toBe(written);
  });

  it('keeps of a conversation what one of ours would, in its own shape', () => {
    const old = Array.from({ length: 300 }, (_, index) => ({
      role: 'assistant',
      content: `${index} ${'x '.repeat(250)}`,
    }));
    const messages = [{ role: 'system', content: 'instructed' }, ...old, { role: 'user', content: 'last' }];
    const left = String(leaving({ 'gen_ai.input.messages': JSON.stringify(messages) })['gen_ai.input.messages']);
    const kept = JSON.parse(left) as readonly { readonly content: string }[];
    expect(kept[0]).toEqual({ role: 'system', content: 'instructed' });
    expect(kept[1]?.content).toMatch(/^\[\d+ messages left out: \d+ characters\]$/);
    expect(kept.at(-1)).toEqual({ role: 'user', content: 'last' });
    expect(Buffer.byteLength(left)).toBeLessThanOrEqual(65_536);
  });

  it.each([
    ['ai.prompt', { system: 'instructed' }, {}],
    ['input.value', { model: 'm-1' }, { tools: [{ name: 'weather' }], temperature: 0.5 }],
    ['input.value', {}, { tools: [{ description: 'y '.repeat(100_000) }] }],
  ])('keeps it also where %s is a request with messages in it', (name, before, after) => {
    const old = Array.from({ length: 300 }, (_, index) => ({
      role: 'assistant',
      content: `${index} ${'x '.repeat(250)}`,
    }));
    const messages = [{ role: 'system', content: 'first' }, ...old, { role: 'user', content: 'last' }];
    const left = String(leaving({ [name]: JSON.stringify({ ...before, messages, ...after }) })[name]);
    const kept = JSON.parse(left) as { readonly messages: readonly { readonly content: string }[] };
    expect(Object.keys(kept)).toEqual([...Object.keys(before), ...Object.keys(after), 'messages']);
    expect(kept).toMatchObject(before);
    expect(kept.messages[0]).toEqual({ role: 'system', content: 'first' });
    expect(kept.messages[1]?.content).toMatch(/^\[\d+ messages left out: \d+ characters\]$/);
    expect(kept.messages.at(-1)).toEqual({ role: 'user', content: 'last' });
    expect(kept.messages.length).toBeGreaterThan(50);
    expect(Buffer.byteLength(left)).toBeLessThanOrEqual(65_536);
  });

  it('is JSON also where it is too long to be read', () => {
    const text = JSON.stringify([{ role: 'user', content: 'y'.repeat(4_300_000) }]);
    const left = String(leaving({ 'gen_ai.input.messages': text })['gen_ai.input.messages']);
    expect(JSON.parse(left)).toMatch(/^\[left out: \d+ characters\]$/);
  });

  it('is no more bytes than a span and an attribute may have, also where letters have three and texts are many', () => {
    const names = Array.from({ length: 30 }, (_, index) => [`gen_ai.prompt.${index}.content`, '漢'.repeat(21_000)]);
    expect(bytesOf(leaving(Object.fromEntries(names) as Attributes))).toBeLessThanOrEqual(262_144);
    const list = Array.from({ length: 20_000 }, () => 'a '.repeat(400));
    expect(bytesOf(leaving({ 'input.value': list }))).toBeLessThanOrEqual(65_536);
  });
});

it('the answer of a model in another instrumentation is recorded with answers alone, the tools it calls are not', () => {
  const answer = {
    'ai.response.text': 'Sunny.',
    'ai.response.reasoning': 'It said so.',
    'ai.response.object': '{"sky":"clear"}',
    'gen_ai.response.text': 'Sunny.',
  };
  const others = {
    'ai.response.toolCalls': '[{"args":"canary"}]',
    'ai.prompt': 'canary',
    'gen_ai.completion': 'canary',
  };
  expect(leaving({ ...answer, ...others }, { outputs: true })).toEqual(answer);
  expect(leaving({ ...answer, ...others }, { inputs: true, toolArguments: true })).toEqual({});
});

describe('an attribute that is no content', () => {
  it('is no longer than one that is', () => {
    const left = leaving({ 'custom.note': 'z '.repeat(2_000_000), 'db.query.text': 'SELECT a, '.repeat(100_000) });
    for (const value of Object.values(left)) expect(Buffer.byteLength(String(value))).toBeLessThanOrEqual(65_536);
    expect(left['custom.note']).toMatch(/… \[cut, 4000000 characters in all\]$/);
  });
});

describe('the answers of tools for Sentry', () => {
  it('stand under both names only where that is not too much', () => {
    const translated = (response: string): string => {
      const parts = [{ type: 'tool_call_response', id: 'c1', response }];
      const attributes = { 'gen_ai.input.messages': JSON.stringify([{ role: 'tool', parts }]) };
      const span = { name: 'chat', attributes, instrumentationScope: { name: 'faultline' } };
      return String(sentryDialect(span as never).attributes['gen_ai.input.messages']);
    };
    expect(JSON.parse(translated('short'))).toMatchObject([{ parts: [{ response: 'short', result: 'short' }] }]);
    const long = translated('r'.repeat(60_000));
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(65_536);
    expect(JSON.parse(long)).toMatchObject([{ parts: [{ id: 'c1', result: 'r'.repeat(60_000) }] }]);
  });
});
