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
   * A signal the work listens to. When it is aborted by the time the work fails, the span says
   * `faultline.outcome=aborted` and counts as no failure. Inside an agent its signal is the default. One that limits
   * the time, such as `AbortSignal.timeout`, belongs to the work alone, where its end is to be a failure.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Further content the work is about, besides what has a name here. It is never sent: it is called when the
   * work fails and `errorMessages` lets its message leave, to take echoes of it out of the message.
   */
  readonly withhold?: Content | undefined;
}

/** What every helper hands to the function it traces. It can be taken apart: `({ record }) => …`. */
export interface SpanHandle {
  /** What you write on it obeys the content policy on its way out, as everything on every span does. */
  readonly span: Span;
  /** Marks the span failed although the function returns normally, as an MCP tool does. */
  readonly fail: (error: unknown) => void;
}

export interface AgentSpanOptions extends SpanOptions, AgentDescription {
  readonly name: string;
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

export interface AgentSpan extends SpanHandle {
  readonly record: (result: AgentResult) => void;
}

/** Content is given by functions, which are called only when it is recorded, or when the call fails. */
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

export interface ChatSpan extends SpanHandle {
  readonly record: (response: ChatResponse) => void;
  /** Says that the first chunk of the answer has arrived. A returned stream says it by itself. */
  readonly firstChunk: () => void;
  /** Records on the call that answered that an earlier model of the chain failed. */
  readonly fallback: (hop: FallbackHop) => void;
}

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

export interface ToolSpan extends SpanHandle {
  readonly record: (result: ToolResult) => void;
}

export interface MemorySpanOptions extends SpanOptions, MemoryDescription {
  /** What is looked for. Called only when memory is recorded, or when the search fails. */
  readonly query?: Content | undefined;
}

/** What a memory search came to. */
export interface MemoryResult {
  readonly recordCount?: number | undefined;
  /**
   * The records, when they are not the list the traced function returns. Called only when memory is recorded, or when the
   * search fails.
   */
  readonly records?: Content | undefined;
}

export interface MemorySpan extends SpanHandle {
  readonly record: (result: MemoryResult) => void;
}

export interface TransportSpanOptions {
  readonly name: string;
  readonly attributes?: Attributes | undefined;
  /** The signal that stops the transport. Ending before it is aborted is a crash. */
  readonly signal?: AbortSignal | undefined;
  /** The agent runs the transport was carrying; the crash span links to them. */
  readonly runsInFlight?: (() => readonly SpanContext[]) | undefined;
}
