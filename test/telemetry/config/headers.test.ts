import { describe, expect, test } from 'vitest';

import { headers } from '../../../src/telemetry/config/headers.ts';
import { fc } from '../../support/properties.ts';

const read = (text: string) => headers.fromText(text, 'OTEL_EXPORTER_OTLP_HEADERS');

describe('a list of headers', () => {
  test.each([
    ['a=1', { a: '1' }],
    [' a = 1 , b = 2 ,', { a: '1', b: '2' }],
    ['X-Tenant=Blue', { 'x-tenant': 'Blue' }],
    ['a=1,A=2', { a: '2' }],
    ['a=', { a: '' }],
    ['Authorization=Basic dXNlcjpwYXNz==', { authorization: 'Basic dXNlcjpwYXNz==' }],
    ['authorization=Basic%20dXNlcjpwYXNz', { authorization: 'Basic dXNlcjpwYXNz' }],
    ['a=one%2Ctwo%3Dthree', { a: 'one,two=three' }],
    ['a=b+c', { a: 'b+c' }],
    ['a=b;c=d', { a: 'b;c=d' }],
    ['api-key=100%', { 'api-key': '100%' }],
    ['authorization=Bearer a%zz', { authorization: 'Bearer a%zz' }],
    ['x-sentry-auth=sentry sentry_key=abc', { 'x-sentry-auth': 'sentry sentry_key=abc' }],
    ['x-sentry-auth=Sentry%20sentry_key%3Dabc', { 'x-sentry-auth': 'Sentry sentry_key=abc' }],
    [
      'X-Sentry-Auth=sentry sentry_version=7, sentry_key=abc,sentry_client=a/1,tenant=1',
      { 'x-sentry-auth': 'sentry sentry_version=7, sentry_key=abc, sentry_client=a/1', tenant: '1' },
    ],
  ])('%s is read', (text, value) => {
    expect(read(text)).toEqual({ value });
  });

  test('without the word Sentry looks for gets it, and says so', () => {
    expect(read('x-sentry-auth=sentry_key=abc')).toEqual({
      value: { 'x-sentry-auth': 'sentry sentry_key=abc' },
      problem: 'must give x-sentry-auth as "sentry sentry_key=<public key>", but has it without the first "sentry"',
    });
  });

  test('with a Sentry header that holds no key cannot be repaired, but says what is missing', () => {
    expect(read('x-sentry-auth=abc')).toEqual({
      value: { 'x-sentry-auth': 'abc' },
      problem: 'must give x-sentry-auth as "sentry sentry_key=<public key>", but has no sentry_key in it',
    });
  });

  test('keeps its good entries beside bad ones, which are told by their place and not by their text', () => {
    expect(read('a=1,Bearer abc,my key=2,b=line%0Abreak')).toEqual({
      value: { a: '1' },
      problem:
        'must give every header as a name and a value, which entry 2 is not; ' +
        'it must give every header as a name and a value, which entry 3 is not; ' +
        'it must hold values an HTTP header can carry, which that of "b" is not',
    });
  });

  test.each(['Content-Length=5', 'content-encoding=gzip', 'transfer-encoding=chunked'])(
    'that say how a body is sent are left out, with a word: %s',
    (given) => {
      const { value, problem } = read(`a=1,${given}`);
      expect(value).toEqual({ a: '1' });
      expect(problem).toMatch(/^must not name "[a-z-]+", which is Faultline's own$/i);
    },
  );

  test('of any text never throws and gives only what Node can send', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(',', '=', '%', '%20', ';', 'x-sentry-auth', 'sentry_key=', 'sentry ', '__proto__'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const sendable = new Headers(Object.entries(read(pieces.join('')).value ?? {}));
        expect([...sendable.keys()].every((name) => name === name.toLowerCase())).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('never shows a value in its problem', () => {
    const secret = 'topsecretvalue';
    const noise = fc.oneof(fc.string(), fc.constantFrom(',', ' ', '%', '\n', 'a=', 'x-sentry-auth=', 'sentry_key='));
    fc.assert(
      fc.property(noise, noise, noise, (a, b, c) => {
        const { problem = '' } = read(`${a},name=${b}${secret}${c}`);
        expect(problem).not.toContain(secret);
      }),
      { numRuns: 300 },
    );
  });
});

describe('headers in code', () => {
  test('are a record, with names in any case', () => {
    expect(headers.fromCode({ 'Api-Key': 'abc' })).toEqual({ value: { 'api-key': 'abc' } });
  });

  test('must be a record', () => {
    expect(headers.fromCode('api-key=abc')).toEqual({
      problem: 'must be a record of header names and values, but is a text of 11 characters',
    });
  });

  test('must have texts as values', () => {
    expect(headers.fromCode({ 'api-key': 5 }).problem).toBe(
      'must hold values an HTTP header can carry, which that of "api-key" is not',
    );
  });
});
