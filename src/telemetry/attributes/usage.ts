/**
 * Token counts of one model call, in the form the GenAI conventions ask for: `inputTokens` includes
 * cached tokens, `outputTokens` includes reasoning tokens, every other count is a subset of one of them.
 */
export interface TokenUsage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly reasoningTokens?: number;
}

/** Counts as a provider gave them, before the subsets are reconciled with their totals. */
interface RawCounts {
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite?: number | undefined;
  readonly reasoning?: number | undefined;
  /** The provider leaves cached tokens out of its input count. */
  readonly cacheIsExclusive?: boolean;
  /** The provider leaves reasoning tokens out of its output count. */
  readonly reasoningIsExclusive?: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the usage object of any provider into inclusive counts, or `undefined` when it holds none.
 *
 * Recognised: this module's own shape, the AI SDK provider specifications V2, V3 and V4, OpenAI chat
 * completions and responses, Anthropic messages, Google Gemini, Amazon Bedrock and LangChain. Anthropic
 * and Bedrock report cached tokens beside the input count, so they are added. A subset that is larger
 * than its total can only mean exclusive counting, and is added too: the result never yields a negative
 * cost.
 */
export function normalizeUsage(usage: unknown, provider?: string): TokenUsage | undefined {
  if (!isFields(usage)) return undefined;
  const raw = readCounts(usage, provider ?? '');
  const counts = raw === undefined ? undefined : reconcile(raw);
  return counts === undefined || Object.keys(counts).length === 0 ? undefined : counts;
}

/** Adds two usages count by count; a count neither side knows stays unknown. */
export function addUsage(left: TokenUsage | undefined, right: TokenUsage): TokenUsage {
  if (left === undefined) return right;
  return compact({
    inputTokens: sum(left.inputTokens, right.inputTokens),
    outputTokens: sum(left.outputTokens, right.outputTokens),
    cacheReadTokens: sum(left.cacheReadTokens, right.cacheReadTokens),
    cacheWriteTokens: sum(left.cacheWriteTokens, right.cacheWriteTokens),
    reasoningTokens: sum(left.reasoningTokens, right.reasoningTokens),
  });
}

function readCounts(usage: Fields, provider: string): RawCounts | undefined {
  if (isFields(usage['inputTokens']) || isFields(usage['outputTokens'])) return readAiSdkNested(usage);
  if ('inputTokens' in usage || 'outputTokens' in usage) return readCamelCase(usage, provider);
  if ('prompt_tokens' in usage || 'completion_tokens' in usage) return readOpenAiChat(usage);
  if ('input_tokens' in usage || 'output_tokens' in usage) return readSnakeCase(usage);
  if ('promptTokenCount' in usage || 'candidatesTokenCount' in usage) return readGemini(usage);
  return undefined;
}

/** AI SDK provider specifications V3 and V4. */
function readAiSdkNested(usage: Fields): RawCounts {
  const input = fields(usage['inputTokens']);
  const output = fields(usage['outputTokens']);
  return {
    input: count(input['total']),
    output: count(output['total']),
    cacheRead: count(input['cacheRead']),
    cacheWrite: count(input['cacheWrite']),
    reasoning: count(output['reasoning']),
  };
}

/** Our own shape, the AI SDK specification V2 and Bedrock's Converse API share their two totals. */
function readCamelCase(usage: Fields, provider: string): RawCounts {
  const isBedrock = 'cacheReadInputTokens' in usage || 'cacheWriteInputTokens' in usage;
  const isV2 = 'cachedInputTokens' in usage;
  return {
    input: count(usage['inputTokens']),
    output: count(usage['outputTokens']),
    cacheRead: count(usage['cacheReadTokens'] ?? usage['cachedInputTokens'] ?? usage['cacheReadInputTokens']),
    cacheWrite: count(usage['cacheWriteTokens'] ?? usage['cacheWriteInputTokens']),
    reasoning: count(usage['reasoningTokens']),
    cacheIsExclusive: isBedrock || (isV2 && provider.startsWith('anthropic')),
  };
}

function readOpenAiChat(usage: Fields): RawCounts {
  return {
    input: count(usage['prompt_tokens']),
    output: count(usage['completion_tokens']),
    cacheRead: count(fields(usage['prompt_tokens_details'])['cached_tokens']),
    reasoning: count(fields(usage['completion_tokens_details'])['reasoning_tokens']),
  };
}

/** Anthropic messages, OpenAI responses and LangChain `usage_metadata`. */
function readSnakeCase(usage: Fields): RawCounts {
  const isAnthropic = 'cache_read_input_tokens' in usage || 'cache_creation_input_tokens' in usage;
  const openAi = fields(usage['input_tokens_details']);
  const langChain = fields(usage['input_token_details']);
  return {
    input: count(usage['input_tokens']),
    output: count(usage['output_tokens']),
    cacheRead: count(usage['cache_read_input_tokens'] ?? openAi['cached_tokens'] ?? langChain['cache_read']),
    cacheWrite: count(usage['cache_creation_input_tokens'] ?? langChain['cache_creation']),
    reasoning: count(
      fields(usage['output_tokens_details'])['reasoning_tokens'] ?? fields(usage['output_token_details'])['reasoning'],
    ),
    cacheIsExclusive: isAnthropic,
  };
}

function readGemini(usage: Fields): RawCounts {
  return {
    input: count(usage['promptTokenCount']),
    output: count(usage['candidatesTokenCount']),
    cacheRead: count(usage['cachedContentTokenCount']),
    reasoning: count(usage['thoughtsTokenCount']),
    reasoningIsExclusive: true,
  };
}

function reconcile(raw: RawCounts): TokenUsage {
  const cached = (raw.cacheRead ?? 0) + (raw.cacheWrite ?? 0);
  const addCached = raw.cacheIsExclusive === true || cached > (raw.input ?? 0);
  const addReasoning = raw.reasoningIsExclusive === true || (raw.reasoning ?? 0) > (raw.output ?? 0);
  return compact({
    inputTokens: addCached ? sum(raw.input, cached === 0 ? undefined : cached) : raw.input,
    outputTokens: addReasoning ? sum(raw.output, raw.reasoning) : raw.output,
    cacheReadTokens: raw.cacheRead,
    cacheWriteTokens: raw.cacheWrite,
    reasoningTokens: raw.reasoning,
  });
}

/** More tokens than any model call has. Sums of greater numbers would lose digits, and at last be infinite. */
const MAX_TOKENS = 1e12;

/** A count is a whole number from zero to `MAX_TOKENS`; anything else a provider sends is no count. */
function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= MAX_TOKENS ? Math.round(value) : undefined;
}

function sum(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined ? right : left + (right ?? 0);
}

/** Leaves out the counts that are not known. Written out: a detour over entries takes a microsecond per model call. */
function compact(usage: { readonly [Key in keyof TokenUsage]: number | undefined }): TokenUsage {
  const known: { -readonly [Key in keyof TokenUsage]: number } = {};
  if (usage.inputTokens !== undefined) known.inputTokens = usage.inputTokens;
  if (usage.outputTokens !== undefined) known.outputTokens = usage.outputTokens;
  if (usage.cacheReadTokens !== undefined) known.cacheReadTokens = usage.cacheReadTokens;
  if (usage.cacheWriteTokens !== undefined) known.cacheWriteTokens = usage.cacheWriteTokens;
  if (usage.reasoningTokens !== undefined) known.reasoningTokens = usage.reasoningTokens;
  return known;
}

function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
