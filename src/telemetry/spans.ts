/**
 * The five helpers and the skeleton they share: long, because the life of a span is one story and is told in one
 * place. Everything here needs `@opentelemetry/api` and nothing else.
 */
import {
  context as contextApi,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Attributes,
  type AttributeValue,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';

import { active } from './active.ts';
import { agentAttributes, runTotalAttributes, type AgentDescription, type RunTotals } from './attributes/agent.ts';
import {
  chatAttributes,
  chatResponseAttributes,
  fallbackAttributes,
  type ChatDescription,
  type ChatResponse as ChatMetadata,
  type FallbackHop,
} from './attributes/chat.ts';
import {
  chatContent,
  chatOutput,
  memoryQuery,
  memoryRecords,
  agentInput,
  agentOutput,
  toolArguments,
  toolResult,
  type Content,
  type ContentBuilder,
} from './attributes/content.ts';
import { memoryAttributes, type MemoryDescription } from './attributes/memory.ts';
import { textOf } from './attributes/text.ts';
import { toolAttributes, type ToolDescription } from './attributes/tool.ts';
import { transportCrashAttributes } from './attributes/transport.ts';
import type { CallCost } from './attributes/cost.ts';
import { isNumber } from './attributes/number.ts';
import { addUsage, normalizeUsage, type TokenUsage } from './attributes/usage.ts';
import { captureFailure, decideFailures, spanSite, tagsFrom } from './capture.ts';
import { ContentFreeError } from './content/content-free-error.ts';
import type { CaptureContent, ContentPolicy } from './content/policy.ts';
import { plainAttributes } from './content/plain-attribute.ts';
import type { Redactor } from './content/redactor.ts';
import { seal, sealLabels } from './content/seal.ts';
import { isUnawaited } from './content/unawaited.ts';
import {
  addBreadcrumb,
  contentOfRun,
  contentPolicyOf,
  createFrame,
  failurePlace,
  frameApart,
  frameOf,
  runAttributes,
  saidOfRun,
  scopeOf,
  withFrame,
  type AgentFrame,
  type RunContext,
  type RunFrame,
} from './context.ts';
import { errorType, httpStatus, recordSpanFailure, type FailurePoint } from './failure.ts';
import { guard, guarded } from './guard.ts';
import { recordedAnywhere, type RecordedFailure } from './recorded-failures.ts';
import type { ResultObserver } from './result-observation.ts';
import {
  FALLBACK_EVENT,
  ERROR_TYPE,
  FAULTLINE_OUTCOME,
  FAULTLINE_TRANSPORT,
  GEN_AI_MEMORY_RECORD_COUNT,
  GEN_AI_MEMORY_STORE_ID,
  GEN_AI_REQUEST_MODEL,
  GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
  GEN_AI_TOOL_CALL_RESULT_SIZE,
  GEN_AI_TOOL_NAME,
  OPERATIONS,
  SCOPE_NAME,
  type Operation,
} from './semconv.ts';
import { beginStep, endStep, Scope, type Outcome, type Step } from './scope.ts';
import { observeResult } from './span-result.ts';
import { VERSION } from './config/version.ts';

export type { ChatDescription, ChatRequest, FallbackHop } from './attributes/chat.ts';
export type { Content } from './attributes/content.ts';
export type { TokenUsage } from './attributes/usage.ts';
export type { FailurePoint } from './failure.ts';

/** Options every helper takes. */
export interface SpanOptions {
  /** Attributes of your own. The names of the span contract cannot be overridden. */
  readonly attributes?: Attributes;
  /** The span to hang below, when it is not the active one. */
  readonly parent?: SpanContext;
  /**
   * A signal the work listens to. When it is aborted by the time the work fails, the span says
   * `faultline.outcome=aborted` and counts as no failure. Inside an agent its signal is the default.
   */
  readonly signal?: AbortSignal;
  /**
   * Further content the work is about, besides what has a name here. It is never sent: it is called when the
   * work fails and `errorMessages` lets its message leave, to take echoes of it out of the message.
   */
  readonly withhold?: Content;
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
  readonly conversationId?: string;
  /** Default: the surrounding run's id, else a new one of eight hexadecimal digits. */
  readonly runId?: string;
  /** Default: one more than the surrounding agent's, else 0. */
  readonly depth?: number;
  /** What the agent was asked: a text, or messages. Called only when inputs are recorded, or when the run fails. */
  readonly input?: Content;
  /** Decides for this run which content is recorded, over what `setupTracing` was told. */
  readonly captureContent?: CaptureContent;
}

/** What an agent run came to. */
export interface AgentResult {
  /** Corrects what is otherwise counted from the spans inside: one turn per model call that answered. */
  readonly turns?: number;
  /** What the agent answered: a text, or messages. Called only when outputs are recorded. */
  readonly output?: Content;
}

export interface AgentSpan extends SpanHandle {
  readonly record: (result: AgentResult) => void;
}

/** Content is given by functions, which are called only when it is recorded, or when the call fails. */
export interface ChatSpanOptions extends SpanOptions, ChatDescription {
  /**
   * The messages the model is shown, oldest first, in the shape of the GenAI conventions, OpenAI, Anthropic,
   * Gemini or the AI SDK; a text is a message of the user.
   */
  readonly messages?: Content;
  /** The system prompt, when it goes apart from the messages. */
  readonly systemInstructions?: Content;
  /** The tools the model can ask for, as they are sent to the provider. */
  readonly toolDefinitions?: Content;
}

/** One model call as it is known when the provider has answered. */
export interface ChatResponse extends ChatMetadata {
  /** What the model wrote: a text, or messages in any shape `messages` may have. Called only when outputs are recorded. */
  readonly output?: Content;
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
  readonly arguments?: Content;
}

/** What a tool call came to. */
export interface ToolResult {
  /** Bytes of the serialised result. */
  readonly resultBytes?: number;
  /** The result, when it is not what the traced function returns. Called only when tool results are recorded. */
  readonly result?: Content;
}

export interface ToolSpan extends SpanHandle {
  readonly record: (result: ToolResult) => void;
}

export interface MemorySpanOptions extends SpanOptions, MemoryDescription {
  /** What is looked for. Called only when memory is recorded, or when the search fails. */
  readonly query?: Content;
}

/** What a memory search came to. */
export interface MemoryResult {
  readonly recordCount?: number;
  /** The records, when they are not the list the traced function returns. Called only when memory is recorded. */
  readonly records?: Content;
}

export interface MemorySpan extends SpanHandle {
  readonly record: (result: MemoryResult) => void;
}

export interface TransportSpanOptions {
  readonly name: string;
  readonly attributes?: Attributes;
  /** The signal that stops the transport. Ending before it is aborted is a crash. */
  readonly signal?: AbortSignal;
  /** The agent runs the transport was carrying; the crash span links to them. */
  readonly runsInFlight?: () => readonly SpanContext[];
}

/** A transport returned although nobody had stopped it. */
export class TransportExitedError extends ContentFreeError {
  override readonly name = 'TransportExitedError';

  constructor(transport: string) {
    super(`transport ${transport} returned although it was not stopped`);
  }
}

/** Traces one agent run as `agent.invoke {name}`. Returns what `run` returns, and throws what it throws. */
export function traceAgent<T>(options: AgentSpanOptions, run: (span: AgentSpan) => T): T {
  return traced(AGENT, options, run);
}

/**
 * Traces one call of one model as `chat {model}`. Every attempt is a span of its own. When `run` returns a
 * stream, the span ends when the stream does.
 */
export function traceChat<T>(options: ChatSpanOptions, run: (span: ChatSpan) => T): T {
  return traced(CHAT, options, run);
}

/**
 * Traces one tool call as `execute_tool {name}`. Called directly inside an agent, it hangs below the model
 * call that asked for it: the one that answered last.
 */
export function traceTool<T>(options: ToolSpanOptions, run: (span: ToolSpan) => T): T {
  return traced(TOOL, options, run);
}

/** Traces one search in a memory store as `search_memory {store}`. */
export function traceMemory<T>(options: MemorySpanOptions, run: (span: MemorySpan) => T): T {
  return traced(MEMORY, options, run);
}

/**
 * Watches a transport and traces its crash as `transport.crash {name}`, in a trace of its own that links to
 * the runs in flight. A crash is a rejection, or a return before `signal` was aborted. While the transport
 * works there is no span: one that lasts for days would distort every duration.
 */
export function traceTransport<T>(options: TransportSpanOptions, run: () => T): T {
  const startedAt = performance.now();
  const isStopped = (): boolean | undefined => guard(() => options.signal?.aborted);
  const crashed = (error: unknown): void => recordCrash(options, error, startedAt);
  let result: T;
  try {
    result = run();
  } catch (error) {
    if (isStopped() !== true) crashed(error);
    throw error;
  }
  if (!(result instanceof Promise)) return result;
  return result.then(
    (value: unknown) => {
      if (isStopped() === false) guard(() => crashed(new TransportExitedError(options.name)));
      return value;
    },
    (error: unknown) => {
      if (isStopped() !== true) crashed(error);
      throw error;
    },
  ) as T;
}

/**
 * Records a failure at one of the five failure points on a span, by default the active one: for agents that
 * have their own loop. An error that was recorded before is not recorded again.
 */
export function recordFailure(
  point: FailurePoint,
  error: unknown,
  context: { readonly span?: Span; readonly attributes?: Attributes } = {},
): void {
  guard(() => {
    const frame = frameOf(contextApi.active());
    const { span: given, attributes } = context ?? {};
    const span = given ?? trace.getActiveSpan() ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    const policy = contentPolicyOf(frame);
    if (attributes !== undefined) writeLabels(span, plainAttributes(attributes, policy.secretsRedactor), policy);
    const place = failurePlace(span.spanContext(), frame?.agent);
    const { isNew, message } = recordSpanFailure(span, { error, point, policy, place, isEnd: false });
    const { issues } = active();
    if (!isNew || issues === undefined) return;
    const failure = captureFailure({
      ...spanSite(span, OPERATIONS[OPERATION_OF[point]].sentryOp),
      error,
      message,
      point,
      frame,
      transaction: frame?.agent?.name,
      tags: tagsFrom(attributes ?? {}),
    });
    if (frame?.agent?.held === undefined) issues.capture(failure);
    else frame.agent.held.push(issues.hold(failure));
  });
}

/** What fails at each point. */
const OPERATION_OF: Readonly<Record<FailurePoint, Operation>> = {
  'conversation.unhandled': 'agent',
  'transport.crash': 'transport',
  'model.fallback_exhausted': 'agent',
  'tool.execution': 'tool',
  'memory.search': 'memory',
};

// --- One skeleton for the four helpers that trace a function.

/** What distinguishes one traced operation from another: how its span starts and what its handle can do. */
interface TracedOperation<Options, Handle extends OperationSpan> {
  open(options: Options, surroundings: Surroundings): Opened;
  /** What there is when that fails, if it is more than a span that records nothing. */
  instead?(options: Options, surroundings: Surroundings): Opened;
  handle(opened: Opened, options: Options): Handle;
}

/** Where a span is about to start. */
interface Surroundings {
  readonly context: Context;
  readonly frame: RunFrame | undefined;
}

/** A span that has started. */
interface Opened {
  readonly span: Span;
  readonly name: string;
  /** The context the span was started in. */
  readonly parent: Context;
  /** The context the traced function runs in. */
  readonly context: Context;
  /** What is known of the run the span belongs to, its own when it is an agent's. */
  readonly frame: RunFrame | undefined;
  readonly signal: AbortSignal | undefined;
  /** What may leave of the content. */
  readonly policy: ContentPolicy;
  /** The agent run this span is part of. */
  readonly within: AgentFrame | undefined;
  /** The agent run this span is. */
  readonly opens?: AgentFrame;
  /** What an Issue of the run would say of it. Absent where no Issues are made, and outside of runs. */
  readonly step: Step | undefined;
}

/** Outside of a run nothing tells whose failure an operation would lead to. */
function stepOf(operation: Operation, name: string, span: Span, frame: RunFrame | undefined): Step | undefined {
  if (frame === undefined || active().issues === undefined) return undefined;
  return beginStep(scopeOfSteps(frame), operation, name, span);
}

/** A part of a run may have a scope of its own; its steps are those of the run. */
function scopeOfSteps(frame: RunFrame): Scope {
  return frame.agent?.scope ?? frame.scope;
}

/** What work runs under whose span could not be started: a span that records nothing. */
function notOpened({ context, frame }: Surroundings): Opened {
  return {
    span: trace.wrapSpanContext(INVALID_SPAN_CONTEXT),
    name: '',
    parent: context,
    context,
    frame,
    signal: frame?.agent?.signal,
    policy: contentPolicyOf(frame),
    within: undefined,
    step: undefined,
  };
}

/** The same for an agent: what is said in its run stays there, and what it has decided holds. */
function agentNotOpened(options: AgentSpanOptions, { context, frame }: Surroundings): Opened {
  if (frame?.agent !== undefined) return notOpened({ context, frame });
  const run = guard(() => agentRun(options, frame, undefined));
  const content = guard(() => contentOfRun(frame, options.captureContent));
  const own = frameApart(frame, run, content);
  return notOpened({ context: withFrame(context, own), frame: own });
}

function traced<Options extends SpanOptions, Handle extends OperationSpan, T>(
  operation: TracedOperation<Options, Handle>,
  given: Options | undefined | null,
  run: (span: Handle) => T,
): T {
  const options = given ?? ({} as Options);
  const context = contextApi.active();
  const surroundings = { context, frame: frameOf(context) };
  const opened =
    guard(() => operation.open(options, surroundings)) ??
    operation.instead?.(options, surroundings) ??
    notOpened(surroundings);
  const handle = operation.handle(opened, options);
  handle.begin();
  let result: T;
  try {
    result = contextApi.with(opened.context, run, undefined, handle);
  } catch (error) {
    handle.onError(error);
    handle.onSettled();
    throw error;
  }
  return observeResult(result, opened.context, handle);
}

/**
 * The life of one span: it fails at most once and ends exactly once.
 *
 * What its user calls are getters, each of which makes a function that needs no `this`: a handle that is taken apart
 * has none. Functions made with the handle would be paid for by every span, these by who asks for them.
 */
abstract class OperationSpan implements SpanHandle, ResultObserver {
  protected readonly traced: Span;
  protected readonly policy: ContentPolicy;
  protected abstract readonly operation: Operation;
  /** The agent run this span is part of. */
  protected readonly within: AgentFrame | undefined;
  readonly #opened: Opened;
  #error: { readonly value: unknown } | undefined;
  #aborted = false;
  #ended = false;

  constructor(opened: Opened) {
    this.traced = opened.span;
    this.policy = opened.policy;
    this.within = opened.within;
    this.#opened = opened;
  }

  get span(): Span {
    return this.traced;
  }

  /** Writes the content that is known before the work starts. */
  begin(): void {
    if (this.policy.capturesAny) guard(() => this.beforeStart());
  }

  get fail(): (error: unknown) => void {
    return guarded((error) => this.onError(error));
  }

  onError(error: unknown): void {
    if (this.#ended || this.#error !== undefined) return;
    if (this.#opened.signal?.aborted === true) {
      this.onCancel();
      return;
    }
    this.#error = { value: error };
    guard(() => this.#recordOnce(error));
  }

  onCancel(): void {
    if (this.#ended || this.#aborted) return;
    this.#aborted = true;
    guard(() => this.traced.setAttribute(FAULTLINE_OUTCOME, 'aborted'));
    // A model call that was broken off has no answer, which its users look for by this name; it is no failure.
    if (this.operation === 'chat') guard(() => this.traced.setAttribute(ERROR_TYPE, 'aborted'));
  }

  onValue(): void {}

  onResult(_value: unknown): void {}

  /** A stream may end without an error because somebody has aborted it. */
  onEnd(): void {
    if (this.#error === undefined && this.#opened.signal?.aborted === true) this.onCancel();
    this.onSettled();
  }

  onSettled(): void {
    if (this.#ended) return;
    this.#ended = true;
    const outcome = this.#outcome();
    guard(() => this.beforeEnd(outcome === 'done', this.#error));
    guard(() => this.traced.end());
    const { step, frame, span } = this.#opened;
    if (step !== undefined && frame !== undefined) endStep(scopeOfSteps(frame), step, outcome, span);
  }

  #outcome(): Outcome {
    if (this.#error !== undefined) return 'failed';
    return this.#aborted ? 'aborted' : 'done';
  }

  /** What this kind of span says about an error that ends it. */
  protected abstract describeError(error: unknown): { readonly point?: FailurePoint; readonly errorType?: string };

  /** Writes content as far as it may leave. What gives the content is not even called when it may not. */
  protected write<Given>(build: ContentBuilder<Given>, given: Given | undefined): void {
    if (given === undefined || !this.policy.capturesAny || !this.traced.isRecording()) return;
    guard(() => {
      const content = build(given, this.policy);
      for (const text of Object.values(content)) seal(this.traced, text);
      this.traced.setAttributes(content);
    });
  }

  /** Writes a number, should it be one: an application without types may hand over anything. */
  protected writeNumber(name: string, value: number | undefined): void {
    if (value !== undefined && Number.isFinite(value)) guard(() => this.traced.setAttribute(name, value));
  }

  /** The content this operation is about, for its error not to repeat. */
  protected abstract content(): readonly unknown[];

  /** Tags of an Issue that say what this operation was about. */
  protected issueTags(): Readonly<Record<string, string>> {
    return {};
  }

  protected abstract beforeStart(): void;

  /** Last chance to write attributes. */
  protected beforeEnd(_succeeded: boolean, _error: { readonly value: unknown } | undefined): void {}

  #recordOnce(error: unknown): void {
    const { span, opens, within, policy } = this.#opened;
    const described = this.describeError(error);
    const { isNew, message } = recordSpanFailure(span, {
      error,
      place: failurePlace(span.spanContext(), opens ?? within),
      isEnd: opens?.outermost === span,
      policy,
      // What is promised is not waited for.
      content: () => this.content().filter((given) => !isUnawaited(given)),
      ...described,
    });
    const { point } = described;
    if (isNew && point !== undefined) this.#report(error, message, point);
  }

  /** Hands a failure over to become an Issue, when its run has ended and says whether it went on. */
  #report(error: unknown, message: string, point: FailurePoint): void {
    const { issues } = active();
    if (issues === undefined) return;
    const { span, name, parent, frame, opens, within } = this.#opened;
    const run = opens ?? within;
    const failure = captureFailure({
      error,
      message,
      point,
      span: span.spanContext(),
      parentSpanId: trace.getSpanContext(parent)?.spanId,
      op: OPERATIONS[this.operation].sentryOp,
      transaction: run?.name ?? name,
      frame,
      tags: this.issueTags(),
    });
    if (run?.held === undefined) issues.capture(failure);
    else run.held.push(issues.hold(failure));
  }
}

class AgentOperation extends OperationSpan implements AgentSpan {
  protected readonly operation = 'agent';
  readonly #agent: AgentSpanOptions;
  readonly #run: AgentFrame | undefined;
  readonly #totals: RunTotals;

  constructor(opened: Opened, agent: AgentSpanOptions) {
    super(opened);
    this.#agent = agent;
    this.#run = opened.opens;
    this.#totals = opened.opens?.totals ?? newTotals();
  }

  protected override beforeStart(): void {
    this.write(agentInput, this.#agent.input);
  }

  get record(): (result: AgentResult) => void {
    return guarded(({ turns, output }) => {
      if (isNumber(turns)) this.#totals.turns = turns;
      this.write(agentOutput, output);
    });
  }

  protected override content(): readonly unknown[] {
    const { withhold, input } = this.#agent;
    return [withhold?.(), input?.()];
  }

  protected override describeError(error: unknown): { readonly point: FailurePoint } {
    const exhausted = errorType(error) === 'AllModelsFailedError';
    return { point: exhausted ? 'model.fallback_exhausted' : 'conversation.unhandled' };
  }

  protected override beforeEnd(_succeeded: boolean, error: { readonly value: unknown } | undefined): void {
    this.traced.setAttributes(runTotalAttributes(this.#totals));
    const held = this.#run?.held ?? [];
    if (this.#run !== undefined) this.#run.held = undefined;
    // A sub-agent's failures are decided by the run that called it.
    if (this.within?.held !== undefined) this.within.held.push(...held);
    else decideFailures(held, error, failurePlace(this.span.spanContext(), this.#run));
  }
}

class ChatOperation extends OperationSpan implements ChatSpan {
  protected readonly operation = 'chat';
  readonly #chat: ChatSpanOptions;
  /** On the clock of `performance`. Absent where no first chunk is waited for: nobody would see when it came. */
  #startedAt: number | undefined;
  #response: ChatResponse | undefined;

  constructor(opened: Opened, chat: ChatSpanOptions) {
    super(opened);
    this.#chat = chat;
    if (this.traced.isRecording()) this.#startedAt = performance.now();
    if (this.within !== undefined) this.within.lastModel = chat;
  }

  protected override beforeStart(): void {
    this.write(chatContent, this.#chat);
  }

  protected override content(): readonly unknown[] {
    const { withhold, messages, systemInstructions } = this.#chat;
    return [withhold?.(), messages?.(), systemInstructions?.()];
  }

  get record(): (response: ChatResponse) => void {
    return guarded((response) => {
      this.#response = this.#response === undefined ? response : { ...this.#response, ...response };
    });
  }

  get firstChunk(): () => void {
    return () => this.onValue();
  }

  get fallback(): (hop: FallbackHop) => void {
    return (hop) => {
      guard(() => {
        const { secretsRedactor } = this.policy;
        const attributes = fallbackAttributes(hop, secretsRedactor);
        sealLabels(this.traced, FALLBACK_EVENT, attributes, secretsRedactor);
        this.traced.addEvent(FALLBACK_EVENT, attributes);
        if (!announcedHops.has(hop)) addFallbackBreadcrumb(hop);
      });
      if (this.within !== undefined) this.within.totals.fallbacks += 1;
    };
  }

  /** A chunk has arrived, of which only the first counts. */
  override onValue(): void {
    if (this.#startedAt === undefined) return;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    this.#startedAt = undefined;
    guard(() => this.traced.setAttribute(GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, seconds));
  }

  protected override describeError(error: unknown): { readonly errorType?: string } {
    const status = httpStatus(error);
    return status === undefined ? {} : { errorType: String(status) };
  }

  protected override beforeEnd(succeeded: boolean): void {
    const response = this.#response ?? {};
    const usage =
      response.usage === undefined ? undefined : normalizeUsage(response.usage, textOf(this.#chat.provider));
    const cost = this.#cost(response, usage);
    writeLabels(this.traced, chatResponseAttributes(response, usage, cost, this.policy.secretsRedactor), this.policy);
    this.write(chatOutput, response);
    if (this.within === undefined) return;
    const { totals } = this.within;
    if (usage !== undefined) totals.usage = addUsage(totals.usage, usage);
    if (cost !== undefined) totals.costUsd = (totals.costUsd ?? 0) + cost.totalUsd;
    if (succeeded) {
      totals.turns += 1;
      this.within.lastChat = this.traced.spanContext();
    }
  }

  #cost({ model, costUsd }: ChatResponse, usage: TokenUsage | undefined): CallCost | undefined {
    if (costUsd !== undefined && Number.isFinite(costUsd)) return { totalUsd: costUsd };
    if (usage === undefined || !this.traced.isRecording()) return undefined;
    const models = model === undefined ? [this.#chat.model] : [model, this.#chat.model];
    return active().price?.({ provider: this.#chat.provider, models, usage });
  }
}

/** Hops whose breadcrumb was left when they were made. */
const announcedHops = new WeakSet<FallbackHop>();

/**
 * Tells an Issue of this run that a model failed and another one is asked, before that one has answered: it may
 * never do. `ChatSpan.fallback` records the same hop later, and does not tell of it again.
 *
 * @internal
 */
export function announceFallback(hop: FallbackHop): void {
  announcedHops.add(hop);
  addFallbackBreadcrumb(hop);
}

function addFallbackBreadcrumb({ from, to, reason }: FallbackHop): void {
  if (frameOf(contextApi.active()) === undefined) return;
  addBreadcrumb({ category: 'model.fallback', message: to, data: { from, reason } });
}

class ToolOperation extends OperationSpan implements ToolSpan {
  protected readonly operation = 'tool';
  readonly #tool: ToolSpanOptions;
  #hasResult = false;

  constructor(opened: Opened, tool: ToolSpanOptions) {
    super(opened);
    this.#tool = tool;
  }

  protected override beforeStart(): void {
    this.write(toolArguments, this.#tool.arguments);
  }

  protected override content(): readonly unknown[] {
    return [this.#tool.withhold?.(), this.#tool.arguments?.()];
  }

  protected override issueTags(): Readonly<Record<string, string>> {
    return { tool: this.#tool.name };
  }

  get record(): (result: ToolResult) => void {
    return guarded(({ resultBytes, result }) => {
      this.writeNumber(GEN_AI_TOOL_CALL_RESULT_SIZE, resultBytes);
      if (result === undefined) return;
      this.#hasResult = true;
      this.write(toolResult, result);
    });
  }

  override onResult(value: unknown): void {
    if (!this.#hasResult && value !== undefined) this.write(toolResult, () => value);
  }

  protected override describeError(): { readonly point: FailurePoint } {
    if (this.within !== undefined) this.within.totals.toolErrors += 1;
    return { point: 'tool.execution' };
  }
}

class MemoryOperation extends OperationSpan implements MemorySpan {
  protected readonly operation = 'memory';
  readonly #memory: MemorySpanOptions;
  #hasRecords = false;

  constructor(opened: Opened, memory: MemorySpanOptions) {
    super(opened);
    this.#memory = memory;
  }

  protected override beforeStart(): void {
    this.write(memoryQuery, this.#memory.query);
  }

  protected override content(): readonly unknown[] {
    return [this.#memory.withhold?.(), this.#memory.query?.()];
  }

  protected override issueTags(): Readonly<Record<string, string>> {
    return { memory_store: this.#memory.store };
  }

  get record(): (result: MemoryResult) => void {
    return guarded(({ recordCount, records }) => {
      this.writeNumber(GEN_AI_MEMORY_RECORD_COUNT, recordCount);
      if (records === undefined) return;
      this.#hasRecords = true;
      this.write(memoryRecords, records);
    });
  }

  override onResult(value: unknown): void {
    if (!this.#hasRecords && Array.isArray(value)) this.write(memoryRecords, () => value);
  }

  protected override describeError(): { readonly point: FailurePoint } {
    if (this.within !== undefined) this.within.totals.memoryFailed = true;
    return { point: 'memory.search' };
  }
}

const AGENT: TracedOperation<AgentSpanOptions, AgentOperation> = {
  open(options, { context, frame }) {
    const ownRunId = (textOf(options.runId) ?? frame?.run.runId) === undefined ? newRunId() : undefined;
    const run = agentRun(options, frame, ownRunId);
    // A run's own scope; a sub-agent is part of the run that called it.
    const scope = frame?.agent === undefined ? new Scope(scopeOf(frame)) : frame.scope;
    const parent = parentContext(context, options.parent);
    const content = contentOfRun(frame, options.captureContent);
    const { secretsRedactor } = content;
    const said = saidOfRun(run, secretsRedactor, ownRunId);
    const name = spanName(active().agentSpanName, run.agent);
    const safeName = said.agent === run.agent ? name : spanName(active().agentSpanName, said.agent);
    const attributes = agentAttributes(options, runAttributes(said), secretsRedactor);
    addOwn(attributes, scope, options.attributes, secretsRedactor);
    // Whoever sees the span start has to know what its run has decided, which its parent may not have.
    const start =
      options.captureContent === undefined
        ? parent
        : withFrame(parent, createFrame(run, scope, content, undefined, said));
    const span = tracer().startSpan(safeName, { kind: SpanKind.INTERNAL, attributes }, start);
    sealLabels(span, safeName, attributes, secretsRedactor);
    const signal = options.signal ?? frame?.agent?.signal;
    const outermost = frame?.agent?.outermost ?? span;
    const opens: AgentFrame = {
      span,
      name,
      totals: newTotals(),
      signal,
      outermost,
      scope: frame?.agent?.scope ?? scope,
      held: [],
    };
    const inner = createFrame(run, scope, content, opens, said);
    return {
      span,
      name,
      parent,
      context: withFrame(trace.setSpan(parent, span), inner),
      frame: inner,
      signal,
      policy: content,
      within: frame?.agent,
      opens,
      step: stepOf('agent', name, span, inner),
    };
  },
  instead: agentNotOpened,
  handle: (opened, options) => new AgentOperation(opened, options),
};

const CHAT: TracedOperation<ChatSpanOptions, ChatOperation> = {
  open(options, surroundings) {
    const policy = contentPolicyOf(surroundings.frame);
    const attributes = chatAttributes(options, runAttributes(surroundings.frame?.said), policy.secretsRedactor);
    return openChild(options, surroundings, {
      operation: 'chat',
      subject: textOf(options.model),
      safeSubject: attributes[GEN_AI_REQUEST_MODEL],
      kind: SpanKind.CLIENT,
      attributes,
      policy,
    });
  },
  handle: (opened, options) => new ChatOperation(opened, options),
};

const TOOL: TracedOperation<ToolSpanOptions, ToolOperation> = {
  open(options, surroundings) {
    const policy = contentPolicyOf(surroundings.frame);
    const attributes = toolAttributes(options, runAttributes(surroundings.frame?.said), policy.secretsRedactor);
    const parent = askingChat(surroundings);
    return openChild(options, surroundings, {
      operation: 'tool',
      subject: textOf(options.name),
      safeSubject: attributes[GEN_AI_TOOL_NAME],
      kind: SpanKind.INTERNAL,
      attributes,
      policy,
      parent,
    });
  },
  handle: (opened, options) => new ToolOperation(opened, options),
};

const MEMORY: TracedOperation<MemorySpanOptions, MemoryOperation> = {
  open(options, surroundings) {
    const policy = contentPolicyOf(surroundings.frame);
    const attributes = memoryAttributes(options, runAttributes(surroundings.frame?.said), policy.secretsRedactor);
    return openChild(options, surroundings, {
      operation: 'memory',
      subject: textOf(options.store),
      safeSubject: attributes[GEN_AI_MEMORY_STORE_ID],
      kind: SpanKind.INTERNAL,
      attributes,
      policy,
    });
  },
  handle: (opened, options) => new MemoryOperation(opened, options),
};

interface ChildSpan {
  readonly operation: Operation;
  /** What its name says besides the operation: as it was given, and as it may be written. */
  readonly subject: string | undefined;
  readonly safeSubject: AttributeValue | undefined;
  readonly kind: SpanKind;
  /** What the contract says of it; those of the scope and of the caller are added. */
  readonly attributes: Attributes;
  readonly policy: ContentPolicy;
  /** Parent to prefer over the active span. */
  readonly parent?: SpanContext | undefined;
}

function openChild(options: SpanOptions, { context, frame }: Surroundings, child: ChildSpan): Opened {
  const { operation, subject, safeSubject, kind, attributes, policy } = child;
  const { spanName: verb } = OPERATIONS[operation];
  const name = spanName(verb, subject);
  const safeName = safeSubject === subject ? name : spanName(verb, String(safeSubject));
  const parent = parentContext(context, options.parent ?? child.parent);
  addOwn(attributes, scopeOf(frame), options.attributes, policy.secretsRedactor);
  const span = tracer().startSpan(safeName, { kind, attributes }, parent);
  sealLabels(span, safeName, attributes, policy.secretsRedactor);
  return {
    span,
    name,
    parent,
    context: trace.setSpan(parent, span),
    frame,
    signal: options.signal ?? frame?.agent?.signal,
    policy,
    within: frame?.agent,
    step: stepOf(operation, name, span, frame),
  };
}

/** Adds what the application says, the secrets in it excepted. */
function addOwn(attributes: Attributes, scope: Scope, own: Attributes | undefined, redactor: Redactor): void {
  addWhereFree(attributes, scope.attributes(redactor));
  if (own !== undefined) addWhereFree(attributes, plainAttributes(own, redactor));
}

/** Writes names and ids on a span that has started. */
function writeLabels(span: Span, attributes: Attributes, { secretsRedactor }: ContentPolicy): void {
  sealLabels(span, '', attributes, secretsRedactor);
  span.setAttributes(attributes);
}

/** Adds attributes whose names are not taken, by the span contract or by someone who goes first. */
function addWhereFree(attributes: Attributes, more: Attributes | undefined): void {
  if (more === undefined) return;
  for (const key of Object.keys(more)) if (!Object.hasOwn(attributes, key)) attributes[key] = more[key];
}

/**
 * The model call a tool belongs to. Only for a tool called directly inside the agent: one called below some
 * other span, a sub-agent's or the application's own, stays there.
 */
function askingChat({ context, frame }: Surroundings): SpanContext | undefined {
  const agent = frame?.agent;
  if (agent === undefined || active().toolSpanParent === 'agent') return undefined;
  return trace.getSpan(context) === agent.span ? agent.lastChat : undefined;
}

/** The run an agent opens. Names are added one by one: added to a spread copy, each takes 0.4 µs on Node 20. */
function agentRun(options: AgentSpanOptions, outer: RunFrame | undefined, ownRunId: string | undefined): RunContext {
  const around = outer?.run ?? {};
  const run: { -readonly [Key in keyof RunContext]: RunContext[Key] } = {};
  const agent = textOf(options.name);
  if (agent !== undefined) run.agent = agent;
  const runId = textOf(options.runId) ?? around.runId ?? ownRunId;
  if (runId !== undefined) run.runId = runId;
  run.depth = options.depth ?? (around.depth ?? 0) + (outer?.agent === undefined ? 0 : 1);
  const conversationId = textOf(options.conversationId) ?? around.conversationId;
  if (conversationId !== undefined) run.conversationId = conversationId;
  if (around.transport !== undefined) run.transport = around.transport;
  if (around.user !== undefined) run.user = around.user;
  const captureContent = options.captureContent ?? around.captureContent;
  if (captureContent !== undefined) run.captureContent = captureContent;
  return run;
}

/** A transport's crash, as a root span that lasts no time. */
function recordCrash(options: TransportSpanOptions, error: unknown, startedAt: number): void {
  guard(() => {
    const links: Link[] = (options.runsInFlight?.() ?? []).map((context) => ({ context }));
    const frame = frameOf(contextApi.active());
    const policy = contentPolicyOf(frame);
    const { secretsRedactor } = policy;
    const attributes = transportCrashAttributes(options.name, performance.now() - startedAt, secretsRedactor);
    addWhereFree(attributes, options.attributes && plainAttributes(options.attributes, secretsRedactor));
    const name = spanName(OPERATIONS.transport.spanName, options.name);
    const safeName = spanName(OPERATIONS.transport.spanName, String(attributes[FAULTLINE_TRANSPORT]));
    const settings = { kind: SpanKind.INTERNAL, root: true, attributes, links };
    const span = tracer().startSpan(safeName, settings, ROOT_CONTEXT);
    sealLabels(span, safeName, attributes, secretsRedactor);
    const place = failurePlace(span.spanContext(), frame?.agent);
    const known = unlessSurvived(recordedAnywhere(error, startedAt));
    const crash = { error, point: 'transport.crash', policy, place, isEnd: true, known } as const;
    const { isNew, message } = recordSpanFailure(span, crash);
    span.end();
    if (!isNew) return;
    active().issues?.capture(
      captureFailure({
        error,
        message,
        point: 'transport.crash',
        span: span.spanContext(),
        op: OPERATIONS.transport.sentryOp,
        transaction: name,
        frame,
        tags: { transport: options.name },
      }),
    );
  });
}

/** What a run has gone on from and crashes a transport all the same is another failure, of which as much may be said. */
function unlessSurvived(known: RecordedFailure | undefined): RecordedFailure | undefined {
  if (known?.isSurvived !== true) return known;
  return { message: known.message, isOnSpan: false, isCaptured: known.isCaptured, isSurvived: false };
}

function parentContext(context: Context, parent: SpanContext | undefined): Context {
  return parent === undefined ? context : trace.setSpanContext(context, parent);
}

function spanName(operation: string, subject: string | undefined): string {
  return subject === undefined || subject === '' ? operation : `${operation} ${subject}`;
}

function newTotals(): RunTotals {
  return { turns: 0, fallbacks: 0, toolErrors: 0, memoryFailed: false };
}

/** Eight hexadecimal digits: enough to tell the runs of a process apart in a log line. */
function newRunId(): string {
  return Math.floor(Math.random() * 0x1_0000_0000)
    .toString(16)
    .padStart(8, '0');
}

let cachedProvider: TracerProvider | undefined;
let cachedTracer: Tracer | undefined;

/** The tracer of the provider that is registered now; looked up again only when that one changes. */
function tracer(): Tracer {
  const provider = trace.getTracerProvider();
  if (cachedTracer === undefined || provider !== cachedProvider) {
    cachedProvider = provider;
    cachedTracer = provider.getTracer(SCOPE_NAME, VERSION);
  }
  return cachedTracer;
}
