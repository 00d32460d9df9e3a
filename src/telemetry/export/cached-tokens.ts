import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import { defined } from '../config/records.ts';
import { field } from '../content/field.ts';
import { guard } from '../guard.ts';
import { FAULTLINE_BESIDE_INPUT_CACHE_READ, FAULTLINE_BESIDE_INPUT_CACHE_WRITE } from '../semconv.ts';
import { withChanges } from './span-changes.ts';

const METADATA = 'ai.response.providerMetadata';
const INPUT = ['ai.usage.inputTokens', 'ai.usage.promptTokens'];

/**
 * What may leave of a span, with the tokens it has of Anthropic's cache where it is of the AI SDK 5. That counts them
 * beside the input, and says what was written, and in `generateText` what was read, only within what the provider says
 * besides, which is content.
 */
export function withTokensOfCache(allowed: ReadableSpan, span: ReadableSpan): ReadableSpan {
  const metadata = span.attributes[METADATA];
  if (typeof metadata !== 'string' || !metadata.includes('"cache_')) return allowed;
  const input = INPUT.map((name) => span.attributes[name]).find((count) => count !== undefined);
  const usage = usageOfAnthropic(metadata);
  // Newer versions have cached tokens in their input.
  if (field(usage, 'input_tokens') !== input) return allowed;
  const counts = defined({
    [FAULTLINE_BESIDE_INPUT_CACHE_READ]: tokensOf(field(usage, 'cache_read_input_tokens')),
    [FAULTLINE_BESIDE_INPUT_CACHE_WRITE]: tokensOf(field(usage, 'cache_creation_input_tokens')),
  });
  if (Object.keys(counts).length === 0) return allowed;
  return withChanges(allowed, { attributes: { ...allowed.attributes, ...counts } });
}

function usageOfAnthropic(metadata: string): unknown {
  const said = guard(() => JSON.parse(metadata) as unknown);
  return field(field(said, 'anthropic'), 'usage');
}

function tokensOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined;
}
