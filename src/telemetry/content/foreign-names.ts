/**
 * The names other instrumentations write content under, as data: the GenAI conventions now and before
 * (`gen_ai.prompt.N.*`), the AI SDK, OpenInference, OpenLLMetry, Langfuse, LangSmith, Genkit, Google's ADK, MLflow,
 * Laminar, Mastra, VoltAgent, Braintrust, Strands, Pydantic, MCP and BullMQ, and what HTTP and database instrumentations
 * can be told to record.
 */
import { ownEntry } from '../config/records.ts';
import { isWrittenBy, type Writer, type WrittenSpan } from './foreign-writers.ts';
import type { ContentKind } from './policy.ts';

/** What an attribute holds, by its name. */
export type AttributeRole = SettledRole | DependentRole;

/** What an attribute holds on the spans of who writes it so, and anywhere else. */
interface DependentRole {
  readonly role: 'dependent';
  readonly writer: Writer;
  readonly theirs: SettledRole;
  readonly otherwise: SettledRole;
}

/** What an attribute holds. */
export type SettledRole =
  /** Content: it leaves when every kind it may be made of does. */
  | { readonly role: 'content'; readonly needs: readonly ContentKind[] }
  /** Content of whatever its span is about. */
  | { readonly role: 'input' | 'output' }
  /** An address whose query may hold secrets, and content; a route is one only if it has a query. */
  | { readonly role: 'url' | 'query' | 'route' }
  /** A statement whose literals may be content. */
  | { readonly role: 'statement' }
  | { readonly role: 'message' | 'stack' }
  /** The class of an exception, or a text that stands in its place. */
  | { readonly role: 'class' }
  /** Anything else. */
  | { readonly role: 'plain' };

/** A conversation holds all that was ever said in it, by whomever. */
export const EVERYTHING_SAID: readonly ContentKind[] = [
  'inputs',
  'outputs',
  'systemInstructions',
  'toolArguments',
  'toolResults',
  'memory',
];
const ANSWER: readonly ContentKind[] = ['outputs', 'toolArguments'];
const WHOLE_REQUEST: readonly ContentKind[] = [...EVERYTHING_SAID, 'toolDefinitions'];

const EXACT: Readonly<Record<string, AttributeRole>> = {
  ...content(EVERYTHING_SAID, [
    'gen_ai.request.messages',
    'gen_ai.prompt',
    'gen_ai.user.message',
    'gen_ai.embeddings.input',
    'ai.prompt',
    'ai.preamble',
    'ai.input_messages',
    'ai.value',
    'ai.values',
    'ai.embedding',
    'ai.embeddings',
    'ai.documents',
    'ai.ranking',
    'ai.decision.state',
    'ai.decision.questions',
    'bullmq.job.progress',
    'bullmq.job.result',
    'ai.settings.context',
    'ai.response.sources',
    'ai.response.providerMetadata',
    'stream.response.providerMetadata',
    'gen_ai.request.prediction',
    'gen_ai.embeddings.vector',
    'gen_ai.memory.value',
    'llm.prompts',
    'gcp.vertex.agent.llm_request',
    'gcp.vertex.agent.data',
    'all_messages_events',
    'events',
    'logfire.msg',
    'logfire.json_schema',
    'langsmith.events',
    'langfuse.score.comment',
    'llm.headers',
    'llm.content_completion_chunk',
    'http.request.content',
    'http.request.json',
    'http.response.content',
    'http.response.json',
    'rpc.request',
    'rpc.response',
    'grpc.request',
    'grpc.response',
    'faas.event',
    'websocket.message',
    'ws.message',
    'final_result',
    'crewai.task.description',
    'crewai.task.expected_output',
    'crewai.agent.goal',
    'crewai.agent.backstory',
    'agent.goal',
    'agent.context',
    'agent.messages.ui',
    'agent.summary.preview',
    'workflow.stateSnapshot',
    'genkit:init',
    'genkit:metadata:context',
    'genkit:metadata:interrupt',
    'genkit:metadata:resumed',
    'planagent.todos',
    'planagent.task.description',
    'planagent.task.response_preview',
    'smolagents.task',
    'content',
    'prompt',
    'completion',
    'messages',
    'inputs',
    'outputs',
    'system_prompt',
    'user_prompt',
    'user_message',
  ]),
  ...content(WHOLE_REQUEST, [
    'ai.request.body',
    'llm.invocation_parameters',
    'model_request_parameters',
    'langfuse.observation.model.parameters',
    'agent.stateSnapshot',
  ]),
  // Tool calls have names of their own there.
  ...content(
    ['outputs'],
    [
      'gen_ai.response.text',
      'gen_ai.response.object',
      'ai.response.text',
      'ai.response.object',
      'ai.response.reasoning',
      'ai.response.reasoning.text',
    ],
  ),
  ...content(ANSWER, [
    'gen_ai.completion',
    'gen_ai.response.tool_calls',
    'ai.response.files',
    'ai.response.body',
    'ai.decision.answers',
    'stream.response.text',
    'stream.response.object',
    'stream.response.toolCalls',
    'guardrail.chunk.text',
    'ai.texts',
    'gen_ai.evaluation.explanation',
    'llm.completions',
    'llm.function_call',
    'gcp.vertex.agent.llm_response',
  ]),
  ...content(
    ['systemInstructions'],
    [
      'gen_ai.system_instructions',
      'gen_ai.system.message',
      'gen_ai.request.instructions',
      'gen_ai.request.system',
      'ai.settings.system',
      'llm.system_prompt',
    ],
  ),
  ...content(
    ['toolDefinitions'],
    [
      'gen_ai.tool.definitions',
      'gen_ai.request.available_tools',
      'gen_ai.request.tools',
      'gen_ai.request.functions',
      'ai.prompt.tools',
      'stream.prompt.tools',
      'ai.schema',
      'tool.json_schema',
    ],
  ),
  ...content(
    ['toolArguments'],
    [
      'gen_ai.tool.call.arguments',
      'gen_ai.tool.input',
      'gen_ai.tool.parameters',
      'ai.toolCall.args',
      'ai.toolCall.input',
      'stream.toolCall.args',
      'tool.parameters',
      'tool_call.function.arguments',
      'tool_arguments',
      'gcp.vertex.agent.tool_call_args',
      'mcp.resource.uri',
      'mcp.params',
      'mcp.request.params',
      'jsonrpc.params',
      'rpc.jsonrpc.params',
      'db.params',
      'db.statement.parameters',
      'db.redis.args',
      'sql.params',
      'prisma.params',
    ],
  ),
  ...content(
    ['toolResults'],
    [
      'gen_ai.tool.call.result',
      'gen_ai.tool.output',
      'gen_ai.tool.message',
      'gen_ai.tool.response',
      'ai.toolCall.result',
      'ai.toolCall.output',
      'stream.toolCall.result',
      'tool_response',
      'gcp.vertex.agent.tool_response',
      'mcp.result',
      'mcp.response',
      'mcp.response.value',
      'mcp.resource.text',
    ],
  ),
  ...content(
    ['memory'],
    [
      'gen_ai.memory.query.text',
      'gen_ai.memory.records',
      'gen_ai.retrieval.query.text',
      'gen_ai.retrieval.documents',
      'vector_store.query',
      'search.query',
      'search_query',
    ],
  ),
  ...same({ role: 'input' }, [
    'input.value',
    'traceloop.entity.input',
    'mlflow.spanInputs',
    'lmnr.span.input',
    'input',
  ]),
  ...same({ role: 'output' }, [
    'output.value',
    'traceloop.entity.output',
    'mlflow.spanOutputs',
    'lmnr.span.output',
    'output',
  ]),
  ...same({ role: 'url' }, ['url.full', 'url.original', 'url.path', 'http.target', 'http.path', 'next.span_name']),
  ...same({ role: 'route' }, ['http.route', 'next.route', 'messaging.destination.name']),
  ...same({ role: 'query' }, ['url.query', 'url.fragment', 'http.query', 'http.query_string', 'http.fragment']),
  ...same({ role: 'statement' }, [
    'db.query.text',
    'db.query.summary',
    'db.statement',
    'db.mongodb.query',
    'graphql.document',
    'graphql.source',
  ]),
  ...same({ role: 'message' }, [
    'exception.message',
    'otel.status_description',
    'bullmq.job.failed.reason',
    'langfuse.observation.status_message',
  ]),
  ...same({ role: 'stack' }, ['exception.stacktrace']),
  ...same({ role: 'class' }, ['exception.type']),
  // LangChain copies into it what an agent is configured with.
  ...contentOf('openInference', EVERYTHING_SAID, ['metadata']),
  ...contentOf('voltAgent', EVERYTHING_SAID, [
    'workflow.context',
    'suspension.data',
    'resume.data',
    'guardrail.message',
    'guardrail.result.metadata',
    'eval.input',
    'eval.output',
    'eval.expected',
    'eval.scorer.metadata',
  ]),
  ...contentOf(
    'voltAgent',
    ['toolArguments'],
    ['workspace.search.query', 'workspace.sandbox.command', 'workspace.sandbox.args'],
  ),
  // Here the name of a system is meant.
  ...same({ role: 'plain' }, ['gen_ai.system', 'llm.system']),
};

/** Beginnings of names, the longer before the shorter. */
const PREFIXES: readonly (readonly [prefix: string, role: SettledRole])[] = [
  ...prefixes({ role: 'plain' }, [
    'gen_ai.prompt.name',
    'gen_ai.prompt.version',
    'ai.prompt.toolChoice',
    'stream.prompt.toolChoice',
    'db.vector.query.result.namespace',
  ]),
  ...prefixes(roleOfContent(EVERYTHING_SAID), [
    'gen_ai.prompt.',
    'gen_ai.input.',
    'ai.prompt.',
    'stream.prompt.',
    'llm.input_messages',
    'llm.prompts.',
    'llm.prompt_template',
    'llm.invocation_parameters.',
    'prompt.template',
    'message.content',
    'message_content.',
    'embedding.text',
    'embedding.embeddings',
    'langfuse.trace.input',
    'langfuse.trace.metadata',
    'langfuse.observation.metadata',
    'langfuse.experiment.metadata',
    'langfuse.experiment.item.metadata',
    'langsmith.metadata',
    'traceloop.prompt.template',
    'graphql.variable',
    'pydantic_ai.',
    'http.request.body',
    'rpc.request.body',
    'messaging.message.body',
    'mcp.prompt.',
    'guardrail.input.',
    'guardrail.output.',
    'middleware.input.',
    'middleware.output.',
  ]),
  ...prefixes(roleOfContent(ANSWER), [
    'gen_ai.completion.',
    'gen_ai.output.messages',
    'ai.response.text',
    'ai.response.object',
    'ai.response.toolCalls',
    'ai.result.',
    'llm.output_messages',
    'llm.completions.',
    'langfuse.trace.output',
  ]),
  ...prefixes(roleOfContent(['toolDefinitions']), ['llm.tools', 'llm.request.functions', 'ai.schema.']),
  ...prefixes(roleOfContent(['toolArguments']), [
    'mcp.request.argument',
    'db.query.parameter',
    'db.operation.parameter',
    'ai.toolCall.args.',
  ]),
  ...prefixes(roleOfContent(['toolResults']), [
    'http.response.body',
    'rpc.response.body',
    'ai.toolCall.result.',
    'mcp.tool.result.',
  ]),
  ...prefixes(roleOfContent(['memory']), [
    'retrieval.documents',
    'reranker.',
    'document.content',
    'document.metadata',
    'db.query.result',
    'db.query.embeddings',
    'db.chroma.',
    'db.milvus.query.expr',
    'db.vector.query.metadata_filter',
    'db.vector.query.embeddings',
    'db.vector.query.result.',
    'db.vector.delete.selector',
    'db.vector.get.selector',
    'pinecone.query.',
  ]),
  ...prefixes({ role: 'input' }, ['langfuse.observation.input', 'braintrust.input', 'mastra.input', 'input.images']),
  ...prefixes({ role: 'output' }, [
    'langfuse.observation.output',
    'braintrust.output',
    'mastra.output',
    'output.images',
  ]),
];

/** Families whose further names are judged by their last word. */
const AI_FAMILY =
  /^(?:gen_?ai|ai|llm|langchain|langgraph|langsmith|langfuse|llama_?index|genkit|traceloop|mcp|mastra|agent|crewai|autogen|haystack|semantic_kernel|smolagents|strands|openai|anthropic|bedrock|cohere|vertexai|google\.genai|vercel\.ai|watsonx|copilot|tool|tool_call|message|lmnr|logfire|braintrust|weave|wandb|opik|comet|helicone|phoenix|arize)[.:]/;
const CONTENT_WORD =
  /(?:^|[._:-])(?:contents?|prompts?|completions?|choices?|messages?|msg|inputs?|outputs?|arguments?|args|body|payload|text|requests?|responses?|results?|reasoning|thinking|instructions?|query|question|answer|transcript|documents?|variables|explanation|system|summary|speech|steps|annotations|warnings)(?:\.\d{1,6}){0,2}$/;
/** What Mastra writes of a method: its arguments by their place, for any class one has it instrument, and its result. */
const METHOD_CALL =
  /\.argument\.\d{1,6}$|^(?:agent|llm|mastra|memory|storage|tool|tts|vector|voice|workflow)\..{1,256}\.result$/;
/** What was sent and received, in the words of any other instrumentation. */
const BODY = /(?:^|[._:])(?:body|payload)$|(?:^|[._:])(?:request|response|http|rpc|message)[._:]?(?:body|payload)[._:]/;
/** Why a person or a model judged an answer as it did, in words that quote it, as OpenInference writes it. */
const JUDGEMENT = /(?:^|\.)(?:annotation|evaluation)\.explanation$/;
/** The values of a statement's parameters. */
const STATEMENT_VALUES = /^db\.(?:\w{1,64}\.)?(?:values|params|parameters|bindings)$/;
/** What an error said, or what caused it, in the words of any other instrumentation. */
const ERROR_MESSAGE =
  /(?:^|[._:-])(?:err|errors?|exceptions?)(?:\.\d{1,6})?(?:[._:-]cause){0,5}(?:[._:-]?(?:messages?|msg|descriptions?|details?|text))?$/;
/** Its stack, which begins with what it said. */
const ERROR_STACK =
  /(?:^|[._:-])(?:err|errors?|exceptions?)(?:\.\d{1,6})?(?:[._:-]cause){0,5}[._:-]?stack(?:[._:-]?trace)?$/;
const ADDRESS = /(?:^|[._:-])(?:url|uri|href|referr?er|location|link)$/;

const PLAIN: SettledRole = { role: 'plain' };
const UNLISTED_CONTENT: SettledRole = roleOfContent(EVERYTHING_SAID);
/** An agent's method is given tools, and answers with them. */
const CALL_CONTENT: SettledRole = roleOfContent(WHOLE_REQUEST);
const STATEMENT_CONTENT: SettledRole = roleOfContent(['toolArguments']);
const UNLISTED_ADDRESS: SettledRole = { role: 'url' };
const UNLISTED_MESSAGE: SettledRole = { role: 'message' };
const UNLISTED_STACK: SettledRole = { role: 'stack' };

/** What an attribute holds, by its name. */
export function attributeRole(name: string): AttributeRole {
  return ownEntry(EXACT, name) ?? PREFIXES.find(([prefix]) => name.startsWith(prefix))?.[1] ?? roleByWords(name);
}

/** What an attribute holds on a span, which is known when the span has ended. */
export function settledRole(role: AttributeRole, name: string, span: WrittenSpan): SettledRole {
  if (role.role !== 'dependent') return role;
  return isWrittenBy(role.writer, name, span) ? role.theirs : role.otherwise;
}

function roleByWords(name: string): AttributeRole {
  const otherwise = roleByAnyWords(name);
  if (METHOD_CALL.test(name)) return { role: 'dependent', writer: 'mastra', theirs: CALL_CONTENT, otherwise };
  if (JUDGEMENT.test(name)) return { role: 'dependent', writer: 'openInference', theirs: UNLISTED_CONTENT, otherwise };
  return otherwise;
}

function roleByAnyWords(name: string): SettledRole {
  if (STATEMENT_VALUES.test(name)) return STATEMENT_CONTENT;
  const words = inWords(name);
  if (BODY.test(words)) return UNLISTED_CONTENT;
  if (ERROR_MESSAGE.test(words)) return UNLISTED_MESSAGE;
  if (ERROR_STACK.test(words)) return UNLISTED_STACK;
  if (AI_FAMILY.test(words) && CONTENT_WORD.test(words)) return UNLISTED_CONTENT;
  return ADDRESS.test(words) ? UNLISTED_ADDRESS : PLAIN;
}

/** A name with `_` between its words: `lastError`, `APIError` and `step2Error` end in `error`. */
function inWords(name: string): string {
  return name.replace(/(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '_').toLowerCase();
}

const EVENTS: Readonly<Record<string, readonly ContentKind[]>> = {
  'gen_ai.user.message': EVERYTHING_SAID,
  'gen_ai.system.message': ['systemInstructions'],
  'gen_ai.assistant.message': EVERYTHING_SAID,
  'gen_ai.tool.message': ['toolResults'],
  'gen_ai.choice': ANSWER,
  'gen_ai.content.prompt': EVERYTHING_SAID,
  'gen_ai.content.completion': ANSWER,
  'gen_ai.client.inference.operation.details': [...EVERYTHING_SAID, 'toolDefinitions'],
  'gen_ai.evaluation.result': ANSWER,
};

/** What is stored beside a record that was found, under keys of the application. */
const METADATA_OF_RECORD = /(?:^|\.)(?:query|search)\.result\.\d{1,6}\.metadata$/;
const MEMORY: readonly ContentKind[] = ['memory'];

/** The same on the span of a tool call, where Strands writes so what the tool is given and what it answers. */
const EVENTS_OF_TOOLS: Readonly<Record<string, readonly ContentKind[]>> = {
  'gen_ai.tool.message': ['toolArguments', 'toolResults'],
  'gen_ai.choice': ['toolResults'],
};

/**
 * The kinds of content an event is made of; `undefined` for one that is about something else.
 *
 * @param isOfTool whether its span is that of a tool call
 */
export function eventNeeds(name: string, isOfTool: boolean): readonly ContentKind[] | undefined {
  const known = (isOfTool ? ownEntry(EVENTS_OF_TOOLS, name) : undefined) ?? ownEntry(EVENTS, name);
  return known ?? (METADATA_OF_RECORD.test(name) ? MEMORY : undefined);
}

/** The word that says in an event of any name that its attribute is content. */
const CONTENT_OF_EVENTS = 'arguments';

/** Events that tell of an error. */
const ERROR_EVENT = /(?:^|[._:-])(?:err|errors?|exceptions?)$/;

/** What is known of an event. */
export interface EventFacts {
  readonly name: string;
  /** The kinds of content it is made of. */
  readonly needs: readonly ContentKind[] | undefined;
}

/**
 * What an attribute of an event holds: a name of one word belongs to the event, or to its family.
 *
 * @param alone what it holds by its name alone
 */
export function eventAttributeRole(event: EventFacts, name: string, alone: SettledRole): AttributeRole {
  const isOneWord = !name.includes('.');
  const { needs } = event;
  if (needs !== undefined) return isOneWord || alone.role === 'plain' ? roleOfContent(needs) : alone;
  if (!isOneWord) return alone;
  if (name === CONTENT_OF_EVENTS) return UNLISTED_CONTENT;
  if (!AI_FAMILY.test(event.name) && !ERROR_EVENT.test(inWords(event.name))) return alone;
  const role = attributeRole(`${event.name}.${name}`);
  // The `messages` that an event of an error has may be those of the conversation.
  return role.role === 'plain' || (alone.role === 'content' && role.role !== 'content') ? alone : role;
}

function roleOfContent(needs: readonly ContentKind[]): SettledRole {
  return { role: 'content', needs };
}

function content(needs: readonly ContentKind[], names: readonly string[]): Record<string, SettledRole> {
  return same(roleOfContent(needs), names);
}

/** Names that are content where a certain library writes them, and anything else where another one does. */
function contentOf(
  writer: Writer,
  needs: readonly ContentKind[],
  names: readonly string[],
): Record<string, DependentRole> {
  const role: DependentRole = { role: 'dependent', writer, theirs: roleOfContent(needs), otherwise: { role: 'plain' } };
  return Object.fromEntries(names.map((name) => [name, role]));
}

function same(role: SettledRole, names: readonly string[]): Record<string, SettledRole> {
  return Object.fromEntries(names.map((name) => [name, role]));
}

function prefixes(role: SettledRole, names: readonly string[]): [string, SettledRole][] {
  return names.map((name) => [name, role]);
}
