import { describe, expect, it } from 'vitest';

import { createPricing } from '../../../src/telemetry/attributes/cost.ts';

const usage = { inputTokens: 100_000, outputTokens: 5_000, cacheReadTokens: 40_000, cacheWriteTokens: 10_000 };

describe('createPricing', () => {
  it('prices cached tokens once, at the price of cached tokens', () => {
    const cost = createPricing()({ provider: 'anthropic', models: ['claude-sonnet-4-5-20250929'], usage });
    // 50k × $3 + 40k × $0.30 + 10k × $3.75 + 5k × $15, per million
    expect(cost?.totalUsd).toBeCloseTo(0.2745, 10);
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
