import { context as contextApi, isSpanContextValid, trace, type SpanContext } from '@opentelemetry/api';

import { active, type HeldFailure } from './active.ts';
import { contentPolicyOf, frameOf, scopeOf, type RunFrame } from './context.ts';
import {
  isPartOf,
  linkedErrors,
  type Captured,
  type CapturedFailure,
  type FailurePoint,
  type Level,
} from './failure.ts';

/** Tags of an Issue that say what failed. */
export interface IssueTags {
  readonly model?: string;
  readonly provider?: string;
  readonly tool?: string;
  readonly memory_store?: string;
  readonly transport?: string;
}

/** The span and the run something happened in. */
interface Site {
  readonly span: SpanContext | undefined;
  readonly parentSpanId?: string | undefined;
  readonly op?: string;
  readonly transaction?: string | undefined;
  readonly frame: RunFrame | undefined;
}

/** A failure as the span it happened in knows it. */
export interface FailureSite extends Site {
  readonly error: unknown;
  /** Its message as the span says it. */
  readonly message: string;
  readonly point: FailurePoint;
  readonly tags?: IssueTags;
}

/** Points a run goes on from: the model is told, and may do without. */
const RECOVERABLE: ReadonlySet<FailurePoint> = new Set(['tool.execution', 'memory.search']);

/** Everything that is known of a failure at the moment it happens. Assumes that a run recovers where it can. */
export function captureFailure(site: FailureSite): CapturedFailure {
  const { error, point } = site;
  const handled = RECOVERABLE.has(point);
  return {
    ...surroundings(site, { ...site.tags, 'failure.point': point }),
    error,
    ...(typeof error === 'object' ? undefined : { safeMessage: site.message }),
    point,
    handled,
    level: handled ? 'warning' : 'error',
    mechanism: `faultline.${point}`,
  };
}

/**
 * Decides the failures of a run that has ended. The one that ended it was not handled; those that became a
 * cause of it are told in its Issue; the run went on from all others.
 */
export function decideFailures(held: readonly HeldFailure[], end: { readonly value: unknown } | undefined): void {
  for (const { failure, decide } of held) {
    if (end !== undefined && Object.is(end.value, failure.error)) {
      decide({ ...failure, handled: false, level: 'error' });
    } else if (end !== undefined && isPartOf(failure.error, end.value)) {
      decide('dropped');
    } else {
      decide({ ...failure, handled: true });
    }
  }
}

/** What an application says of something it captures by itself. */
export interface CaptureContext {
  readonly level?: Level;
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * Sends an error that the application has caught as an Issue, linked to the active span. An error that is
 * sent already is not sent again. Does nothing without a DSN, and never throws.
 */
export function captureException(error: unknown, context: CaptureContext = {}): void {
  const { issues } = active();
  if (issues === undefined) return;
  issues.capture({ ...captureHere(context, 'error'), ...safeReading(error), handled: true, mechanism: 'generic' });
}

/**
 * An error, read as far as it may be sent from here. An object is remembered as it was read first; a thrown value
 * that is none has to bring what may be said of it along.
 *
 * @internal
 */
export function safeReading(error: unknown): Pick<CapturedFailure, 'error' | 'safeMessage'> {
  const [itself] = linkedErrors(error, contentPolicyOf(frameOf(contextApi.active())));
  return typeof error === 'object' ? { error } : { error, safeMessage: itself!.message };
}

/** Sends a sentence as an Issue, linked to the active span. Does nothing without a DSN, and never throws. */
export function captureMessage(message: string, level: Level = 'info', context: CaptureContext = {}): void {
  active().issues?.capture({ ...captureHere({ level, ...context }, level), message });
}

function captureHere({ level, tags }: CaptureContext, defaultLevel: Level): Captured {
  const frame = frameOf(contextApi.active());
  const span = trace.getSpanContext(contextApi.active());
  return { ...surroundings({ span, frame, transaction: frame?.agent?.name }, tags), level: level ?? defaultLevel };
}

/** What is known of the place: its span, its run, its scope. */
function surroundings(
  { span, parentSpanId, op, transaction, frame }: Site,
  tags: Readonly<Record<string, string>> = {},
): Omit<Captured, 'level'> {
  const scope = scopeOf(frame).read();
  return {
    ...scope,
    occurredAtMs: Date.now(),
    policy: contentPolicyOf(frame),
    tags: { ...scope.tags, ...runTags(frame), ...tags },
    ...(transaction === undefined ? undefined : { transaction }),
    ...(span === undefined || !isSpanContextValid(span)
      ? undefined
      : {
          trace: {
            traceId: span.traceId,
            spanId: span.spanId,
            ...(parentSpanId === undefined ? undefined : { parentSpanId }),
            ...(op === undefined ? undefined : { op }),
            status: 'internal_error',
          },
        }),
  };
}

function runTags(frame: RunFrame | undefined): Record<string, string> {
  const tags: Record<string, string> = {};
  const { agent, runId, conversationId, transport } = frame?.run ?? {};
  if (agent !== undefined) tags['agent'] = agent;
  if (runId !== undefined) tags['run_id'] = runId;
  if (conversationId !== undefined) tags['conversation_id'] = conversationId;
  if (transport !== undefined) tags['transport'] = transport;
  return tags;
}
