import { AGENT } from './spans/agent.ts';
import { CHAT } from './spans/chat.ts';
import type {
  AgentSpan,
  AgentSpanOptions,
  ChatSpan,
  ChatSpanOptions,
  MemorySpan,
  MemorySpanOptions,
  ToolSpan,
  ToolSpanOptions,
} from './spans/handles.ts';
import { MEMORY } from './spans/memory.ts';
import { traced } from './spans/operation-span.ts';
import { TOOL } from './spans/tool.ts';

export type { ChatDescription, ChatRequest, FallbackHop } from './attributes/chat.ts';
export type { Content } from './attributes/content.ts';
export type { TokenUsage } from './attributes/usage.ts';
export type { FailurePoint } from './failure-points.ts';
export type {
  AgentResult,
  AgentSpan,
  AgentSpanOptions,
  ChatResponse,
  ChatSpan,
  ChatSpanOptions,
  MemoryResult,
  MemorySpan,
  MemorySpanOptions,
  SpanHandle,
  SpanOptions,
  ToolResult,
  ToolSpan,
  ToolSpanOptions,
  TransportSpanOptions,
} from './spans/handles.ts';
export { recordFailure } from './spans/record-failure.ts';
export { traceTransport, TransportExitedError } from './spans/transport.ts';

/**
 * Traces one agent run as `agent.invoke {name}`. Returns what `run` returns, and throws what it throws. When that is a
 * promise, an async iterable or a web stream, the span ends when it does.
 *
 * Every helper that is called inside is part of the run. An agent inside another one is its sub-agent.
 */
export function traceAgent<T>(options: AgentSpanOptions, run: (span: AgentSpan) => T): T {
  return traced(AGENT, options, run);
}

/**
 * Traces one call of one model as `chat {model}`. Tell the span what came back with `chat.record(…)`.
 *
 * Every attempt is a call of its own, so put it inside of what retries. When `run` returns a stream, the span ends when
 * the stream does.
 */
export function traceChat<T>(options: ChatSpanOptions, run: (span: ChatSpan) => T): T {
  return traced(CHAT, options, run);
}

/**
 * Traces one tool call as `execute_tool {name}`. Called directly inside an agent, it hangs below the model
 * call that asked for it: the one that answered last. An error fails the tool, and is thrown on.
 */
export function traceTool<T>(options: ToolSpanOptions, run: (span: ToolSpan) => T): T {
  return traced(TOOL, options, run);
}

/** Traces one search in a memory store as `search_memory {store}`. */
export function traceMemory<T>(options: MemorySpanOptions, run: (span: MemorySpan) => T): T {
  return traced(MEMORY, options, run);
}
