/**
 * The vocabulary of the runtime: messages, models, tools, memory, agents, events, transports.
 *
 * Only types live here, so that every other file can be read against one page of words.
 */
import type { SpanContext } from '@opentelemetry/api';
import type { StandardSchemaV1 } from '@standard-schema/spec';

import type { TokenUsage } from '../telemetry/attributes/usage.ts';
import type { CaptureContent } from '../telemetry/content/policy.ts';
import type { RunContext, User } from '../telemetry/context.ts';
import type { RunLimit } from './errors.ts';
import type { ModelFailure } from './models/failure.ts';

// --- Messages. Part names are those of the AI SDK's prompts, so that histories travel both ways.

/** A message of a conversation, as `RunResult.messages` has it and `history` takes it. */
export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

/** Instructions in a conversation, besides those of the agent. */
export interface SystemMessage {
  readonly role: 'system';
  readonly content: string;
}

/** What a person said. */
export interface UserMessage {
  readonly role: 'user';
  readonly content: string;
}

/** What a model answered: a text, or its parts. */
export interface AssistantMessage {
  readonly role: 'assistant';
  readonly content: string | readonly AssistantPart[];
  /** The model that wrote it, as `provider/model`. Reasoning is only ever shown to the model that did it. */
  readonly model?: string;
}

/** What tools answered, one part for each call of the message before it. */
export interface ToolMessage {
  readonly role: 'tool';
  readonly content: readonly ToolResultPart[];
}

/** A part of what a model answered. */
export type AssistantPart = TextPart | ReasoningPart | ToolCallPart;

/** A text in an answer. */
export interface TextPart {
  readonly type: 'text';
  readonly text: string;
  readonly providerOptions?: ProviderOptions;
}

/** What a model thought before it answered, where its provider shows that. */
export interface ReasoningPart {
  readonly type: 'reasoning';
  readonly text: string;
  /** Holds the signature some vendors want back with the reasoning they did. */
  readonly providerOptions?: ProviderOptions;
}

/** A tool the model asks for. */
export interface ToolCallPart {
  readonly type: 'tool-call';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly providerOptions?: ProviderOptions;
}

/** What one tool call came to. */
export interface ToolResultPart {
  readonly type: 'tool-result';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly output: ToolOutput;
}

/** What a tool returned, or `error-text` when it failed. */
export type ToolOutput =
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'json'; readonly value: unknown }
  | { readonly type: 'error-text'; readonly value: string };

/** Options that only one provider understands, by provider. */
export type ProviderOptions = Readonly<Record<string, unknown>>;

// --- Models

/**
 * A language model of the AI SDK's provider specification V2, V3 or V4, as every `@ai-sdk/*` package and
 * many others make them. Structural, so that no particular package is needed; what a model answers is
 * `unknown` until `models/normalize.ts` has read it.
 */
export interface ModelLike {
  readonly specificationVersion: 'v2' | 'v3' | 'v4';
  readonly provider: string;
  readonly modelId: string;
  doGenerate(options: ProviderCallOptions): PromiseLike<unknown>;
  doStream(options: ProviderCallOptions): PromiseLike<unknown>;
}

/**
 * The options of a provider call. The three specifications type them apart although the part of them the
 * runtime uses is the same, and a parameter has to be accepted by all three.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- the only type that three parameter types are assignable to
type ProviderCallOptions = any;

/** A model object, or the name of one such as `openai/gpt-5-mini`: see `resolveModel`. */
export type ModelRef = ModelLike | string;

/** A model with settings of its own. */
export interface ModelEntry {
  readonly model: ModelRef;
  /** Default: the agent's. */
  readonly maxRetries?: number | undefined;
  /** Default: the agent's `modelTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Laid over the agent's. */
  readonly settings?: CallSettings | undefined;
}

/** What is asked of a model besides the conversation. What is left out is the provider's default. */
export interface CallSettings {
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly maxOutputTokens?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly seed?: number | undefined;
  readonly stopSequences?: readonly string[] | undefined;
  readonly providerOptions?: ProviderOptions | undefined;
}

/** Why a model stopped. `length` and `content-filter` are results, not failures. */
export type FinishReason = 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'other';

// --- Tools

/** A JSON Schema whose root is an object. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Something a model can have done: see `defineTool`. */
export interface Tool<Input = unknown> {
  readonly name: string;
  readonly description?: string | undefined;
  /** Validates what the model sent. A tool without one gets it unchecked. */
  readonly input?: StandardSchemaV1<unknown, Input> | undefined;
  /** What the model is told about the arguments. */
  readonly jsonSchema: JsonSchema;
  /** Longest one call may take; `Infinity`: as long as it needs. Default: `toolTimeoutMs` of the run. */
  readonly timeoutMs?: number | undefined;
  /** Attributes of your own on the tool's spans. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>> | undefined;
  /**
   * Does the work. Returns a string or anything JSON can write; a tool that fails throws, and the model is
   * told the error's name and message. An MCP result with `isError` is a failure as well.
   */
  execute(input: Input, context: ToolContext): unknown;
}

/** What a tool knows about the call it serves. */
export interface ToolContext {
  /** Aborted when the run ends early or the tool takes too long. */
  readonly signal: AbortSignal;
  readonly toolCallId: string;
  readonly run: RunContext;
  /** The conversation up to the message that asked for this call. */
  readonly messages: readonly Message[];
}

// --- Memory

/** One thing that is remembered. */
export interface MemoryRecord {
  readonly id: string;
  readonly text: string;
  /** Whose record it is. A search that names scopes sees no others. */
  readonly scope?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** A record that was found. A higher score is a better match; scores of two searches do not compare. */
export interface MemoryMatch extends MemoryRecord {
  readonly score: number;
}

/** How a store is searched. */
export interface MemoryQuery {
  readonly limit: number;
  /** Only records of these scopes. Default: all. */
  readonly scopes?: readonly string[];
  readonly signal: AbortSignal;
}

/** A place where an agent's memories are. */
export interface MemoryStore {
  readonly id: string;
  /** `db.system.name` of what is behind it, such as `sqlite`. */
  readonly system?: string | undefined;
  /** Adds a record, or replaces the one with the same id. */
  add(record: MemoryRecord): Promise<void>;
  /** Finds records, the best first. Any text is a valid query. */
  search(query: string, options: MemoryQuery): Promise<readonly MemoryMatch[]>;
  /** Returns whether there was such a record. */
  remove(id: string): Promise<boolean>;
  close?(): Promise<void>;
}

/** How an agent uses its memory before each run. */
export interface MemoryOptions {
  readonly store: MemoryStore;
  /** Most records given to the model. Default: 5. */
  readonly limit?: number | undefined;
  /** After this long the run continues without. Default: 2000. */
  readonly timeoutMs?: number | undefined;
  /** Whose records may be found. Default: everybody's. */
  readonly scopes?: ((run: RunContext) => readonly string[]) | undefined;
}

// --- Agents

/**
 * How far a run may go. A run that may not go further rejects with a `RunLimitError`. What an agent below another one
 * spends is spent by both, so the limits of a run hold for all that is done for it.
 */
export interface RunLimits {
  /** Most model answers in one run. Default: 20. */
  readonly maxTurns?: number | undefined;
  /** How many levels of agents there may be below the run's. 0: it asks none. Default: 10. */
  readonly maxDepth?: number | undefined;
  /** Tokens after which no further model call is made, input and output together. Default: any number. */
  readonly maxTotalTokens?: number | undefined;
  /**
   * Cost after which no further model call is made, in US dollars, by the price list of `setupTracing`, else by list
   * price. Calls of models without a known price cost nothing, which is said once. Default: any amount.
   */
  readonly maxCostUsd?: number | undefined;
  /** Longest one run may take. Default: as long as it needs. */
  readonly timeoutMs?: number | undefined;
  /** How many tools of one turn run at the same time. Default: all of them. */
  readonly toolConcurrency?: number | undefined;
  /**
   * Longest one call of a tool may take that does not say so itself; then the model is told, and the run goes on.
   * `Infinity`: as long as it needs. An agent as a tool goes by its own limits. Default: 300 000.
   */
  readonly toolTimeoutMs?: number | undefined;
}

/**
 * A line of a log. Its names are those of the line as JSON. It holds ids, names and numbers, and nothing anybody has
 * said.
 */
export interface LogEntry {
  /** ISO 8601, in UTC. */
  readonly time: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** What happened: one of a fixed number of texts. */
  readonly message: string;
  readonly agent?: string;
  readonly run_id?: string;
  readonly depth?: number;
  readonly conversation?: string;
  readonly transport?: string;
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly [detail: string]: string | number | boolean | undefined;
}

/** Takes what a log is to say. What it throws is reported as a process warning, once. */
export type LogListener = (entry: LogEntry) => void;

/** What a run had come to when it met one of its limits. */
export interface PartialAnswer {
  /** What the model had written in its last complete answer. */
  readonly text: string;
  /** The conversation so far; its last message may ask for tools that were not called. */
  readonly messages: readonly Message[];
  readonly turns: number;
  readonly usage: TokenUsage;
}

/** What `createAgent` makes an agent of. The limits hold for each of its runs that does not say otherwise. */
export interface AgentOptions extends RunLimits {
  readonly name: string;
  /** What the agent is for: told to other agents that may ask it or hand over to it. */
  readonly description?: string | undefined;
  /** The system prompt, or a function that makes it for one run. */
  readonly instructions?: string | ((run: RunContext) => string | Promise<string>) | undefined;
  /** The fallback chain: the first model is asked first. */
  readonly models: readonly (ModelRef | ModelEntry)[];
  /** What the model may have done: see `defineTool`. */
  readonly tools?: readonly Tool[] | undefined;
  /**
   * Agents the model may hand the conversation over to, with a tool `transfer_to_{agent}` for each: the other agent
   * answers, with everything said so far. A function for agents that hand over to each other. Depth, tokens and cost
   * count on, so that no conversation goes round for ever.
   */
  readonly handoffs?: readonly Agent[] | (() => readonly Agent[]) | undefined;
  /** What is searched before each run. A search that fails does not end the run. */
  readonly memory?: MemoryStore | MemoryOptions | undefined;
  /** Settings of every model call. */
  readonly settings?: CallSettings | undefined;
  /** How often a call that failed for a passing reason is repeated on the same model. Default: 1. */
  readonly maxRetries?: number | undefined;
  /** Longest one model call may take. Default: as long as the provider lets it. */
  readonly modelTimeoutMs?: number | undefined;
  /** Which content of its runs is recorded, over what `setupTracing` was told. */
  readonly captureContent?: CaptureContent | undefined;
  /**
   * Decides whether a failure is worth asking the next model. Default: yes, unless the request itself is
   * at fault. Never asked about an aborted run. Must not throw.
   */
  readonly shouldFallback?:
    | ((failure: ModelFailure, attempt: { model: string; attempt: number }) => boolean)
    | undefined;
}

/** Something that answers, with models, tools and memory of its own. Any number of runs at the same time. */
export interface Agent {
  readonly name: string;
  readonly description?: string;
  /**
   * Runs the agent to its answer. Rejects with `AllModelsFailedError`, a `RunLimitError` such as `MaxTurnsError`,
   * with the signal's reason when the caller aborted, or with what the caller's own functions threw.
   */
  run(input: RunInput, options?: RunOptions): Promise<RunResult>;
  /** Starts a run at once and hands out what happens in it. */
  stream(input: RunInput, options?: RunOptions): RunStream;
  /** This agent as a tool of another one. */
  asTool(options?: AgentToolOptions): Tool<{ readonly task: string }>;
}

/** How an agent is shown to the model of another one. */
export interface AgentToolOptions {
  /** Default: `ask_{agent}`. */
  readonly name?: string | undefined;
  /** Default: the agent's. */
  readonly description?: string | undefined;
}

/** What the user said, or everything said since the history. */
export type RunInput = string | readonly InputMessage[];

/** A message as it may be passed in: text parts of a user, as the AI SDK writes them, become one text, without their `providerOptions`. */
export type InputMessage = Message | { readonly role: 'user'; readonly content: readonly TextPart[] };

/** What one run is told. Its limits win over those of the agent. */
export interface RunOptions extends RunLimits {
  /** Aborts the run, which counts as no failure and is no Issue. What limits its time is `timeoutMs`. */
  readonly signal?: AbortSignal | undefined;
  /** The id you know the conversation by. Default: the surrounding run context's. */
  readonly conversationId?: string | undefined;
  /** Whom the run is for: see `setUser`. */
  readonly user?: User | undefined;
  /** Which content of this run is recorded, over what the agent was told. */
  readonly captureContent?: CaptureContent | undefined;
  /** What was said before, or a function that loads it: one that fails is a failure of the run. */
  readonly history?:
    | readonly InputMessage[]
    | (() => readonly InputMessage[] | Promise<readonly InputMessage[]>)
    | undefined;
  /** Whether models are asked for streams, so that text arrives as it is written. Default: only by `stream`. */
  readonly stream?: boolean | undefined;
  /** Told everything that happens. What it throws is reported as a process warning, once per run. */
  readonly onEvent?: ((event: AgentEvent) => void) | undefined;
  /** Told what happens, as lines of a log; so are the runs of agents below this one. See `jsonLog`. */
  readonly onLog?: LogListener | undefined;
  /** The last step of the run, such as sending the answer: when it fails, the run has failed. */
  readonly deliver?: ((result: RunResult) => void | Promise<void>) | undefined;
}

/** What a run came to. */
export interface RunResult {
  readonly runId: string;
  /** The agent that answered: another one than was asked, when the conversation was handed over. */
  readonly agent: string;
  readonly text: string;
  readonly finishReason: FinishReason;
  /** The conversation to pass as `history` next time: history, input, answers and tool results. */
  readonly messages: readonly Message[];
  /** The model that gave the last answer. */
  readonly model: string;
  readonly turns: number;
  /** Tokens of every call that answered, after a hand-off too; those of sub-agents are theirs. */
  readonly usage: TokenUsage;
  readonly fallbacks: number;
  readonly toolErrors: number;
  readonly memoryFailed: boolean;
  /** Absent when tracing is off. */
  readonly traceId?: string;
}

/**
 * A run under way. Iterating ends after `run.end` or `run.error` and never throws; `result` rejects when
 * the run fails. Leaving the loop early aborts the run, and what comes after the loop goes on once the run and
 * its spans have ended. A consumer that is slower than the model gets longer pieces of text, never a longer queue.
 */
export interface RunStream extends AsyncIterable<AgentEvent> {
  readonly result: Promise<RunResult>;
  abort(reason?: unknown): void;
}

/**
 * What happens in a run, in order. Events are made to be passed on to people: error texts are never in
 * them, only classes, statuses and ids.
 */
export type AgentEvent =
  // The run
  | { readonly type: 'run.start'; readonly runId: string; readonly spanContext?: SpanContext }
  | { readonly type: 'run.end'; readonly result: RunResult }
  | {
      readonly type: 'run.error';
      readonly errorType: string;
      readonly aborted: boolean;
      readonly traceId?: string;
    }
  /** The run may not go further: `run.error` follows. Amounts are counts, milliseconds or US dollars. */
  | { readonly type: 'run.limit'; readonly limit: RunLimit; readonly allowed: number; readonly spent?: number }
  | { readonly type: 'memory.search'; readonly count: number; readonly failed: boolean }
  // One turn: an answer of a model and the tools it asks for
  | { readonly type: 'turn.start'; readonly turn: number; readonly model: string }
  | { readonly type: 'turn.end'; readonly turn: number; readonly usage: TokenUsage }
  // What the model writes. After `text.reset` the text of this turn starts again.
  | { readonly type: 'text.delta'; readonly text: string }
  | { readonly type: 'text.reset'; readonly reason: string }
  | { readonly type: 'reasoning.delta'; readonly text: string }
  // What becomes of a model call that failed
  | {
      readonly type: 'model.retry';
      readonly model: string;
      /** 2 for the first repetition. */
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  | { readonly type: 'model.fallback'; readonly from: string; readonly to: string; readonly reason: string }
  /** Another agent answers from here on. Its turns count from 1 again. */
  | { readonly type: 'handoff'; readonly from: string; readonly to: string }
  // Tools
  | { readonly type: 'tool.start'; readonly id: string; readonly name: string; readonly input: unknown }
  | {
      readonly type: 'tool.end';
      readonly id: string;
      readonly name: string;
      readonly isError: boolean;
      readonly durationMs: number;
    };

// --- Transports

/** A message a person sent over a transport. */
export interface IncomingMessage {
  readonly id: string;
  readonly text: string;
  readonly conversationId: string;
  /** Absent when the transport does not know who is writing. */
  readonly userId?: string | undefined;
  /** The transport's name. */
  readonly transport: string;
  /**
   * The name of the agent that answers. Default: the one the transport is registered with, or whoever that one has
   * handed the conversation over to.
   */
  readonly agent?: string | undefined;
  /** Whether models are asked for streams. Default: when there is an `onEvent` to show them to. */
  readonly stream?: boolean | undefined;
  /** Takes the message back: aborts the run made for it. */
  readonly signal?: AbortSignal | undefined;
  /** Told what happens in the run, for transports that show text as it is written. */
  readonly onEvent?: ((event: AgentEvent) => void) | undefined;
  reply(text: string): Promise<void>;
}

/** A way for messages to come in and answers to go out. */
export interface Transport {
  readonly name: string;
  /**
   * Works until `signal` is aborted, handing every message to `receive`, which only rejects for a message to an
   * agent that is not there (`AgentNotFoundError`). A rejection of `start` is a crash, and so is returning early,
   * unless the transport called `end` to say it is done for good.
   */
  start(receive: (message: IncomingMessage) => Promise<void>, signal: AbortSignal, end: () => void): Promise<void>;
  /**
   * Turns new messages away, and still answers those it has handed over. Called before `signal` is aborted, when the
   * runtime is stopped with time for runs under way. Without it the runtime turns them away with a sentence.
   */
  drain?(): void | Promise<void>;
}

/** How a transport is. */
export type TransportState =
  | { readonly state: 'running' }
  /** Down, and started again in a while. `since` when it has not worked for long, in ISO 8601. */
  | { readonly state: 'restarting'; readonly since: string }
  /** It said that it is done for good. */
  | { readonly state: 'done' }
  /** Not started yet, stopped, or crashed for good. */
  | { readonly state: 'stopped' };

/** How a transport of a runtime is. `agent` is the one it is registered with. */
export type TransportStatus = TransportState & { readonly name: string; readonly agent?: string };

/**
 * Where conversations are kept between messages. `conversation` is a key made of agent, transport and conversation id, so
 * that whoever may choose an id on one transport reads nothing of another.
 */
export interface ConversationHistory {
  load(conversation: string): readonly Message[] | Promise<readonly Message[]>;
  save(conversation: string, messages: readonly Message[]): void | Promise<void>;
}
