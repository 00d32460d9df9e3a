import { field } from '../content/field.ts';

/**
 * Parts of what a model call used that have prices of their own, under the names of `@pydantic/genai-prices`: audio and
 * images cost a multiple of text, and Anthropic asks more for what stays in its cache for an hour.
 *
 * Read from the usage object as the provider gave it, which models of the AI SDK hand on as `raw`. `undefined` when it
 * names none of them.
 */
export function pricedParts(usage: unknown): Readonly<Record<string, number>> | undefined {
  const raw = field(usage, 'raw') ?? usage;
  const inputAudio =
    audioOf(field(raw, 'prompt_tokens_details')) ?? ofModality(field(raw, 'promptTokensDetails'), 'AUDIO');
  const candidates = field(raw, 'candidatesTokensDetails');
  const parts = {
    cache_write_1h_tokens: field(field(raw, 'cache_creation'), 'ephemeral_1h_input_tokens'),
    input_audio_tokens: inputAudio,
    // The price list takes none without the other.
    cache_audio_read_tokens:
      inputAudio === undefined ? undefined : (ofModality(field(raw, 'cacheTokensDetails'), 'AUDIO') ?? 0),
    output_audio_tokens: audioOf(field(raw, 'completion_tokens_details')) ?? ofModality(candidates, 'AUDIO'),
    output_image_tokens: ofModality(candidates, 'IMAGE'),
  };
  const known = Object.entries(parts).filter((part): part is [string, number] => typeof part[1] === 'number');
  return known.some(([, count]) => count > 0) ? Object.fromEntries(known) : undefined;
}

/** OpenAI counts audio among the details of a total. */
function audioOf(details: unknown): unknown {
  return field(details, 'audio_tokens');
}

/** Gemini has a list of details, one for each modality. */
function ofModality(details: unknown, modality: string): unknown {
  if (!Array.isArray(details)) return undefined;
  return field(
    details.find((detail) => field(detail, 'modality') === modality),
    'tokenCount',
  );
}
