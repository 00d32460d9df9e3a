/**
 * `faultline/runtime`: a small, real agent runtime. The public span helpers make all of its spans; besides them it asks
 * which prices and redaction are in force, and tells Issues of a run's steps as they begin.
 */

// Building agents
export { createAgent } from './agent.ts';
export { defineTool, type ToolDefinition } from './define-tool.ts';
export { resolveModel, type Providers, type ProviderSettings, type ResolveOptions } from './models/resolve.ts';
export { inProcessMemory, type InProcessMemoryOptions } from './memory/in-process.ts';
export { sqliteMemory, type SqliteMemoryOptions } from './memory/sqlite.ts';
export { memoryTools } from './memory/memory-tools.ts';
export { perAgent, perConversation, perUser } from './memory/scopes.ts';
export type {
  Agent,
  AgentEvent,
  AgentOptions,
  AgentToolOptions,
  CallSettings,
  FinishReason,
  InputMessage,
  LogEntry,
  LogListener,
  MemoryOptions,
  ModelEntry,
  ModelLike,
  ModelRef,
  PartialAnswer,
  RunInput,
  RunLimits,
  RunOptions,
  RunResult,
  RunStream,
  Tool,
  ToolContext,
} from './types.ts';
export type { TokenUsage } from '../telemetry/attributes/usage.ts';
export type { RunContext, User } from '../telemetry/context.ts';

// Putting them behind transports
export {
  createRuntime,
  type Runtime,
  type RuntimeOptions,
  type RuntimeStatus,
  type StopOptions,
  type StopResult,
} from './runtime.ts';
export { cliTransport, type CliTransportOptions } from './transports/cli.ts';
export { httpTransport, type HttpTransport, type HttpTransportOptions } from './transports/http.ts';
export type { HttpStatus } from './transports/http-handler.ts';
export { slackTransport, type SlackApp, type SlackEvent, type SlackTransportOptions } from './transports/slack.ts';
export { inProcessHistory, type InProcessHistoryOptions } from './memory/history.ts';

// What happens, as a log
export { jsonLog } from './run-log.ts';

// Agents as a file
export { ConfigError, createAgentsFromConfig, createRuntimeFromConfig, loadConfig } from './config.ts';
export type {
  AgentConfig,
  ConfigOptions,
  ConfigPosition,
  ConfigProblem,
  ConfiguredAgents,
  ConfiguredRuntime,
  CreateAgentsOptions,
  CreateRuntimeOptions,
  HttpConfig,
  MemoryConfig,
  ModelConfig,
  RuntimeConfig,
  ToolConfig,
  TransportConfig,
} from './config.ts';

// What can go wrong
export { MemoryFileError, type MemoryFileProblem } from './memory/memory-file-error.ts';
export {
  AgentNotFoundError,
  AllModelsFailedError,
  BudgetExceededError,
  ConversationLostError,
  HandoffTakenError,
  InvalidToolArgumentsError,
  MaxDepthError,
  MaxTurnsError,
  MemoryResultError,
  MemoryTimeoutError,
  ModelResponseError,
  ModelTimeoutError,
  ModelUnavailableError,
  RunInputError,
  RunLimitError,
  RunTimeoutError,
  ToolNotFoundError,
  ToolReportedError,
  ToolResultError,
  ToolTimeoutError,
  type ModelAttempt,
  type RunLimit,
} from './errors.ts';
export type { ModelFailure, ModelFailureKind } from './models/failure.ts';
export { TransportExitedError } from '../telemetry/spans.ts';

// Messages
export type {
  AssistantMessage,
  AssistantPart,
  Message,
  ProviderOptions,
  ReasoningPart,
  SystemMessage,
  TextPart,
  ToolCallPart,
  ToolMessage,
  ToolOutput,
  ToolResultPart,
  UserMessage,
} from './types.ts';

// For authors of memories, transports and hosts
export { superviseTransport, type OnCrash, type SuperviseOptions, type TransportCrash } from './supervise.ts';
export type {
  ConversationHistory,
  IncomingMessage,
  JsonSchema,
  MemoryMatch,
  MemoryQuery,
  MemoryRecord,
  MemoryStore,
  Transport,
  TransportState,
  TransportStatus,
} from './types.ts';
