import type { Attributes, AttributeValue } from '@opentelemetry/api';

import { providerName } from '../../attributes/provider-name.ts';
import {
  DB_SYSTEM_NAME,
  FAULTLINE_INSIDE_CHAT,
  FAULTLINE_TOLD_INSIDE,
  GEN_AI_AGENT_NAME,
  GEN_AI_CONVERSATION_ID,
  GEN_AI_COST_TOTAL_TOKENS,
  GEN_AI_OPERATION_NAME,
  GEN_AI_PROVIDER_NAME,
  GEN_AI_REQUEST_MODEL,
  GEN_AI_REQUEST_STREAM,
  GEN_AI_RESPONSE_FINISH_REASONS,
  GEN_AI_RESPONSE_ID,
  GEN_AI_RESPONSE_MODEL,
  GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
  GEN_AI_TOOL_CALL_ID,
  GEN_AI_TOOL_DESCRIPTION,
  GEN_AI_TOOL_NAME,
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_OUTPUT_TOKENS,
  OPERATIONS,
  SENTRY_OP,
} from '../../semconv.ts';
import { addUsage, moveUsage } from './foreign-usage.ts';
import type { SpanWords } from './dialect.ts';

/** Values of `gen_ai.operation.name` that Sentry counts as model calls, and rightly. */
const MODEL_CALLS: ReadonlySet<string> = new Set([
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

/** Model calls the AI SDK 7 has spans for around those of the calls. */
const TOLD_AROUND: ReadonlySet<string | undefined> = new Set(['embeddings', 'decide']);

interface ForeignSpan extends SpanWords {
  readonly instrumentationScope?: { readonly name: string };
}

/** A name of Sentry's, and the names it is read from: the first that is there counts. */
type Naming = readonly [name: string, from: readonly string[], read?: (value: AttributeValue) => AttributeValue];

interface Instrumentation {
  /** The attribute that says what a span is. */
  readonly sign: string;
  /** `gen_ai.operation.name` by its value. What is not listed is no agent, no model call and no tool. */
  readonly operations: Readonly<Record<string, string>>;
  /** That of any other value, where the attribute alone says it. */
  readonly otherwise?: string;
  readonly names: readonly Naming[];
  /** What an agent or a tool is called where `names` have nothing. */
  readonly subject?: (span: SpanWords) => AttributeValue | undefined;
}

const [AGENT, TOOL] = [OPERATIONS.agent.operationName!, OPERATIONS.tool.operationName!];

const TO_FIRST_CHUNK = ['ai.response.msToFirstChunk', 'ai.stream.msToFirstChunk'];

const AI_SDK: Instrumentation = {
  sign: 'ai.operationId',
  // `ai.embed`, `ai.embedMany` and `ai.decide` say once more what the calls in them say.
  operations: {
    'ai.generateText': AGENT,
    'ai.streamText': AGENT,
    'ai.generateObject': AGENT,
    'ai.streamObject': AGENT,
    'ai.workflowAgent.stream': AGENT,
    'ai.generateText.doGenerate': 'chat',
    'ai.streamText.doStream': 'chat',
    'ai.generateObject.doGenerate': 'chat',
    'ai.streamObject.doStream': 'chat',
    'ai.embed.doEmbed': 'embeddings',
    'ai.embedMany.doEmbed': 'embeddings',
    'ai.decide.doDecide': 'decide',
    'ai.toolCall': TOOL,
  },
  names: [
    [GEN_AI_PROVIDER_NAME, ['ai.model.provider'], (provider) => providerName(String(provider))],
    [GEN_AI_REQUEST_MODEL, ['ai.model.id']],
    [GEN_AI_RESPONSE_MODEL, ['ai.response.model']],
    [GEN_AI_RESPONSE_ID, ['ai.response.id']],
    [GEN_AI_REQUEST_STREAM, TO_FIRST_CHUNK, () => true],
    [GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, TO_FIRST_CHUNK, (milliseconds) => Number(milliseconds) / 1_000],
    [GEN_AI_AGENT_NAME, ['ai.telemetry.functionId']],
    [GEN_AI_TOOL_NAME, ['ai.toolCall.name']],
    [GEN_AI_TOOL_CALL_ID, ['ai.toolCall.id']],
  ],
};

const OPEN_INFERENCE: Instrumentation = {
  sign: 'openinference.span.kind',
  operations: { LLM: 'chat', EMBEDDING: 'embeddings', AGENT, TOOL },
  names: [
    [GEN_AI_PROVIDER_NAME, ['llm.provider', 'llm.system']],
    [GEN_AI_REQUEST_MODEL, ['llm.request.model_name', 'llm.model_name', 'embedding.model_name']],
    [GEN_AI_RESPONSE_MODEL, ['llm.response.model_name']],
    [GEN_AI_RESPONSE_FINISH_REASONS, ['llm.finish_reason'], (reason) => JSON.stringify([reason])],
    [GEN_AI_COST_TOTAL_TOKENS, ['llm.cost.total']],
    [GEN_AI_AGENT_NAME, ['agent.name']],
    [GEN_AI_TOOL_NAME, ['tool.name']],
    [GEN_AI_TOOL_DESCRIPTION, ['tool.description']],
    // Elsewhere the session of a browser is meant; here it is a thread of messages.
    [GEN_AI_CONVERSATION_ID, ['session.id']],
  ],
  subject: ({ name }) => name,
};

const LANGFUSE: Instrumentation = {
  sign: 'langfuse.observation.type',
  operations: { generation: 'chat', embedding: 'embeddings', agent: AGENT, tool: TOOL },
  names: [
    [GEN_AI_REQUEST_MODEL, ['langfuse.observation.model.name']],
    [GEN_AI_CONVERSATION_ID, ['session.id', 'langfuse.session.id']],
  ],
  subject: ({ name }) => name,
};

const OPEN_LLMETRY: Instrumentation = {
  sign: 'traceloop.span.kind',
  operations: { agent: AGENT, tool: TOOL },
  names: [],
  subject: ({ attributes }) => attributes['traceloop.entity.name'],
};

/** Before it had `gen_ai.operation.name`. */
const OLD_OPEN_LLMETRY: Instrumentation = {
  sign: 'llm.request.type',
  operations: { chat: 'chat', completion: 'text_completion', embedding: 'embeddings' },
  names: [],
};

/** It names the operations of agents and tools. Its id of the conversation is on model calls alone. */
const GOOGLE_ADK: Instrumentation = {
  sign: 'gcp.vertex.agent.session_id',
  operations: {},
  otherwise: 'chat',
  names: [[GEN_AI_CONVERSATION_ID, ['gcp.vertex.agent.session_id']]],
};
/** What it calls the answers of tools that ran at once, beside the span of each of them. */
const MERGED_TOOLS = '(merged tools)';

/** The AI SDK comes first: others write their names beside its own. */
const INSTRUMENTATIONS = [AI_SDK, OPEN_INFERENCE, LANGFUSE, OPEN_LLMETRY, OLD_OPEN_LLMETRY, GOOGLE_ADK];

const GEN_AI_SYSTEM = 'gen_ai.system';
/** The metric of that name, which the AI SDK from 7 on writes on the span. */
const SECONDS_TO_FIRST_CHUNK = ['gen_ai.client.operation.time_to_first_chunk'];
/** Names that every instrumentation may have. */
const OTHER_NAMES: readonly Naming[] = [
  [GEN_AI_PROVIDER_NAME, [GEN_AI_SYSTEM]],
  [GEN_AI_REQUEST_STREAM, SECONDS_TO_FIRST_CHUNK, () => true],
  [GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, SECONDS_TO_FIRST_CHUNK],
  [GEN_AI_RESPONSE_FINISH_REASONS, ['anthropic.message.stop_reason'], (reason) => JSON.stringify([reason])],
];

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
  const writer = span.instrumentationScope?.name;
  const instrumentation = instrumentationOf(given);
  const said = given[GEN_AI_OPERATION_NAME];
  if (instrumentation === undefined && said === undefined && !(GEN_AI_SYSTEM in given)) return given;
  const written = writtenOperation(given, instrumentation);
  const isTold = isToldAlready(written, given) || isAroundAgents(written, span);
  const operation = isTold ? undefined : written;
  const attributes = { ...given };
  if (operation !== undefined) markOperation(attributes, operation, span, instrumentation);
  else if (said !== undefined || isTold) unmarkOperation(attributes);
  addNames(attributes, OTHER_NAMES);
  if (operation !== undefined && MODEL_CALLS.has(operation)) addUsage(attributes, writer);
  else if (isTold || instrumentation !== undefined || said !== undefined) moveUsage(attributes, writer);
  return attributes;
}

/** Whether the attributes are those of a tool call, in the words of any instrumentation. */
export function isToolCall(attributes: Attributes): boolean {
  return writtenOperation(attributes, instrumentationOf(attributes)) === TOOL;
}

/** Whether the attributes are those of a model call, in the words of any instrumentation. */
export function isModelCall(attributes: Attributes): boolean {
  return MODEL_CALLS.has(writtenOperation(attributes, instrumentationOf(attributes)) ?? '');
}

/** Whether a model call says what it used. */
export function hasUsage(attributes: Attributes): boolean {
  const told = { ...attributes };
  addUsage(told, undefined);
  return Number(told[GEN_AI_USAGE_INPUT_TOKENS] ?? 0) + Number(told[GEN_AI_USAGE_OUTPUT_TOKENS] ?? 0) > 0;
}

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

/**
 * What a span tells of that is one call, however many spans directly in each other do: a tool by its name, an embedding,
 * a decision.
 */
export function onceToldCall(span: SpanWords): string | undefined {
  if (isToolCall(span.attributes)) return `${TOOL} ${String(foreignAttributes(span)[GEN_AI_TOOL_NAME])}`;
  return onceToldOperation(span.attributes);
}

function onceToldOperation(attributes: Attributes): string | undefined {
  const operation = writtenOperation(attributes, instrumentationOf(attributes));
  return TOLD_AROUND.has(operation) ? operation : undefined;
}

function instrumentationOf(attributes: Attributes): Instrumentation | undefined {
  return INSTRUMENTATIONS.find(({ sign }) => sign in attributes);
}

/** What a span says it is, in the words Sentry counts by. */
function writtenOperation(attributes: Attributes, instrumentation: Instrumentation | undefined): string | undefined {
  return knownOperation(attributes[GEN_AI_OPERATION_NAME]) ?? operationOf(attributes, instrumentation);
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

function knownOperation(said: AttributeValue | undefined): string | undefined {
  if (typeof said !== 'string') return undefined;
  return MODEL_CALLS.has(said) || OTHER_OPERATIONS.has(said) ? said : ownEntry(OLD_OPERATIONS, said);
}

function operationOf(attributes: Attributes, instrumentation: Instrumentation | undefined): string | undefined {
  if (instrumentation === undefined) return undefined;
  return ownEntry(instrumentation.operations, String(attributes[instrumentation.sign])) ?? instrumentation.otherwise;
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

function addNames(attributes: Attributes, names: readonly Naming[]): void {
  for (const [name, from, read] of names) {
    if (attributes[name] !== undefined) continue;
    const value = from.map((key) => attributes[key]).find((found) => found !== undefined);
    if (value !== undefined) attributes[name] = read === undefined ? value : read(value);
  }
}

function ownEntry(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
