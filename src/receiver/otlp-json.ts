import { isJsonObject, type JsonObject } from './json.ts';
import { describe, MalformedOtlpError } from './malformed-otlp-error.ts';
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
 * Reads an ExportTraceServiceRequest from OTLP JSON.
 *
 * The mapping is protobuf's own with OTLP's exceptions: ids are hex, enums are numbers, keys are
 * lowerCamelCase, unknown keys are ignored, `null` means absent.
 */
export function readJsonRequest(body: Uint8Array): TraceRequestMessage {
  const request = object(parse(body), 'the request');
  return list(request['resourceSpans'], 'resourceSpans').map(resourceSpans);
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    // The parser's own message may quote the body, which can hold prompts.
    const got = body.length === 0 ? 'an empty body' : `${body.length} bytes that are not`;
    throw new MalformedOtlpError('the request', 'JSON text in UTF-8', got, { cause });
  }
}

function resourceSpans(value: unknown, index: number): ResourceSpansMessage {
  const at = `resourceSpans[${index}]`;
  const message = object(value, at);
  const resource = object(message['resource'] ?? {}, `${at}.resource`);
  return {
    resource: attributes(resource['attributes'], `${at}.resource.attributes`),
    scopeSpans: list(message['scopeSpans'], `${at}.scopeSpans`).map((item, i) =>
      scopeSpans(item, `${at}.scopeSpans[${i}]`),
    ),
  };
}

function scopeSpans(value: unknown, at: string): ScopeSpansMessage {
  const message = object(value, at);
  const scope = object(message['scope'] ?? {}, `${at}.scope`);
  return {
    scope: { name: text(scope['name'], `${at}.scope.name`), version: text(scope['version'], `${at}.scope.version`) },
    spans: list(message['spans'], `${at}.spans`).map((item, i) => span(item, `${at}.spans[${i}]`)),
  };
}

function span(value: unknown, at: string): SpanMessage {
  const message = object(value, at);
  const status = object(message['status'] ?? {}, `${at}.status`);
  return {
    traceId: text(message['traceId'], `${at}.traceId`),
    spanId: text(message['spanId'], `${at}.spanId`),
    parentSpanId: text(message['parentSpanId'], `${at}.parentSpanId`),
    name: text(message['name'], `${at}.name`),
    kind: int32(message['kind'], `${at}.kind`),
    startTimeUnixNano: uint64(message['startTimeUnixNano'], `${at}.startTimeUnixNano`),
    endTimeUnixNano: uint64(message['endTimeUnixNano'], `${at}.endTimeUnixNano`),
    attributes: attributes(message['attributes'], `${at}.attributes`),
    events: list(message['events'], `${at}.events`).map((item, i) => event(item, `${at}.events[${i}]`)),
    links: list(message['links'], `${at}.links`).map((item, i) => link(item, `${at}.links[${i}]`)),
    status: {
      code: int32(status['code'], `${at}.status.code`),
      message: text(status['message'], `${at}.status.message`),
    },
    flags: uint32(message['flags'], `${at}.flags`),
  };
}

function event(value: unknown, at: string): EventMessage {
  const message = object(value, at);
  return {
    name: text(message['name'], `${at}.name`),
    timeUnixNano: uint64(message['timeUnixNano'], `${at}.timeUnixNano`),
    attributes: attributes(message['attributes'], `${at}.attributes`),
  };
}

function link(value: unknown, at: string): LinkMessage {
  const message = object(value, at);
  return {
    traceId: text(message['traceId'], `${at}.traceId`),
    spanId: text(message['spanId'], `${at}.spanId`),
    attributes: attributes(message['attributes'], `${at}.attributes`),
  };
}

function attributes(value: unknown, at: string, depth = 0): AttributesMessage {
  const result: AttributesMessage = {};
  for (const [index, item] of list(value, at).entries()) {
    const pair = object(item, `${at}[${index}]`);
    const key = text(pair['key'], `${at}[${index}].key`);
    setAttribute(result, key, anyValue(pair['value'], `${at}[${index}].value`, depth));
  }
  return result;
}

const VALUE_READERS: Readonly<Record<string, (value: unknown, at: string, depth: number) => AttributeValue>> = {
  stringValue: text,
  boolValue: boolean,
  intValue: (value, at) => integerValue(int64(value, at)),
  doubleValue: double,
  bytesValue: bytes,
  arrayValue: (value, at, depth) =>
    list(object(value, at)['values'], `${at}.values`).map((item, i) => anyValue(item, `${at}.values[${i}]`, depth + 1)),
  kvlistValue: (value, at, depth) => attributes(object(value, at)['values'], `${at}.values`, depth + 1),
};

function anyValue(value: unknown, at: string, depth: number): AttributeValue {
  if (value === undefined || value === null) return null;
  if (depth > MAX_VALUE_NESTING) throw new MalformedOtlpError(at, `nested at most ${MAX_VALUE_NESTING} deep`, 'more');
  const message = object(value, at);
  let set: string | undefined;
  for (const [kind, content] of Object.entries(message)) {
    if (content === null || !Object.hasOwn(VALUE_READERS, kind)) continue;
    if (set !== undefined) throw new MalformedOtlpError(at, 'one value', `both ${set} and ${kind}`);
    set = kind;
  }
  const read = set === undefined ? undefined : VALUE_READERS[set];
  return set === undefined || read === undefined ? null : read(message[set], `${at}.${set}`, depth);
}

// --- Scalars. Absent and null are protobuf's default value.

function object(value: unknown, at: string): JsonObject {
  if (isJsonObject(value)) return value;
  throw new MalformedOtlpError(at, 'an object', describe(value));
}

function list(value: unknown, at: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new MalformedOtlpError(at, 'a list', describe(value));
}

function text(value: unknown, at: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw new MalformedOtlpError(at, 'a string', describe(value));
}

function boolean(value: unknown, at: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new MalformedOtlpError(at, 'true or false', describe(value));
}

function int32(value: unknown, at: string): number {
  return Number(integer(value, at, -(2n ** 31n), 2n ** 31n - 1n, 'a 32-bit integer'));
}

function uint32(value: unknown, at: string): number {
  return Number(integer(value, at, 0n, 2n ** 32n - 1n, 'an unsigned 32-bit integer'));
}

function int64(value: unknown, at: string): bigint {
  return integer(value, at, -(2n ** 63n), 2n ** 63n - 1n, 'a 64-bit integer, as a number or a decimal string');
}

function uint64(value: unknown, at: string): bigint {
  return integer(value, at, 0n, 2n ** 64n - 1n, 'an unsigned 64-bit integer, as a number or a decimal string');
}

/** Digits are counted first: BigInt takes quadratic time on a string as long as a request may be. */
const DECIMAL = /^-?\d{1,20}$/;

function integer(value: unknown, at: string, lowest: bigint, highest: bigint, expected: string): bigint {
  if (value === undefined || value === null) return 0n;
  if (Number.isInteger(value) || (typeof value === 'string' && DECIMAL.test(value))) {
    const whole = BigInt(value as number | string);
    if (whole >= lowest && whole <= highest) return whole;
  }
  throw new MalformedOtlpError(at, expected, describe(value));
}

function double(value: unknown, at: string): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  if (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  throw new MalformedOtlpError(at, 'a number', describe(value));
}

/** Base64 in either alphabet, padded or not, as protobuf's JSON mapping accepts it. */
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

function bytes(value: unknown, at: string): Uint8Array {
  if (typeof value === 'string' && BASE64.test(value)) return new Uint8Array(Buffer.from(value, 'base64'));
  throw new MalformedOtlpError(at, 'a base64 string', describe(value));
}
