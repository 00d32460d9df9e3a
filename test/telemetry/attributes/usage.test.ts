import { describe, expect, it } from 'vitest';

import { addUsage, normalizeUsage, type TokenUsage } from '../../../src/telemetry/attributes/usage.ts';
import { fc } from '../../support/properties.ts';

describe('normalizeUsage', () => {
  const inclusive: TokenUsage = {
    inputTokens: 100,
    outputTokens: 30,
    cacheReadTokens: 40,
    cacheWriteTokens: 10,
    reasoningTokens: 12,
  };

  it.each<[string, string, unknown, TokenUsage]>([
    ['its own shape', 'openai', inclusive, inclusive],
    [
      'the AI SDK specifications V3 and V4',
      'anthropic',
      {
        inputTokens: { total: 100, noCache: 50, cacheRead: 40, cacheWrite: 10 },
        outputTokens: { total: 30, text: 18, reasoning: 12 },
      },
      inclusive,
    ],
    [
      'the AI SDK specification V2',
      'openai',
      { inputTokens: 100, outputTokens: 30, totalTokens: 130, reasoningTokens: 12, cachedInputTokens: 40 },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, reasoningTokens: 12 },
    ],
    [
      'the AI SDK specification V2 of Anthropic, which leaves cached tokens out',
      'anthropic',
      { inputTokens: 60, outputTokens: 30, cachedInputTokens: 40 },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40 },
    ],
    [
      'the AI SDK specification V2 of Bedrock, which leaves cached tokens out',
      'aws.bedrock',
      { inputTokens: 60, outputTokens: 30, totalTokens: 90, cachedInputTokens: 40 },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40 },
    ],
    [
      'the AI SDK specification V2 of Google, which leaves thoughts out',
      'gcp.gemini',
      { inputTokens: 100, outputTokens: 18, totalTokens: 130, reasoningTokens: 12, cachedInputTokens: 40 },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, reasoningTokens: 12 },
    ],
    [
      'results of the AI SDK 6 of Google, which have thoughts in their total',
      'gcp.gemini',
      {
        inputTokens: 100,
        inputTokenDetails: { noCacheTokens: 60, cacheReadTokens: 40, cacheWriteTokens: undefined },
        outputTokens: 30,
        outputTokenDetails: { textTokens: 18, reasoningTokens: 12 },
        reasoningTokens: 12,
        cachedInputTokens: 40,
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, reasoningTokens: 12 },
    ],
    [
      'OpenAI chat completions',
      'openai',
      {
        prompt_tokens: 100,
        completion_tokens: 30,
        prompt_tokens_details: { cached_tokens: 40, cache_write_tokens: 10 },
        completion_tokens_details: { reasoning_tokens: 12 },
      },
      inclusive,
    ],
    [
      'chat completions of xAI, which leave reasoning out of the output and have it in the total',
      'x_ai',
      {
        prompt_tokens: 100,
        completion_tokens: 18,
        total_tokens: 130,
        prompt_tokens_details: { cached_tokens: 40 },
        completion_tokens_details: { reasoning_tokens: 12 },
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, reasoningTokens: 12 },
    ],
    [
      'chat completions of xAI, where as many tokens came from a cache as reasoning took',
      'x_ai',
      {
        prompt_tokens: 100,
        completion_tokens: 18,
        total_tokens: 130,
        prompt_tokens_details: { cached_tokens: 12 },
        completion_tokens_details: { reasoning_tokens: 12 },
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 12, reasoningTokens: 12 },
    ],
    [
      "chat completions of Google's models whose total has cached tokens besides, and no thoughts",
      'gcp.gemini',
      { prompt_tokens: 60, completion_tokens: 30, total_tokens: 130, cache_read_input_tokens: 40 },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40 },
    ],
    [
      "chat completions of Google's models, which have thoughts in the total alone",
      'gcp.gemini',
      { prompt_tokens: 100, completion_tokens: 18, total_tokens: 130 },
      { inputTokens: 100, outputTokens: 30, reasoningTokens: 12 },
    ],
    [
      "the AI SDK specifications V3 and V4 of a model of many vendors, here of one of Google's",
      'gemini',
      {
        inputTokens: { total: 100, noCache: 100, cacheRead: 0 },
        outputTokens: { total: 18, text: 18, reasoning: 0 },
        raw: { prompt_tokens: 100, completion_tokens: 18, total_tokens: 130 },
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 0, reasoningTokens: 12 },
    ],
    [
      'chat completions whose total has cached tokens besides, as Portkey streams those of Anthropic',
      'portkey',
      {
        prompt_tokens: 50,
        completion_tokens: 30,
        total_tokens: 130,
        cache_read_input_tokens: 40,
        cache_creation_input_tokens: 10,
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, cacheWriteTokens: 10 },
    ],
    [
      'the AI SDK specifications V3 and V4 of a model of many vendors, here of Anthropic as Portkey streams it',
      'portkey',
      {
        inputTokens: { total: 50, noCache: 50, cacheRead: 0 },
        outputTokens: { total: 30, text: 30, reasoning: 0 },
        raw: {
          prompt_tokens: 50,
          completion_tokens: 30,
          total_tokens: 130,
          cache_read_input_tokens: 40,
          cache_creation_input_tokens: 10,
        },
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, cacheWriteTokens: 10, reasoningTokens: 0 },
    ],
    [
      'the AI SDK specifications V3 and V4 of a model that knows better than its vendor says where others do',
      'deepseek',
      {
        inputTokens: { total: 100, noCache: 60, cacheRead: 40 },
        outputTokens: { total: 30 },
        raw: { prompt_tokens: 100, prompt_cache_hit_tokens: 40, prompt_tokens_details: { cached_tokens: 0 } },
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40 },
    ],
    [
      'chat completions of Anthropic whose input has cached tokens already, as those of LiteLLM',
      'litellm',
      {
        prompt_tokens: 100,
        completion_tokens: 30,
        total_tokens: 130,
        prompt_tokens_details: { cached_tokens: 40 },
        cache_read_input_tokens: 40,
        cache_creation_input_tokens: 10,
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, cacheWriteTokens: 10 },
    ],
    [
      'chat completions of Mistral, whose total has audio besides',
      'mistral_ai',
      { prompt_audio_seconds: 203, prompt_tokens: 4, completion_tokens: 635, total_tokens: 3264 },
      { inputTokens: 4, outputTokens: 635 },
    ],
    [
      'the AI SDK specifications V3 and V4 of a model of Mistral, whose total has audio besides',
      'mistral_ai',
      {
        inputTokens: { total: 4, noCache: 4 },
        outputTokens: { total: 635, text: 635 },
        raw: { prompt_audio_seconds: 203, prompt_tokens: 4, completion_tokens: 635, total_tokens: 3264 },
      },
      { inputTokens: 4, outputTokens: 635 },
    ],
    [
      'the AI SDK specification V2 of a model of many vendors, here of xAI',
      'x_ai',
      { inputTokens: 100, outputTokens: 18, totalTokens: 130, reasoningTokens: 12, cachedInputTokens: 40 },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, reasoningTokens: 12 },
    ],
    [
      'the AI SDK specifications V3 and V4 of a model of many vendors, here of xAI',
      'x_ai',
      {
        inputTokens: { total: 100, noCache: 60, cacheRead: 40 },
        outputTokens: { total: 18, text: 6, reasoning: 12 },
        raw: { prompt_tokens: 100, completion_tokens: 18, total_tokens: 130 },
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, reasoningTokens: 12 },
    ],
    [
      'the AI SDK specifications V3 and V4 of a model of many vendors, here of OpenRouter',
      'openrouter',
      {
        inputTokens: { total: 100, noCache: 60, cacheRead: 40 },
        outputTokens: { total: 30, text: 18, reasoning: 12 },
        raw: {
          prompt_tokens: 100,
          completion_tokens: 30,
          total_tokens: 130,
          prompt_tokens_details: { cached_tokens: 40, cache_write_tokens: 10 },
        },
      },
      inclusive,
    ],
    [
      'OpenAI responses',
      'openai',
      {
        input_tokens: 100,
        output_tokens: 30,
        input_tokens_details: { cached_tokens: 40, cache_write_tokens: 10 },
        output_tokens_details: { reasoning_tokens: 12 },
      },
      inclusive,
    ],
    [
      'Anthropic messages, which leave cached tokens out',
      'anthropic',
      {
        input_tokens: 50,
        output_tokens: 30,
        cache_read_input_tokens: 40,
        cache_creation_input_tokens: 10,
        output_tokens_details: { thinking_tokens: 12 },
      },
      inclusive,
    ],
    [
      'Anthropic messages, which leave out what a compaction used',
      'anthropic',
      {
        input_tokens: 30,
        output_tokens: 10,
        cache_read_input_tokens: 15,
        cache_creation_input_tokens: 10,
        iterations: [
          { type: 'compaction', input_tokens: 20, output_tokens: 20, cache_read_input_tokens: 25 },
          { type: 'message', input_tokens: 30, output_tokens: 10, cache_read_input_tokens: 15 },
        ],
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, cacheWriteTokens: 10 },
    ],
    [
      'Bedrock, which leaves cached tokens out',
      'aws.bedrock',
      { inputTokens: 50, outputTokens: 30, cacheReadInputTokens: 40, cacheWriteInputTokens: 10 },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, cacheWriteTokens: 10 },
    ],
    [
      'Gemini, which leaves thoughts out',
      'gcp.gemini',
      { promptTokenCount: 100, candidatesTokenCount: 18, thoughtsTokenCount: 12, cachedContentTokenCount: 40 },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, reasoningTokens: 12 },
    ],
    [
      'LangChain',
      'anthropic',
      {
        input_tokens: 100,
        output_tokens: 30,
        input_token_details: { cache_read: 40, cache_creation: 10 },
        output_token_details: { reasoning: 12 },
      },
      inclusive,
    ],
    [
      'results of the AI SDK from 6 on',
      'openai',
      {
        inputTokens: 100,
        inputTokenDetails: { noCacheTokens: 50, cacheReadTokens: 40, cacheWriteTokens: 10 },
        outputTokens: 30,
        outputTokenDetails: { textTokens: 18, reasoningTokens: 12 },
        totalTokens: 130,
      },
      inclusive,
    ],
    [
      'results of the AI SDK 6 of Anthropic, which have cached tokens in their total',
      'anthropic',
      {
        inputTokens: 100,
        inputTokenDetails: { noCacheTokens: 60, cacheReadTokens: 40, cacheWriteTokens: undefined },
        outputTokens: 30,
        outputTokenDetails: { textTokens: 30, reasoningTokens: undefined },
        cachedInputTokens: 40,
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40 },
    ],
    [
      'results of the AI SDK 7 of a model of the specification V2 of Anthropic',
      'anthropic',
      {
        inputTokens: 60,
        inputTokenDetails: { noCacheTokens: undefined, cacheReadTokens: 40, cacheWriteTokens: undefined },
        outputTokens: 30,
        outputTokenDetails: { textTokens: undefined, reasoningTokens: undefined },
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40 },
    ],
    [
      'OpenAI agents',
      'openai',
      {
        inputTokens: 100,
        outputTokens: 30,
        inputTokensDetails: { cached_tokens: 40, cache_write_tokens: 10 },
        outputTokensDetails: { reasoning_tokens: 12 },
      },
      inclusive,
    ],
    [
      'a run of OpenAI agents, which has details of each request',
      'openai',
      {
        requests: 3,
        inputTokens: 100,
        outputTokens: 30,
        inputTokensDetails: [{ cached_tokens: 30, cache_write_tokens: 10 }, { cached_tokens: 10 }, {}],
        outputTokensDetails: [{ reasoning_tokens: 12 }, {}],
      },
      inclusive,
    ],
    [
      'Gemini, which leaves out what tools gave the model',
      'gcp.gemini',
      { promptTokenCount: 93, toolUsePromptTokenCount: 7, candidatesTokenCount: 30 },
      { inputTokens: 100, outputTokens: 30 },
    ],
    [
      'interactions of Gemini, which leave thoughts and what tools gave the model out',
      'gcp.gemini',
      {
        total_input_tokens: 93,
        total_tool_use_tokens: 7,
        total_cached_tokens: 40,
        total_output_tokens: 18,
        total_thought_tokens: 12,
        total_tokens: 130,
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, reasoningTokens: 12 },
    ],
    [
      'Mistral',
      'mistral_ai',
      { promptTokens: 100, completionTokens: 30, totalTokens: 130, prompt_tokens_details: { cached_tokens: 40 } },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40 },
    ],
    [
      'Mistral, which has two names for its cached tokens',
      'mistral_ai',
      { promptTokens: 100, completionTokens: 30, totalTokens: 130, num_cached_tokens: 40, prompt_tokens_details: null },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40 },
    ],
    [
      'Cohere, by what is billed',
      'cohere',
      {
        billedUnits: { inputTokens: 100, outputTokens: 30 },
        tokens: { inputTokens: 170, outputTokens: 32 },
        cachedTokens: 40,
      },
      { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40 },
    ],
    [
      'Cohere, where more came from the cache than is billed',
      'cohere',
      {
        billedUnits: { inputTokens: 17, outputTokens: 12 },
        tokens: { inputTokens: 215, outputTokens: 12 },
        cachedTokens: 192,
      },
      { inputTokens: 17, outputTokens: 12 },
    ],
    [
      'Cohere, where it bills something else',
      'cohere',
      { billedUnits: { searchUnits: 1 }, tokens: { inputTokens: 100, outputTokens: 30 } },
      { inputTokens: 100, outputTokens: 30 },
    ],
    [
      'Cohere, where it says nothing of what is billed',
      'cohere',
      { tokens: { inputTokens: 100, outputTokens: 30 } },
      { inputTokens: 100, outputTokens: 30 },
    ],
    [
      'an answer of Ollama',
      'ollama',
      { model: 'qwen3', done: true, prompt_eval_count: 100, eval_count: 30, total_duration: 1 },
      { inputTokens: 100, outputTokens: 30 },
    ],
    [
      'a provider that counts cached tokens beside the input without saying so',
      'unknown',
      { inputTokens: 10, outputTokens: 5, cacheReadTokens: 90, reasoningTokens: 7 },
      { inputTokens: 100, outputTokens: 12, cacheReadTokens: 90, reasoningTokens: 7 },
    ],
  ])('reads %s', (_name, provider, usage, expected) => {
    expect(normalizeUsage(usage, provider)).toEqual(expected);
  });

  it("knows one of Google's models by its name where somebody else serves it", () => {
    const usage = { prompt_tokens: 20, completion_tokens: 198, total_tokens: 623 };
    const counts = { inputTokens: 20, outputTokens: 603, reasoningTokens: 405 };
    expect(normalizeUsage(usage, 'my-gateway', ['google/gemini-2.5-flash'])).toEqual(counts);
    expect(normalizeUsage(usage, 'my-gateway', ['m', 'gemini-2.5-flash'])).toEqual(counts);
    expect(normalizeUsage(usage, 'my-gateway', ['m'])).toEqual({ inputTokens: 20, outputTokens: 198 });

    const asByAiSdk5 = { inputTokens: 20, outputTokens: 198, totalTokens: 623, reasoningTokens: undefined };
    expect(normalizeUsage(asByAiSdk5, 'my-gateway', ['gemini-2.5-flash'])).toEqual(counts);
    const asByLangChain = { input_tokens: 20, output_tokens: 198, total_tokens: 623 };
    expect(normalizeUsage(asByLangChain, 'gcp.gemini')).toEqual(counts);
  });

  it("takes no tokens of tools for thoughts in Google's own words", () => {
    const usage = { inputTokens: 20, outputTokens: 198, totalTokens: 623, cachedInputTokens: undefined };
    expect(normalizeUsage(usage, 'gcp.gemini')).toEqual({ inputTokens: 20, outputTokens: 198 });
  });

  it.each([
    undefined,
    null,
    'text',
    7,
    {},
    [],
    { inputTokens: 'many' },
    { prompt_tokens: -1 },
    { total: 9 },
    { inputTokens: 1e300 },
  ])('finds no usage in %j', (usage) => expect(normalizeUsage(usage)).toBeUndefined());

  it('never answers a negative count, a fraction, or a subset larger than its total', () => {
    const field = fc.oneof(fc.integer(), fc.double(), fc.double({ min: 1e290 }), fc.string(), fc.constant(undefined));
    const keys = [
      'inputTokens',
      'outputTokens',
      'cacheReadTokens',
      'cacheWriteTokens',
      'reasoningTokens',
      'cachedInputTokens',
    ];
    const shape = Object.fromEntries(keys.map((key) => [key, field]));
    fc.assert(
      fc.property(fc.record(shape, { requiredKeys: [] }), fc.constantFrom('openai', 'anthropic'), (usage, provider) => {
        const counts = normalizeUsage(usage, provider) ?? {};
        for (const value of Object.values(counts)) expect(Number.isInteger(value) && value >= 0).toBe(true);
        const cached = (counts.cacheReadTokens ?? 0) + (counts.cacheWriteTokens ?? 0);
        expect(cached).toBeLessThanOrEqual(counts.inputTokens ?? 0);
        expect(counts.reasoningTokens ?? 0).toBeLessThanOrEqual(counts.outputTokens ?? 0);
      }),
    );
  });
});

describe('addUsage', () => {
  it('adds count by count and keeps what neither side knows unknown', () => {
    expect(addUsage({ inputTokens: 1, cacheReadTokens: 1 }, { inputTokens: 2, outputTokens: 3 })).toEqual({
      inputTokens: 3,
      outputTokens: 3,
      cacheReadTokens: 1,
    });
  });
});
