import type { Attributes } from '@opentelemetry/api';

import { normalizeUsage, type TokenUsage } from '../../attributes/usage.ts';
import { guard } from '../../guard.ts';
import {
  FAULTLINE_BESIDE_INPUT_CACHE_READ,
  FAULTLINE_BESIDE_INPUT_CACHE_WRITE,
  FAULTLINE_COST_USD_TOTAL,
  FAULTLINE_USAGE_CACHE_READ_INPUT_TOKENS,
  FAULTLINE_USAGE_CACHE_WRITE_INPUT_TOKENS,
  FAULTLINE_USAGE_INPUT_TOKENS,
  FAULTLINE_USAGE_OUTPUT_TOKENS,
  FAULTLINE_USAGE_REASONING_OUTPUT_TOKENS,
  GEN_AI_COST_TOTAL_TOKENS,
  GEN_AI_REQUEST_MODEL,
  GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_OUTPUT_TOKENS,
  GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
} from '../../semconv.ts';

interface CountNames {
  /** The name Sentry counts by. */
  readonly name: string;
  /** The name on a span that repeats what its model calls used. */
  readonly total: string;
  /** Names of other instrumentations, the more exact before the others. */
  readonly foreign: readonly string[];
}

/** Names of the counts of the AI SDK, OpenInference, and OpenLLMetry and the conventions before. */
const COUNTS: Readonly<Record<keyof TokenUsage, CountNames>> = {
  inputTokens: {
    name: GEN_AI_USAGE_INPUT_TOKENS,
    total: FAULTLINE_USAGE_INPUT_TOKENS,
    foreign: [
      'ai.usage.inputTokens',
      'llm.token_count.prompt',
      GEN_AI_USAGE_INPUT_TOKENS,
      'gen_ai.usage.prompt_tokens',
      'ai.usage.promptTokens',
      'ai.usage.tokens',
    ],
  },
  outputTokens: {
    name: GEN_AI_USAGE_OUTPUT_TOKENS,
    total: FAULTLINE_USAGE_OUTPUT_TOKENS,
    foreign: [
      'ai.usage.outputTokens',
      'llm.token_count.completion',
      GEN_AI_USAGE_OUTPUT_TOKENS,
      'gen_ai.usage.completion_tokens',
      'ai.usage.completionTokens',
    ],
  },
  cacheReadTokens: {
    name: GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    total: FAULTLINE_USAGE_CACHE_READ_INPUT_TOKENS,
    foreign: [
      'ai.usage.inputTokenDetails.cacheReadTokens',
      'ai.usage.cachedInputTokens',
      'llm.token_count.prompt_details.cache_read',
      GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
      'gen_ai.usage.cache_read_input_tokens',
    ],
  },
  cacheWriteTokens: {
    name: GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    total: FAULTLINE_USAGE_CACHE_WRITE_INPUT_TOKENS,
    foreign: [
      'ai.usage.inputTokenDetails.cacheWriteTokens',
      'llm.token_count.prompt_details.cache_write',
      GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
      'gen_ai.usage.cache_creation.input_tokens',
      'gen_ai.usage.cache_creation_input_tokens',
    ],
  },
  reasoningTokens: {
    name: GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    total: FAULTLINE_USAGE_REASONING_OUTPUT_TOKENS,
    foreign: [
      'ai.usage.outputTokenDetails.reasoningTokens',
      'ai.usage.reasoningTokens',
      'llm.token_count.completion_details.reasoning',
      GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
      'gen_ai.usage.reasoning_tokens',
    ],
  },
};
const KINDS = Object.keys(COUNTS) as readonly (keyof TokenUsage)[];

const TOTAL_TOKENS = 'gen_ai.usage.total_tokens';
/** Where Langfuse has its counts, as JSON. */
const LANGFUSE_USAGE = 'langfuse.observation.usage_details';

/**
 * Instrumentations that hand on the counts of Anthropic and Bedrock, which have cached tokens beside the input, with no
 * total or with one that leaves them out.
 */
const COUNTING_BESIDE: ReadonlySet<string | undefined> = new Set([
  '@traceloop/instrumentation-anthropic',
  '@arizeai/openinference-instrumentation-bedrock',
]);

/**
 * Writes what a model call used under the names Sentry counts by: totals that include their parts.
 *
 * @param writer the name of the scope the span is from
 */
export function writeUsage(attributes: Attributes, writer: string | undefined): void {
  const usage = takeUsage(attributes, writer);
  for (const kind of KINDS) if (usage?.[kind] !== undefined) attributes[COUNTS[kind].name] = usage[kind];
}

/**
 * Gives the usage and the cost of a span that is no model call the names that Faultline's own agents have them under:
 * it repeats what the model calls in it say, and a dashboard that sums over all spans would count every token twice.
 *
 * @param writer the name of the scope the span is from
 */
export function moveUsage(attributes: Attributes, writer: string | undefined): void {
  const usage = takeUsage(attributes, writer);
  for (const kind of KINDS) if (usage?.[kind] !== undefined) attributes[COUNTS[kind].total] ??= usage[kind];
  const cost = attributes[GEN_AI_COST_TOTAL_TOKENS];
  if (cost !== undefined) attributes[FAULTLINE_COST_USD_TOTAL] ??= cost;
  for (const name of Object.keys(attributes)) if (/^gen_ai\.(?:usage|cost)[._]/.test(name)) delete attributes[name];
}

/** Whether a model call says what it used. */
export function hasUsage(attributes: Attributes): boolean {
  const { inputTokens = 0, outputTokens = 0 } = usageOf(attributes, undefined) ?? {};
  return inputTokens + outputTokens > 0;
}

function takeUsage(attributes: Attributes, writer: string | undefined): TokenUsage | undefined {
  const usage = usageOf(attributes, writer);
  for (const name of BESIDE_INPUT) delete attributes[name];
  return usage;
}

function usageOf(attributes: Attributes, writer: string | undefined): TokenUsage | undefined {
  return (
    normalizeUsage(langfuseCounts(attributes[LANGFUSE_USAGE]), '', [String(attributes[GEN_AI_REQUEST_MODEL])]) ??
    normalizeUsage(countsByName(attributes, writer), String(attributes['ai.model.provider']))
  );
}

/** Of these version 7 of the AI SDK writes totals, with no parts to know them by; those before had other names for them. */
const OF_OBJECT = /^ai\.generateObject(?:\.|$)/;

/** What came from a cache, and what was written to it, where the span has both beside its input. */
const BESIDE_INPUT = [FAULTLINE_BESIDE_INPUT_CACHE_READ, FAULTLINE_BESIDE_INPUT_CACHE_WRITE] as const;

type Counts = { -readonly [Kind in keyof TokenUsage]: number };

/**
 * In the shape of the AI SDK, whose version 6 hands on what models say that count in another way, or in that of Bedrock,
 * which has cached tokens beside its input.
 */
function countsByName(attributes: Attributes, writer: string | undefined): object {
  const counts: Counts = {};
  for (const kind of KINDS) {
    const found = COUNTS[kind].foreign.map((name) => attributes[name]).find((value) => typeof value === 'number');
    if (found !== undefined) counts[kind] = found;
  }
  if (COUNTING_BESIDE.has(writer) || BESIDE_INPUT.some((name) => name in attributes)) {
    const { cacheReadTokens, cacheWriteTokens, ...others } = counts;
    const [read = cacheReadTokens, written = cacheWriteTokens] = BESIDE_INPUT.map((name) => attributes[name]);
    return { ...others, cacheReadInputTokens: read, cacheWriteInputTokens: written };
  }
  const isObject = OF_OBJECT.test(String(attributes['ai.operationId']));
  // What Bedrock counts beside the input, Strands hands on so; its total says that it is there.
  if (isObject || !('ai.usage.inputTokens' in attributes)) return { ...counts, totalTokens: attributes[TOTAL_TOKENS] };
  return {
    ...counts,
    inputTokenDetails: { noCacheTokens: attributes['ai.usage.inputTokenDetails.noCacheTokens'] },
    outputTokenDetails: { textTokens: attributes['ai.usage.outputTokenDetails.textTokens'] },
  };
}

/** Langfuse takes counts of any provider, or its own, of which each stands beside the others. */
function langfuseCounts(json: unknown): unknown {
  const given = typeof json === 'string' ? guard(() => JSON.parse(json) as unknown) : undefined;
  if (typeof given !== 'object' || given === null || !('input' in given || 'output' in given)) return given;
  const sum = (word: RegExp): number | undefined => {
    const found = Object.entries(given).filter(([name, value]) => word.test(name) && typeof value === 'number');
    return found.length === 0 ? undefined : found.reduce((total, [, value]) => total + Number(value), 0);
  };
  return {
    inputTokens: sum(/input/),
    outputTokens: sum(/output/),
    cacheReadTokens: sum(/cache_read|cached/),
    cacheWriteTokens: sum(/cache_(?:creation|write)/),
    reasoningTokens: sum(/reasoning/),
  };
}
