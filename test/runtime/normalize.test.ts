import { describe, expect, test } from 'vitest';

import { ModelResponseError } from '../../src/runtime/index.ts';
import type { ModelAnswer } from '../../src/runtime/models/answer.ts';
import {
  readAnswer as readAnswerWith,
  readStreamedAnswer,
  type AnswerListener,
} from '../../src/runtime/models/normalize.ts';
import { rejection } from './support/agents.ts';

const silent: AnswerListener = { onFirstPart() {}, onPiece() {}, onKnown() {} };

function readAnswer(result: unknown): ModelAnswer {
  return readAnswerWith(result, silent);
}

function streamOf(...parts: unknown[]): { stream: ReadableStream<unknown> } {
  return {
    stream: new ReadableStream({
      start: (controller) => {
        for (const part of parts) controller.enqueue(part);
        controller.close();
      },
    }),
  };
}

function readStream(...parts: unknown[]): Promise<ModelAnswer> {
  return readStreamedAnswer(streamOf(...parts), new AbortController().signal, silent);
}

const stop = { unified: 'stop', raw: 'end_turn' };
const finish = { type: 'finish', finishReason: stop, usage: {} };

describe('a whole answer', () => {
  test('keeps what the provider wants back with each part', () => {
    const answer = readAnswer({
      content: [
        { type: 'reasoning', text: '', providerMetadata: { anthropic: { redactedData: 'abc' } } },
        { type: 'reasoning', text: 'hm', providerMetadata: { anthropic: { signature: 'sig' } } },
        { type: 'text', text: 'Hello' },
        { type: 'source', url: 'https://example.com' },
        {
          type: 'tool-call',
          toolCallId: 'a',
          toolName: 'look',
          input: '{}',
          providerMetadata: { google: { thoughtSignature: 't' } },
        },
      ],
      finishReason: 'tool-calls',
      usage: { inputTokens: 1 },
      response: { id: 'r-1', modelId: 'm-1', timestamp: new Date() },
    });

    expect(answer).toEqual({
      id: 'r-1',
      model: 'm-1',
      text: 'Hello',
      finishReason: 'tool-calls',
      usage: { inputTokens: 1 },
      toolCalls: [{ id: 'a', name: 'look', input: {} }],
      parts: [
        { type: 'reasoning', text: '', providerOptions: { anthropic: { redactedData: 'abc' } } },
        { type: 'reasoning', text: 'hm', providerOptions: { anthropic: { signature: 'sig' } } },
        { type: 'text', text: 'Hello' },
        {
          type: 'tool-call',
          toolCallId: 'a',
          toolName: 'look',
          input: {},
          providerOptions: { google: { thoughtSignature: 't' } },
        },
      ],
    });
  });

  test('leaves out tools the provider has run itself', () => {
    const call = { type: 'tool-call', toolCallId: 'a', toolName: 'web_search', input: '{}', providerExecuted: true };

    expect(readAnswer({ content: [call, { type: 'text', text: 'Found.' }], finishReason: stop })).toMatchObject({
      toolCalls: [],
      parts: [{ type: 'text', text: 'Found.' }],
    });
  });

  test.each([undefined, ''])('gives tool calls an id of their own when the provider gives %j', (toolCallId) => {
    const call = { type: 'tool-call', toolCallId, toolName: 'look', input: '{}' };
    const answers = Array.from({ length: 50 }, () => readAnswer({ content: [call, call], finishReason: stop }));

    const ids = answers.flatMap(({ toolCalls }) => toolCalls.map(({ id }) => id));
    expect(new Set(ids).size).toBe(100);
    // What every vendor accepts back: Mistral wants exactly this, others less.
    for (const id of ids) expect(id).toMatch(/^[a-z0-9]{9}$/);
    expect(answers[0]?.parts).toMatchObject([{ toolCallId: ids[0] }, { toolCallId: ids[1] }]);
  });

  test.each([
    ['stop', 'stop'],
    [{ unified: 'length', raw: 'max_tokens' }, 'length'],
    ['unknown', 'other'],
    [{ unified: 'something new' }, 'other'],
    [undefined, 'other'],
  ])('with the finish reason %j ends with %s', (finishReason, expected) => {
    expect(readAnswer({ content: [], finishReason }).finishReason).toBe(expected);
  });

  test.each([
    ['nothing', undefined],
    ['text', 'hello'],
    ['no content', { finishReason: 'stop' }],
    [
      'a tool call without a name',
      { content: [{ type: 'tool-call', toolCallId: 'a', input: '{}' }], finishReason: 'stop' },
    ],
  ])('that is %s is refused', (_name, result) => {
    expect(() => readAnswer(result)).toThrow(expect.objectContaining({ name: 'ModelResponseError', kind: 'invalid' }));
  });

  test.each([
    ['error', 'error'],
    ['interrupted', 'cut'],
  ])('that finished with %s is a failure', (unified, kind) => {
    expect(() => readAnswer({ content: [], finishReason: { unified } })).toThrow(expect.objectContaining({ kind }));
  });
});

describe('a streamed answer', () => {
  test('keeps blocks in the order they begin, also when ids are used again', async () => {
    const answer = await readStream(
      { type: 'stream-start', warnings: [] },
      { type: 'reasoning-start', id: '0', providerMetadata: { anthropic: { redactedData: 'x' } } },
      { type: 'reasoning-end', id: '0' },
      { type: 'reasoning-start', id: '0' },
      { type: 'text-start', id: '0' },
      { type: 'text-delta', id: '0', delta: 'Hel' },
      { type: 'reasoning-delta', id: '0', delta: 'hm' },
      { type: 'text-delta', id: '0', delta: 'lo' },
      { type: 'reasoning-end', id: '0', providerMetadata: { anthropic: { signature: 's' } } },
      { type: 'text-end', id: '0' },
      { type: 'text-start', id: '0' },
      { type: 'text-delta', id: '0', delta: ' there' },
      { type: 'text-end', id: '0' },
      finish,
    );

    expect(answer.text).toBe('Hello there');
    expect(answer.parts).toEqual([
      { type: 'reasoning', text: '', providerOptions: { anthropic: { redactedData: 'x' } } },
      { type: 'reasoning', text: 'hm', providerOptions: { anthropic: { signature: 's' } } },
      { type: 'text', text: 'Hello' },
      { type: 'text', text: ' there' },
    ]);
  });

  test('says when its first part arrives, be it text, reasoning or a tool', async () => {
    for (const part of [
      { type: 'text-delta', id: '0', delta: 'a' },
      { type: 'reasoning-delta', id: '0', delta: 'a' },
      { type: 'tool-input-start', id: '0', toolName: 'look' },
      { type: 'tool-call', toolCallId: '0', toolName: 'look', input: '{}' },
    ]) {
      let times = 0;
      const listener = { ...silent, onFirstPart: () => void (times += 1) };
      const start = [
        { type: 'text-start', id: '0' },
        { type: 'text-delta', id: '0', delta: '' },
      ];
      await readStreamedAnswer(streamOf(...start, part, part, finish), new AbortController().signal, listener);

      expect(times).toBe(1);
    }
  });

  test('is over at its finish part, whatever the provider does after it', async () => {
    let cancelled = false;
    const stream = new ReadableStream({
      start: (controller) => controller.enqueue(finish),
      cancel: () => {
        cancelled = true;
      },
    });

    await readStreamedAnswer({ stream }, new AbortController().signal, silent);

    expect(cancelled).toBe(true);
  });

  test('of V2 that ends for an unknown reason was cut, unless its tokens were counted', async () => {
    const cut = { type: 'finish', finishReason: 'unknown', usage: { inputTokens: undefined } };
    const odd = { type: 'finish', finishReason: 'unknown', usage: { inputTokens: 7 } };

    expect(await rejection(readStream(cut))).toMatchObject({ name: 'ModelResponseError', kind: 'cut' });
    expect(await readStream(odd)).toMatchObject({ finishReason: 'other' });
  });

  test('of V3 or V4 that ends for no reason at all was cut, also when its tokens were counted', async () => {
    const end = (finishReason: object): object => ({
      type: 'finish',
      finishReason,
      usage: { inputTokens: { total: 7 } },
    });

    const cut = { name: 'ModelResponseError', kind: 'cut' };
    const piece = { type: 'text-delta', id: '0', delta: 'a' };
    expect(await rejection(readStream(piece, end({ unified: 'other', raw: undefined })))).toMatchObject(cut);
    expect(await rejection(readStream(piece, end({ unified: 'other' })))).toMatchObject(cut);
    const block = { type: 'reasoning-start', id: '0' };
    expect(await rejection(readStream(block, end({ unified: 'other' })))).toMatchObject(cut);
    expect(await readStream(end({ unified: 'other', raw: 'compaction' }))).toMatchObject({ finishReason: 'other' });
    // OpenAI's Responses have no word for an answer that is complete.
    expect(await readStream(end({ unified: 'stop', raw: undefined }))).toMatchObject({ finishReason: 'stop' });
  });

  test('of V3 or V4 that ends before it begins was cut, unless its tokens were counted', async () => {
    const metadata = { type: 'response-metadata', id: 'r-1' };
    const end = (usage: object): object => ({
      type: 'finish',
      finishReason: { unified: 'other', raw: undefined },
      usage,
    });

    // Google's word for a prompt it has blocked: it has read it, and says nothing.
    const blocked = end({ inputTokens: { total: 7 }, outputTokens: { total: undefined } });
    expect(await readStream(metadata, blocked)).toMatchObject({ text: '', finishReason: 'other' });
    const cut = { name: 'ModelResponseError', kind: 'cut' };
    expect(await rejection(readStream(metadata, end({ inputTokens: { total: undefined } })))).toMatchObject(cut);
    expect(await rejection(readStream(metadata, end({ inputTokens: { total: 0 } })))).toMatchObject(cut);
  });

  test.each([
    ['no finish part', [{ type: 'text-delta', id: '0', delta: 'a' }], { kind: 'cut' }],
    ['an error of its own', [{ type: 'finish', finishReason: { unified: 'error' } }], { kind: 'error' }],
    ['an interruption', [{ type: 'finish', finishReason: { unified: 'interrupted' } }], { kind: 'cut' }],
    [
      'an error object',
      [{ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }],
      { kind: 'error', statusCode: 529, message: 'the provider reported an error: Overloaded' },
    ],
    [
      'a wrapped error object',
      [{ type: 'error', error: { type: 'error', error: { type: 'rate_limit_error', message: 'slow' } } }],
      { statusCode: 429 },
    ],
    [
      'an error object with a code',
      [{ type: 'error', error: { code: 502, message: 'Bad gateway' } }],
      { statusCode: 502 },
    ],
    [
      'error text',
      [{ type: 'error', error: 'out of luck' }],
      { message: 'the provider reported an error: out of luck' },
    ],
    [
      'an error without words',
      [{ type: 'error', error: null }],
      { message: 'the provider reported an error: no message' },
    ],
  ])('with %s is a failure', async (_name, parts, expected) => {
    const error = await rejection(readStream(...parts));

    expect(error).toBeInstanceOf(ModelResponseError);
    expect(error).toMatchObject(expected);
  });

  test('with a real error in it fails with that one', async () => {
    const error = new RangeError('no');

    expect(await rejection(readStream({ type: 'error', error }))).toBe(error);
  });

  test('that is no stream is refused', async () => {
    expect(await rejection(readStreamedAnswer({}, new AbortController().signal, silent))).toMatchObject({
      kind: 'invalid',
    });
  });

  test('stops being read when the signal aborts, although the model goes on', async () => {
    const controller = new AbortController();
    let cancelled: unknown;
    const stream = new ReadableStream({
      cancel: (reason) => {
        cancelled = reason ?? 'cancelled';
      },
    });
    const answer = readStreamedAnswer({ stream }, controller.signal, silent);
    controller.abort('enough');

    expect(await rejection(answer)).toBe('enough');
    expect(cancelled).toBe('cancelled');
  });
});
