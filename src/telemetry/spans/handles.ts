import type { Attributes, Span, SpanContext } from '@opentelemetry/api';

import type { AgentDescription } from '../attributes/agent.ts';
import type { ChatDescription, ChatResponse as ChatMetadata, FallbackHop } from '../attributes/chat.ts';
import type { Content } from '../attributes/content.ts';
import type { MemoryDescription } from '../attributes/memory.ts';
import type { ToolDescription } from '../attributes/tool.ts';
import type { CaptureContent } from '../content/policy.ts';

/** Options every helper takes. */
export interface SpanOptions {
  /** Attributes of your own. The names of the span contract cannot be overridden. */
  readonly attributes?: Attributes | undefined;
  /** The span to hang below, when it is not the active one. */
  readonly parent?: SpanContext | undefined;
  /**
   * The signal the work listens to. When it is aborted by the time the work fails, the span says
   * `faultline.outcome=aborted` and counts as no failure. Inside an agent, the agent's signal is the default.
   *
   * Do not pass one that limits the time, such as `AbortSignal.timeout`, where running out of time is a failure: give
   * it to the work alone.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Further content the work is about, besides what has an option of its own. It is never sent. It is called only when
   * the work fails and `errorMessages` lets the message of its error leave, to take echoes of it out of the message.
   */
  readonly withhold?: Content | undefined;
}

/** What every helper hands to the function it traces. It can be taken apart: `({ record }) => …`. */
export interface SpanHandle {
  /** The OpenTelemetry span. What you write on it is redacted on its way out, as everything on every span is. */
  readonly span: Span;
  /** Marks the span failed although the function returns normally, as an MCP tool does. Never throws. */
  readonly fail: (error: unknown) => void;
}

/** An agent run as it is known before it starts. */
export interface AgentSpanOptions extends SpanOptions, AgentDescription {
  readonly name: string;
  /** The id you know the conversation by, on every span of the run. Default: that of the surrounding run context. */
  readonly conversationId?: string | undefined;
  /** Default: the surrounding run's id, else a new one of eight hexadecimal digits. */
  readonly runId?: string | undefined;
  /** Default: one more than the surrounding agent's, else 0. */
  readonly depth?: number | undefined;
  /** What the agent was asked: a text, or messages. Called only when inputs are recorded, or when the run fails. */
  readonly input?: Content | undefined;
  /** Decides for this run which content is recorded, over what `setupTracing` was told. */
  readonly captureContent?: CaptureContent | undefined;
}

/** What an agent run came to. */
export interface AgentResult {
  /** Corrects what is otherwise counted from the spans inside: one turn per model call that answered. */
  readonly turns?: number | undefined;
  /** What the agent answered: a text, or messages. Called only when outputs are recorded, or when the run fails. */
  readonly output?: Content | undefined;
}

/** What `traceAgent` hands to the function it traces. */
export interface AgentSpan extends SpanHandle {
  /** Says what the run came to. Never throws. */
  readonly record: (result: AgentResult) => void;
}

/**
 * A model call as it is known before it starts. Content is given by functions, which are called only when it is
 * recorded, or when the call fails.
 */
export interface ChatSpanOptions extends SpanOptions, ChatDescription {
  /**
   * The messages the model is shown, oldest first, in the shape of the GenAI conventions, OpenAI, Anthropic,
   * Gemini, Bedrock, Mistral, Cohere or the AI SDK; a text is a message of the user.
   */
  readonly messages?: Content | undefined;
  /** The system prompt, when it goes apart from the messages. */
  readonly systemInstructions?: Content | undefined;
  /** The tools the model can ask for, as they are sent to the provider. */
  readonly toolDefinitions?: Content | undefined;
}

/** One model call as it is known when the provider has answered. */
export interface ChatResponse extends ChatMetadata {
  /**
   * What the model wrote: a text, or messages in any shape `messages` may have. Called only when outputs are recorded, or
   * when the call fails.
   */
  readonly output?: Content | undefined;
}

/** What `traceChat` hands to the function it traces. */
export interface ChatSpan extends SpanHandle {
  /**
   * Says what the provider answered. May be called several times: what is said later counts, count by count in `usage`,
   * and what is not said again stays. A `usage` in the words of another SDK takes the place of the one before. Never
   * throws.
   */
  readonly record: (response: ChatResponse) => void;
  /** Says that the first chunk of the answer has arrived. A returned stream says it by itself. */
  readonly firstChunk: () => void;
  /** Records on the call that answered that an earlier model of the chain failed. */
  readonly fallback: (hop: FallbackHop) => void;
}

/** A tool call as it is known before it starts. */
export interface ToolSpanOptions extends SpanOptions, ToolDescription {
  /** What the tool is called with. Called only when tool arguments are recorded, or when the call fails. */
  readonly arguments?: Content | undefined;
}

/** What a tool call came to. */
export interface ToolResult {
  /** Bytes of the serialised result. */
  readonly resultBytes?: number | undefined;
  /**
   * The result, when it is not what the traced function returns. Called only when tool results are recorded, or when the
   * call fails.
   */
  readonly result?: Content | undefined;
}

/** What `traceTool` hands to the function it traces. */
export interface ToolSpan extends SpanHandle {
  /** Says what the call came to, where what the function returns does not. Never throws. */
  readonly record: (result: ToolResult) => void;
}

/** A memory search as it is known before it starts. */
export interface MemorySpanOptions extends SpanOptions, MemoryDescription {
  /** What is looked for. Called only when memory is recorded, or when the search fails. */
  readonly query?: Content | undefined;
}

/** What a memory search came to. */
export interface MemoryResult {
  /** How many records were found. */
  readonly recordCount?: number | undefined;
  /**
   * The records, when they are not the list the traced function returns. Called only when memory is recorded, or when the
   * search fails.
   */
  readonly records?: Content | undefined;
}

/** What `traceMemory` hands to the function it traces. */
export interface MemorySpan extends SpanHandle {
  /** Says what the search came to, where what the function returns does not. Never throws. */
  readonly record: (result: MemoryResult) => void;
}

/** A transport, as `traceTransport` watches it. */
export interface TransportSpanOptions {
  readonly name: string;
  readonly attributes?: Attributes | undefined;
  /** The signal that stops the transport. Ending before it is aborted is a crash. */
  readonly signal?: AbortSignal | undefined;
  /** The agent runs the transport was carrying; the crash span links to them. */
  readonly runsInFlight?: (() => readonly SpanContext[]) | undefined;
}
