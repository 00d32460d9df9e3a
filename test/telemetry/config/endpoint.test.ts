import { describe, expect, test } from 'vitest';

import { endpoint, isSentryTracesUrl } from '../../../src/telemetry/config/endpoint.ts';

const TRACES = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
const BASE = 'OTEL_EXPORTER_OTLP_ENDPOINT';

describe('an OTLP endpoint', () => {
  test.each([
    [TRACES, 'http://c:4318/v1/traces', 'http://c:4318/v1/traces'],
    [TRACES, 'http://c:4318', 'http://c:4318/'],
    [TRACES, 'https://c/custom?token=1', 'https://c/custom?token=1'],
    [BASE, 'http://c:4318', 'http://c:4318/v1/traces'],
    [BASE, 'http://c:4318/', 'http://c:4318/v1/traces'],
    [BASE, 'http://c:4318/base/path/', 'http://c:4318/base/path/v1/traces'],
  ])('in %s: %s', (variable, text, url) => {
    expect(endpoint.fromText(text, variable)).toEqual({ value: url });
  });

  test.each(['localhost:4318', 'grpc://c:4317', 'c', '/v1/traces'])('%s is refused', (text) => {
    expect(endpoint.fromText(text, TRACES)).toEqual({
      problem: 'must be an http or https URL such as http://localhost:4318/v1/traces, but is not',
    });
  });

  test('is refused in the variable for all signals with an example that has no path, which is appended there', () => {
    expect(endpoint.fromText('localhost:4318', BASE)).toEqual({
      problem: 'must be an http or https URL such as http://localhost:4318, but is not',
    });
  });

  test('is used without the credentials in it, and says where they belong', () => {
    expect(endpoint.fromText('https://user:pass@c/v1/traces', TRACES)).toEqual({
      value: 'https://c/v1/traces',
      problem: 'must not hold a user name or password, which are not sent: put them into an authorization header',
    });
  });

  test.each([
    'https://otel-pipeline.sentry.io/v1/traces',
    'https://o1.ingest.us.sentry.io/v1/traces',
    'https://o1.ingest.us.sentry.io/api/42/integration/otlp',
    'https://sentry.io/',
  ])('%s is refused, because Sentry takes no traces there', (text) => {
    expect(endpoint.fromText(text, TRACES)).toEqual({
      problem:
        'is an address where Sentry takes no OTLP traces: remove it and set SENTRY_DSN, or use ' +
        'https://<host of your DSN>/api/<project id>/integration/otlp/v1/traces/',
    });
  });

  test.each([
    ['https://o1.ingest.sentry.io/api/42/integration/otlp/v1/traces/', true],
    ['https://o1.ingest.sentry.io/api/42/integration/otlp/v1/traces', true],
    ['https://self.hosted/prefix/api/42/otlp/v1/traces', true],
    ['https://self.hosted/api/project/integration/otlp/v1/traces', false],
    ['http://localhost:4318/v1/traces', false],
  ])('%s is Sentry: %s', (url, isSentry) => {
    expect(isSentryTracesUrl(url)).toBe(isSentry);
  });
});
