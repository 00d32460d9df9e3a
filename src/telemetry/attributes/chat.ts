import type { Attributes } from '@opentelemetry/api';

import { cutBetweenWords } from '../content/cut.ts';
import type { Redactor } from '../content/redactor.ts';
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
import { isNumber } from './number.ts';
import { textOf, textsOf } from './text.ts';
import type { TokenUsage } from './usage.ts';

/** Settings of one model call, as far as they are sent to the provider. */
export interface ChatRequest {
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly seed?: number | undefined;
  readonly stopSequences?: readonly string[] | undefined;
  readonly reasoningLevel?: string | undefined;
  /** `text`, `json`, `image` or `speech`. */
  readonly outputType?: string | undefined;
}

/** One model call as it is known before it starts. */
export interface ChatDescription {
  /** The model that is asked, as the provider names it. */
  readonly model: string;
  /** `gen_ai.provider.name`, such as `openai`, `anthropic` or `gcp.gemini`. */
  readonly provider: string;
  /** Whether the answer is asked for as a stream. */
  readonly stream?: boolean | undefined;
  /** 1 for the first try of this model in this turn, 2 for the second. */
  readonly attempt?: number | undefined;
  /** Settings that are sent with the question. */
  readonly request?: ChatRequest | undefined;
  /** Host and port of the provider's server. */
  readonly server?: { readonly address: string; readonly port?: number | undefined } | undefined;
}

/** One model call as it is known when the provider has answered. */
export interface ChatResponse {
  /** The provider's id of the answer. */
  readonly id?: string | undefined;
  /** The model that answered, as the provider names it: often a dated version of the one that was asked. */
  readonly model?: string | undefined;
  readonly finishReasons?: readonly string[] | undefined;
  /**
   * The usage object as it came: from OpenAI and its agents, Anthropic, Google, Bedrock, Mistral, Cohere, the AI SDK or
   * LangChain, or a `TokenUsage`. Of Ollama the whole answer.
   */
  readonly usage?: unknown;
  /** What the call cost in US dollars, when you know it better than the price table. */
  readonly costUsd?: number | undefined;
}

/** A step of the fallback chain: `from` failed, so `to` was asked. */
export interface FallbackHop {
  readonly from: string;
  readonly fromProvider?: string | undefined;
  readonly to: string;
  readonly toProvider?: string | undefined;
  /** A short class or status such as `429` or `TimeoutError`, never an error message. */
  readonly reason: string;
}

/** Adds what a `chat` span says at its creation. */
export function chatAttributes(chat: ChatDescription, attributes: Attributes, redactor: Redactor): Attributes {
  const { label } = redactor;
  attributes[GEN_AI_OPERATION_NAME] = OPERATIONS.chat.operationName;
  attributes[SENTRY_OP] = OPERATIONS.chat.sentryOp;
  const provider = textOf(chat.provider);
  if (provider !== undefined) attributes[GEN_AI_PROVIDER_NAME] = label(provider, GEN_AI_PROVIDER_NAME);
  const model = textOf(chat.model);
  if (model !== undefined) attributes[GEN_AI_REQUEST_MODEL] = label(model, GEN_AI_REQUEST_MODEL);
  // The conventions leave the flag out for a call that does not stream.
  if (chat.stream === true) attributes[GEN_AI_REQUEST_STREAM] = true;
  if (isNumber(chat.attempt)) attributes[FAULTLINE_ATTEMPT] = chat.attempt;
  const address = textOf(chat.server?.address);
  if (address !== undefined) attributes[SERVER_ADDRESS] = label(address, SERVER_ADDRESS);
  if (isNumber(chat.server?.port)) attributes[SERVER_PORT] = chat.server.port;
  // A program without types may have `null` for what it does not set, here and there.
  if (chat.request) addRequest(attributes, chat.request, redactor);
  return attributes;
}

function addRequest(attributes: Attributes, request: ChatRequest, { label }: Redactor): void {
  if (isNumber(request.temperature)) attributes[GEN_AI_REQUEST_TEMPERATURE] = request.temperature;
  if (isNumber(request.topP)) attributes[GEN_AI_REQUEST_TOP_P] = request.topP;
  if (isNumber(request.topK)) attributes[GEN_AI_REQUEST_TOP_K] = request.topK;
  if (isNumber(request.maxTokens)) attributes[GEN_AI_REQUEST_MAX_TOKENS] = request.maxTokens;
  if (isNumber(request.frequencyPenalty)) attributes[GEN_AI_REQUEST_FREQUENCY_PENALTY] = request.frequencyPenalty;
  if (isNumber(request.presencePenalty)) attributes[GEN_AI_REQUEST_PRESENCE_PENALTY] = request.presencePenalty;
  if (isNumber(request.seed)) attributes[GEN_AI_REQUEST_SEED] = request.seed;
  const stopSequences = textsOf(request.stopSequences);
  if (stopSequences !== undefined) {
    attributes[GEN_AI_REQUEST_STOP_SEQUENCES] = labels(stopSequences, GEN_AI_REQUEST_STOP_SEQUENCES, label);
  }
  const reasoningLevel = textOf(request.reasoningLevel);
  if (reasoningLevel !== undefined) {
    attributes[GEN_AI_REQUEST_REASONING_LEVEL] = label(reasoningLevel, GEN_AI_REQUEST_REASONING_LEVEL);
  }
  const outputType = textOf(request.outputType);
  if (outputType !== undefined) attributes[GEN_AI_OUTPUT_TYPE] = label(outputType, GEN_AI_OUTPUT_TYPE);
}

/** A loop, because this is done for every answer. */
function labels(texts: readonly string[], key: string, label: Redactor['label']): string[] {
  const copy: string[] = [];
  for (const text of texts) copy.push(label(text, key));
  return copy;
}

/** Attributes of a `chat` span that come with the answer, `usage` and `cost` being what it used. */
export function chatResponseAttributes(
  response: ChatResponse,
  usage: TokenUsage | undefined,
  cost: CallCost | undefined,
  { label }: Redactor,
): Attributes {
  const attributes: Attributes = {};
  const id = textOf(response.id);
  if (id !== undefined) attributes[GEN_AI_RESPONSE_ID] = label(id, GEN_AI_RESPONSE_ID);
  const model = textOf(response.model);
  if (model !== undefined) attributes[GEN_AI_RESPONSE_MODEL] = label(model, GEN_AI_RESPONSE_MODEL);
  const finishReasons = textsOf(response.finishReasons);
  if (finishReasons !== undefined) {
    attributes[GEN_AI_RESPONSE_FINISH_REASONS] = labels(finishReasons, GEN_AI_RESPONSE_FINISH_REASONS, label);
  }
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
  if (isNumber(cost.totalUsd)) attributes[GEN_AI_COST_TOTAL_TOKENS] = cost.totalUsd;
  if (isNumber(cost.totalUsd)) attributes[GEN_AI_COST_USD] = cost.totalUsd;
  if (isNumber(cost.inputUsd)) attributes[GEN_AI_COST_INPUT_TOKENS] = cost.inputUsd;
  if (isNumber(cost.outputUsd)) attributes[GEN_AI_COST_OUTPUT_TOKENS] = cost.outputUsd;
}

/** Attributes of the `gen_ai.chat.fallback` event. */
export function fallbackAttributes(hop: FallbackHop, { label }: Redactor): Attributes {
  const attributes: Attributes = {
    [FAULTLINE_FALLBACK_FROM]: label(hop.from, FAULTLINE_FALLBACK_FROM),
    [FAULTLINE_FALLBACK_TO]: label(hop.to, FAULTLINE_FALLBACK_TO),
    [FAULTLINE_FALLBACK_REASON]: cutBetweenWords(label(hop.reason, FAULTLINE_FALLBACK_REASON), 200),
  };
  if (hop.fromProvider !== undefined) {
    attributes[FAULTLINE_FALLBACK_FROM_PROVIDER] = label(hop.fromProvider, FAULTLINE_FALLBACK_FROM_PROVIDER);
  }
  if (hop.toProvider !== undefined) {
    attributes[FAULTLINE_FALLBACK_TO_PROVIDER] = label(hop.toProvider, FAULTLINE_FALLBACK_TO_PROVIDER);
  }
  return attributes;
}
