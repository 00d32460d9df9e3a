import { describe, expect, it } from 'vitest';

import { createPricing } from '../../../src/telemetry/attributes/cost.ts';

const usage = { inputTokens: 100_000, outputTokens: 5_000, cacheReadTokens: 40_000, cacheWriteTokens: 10_000 };

describe('createPricing', () => {
  it('prices cached tokens once, at the price of cached tokens', () => {
    const cost = createPricing()({ provider: 'anthropic', models: ['claude-sonnet-4-5-20250929'], usage });
    // 50k × $3 + 40k × $0.30 + 10k × $3.75 + 5k × $15, per million
    expect(cost?.totalUsd).toBeCloseTo(0.2745, 10);
  });

  it.each<[string, { provider: string; model: string; given: object; usage: object; usd: number }]>([
    [
      'what Anthropic keeps in its cache for an hour',
      {
        provider: 'anthropic',
        model: 'claude-sonnet-4-5-20250929',
        given: { cache_creation: { ephemeral_5m_input_tokens: 400, ephemeral_1h_input_tokens: 600 } },
        usage: { inputTokens: 3050, outputTokens: 30, cacheReadTokens: 2000, cacheWriteTokens: 1000 },
        usd: (50 * 3 + 2000 * 0.3 + 400 * 3.75 + 600 * 6 + 30 * 15) / 1e6,
      },
    ],
    [
      'audio OpenAI reads and speaks',
      {
        provider: 'openai',
        model: 'gpt-audio',
        given: { prompt_tokens_details: { audio_tokens: 80 }, completion_tokens_details: { audio_tokens: 60 } },
        usage: { inputTokens: 100, outputTokens: 70 },
        usd: (20 * 2.5 + 80 * 32 + 10 * 10 + 60 * 64) / 1e6,
      },
    ],
    [
      'audio Gemini reads, as a model of the AI SDK hands it on',
      {
        provider: 'gcp.gemini',
        model: 'gemini-2.5-flash',
        given: {
          raw: {
            promptTokensDetails: [
              { modality: 'TEXT', tokenCount: 300 },
              { modality: 'AUDIO', tokenCount: 800 },
            ],
            cacheTokensDetails: [{ modality: 'TEXT', tokenCount: 200 }],
          },
        },
        usage: { inputTokens: 1100, outputTokens: 30, cacheReadTokens: 200 },
        usd: (100 * 0.3 + 200 * 0.03 + 800 * 1 + 30 * 2.5) / 1e6,
      },
    ],
    [
      'a picture Gemini draws',
      {
        provider: 'gcp.gemini',
        model: 'gemini-2.5-flash-image',
        given: { candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1290 }] },
        usage: { inputTokens: 100, outputTokens: 1290 },
        usd: (100 * 0.3 + 1290 * 30) / 1e6,
      },
    ],
  ])('has prices of their own for %s', (_name, { provider, model, given, usage: used, usd }) => {
    expect(createPricing()({ provider, models: [model], usage: used, given })?.totalUsd).toBeCloseTo(usd, 12);
  });

  it('prices a call as a whole where its parts cannot be true', () => {
    const given = { prompt_tokens_details: { audio_tokens: 900 } };
    const call = { provider: 'openai', models: ['gpt-audio'], usage: { inputTokens: 100, outputTokens: 10 } };
    expect(createPricing()({ ...call, given })).toEqual(createPricing()(call));
    expect(createPricing()(call)?.totalUsd).toBeGreaterThan(0);
  });

  it('has no price for a model on a machine of your own, whatever else has its name', () => {
    const call = { models: ['deepseek-r1:8b', 'gpt-oss-20b'], usage: { inputTokens: 1e6 } };
    expect(createPricing()({ ...call, provider: 'ollama' })).toBeUndefined();
    expect(createPricing()({ ...call, provider: 'lmstudio' })).toBeUndefined();
    expect(createPricing()({ ...call, provider: 'my-gateway' })?.totalUsd).toBeGreaterThan(0);
  });

  it('prices by the model that answered before the one that was asked for', () => {
    const price = createPricing();
    const models = ['gpt-4.1-2025-04-14', 'no-such-model'];
    expect(price({ provider: 'openai', models, usage: { inputTokens: 1e6 } })?.totalUsd).toBeCloseTo(2, 10);
    expect(
      price({ provider: 'openai', models: models.toReversed(), usage: { inputTokens: 1e6 } })?.totalUsd,
    ).toBeCloseTo(2, 10);
  });

  it('knows the price of a model behind a gateway', () => {
    expect(
      createPricing()({ provider: 'my-gateway', models: ['gpt-4.1'], usage: { inputTokens: 1e6 } })?.totalUsd,
    ).toBeCloseTo(2, 10);
  });

  it('has no price for an unknown model, and none for impossible usage', () => {
    const price = createPricing();
    expect(price({ provider: 'ollama', models: ['no-such-model'], usage })).toBeUndefined();
    expect(price({ provider: 'openai', models: ['gpt-4.1'], usage: { inputTokens: Number.NaN } })).toBeUndefined();
  });

  it('takes a price of your own over the table', () => {
    const price = createPricing({ 'gpt-4.1': { input: 1, output: 10, cacheRead: 0.5 } });
    expect(price({ provider: 'openai', models: ['gpt-4.1'], usage })).toEqual({
      totalUsd: expect.closeTo(0.13, 10),
      inputUsd: expect.closeTo(0.08, 10),
      outputUsd: expect.closeTo(0.05, 10),
    });
  });
});
