import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { afterEach, describe, expect, test } from 'vitest';

import {
  startStubProvider,
  type StubProvider,
  type StubProviderScript,
  type StubTurn,
} from '../../src/testing/stub-provider.ts';

const KEY = 'sk-stub-0123456789abcdef';
const PROMPT = [
  {
    role: 'user' as const,
    content: [{ type: 'text' as const, text: 'What is the weather in Lisbon?' }],
  },
];

let provider: StubProvider;

afterEach(() => provider.close());

async function start(script: StubProviderScript): Promise<ReturnType<typeof createOpenAICompatible>> {
  provider = await startStubProvider(script);
  return createOpenAICompatible({
    name: 'stub',
    baseURL: provider.baseUrl,
    apiKey: KEY,
    includeUsage: true,
  });
}

/** Reads a stream to its end: its parts, and the error if reading threw. */
async function readAll(
  stream: ReadableStream<{ type: string }>,
): Promise<{ parts: { type: string }[]; error?: unknown }> {
  const parts: { type: string }[] = [];
  try {
    for await (const part of stream) parts.push(part);
    return { parts };
  } catch (error) {
    return { parts, error };
  }
}

async function errorOf(promise: PromiseLike<unknown>): Promise<Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Record<string, unknown>;
  }
  throw new Error('expected a rejection');
}

describe('a regular answer', () => {
  test('carries text, finish reason, response model, id and every token detail', async () => {
    const vendor = await start({
      'm-1': [
        {
          type: 'text',
          text: '19 °C and sunny.',
          reasoning: 'The user wants weather.',
          responseModel: 'm-1-2026-01-01',
          usage: { inputTokens: 100, outputTokens: 30, cachedTokens: 40, reasoningTokens: 12 },
        },
      ],
    });

    const result = await vendor('m-1').doGenerate({ prompt: PROMPT });

    expect(result.content).toEqual([
      { type: 'reasoning', text: 'The user wants weather.' },
      { type: 'text', text: '19 °C and sunny.' },
    ]);
    expect(result.finishReason).toEqual({ unified: 'stop', raw: 'stop' });
    expect(result.response).toMatchObject({ id: 'chatcmpl-1', modelId: 'm-1-2026-01-01' });
    expect(result.usage).toMatchObject({
      inputTokens: { total: 100, noCache: 60, cacheRead: 40 },
      outputTokens: { total: 30, text: 18, reasoning: 12 },
    });
  });

  test('streams the same in pieces and sends usage when asked', async () => {
    const vendor = await start({
      'm-1': [
        {
          type: 'text',
          text: '19 °C and sunny.',
          usage: { inputTokens: 7, outputTokens: 4 },
          finishReason: 'length',
        },
      ],
    });

    const { stream } = await vendor('m-1').doStream({ prompt: PROMPT });
    const { parts } = await readAll(stream);

    const deltas = parts.flatMap((part) => ('delta' in part ? [part.delta] : []));
    expect(deltas).toEqual(['19', ' °C', ' and', ' sunny.']);
    expect(parts.at(-1)).toMatchObject({
      type: 'finish',
      finishReason: { unified: 'length' },
      usage: { inputTokens: { total: 7 }, outputTokens: { total: 4 } },
    });
    expect(provider.requests[0]?.body).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test('leaves usage out of a stream that did not ask for it, and out of any answer scripted without', async () => {
    await start({
      'm-1': [
        { type: 'text', text: 'Hi.' },
        { type: 'text', text: 'Hi.', usage: 'none' },
      ],
    });
    const silent = createOpenAICompatible({ name: 'stub', baseURL: provider.baseUrl, apiKey: KEY });

    const { parts } = await readAll((await silent('m-1').doStream({ prompt: PROMPT })).stream);
    const second = await silent('m-1').doGenerate({ prompt: PROMPT });

    expect(parts.at(-1)).toMatchObject({ usage: { inputTokens: { total: undefined } } });
    expect(second.usage.inputTokens.total).toBeUndefined();
  });

  test.each(['doGenerate', 'doStream'] as const)('%s gives tool calls with their ids and arguments', async (method) => {
    const turn: StubTurn = {
      type: 'toolCalls',
      calls: [
        { name: 'get_weather', arguments: { city: 'Lisbon' } },
        { name: 'get_weather', arguments: '{"city": broken', id: 'call_x' },
      ],
    };
    const vendor = await start({ 'm-1': [turn] });
    const model = vendor('m-1');

    const parts =
      method === 'doGenerate'
        ? (await model.doGenerate({ prompt: PROMPT })).content
        : (await readAll((await model.doStream({ prompt: PROMPT })).stream)).parts;

    expect(parts.filter((part) => part.type === 'tool-call')).toEqual([
      {
        type: 'tool-call',
        toolCallId: 'call_1',
        toolName: 'get_weather',
        input: '{"city":"Lisbon"}',
      },
      {
        type: 'tool-call',
        toolCallId: 'call_x',
        toolName: 'get_weather',
        input: '{"city": broken',
      },
    ]);
  });
});

describe('an HTTP error', () => {
  test('429 is retryable and keeps its headers', async () => {
    const vendor = await start({
      'm-1': [{ type: 'status', status: 429, headers: { 'retry-after': '7' } }],
    });

    const error = await errorOf(vendor('m-1').doGenerate({ prompt: PROMPT }));

    expect(error).toMatchObject({
      name: 'AI_APICallError',
      statusCode: 429,
      isRetryable: true,
      message: 'Rate limit reached for m-1.',
      data: { error: { code: 'rate_limit_exceeded' } },
    });
    expect(error['responseHeaders']).toMatchObject({ 'retry-after': '7' });
  });

  test('401 echoes part of the key, as vendors do', async () => {
    const vendor = await start({ 'm-1': [{ type: 'status', status: 401 }] });

    const error = await errorOf(vendor('m-1').doStream({ prompt: PROMPT }));

    expect(error).toMatchObject({
      statusCode: 401,
      isRetryable: false,
      message: 'Incorrect API key provided: sk-stub-********cdef.',
    });
  });

  test('400 and 500 and a body of one’s own arrive as scripted', async () => {
    const vendor = await start({
      'm-1': [
        { type: 'status', status: 400 },
        { type: 'status', status: 500 },
        {
          type: 'status',
          status: 502,
          body: '<html>Bad Gateway</html>',
          headers: { 'content-type': 'text/html' },
        },
        { type: 'status', status: 200, body: { id: 'x', choices: [] } },
      ],
    });
    const ask = (): Promise<Record<string, unknown>> => errorOf(vendor('m-1').doGenerate({ prompt: PROMPT }));

    expect(await ask()).toMatchObject({ statusCode: 400, isRetryable: false });
    expect(await ask()).toMatchObject({ statusCode: 500, isRetryable: true });
    expect(await ask()).toMatchObject({
      statusCode: 502,
      responseBody: '<html>Bad Gateway</html>',
    });
    expect(await ask()).toMatchObject({ name: 'AI_InvalidResponseDataError' });
  });
});

describe('a broken answer', () => {
  test('junk is a 200 that cannot be parsed', async () => {
    const vendor = await start({ 'm-1': [{ type: 'junk' }] });

    const error = await errorOf(vendor('m-1').doGenerate({ prompt: PROMPT }));

    expect(error).toMatchObject({ name: 'AI_APICallError', statusCode: 200, isRetryable: false });
    expect(error['cause']).toMatchObject({ name: 'AI_JSONParseError' });
  });

  test('a reset is a network error without a status, and nobody aborted', async () => {
    const vendor = await start({ 'm-1': [{ type: 'reset' }] });

    const error = await errorOf(vendor('m-1').doGenerate({ prompt: PROMPT }));

    expect(error).toMatchObject({ name: 'AI_APICallError', isRetryable: true });
    expect(error['statusCode']).toBeUndefined();
    expect(provider.requests.map((request) => request.abortedByClient)).toEqual([false]);
  });

  test('a cut stream gives its text first and then fails while reading', async () => {
    const vendor = await start({ 'm-1': [{ type: 'cut', text: 'Half an' }] });

    const { stream } = await vendor('m-1').doStream({ prompt: PROMPT });
    const { parts, error } = await readAll(stream);

    expect(parts.flatMap((part) => ('delta' in part ? [part.delta] : []))).toEqual(['Half', ' an']);
    expect(error).toMatchObject({ name: 'AI_APICallError', statusCode: 200, isRetryable: true });
    expect(provider.requests.map((request) => request.abortedByClient)).toEqual([false]);
  });

  test('a cut answer that is not streamed fails while the body is read', async () => {
    const vendor = await start({ 'm-1': [{ type: 'cut', text: 'Half an answer' }] });

    const error = await errorOf(vendor('m-1').doGenerate({ prompt: PROMPT }));

    expect(error).toMatchObject({ name: 'AI_APICallError' });
  });

  test('an error frame ends the stream with an error part', async () => {
    const vendor = await start({
      'm-1': [{ type: 'errorFrame', text: 'Half an', message: 'overloaded' }],
    });

    const { stream } = await vendor('m-1').doStream({ prompt: PROMPT });
    const { parts } = await readAll(stream);

    expect(parts.find((part) => part.type === 'error')).toBeDefined();
    expect(parts.at(-1)).toMatchObject({ type: 'finish', finishReason: { unified: 'error' } });
  });

  test('an unfinished stream has no finish reason', async () => {
    const vendor = await start({ 'm-1': [{ type: 'unfinished', text: 'Half an' }] });

    const { stream } = await vendor('m-1').doStream({ prompt: PROMPT });
    const { parts } = await readAll(stream);

    expect(parts.flatMap((part) => ('delta' in part ? [part.delta] : []))).toEqual(['Half', ' an']);
    expect(parts.at(-1)).not.toMatchObject({ finishReason: { unified: 'stop' } });
  });
});

describe('a provider that hangs', () => {
  test.each(['doGenerate', 'doStream'] as const)(
    'never answers %s, and knows that the client gave up',
    async (method) => {
      const vendor = await start({ 'm-1': [{ type: 'hang' }] });
      const stop = new AbortController();
      const reason = new Error('the user pressed stop');

      const answer = errorOf(vendor('m-1')[method]({ prompt: PROMPT, abortSignal: stop.signal }));
      const request = await provider.waitForRequest();
      expect(request.abortedByClient).toBe(false);
      stop.abort(reason);

      expect(await provider.waitForAbort()).toBe(request);
      expect(request.abortedByClient).toBe(true);
      expect(await answer).toBe(reason);
    },
  );

  test('can stream some text first', async () => {
    const vendor = await start({ 'm-1': [{ type: 'hang', text: 'Let me' }] });

    const { stream } = await vendor('m-1').doStream({ prompt: PROMPT });
    for await (const part of stream) if (part.type === 'text-delta') break;

    expect((await provider.waitForAbort()).abortedByClient).toBe(true);
  });

  test('is ended by close, which waits for nobody and blames nobody', async () => {
    const vendor = await start({ 'm-1': [{ type: 'hang' }] });
    const answer = errorOf(vendor('m-1').doGenerate({ prompt: PROMPT }));
    const request = await provider.waitForRequest();
    const wait = errorOf(provider.waitForAbort());

    await provider.close();

    expect(await answer).toMatchObject({ name: 'AI_APICallError' });
    expect(await wait).toMatchObject({
      message: 'Waited for 1 aborted requests until the server was closed, and 0 came.',
    });
    expect(request.abortedByClient).toBe(false);
    await expect(fetch(provider.origin)).rejects.toThrow('fetch failed');
  });
});

describe('the script', () => {
  test('plays the turns of each model in order and says when there are none left', async () => {
    const vendor = await start({
      'm-1': [{ type: 'text', text: 'one' }],
      'm-2': [{ type: 'text', text: 'two' }],
    });

    await vendor('m-1').doGenerate({ prompt: PROMPT });
    const other = await vendor('m-2').doGenerate({ prompt: PROMPT });
    const error = await errorOf(vendor('m-1').doGenerate({ prompt: PROMPT }));

    expect(other.content).toEqual([{ type: 'text', text: 'two' }]);
    expect(error).toMatchObject({
      statusCode: 400,
      message: 'The script of m-1 has 1 turns and all were used.',
    });
  });

  test('can be a function of the request and of how often the model was asked', async () => {
    const vendor = await start({
      'm-1': async ({ body }, turn) => ({
        type: 'text',
        text: `${turn}: ${body.messages.length} message`,
      }),
    });

    await vendor('m-1').doGenerate({ prompt: PROMPT });
    const second = await vendor('m-1').doGenerate({ prompt: PROMPT });

    expect(second.content).toEqual([{ type: 'text', text: '1: 1 message' }]);
  });

  test('that throws answers 500 with the reason instead of hanging', async () => {
    const vendor = await start({
      'm-1': () => {
        throw new Error('no such city');
      },
    });

    const error = await errorOf(vendor('m-1').doGenerate({ prompt: PROMPT }));

    expect(error).toMatchObject({
      statusCode: 500,
      message: "The stub provider's script failed: Error: no such city",
    });
  });
});

describe('the server', () => {
  test('records what was asked, with the headers and the parsed body', async () => {
    const vendor = await start({ 'm-1': [{ type: 'text', text: 'Hi.' }] });

    await vendor('m-1').doGenerate({ prompt: PROMPT, temperature: 0.2 });

    expect(provider.requests).toHaveLength(1);
    expect(provider.requests[0]).toMatchObject({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { authorization: `Bearer ${KEY}` },
      body: {
        model: 'm-1',
        temperature: 0.2,
        messages: [{ role: 'user', content: 'What is the weather in Lisbon?' }],
      },
      abortedByClient: false,
    });
  });

  test('lists its models', async () => {
    await start({ 'm-1': [], 'm-2': [] });

    const answer = await fetch(`${provider.baseUrl}/models`, {
      headers: { authorization: `Bearer ${KEY}` },
    });

    expect(await answer.json()).toMatchObject({
      object: 'list',
      data: [{ id: 'm-1' }, { id: 'm-2' }],
    });
  });

  test('refuses a request without a key, a body that is no request, an unknown model and an unknown path', async () => {
    await start({ 'm-1': [] });
    const headers = { authorization: `Bearer ${KEY}` };
    const chat = `${provider.baseUrl}/chat/completions`;
    const model = { model: 'toString', messages: [] };

    const answers = await Promise.all([
      fetch(chat, { method: 'POST', body: JSON.stringify(model) }),
      fetch(chat, { method: 'POST', body: 'not JSON', headers }),
      fetch(chat, { method: 'POST', body: JSON.stringify(model), headers }),
      fetch(`${provider.baseUrl}/embeddings`, { method: 'POST', headers }),
    ]);

    expect(answers.map((answer) => answer.status)).toEqual([401, 400, 404, 404]);
    expect(provider.requests).toHaveLength(1);
  });
});
