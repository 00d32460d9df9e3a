import type { Attributes, AttributeValue } from '@opentelemetry/api';

import { ownEntry } from '../../config/records.ts';
import { GEN_AI_OPERATION_NAME } from '../../semconv.ts';
import { instrumentationOf, TOOL } from './foreign-instrumentations.ts';

/** Values of `gen_ai.operation.name` that Sentry counts as model calls, and rightly. */
const MODEL_CALLS: ReadonlySet<string | undefined> = new Set([
  'chat',
  'generate_content',
  'text_completion',
  'embeddings',
  'decide',
  'extract',
]);
/** Those it counts as something else. Whatever is in neither list it counts as a model call, too. */
const OTHER_OPERATIONS: ReadonlySet<string> = new Set(['invoke_agent', 'create_agent', 'execute_tool', 'handoff']);

/** What Semantic Kernel and older instrumentations call a model call. */
const OLD_OPERATIONS: Readonly<Record<string, string>> = {
  responses: 'chat',
  'chat.completions': 'chat',
  'text.completions': 'text_completion',
  completion: 'text_completion',
  embedding: 'embeddings',
};

/** What a span says it is, in the words of any instrumentation, as a value that Sentry counts rightly. */
export function operationOf(attributes: Attributes): string | undefined {
  return knownOperation(attributes[GEN_AI_OPERATION_NAME]) ?? operationBySign(attributes);
}

/** Whether the attributes are those of a tool call, in the words of any instrumentation. */
export function isToolCall(attributes: Attributes): boolean {
  return operationOf(attributes) === TOOL;
}

/** Whether the attributes are those of a model call, in the words of any instrumentation. */
export function isModelCall(attributes: Attributes): boolean {
  return MODEL_CALLS.has(operationOf(attributes));
}

function knownOperation(said: AttributeValue | undefined): string | undefined {
  if (typeof said !== 'string') return undefined;
  return MODEL_CALLS.has(said) || OTHER_OPERATIONS.has(said) ? said : ownEntry(OLD_OPERATIONS, said);
}

function operationBySign(attributes: Attributes): string | undefined {
  const instrumentation = instrumentationOf(attributes);
  if (instrumentation === undefined) return undefined;
  const { sign, operations, otherwise } = instrumentation;
  return ownEntry(operations, String(attributes[sign])) ?? otherwise;
}
