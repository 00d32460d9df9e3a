/** `faultline/runtime`: a small, real agent runtime, traced by the public span helpers and nothing else. */

// Building agents
export { createAgent } from './agent.ts';
export { defineTool, type ToolDefinition } from './tools.ts';
export { resolveModel, type ResolveOptions } from './models/resolve.ts';
export { inProcessMemory, type InProcessMemoryOptions } from './memory/in-process.ts';
export type {
  Agent,
  AgentEvent,
  AgentOptions,
  CallSettings,
  FinishReason,
  MemoryOptions,
  ModelEntry,
  ModelLike,
  ModelRef,
  RunInput,
  RunOptions,
  RunResult,
  RunStream,
  Tool,
  ToolContext,
} from './types.ts';
export type { TokenUsage } from '../telemetry/attributes/usage.ts';
export type { RunContext, User } from '../telemetry/context.ts';

// Putting them behind transports
export { createRuntime, type Runtime, type RuntimeOptions } from './runtime.ts';
export { cliTransport, type CliTransportOptions } from './transports/cli.ts';
export { inProcessHistory, type InProcessHistoryOptions } from './memory/history.ts';

// What can go wrong
export {
  AllModelsFailedError,
  InvalidToolArgumentsError,
  MaxTurnsError,
  MemoryTimeoutError,
  ModelResponseError,
  ModelTimeoutError,
  ModelUnavailableError,
  RunTimeoutError,
  ToolNotFoundError,
  ToolResultError,
  ToolTimeoutError,
  type ModelAttempt,
  type ModelFailure,
  type ModelFailureKind,
} from './errors.ts';
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
export { superviseTransport, type OnCrash, type SuperviseOptions } from './supervise.ts';
export type {
  ConversationHistory,
  IncomingMessage,
  JsonSchema,
  MemoryMatch,
  MemoryQuery,
  MemoryRecord,
  MemoryStore,
  Transport,
} from './types.ts';
