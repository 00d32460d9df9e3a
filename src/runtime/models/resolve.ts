import { ModelUnavailableError } from '../errors.ts';
import type { ModelLike } from '../types.ts';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface ResolveOptions {
  /** Wins over the environment. */
  readonly baseUrl?: string;
  /** Wins over the environment. */
  readonly apiKey?: string;
}

/** A model reference taken apart: `openrouter/anthropic/claude-sonnet-4.5` has the prefix `openrouter`. */
export interface ParsedModelRef {
  readonly prefix: string;
  readonly modelId: string;
}

/** A vendor with an AI SDK package of its own, which the application installs. */
interface Vendor {
  readonly kind: 'package';
  readonly package: string;
  /** Names the package's factory has or had. */
  readonly factories: readonly string[];
  readonly keys: readonly string[];
  readonly baseUrls: readonly string[];
  /** Used through the shipped provider when the package is not installed. */
  readonly compatible?: Compatible;
}

/** A vendor that speaks OpenAI's chat completions, for which the shipped provider is enough. */
interface Compatible {
  readonly kind: 'compatible';
  readonly baseUrl?: string;
  readonly keys: readonly string[];
  readonly baseUrls: readonly string[];
  /** Whether requests without a key make sense, as to a server of one's own. */
  readonly keyIsOptional?: boolean;
}

const OPENAI: Compatible = {
  kind: 'compatible',
  baseUrl: 'https://api.openai.com/v1',
  keys: ['OPENAI_API_KEY'],
  baseUrls: ['OPENAI_BASE_URL'],
};

const PROVIDERS: Readonly<Record<string, Vendor | Compatible>> = {
  openai: {
    kind: 'package',
    package: '@ai-sdk/openai',
    factories: ['createOpenAI'],
    keys: OPENAI.keys,
    baseUrls: OPENAI.baseUrls,
    compatible: OPENAI,
  },
  anthropic: {
    kind: 'package',
    package: '@ai-sdk/anthropic',
    factories: ['createAnthropic'],
    keys: ['ANTHROPIC_API_KEY'],
    baseUrls: ['ANTHROPIC_BASE_URL'],
  },
  google: {
    kind: 'package',
    package: '@ai-sdk/google',
    factories: ['createGoogle', 'createGoogleGenerativeAI'],
    keys: ['GOOGLE_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY', 'GEMINI_API_KEY'],
    baseUrls: ['GOOGLE_BASE_URL'],
  },
  'openai-compatible': {
    kind: 'compatible',
    keys: ['OPENAI_COMPATIBLE_API_KEY', 'OPENAI_API_KEY'],
    baseUrls: ['OPENAI_COMPATIBLE_BASE_URL', 'OPENAI_BASE_URL'],
    keyIsOptional: true,
  },
  ollama: { ...vendor('OLLAMA', 'http://localhost:11434/v1'), keyIsOptional: true },
  deepseek: vendor('DEEPSEEK', 'https://api.deepseek.com/v1'),
  groq: vendor('GROQ', 'https://api.groq.com/openai/v1'),
  mistral: vendor('MISTRAL', 'https://api.mistral.ai/v1'),
  openrouter: vendor('OPENROUTER', 'https://openrouter.ai/api/v1'),
  together: vendor('TOGETHER', 'https://api.together.xyz/v1'),
  xai: vendor('XAI', 'https://api.x.ai/v1'),
};

function vendor(prefix: string, baseUrl: string): Compatible {
  return { kind: 'compatible', baseUrl, keys: [`${prefix}_API_KEY`], baseUrls: [`${prefix}_BASE_URL`] };
}

/** Takes a model reference apart. Throws when it cannot name a model. */
export function parseModelRef(ref: string): ParsedModelRef {
  const slash = ref.indexOf('/');
  const prefix = ref.slice(0, slash);
  const modelId = ref.slice(slash + 1);
  if (slash < 1 || modelId === '') {
    throw new TypeError(`a model reference is provider/model, such as openai/gpt-5-mini; got ${JSON.stringify(ref)}`);
  }
  if (!Object.hasOwn(PROVIDERS, prefix)) {
    const known = Object.keys(PROVIDERS).join(', ');
    throw new TypeError(`unknown model provider ${JSON.stringify(prefix)}; expected one of ${known}`);
  }
  return { prefix, modelId };
}

/**
 * Makes the model a reference names.
 *
 * `openai/…`, `anthropic/…` and `google/…` use the AI SDK package of that vendor, which the application
 * installs; without it `openai/…` uses the shipped provider. Every other vendor, and any server that speaks
 * OpenAI's chat completions as `openai-compatible/…`, is reached through the shipped provider. Base URL and
 * key come from the options, else from `{PROVIDER}_BASE_URL` and `{PROVIDER}_API_KEY`.
 */
export function resolveModel(
  ref: string,
  environment: Environment = process.env,
  options: ResolveOptions = {},
): Promise<ModelLike> {
  return resolveModelWith(importPackage, ref, environment, options);
}

/** Imports a package by name, or resolves with `undefined` when it is not installed. */
export type ImportPackage = (name: string) => Promise<Readonly<Record<string, unknown>> | undefined>;

/** `resolveModel` with a say in what is installed. */
export async function resolveModelWith(
  load: ImportPackage,
  ref: string,
  environment: Environment,
  options: ResolveOptions = {},
): Promise<ModelLike> {
  const { prefix, modelId } = parseModelRef(ref);
  const provider = PROVIDERS[prefix]!;
  const apiKey = options.apiKey ?? firstSet(environment, provider.keys);
  const baseUrl = options.baseUrl ?? firstSet(environment, provider.baseUrls);
  if (provider.kind === 'compatible') return compatibleModel(prefix, modelId, provider, { apiKey, baseUrl });

  const module = await load(provider.package);
  if (module === undefined) {
    if (provider.compatible !== undefined) {
      return compatibleModel(prefix, modelId, provider.compatible, { apiKey, baseUrl });
    }
    throw new ModelUnavailableError(`${ref} needs a package that is not installed: npm install ${provider.package}`);
  }
  const factory = provider.factories.map((name) => module[name]).find((value) => typeof value === 'function');
  if (factory === undefined) {
    throw new ModelUnavailableError(`${provider.package} has no ${provider.factories.join(' or ')}: update it`);
  }
  const settings = {
    ...(apiKey === undefined ? undefined : { apiKey }),
    ...(baseUrl === undefined ? undefined : { baseURL: baseUrl }),
  };
  return (factory as (settings: object) => (id: string) => ModelLike)(settings)(modelId);
}

async function compatibleModel(
  prefix: string,
  modelId: string,
  provider: Compatible,
  found: { readonly apiKey: string | undefined; readonly baseUrl: string | undefined },
): Promise<ModelLike> {
  const baseURL = found.baseUrl ?? provider.baseUrl;
  if (baseURL === undefined) {
    throw new ModelUnavailableError(`${prefix}/${modelId} needs a base URL: set ${provider.baseUrls.at(-1)}`);
  }
  if (found.apiKey === undefined && provider.keyIsOptional !== true) {
    throw new ModelUnavailableError(`${prefix}/${modelId} needs a key: set ${provider.keys.join(' or ')}`);
  }
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  const make = createOpenAICompatible({
    name: prefix,
    baseURL,
    // Without it a streamed answer has no token counts.
    includeUsage: true,
    ...(found.apiKey === undefined ? undefined : { apiKey: found.apiKey }),
  });
  return make(modelId);
}

/** An empty variable counts as one that is not set. */
function firstSet(environment: Environment, names: readonly string[]): string | undefined {
  return names.map((name) => environment[name]).find((value) => value !== undefined && value !== '');
}

const importPackage: ImportPackage = async (name) => {
  try {
    return (await import(name)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    // A package that is there but misses one of its own is broken, which is another story.
    if (code === 'ERR_MODULE_NOT_FOUND' && String(message).includes(`'${name}'`)) return undefined;
    throw error;
  }
};
