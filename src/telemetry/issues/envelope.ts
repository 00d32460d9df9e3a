import { VERSION } from '../config/version.ts';
import { guard } from '../guard.ts';
import { SCOPE_NAME } from '../semconv.ts';
import { safeJson } from './safe-json.ts';
import type { SentryEvent, SentryException } from './sentry-event.ts';

/** An event as it is sent, which nobody can change any more. */
export interface EncodedEvent {
  /** Absent when `beforeSend` has spoilt it; Sentry gives such an event an id of its own. */
  readonly eventId?: string;
  /** JSON, at most {@link MAX_EVENT_BYTES} of it. */
  readonly payload: Buffer;
}

/**
 * Largest event Sentry takes.
 *
 * @see https://develop.sentry.dev/sdk/data-model/envelopes/#size-limits
 */
export const MAX_EVENT_BYTES: number = 1024 * 1024;
const KEPT_BREADCRUMBS = 10;
const KEPT_FRAMES = 10;
const KEPT_EXCEPTIONS = 10;
const KEPT_TEXT_LENGTH = 1_000;
const OWN_CONTEXTS: ReadonlySet<string> = new Set(['trace', 'faultline', 'runtime', 'os', 'app']);

/**
 * Writes an event as JSON. One that is too large for Sentry loses breadcrumbs first, then the contexts of
 * the application, of which Sentry keeps a few kilobytes anyway, then frames of its stacks, then all but the error;
 * `contexts.faultline.shortened` says what. Never throws.
 */
export function encodeEvent(event: SentryEvent): EncodedEvent {
  const payload = payloadOf(event);
  const eventId = guard(() => event.event_id);
  return typeof eventId === 'string' && /^[0-9a-f]{32}$/.test(eventId) ? { eventId, payload } : { payload };
}

/** The envelope of one event, which is a line of headers, a line of headers for the event, and the event. */
export function createEnvelope({ eventId, payload }: EncodedEvent, sentAt: Date): Uint8Array {
  // The time of sending, not of the event: Sentry takes the difference to its own clock off every time in it.
  const headers = { event_id: eventId, sent_at: sentAt.toISOString(), sdk: { name: SCOPE_NAME, version: VERSION } };
  const itemHeaders = { type: 'event', content_type: 'application/json', length: payload.length };
  return Buffer.concat([Buffer.from(`${JSON.stringify(headers)}\n${JSON.stringify(itemHeaders)}\n`), payload, NEWLINE]);
}

const NEWLINE = Buffer.from('\n');

function payloadOf(event: SentryEvent): Buffer {
  const text = safeJson(event);
  const whole = Buffer.from(text);
  if (whole.length <= MAX_EVENT_BYTES) return whole;
  // From here on nothing in it can throw, or take long to be written.
  const plain = JSON.parse(text) as SentryEvent;
  return guard(() => shorten(plain)) ?? Buffer.from(JSON.stringify(essence(plain)));
}

/** Takes ever more away, and stops when it is enough. */
function shorten(event: SentryEvent): Buffer | undefined {
  let shorter = event;
  const lost = new Set<string>();
  for (const { part, without } of SHORTENINGS) {
    lost.add(part);
    shorter = without(shorter);
    const payload = Buffer.from(JSON.stringify(withMarker(shorter, [...lost])));
    if (payload.length <= MAX_EVENT_BYTES) return payload;
  }
  return undefined;
}

interface Shortening {
  readonly part: string;
  readonly without: (event: SentryEvent) => SentryEvent;
}

const SHORTENINGS: readonly Shortening[] = [
  { part: 'breadcrumbs', without: (event) => withBreadcrumbs(event, KEPT_BREADCRUMBS) },
  { part: 'breadcrumbs', without: (event) => withBreadcrumbs(event, 0) },
  { part: 'contexts', without: withOwnContexts },
  { part: 'frames', without: (event) => withFrames(event, KEPT_FRAMES) },
  { part: 'frames', without: (event) => withFrames(event, 0) },
];

/** With the newest breadcrumbs only. */
function withBreadcrumbs({ breadcrumbs, ...event }: SentryEvent, kept: number): SentryEvent {
  if (breadcrumbs === undefined || kept === 0) return event;
  return { ...event, breadcrumbs: { values: breadcrumbs.values.slice(-kept) } };
}

/** With the contexts only that every event has. */
function withOwnContexts(event: SentryEvent): SentryEvent {
  const own = Object.entries(event.contexts).filter(([name]) => OWN_CONTEXTS.has(name));
  return { ...event, contexts: Object.fromEntries(own) };
}

/** With the innermost calls of each stack only, which come last. */
function withFrames(event: SentryEvent, kept: number): SentryEvent {
  if (event.exception === undefined) return event;
  const values = event.exception.values.map(({ stacktrace, ...exception }) =>
    stacktrace === undefined || kept === 0
      ? exception
      : { ...exception, stacktrace: { ...stacktrace, frames: stacktrace.frames.slice(-kept) } },
  );
  return { ...event, exception: { values } };
}

function withMarker(event: SentryEvent, shortened: readonly string[]): SentryEvent {
  return { ...event, contexts: { ...event.contexts, faultline: { ...event.contexts['faultline'], shortened } } };
}

/** What must arrive of an event at the least: what happened, where, and in which span. */
function essence(event: SentryEvent): Record<string, unknown> {
  const { trace } = guard(() => event.contexts) ?? {};
  return {
    event_id: cutText(guard(() => event.event_id)),
    timestamp: guard(() => (typeof event.timestamp === 'number' ? event.timestamp : undefined)),
    platform: 'node',
    level: cutText(guard(() => event.level)),
    logger: SCOPE_NAME,
    environment: cutText(guard(() => event.environment)),
    release: cutText(guard(() => event.release)),
    transaction: cutText(guard(() => event.transaction)),
    fingerprint: guard(() => event.fingerprint.slice(0, KEPT_EXCEPTIONS).map(cutText)),
    exception: guard(() => ({ values: event.exception!.values.slice(-KEPT_EXCEPTIONS).map(essentialException) })),
    logentry: guard(() => ({ formatted: cutText(event.logentry!.formatted) })),
    contexts: {
      trace: guard(() => Object.fromEntries(TRACE_FIELDS.map((field) => [field, cutText(trace?.[field])]))),
      faultline: { shortened: ['everything but the error'] },
    },
    sdk: { name: SCOPE_NAME, version: VERSION },
  };
}

const TRACE_FIELDS = ['trace_id', 'span_id', 'parent_span_id', 'op', 'status'] as const;

function essentialException({ type, value, mechanism }: SentryException): Record<string, unknown> {
  return {
    type: cutText(type),
    value: cutText(value),
    mechanism: { type: cutText(guard(() => mechanism.type)), handled: flag(guard(() => mechanism.handled)) },
  };
}

function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function cutText(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, KEPT_TEXT_LENGTH).toWellFormed() : undefined;
}
