import type { Attributes } from '@opentelemetry/api';

import {
  FAULTLINE_COST_USD_TOTAL,
  FAULTLINE_FALLBACKS,
  FAULTLINE_MEMORY_FAILED,
  FAULTLINE_TOOL_ERRORS,
  FAULTLINE_TURNS,
  FAULTLINE_USAGE_CACHE_READ_INPUT_TOKENS,
  FAULTLINE_USAGE_CACHE_WRITE_INPUT_TOKENS,
  FAULTLINE_USAGE_INPUT_TOKENS,
  FAULTLINE_USAGE_OUTPUT_TOKENS,
  FAULTLINE_USAGE_REASONING_OUTPUT_TOKENS,
  GEN_AI_AGENT_DESCRIPTION,
  GEN_AI_OPERATION_NAME,
  OPERATIONS,
  SENTRY_OP,
} from '../semconv.ts';
import type { Redactor } from '../content/redactor.ts';
import { isNumber } from './number.ts';
import { textOf } from './text.ts';
import type { TokenUsage } from './usage.ts';

/** What an agent run is known by when it starts; its name and ids come from the run context. */
export interface AgentDescription {
  readonly description?: string | undefined;
}

/**
 * What happened inside one agent run, counted from its own child spans. A sub-agent counts for itself,
 * so that a sum over agent spans counts nothing twice.
 */
export interface RunTotals {
  turns: number;
  fallbacks: number;
  toolErrors: number;
  memoryFailed: boolean;
  usage?: TokenUsage;
  costUsd?: number;
}

/** Adds what an `agent.invoke` span says at its creation, besides what every span of its run says. */
export function agentAttributes(agent: AgentDescription, attributes: Attributes, { label }: Redactor): Attributes {
  attributes[GEN_AI_OPERATION_NAME] = OPERATIONS.agent.operationName;
  attributes[SENTRY_OP] = OPERATIONS.agent.sentryOp;
  const description = textOf(agent.description);
  if (description !== undefined) attributes[GEN_AI_AGENT_DESCRIPTION] = label(description, GEN_AI_AGENT_DESCRIPTION);
  return attributes;
}

/**
 * Attributes of an `agent.invoke` span at its end. Usage has Faultline's own names here: with
 * `gen_ai.usage.*` a dashboard that sums over all spans would count every token twice.
 */
export function runTotalAttributes(totals: RunTotals): Attributes {
  const attributes: Attributes = {
    [FAULTLINE_TURNS]: totals.turns,
    [FAULTLINE_FALLBACKS]: totals.fallbacks,
    [FAULTLINE_TOOL_ERRORS]: totals.toolErrors,
    [FAULTLINE_MEMORY_FAILED]: totals.memoryFailed,
  };
  const { usage, costUsd } = totals;
  if (usage?.inputTokens !== undefined) attributes[FAULTLINE_USAGE_INPUT_TOKENS] = usage.inputTokens;
  if (usage?.outputTokens !== undefined) attributes[FAULTLINE_USAGE_OUTPUT_TOKENS] = usage.outputTokens;
  if (usage?.cacheReadTokens !== undefined) attributes[FAULTLINE_USAGE_CACHE_READ_INPUT_TOKENS] = usage.cacheReadTokens;
  if (usage?.cacheWriteTokens !== undefined) {
    attributes[FAULTLINE_USAGE_CACHE_WRITE_INPUT_TOKENS] = usage.cacheWriteTokens;
  }
  if (usage?.reasoningTokens !== undefined) attributes[FAULTLINE_USAGE_REASONING_OUTPUT_TOKENS] = usage.reasoningTokens;
  if (isNumber(costUsd)) attributes[FAULTLINE_COST_USD_TOTAL] = costUsd;
  return attributes;
}
