import type { Attributes } from '@opentelemetry/api';

import { GEN_AI_REQUEST_MODEL, GEN_AI_RESPONSE_MODEL, GEN_AI_TOOL_NAME } from '../semconv.ts';
import type { SpanWords } from './dialects/dialect.ts';
import { addNames, instrumentationOf, TOOL } from './dialects/foreign-instrumentations.ts';
import { isModelCall, isToolCall, operationOf } from './dialects/foreign-operations.ts';
import { foreignAttributes } from './dialects/foreign-spans.ts';

/** Model calls the AI SDK 7 has spans for around those of the calls. */
const TOLD_AROUND: ReadonlySet<string | undefined> = new Set(['embeddings', 'decide']);

/**
 * Whether two model calls, one directly in the other, may be the same one. An embedding made for a prompt is not, and
 * what a call asks another model for.
 */
export function mayBeSameCall(one: Attributes, other: Attributes): boolean {
  if (!isModelCall(one) || !isModelCall(other)) return false;
  if (onceToldOperation(one) !== onceToldOperation(other)) return false;
  const models = modelsOf(one);
  const others = modelsOf(other);
  return models.length === 0 || others.length === 0 || models.some((model) => others.includes(model));
}

/**
 * What a span tells of that is one call, however many spans directly in each other do: a tool by its name, an embedding,
 * a decision.
 */
export function onceToldCall(span: SpanWords): string | undefined {
  if (isToolCall(span.attributes)) return `${TOOL} ${String(foreignAttributes(span)[GEN_AI_TOOL_NAME])}`;
  return onceToldOperation(span.attributes);
}

function onceToldOperation(attributes: Attributes): string | undefined {
  const operation = operationOf(attributes);
  return TOLD_AROUND.has(operation) ? operation : undefined;
}

/**
 * The model that was asked and the one that answered, without the way to them, as in `anthropic/claude-sonnet-4-5`, and
 * without the version: some write the one that answered in place of the one that was asked.
 */
function modelsOf(attributes: Attributes): readonly string[] {
  const told = { ...attributes };
  addNames(told, instrumentationOf(attributes)?.names ?? []);
  const models = [told[GEN_AI_REQUEST_MODEL], told[GEN_AI_RESPONSE_MODEL]];
  return models.flatMap((model) =>
    typeof model === 'string' ? model.replace(/^.*\/|[-@](?:\d{3,8}|\d{4}-\d\d-\d\d)$|-latest$/g, '') : [],
  );
}
