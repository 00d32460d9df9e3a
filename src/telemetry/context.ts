import {
  context as contextApi,
  createContextKey,
  INVALID_TRACEID,
  trace,
  type Attributes,
  type Context,
  type SpanContext,
} from '@opentelemetry/api';

import { active } from './active.ts';
import { textOf } from './attributes/text.ts';
import { defined } from './config/records.ts';
import { overridePolicy, type CaptureContent, type ContentPolicy } from './content/policy.ts';
import type { Redactor } from './content/redactor.ts';
import { scopeOf } from './current-scope.ts';
import { guard } from './guard.ts';
import type { FailurePlace } from './recorded-failures.ts';
import {
  FRAME_KEY,
  frameOf,
  isOver,
  rootOf,
  type AgentFrame,
  type RunContext,
  type RunFrame,
  type SaidOfRun,
} from './run-frame.ts';
import { Scope } from './scope.ts';
import {
  FAULTLINE_DEPTH,
  FAULTLINE_RUN_ID,
  FAULTLINE_TRANSPORT,
  GEN_AI_AGENT_NAME,
  GEN_AI_CONVERSATION_ID,
} from './semconv.ts';

export type { RunContext } from './run-frame.ts';
export type { User } from './scope.ts';

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
    return this.setValue(key, undefined);
  }
}

/**
 * Runs a function with more known about the run: every span the helpers make inside it carries the values.
 * Values given here win over those of the surrounding context; what is `undefined` is not given. Returns what `run`
 * returns.
 *
 * What is said inside, by `setUser` and the like, stays inside: call it with `{}` around each request.
 */
export function withRunContext<T>(context: RunContext, run: () => T): T {
  const current = contextApi.active();
  const outer = frameOf(current);
  const frame = guard(() => frameWithin(outer, context)) ?? frameApart(outer);
  return contextApi.with(withFrame(current, frame), run);
}

function frameWithin(outer: RunFrame | undefined, context: RunContext): RunFrame {
  const run = runWithin(outer?.run, context);
  const scope = scopeWithin(outer);
  const { user } = context;
  if (user !== undefined) guard(() => scope.setUser(user));
  return createFrame(run, scope, contentOfRun(outer, context.captureContent), outer?.agent);
}

/** Names and ids of a run. */
const TEXTS = ['agent', 'runId', 'conversationId', 'transport'] as const;

function runWithin(outer: RunContext | undefined, context: RunContext): RunContext {
  const run: { -readonly [Key in keyof RunContext]: RunContext[Key] } = { ...outer, ...defined(context) };
  for (const name of TEXTS) {
    const text = textOf(run[name]) ?? outer?.[name];
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
  return createFrame(run, scopeWithin(outer), content, outer?.agent);
}

function scopeWithin(outer: RunFrame | undefined): Scope {
  const isInRun = outer?.agent !== undefined && !isOver(outer.agent);
  return isInRun ? new Scope(outer.scope) : Scope.outsideOfRuns(scopeOf(outer));
}

/**
 * The id for a run that begins here: the one that is known around it, unless a run that has ended gave it to itself.
 *
 * @internal
 */
export function runIdAround(outer = frameOf(contextApi.active())): string | undefined {
  const runId = outer?.run.runId;
  return outer?.agent !== undefined && isOver(outer.agent) && runId === outer.agent.runId ? undefined : runId;
}

/** What is known of the run the code that is running now is part of. `undefined` outside of any. */
export function getRunContext(): RunContext | undefined {
  return frameOf(contextApi.active())?.run;
}

/** @internal */
export function withFrame(context: Context, frame: RunFrame): Context {
  return frameOf(context) === undefined && isOfTheApi(context)
    ? new RunFrameContext(context, frame, trace.getSpan(context))
    : context.setValue(FRAME_KEY, frame);
}

/** One of somebody else's class holds more than values, such as the transaction of New Relic, and has to stay one. */
function isOfTheApi(context: Context): boolean {
  return '_currentContext' in context;
}

/** @internal */
export function createFrame(
  run: RunContext,
  scope: Scope,
  content: ContentPolicy,
  agent?: AgentFrame,
  said: SaidOfRun = saidOfRun(run, content.secretsRedactor),
): RunFrame {
  return { run, said, scope, content, agent };
}

/**
 * Where a span inside a run, or outside of any, meets a failure.
 *
 * @internal
 */
export function failurePlace(span: SpanContext | undefined, agent: AgentFrame | undefined): FailurePlace {
  const traceId = span?.traceId;
  return { traceId: traceId === INVALID_TRACEID ? undefined : traceId, run: agent && rootOf(agent).span };
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
