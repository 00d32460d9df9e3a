import type { ModelLike } from '../types.ts';

/** Where an AI SDK provider name differs from the one the GenAI conventions use. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = {
  'google.generative-ai': 'gcp.gemini',
  'google.vertex': 'gcp.vertex_ai',
  'amazon-bedrock': 'aws.bedrock',
  bedrock: 'aws.bedrock',
  azure: 'azure.ai.openai',
  'azure-openai': 'azure.ai.openai',
  google: 'gcp.gemini',
  mistral: 'mistral_ai',
  moonshotai: 'moonshot_ai',
  vertex: 'gcp.vertex_ai',
  xai: 'x_ai',
};

/** `gen_ai.provider.name` for an AI SDK provider name such as `openai.chat` or `google.generative-ai`. */
export function providerName(provider: string): string {
  const vendor = provider.split('.', 1)[0] ?? provider;
  const service = provider.split('.', 2).join('.');
  return ownEntry(service) ?? ownEntry(vendor) ?? vendor;
}

function ownEntry(name: string): string | undefined {
  return Object.hasOwn(PROVIDER_NAMES, name) ? PROVIDER_NAMES[name] : undefined;
}

/** Host and port a model's requests go to. */
export interface Server {
  readonly address: string;
  readonly port: number;
}

/**
 * The server behind a model, when the model's configuration tells. No specification has a place for it;
 * every `@ai-sdk/*` package keeps either a base URL or a function that makes one.
 */
export function serverOf(model: ModelLike): Server | undefined {
  try {
    const { config } = model as { config?: { baseURL?: unknown; url?: unknown } };
    const source =
      typeof config?.url === 'function' ? config.url({ path: '/', modelId: model.modelId }) : config?.baseURL;
    const url = new URL(String(source));
    if (url.hostname === '') return undefined;
    const port = url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port);
    return { address: url.hostname.replace(/^\[(.*)\]$/, '$1'), port };
  } catch {
    return undefined;
  }
}
