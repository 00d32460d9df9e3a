import type { Attributes } from '@opentelemetry/api';

import {
  FAULTLINE_ATTEMPT,
  FAULTLINE_FALLBACK_FROM,
  FAULTLINE_FALLBACK_FROM_PROVIDER,
  FAULTLINE_FALLBACK_REASON,
  FAULTLINE_FALLBACK_TO,
  FAULTLINE_FALLBACK_TO_PROVIDER,
  GEN_AI_COST_INPUT_TOKENS,
  GEN_AI_COST_OUTPUT_TOKENS,
  GEN_AI_COST_TOTAL_TOKENS,
  GEN_AI_COST_USD,
  GEN_AI_OPERATION_NAME,
  GEN_AI_OUTPUT_TYPE,
  GEN_AI_PROVIDER_NAME,
  GEN_AI_REQUEST_FREQUENCY_PENALTY,
  GEN_AI_REQUEST_MAX_TOKENS,
  GEN_AI_REQUEST_MODEL,
  GEN_AI_REQUEST_PRESENCE_PENALTY,
  GEN_AI_REQUEST_REASONING_LEVEL,
  GEN_AI_REQUEST_SEED,
  GEN_AI_REQUEST_STOP_SEQUENCES,
  GEN_AI_REQUEST_STREAM,
  GEN_AI_REQUEST_TEMPERATURE,
  GEN_AI_REQUEST_TOP_K,
  GEN_AI_REQUEST_TOP_P,
  GEN_AI_RESPONSE_FINISH_REASONS,
  GEN_AI_RESPONSE_ID,
  GEN_AI_RESPONSE_MODEL,
  GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_OUTPUT_TOKENS,
  GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  OPERATIONS,
  SENTRY_OP,
  SERVER_ADDRESS,
  SERVER_PORT,
} from '../semconv.ts';
import type { CallCost } from './cost.ts';
import type { TokenUsage } from './usage.ts';

/** Settings of one model call, as far as they are sent to the provider. */
export interface ChatRequest {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly maxTokens?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly seed?: number;
  readonly stopSequences?: readonly string[];
  readonly reasoningLevel?: string;
  /** `text`, `json`, `image` or `speech`. */
  readonly outputType?: string;
}

/** One model call as it is known before it starts. */
export interface ChatDescription {
  readonly model: string;
  /** `gen_ai.provider.name`, such as `openai`, `anthropic` or `gcp.gemini`. */
  readonly provider: string;
  readonly stream?: boolean;
  /** 1 for the first try of this model in this turn. */
  readonly attempt?: number;
  readonly request?: ChatRequest;
  readonly server?: { readonly address: string; readonly port?: number };
}

/** One model call as it is known when the provider has answered. */
export interface ChatResponse {
  readonly id?: string;
  readonly model?: string;
  readonly finishReasons?: readonly string[];
  /** The provider's usage object as it came: see `normalizeUsage` for the shapes that are read. */
  readonly usage?: unknown;
  /** What the call cost in US dollars, when you know it better than the price table. */
  readonly costUsd?: number;
}

/** A step of the fallback chain: `from` failed, so `to` was asked. */
export interface FallbackHop {
  readonly from: string;
  readonly fromProvider?: string;
  readonly to: string;
  readonly toProvider?: string;
  /** A short class or status such as `429` or `TimeoutError`, never an error message. */
  readonly reason: string;
}

/** Adds what a `chat` span says at its creation, by default to nothing. */
export function chatAttributes(chat: ChatDescription, attributes: Attributes = {}): Attributes {
  attributes[GEN_AI_OPERATION_NAME] = OPERATIONS.chat.operationName;
  attributes[SENTRY_OP] = OPERATIONS.chat.sentryOp;
  attributes[GEN_AI_PROVIDER_NAME] = chat.provider;
  attributes[GEN_AI_REQUEST_MODEL] = chat.model;
  // The conventions leave the flag out for a call that does not stream.
  if (chat.stream === true) attributes[GEN_AI_REQUEST_STREAM] = true;
  if (chat.attempt !== undefined) attributes[FAULTLINE_ATTEMPT] = chat.attempt;
  if (chat.server !== undefined) {
    attributes[SERVER_ADDRESS] = chat.server.address;
    if (chat.server.port !== undefined) attributes[SERVER_PORT] = chat.server.port;
  }
  if (chat.request !== undefined) addRequest(attributes, chat.request);
  return attributes;
}

function addRequest(attributes: Attributes, request: ChatRequest): void {
  if (request.temperature !== undefined) attributes[GEN_AI_REQUEST_TEMPERATURE] = request.temperature;
  if (request.topP !== undefined) attributes[GEN_AI_REQUEST_TOP_P] = request.topP;
  if (request.topK !== undefined) attributes[GEN_AI_REQUEST_TOP_K] = request.topK;
  if (request.maxTokens !== undefined) attributes[GEN_AI_REQUEST_MAX_TOKENS] = request.maxTokens;
  if (request.frequencyPenalty !== undefined) attributes[GEN_AI_REQUEST_FREQUENCY_PENALTY] = request.frequencyPenalty;
  if (request.presencePenalty !== undefined) attributes[GEN_AI_REQUEST_PRESENCE_PENALTY] = request.presencePenalty;
  if (request.seed !== undefined) attributes[GEN_AI_REQUEST_SEED] = request.seed;
  if (request.stopSequences !== undefined) attributes[GEN_AI_REQUEST_STOP_SEQUENCES] = [...request.stopSequences];
  if (request.reasoningLevel !== undefined) attributes[GEN_AI_REQUEST_REASONING_LEVEL] = request.reasoningLevel;
  if (request.outputType !== undefined) attributes[GEN_AI_OUTPUT_TYPE] = request.outputType;
}

/** Attributes of a `chat` span that come with the answer, `usage` and `cost` being what it used. */
export function chatResponseAttributes(
  response: ChatResponse,
  usage: TokenUsage | undefined,
  cost: CallCost | undefined,
): Attributes {
  const attributes: Attributes = {};
  if (response.id !== undefined) attributes[GEN_AI_RESPONSE_ID] = response.id;
  if (response.model !== undefined) attributes[GEN_AI_RESPONSE_MODEL] = response.model;
  if (response.finishReasons !== undefined) attributes[GEN_AI_RESPONSE_FINISH_REASONS] = [...response.finishReasons];
  if (usage !== undefined) addUsageCounts(attributes, usage);
  if (cost !== undefined) addCallCost(attributes, cost);
  return attributes;
}

function addUsageCounts(attributes: Attributes, usage: TokenUsage): void {
  if (usage.inputTokens !== undefined) attributes[GEN_AI_USAGE_INPUT_TOKENS] = usage.inputTokens;
  if (usage.outputTokens !== undefined) attributes[GEN_AI_USAGE_OUTPUT_TOKENS] = usage.outputTokens;
  if (usage.cacheReadTokens !== undefined) attributes[GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] = usage.cacheReadTokens;
  if (usage.cacheWriteTokens !== undefined) attributes[GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS] = usage.cacheWriteTokens;
  if (usage.reasoningTokens !== undefined) attributes[GEN_AI_USAGE_REASONING_OUTPUT_TOKENS] = usage.reasoningTokens;
}

function addCallCost(attributes: Attributes, cost: CallCost): void {
  attributes[GEN_AI_COST_TOTAL_TOKENS] = cost.totalUsd;
  attributes[GEN_AI_COST_USD] = cost.totalUsd;
  if (cost.inputUsd !== undefined) attributes[GEN_AI_COST_INPUT_TOKENS] = cost.inputUsd;
  if (cost.outputUsd !== undefined) attributes[GEN_AI_COST_OUTPUT_TOKENS] = cost.outputUsd;
}

/** Attributes of the `gen_ai.chat.fallback` event. */
export function fallbackAttributes(hop: FallbackHop): Attributes {
  const attributes: Attributes = {
    [FAULTLINE_FALLBACK_FROM]: hop.from,
    [FAULTLINE_FALLBACK_TO]: hop.to,
    [FAULTLINE_FALLBACK_REASON]: hop.reason.slice(0, 200),
  };
  if (hop.fromProvider !== undefined) attributes[FAULTLINE_FALLBACK_FROM_PROVIDER] = hop.fromProvider;
  if (hop.toProvider !== undefined) attributes[FAULTLINE_FALLBACK_TO_PROVIDER] = hop.toProvider;
  return attributes;
}
