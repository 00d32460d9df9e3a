/**
 * The names other instrumentations write content under, as data: the GenAI conventions now and before
 * (`gen_ai.prompt.N.*`), the AI SDK, OpenInference, OpenLLMetry, Langfuse, Google's ADK, MLflow, Laminar, Braintrust,
 * Pydantic and MCP, and what HTTP and database instrumentations can be told to record.
 */
import type { ContentKind } from './policy.ts';

/** What an attribute holds. */
export type AttributeRole =
  /** Content: it leaves when every kind it may be made of does. */
  | { readonly role: 'content'; readonly needs: readonly ContentKind[] }
  /** Content of whatever its span is about. */
  | { readonly role: 'input' | 'output' }
  /** An address whose query may hold secrets, and content. */
  | { readonly role: 'url' | 'query' }
  /** A statement whose literals may be content. */
  | { readonly role: 'statement' }
  | { readonly role: 'message' | 'stack' }
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

const EXACT: Readonly<Record<string, AttributeRole>> = {
  ...content(EVERYTHING_SAID, [
    'gen_ai.input.messages',
    'gen_ai.request.messages',
    'gen_ai.prompt',
    'gen_ai.user.message',
    'gen_ai.embeddings.input',
    'ai.prompt',
    'ai.preamble',
    'ai.input_messages',
    'ai.value',
    'ai.values',
    'ai.request.body',
    'llm.prompts',
    'gcp.vertex.agent.llm_request',
    'gcp.vertex.agent.data',
    'all_messages_events',
    'events',
    'mcp.prompt.result',
    'logfire.msg',
    'logfire.json_schema',
  ]),
  ...content(ANSWER, [
    'gen_ai.output.messages',
    'gen_ai.completion',
    'gen_ai.response.text',
    'gen_ai.response.tool_calls',
    'gen_ai.response.object',
    'ai.response.text',
    'ai.response.object',
    'ai.response.toolCalls',
    'ai.response.reasoning',
    'ai.response.reasoning.text',
    'ai.response.files',
    'ai.response.body',
    'ai.texts',
    'llm.completions',
    'llm.function_call',
    'gcp.vertex.agent.llm_response',
  ]),
  ...content(['systemInstructions'], ['gen_ai.system_instructions', 'gen_ai.system.message', 'llm.system_prompt']),
  ...content(
    ['toolDefinitions'],
    ['gen_ai.tool.definitions', 'gen_ai.request.available_tools', 'ai.prompt.tools', 'ai.schema', 'tool.json_schema'],
  ),
  ...content(
    ['toolArguments'],
    [
      'gen_ai.tool.call.arguments',
      'gen_ai.tool.input',
      'ai.toolCall.args',
      'ai.toolCall.input',
      'tool.parameters',
      'tool_call.function.arguments',
      'tool_arguments',
      'gcp.vertex.agent.tool_call_args',
      'mcp.resource.uri',
    ],
  ),
  ...content(
    ['toolResults'],
    [
      'gen_ai.tool.call.result',
      'gen_ai.tool.output',
      'gen_ai.tool.message',
      'ai.toolCall.result',
      'ai.toolCall.output',
      'tool_response',
      'gcp.vertex.agent.tool_response',
      'mcp.tool.result.content',
    ],
  ),
  ...content(
    ['memory'],
    ['gen_ai.memory.query.text', 'gen_ai.memory.records', 'gen_ai.retrieval.query.text', 'gen_ai.retrieval.documents'],
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
  ...same({ role: 'url' }, ['url.full', 'http.url', 'http.target', 'url.original', 'http.request.url']),
  ...same({ role: 'query' }, ['url.query', 'url.fragment']),
  ...same({ role: 'statement' }, [
    'db.query.text',
    'db.statement',
    'db.operation.parameter',
    'graphql.document',
    'graphql.source',
  ]),
  ...same({ role: 'message' }, ['exception.message', 'error.message', 'otel.status_description', 'error.details']),
  ...same({ role: 'stack' }, ['exception.stacktrace', 'error.stack']),
};

/** Beginnings of names, the longer before the shorter. */
const PREFIXES: readonly (readonly [prefix: string, role: AttributeRole])[] = [
  ...prefixes({ role: 'plain' }, [
    'gen_ai.prompt.name',
    'gen_ai.prompt.version',
    'gen_ai.usage.',
    'gen_ai.cost.',
    'gen_ai.request.',
    'gen_ai.response.',
    'gen_ai.tool.name',
    'gen_ai.tool.description',
    'ai.usage.',
    'ai.model.',
    'ai.settings.',
    'ai.telemetry.metadata.',
    'ai.prompt.toolChoice',
  ]),
  ...prefixes(roleOfContent(EVERYTHING_SAID), [
    'gen_ai.prompt.',
    'gen_ai.input.',
    'ai.prompt.',
    'llm.input_messages',
    'llm.prompts.',
    'llm.prompt_template',
    'message.content',
    'embedding.text',
    'embedding.embeddings',
    'langfuse.trace.input',
    'pydantic_ai.',
    'http.request.body',
    'rpc.request.body',
    'messaging.message.body',
    'mcp.prompt.',
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
  ...prefixes(roleOfContent(['toolArguments']), ['mcp.request.argument', 'db.query.parameter', 'ai.toolCall.args.']),
  ...prefixes(roleOfContent(['toolResults']), ['http.response.body', 'rpc.response.body', 'ai.toolCall.result.']),
  ...prefixes(roleOfContent(['memory']), ['retrieval.documents', 'reranker.', 'document.content', 'db.query.result']),
  ...prefixes({ role: 'input' }, ['langfuse.observation.input', 'braintrust.input', 'mastra.input']),
  ...prefixes({ role: 'output' }, ['langfuse.observation.output', 'braintrust.output', 'mastra.output']),
];

/** Families whose further names are judged by their last word. */
const AI_FAMILY = /^(?:gen_ai|ai|llm|langchain|langgraph|mastra|agent|crewai|openai|anthropic|tool|lmnr|genai)\./;
const CONTENT_WORD =
  /[._](?:content|contents|prompt|prompts|completion|completions|messages?|input|inputs|output|outputs|arguments|args|body|text|result|results|reasoning|thinking|instructions|query|transcript)$/;

const PLAIN: AttributeRole = { role: 'plain' };

/** What an attribute holds, by its name. */
export function attributeRole(name: string): AttributeRole {
  if (Object.hasOwn(EXACT, name)) return EXACT[name]!;
  const family = PREFIXES.find(([prefix]) => name.startsWith(prefix))?.[1];
  if (family !== undefined && family.role !== 'plain') return family;
  const isContent = AI_FAMILY.test(name) && CONTENT_WORD.test(name);
  return isContent && family === undefined ? roleOfContent(EVERYTHING_SAID) : PLAIN;
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

/** The kinds of content an event is made of; `undefined` for one that is about something else. */
export function eventNeeds(name: string): readonly ContentKind[] | undefined {
  return Object.hasOwn(EVENTS, name) ? EVENTS[name] : undefined;
}

function roleOfContent(needs: readonly ContentKind[]): AttributeRole {
  return { role: 'content', needs };
}

function content(needs: readonly ContentKind[], names: readonly string[]): Record<string, AttributeRole> {
  return same(roleOfContent(needs), names);
}

function same(role: AttributeRole, names: readonly string[]): Record<string, AttributeRole> {
  return Object.fromEntries(names.map((name) => [name, role]));
}

function prefixes(role: AttributeRole, names: readonly string[]): [string, AttributeRole][] {
  return names.map((name) => [name, role]);
}
