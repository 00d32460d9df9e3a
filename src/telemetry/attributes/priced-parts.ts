type Fields = Readonly<Record<string, unknown>>;

/**
 * Parts of what a model call used that have prices of their own, under the names of `@pydantic/genai-prices`: audio and
 * images cost a multiple of text, and Anthropic asks more for what stays in its cache for an hour.
 *
 * Read from the usage object as the provider gave it, which models of the AI SDK hand on as `raw`. `undefined` when it
 * names none of them.
 */
export function pricedParts(usage: unknown): Readonly<Record<string, number>> | undefined {
  const given = fields(usage);
  const raw = 'raw' in given ? fields(given['raw']) : given;
  const inputAudio = audioOf(raw['prompt_tokens_details']) ?? ofModality(raw['promptTokensDetails'], 'AUDIO');
  const parts = {
    cache_write_1h_tokens: fields(raw['cache_creation'])['ephemeral_1h_input_tokens'],
    input_audio_tokens: inputAudio,
    // The price list takes none without the other.
    cache_audio_read_tokens:
      inputAudio === undefined ? undefined : (ofModality(raw['cacheTokensDetails'], 'AUDIO') ?? 0),
    output_audio_tokens:
      audioOf(raw['completion_tokens_details']) ?? ofModality(raw['candidatesTokensDetails'], 'AUDIO'),
    output_image_tokens: ofModality(raw['candidatesTokensDetails'], 'IMAGE'),
  };
  const known = Object.entries(parts).filter((part): part is [string, number] => typeof part[1] === 'number');
  return known.some(([, count]) => count > 0) ? Object.fromEntries(known) : undefined;
}

/** OpenAI counts audio among the details of a total. */
function audioOf(details: unknown): unknown {
  return fields(details)['audio_tokens'];
}

/** Gemini has a list of details, one for each modality. */
function ofModality(details: unknown, modality: string): unknown {
  if (!Array.isArray(details)) return undefined;
  return details.map(fields).find((detail) => detail['modality'] === modality)?.['tokenCount'];
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
