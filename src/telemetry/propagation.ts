import {
  context as contextApi,
  propagation,
  trace,
  TraceFlags,
  type Context,
  type SpanContext,
  type TraceState,
} from '@opentelemetry/api';

import { frameApart, withFrame } from './context.ts';
import { guard } from './guard.ts';
import { frameOf } from './run-frame.ts';
import { acrossCopies } from './across-copies.ts';

/**
 * Request headers as Node, Fetch or a plain object gives them, or those of a message of a queue or of MCP (`_meta`). Read
 * are texts, lists of texts, and texts as bytes, as Kafka has them; whatever else is there is passed over.
 */
export type IncomingHeaders = Headers | Readonly<Record<string, unknown>>;

/**
 * Runs a function as part of the caller's trace. Reads `traceparent` and `baggage` through the registered
 * propagator, and `sentry-trace` when there is no valid `traceparent`, because a Sentry browser SDK sends
 * only that one unless told otherwise. Headers that hold no trace leave the current one.
 *
 * What is said inside, by `setUser` and the like, stays inside, whether there is a trace or not.
 */
export function continueTrace<T>(headers: IncomingHeaders, run: () => T): T {
  const context = guard(() => callersContext(headers)) ?? contextApi.active();
  return contextApi.with(guard(() => withFrame(context, frameApart(frameOf(context)))) ?? context, run);
}

function callersContext(headers: IncomingHeaders): Context {
  const carrier = readHeaders(headers);
  const current = contextApi.active();
  // A trace that was continued around this one must not pass for the one the headers tell of.
  const apart = trace.deleteSpan(current);
  const extracted = guard(() => propagation.extract(apart, carrier)) ?? apart;
  const caller = callersSpan(trace.getSpanContext(extracted), parseSentryTrace(carrier['sentry-trace']));
  if (caller !== undefined) return trace.setSpanContext(extracted, caller);
  const span = trace.getSpan(current);
  return span === undefined ? extracted : trace.setSpan(extracted, span);
}

/**
 * The caller's span, as `traceparent` says, else `sentry-trace`. A Sentry SDK that traces nothing itself has made no
 * decision: it leaves that out of `sentry-trace`, but has to call the trace not sampled in `traceparent`.
 */
function callersSpan(stated: SpanContext | undefined, sentry: SentryTrace | undefined): SpanContext | undefined {
  const span = stated ?? sentry?.span;
  if (span === undefined || sentry?.isDecided !== false || sentry.span.traceId !== span.traceId) return span;
  return (span.traceFlags & TraceFlags.SAMPLED) === 0 ? leftToUs(span) : span;
}

/** Spans of callers that leave it to us whether their trace is sampled. */
const undecided = acrossCopies('undecided', () => new WeakSet<SpanContext>());

/**
 * A sampler that does not ask whether it was decided traces it, as agents are. That of a Sentry SDK, whose propagator
 * reads `sentry-trace`, knows, and has a rate of its own.
 */
function leftToUs(span: SpanContext): SpanContext {
  const isKnown = guard(() => propagation.fields().includes('sentry-trace')) === true;
  const left = isKnown ? { ...span } : { ...span, traceFlags: TraceFlags.SAMPLED };
  undecided.add(left);
  return left;
}

/**
 * Whether the caller has left it to us if the trace is sampled.
 *
 * @internal
 */
export function isLeftToUs(context: Context): boolean {
  const caller = trace.getSpanContext(context);
  return caller !== undefined && (undecided.has(caller) || isLeftToSentry(caller));
}

/**
 * Whether a Sentry SDK 10, which continues the traces of requests by itself, was left to decide. It calls such a trace
 * not sampled, as it has to, and says what was decided in a state of its own (`getSamplingDecision` of
 * `@sentry/opentelemetry`).
 */
function isLeftToSentry({ isRemote, traceFlags, traceState }: SpanContext): boolean {
  if (isRemote !== true || traceState === undefined || (traceFlags & TraceFlags.SAMPLED) !== 0) return false;
  const facts = traceState.get(SENTRY_FACTS);
  if (facts === undefined && !isEmptyOfSentry(traceState)) return false;
  return traceState.get('sentry.sampled_not_recording') !== '1' && facts?.includes('sentry-sampled=false') !== true;
}

const SENTRY_FACTS = 'sentry.dsc';

/**
 * Whether a state holds nothing, and is one in which Sentry says its decisions. A `tracestate` of which nothing is valid
 * makes an empty one as well, but no state after the W3C takes a name with a dot.
 */
function isEmptyOfSentry(state: TraceState): boolean {
  return state.serialize() === '' && state.set(SENTRY_FACTS, '-').get(SENTRY_FACTS) === '-';
}

/**
 * The headers that let another service continue the current trace: `traceparent`, `baggage` and
 * `sentry-trace` (a Sentry SDK continues from nothing else). Empty outside a span.
 */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  guard(() => propagation.inject(contextApi.active(), headers));
  const current = trace.getSpanContext(contextApi.active());
  if (current !== undefined && trace.isSpanContextValid(current)) {
    const sampled = (current.traceFlags & TraceFlags.SAMPLED) === 0 ? '0' : '1';
    headers['sentry-trace'] = `${current.traceId}-${current.spanId}-${sampled}`;
  }
  return headers;
}

/** Grammar of `sentry-trace`: trace id, span id and, optionally, the sampling decision. */
const SENTRY_TRACE = /^\s*([0-9a-f]{32})-([0-9a-f]{16})(?:-([01]))?\s*$/i;

interface SentryTrace {
  readonly span: SpanContext;
  /** Whether it says if the trace is sampled. */
  readonly isDecided: boolean;
}

function parseSentryTrace(header: string | undefined): SentryTrace | undefined {
  const match = header === undefined ? null : SENTRY_TRACE.exec(header);
  if (match === null) return undefined;
  const span: SpanContext = {
    traceId: match[1]!.toLowerCase(),
    spanId: match[2]!.toLowerCase(),
    traceFlags: match[3] === '1' ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
  };
  return trace.isSpanContextValid(span) ? { span, isDecided: match[3] !== undefined } : undefined;
}

function readHeaders(headers: IncomingHeaders): Record<string, string> {
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers);
  const carrier: Record<string, string> = {};
  for (const [name, value] of entries) {
    const text = headerText(value);
    if (text !== undefined) carrier[name.toLowerCase()] = text;
  }
  return carrier;
}

function headerText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return Array.isArray(value) ? value.flatMap((part) => headerText(part) ?? []).join(',') : undefined;
}
