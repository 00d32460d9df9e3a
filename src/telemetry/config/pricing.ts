import { defined } from './records.ts';
import { describe, isRecord, type Kind } from './kinds.ts';
import type { ModelPrice } from './options.ts';

/** Prices in USD per million tokens, by model name. */
export type Pricing = Readonly<Record<string, ModelPrice>>;

/** A price list. It has no form in the environment. */
export const pricing: Kind<Pricing> = {
  fromText: () => ({ problem: 'must be set in code' }),
  fromCode(value) {
    if (!isRecord(value)) return { problem: `must be a record of prices by model, but is ${describe(value)}` };
    const prices = new Map<string, ModelPrice>();
    for (const [model, price] of Object.entries(value)) {
      if (!isModelPrice(price)) {
        return { problem: `must give input and output of ${describe(model)} in USD per million tokens, all 0 or more` };
      }
      const { input, output, cacheRead, cacheWrite } = price;
      prices.set(model, { input, output, ...defined({ cacheRead, cacheWrite }) });
    }
    return { value: Object.fromEntries(prices) };
  },
};

function isModelPrice(value: unknown): value is ModelPrice {
  if (!isRecord(value)) return false;
  const { input, output, cacheRead = 0, cacheWrite = 0 } = value;
  return [input, output, cacheRead, cacheWrite].every((price) => Number.isFinite(price) && Number(price) >= 0);
}
