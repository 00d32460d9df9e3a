import { isFieldValue } from '../../telemetry/config/field-value.ts';
import { ModelUnavailableError } from '../errors.ts';
import { defined } from '../defined.ts';
import type { ModelLike } from '../types.ts';
import { importPackage, type ImportPackage } from '../import-package.ts';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a model is reached, and with which key, when not as the environment says. */
export interface ResolveOptions {
  /** Wins over the environment. */
  readonly baseUrl?: string | undefined;
  /** Wins over the environment. */
  readonly apiKey?: string | undefined;
  /** Further providers by name, all of which speak OpenAI's chat completions, and settings of the known ones. */
  readonly providers?: Providers | undefined;
}

/** Settings of one provider. */
export interface ProviderSettings {
  /** Used unless `{PROVIDER}_BASE_URL` is set. */
  readonly baseUrl?: string | undefined;
  /** The variable that holds the key. Default: `{PROVIDER}_API_KEY`, which a provider of your own may lack. */
  readonly apiKeyEnv?: string | undefined;
}

/** Settings of providers by name: known ones, and ones of your own. */
export type Providers = Readonly<Record<string, ProviderSettings>>;

/** A model reference taken apart: `openrouter/anthropic/claude-sonnet-4.5` has the prefix `openrouter`. */
export interface ParsedModelRef {
  readonly prefix: string;
  readonly modelId: string;
}

/** A vendor, or a server of one's own. */
interface Provider {
  /** The AI SDK package of the vendor, which the application installs. */
  readonly vendorPackage?: {
    readonly name: string;
    /** Names its factory has or had. */
    readonly factories: readonly string[];
  };
  /** Whether it speaks OpenAI's chat completions, for which the shipped provider is enough. */
  readonly isCompatible: boolean;
  readonly baseUrl?: string;
  /** Variables that may hold the key, and the base URL. */
  readonly keys: readonly string[];
  readonly baseUrls: readonly string[];
  /** Whether requests without a key make sense, as to a server of one's own. */
  readonly keyIsOptional?: boolean;
}

const PROVIDERS: Readonly<Record<string, Provider>> = {
  openai: {
    ...compatible('OPENAI', 'https://api.openai.com/v1'),
    vendorPackage: { name: '@ai-sdk/openai', factories: ['createOpenAI'] },
  },
  anthropic: {
    vendorPackage: { name: '@ai-sdk/anthropic', factories: ['createAnthropic'] },
    isCompatible: false,
    keys: ['ANTHROPIC_API_KEY'],
    baseUrls: ['ANTHROPIC_BASE_URL'],
  },
  google: {
    vendorPackage: { name: '@ai-sdk/google', factories: ['createGoogle', 'createGoogleGenerativeAI'] },
    isCompatible: false,
    keys: ['GOOGLE_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY', 'GEMINI_API_KEY'],
    baseUrls: ['GOOGLE_BASE_URL'],
  },
  'openai-compatible': {
    isCompatible: true,
    keys: ['OPENAI_COMPATIBLE_API_KEY', 'OPENAI_API_KEY'],
    baseUrls: ['OPENAI_COMPATIBLE_BASE_URL', 'OPENAI_BASE_URL'],
    keyIsOptional: true,
  },
  ollama: { ...compatible('OLLAMA', 'http://localhost:11434/v1'), keyIsOptional: true },
  deepseek: compatible('DEEPSEEK', 'https://api.deepseek.com/v1'),
  groq: compatible('GROQ', 'https://api.groq.com/openai/v1'),
  mistral: compatible('MISTRAL', 'https://api.mistral.ai/v1'),
  openrouter: compatible('OPENROUTER', 'https://openrouter.ai/api/v1'),
  together: compatible('TOGETHER', 'https://api.together.xyz/v1'),
  xai: compatible('XAI', 'https://api.x.ai/v1'),
};

/** Providers that need no settings to be known. */
export const KNOWN_PROVIDERS: readonly string[] = Object.keys(PROVIDERS);

function compatible(prefix: string, baseUrl: string | undefined): Provider {
  const variables = { keys: [`${prefix}_API_KEY`], baseUrls: [`${prefix}_BASE_URL`] };
  return { isCompatible: true, ...variables, ...(baseUrl === undefined ? undefined : { baseUrl }) };
}

/** A provider with what its settings say; a name nobody knows is that of a server of one's own. */
function findProvider(prefix: string, providers: Providers): Provider | undefined {
  const known = Object.hasOwn(PROVIDERS, prefix) ? PROVIDERS[prefix] : undefined;
  const settings = Object.hasOwn(providers, prefix) ? providers[prefix] : undefined;
  if (settings === undefined) return known;
  const { baseUrl, apiKeyEnv } = settings;
  const variablePrefix = prefix.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
  return {
    ...(known ?? { ...compatible(variablePrefix, undefined), keyIsOptional: true }),
    ...(baseUrl === undefined ? undefined : { baseUrl }),
    // Whoever names a variable for the key means that there is one.
    ...(apiKeyEnv === undefined ? undefined : { keys: [apiKeyEnv], keyIsOptional: false }),
  };
}

/** Takes a model reference apart. Throws when it cannot name a model. */
export function parseModelRef(ref: string, providers: Providers = {}): ParsedModelRef {
  const slash = ref.indexOf('/');
  const prefix = ref.slice(0, slash);
  const modelId = ref.slice(slash + 1);
  if (slash < 1 || modelId === '') {
    throw new TypeError(`a model reference is provider/model, such as openai/gpt-5-mini; got ${JSON.stringify(ref)}`);
  }
  if (findProvider(prefix, providers) === undefined) {
    const known = [...new Set([...KNOWN_PROVIDERS, ...Object.keys(providers)])].join(', ');
    throw new TypeError(`unknown model provider ${JSON.stringify(prefix)}; expected one of ${known}`);
  }
  return { prefix, modelId };
}

/**
 * Makes the model a reference names.
 *
 * `openai/…`, `anthropic/…` and `google/…` use the AI SDK package of that vendor, which the application
 * installs; without it `openai/…` uses the shipped provider. Every other vendor, and any server that speaks
 * OpenAI's chat completions as `openai-compatible/…` or under a name given in `providers`, is reached through
 * the shipped provider. Base URL and key come from the options, else from `{PROVIDER}_BASE_URL` and
 * `{PROVIDER}_API_KEY`.
 *
 * Rejects with a `TypeError` when the reference names no model, and with a `ModelUnavailableError` that says
 * what is missing: a package, a base URL or a key.
 */
export function resolveModel(
  ref: string,
  environment: Environment = process.env,
  options: ResolveOptions = {},
): Promise<ModelLike> {
  return resolveModelWith(importPackage, ref, environment, options);
}

/** `resolveModel` with a say in what is installed. */
export async function resolveModelWith(
  load: ImportPackage,
  ref: string,
  environment: Environment,
  options: ResolveOptions = {},
): Promise<ModelLike> {
  const { providers = {} } = options;
  const { prefix, modelId } = parseModelRef(ref, providers);
  const provider = findProvider(prefix, providers)!;
  const { vendorPackage, isCompatible } = provider;
  const connection: Connection = {
    apiKey: setting('apiKey', options.apiKey) ?? firstSet(environment, provider.keys),
    baseUrl:
      setting('baseUrl', options.baseUrl) ??
      firstSet(environment, provider.baseUrls) ??
      setting('its settings', provider.baseUrl),
  };
  const module = vendorPackage === undefined ? undefined : await load(vendorPackage.name);
  if (vendorPackage === undefined || (module === undefined && isCompatible)) {
    requireConnection(ref, provider, connection);
    return compatibleModel(prefix, modelId, provider, connection);
  }
  if (module === undefined) {
    throw new ModelUnavailableError(`${ref} needs a package that is not installed: npm install ${vendorPackage.name}`);
  }
  const factory = vendorPackage.factories.map((name) => module[name]).find((value) => typeof value === 'function');
  if (factory === undefined) {
    throw new ModelUnavailableError(`${vendorPackage.name} has no ${vendorPackage.factories.join(' or ')}: update it`);
  }
  requireConnection(ref, provider, connection);
  const { apiKey, baseUrl } = connection;
  const settings = defined({ apiKey: apiKey?.value, baseURL: baseUrl?.value });
  return (factory as (settings: object) => (id: string) => ModelLike)(settings)(modelId);
}

/** How a provider is reached. */
interface Connection {
  readonly apiKey: Setting | undefined;
  readonly baseUrl: Setting | undefined;
}

/** A text, and what is to be put right when it is wrong. */
interface Setting {
  readonly name: string;
  readonly value: string;
}

/** Blanks around a text, such as the line break a file ends with, are none of it. */
function setting(name: string, text: string | undefined): Setting | undefined {
  const value = text?.trim();
  return value === undefined ? undefined : { name, value };
}

/** An empty variable counts as one that is not set. */
function firstSet(environment: Environment, names: readonly string[]): Setting | undefined {
  return names.map((name) => setting(name, environment[name])).find((found) => (found?.value ?? '') !== '');
}

/** Asked before the first call, because a provider package would only say so then, and hardly in these words. */
function requireConnection(ref: string, { keys, keyIsOptional }: Provider, { apiKey, baseUrl }: Connection): void {
  if (apiKey === undefined && keyIsOptional !== true) {
    throw new ModelUnavailableError(`${ref} needs a key: set ${keys.join(' or ')}`);
  }
  if (apiKey !== undefined && !isFieldValue(apiKey.value)) {
    throw new ModelUnavailableError(
      `${ref} needs a key that a header can carry, which that of ${apiKey.name} is not: look for line breaks and quotes`,
    );
  }
  if (baseUrl !== undefined && !isBaseUrl(baseUrl.value)) {
    throw new ModelUnavailableError(
      `${ref} needs a base URL such as https://api.example.com/v1, without a user, which that of ${baseUrl.name} is not`,
    );
  }
}

/** Whether requests can be sent there: `fetch` takes no user name and no password in a URL. */
export function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && username + password === '';
}

async function compatibleModel(
  prefix: string,
  modelId: string,
  { baseUrls }: Provider,
  { apiKey, baseUrl }: Connection,
): Promise<ModelLike> {
  if (baseUrl === undefined) {
    throw new ModelUnavailableError(`${prefix}/${modelId} needs a base URL: set ${baseUrls.at(-1)}`);
  }
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  const make = createOpenAICompatible({
    name: prefix,
    baseURL: baseUrl.value,
    // Without it a streamed answer has no token counts.
    includeUsage: true,
    ...(apiKey === undefined ? undefined : { apiKey: apiKey.value }),
  });
  return make(modelId);
}
