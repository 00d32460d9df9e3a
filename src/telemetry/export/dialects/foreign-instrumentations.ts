/** What other instrumentations call agents, model calls and tools, and what they say of them, as data. */
import type { Attributes, AttributeValue } from '@opentelemetry/api';

import { providerName } from '../../attributes/provider-name.ts';
import {
  GEN_AI_AGENT_NAME,
  GEN_AI_CONVERSATION_ID,
  GEN_AI_COST_TOTAL_TOKENS,
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
  OPERATIONS,
} from '../../semconv.ts';
import type { SpanWords } from './dialect.ts';

/** A name of Sentry's, and the names it is read from: the first that is there counts. */
export type Naming = readonly [name: string, from: readonly string[], read?: (value: AttributeValue) => AttributeValue];

export interface Instrumentation {
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

export const AGENT: string = OPERATIONS.agent.operationName!;
export const TOOL: string = OPERATIONS.tool.operationName!;

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
    // Elsewhere the name stands for the visit of a browser; here it is a thread of messages.
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

/** The AI SDK comes first: others write their names beside its own. */
const INSTRUMENTATIONS = [AI_SDK, OPEN_INFERENCE, LANGFUSE, OPEN_LLMETRY, OLD_OPEN_LLMETRY, GOOGLE_ADK];

export const GEN_AI_SYSTEM = 'gen_ai.system';
/** The metric of that name, which the AI SDK from 7 on writes on the span. */
const SECONDS_TO_FIRST_CHUNK = ['gen_ai.client.operation.time_to_first_chunk'];
/** Names that every instrumentation may have. */
export const OTHER_NAMES: readonly Naming[] = [
  [GEN_AI_PROVIDER_NAME, [GEN_AI_SYSTEM]],
  [GEN_AI_REQUEST_STREAM, SECONDS_TO_FIRST_CHUNK, () => true],
  [GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, SECONDS_TO_FIRST_CHUNK],
  [GEN_AI_RESPONSE_FINISH_REASONS, ['anthropic.message.stop_reason'], (reason) => JSON.stringify([reason])],
];

/** The instrumentation that wrote a span, by the attribute that says what the span is. */
export function instrumentationOf(attributes: Attributes): Instrumentation | undefined {
  return INSTRUMENTATIONS.find(({ sign }) => sign in attributes);
}

/** Writes what stands under other names under those of Sentry that nothing stands under yet. */
export function addNames(attributes: Attributes, names: readonly Naming[]): void {
  for (const [name, from, read] of names) {
    if (attributes[name] !== undefined) continue;
    const value = from.map((key) => attributes[key]).find((found) => found !== undefined);
    if (value !== undefined) attributes[name] = read === undefined ? value : read(value);
  }
}
