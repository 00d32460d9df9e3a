import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

import { MalformedOtlpError } from './malformed-otlp-error.ts';
import {
  integerValue,
  MAX_VALUE_NESTING,
  setAttribute,
  type AttributesMessage,
  type EventMessage,
  type LinkMessage,
  type ResourceSpansMessage,
  type ScopeSpansMessage,
  type SpanMessage,
  type TraceRequestMessage,
} from './otlp-message.ts';
import type { AttributeValue } from './received-span.ts';

/**
 * Reads an ExportTraceServiceRequest from protobuf.
 *
 * The tables below are the part of opentelemetry-proto (trace, resource and common v1) that a
 * ReceivedSpan is made of; every other field is skipped by its wire type, as protobuf asks.
 */
export function readProtobufRequest(body: Uint8Array): TraceRequestMessage {
  return readMessage(body, REQUEST, [], 'the request');
}

/** One known field: its name for error messages, its wire type, and where its value goes. */
interface Field<Message> {
  readonly name: string;
  readonly wireType: WireType;
  read(reader: BinaryReader, message: Message, at: string, depth: number): void;
}

type Fields<Message> = Readonly<Record<number, Field<Message>>>;

/** `depth` counts how many attribute values the message is nested in. */
function readMessage<Message>(
  bytes: Uint8Array,
  fields: Fields<Message>,
  message: Message,
  at: string,
  depth = 0,
): Message {
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      const field = fields[number];
      if (field === undefined) {
        reader.skip(wireType, number);
      } else if (wireType === field.wireType) {
        field.read(reader, message, at, depth);
      } else {
        throw new MalformedOtlpError(path(at, field.name), WIRE_TYPES[field.wireType], WIRE_TYPES[wireType]);
      }
    }
  } catch (cause) {
    if (cause instanceof MalformedOtlpError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MalformedOtlpError(at, 'a protobuf message', `${bytes.length} bytes that are not (${reason})`, { cause });
  }
  return message;
}

const WIRE_TYPES: Readonly<Record<WireType, string>> = {
  [WireType.Varint]: 'a varint',
  [WireType.Bit64]: 'eight fixed bytes',
  [WireType.LengthDelimited]: 'a length and bytes',
  [WireType.StartGroup]: 'the start of a group',
  [WireType.EndGroup]: 'the end of a group',
  [WireType.Bit32]: 'four fixed bytes',
};

function path(at: string, name: string): string {
  return at === 'the request' ? name : `${at}.${name}`;
}

// --- Kinds of field

function varint<Message>(name: string, set: (message: Message, value: number) => void): Field<Message> {
  return { name, wireType: WireType.Varint, read: (reader, message) => set(message, reader.int32()) };
}

function fixed32<Message>(name: string, set: (message: Message, value: number) => void): Field<Message> {
  return { name, wireType: WireType.Bit32, read: (reader, message) => set(message, reader.fixed32()) };
}

function fixed64<Message>(name: string, set: (message: Message, value: bigint) => void): Field<Message> {
  return { name, wireType: WireType.Bit64, read: (reader, message) => set(message, BigInt(reader.fixed64())) };
}

function text<Message>(name: string, set: (message: Message, value: string) => void): Field<Message> {
  return { name, wireType: WireType.LengthDelimited, read: (reader, message) => set(message, reader.string(true)) };
}

function hex<Message>(name: string, set: (message: Message, value: string) => void): Field<Message> {
  return {
    name,
    wireType: WireType.LengthDelimited,
    read: (reader, message) => set(message, Buffer.from(reader.bytes()).toString('hex')),
  };
}

/** A message inside a message, which its own table reads into `target`. */
function nested<Message, Inner>(
  name: string,
  fields: Fields<Inner>,
  target: (message: Message) => Inner,
): Field<Message> {
  return {
    name,
    wireType: WireType.LengthDelimited,
    read: (reader, message, at, depth) => {
      readMessage(reader.bytes(), fields, target(message), path(at, name), depth);
    },
  };
}

/** A repeated message: each one starts as `start()` and joins the list. */
function repeated<Message, Inner>(
  name: string,
  fields: Fields<Inner>,
  start: () => Inner,
  target: (message: Message) => Inner[],
): Field<Message> {
  return {
    name,
    wireType: WireType.LengthDelimited,
    read: (reader, message, at, depth) => {
      const items = target(message);
      items.push(readMessage(reader.bytes(), fields, start(), `${path(at, name)}[${items.length}]`, depth));
    },
  };
}

/** A repeated KeyValue, collected under its keys. */
function keyValues<Message>(name: string, target: (message: Message) => AttributesMessage): Field<Message> {
  return {
    name,
    wireType: WireType.LengthDelimited,
    read: (reader, message, at, depth) => {
      const pair = readMessage(reader.bytes(), KEY_VALUE, { key: '', value: null }, path(at, name), depth);
      setAttribute(target(message), pair.key, pair.value);
    },
  };
}

/** A message inside an AnyValue, which is where nesting has no natural end: its table stands on that of AnyValue. */
function deeper<Message, Inner>(
  name: string,
  fields: () => Fields<Inner>,
  start: () => Inner,
  set: (message: Message, value: Inner) => void,
): Field<Message> {
  return {
    name,
    wireType: WireType.LengthDelimited,
    read: (reader, message, at, depth) => {
      if (depth >= MAX_VALUE_NESTING) {
        throw new MalformedOtlpError(path(at, name), `nested at most ${MAX_VALUE_NESTING} deep`, 'more');
      }
      set(message, readMessage(reader.bytes(), fields(), start(), path(at, name), depth + 1));
    },
  };
}

// --- common.proto

interface ValueMessage {
  value: AttributeValue;
}

const ANY_VALUE: Fields<ValueMessage> = {
  1: text('stringValue', (message, value) => (message.value = value)),
  2: { name: 'boolValue', wireType: WireType.Varint, read: (reader, message) => (message.value = reader.bool()) },
  3: {
    name: 'intValue',
    wireType: WireType.Varint,
    read: (reader, message) => (message.value = integerValue(BigInt(reader.int64()))),
  },
  4: { name: 'doubleValue', wireType: WireType.Bit64, read: (reader, message) => (message.value = reader.double()) },
  5: deeper(
    'arrayValue',
    () => ARRAY_VALUE,
    () => [],
    (message, values: ValueMessage[]) => (message.value = values.map((item) => item.value)),
  ),
  6: deeper(
    'kvlistValue',
    () => KEY_VALUE_LIST,
    () => ({}),
    (message, values: AttributesMessage) => (message.value = values),
  ),
  7: {
    name: 'bytesValue',
    wireType: WireType.LengthDelimited,
    // A copy: the reader's view would keep the whole request in memory.
    read: (reader, message) => (message.value = new Uint8Array(reader.bytes())),
  },
};

const ARRAY_VALUE: Fields<ValueMessage[]> = {
  1: repeated(
    'values',
    ANY_VALUE,
    () => ({ value: null }),
    (message) => message,
  ),
};

const KEY_VALUE_LIST: Fields<AttributesMessage> = {
  1: keyValues('values', (message) => message),
};

interface KeyValueMessage extends ValueMessage {
  key: string;
}

const KEY_VALUE: Fields<KeyValueMessage> = {
  1: text('key', (message, value) => (message.key = value)),
  2: nested('value', ANY_VALUE, (message) => message),
};

const SCOPE: Fields<ScopeSpansMessage['scope']> = {
  1: text('name', (message, value) => (message.name = value)),
  2: text('version', (message, value) => (message.version = value)),
};

// --- resource.proto

const RESOURCE: Fields<AttributesMessage> = {
  1: keyValues('attributes', (message) => message),
};

// --- trace.proto

const STATUS: Fields<SpanMessage['status']> = {
  2: text('message', (message, value) => (message.message = value)),
  3: varint('code', (message, value) => (message.code = value)),
};

const EVENT: Fields<EventMessage> = {
  1: fixed64('timeUnixNano', (message, value) => (message.timeUnixNano = value)),
  2: text('name', (message, value) => (message.name = value)),
  3: keyValues('attributes', (message) => message.attributes),
};

const LINK: Fields<LinkMessage> = {
  1: hex('traceId', (message, value) => (message.traceId = value)),
  2: hex('spanId', (message, value) => (message.spanId = value)),
  4: keyValues('attributes', (message) => message.attributes),
};

const SPAN: Fields<SpanMessage> = {
  1: hex('traceId', (message, value) => (message.traceId = value)),
  2: hex('spanId', (message, value) => (message.spanId = value)),
  4: hex('parentSpanId', (message, value) => (message.parentSpanId = value)),
  5: text('name', (message, value) => (message.name = value)),
  6: varint('kind', (message, value) => (message.kind = value)),
  7: fixed64('startTimeUnixNano', (message, value) => (message.startTimeUnixNano = value)),
  8: fixed64('endTimeUnixNano', (message, value) => (message.endTimeUnixNano = value)),
  9: keyValues('attributes', (message) => message.attributes),
  11: repeated('events', EVENT, emptyEvent, (message) => message.events),
  13: repeated('links', LINK, emptyLink, (message) => message.links),
  15: nested('status', STATUS, (message) => message.status),
  16: fixed32('flags', (message, value) => (message.flags = value)),
};

const SCOPE_SPANS: Fields<ScopeSpansMessage> = {
  1: nested('scope', SCOPE, (message) => message.scope),
  2: repeated('spans', SPAN, emptySpan, (message) => message.spans),
};

const RESOURCE_SPANS: Fields<ResourceSpansMessage> = {
  1: nested('resource', RESOURCE, (message) => message.resource),
  2: repeated('scopeSpans', SCOPE_SPANS, emptyScopeSpans, (message) => message.scopeSpans),
};

const REQUEST: Fields<TraceRequestMessage> = {
  1: repeated('resourceSpans', RESOURCE_SPANS, emptyResourceSpans, (message) => message),
};

// --- What a message is when the wire says nothing

function emptyResourceSpans(): ResourceSpansMessage {
  return { resource: {}, scopeSpans: [] };
}

function emptyScopeSpans(): ScopeSpansMessage {
  return { scope: { name: '', version: '' }, spans: [] };
}

function emptySpan(): SpanMessage {
  return {
    traceId: '',
    spanId: '',
    parentSpanId: '',
    name: '',
    kind: 0,
    startTimeUnixNano: 0n,
    endTimeUnixNano: 0n,
    attributes: {},
    events: [],
    links: [],
    status: { code: 0, message: '' },
    flags: 0,
  };
}

function emptyEvent(): EventMessage {
  return { name: '', timeUnixNano: 0n, attributes: {} };
}

function emptyLink(): LinkMessage {
  return { traceId: '', spanId: '', attributes: {} };
}
