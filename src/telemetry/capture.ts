import {
  context as contextApi,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  trace,
  type Attributes,
  type Span,
  type SpanContext,
} from '@opentelemetry/api';

import { active, type HeldFailure } from './active.ts';
import { textOf } from './attributes/text.ts';
import { defined } from './config/records.ts';
import { contentPolicyOf, failurePlace } from './context.ts';
import { scopeOf } from './current-scope.ts';
import { frameOf, rootOf, type AgentFrame, type NamedModel, type RunFrame } from './run-frame.ts';
import { levelOf, type Captured, type CapturedFailure, type Level } from './captured.ts';
import { isRecoverable, type FailurePoint } from './failure-points.ts';
import { isError, linkedErrors, originalsOf, toldWith } from './linked-errors.ts';
import { guard } from './guard.ts';
import { knownContent } from './known-content.ts';
import { Scope, type User } from './scope.ts';
import {
  isObject,
  recordedAnywhere,
  recordedFailure,
  rememberFailure,
  type FailurePlace,
  type RecordedFailure,
} from './recorded-failures.ts';
import {
  FAULTLINE_RUN_ID,
  FAULTLINE_TRANSPORT,
  GEN_AI_AGENT_NAME,
  GEN_AI_CONVERSATION_ID,
  GEN_AI_MEMORY_STORE_ID,
  GEN_AI_PROVIDER_NAME,
  GEN_AI_REQUEST_MODEL,
  GEN_AI_TOOL_NAME,
  SENTRY_OP,
} from './semconv.ts';
import { acrossCopies } from './across-copies.ts';
import { wallClock } from './wall-clock.ts';

/**
 * The span and the run something happened in.
 *
 * @internal
 */
interface Site {
  readonly span: SpanContext | undefined;
  readonly parentSpanId?: string | undefined;
  readonly op?: string | undefined;
  readonly transaction?: string | undefined;
  readonly frame: RunFrame | undefined;
  /** What is said of it, when that is more than what is said of its run. */
  readonly scope?: Scope | undefined;
}

/**
 * Where a failure happened, as its span knows it.
 *
 * @internal
 */
export interface FailureSite extends Site {
  readonly tags: Readonly<Record<string, string>>;
}

/** A failure as its span says it. */
interface SaidFailure {
  readonly error: unknown;
  readonly message: string;
  readonly point: FailurePoint;
}

/** The tags that say what attributes of the conventions say. */
const TAGS: Readonly<Record<string, string>> = {
  [GEN_AI_AGENT_NAME]: 'agent',
  [GEN_AI_CONVERSATION_ID]: 'conversation_id',
  [FAULTLINE_RUN_ID]: 'run_id',
  [FAULTLINE_TRANSPORT]: 'transport',
  [GEN_AI_REQUEST_MODEL]: 'model',
  [GEN_AI_PROVIDER_NAME]: 'provider',
  [GEN_AI_TOOL_NAME]: 'tool',
  [GEN_AI_MEMORY_STORE_ID]: 'memory_store',
};

/** Tags from attributes of a span, for a failure of which the application tells by itself. */
export function tagsFrom(attributes: Attributes): Readonly<Record<string, string>> {
  const known = Object.entries(attributes).filter(([name, value]) => Object.hasOwn(TAGS, name) && value !== undefined);
  return Object.fromEntries(known.map(([name, value]) => [TAGS[name]!, String(value)]));
}

/**
 * What is known of a span that somebody else has started: the API tells its ids, the SDK more while it is sampled.
 *
 * @param usualOp what is taken for its op when it does not say
 * @internal
 */
export function spanSite(span: Span, usualOp?: string): Pick<Site, 'span' | 'parentSpanId' | 'op'> {
  const { attributes, parentSpanContext } = span as Span & {
    readonly attributes?: Attributes;
    readonly parentSpanContext?: SpanContext;
  };
  const op = attributes?.[SENTRY_OP];
  return {
    span: span.spanContext(),
    parentSpanId: parentSpanContext?.spanId,
    op: typeof op === 'string' ? op : usualOp,
  };
}

/** The models whose calls have failed, by what they failed with, each with the run it was in. */
const failedModels = acrossCopies(
  'failed-models',
  () => new WeakMap<object, NamedModel & { readonly run: Span | undefined }>(),
);

/**
 * Remembers for the tags of an Issue whose call has failed: others may be asked at the same time.
 *
 * @internal
 */
export function rememberModel(error: unknown, { model, provider }: NamedModel, within: AgentFrame | undefined): void {
  if (isObject(error)) failedModels.set(error, { model, provider, run: within && rootOf(within).span });
}

/** The model an error is about: the one that failed with it, else the one that was asked last. */
function modelOf(error: unknown, agent: AgentFrame | undefined): NamedModel | undefined {
  const failed = isObject(error) ? failedModels.get(error) : undefined;
  return failed !== undefined && failed.run === (agent && rootOf(agent).span) ? failed : agent?.lastModel;
}

/** Everything that is known of a failure at the moment it happens. Assumes that a run recovers where it can. */
function captureFailure({ error, message, point }: SaidFailure, site: FailureSite): CapturedFailure {
  const handled = isRecoverable(point);
  const agent = site.frame?.agent;
  return {
    ...surroundings(site, error, 'internal_error', { ...site.tags, 'failure.point': point }),
    error,
    ...(isObject(error) ? undefined : { safeMessage: message }),
    point,
    handled,
    level: handled ? 'warning' : 'error',
    mechanism: `faultline.${point}`,
    ...(agent === undefined ? undefined : { run: rootOf(agent).span.spanContext().spanId }),
  };
}

/**
 * Hands a failure over to become an Issue, when its run has ended and says whether it went on.
 *
 * @param run absent where there is nothing to wait for
 * @internal
 */
export function reportFailure(said: SaidFailure, run: AgentFrame | undefined, site: () => FailureSite): void {
  const { issues } = active();
  if (issues === undefined) return;
  const failure = captureFailure(said, site());
  if (run?.held === undefined) issues.capture(failure);
  else holdFailures(run.held, [issues.hold(failure)]);
}

/**
 * Adds failures to those that wait for the end of a run. Those that are over are let go of whenever there are twice as
 * many: a run may last as long as the process.
 */
export function holdFailures(held: HeldFailure[], failures: readonly HeldFailure[]): void {
  const before = held.length;
  held.push(...failures);
  const areTwiceAsMany = Math.clz32(held.length) < Math.clz32(before);
  if (!areTwiceAsMany) return;
  const waiting = held.filter(({ isOver }) => !isOver);
  held.length = 0;
  for (const one of waiting) held.push(one);
}

/**
 * Decides the failures of a run that has ended. The one that ended it was not handled; those its Issue tells of,
 * as causes and members, have none of their own; the run went on from all others.
 *
 * @param place where the run ended
 */
export function decideFailures(
  held: readonly HeldFailure[],
  end: { readonly value: unknown } | undefined,
  place: FailurePlace,
): void {
  if (held.length === 0) return;
  const ending = held.filter(({ failure }) => end !== undefined && Object.is(end.value, failure.error));
  // Its Issue is one that is held, or one that the application has captured.
  const isCaptured = end !== undefined && recordedFailure(end.value, place)?.isCaptured === true;
  const told = isCaptured || ending.some(({ isIssue }) => isIssue) ? toldWith(end?.value) : new Set();
  // Of a value without identity that was thrown several times, the last one.
  const ended = new Set(isObject(end?.value) ? ending : ending.slice(-1));
  for (const one of held) {
    const { failure, decide } = one;
    if (ended.has(one)) {
      decide({ ...failure, handled: false, level: 'error' });
    } else if (told.has(failure.error)) {
      decide('dropped');
    } else {
      decide({ ...failure, handled: true });
    }
  }
}

/** What an application says of something it captures by itself, and of nothing else. */
export interface CaptureContext {
  /** Default: `error`, and `info` for a message. */
  readonly level?: Level | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** By the rules of `setUser`. */
  readonly user?: User | undefined;
  /** By the rules of `setContext`, each in place of what was set by its name. */
  readonly contexts?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
  /** The context named `extra`. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
  /** What the Issue is grouped by. Sentry puts its own grouping in place of `{{ default }}`. */
  readonly fingerprint?: readonly string[] | undefined;
}

/**
 * Sends an error that the application has caught as an Issue, linked to the active span. An error that is
 * sent already is not sent again. Does nothing without a DSN, and never throws.
 */
export function captureException(error: unknown, context: CaptureContext = {}): void {
  const { issues } = active();
  if (issues === undefined) return;
  guard(() => {
    const failure = captureHere(error, { level: 'error', handled: true, mechanism: 'generic' }, context);
    if (failure !== undefined) issues.capture(failure);
  });
}

/**
 * An error as it is captured where the code is that runs now; undefined when it is an Issue already. An object is
 * remembered as it was read first; a thrown value that is none has to bring what may be said of it along.
 *
 * @internal
 */
export function captureHere(
  error: unknown,
  how: Pick<CapturedFailure, 'level' | 'handled' | 'mechanism'>,
  context: CaptureContext | null = {},
): CapturedFailure | undefined {
  const here = contextApi.active();
  const frame = frameOf(here);
  const place = failurePlace(trace.getSpanContext(here), frame?.agent);
  const knownOf = (thrown: unknown): RecordedFailure | undefined =>
    place.run === undefined ? recordedAnywhere(thrown) : recordedFailure(thrown, place);
  const known = knownOf(error);
  const isIssueAs = (thrown: unknown): boolean => isIssue(knownOf(thrown), how.handled);
  if (isIssueAs(error) || originalsOf(error).some(isIssueAs)) return undefined;
  const [itself] = linkedErrors(error, contentPolicyOf(frame), knownContent(here));
  const { message } = known ?? itself!;
  // A value without identity is captured as often as somebody asks for it.
  if (isObject(error)) {
    const isOnSpan = known?.isOnSpan === true;
    rememberFailure(error, place, { ...known, message, isOnSpan, isCaptured: true, isSurvived: false });
  }
  return {
    ...surroundingsHere(error, 'internal_error', context),
    ...how,
    ...levelIn(context),
    error,
    ...(isObject(error) ? undefined : { safeMessage: message }),
  };
}

function isIssue(known: RecordedFailure | undefined, isHandled: boolean): boolean {
  if (known?.isCaptured === true) return true;
  // That a run has gone on from it is told; that it ends the process now is not.
  return known?.point !== undefined && (isHandled || !known.isSurvived);
}

/**
 * Sends a sentence as an Issue, linked to the active span. Does nothing without a DSN, and never throws. An error in
 * its place is captured as one.
 *
 * @param levelOrContext default `info`, which is also what any level that is none becomes. Where a Sentry SDK takes
 *   the context, it may stand here too, and then there is no third argument
 */
export function captureMessage(
  message: string,
  levelOrContext?: Level | CaptureContext,
  context: CaptureContext = {},
): void {
  const { issues } = active();
  if (issues === undefined) return;
  guard(() => {
    const given = isObject(levelOrContext) ? levelOrContext : context;
    const level = levelOf(levelOrContext);
    if (isError(message)) {
      return captureException(message, level === undefined ? given : { ...given, level, ...levelIn(given) });
    }
    issues.capture({
      ...surroundingsHere(undefined, undefined, given),
      level: level ?? 'info',
      ...levelIn(given),
      message: sentenceOf(message),
    });
  });
}

/** A message as a text. Of what is none only its type is said: it may hold anything. */
function sentenceOf(message: unknown): string {
  const type = message === null ? 'null' : typeof message;
  return textOf(message) ?? `captureMessage was given no text but a value of the type ${type}`;
}

function levelIn(context: CaptureContext | null): { readonly level?: Level } {
  const level = levelOf(guard(() => context?.level));
  return level === undefined ? {} : { level };
}

function surroundingsHere(error: unknown, status: SpanStatus, context: CaptureContext | null): Omit<Captured, 'level'> {
  const here = contextApi.active();
  const frame = frameOf(here);
  const span = trace.getSpan(here);
  const site = span === undefined ? { span } : spanSite(span);
  const tags = guard(() => ({ ...context?.tags }));
  const scope = scopeWith(context, frame);
  const fingerprint = guard(() => fingerprintOf(context));
  return {
    ...surroundings({ ...site, frame, scope, transaction: frame?.agent?.name }, error, status, tags),
    ...(fingerprint === undefined ? undefined : { fingerprint }),
  };
}

/** What is said of one thing that is captured, by the rules of what is said of a run. */
function scopeWith(context: CaptureContext | null, frame: RunFrame | undefined): Scope | undefined {
  // Each by itself: what cannot be read takes nothing else along.
  const user = guard(() => context?.user);
  const contexts = guard(() => context?.contexts);
  const extra = guard(() => context?.extra);
  if (user === undefined && contexts === undefined && extra === undefined) return undefined;
  const scope = new Scope(scopeOf(frame));
  if (isObject(user)) guard(() => scope.setUser(user));
  if (isObject(contexts)) {
    for (const name of guard(() => Object.keys(contexts)) ?? []) {
      guard(() => scope.setContext(name, contexts[name]!));
    }
  }
  if (isObject(extra)) scope.setContext('extra', extra);
  return scope;
}

function fingerprintOf(context: CaptureContext | null): readonly string[] | undefined {
  const given: unknown = context?.fingerprint;
  const texts = Array.isArray(given) ? given.map(textOf).filter((text) => text !== undefined) : [];
  return texts.length === 0 ? undefined : texts;
}

/** What an Issue says of the state of its span, when that is one of a failure. */
type SpanStatus = 'internal_error' | undefined;

/** What is known of the place: its span, its run, its scope. */
function surroundings(
  { span = INVALID_SPAN_CONTEXT, parentSpanId, op, transaction, frame, scope: own }: Site,
  error: unknown,
  status: SpanStatus,
  tags: Readonly<Record<string, string>> = {},
): Omit<Captured, 'level'> {
  const scope = (own ?? scopeOf(frame)).read();
  const { traceId, spanId } = span;
  const where = isSpanContextValid(span) ? defined({ traceId, spanId, parentSpanId, op, status }) : undefined;
  return {
    ...scope,
    occurredAtMs: wallClock(),
    policy: contentPolicyOf(frame),
    tags: { ...scope.tags, ...runTags(frame, error), ...tags },
    ...defined({ transaction, trace: where }),
  };
}

function runTags(frame: RunFrame | undefined, error: unknown): Record<string, string> {
  const { agent, runId: run_id, conversationId: conversation_id, transport } = frame?.run ?? {};
  const { model, provider } = modelOf(error, frame?.agent) ?? {};
  return defined({ agent, run_id, conversation_id, transport, model, provider });
}
