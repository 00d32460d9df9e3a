import {
  createTraceState,
  isValidSpanId,
  isValidTraceId,
  SpanStatusCode,
  type HrTime,
  type Link,
  type SpanContext,
  type SpanKind,
  type SpanStatus,
} from '@opentelemetry/api';
import { hrTimeDuration, type InstrumentationScope } from '@opentelemetry/core';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-node';

import { attributesOf, recordAttributes, type AttributesRecord } from './attribute-record.ts';

/** A span context: trace id, span id, flags, whether it is remote when that is known, trace state. */
type ContextRecord = readonly [string, string, number, boolean | null, string | null];
type EventRecord = readonly [name: string, HrTime, AttributesRecord | null, dropped: number];
type LinkRecord = readonly [ContextRecord, AttributesRecord | null, dropped: number];

/** What a span is when it begins. Scope and resource stand for their records in the same file. */
type BegunRecord = readonly [
  context: ContextRecord,
  parent: ContextRecord | null,
  scope: number,
  resource: number,
  kind: SpanKind,
  name: string,
  startTime: HrTime,
  attributes: AttributesRecord,
  links: readonly LinkRecord[],
];

/** `["s",…]`: a span began. */
export type StartRecord = readonly ['s', ...BegunRecord];

/** `["e",…]`: a span ended. */
export type EndRecord = readonly [
  'e',
  ...BegunRecord,
  endTime: HrTime,
  status: readonly [SpanStatusCode, string?],
  events: readonly EventRecord[],
  droppedAttributes: number,
  droppedEvents: number,
  droppedLinks: number,
];

/** `["r",index,attributes,schemaUrl]`: a resource, said once per file. */
export type ResourceRecord = readonly ['r', number, AttributesRecord, string | null];

/** `["c",index,name,version,schemaUrl,attributes,dropped]`: a scope, said once per file. */
export type ScopeRecord = readonly [
  'c',
  number,
  string,
  string | null,
  string | null,
  AttributesRecord | null,
  number | null,
];

/** What the numbers of span records stand for. */
export interface Interned {
  readonly resources: readonly (Resource | undefined)[];
  readonly scopes: readonly (InstrumentationScope | undefined)[];
}

export function recordStart(span: ReadableSpan, scope: number, resource: number): StartRecord {
  return ['s', ...recordBegun(span, scope, resource)];
}

export function recordEnd(span: ReadableSpan, scope: number, resource: number): EndRecord {
  const { status, events } = span;
  return [
    'e',
    ...recordBegun(span, scope, resource),
    span.endTime,
    status.message === undefined ? [status.code] : [status.code, status.message],
    events.length === 0 ? NONE : events.map(recordEvent),
    span.droppedAttributesCount,
    span.droppedEventsCount,
    span.droppedLinksCount,
  ];
}

function recordBegun(span: ReadableSpan, scope: number, resource: number): BegunRecord {
  const { parentSpanContext, kind, name, startTime, attributes, links } = span;
  return [
    recordContext(span.spanContext()),
    parentSpanContext === undefined ? null : recordContext(parentSpanContext),
    scope,
    resource,
    kind,
    name,
    startTime,
    recordAttributes(attributes),
    links.length === 0 ? NONE : links.map(recordLink),
  ];
}

/** Most spans have no links and no events. */
const NONE: readonly never[] = [];

function recordContext({ traceId, spanId, traceFlags, isRemote, traceState }: SpanContext): ContextRecord {
  return [traceId, spanId, traceFlags, isRemote ?? null, traceState?.serialize() ?? null];
}

function recordEvent({ name, time, attributes, droppedAttributesCount }: TimedEvent): EventRecord {
  return [name, time, attributes === undefined ? null : recordAttributes(attributes), droppedAttributesCount ?? 0];
}

function recordLink({ context, attributes, droppedAttributesCount }: Link): LinkRecord {
  const recorded = attributes === undefined ? null : recordAttributes(attributes);
  return [recordContext(context), recorded, droppedAttributesCount ?? 0];
}

export function recordResource(index: number, resource: Resource): ResourceRecord {
  return ['r', index, recordAttributes(settledAttributes(resource)), resource.schemaUrl ?? null];
}

/** Asking a resource whose detectors are still at work for its attributes makes the SDK complain. */
function settledAttributes(resource: Resource): Resource['attributes'] {
  if (resource.asyncAttributesPending !== true) return resource.attributes;
  const settled = resource.getRawAttributes().filter(([, value]) => isSettled(value));
  // Of two values for one name the first counts, as in the SDK.
  return Object.fromEntries(settled.toReversed()) as Resource['attributes'];
}

function isSettled(value: unknown): boolean {
  return value !== undefined && (typeof value !== 'object' || Array.isArray(value));
}

export function recordScope(index: number, scope: ScopeWithAttributes): ScopeRecord {
  const { name, version, schemaUrl, attributes, droppedAttributesCount } = scope;
  const recorded = attributes === undefined ? null : recordAttributes(attributes);
  return ['c', index, name, version ?? null, schemaUrl ?? null, recorded, droppedAttributesCount ?? null];
}

/** OTLP's scopes have attributes. The SDK's have none yet; those of other SDKs do. */
type ScopeWithAttributes = InstrumentationScope & Partial<Pick<Link, 'attributes' | 'droppedAttributesCount'>>;

/** The key that a start and the end of the same span share. */
export function spanKey({ traceId, spanId }: SpanContext): string {
  return `${traceId}${spanId}`;
}

/** The same of a record. */
export function recordKey([, [traceId, spanId]]: StartRecord | EndRecord): string {
  return `${traceId}${spanId}`;
}

export function resourceOf([, , attributes, schemaUrl]: ResourceRecord): Resource {
  return resourceFromAttributes(attributesOf(attributes), schemaUrl === null ? {} : { schemaUrl });
}

export function scopeOf([, , name, version, schemaUrl, attributes, dropped]: ScopeRecord): InstrumentationScope {
  const scope: ScopeWithAttributes = {
    name,
    ...(version === null ? {} : { version }),
    ...(schemaUrl === null ? {} : { schemaUrl }),
    ...(attributes === null ? {} : { attributes: attributesOf(attributes) }),
    ...(dropped === null ? {} : { droppedAttributesCount: dropped }),
  };
  return scope;
}

/**
 * Reads a span back. What only its end tells is empty on a span that never ended. `undefined` when the file
 * does not say what its scope and its resource are.
 */
export function spanOf(record: StartRecord | EndRecord, { resources, scopes }: Interned): ReadableSpan | undefined {
  const [, context, parent, scope, resource, kind, name, startTime, attributes, links] = record;
  const instrumentationScope = scopes[scope];
  const spanResource = resources[resource];
  if (instrumentationScope === undefined || spanResource === undefined) return undefined;
  const spanContext = contextOf(context);
  return {
    name,
    kind,
    spanContext: () => spanContext,
    ...(parent === null ? {} : { parentSpanContext: contextOf(parent) }),
    startTime,
    attributes: attributesOf(attributes),
    links: links.map(linkOf),
    resource: spanResource,
    instrumentationScope,
    ...endOf(record),
  };
}

type End = Pick<
  ReadableSpan,
  | 'endTime'
  | 'duration'
  | 'ended'
  | 'status'
  | 'events'
  | 'droppedAttributesCount'
  | 'droppedEventsCount'
  | 'droppedLinksCount'
>;

const NO_END: End = {
  endTime: [0, 0],
  duration: [0, 0],
  ended: false,
  status: { code: SpanStatusCode.UNSET },
  events: [],
  droppedAttributesCount: 0,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
};

function endOf(record: StartRecord | EndRecord): End {
  if (record[0] === 's') return NO_END;
  const [, , , , , , , startTime, , , endTime, [code, message], events, attributes, droppedEvents, droppedLinks] =
    record;
  const status: SpanStatus = message === undefined ? { code } : { code, message };
  return {
    endTime,
    duration: hrTimeDuration(startTime, endTime),
    ended: true,
    status,
    events: events.map(eventOf),
    droppedAttributesCount: attributes,
    droppedEventsCount: droppedEvents,
    droppedLinksCount: droppedLinks,
  };
}

function contextOf([traceId, spanId, traceFlags, isRemote, traceState]: ContextRecord): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags,
    ...(isRemote === null ? {} : { isRemote }),
    ...(traceState === null ? {} : { traceState: createTraceState(traceState) }),
  };
}

function eventOf([name, time, attributes, droppedAttributesCount]: EventRecord): TimedEvent {
  if (attributes === null) return { name, time, droppedAttributesCount };
  return { name, time, attributes: attributesOf(attributes), droppedAttributesCount };
}

function linkOf([context, attributes, droppedAttributesCount]: LinkRecord): Link {
  const link = { context: contextOf(context), droppedAttributesCount };
  return attributes === null ? link : { ...link, attributes: attributesOf(attributes) };
}

/** Whether what a line of a file says has the shape of a span record, down to what would make a sender fail. */
export function isSpanRecord(record: readonly unknown[]): record is StartRecord | EndRecord {
  const [tag, context, parent, scope, resource, kind, name, startTime, attributes, links] = record;
  const begun =
    isSpanContext(context) &&
    (parent === null || isSpanContext(parent)) &&
    [scope, resource, kind].every(Number.isInteger) &&
    typeof name === 'string' &&
    isTime(startTime) &&
    isObject(attributes) &&
    Array.isArray(links) &&
    links.every((link) => Array.isArray(link) && isContext(link[0]) && isObjectOrNull(link[1]));
  if (!begun || tag === 's') return begun;
  if (tag !== 'e') return false;
  const [endTime, status, events, ...dropped] = record.slice(10);
  return (
    isTime(endTime) &&
    Array.isArray(status) &&
    Number.isInteger(status[0]) &&
    Array.isArray(events) &&
    events.every((event) => Array.isArray(event) && typeof event[0] === 'string' && isTime(event[1])) &&
    events.every((event: readonly unknown[]) => isObjectOrNull(event[2])) &&
    dropped.length >= 3 &&
    dropped.every(Number.isInteger)
  );
}

/** A backend refuses a whole request for an id that is none. */
function isSpanContext(value: unknown): boolean {
  if (!isContext(value)) return false;
  const [traceId, spanId] = value as ContextRecord;
  return isValidTraceId(traceId) && isValidSpanId(spanId);
}

function isContext(value: unknown): boolean {
  if (!Array.isArray(value) || value.length < 5) return false;
  const [traceId, spanId, traceFlags, , traceState]: readonly unknown[] = value;
  const ids = typeof traceId === 'string' && typeof spanId === 'string' && Number.isInteger(traceFlags);
  return ids && (traceState === null || typeof traceState === 'string');
}

/** Far more than a clock says, and less than what OTLP has room for. */
const MAX_SECONDS = 2 ** 33;

/** Whether a value is a time that a span can have. */
export function isTime(value: unknown): value is HrTime {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [seconds, nanoseconds]: readonly unknown[] = value;
  return isWithin(seconds, MAX_SECONDS) && isWithin(nanoseconds, 1e9);
}

function isWithin(value: unknown, end: number): boolean {
  return typeof value === 'number' && value >= 0 && value < end;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isObjectOrNull(value: unknown): boolean {
  return value === null || isObject(value);
}
