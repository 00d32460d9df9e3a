import { expect, test } from 'vitest';

import { decodeTraceRequest, MalformedOtlpError } from '../../src/receiver/otlp.ts';
import type { ReceivedSpan } from '../../src/receiver/received-span.ts';
import { jsonRequest, TRACE_ID } from './sample-spans.ts';
import { thrownBy } from './thrown-by.ts';

const only = (span: Record<string, unknown>): ReceivedSpan | undefined =>
  decodeTraceRequest(jsonRequest(span), 'json')[0];
const valueOf = (value: unknown): unknown => only({ attributes: [{ key: 'k', value }] })?.attributes['k'];

test('takes 64-bit integers as strings and as numbers', () => {
  expect(only({ startTimeUnixNano: '18446744073709551615', endTimeUnixNano: 5 })).toMatchObject({
    startTimeUnixNano: 18_446_744_073_709_551_615n,
    endTimeUnixNano: 5n,
  });
  expect(valueOf({ intValue: '-9223372036854775808' })).toBe(-9_223_372_036_854_775_808n);
  expect(valueOf({ intValue: '12' })).toBe(12);
  expect(valueOf({ intValue: 12 })).toBe(12);
});

test('ignores unknown keys and takes null and absent fields for their defaults', () => {
  const span = only({
    newField: { a: 1 },
    kind: null,
    attributes: null,
    traceState: 'a=b',
    status: { code: 2, detail: [] },
  });

  expect(span).toEqual({
    traceId: TRACE_ID,
    spanId: '0000000000000001',
    name: 'span 1',
    kind: 0,
    startTimeUnixNano: 1000n,
    endTimeUnixNano: 2000n,
    attributes: {},
    status: { code: 2 },
    events: [],
    links: [],
    flags: 0,
    resource: {},
    scope: { name: '', version: '' },
  });
});

test('reads every kind of attribute value, nested ones too', () => {
  expect(valueOf({ bytesValue: '_wD-' })).toEqual(new Uint8Array([255, 0, 254]));
  expect(valueOf({ bytesValue: '/wD+' })).toEqual(new Uint8Array([255, 0, 254]));
  expect(valueOf({ doubleValue: 'NaN' })).toBeNaN();
  expect(valueOf({ doubleValue: '-Infinity' })).toBe(-Infinity);
  expect(valueOf({ doubleValue: 1.5 })).toBe(1.5);
  expect(valueOf({})).toBe(null);
  expect(valueOf({ stringValueStrindex: 3 })).toBe(null);
  expect(
    valueOf({
      kvlistValue: {
        values: [
          { key: 'list', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'b' }, {}] } } },
          { key: 'absent' },
        ],
      },
    }),
  ).toEqual({ list: [1, 'b', null], absent: null });
});

test('takes the later of two attributes with one key and keeps a key that looks like a prototype', () => {
  const span = only({
    attributes: [
      { key: 'a', value: { intValue: 1 } },
      { key: 'a', value: { intValue: 2 } },
      { key: '__proto__', value: { kvlistValue: { values: [{ key: 'polluted', value: { boolValue: true } }] } } },
    ],
  });

  expect(Object.entries(span?.attributes ?? {})).toEqual([
    ['a', 2],
    ['__proto__', { polluted: true }],
  ]);
  expect('polluted' in {}).toBe(false);
});

test('lower-cases ids and takes a parent of zeros for no parent', () => {
  expect(only({ traceId: 'AB'.repeat(16), spanId: 'CD'.repeat(8), parentSpanId: '0'.repeat(16) })).toMatchObject({
    traceId: 'ab'.repeat(16),
    spanId: 'cd'.repeat(8),
  });
  expect(only({ parentSpanId: '0'.repeat(16) })).not.toHaveProperty('parentSpanId');
});

const inSpan = 'resourceSpans[0].scopeSpans[0].spans[0]';
test.each([
  [{ traceId: 'abc' }, `Expected ${inSpan}.traceId to be 16 bytes (32 hex digits), not all zero, got "abc".`],
  [
    { traceId: '0'.repeat(32) },
    `Expected ${inSpan}.traceId to be 16 bytes (32 hex digits), not all zero, got "${'0'.repeat(32)}".`,
  ],
  [{ traceId: 7 }, `Expected ${inSpan}.traceId to be a string, got 7.`],
  [{ traceId: undefined }, `Expected ${inSpan}.traceId to be 16 bytes (32 hex digits), not all zero, got nothing.`],
  [
    { spanId: 'z'.repeat(16) },
    `Expected ${inSpan}.spanId to be 8 bytes (16 hex digits), not all zero, got "${'z'.repeat(16)}".`,
  ],
  [{ parentSpanId: '12' }, `Expected ${inSpan}.parentSpanId to be 8 bytes (16 hex digits), not all zero, got "12".`],
  [{ name: ['x'] }, `Expected ${inSpan}.name to be a string, got a list.`],
  [{ kind: 'SPAN_KIND_CLIENT' }, `Expected ${inSpan}.kind to be a 32-bit integer, got "SPAN_KIND_CLIENT".`],
  [{ flags: -1 }, `Expected ${inSpan}.flags to be an unsigned 32-bit integer, got -1.`],
  [
    { startTimeUnixNano: 1.5 },
    `Expected ${inSpan}.startTimeUnixNano to be an unsigned 64-bit integer, as a number or a decimal string, got 1.5.`,
  ],
  [
    { endTimeUnixNano: '18446744073709551616' },
    `Expected ${inSpan}.endTimeUnixNano to be an unsigned 64-bit integer, as a number or a decimal string, got "18446744073709551616".`,
  ],
  [{ attributes: { a: 1 } }, `Expected ${inSpan}.attributes to be a list, got an object.`],
  [
    { attributes: [{ key: 'k', value: 'plain' }] },
    `Expected ${inSpan}.attributes[0].value to be an object, got "plain".`,
  ],
  [
    { attributes: [{ key: 'k', value: { stringValue: 'a', intValue: 1 } }] },
    `Expected ${inSpan}.attributes[0].value to be one value, got both stringValue and intValue.`,
  ],
  [
    { attributes: [{ key: 'k', value: { boolValue: 'true' } }] },
    `Expected ${inSpan}.attributes[0].value.boolValue to be true or false, got "true".`,
  ],
  [
    { attributes: [{ key: 'k', value: { bytesValue: '***' } }] },
    `Expected ${inSpan}.attributes[0].value.bytesValue to be a base64 string, got "***".`,
  ],
  [
    { attributes: [{ key: 'k', value: { doubleValue: '' } }] },
    `Expected ${inSpan}.attributes[0].value.doubleValue to be a number, got "".`,
  ],
  [
    { links: [{ traceId: TRACE_ID }] },
    `Expected ${inSpan}.links[0].spanId to be 8 bytes (16 hex digits), not all zero, got nothing.`,
  ],
  [{ name: { long: true } }, `Expected ${inSpan}.name to be a string, got an object.`],
])('refuses a span with %j and says where', (span, message) => {
  const error = thrownBy(() => decodeTraceRequest(jsonRequest(span), 'json'));

  expect(error).toBeInstanceOf(MalformedOtlpError);
  expect(error).toHaveProperty('message', message);
});

test.each([
  ['', 'Expected the request to be JSON text in UTF-8, got an empty body.'],
  ['{"secret prompt', 'Expected the request to be JSON text in UTF-8, got 15 bytes that are not.'],
  ['[]', 'Expected the request to be an object, got a list.'],
  ['{"resourceSpans":{}}', 'Expected resourceSpans to be a list, got an object.'],
  ['{"resourceSpans":[1]}', 'Expected resourceSpans[0] to be an object, got 1.'],
])('refuses the body %j and never quotes it', (body, message) => {
  expect(() => decodeTraceRequest(new TextEncoder().encode(body), 'json')).toThrow(message);
});

test('refuses text that is not UTF-8', () => {
  expect(() => decodeTraceRequest(new Uint8Array([0x22, 0xff, 0x22]), 'json')).toThrow(MalformedOtlpError);
});

test('refuses a value nested deeper than any real one instead of running out of stack', () => {
  const nested = `${'{"arrayValue":{"values":['.repeat(20_000)}${']}}'.repeat(20_000)}`;
  const body = `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${nested}}]}}]}`;

  expect(() => decodeTraceRequest(new TextEncoder().encode(body), 'json')).toThrow(
    /to be nested at most 64 deep, got more\.$/,
  );
});
