import type { Attributes } from '@opentelemetry/api';

import {
  DB_SYSTEM_NAME,
  FAULTLINE_INSIDE_CHAT,
  FAULTLINE_TOLD_INSIDE,
  GEN_AI_AGENT_NAME,
  GEN_AI_OPERATION_NAME,
  GEN_AI_TOOL_NAME,
  SENTRY_OP,
} from '../../semconv.ts';
import type { SpanWords } from './dialect.ts';
import {
  addNames,
  AGENT,
  GEN_AI_SYSTEM,
  instrumentationOf,
  OTHER_NAMES,
  TOOL,
  type Instrumentation,
} from './foreign-instrumentations.ts';
import { isModelCall, operationOf } from './foreign-operations.ts';
import { moveUsage, writeUsage } from './foreign-usage.ts';

interface ForeignSpan extends SpanWords {
  readonly instrumentationScope?: { readonly name: string };
}

/** What Google's ADK calls the answers of tools that ran at once, beside the span of each of them. */
const MERGED_TOOLS = '(merged tools)';

const OPENAI_AGENTS = '@arizeai/openinference-instrumentation-openai-agents';

const OPERATION_TYPE = 'gen_ai.operation.type';
/** Ops by which alone Sentry counts a span as something of a model. */
const COUNTED_OP = /^(?:gen_)?ai\./;

/**
 * The attributes of a span of another instrumentation as Sentry reads them: agents, model calls and tools are what they
 * are, nothing else is counted, and every token is counted once. The same object where there is nothing to change.
 * Content stays as it is.
 *
 * Sentry counts by `gen_ai.operation.name`, and takes whatever it does not know for a model call (Relay's
 * `infer_ai_operation_type`).
 */
export function foreignAttributes(span: ForeignSpan): Attributes {
  const { attributes: given } = span;
  const instrumentation = instrumentationOf(given);
  const said = given[GEN_AI_OPERATION_NAME];
  if (instrumentation === undefined && said === undefined && !(GEN_AI_SYSTEM in given)) return given;
  const written = operationOf(given);
  const isTold = isToldAlready(written, given) || isAroundAgents(written, span);
  const operation = isTold ? undefined : written;
  const attributes = { ...given };
  if (operation !== undefined) markOperation(attributes, operation, span, instrumentation);
  else if (said !== undefined || isTold) unmarkOperation(attributes);
  addNames(attributes, OTHER_NAMES);
  const writer = span.instrumentationScope?.name;
  if (!isTold && isModelCall(given)) writeUsage(attributes, writer);
  else if (isTold || instrumentation !== undefined || said !== undefined) moveUsage(attributes, writer);
  return attributes;
}

/** A model call of ours tells of everything in it but of the tools; a span directly inside, of the same. */
function isToldAlready(operation: string | undefined, attributes: Attributes): boolean {
  return (
    attributes[FAULTLINE_TOLD_INSIDE] === true ||
    attributes[GEN_AI_TOOL_NAME] === MERGED_TOOLS ||
    (attributes[FAULTLINE_INSIDE_CHAT] === true && operation !== TOOL)
  );
}

/** OpenInference calls the trace of OpenAI's agents an agent, too, and a list of the tools of an MCP server a tool. */
function isAroundAgents(operation: string | undefined, { attributes, instrumentationScope }: ForeignSpan): boolean {
  const name = operation === AGENT ? 'graph.node.id' : operation === TOOL ? 'tool.name' : undefined;
  return instrumentationScope?.name === OPENAI_AGENTS && name !== undefined && !(name in attributes);
}

function markOperation(
  attributes: Attributes,
  operation: string,
  span: SpanWords,
  instrumentation: Instrumentation | undefined,
): void {
  attributes[GEN_AI_OPERATION_NAME] = operation;
  // By itself Sentry calls a span an HTTP request that says how it was made.
  attributes[SENTRY_OP] ??= `gen_ai.${operation}`;
  if (instrumentation === undefined) return;
  addNames(attributes, instrumentation.names);
  const nameKey = operation === AGENT ? GEN_AI_AGENT_NAME : operation === TOOL ? GEN_AI_TOOL_NAME : undefined;
  if (nameKey !== undefined) attributes[nameKey] ??= instrumentation.subject?.(span);
}

/** A step of a workflow, say. What it is besides, Sentry finds out, unless it would take it for something of a model. */
function unmarkOperation(attributes: Attributes): void {
  delete attributes[GEN_AI_OPERATION_NAME];
  delete attributes[OPERATION_TYPE];
  if (COUNTED_OP.test(String(attributes[SENTRY_OP]))) delete attributes[SENTRY_OP];
  if (!('http.request.method' in attributes) && !(DB_SYSTEM_NAME in attributes)) attributes[SENTRY_OP] ??= 'function';
}
