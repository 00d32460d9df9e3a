import type { ModelPrice } from '../config/options.ts';
import type { Problem, Reporter } from '../config/settings.ts';
import { guard } from '../guard.ts';
import { requirePackage } from '../require-package.ts';
import { pricedParts } from './priced-parts.ts';
import type { TokenUsage } from './usage.ts';

/** What one model call cost, in US dollars. */
export interface CallCost {
  readonly totalUsd: number;
  readonly inputUsd?: number;
  readonly outputUsd?: number;
}

/** The call to be priced. Models are tried in order: the one that answered, then the one asked for. */
export interface PricedCall {
  readonly provider: string;
  readonly models: readonly string[];
  readonly usage: TokenUsage;
  /** The usage object as the provider gave it: parts of the counts may have prices of their own. */
  readonly given?: unknown;
}

/** Prices a call, or answers `undefined` when no price is known. Never throws. */
export type Pricing = (call: PricedCall) => CallCost | undefined;

type PriceLibrary = Pick<typeof import('@pydantic/genai-prices'), 'calcPrice'>;

/**
 * Prices calls from `overrides`, else from the bundled snapshot of `@pydantic/genai-prices`.
 *
 * The snapshot costs about 30 ms to load, so it is loaded on the first call that has usage, and by
 * `require`, because the price must be known before the span ends.
 *
 * @param report hears once that the snapshot cannot be loaded
 */
export function createPricing(overrides: Readonly<Record<string, ModelPrice>> = {}, report?: Reporter): Pricing {
  let library: PriceLibrary | 'missing' | undefined;
  return ({ provider, models, usage, given }) => {
    try {
      const known = models.find((model) => Object.hasOwn(overrides, model));
      if (known !== undefined) return priceByTable(overrides[known]!, usage);
      library ??= loadLibrary() ?? 'missing';
      if (library === 'missing') {
        report?.(NO_LIBRARY);
        return undefined;
      }
      const tokens = tokensOf(usage);
      const parts = pricedParts(given);
      // The library looks longest for a model it does not know, and the one that answered mostly is the one asked for.
      for (const model of new Set(models)) {
        const cost =
          (parts === undefined ? undefined : priceByLibrary(library, provider, model, { ...tokens, ...parts })) ??
          priceByLibrary(library, provider, model, tokens);
        if (cost !== undefined) return cost;
      }
    } catch {
      // A library that is none. No price is better than a wrong one.
    }
    return undefined;
  };
}

const NO_LIBRARY: Problem = {
  key: 'prices',
  message:
    'model calls have no costs, because the package @pydantic/genai-prices is not beside the bundled application; ' +
    'install it there (Next.js: outputFileTracingIncludes, Nuxt: nitro.externals.traceInclude), leave faultline ' +
    'out of the bundle, or give setupTracing prices in pricing',
};

function loadLibrary(): PriceLibrary | undefined {
  return guard(() => requirePackage('@pydantic/genai-prices') as PriceLibrary);
}

function priceByTable(price: ModelPrice, usage: TokenUsage): CallCost {
  const cacheRead = usage.cacheReadTokens ?? 0;
  const cacheWrite = usage.cacheWriteTokens ?? 0;
  const uncached = Math.max((usage.inputTokens ?? 0) - cacheRead - cacheWrite, 0);
  const inputUsd =
    (uncached * price.input +
      cacheRead * (price.cacheRead ?? price.input) +
      cacheWrite * (price.cacheWrite ?? price.input)) /
    1e6;
  const outputUsd = ((usage.outputTokens ?? 0) * price.output) / 1e6;
  return { totalUsd: inputUsd + outputUsd, inputUsd, outputUsd };
}

interface Tokens {
  readonly [name: string]: number;
}

function tokensOf(usage: TokenUsage): Tokens {
  return {
    input_tokens: usage.inputTokens ?? 0,
    output_tokens: usage.outputTokens ?? 0,
    cache_read_tokens: usage.cacheReadTokens ?? 0,
    cache_write_tokens: usage.cacheWriteTokens ?? 0,
  };
}

/** Models of one's own machine: a vendor of the same name asks a price that nobody pays here. */
const OF_ONES_OWN: ReadonlySet<string> = new Set(['ollama', 'lmstudio']);

/** The library throws on usage it finds impossible. */
function priceByLibrary(library: PriceLibrary, provider: string, model: string, tokens: Tokens): CallCost | undefined {
  return guard(() => {
    const ofProvider = library.calcPrice(tokens, model, { providerId: provider });
    // A model behind a gateway carries the gateway's name; its price is then found by model alone.
    const price = ofProvider ?? (OF_ONES_OWN.has(provider) ? null : library.calcPrice(tokens, model));
    return price === null
      ? undefined
      : { totalUsd: price.total_price, inputUsd: price.input_price, outputUsd: price.output_price };
  });
}
