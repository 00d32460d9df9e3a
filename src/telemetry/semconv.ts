/**
 * Every span name, attribute name and well-known value Faultline emits, as data.
 *
 * GenAI names follow open-telemetry/semantic-conventions-genai at commit
 * `6fd0d763a092db245a54104fc1124031eb3c51d2` (main, 2026-10-09). That registry has no release and no
 * npm package, and it still renames things, so this table is the one place to change. Names of the
 * stable registry are repeated here instead of imported, because `faultline/spans` loads nothing but
 * `@opentelemetry/api`; a test holds them equal to `@opentelemetry/semantic-conventions`.
 */

// --- GenAI, every operation
export const GEN_AI_OPERATION_NAME = 'gen_ai.operation.name';
export const GEN_AI_PROVIDER_NAME = 'gen_ai.provider.name';
export const GEN_AI_CONVERSATION_ID = 'gen_ai.conversation.id';

// --- GenAI, agent
export const GEN_AI_AGENT_NAME = 'gen_ai.agent.name';
export const GEN_AI_AGENT_DESCRIPTION = 'gen_ai.agent.description';

// --- GenAI, request
export const GEN_AI_REQUEST_MODEL = 'gen_ai.request.model';
export const GEN_AI_REQUEST_TEMPERATURE = 'gen_ai.request.temperature';
export const GEN_AI_REQUEST_TOP_P = 'gen_ai.request.top_p';
export const GEN_AI_REQUEST_TOP_K = 'gen_ai.request.top_k';
export const GEN_AI_REQUEST_MAX_TOKENS = 'gen_ai.request.max_tokens';
export const GEN_AI_REQUEST_STOP_SEQUENCES = 'gen_ai.request.stop_sequences';
export const GEN_AI_REQUEST_FREQUENCY_PENALTY = 'gen_ai.request.frequency_penalty';
export const GEN_AI_REQUEST_PRESENCE_PENALTY = 'gen_ai.request.presence_penalty';
export const GEN_AI_REQUEST_SEED = 'gen_ai.request.seed';
export const GEN_AI_REQUEST_REASONING_LEVEL = 'gen_ai.request.reasoning.level';
export const GEN_AI_REQUEST_STREAM = 'gen_ai.request.stream';
export const GEN_AI_OUTPUT_TYPE = 'gen_ai.output.type';

// --- GenAI, response
export const GEN_AI_RESPONSE_ID = 'gen_ai.response.id';
export const GEN_AI_RESPONSE_MODEL = 'gen_ai.response.model';
export const GEN_AI_RESPONSE_FINISH_REASONS = 'gen_ai.response.finish_reasons';
/** Seconds, as a double. */
export const GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK = 'gen_ai.response.time_to_first_chunk';

// --- GenAI, content: JSON texts, on the spans of runs whose content is recorded
export const GEN_AI_SYSTEM_INSTRUCTIONS = 'gen_ai.system_instructions';
export const GEN_AI_INPUT_MESSAGES = 'gen_ai.input.messages';
export const GEN_AI_OUTPUT_MESSAGES = 'gen_ai.output.messages';
export const GEN_AI_TOOL_DEFINITIONS = 'gen_ai.tool.definitions';
export const GEN_AI_TOOL_CALL_ARGUMENTS = 'gen_ai.tool.call.arguments';
export const GEN_AI_TOOL_CALL_RESULT = 'gen_ai.tool.call.result';
export const GEN_AI_MEMORY_QUERY_TEXT = 'gen_ai.memory.query.text';
export const GEN_AI_MEMORY_RECORDS = 'gen_ai.memory.records';

// --- GenAI, usage: input includes cached tokens, output includes reasoning tokens
export const GEN_AI_USAGE_INPUT_TOKENS = 'gen_ai.usage.input_tokens';
export const GEN_AI_USAGE_OUTPUT_TOKENS = 'gen_ai.usage.output_tokens';
export const GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS = 'gen_ai.usage.cache_read.input_tokens';
export const GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS = 'gen_ai.usage.cache_write.input_tokens';
/** What the conventions called it until 2026. Written by the dialects only, because backends still read it. */
export const GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS = 'gen_ai.usage.cache_creation.input_tokens';
export const GEN_AI_USAGE_REASONING_OUTPUT_TOKENS = 'gen_ai.usage.reasoning.output_tokens';

// --- Cost, in USD. `gen_ai.cost.*` is what Sentry reads; `gen_ai.cost_usd` is what existing alerts use.
export const GEN_AI_COST_INPUT_TOKENS = 'gen_ai.cost.input_tokens';
export const GEN_AI_COST_OUTPUT_TOKENS = 'gen_ai.cost.output_tokens';
export const GEN_AI_COST_TOTAL_TOKENS = 'gen_ai.cost.total_tokens';
export const GEN_AI_COST_USD = 'gen_ai.cost_usd';

// --- GenAI, tool
export const GEN_AI_TOOL_NAME = 'gen_ai.tool.name';
export const GEN_AI_TOOL_TYPE = 'gen_ai.tool.type';
export const GEN_AI_TOOL_DESCRIPTION = 'gen_ai.tool.description';
export const GEN_AI_TOOL_CALL_ID = 'gen_ai.tool.call.id';
/** Bytes of the serialised result, before any truncation. */
export const GEN_AI_TOOL_CALL_RESULT_SIZE = 'gen_ai.tool.call.result.size';

// --- GenAI, memory
export const GEN_AI_MEMORY_STORE_ID = 'gen_ai.memory.store.id';
export const GEN_AI_MEMORY_RECORD_COUNT = 'gen_ai.memory.record.count';

// --- GenAI, transfer of control to a sub-agent
export const GEN_AI_TRANSFER_TARGET_NAME = 'gen_ai.transfer.target.name';
export const GEN_AI_TRANSFER_MODE = 'gen_ai.transfer.mode';

// --- Stable registry
export const DB_SYSTEM_NAME = 'db.system.name';
export const ERROR_TYPE = 'error.type';
export const EXCEPTION_TYPE = 'exception.type';
export const EXCEPTION_MESSAGE = 'exception.message';
export const EXCEPTION_STACKTRACE = 'exception.stacktrace';
export const SERVER_ADDRESS = 'server.address';
export const SERVER_PORT = 'server.port';
export const USER_ID = 'user.id';
export const USER_EMAIL = 'user.email';
export const USER_NAME = 'user.name';

// --- Sentry. Set at creation, because a Relay older than August 2026 does not derive the op.
export const SENTRY_OP = 'sentry.op';
export const SENTRY_RELEASE = 'sentry.release';
export const SENTRY_ENVIRONMENT = 'sentry.environment';
/** Sentry's name for the address of a user. */
export const USER_IP_ADDRESS = 'user.ip_address';
export const SENTRY_CLIENT_SAMPLE_RATE = 'sentry.client_sample_rate';

// --- Faultline's own prefix
export const FAULTLINE_TRANSPORT = 'faultline.transport';
export const FAULTLINE_TRANSPORT_UPTIME_MS = 'faultline.transport.uptime_ms';
export const FAULTLINE_RUN_ID = 'faultline.run.id';
export const FAULTLINE_DEPTH = 'faultline.depth';
export const FAULTLINE_TURNS = 'faultline.turns';
export const FAULTLINE_FALLBACKS = 'faultline.fallbacks';
export const FAULTLINE_TOOL_ERRORS = 'faultline.tool_errors';
export const FAULTLINE_MEMORY_FAILED = 'faultline.memory_failed';
export const FAULTLINE_USAGE_INPUT_TOKENS = 'faultline.usage.input_tokens';
export const FAULTLINE_USAGE_OUTPUT_TOKENS = 'faultline.usage.output_tokens';
export const FAULTLINE_USAGE_CACHE_READ_INPUT_TOKENS = 'faultline.usage.cache_read.input_tokens';
export const FAULTLINE_USAGE_CACHE_WRITE_INPUT_TOKENS = 'faultline.usage.cache_write.input_tokens';
export const FAULTLINE_USAGE_REASONING_OUTPUT_TOKENS = 'faultline.usage.reasoning.output_tokens';
export const FAULTLINE_COST_USD_TOTAL = 'faultline.cost_usd.total';
export const FAULTLINE_FAILURE_POINT = 'faultline.failure.point';
export const FAULTLINE_OUTCOME = 'faultline.outcome';
export const FAULTLINE_ATTEMPT = 'faultline.attempt';
/** True on a span that had begun and not ended when its process did. */
export const FAULTLINE_INTERRUPTED = 'faultline.interrupted';
/** `error.type` of such a span. */
export const INTERRUPTED_ERROR_TYPE = 'interrupted';

/** True on a span of another instrumentation inside of a model call of ours: what it traces of that is no second call. */
export const FAULTLINE_INSIDE_CHAT = 'faultline.inside_chat';
/** True on a span of another instrumentation in which another span tells of the same call: that one is the call. */
export const FAULTLINE_TOLD_INSIDE = 'faultline.told_inside';

/** Cached tokens that a span of another instrumentation counts beside its input. */
export const FAULTLINE_BESIDE_INPUT_CACHE_READ = 'faultline.beside_input.cache_read_tokens';
export const FAULTLINE_BESIDE_INPUT_CACHE_WRITE = 'faultline.beside_input.cache_write_tokens';

/** Span event on the `chat` span that answered, one per hop of the fallback chain before it. */
export const FALLBACK_EVENT = 'gen_ai.chat.fallback';
export const FAULTLINE_FALLBACK_FROM = 'faultline.fallback.from';
export const FAULTLINE_FALLBACK_FROM_PROVIDER = 'faultline.fallback.from_provider';
export const FAULTLINE_FALLBACK_TO = 'faultline.fallback.to';
export const FAULTLINE_FALLBACK_TO_PROVIDER = 'faultline.fallback.to_provider';
export const FAULTLINE_FALLBACK_REASON = 'faultline.fallback.reason';

/** Span event that carries an exception, as the OpenTelemetry trace specification names it. */
export const EXCEPTION_EVENT = 'exception';

/** The instrumentation scope of every span of ours. */
export const SCOPE_NAME = 'faultline';

/** The kinds of span Faultline makes. */
export type Operation = 'agent' | 'chat' | 'tool' | 'memory' | 'transport';

/** What distinguishes one kind of span from another, as data: helpers never branch on the kind. */
export interface OperationNames {
  /** First word of the span name; the subject follows after a space. */
  readonly spanName: string;
  /** `gen_ai.operation.name`, only where Sentry may count the span as agent, model call or tool. */
  readonly operationName?: string;
  readonly sentryOp: string;
}

/**
 * Names per operation.
 *
 * Memory and transport carry no `gen_ai.operation.name`: Sentry counts every unknown value as a model
 * call. The `otel` dialect adds `search_memory` at its own boundary.
 */
export const OPERATIONS: Readonly<Record<Operation, OperationNames>> = {
  agent: { spanName: 'agent.invoke', operationName: 'invoke_agent', sentryOp: 'gen_ai.invoke_agent' },
  chat: { spanName: 'chat', operationName: 'chat', sentryOp: 'gen_ai.chat' },
  tool: { spanName: 'execute_tool', operationName: 'execute_tool', sentryOp: 'gen_ai.execute_tool' },
  memory: { spanName: 'search_memory', sentryOp: 'db.query' },
  transport: { spanName: 'transport.crash', sentryOp: 'function' },
};

/** Span name of an agent run under `spanNames: 'semconv'`. */
export const SEMCONV_AGENT_SPAN_NAME = 'invoke_agent';

/** `gen_ai.operation.name` of a memory search, emitted by the `otel` dialect only. */
export const SEARCH_MEMORY_OPERATION_NAME = 'search_memory';
