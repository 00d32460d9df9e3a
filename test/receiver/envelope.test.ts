import { expect, test } from 'vitest';

import { MalformedEnvelopeError, parseEnvelope } from '../../src/receiver/envelope.ts';
import { thrownBy } from './thrown-by.ts';
import { fc } from '../support/properties.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('an envelope is its headers and its items, each with headers and payload', () => {
  const envelope = parseEnvelope(bytes('{"event_id":"a"}\n{"type":"event"}\n{"level":"error"}\n'));

  expect(envelope).toEqual({
    headers: { event_id: 'a' },
    items: [
      { type: 'event', headers: { type: 'event' }, bytes: bytes('{"level":"error"}'), payload: { level: 'error' } },
    ],
  });
});

test('a payload with a length may hold newlines, and one without JSON has no payload', () => {
  const envelope = parseEnvelope(
    bytes('{}\n{"type":"attachment","length":3}\na\nb\n\n{"type":"event","length":2}\n{}'),
  );

  expect(envelope.items.map(({ type, bytes: raw, payload }) => [type, Buffer.from(raw).toString(), payload])).toEqual([
    ['attachment', 'a\nb', undefined],
    ['event', '{}', {}],
  ]);
});

test('an envelope may hold no item', () => {
  expect(parseEnvelope(bytes('{"sent_at":"now"}'))).toEqual({ headers: { sent_at: 'now' }, items: [] });
});

test.each([
  ['', 'Expected the envelope headers to be a JSON object.'],
  ['[]\n', 'Expected the envelope headers to be a JSON object.'],
  ['{}\nevent\n{}', 'Expected the headers of item 0 to be a JSON object.'],
  ['{}\n{"length":2}\n{}', 'Expected item 0 to have a type.'],
  ['{}\n{"type":"event","length":9}\n{}', 'Expected the length of item 0 to be a number of bytes up to 2.'],
  ['{}\n{"type":"event","length":-1}\n{}', 'Expected the length of item 0 to be a number of bytes up to 2.'],
  ['{}\n{"type":"event","length":2}\n{}x', 'Expected a newline after the 2 bytes of item 0.'],
])('the bytes %j are no envelope', (body, message) => {
  expect(() => parseEnvelope(bytes(body))).toThrow(new MalformedEnvelopeError(message));
});

test('random bytes either parse or are malformed, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (rest) => {
      const error = thrownBy(() => parseEnvelope(Buffer.concat([bytes('{}\n{"type":"event"}\n'), rest])));
      expect(error === undefined || error instanceof MalformedEnvelopeError).toBe(true);
    }),
  );
});

test('a payload with half a character in it is no JSON, as it is none to Relay', () => {
  const payloadOf = (text: string): unknown =>
    parseEnvelope(bytes(`{}\n{"type":"event"}\n${text}\n`)).items[0]?.payload;

  expect(payloadOf(String.raw`{"message":"cut \ud83d"}`)).toBeUndefined();
  expect(payloadOf(String.raw`{"message":"cut \uDE00 here"}`)).toBeUndefined();
  expect(payloadOf(String.raw`{"message":"whole \ud83d\ude00, and written: \\ud83d"}`)).toEqual({
    message: 'whole 😀, and written: \\ud83d',
  });
});
