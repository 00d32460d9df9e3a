import { ownEntry } from '../config/records.ts';

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
  return ownEntry(PROVIDER_NAMES, service) ?? ownEntry(PROVIDER_NAMES, vendor) ?? vendor;
}
