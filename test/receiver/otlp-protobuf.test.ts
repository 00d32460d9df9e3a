import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect, test } from 'vitest';

import { decodeTraceRequest } from '../../src/receiver/otlp.ts';

/** A message as raw bytes, wrapped as field `number` of the message around it. */
const inside = (number: number, bytes: Uint8Array): Uint8Array =>
  new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(bytes).finish();
const request = (span: Uint8Array): Uint8Array => inside(1, inside(2, inside(2, span)));
const ids = (): BinaryWriter =>
  new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .bytes(new Uint8Array(16).fill(0x11))
    .tag(2, WireType.LengthDelimited)
    .bytes(new Uint8Array(8).fill(0x22));

test('skips unknown fields of every wire type', () => {
  const span = ids()
    .tag(1001, WireType.Varint)
    .uint64(2n ** 64n - 1n)
    .tag(1002, WireType.Bit64)
    .fixed64(7)
    .tag(1003, WireType.LengthDelimited)
    .string('future')
    .tag(1004, WireType.StartGroup)
    .tag(1, WireType.Varint)
    .uint32(1)
    .tag(1004, WireType.EndGroup)
    .tag(1005, WireType.Bit32)
    .fixed32(7)
    .tag(5, WireType.LengthDelimited)
    .string('after')
    .finish();

  expect(decodeTraceRequest(request(span), 'protobuf')).toMatchObject([
    { traceId: '1'.repeat(32), spanId: '2'.repeat(16), name: 'after' },
  ]);
});

test('reads a resource and scope that come after their spans', () => {
  const keyValue = new BinaryWriter().tag(1, WireType.LengthDelimited).string('k').finish();
  const scope = new BinaryWriter().tag(1, WireType.LengthDelimited).string('late').finish();
  const scopeSpans = Buffer.concat([inside(2, ids().finish()), inside(1, scope)]);
  const resourceSpans = Buffer.concat([inside(2, scopeSpans), inside(1, inside(1, keyValue))]);

  expect(decodeTraceRequest(inside(1, resourceSpans), 'protobuf')).toMatchObject([
    { resource: { k: null }, scope: { name: 'late', version: '' } },
  ]);
});

test('reads bytes, maps and integers beyond 2^53', () => {
  const attribute = (key: string, value: Uint8Array): Uint8Array =>
    inside(
      9,
      Buffer.concat([new BinaryWriter().tag(1, WireType.LengthDelimited).string(key).finish(), inside(2, value)]),
    );
  const inner = Buffer.concat([
    new BinaryWriter().tag(1, WireType.LengthDelimited).string('inner').finish(),
    inside(2, new BinaryWriter().tag(2, WireType.Varint).bool(true).finish()),
  ]);
  const span = Buffer.concat([
    ids().finish(),
    attribute('bytes', inside(7, new Uint8Array([255, 0]))),
    attribute(
      'lowest',
      new BinaryWriter()
        .tag(3, WireType.Varint)
        .int64(-(2n ** 63n))
        .finish(),
    ),
    attribute('map', inside(6, inside(1, inner))),
  ]);

  expect(decodeTraceRequest(request(span), 'protobuf')[0]?.attributes).toEqual({
    bytes: new Uint8Array([255, 0]),
    lowest: -(2n ** 63n),
    map: { inner: true },
  });
});

test('keeps no view of the request body', () => {
  const body = Buffer.from(
    request(
      Buffer.concat([
        ids().finish(),
        inside(
          9,
          Buffer.concat([
            new BinaryWriter().tag(1, WireType.LengthDelimited).string('b').finish(),
            inside(2, inside(7, new Uint8Array([9]))),
          ]),
        ),
      ]),
    ),
  );

  const value = decodeTraceRequest(body, 'protobuf')[0]?.attributes['b'];

  expect(value).toBeInstanceOf(Uint8Array);
  expect(value).not.toBeInstanceOf(Buffer);
  expect((value as Uint8Array).buffer.byteLength).toBe(1);
});

const inSpan = 'resourceSpans[0].scopeSpans[0].spans[0]';
test.each<[string, Uint8Array, string]>([
  [
    'a short trace id',
    inside(1, new Uint8Array([1, 2])),
    `Expected ${inSpan}.traceId to be 16 bytes (32 hex digits), not all zero, got "0102".`,
  ],
  ['no ids', new Uint8Array(), `Expected ${inSpan}.traceId to be 16 bytes (32 hex digits), not all zero, got nothing.`],
  [
    'a name that is a number',
    new BinaryWriter().tag(5, WireType.Varint).uint32(1).finish(),
    `Expected ${inSpan}.name to be a length and bytes, got a varint.`,
  ],
  [
    'a name that is not UTF-8',
    inside(5, new Uint8Array([0xff])),
    `Expected ${inSpan} to be a protobuf message, got 3 bytes that are not (`,
  ],
  [
    'a time cut short',
    new Uint8Array([0x39, 1, 2]),
    `Expected ${inSpan} to be a protobuf message, got 3 bytes that are not (`,
  ],
])('refuses a span with %s and says where', (_what, span, message) => {
  expect(() => decodeTraceRequest(request(span), 'protobuf')).toThrow(message);
});

test('refuses a value nested deeper than any real one instead of running out of stack', () => {
  let value: Uint8Array = new Uint8Array();
  for (let depth = 0; depth < 5_000; depth += 1) value = inside(5, inside(1, value));
  const body = inside(1, inside(1, inside(1, inside(2, value))));

  expect(() => decodeTraceRequest(body, 'protobuf')).toThrow(/to be nested at most 64 deep, got more\.$/);
});
