import { known } from '../config/records.ts';

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
  /** The sum the provider gives, by which is known what it counts beside input and output. */
  readonly total?: number | undefined;
  /** The provider leaves cached tokens out of its input count. */
  readonly cacheIsExclusive?: boolean;
  /** The provider leaves reasoning tokens out of its output count. */
  readonly reasoningIsExclusive?: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the usage object of any provider into inclusive counts, or `undefined` when it holds none.
 *
 * Recognised: this module's own shape, the AI SDK provider specifications V2, V3 and V4, results of the AI SDK,
 * OpenAI chat completions, responses and agents, Anthropic messages, Google Gemini and its interactions, Amazon
 * Bedrock, Mistral, Cohere, answers of Ollama, and LangChain. Anthropic and Bedrock report cached tokens beside the
 * input count, so they are added. A subset that is larger than its total, or that the sum has besides, can only mean
 * exclusive counting, and is added too: the result never yields a negative cost.
 *
 * @param models names of the model, the one that answered and the one asked for
 */
export function normalizeUsage(usage: unknown, provider = '', models: readonly string[] = []): TokenUsage | undefined {
  if (!isFields(usage)) return undefined;
  const raw = readerOf(usage)?.(usage, provider);
  const counts = raw === undefined ? undefined : reconcile(raw, [provider, ...models]);
  return counts === undefined || Object.keys(counts).length === 0 ? undefined : counts;
}

/**
 * What is known of the usage of one call once it is said again: Anthropic names what went in as its answer begins, and
 * often only what came out as it ends. What is said in other words, as after an estimate, is all that counts.
 */
export function laterUsage(before: unknown, later: unknown): unknown {
  if (!isFields(before) || !isFields(later) || before === later) return later ?? before;
  const said = known(later);
  const isInOtherWords = readerOf(said) !== readerOf(before) && normalizeUsage(said) !== undefined;
  return isInOtherWords ? later : { ...before, ...said };
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

/** Who understands the words of a usage. */
function readerOf(usage: Fields): ((usage: Fields, provider: string) => RawCounts) | undefined {
  if (isFields(usage['inputTokens']) || isFields(usage['outputTokens'])) return readAiSdkNested;
  if ('inputTokens' in usage || 'outputTokens' in usage) return readCamelCase;
  if ('promptTokens' in usage || 'completionTokens' in usage) return readMistral;
  if ('prompt_tokens' in usage || 'completion_tokens' in usage) return readOpenAiChat;
  if ('input_tokens' in usage || 'output_tokens' in usage) return readSnakeCase;
  if ('promptTokenCount' in usage || 'candidatesTokenCount' in usage) return readGemini;
  if ('total_input_tokens' in usage || 'total_output_tokens' in usage) return readInteractions;
  if ('prompt_eval_count' in usage || 'eval_count' in usage) return readOllama;
  if (isFields(usage['billedUnits']) || isFields(usage['tokens'])) return readCohere;
  return undefined;
}

/**
 * AI SDK provider specifications V3 and V4. What a model of many vendors does not look for, and may say zero of, is
 * where its vendor says it.
 */
function readAiSdkNested(usage: Fields): RawCounts {
  const input = fields(usage['inputTokens']);
  const output = fields(usage['outputTokens']);
  const { cacheRead, cacheWrite, total } = readOpenAiChat(fields(usage['raw']));
  return {
    input: count(input['total']),
    output: count(output['total']),
    cacheRead: greater(count(input['cacheRead']), cacheRead),
    cacheWrite: greater(count(input['cacheWrite']), cacheWrite),
    reasoning: count(output['reasoning']),
    total,
  };
}

/**
 * Our own shape, the AI SDK specification V2, results of the AI SDK, OpenAI agents and Bedrock's Converse API share
 * their two totals. Models of V2 count as their providers do, and newer versions of the AI SDK hand on what they say,
 * to be known by what it does not say.
 */
function readCamelCase(usage: Fields, provider: string): RawCounts {
  const input = fields(usage['inputTokenDetails']);
  const output = fields(usage['outputTokenDetails']);
  const isBedrock = 'cacheReadInputTokens' in usage || 'cacheWriteInputTokens' in usage;
  const isOfAiSdk = 'cachedInputTokens' in usage || 'inputTokenDetails' in usage;
  const leavesOutCached = isOfAiSdk && input['noCacheTokens'] === undefined && /anthropic|bedrock/.test(provider);
  const leavesOutReasoning = isOfAiSdk && output['textTokens'] === undefined && /^(?:google|gcp)\b/.test(provider);
  return {
    input: count(usage['inputTokens']),
    output: count(usage['outputTokens']),
    cacheRead:
      count(usage['cacheReadTokens'] ?? usage['cachedInputTokens'] ?? usage['cacheReadInputTokens']) ??
      count(input['cacheReadTokens']) ??
      countOfRequests(usage['inputTokensDetails'], 'cached_tokens'),
    cacheWrite:
      count(usage['cacheWriteTokens'] ?? usage['cacheWriteInputTokens']) ??
      count(input['cacheWriteTokens']) ??
      countOfRequests(usage['inputTokensDetails'], 'cache_write_tokens'),
    reasoning:
      count(usage['reasoningTokens'] ?? output['reasoningTokens']) ??
      countOfRequests(usage['outputTokensDetails'], 'reasoning_tokens'),
    total: count(usage['totalTokens']),
    cacheIsExclusive: isBedrock || leavesOutCached,
    reasoningIsExclusive: leavesOutReasoning,
  };
}

/** A count of OpenAI agents, whose runs have a list of details, one for each request. */
function countOfRequests(details: unknown, name: string): number | undefined {
  if (!Array.isArray(details)) return count(fields(details)[name]);
  return details.map((each: unknown) => count(fields(each)[name])).reduce(sum, undefined);
}

/** Mistral, and LangChain where it says what a whole answer used. */
function readMistral(usage: Fields): RawCounts {
  return {
    input: count(usage['promptTokens']),
    output: count(usage['completionTokens']),
    cacheRead: count(usage['num_cached_tokens'] ?? fields(usage['prompt_tokens_details'])['cached_tokens']),
  };
}

/** Gateways have Anthropic's names for cached tokens in it, such as Portkey and LiteLLM. */
function readOpenAiChat(usage: Fields): RawCounts {
  const input = fields(usage['prompt_tokens_details']);
  return {
    input: count(usage['prompt_tokens']),
    output: count(usage['completion_tokens']),
    cacheRead: count(input['cached_tokens'] ?? usage['cache_read_input_tokens']),
    cacheWrite: count(input['cache_write_tokens'] ?? usage['cache_creation_input_tokens']),
    reasoning: count(fields(usage['completion_tokens_details'])['reasoning_tokens']),
    total: count(usage['total_tokens']),
  };
}

/** Anthropic messages, OpenAI responses and LangChain `usage_metadata`. */
function readSnakeCase(usage: Fields): RawCounts {
  const isAnthropic = 'cache_read_input_tokens' in usage || 'cache_creation_input_tokens' in usage;
  const input = fields(usage['input_tokens_details']);
  const output = fields(usage['output_tokens_details']);
  const langChain = fields(usage['input_token_details']);
  const compactions = compactionsOf(usage['iterations']);
  const withCompactions = (name: string, counted: number | undefined): number | undefined =>
    compactions.map((each) => count(each[name])).reduce(sum, counted);
  return {
    input: withCompactions('input_tokens', count(usage['input_tokens'])),
    output: withCompactions('output_tokens', count(usage['output_tokens'])),
    cacheRead: withCompactions(
      'cache_read_input_tokens',
      count(usage['cache_read_input_tokens'] ?? input['cached_tokens'] ?? langChain['cache_read']),
    ),
    cacheWrite: withCompactions(
      'cache_creation_input_tokens',
      count(usage['cache_creation_input_tokens'] ?? input['cache_write_tokens'] ?? langChain['cache_creation']),
    ),
    reasoning: count(
      output['reasoning_tokens'] ?? output['thinking_tokens'] ?? fields(usage['output_token_details'])['reasoning'],
    ),
    total: count(usage['total_tokens']),
    cacheIsExclusive: isAnthropic,
  };
}

/** What Anthropic used to compact a conversation, which is not in its counts of the whole. */
function compactionsOf(iterations: unknown): readonly Fields[] {
  return Array.isArray(iterations) ? iterations.map(fields).filter(({ type }) => type === 'compaction') : [];
}

/** What tools gave the model is no part of the prompt. */
function readGemini(usage: Fields): RawCounts {
  return {
    input: sum(count(usage['promptTokenCount']), count(usage['toolUsePromptTokenCount'])),
    output: count(usage['candidatesTokenCount']),
    cacheRead: count(usage['cachedContentTokenCount']),
    reasoning: count(usage['thoughtsTokenCount']),
    reasoningIsExclusive: true,
  };
}

/** Gemini's interactions. */
function readInteractions(usage: Fields): RawCounts {
  return {
    input: sum(count(usage['total_input_tokens']), count(usage['total_tool_use_tokens'])),
    output: count(usage['total_output_tokens']),
    cacheRead: count(usage['total_cached_tokens']),
    reasoning: count(usage['total_thought_tokens']),
    reasoningIsExclusive: true,
  };
}

/** The answer itself: Ollama has no object for its usage. */
function readOllama(answer: Fields): RawCounts {
  return { input: count(answer['prompt_eval_count']), output: count(answer['eval_count']) };
}

/**
 * Where a provider counts both, the conventions ask for the tokens it bills. Those that came from the cache are counted
 * among all, also those that Cohere adds without billing them: of more than it bills nobody knows which they were.
 */
function readCohere(usage: Fields): RawCounts {
  const billed = fields(usage['billedUnits']);
  const all = fields(usage['tokens']);
  const input = count(billed['inputTokens'] ?? all['inputTokens']);
  const cached = count(usage['cachedTokens']);
  return {
    input,
    output: count(billed['outputTokens'] ?? all['outputTokens']),
    cacheRead: (cached ?? 0) > (input ?? 0) ? undefined : cached,
  };
}

/** @param names those of the provider and of the model */
function reconcile(raw: RawCounts, names: readonly string[]): TokenUsage {
  const { input = 0, output = 0, cacheRead = 0, cacheWrite = 0, total = 0 } = raw;
  const cached = cacheRead + cacheWrite;
  const beside = raw.input === undefined ? 0 : Math.max(total - input - output, 0);
  const isBeside = (tokens = 0): boolean => tokens > 0 && tokens === beside;
  const isUnnamed = beside > 0 && !isBeside(cached) && !raw.reasoning && raw.reasoningIsExclusive !== true;
  const reasoning = isUnnamed && hidesReasoning(names) ? beside : raw.reasoning;
  // xAI has reasoning beside its output in chat completions.
  const addReasoning = raw.reasoningIsExclusive === true || (reasoning ?? 0) > output || isBeside(reasoning);
  const addCached = raw.cacheIsExclusive === true || cached > input || (isBeside(cached) && !isBeside(reasoning));
  return compact({
    inputTokens: addCached ? sum(raw.input, cached === 0 ? undefined : cached) : raw.input,
    outputTokens: addReasoning ? sum(raw.output, reasoning) : raw.output,
    cacheReadTokens: raw.cacheRead,
    cacheWriteTokens: raw.cacheWrite,
    reasoningTokens: reasoning,
  });
}

/**
 * Google's models think beside the output, and where they answer in the words of others mostly say so in the total
 * alone. What others have there is no reasoning: with Mistral it is audio.
 */
function hidesReasoning(names: readonly string[]): boolean {
  return names.some((name) => /google|gcp|gemini|gemma/i.test(name));
}

/** More tokens than any model call has. Sums of greater numbers would lose digits, and at last be infinite. */
const MAX_TOKENS = 1e12;

/** A count is a whole number from zero to `MAX_TOKENS`; anything else a provider sends is no count. */
function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= MAX_TOKENS ? Math.round(value) : undefined;
}

function greater(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined ? right : Math.max(left, right ?? 0);
}

function sum(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined ? right : left + (right ?? 0);
}

/** Leaves out the counts that are not known. Written out: a detour over entries takes a microsecond per model call. */
function compact(usage: { readonly [Key in keyof TokenUsage]: number | undefined }): TokenUsage {
  const counts: { -readonly [Key in keyof TokenUsage]: number } = {};
  if (usage.inputTokens !== undefined) counts.inputTokens = usage.inputTokens;
  if (usage.outputTokens !== undefined) counts.outputTokens = usage.outputTokens;
  if (usage.cacheReadTokens !== undefined) counts.cacheReadTokens = usage.cacheReadTokens;
  if (usage.cacheWriteTokens !== undefined) counts.cacheWriteTokens = usage.cacheWriteTokens;
  if (usage.reasoningTokens !== undefined) counts.reasoningTokens = usage.reasoningTokens;
  return counts;
}

function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
