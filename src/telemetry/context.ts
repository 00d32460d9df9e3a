import {
  context as contextApi,
  createContextKey,
  propagation,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Span,
  type SpanContext,
} from '@opentelemetry/api';

import { active, isSetUp, type HeldFailure } from './active.ts';
import type { RunTotals } from './attributes/agent.ts';
import { textOf } from './attributes/text.ts';
import { overridePolicy, type CaptureContent, type ContentPolicy } from './content/policy.ts';
import type { Redactor } from './content/redactor.ts';
import type { Breadcrumb } from './captured.ts';
import type { FailurePlace } from './recorded-failures.ts';
import { guard } from './guard.ts';
import { Scope, type Beginning, type DatedBreadcrumb, type User } from './scope.ts';
import {
  FAULTLINE_DEPTH,
  FAULTLINE_RUN_ID,
  FAULTLINE_TRANSPORT,
  GEN_AI_AGENT_NAME,
  GEN_AI_CONVERSATION_ID,
} from './semconv.ts';

export type { User } from './scope.ts';

/** What every span made inside a run says about the run. */
export interface RunContext {
  readonly agent?: string;
  readonly runId?: string;
  /** 0 for the agent that was called, 1 for an agent it called, and so on. */
  readonly depth?: number;
  /** An id the application knows the conversation by; never invented here. */
  readonly conversationId?: string;
  readonly transport?: string;
  readonly user?: User;
  /** Decides for this run which content is recorded, over what `setupTracing` was told. */
  readonly captureContent?: CaptureContent;
}

/**
 * A run context on its way through the asynchronous call tree, with what the spans inside it need.
 *
 * @internal
 */
export interface RunFrame {
  readonly run: RunContext;
  readonly said: SaidOfRun;
  readonly scope: Scope;
  /** Present inside an agent span. */
  readonly agent?: AgentFrame;
  /** What may leave of the content of the run. */
  readonly content: ContentPolicy;
}

/**
 * What the spans of a run say of it: its names and ids without secrets.
 *
 * @internal
 */
export interface SaidOfRun {
  readonly agent?: string | undefined;
  readonly conversationId?: string | undefined;
  readonly runId?: string | undefined;
  readonly depth?: number | undefined;
  readonly transport?: string | undefined;
}

/**
 * The part of a frame that child spans write to.
 *
 * @internal
 */
export interface AgentFrame {
  readonly span: Span;
  readonly name: string;
  readonly totals: RunTotals;
  readonly signal: AbortSignal | undefined;
  /** The span of the agent that began the run: the one that was called by no other. */
  readonly outermost: Span;
  /** The scope the run began in, which has its steps. Absent in the frame of an older copy of this package. */
  readonly scope?: Scope;
  /** The model call that answered last: the parent of the tools it asked for. */
  lastChat?: SpanContext;
  /** The model call that was made last, for the tags of an Issue. */
  lastModel?: { readonly model: string; readonly provider: string };
  /** Failures of this run that wait for its end; absent once it has ended. */
  held: HeldFailure[] | undefined;
}

const FRAME_KEY = createContextKey('faultline.run');

/** The key of the active span. `createContextKey` answers the same key for the same name, in every copy of the API. */
const SPAN_KEY = createContextKey('OpenTelemetry Context Key SPAN');

/**
 * A context inside a run. A context of the API copies a map for every value that is set; the two values that
 * change all the time inside a run are fields here, so that a span that becomes active costs one small object.
 * What is set again replaces what was set before: nothing grows, however deep the calls go.
 */
class RunFrameContext implements Context {
  readonly #base: Context;
  readonly #frame: unknown;
  readonly #span: unknown;

  constructor(base: Context, frame: unknown, span: unknown) {
    this.#base = base;
    this.#frame = frame;
    this.#span = span;
  }

  getValue(key: symbol): unknown {
    if (key === SPAN_KEY) return this.#span;
    return key === FRAME_KEY ? this.#frame : this.#base.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    if (key === SPAN_KEY) return new RunFrameContext(this.#base, this.#frame, value);
    if (key === FRAME_KEY) return new RunFrameContext(this.#base, value, this.#span);
    return new RunFrameContext(this.#base.setValue(key, value), this.#frame, this.#span);
  }

  deleteValue(key: symbol): Context {
    if (key === SPAN_KEY || key === FRAME_KEY) return this.setValue(key, undefined);
    return new RunFrameContext(this.#base.deleteValue(key), this.#frame, this.#span);
  }
}

/**
 * Runs a function with more known about the run: every span of ours made inside it carries the values.
 * Values given here win over those of the surrounding context. Returns what `run` returns.
 */
export function withRunContext<T>(context: RunContext, run: () => T): T {
  const current = contextApi.active();
  const outer = frameOf(current);
  const frame = guard(() => frameWithin(outer, context)) ?? frameApart(outer);
  return contextApi.with(withFrame(current, frame), run);
}

function frameWithin(outer: RunFrame | undefined, context: RunContext): RunFrame {
  const run = runWithin(outer?.run, context);
  const scope = new Scope(scopeOf(outer));
  const { user } = context;
  if (user !== undefined) guard(() => scope.setUser(user));
  return createFrame(run, scope, contentOfRun(outer, context.captureContent), outer?.agent);
}

/** Names and ids of a run. */
const TEXTS = ['agent', 'runId', 'conversationId', 'transport'] as const;

function runWithin(outer: RunContext | undefined, context: RunContext): RunContext {
  const run: { -readonly [Key in keyof RunContext]: RunContext[Key] } = { ...outer, ...context };
  for (const name of TEXTS) {
    const given: unknown = run[name];
    if (given === undefined || typeof given === 'string') continue;
    const text = textOf(given) ?? outer?.[name];
    if (text === undefined) delete run[name];
    else run[name] = text;
  }
  return run;
}

/**
 * A frame for work that cannot be described: what is said inside stays inside, as in any other.
 *
 * @internal
 */
export function frameApart(
  outer: RunFrame | undefined,
  run: RunContext = outer?.run ?? {},
  content: ContentPolicy = contentPolicyOf(outer),
): RunFrame {
  return createFrame(run, new Scope(scopeOf(outer)), content, outer?.agent);
}

/** The run context of the code that is running now. */
export function getRunContext(): RunContext | undefined {
  return frameOf(contextApi.active())?.run;
}

/** @internal */
export function frameOf(context: Context): RunFrame | undefined {
  return context.getValue(FRAME_KEY) as RunFrame | undefined;
}

/** @internal */
export function withFrame(context: Context, frame: RunFrame): Context {
  return context instanceof RunFrameContext
    ? context.setValue(FRAME_KEY, frame)
    : new RunFrameContext(context, frame, trace.getSpan(context));
}

/** @internal */
export function createFrame(
  run: RunContext,
  scope: Scope,
  content: ContentPolicy,
  agent?: AgentFrame,
  said: SaidOfRun = saidOfRun(run, content.secretsRedactor),
): RunFrame {
  return agent === undefined ? { run, said, scope, content } : { run, said, scope, content, agent };
}

/**
 * Where a span inside a run, or outside of any, meets a failure.
 *
 * @internal
 */
export function failurePlace(span: SpanContext | undefined, agent: AgentFrame | undefined): FailurePlace {
  return { traceId: span?.traceId, run: agent?.outermost };
}

/**
 * Redacts once for a run what all of its spans say.
 *
 * @param ownRunId an id that was made here, in which there is nothing to look for
 * @internal
 */
export function saidOfRun(run: RunContext, { label }: Redactor, ownRunId?: string): SaidOfRun {
  const agent = run.agent && label(run.agent, GEN_AI_AGENT_NAME);
  const conversationId = run.conversationId && label(run.conversationId, GEN_AI_CONVERSATION_ID);
  const runId = run.runId === ownRunId ? ownRunId : run.runId && label(run.runId, FAULTLINE_RUN_ID);
  const transport = run.transport && label(run.transport, FAULTLINE_TRANSPORT);
  const isSame =
    agent === run.agent && conversationId === run.conversationId && runId === run.runId && transport === run.transport;
  return isSame ? run : { agent, conversationId, runId, depth: run.depth, transport };
}

/**
 * What may leave of the content of the work a frame is around.
 *
 * @internal
 */
export function contentPolicyOf(frame: RunFrame | undefined): ContentPolicy {
  return frame?.content ?? active().content;
}

/**
 * The policy of a run that may decide for itself on content.
 *
 * @internal
 */
export function contentOfRun(outer: RunFrame | undefined, captureContent: CaptureContent | undefined): ContentPolicy {
  const content = contentPolicyOf(outer);
  return captureContent === undefined ? content : overridePolicy(content, captureContent);
}

/**
 * A fresh object with what every span of a run says, for the span to add its own to. Adding is what V8 does
 * fastest here: merging objects takes several times as long, and on Node 20 each name that is added to a spread
 * copy takes 0.4 µs.
 *
 * @internal
 */
export function runAttributes(said: SaidOfRun | undefined): Attributes {
  const attributes: Attributes = {};
  if (said === undefined) return attributes;
  if (said.agent !== undefined) attributes[GEN_AI_AGENT_NAME] = said.agent;
  if (said.conversationId !== undefined) attributes[GEN_AI_CONVERSATION_ID] = said.conversationId;
  if (said.runId !== undefined) attributes[FAULTLINE_RUN_ID] = said.runId;
  if (said.depth !== undefined) attributes[FAULTLINE_DEPTH] = said.depth;
  if (said.transport !== undefined) attributes[FAULTLINE_TRANSPORT] = said.transport;
  return attributes;
}

/** What is said outside of any run holds for the whole process. */
const processScope = new Scope();

/** @internal */
export function scopeOf(frame: RunFrame | undefined): Scope {
  return frame?.scope ?? processScope;
}

/**
 * Says whom the current work is for; `null` takes it back. Inside a run it holds for the run, outside for
 * the process. E-mail, name and address leave the process only with `SENTRY_SEND_DEFAULT_PII=true`.
 */
export function setUser(user: User | null): void {
  guard(() => currentScope()?.setUser(user));
}

/** Sets a tag on the spans that start from now on, and on Issues. */
export function setTag(name: string, value: string | number | boolean): void {
  guard(() => currentScope()?.setTag(name, value));
}

/** Adds a block of facts to Issues; `null` empties it. It is sent without secrets: give it nothing else that must stay. */
export function setContext(name: string, context: Readonly<Record<string, unknown>> | null): void {
  guard(() => currentScope()?.setContext(name, context));
}

/** Adds a step to what an Issue tells of the way to a failure. The newest hundred of a run are kept. */
export function addBreadcrumb(breadcrumb: Omit<Breadcrumb, 'timestampMs'>): void {
  if (active().issues === undefined) return;
  guard(() => currentScope()?.addBreadcrumb(readableBreadcrumb({ timestampMs: Date.now(), ...breadcrumb })));
}

/** With a category and a message that are texts, whatever was given for them: one with others would be left out. */
function readableBreadcrumb(given: DatedBreadcrumb): DatedBreadcrumb {
  const { category, message: said, ...others } = given;
  if (typeof category === 'string' && (said === undefined || typeof said === 'string')) return given;
  const readable = { ...others, category: textOf(category) ?? 'default' };
  const message = textOf(said);
  return message === undefined ? readable : { ...readable, message };
}

/**
 * The same for what begins with whatever comes next, and has its time: nobody asks the clock for it.
 *
 * @internal
 */
export function addBeginning(breadcrumb: Omit<Beginning, 'timestampMs'>): void {
  if (active().issues === undefined) return;
  guard(() => currentScope()?.addBreadcrumb({ timestampMs: undefined, ...breadcrumb }));
}

/** The scope of the code that is running now. Without tracing nothing is kept, so that nothing can pile up. */
function currentScope(): Scope | undefined {
  const frame = frameOf(contextApi.active());
  return frame === undefined && !isSetUp() ? undefined : scopeOf(frame);
}

/** Request headers as Node, Fetch or a plain object gives them. */
export type IncomingHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Runs a function as part of the caller's trace. Reads `traceparent` and `baggage` through the registered
 * propagator, and `sentry-trace` when there is no valid `traceparent`, because a Sentry browser SDK sends
 * only that one unless told otherwise. Headers that hold no trace change nothing.
 */
export function continueTrace<T>(headers: IncomingHeaders, run: () => T): T {
  return contextApi.with(guard(() => callersContext(headers)) ?? contextApi.active(), run);
}

function callersContext(headers: IncomingHeaders): Context {
  const carrier = readHeaders(headers);
  const extracted = propagation.extract(contextApi.active(), carrier);
  const remote = trace.getSpanContext(extracted);
  const fallback = remote?.isRemote === true ? undefined : parseSentryTrace(carrier['sentry-trace']);
  return fallback === undefined ? extracted : trace.setSpanContext(extracted, fallback);
}

/**
 * The headers that let another service continue the current trace: `traceparent`, `baggage` and
 * `sentry-trace` (a Sentry SDK continues from nothing else). Empty outside a span.
 */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(contextApi.active(), headers);
  const current = trace.getSpanContext(contextApi.active());
  if (current !== undefined && trace.isSpanContextValid(current)) {
    const sampled = (current.traceFlags & TraceFlags.SAMPLED) === 0 ? '0' : '1';
    headers['sentry-trace'] = `${current.traceId}-${current.spanId}-${sampled}`;
  }
  return headers;
}

/** Grammar of `sentry-trace`: trace id, span id and, optionally, the sampling decision. */
const SENTRY_TRACE = /^\s*([0-9a-f]{32})-([0-9a-f]{16})(?:-([01]))?\s*$/i;

function parseSentryTrace(header: string | undefined): SpanContext | undefined {
  const match = header === undefined ? null : SENTRY_TRACE.exec(header);
  if (match === null) return undefined;
  const context: SpanContext = {
    traceId: match[1]!.toLowerCase(),
    spanId: match[2]!.toLowerCase(),
    // Without a decision the caller leaves it to us, and agents are traced.
    traceFlags: match[3] === '0' ? TraceFlags.NONE : TraceFlags.SAMPLED,
    isRemote: true,
  };
  return trace.isSpanContextValid(context) ? context : undefined;
}

function readHeaders(headers: IncomingHeaders): Record<string, string> {
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers);
  const carrier: Record<string, string> = {};
  for (const [name, value] of entries) {
    if (value !== undefined) carrier[name.toLowerCase()] = typeof value === 'string' ? value : value.join(',');
  }
  return carrier;
}
