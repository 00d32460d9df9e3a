import { describe, expect, test } from 'vitest';

import { selfSigned } from '../http/certificate.ts';
import { DSN, PUBLIC_KEY, hostWith, resolving } from './resolving.ts';

const SENTRY_URL = 'https://o1.ingest.us.sentry.io/api/42/integration/otlp/v1/traces/';
const SENTRY_AUTH = `sentry sentry_key=${PUBLIC_KEY}, sentry_version=7, sentry_client=faultline/0.1.0`;
const TO_SENTRY = {
  name: 'sentry',
  url: SENTRY_URL,
  headers: { 'x-sentry-auth': SENTRY_AUTH },
  protocol: 'http/json',
  compression: 'gzip',
  timeoutMs: 10_000,
  dialect: 'sentry',
};
const TO_COLLECTOR = {
  name: 'otlp',
  url: 'http://collector:4318/v1/traces',
  headers: {},
  protocol: 'http/json',
  compression: 'none',
  timeoutMs: 10_000,
  dialect: 'otel',
};

describe('with a DSN alone', () => {
  test('spans go to its project', () => {
    const { config, problems } = resolving({ SENTRY_DSN: DSN });
    expect(config.destinations).toEqual([TO_SENTRY]);
    expect(config.offReason).toBeUndefined();
    expect(problems).toEqual([]);
  });

  test('no header or certificate of another vendor goes along', () => {
    const { config } = resolving(
      {
        SENTRY_DSN: DSN,
        OTEL_EXPORTER_OTLP_HEADERS: 'api-key=of-another-vendor',
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'authorization=Bearer other',
        OTEL_EXPORTER_OTLP_CLIENT_KEY: 'key.pem',
      },
      { headers: { 'x-vendor': 'other' } },
      hostWith({ 'key.pem': 'PEM' }),
    );
    expect(config.destinations).toEqual([TO_SENTRY]);
  });

  test('protocol, compression and timeout are those of OpenTelemetry', () => {
    const { config } = resolving({
      SENTRY_DSN: DSN,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'none',
      OTEL_EXPORTER_OTLP_TIMEOUT: '2500',
    });
    expect(config.destinations).toEqual([
      { ...TO_SENTRY, protocol: 'http/protobuf', compression: 'none', timeoutMs: 2500 },
    ]);
  });
});

describe('with an endpoint', () => {
  test('spans go there and not to the DSN, which is kept for Issues', () => {
    const { config } = resolving({ SENTRY_DSN: DSN, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' });
    expect(config.destinations).toEqual([TO_COLLECTOR]);
    expect(config.dsn?.projectId).toBe('42');
  });

  test('the one for traces wins over the one for all signals, and code over both', () => {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://all:4318',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:4318/as/is',
    };
    const urls = (options = {}) => resolving(environment, options).config.destinations.map(({ url }) => url);
    expect(urls()).toEqual(['http://traces:4318/as/is']);
    expect(urls({ endpoint: 'http://code/v1/traces' })).toEqual(['http://code/v1/traces']);
  });

  test('headers of all sources are merged, code over traces over all signals', () => {
    const { config } = resolving(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
        OTEL_EXPORTER_OTLP_HEADERS: 'A=general,b=general,c=general,d=general',
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=traces,B=traces',
      },
      { headers: { a: 'code' }, defaults: { headers: { d: 'defaults', e: 'defaults' } } },
    );
    expect(config.destinations).toEqual([
      { ...TO_COLLECTOR, headers: { a: 'code', b: 'traces', c: 'general', d: 'general', e: 'defaults' } },
    ]);
  });

  test('certificates and key are read as text, those for traces first', () => {
    const { config, problems } = resolving(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
        OTEL_EXPORTER_OTLP_CERTIFICATE: 'general.pem',
        OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: '/app/traces.pem',
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: 'client.pem',
        OTEL_EXPORTER_OTLP_CLIENT_KEY: 'key.pem',
      },
      {},
      hostWith({ 'general.pem': 'GENERAL', 'traces.pem': 'TRACES', 'client.pem': 'CLIENT', 'key.pem': 'KEY' }),
    );
    expect(config.destinations).toMatchObject([{ ...TO_COLLECTOR, tls: { ca: 'TRACES', cert: 'CLIENT', key: 'KEY' } }]);
    expect(problems).toEqual([]);
  });

  test('a certificate that cannot be read is reported without its path, which may be the key itself', () => {
    const { config, problems } = resolving({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      OTEL_EXPORTER_OTLP_CLIENT_KEY: '-----BEGIN PRIVATE KEY-----',
    });
    expect(config.destinations).toEqual([TO_COLLECTOR]);
    expect(problems).toEqual([
      {
        key: 'OTEL_EXPORTER_OTLP_CLIENT_KEY',
        message:
          'OTEL_EXPORTER_OTLP_CLIENT_KEY must be the path of a PEM file, but nothing can be read there: it is not used.',
      },
    ]);
  });

  const { cert, key } = selfSigned();
  const OTHER = selfSigned();
  const HTTPS = { ...TO_COLLECTOR, url: 'https://collector:4318/v1/traces' };

  test.each([
    ['whole', { 'ca.pem': cert, 'client.pem': cert, 'key.pem': key }, { ca: cert, cert, key }, []],
    ['without its key', { 'ca.pem': cert, 'client.pem': cert }, { ca: cert }, ['CLIENT_KEY must']],
    ['missing beside a key', { 'ca.pem': cert, 'key.pem': key }, { ca: cert }, ['CLIENT_CERTIFICATE must']],
    [
      'with the key of another',
      { 'ca.pem': cert, 'client.pem': cert, 'key.pem': OTHER.key },
      { ca: cert },
      ['CLIENT_CERTIFICATE and'],
    ],
    ['that is none', { 'ca.pem': cert, 'client.pem': 'no', 'key.pem': key }, { ca: cert }, ['CLIENT_CERTIFICATE and']],
    [
      'of an authority that is none',
      { 'ca.pem': 'no', 'client.pem': cert, 'key.pem': key },
      { cert, key },
      ['CERTIFICATE must'],
    ],
  ])('a client certificate %s is used or said', (_, files, tls, said) => {
    const { config, problems } = resolving(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector:4318',
        OTEL_EXPORTER_OTLP_CERTIFICATE: 'ca.pem',
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: 'client.pem',
        OTEL_EXPORTER_OTLP_CLIENT_KEY: 'key.pem',
      },
      {},
      hostWith(files),
    );
    expect(config.destinations).toEqual([{ ...HTTPS, tls, renewedTls: expect.any(Function) }]);
    expect(problems.map(({ message }) => message)).toEqual(
      said.map((start) => expect.stringContaining(`OTEL_EXPORTER_OTLP_${start}`) as string),
    );
    expect(problems.map(({ message }) => message).join('')).not.toContain('PRIVATE KEY');
  });

  test('a client certificate whose key nobody named is said', () => {
    const { problems } = resolving(
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector:4318', OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: 'client.pem' },
      {},
      hostWith({ 'client.pem': cert }),
    );
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining('one is missing')]);
  });

  test('gRPC is refused with a hint at the port, and JSON over HTTP is used', () => {
    const { config, problems } = resolving({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    });
    expect(config.destinations).toEqual([TO_COLLECTOR]);
    expect(problems).toEqual([
      {
        key: 'OTEL_EXPORTER_OTLP_PROTOCOL',
        message:
          'OTEL_EXPORTER_OTLP_PROTOCOL must be http/json or http/protobuf, but is "grpc" (OTLP over HTTP is usually on port 4318, gRPC on 4317).',
      },
    ]);
  });
});

describe("with Sentry's own OTLP endpoint", () => {
  const environment = {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: SENTRY_URL,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-sentry-auth=sentry sentry_key=abc',
  };
  const destination = {
    ...TO_SENTRY,
    name: 'otlp',
    headers: { 'x-sentry-auth': 'sentry sentry_key=abc' },
  };

  test('spans speak its dialect and travel compressed', () => {
    const { config, problems } = resolving(environment);
    expect(config.destinations).toEqual([destination]);
    expect(problems).toEqual([]);
  });

  test('a header without the word Relay looks for is repaired and reported', () => {
    const { config, problems } = resolving({
      ...environment,
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-sentry-auth=sentry_key=abc',
    });
    expect(config.destinations).toEqual([destination]);
    expect(problems).toEqual([
      {
        key: 'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
        message:
          'OTEL_EXPORTER_OTLP_TRACES_HEADERS must give x-sentry-auth as "sentry sentry_key=<public key>", but has it without the first "sentry".',
      },
    ]);
  });

  test('an authorization header beside its own is left out and reported', () => {
    const { config, problems } = resolving({
      ...environment,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer other',
    });
    expect(config.destinations).toEqual([destination]);
    expect(problems).toEqual([
      {
        key: 'OTEL_EXPORTER_OTLP_HEADERS',
        message:
          'OTEL_EXPORTER_OTLP_HEADERS holds an authorization header, which Sentry refuses beside x-sentry-auth: it is not sent.',
      },
    ]);
  });

  test('an authorization header alone is sent: Relay takes it too', () => {
    const headers = { authorization: 'Sentry sentry_key=abc' };
    const { config, problems } = resolving({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: SENTRY_URL }, { headers });
    expect(config.destinations).toEqual([{ ...destination, headers }]);
    expect(problems).toEqual([]);
  });

  test('the key of the DSN is used when both are the same project', () => {
    const { config, problems } = resolving({
      SENTRY_DSN: DSN,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: SENTRY_URL.slice(0, -1),
    });
    expect(config.destinations).toEqual([
      { ...destination, url: SENTRY_URL.slice(0, -1), headers: { 'x-sentry-auth': SENTRY_AUTH } },
    ]);
    expect(problems).toEqual([]);
  });

  test('the key of the DSN never goes to another project', () => {
    const url = SENTRY_URL.replace('/42/', '/43/');
    const { config } = resolving({ SENTRY_DSN: DSN, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url });
    expect(config.destinations).toEqual([{ ...destination, url, headers: {} }]);
  });

  test('a key in the query of the URL is authentication enough', () => {
    const url = `${SENTRY_URL}?sentry_key=abc`;
    const { config, problems } = resolving({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url });
    expect(config.destinations).toEqual([{ ...destination, url, headers: {} }]);
    expect(problems).toEqual([]);
  });

  test('missing authentication is reported with the line to add', () => {
    const { problems } = resolving({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: SENTRY_URL });
    expect(problems).toEqual([
      {
        key: 'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
        message:
          "OTEL_EXPORTER_OTLP_TRACES_HEADERS must hold x-sentry-auth=sentry sentry_key=<public key> for Sentry's OTLP endpoint, but no authentication is set: add it, or set SENTRY_DSN instead of the endpoint.",
      },
    ]);
  });

  test('the header alone is enough to know Sentry behind a proxy, and the dialect can still be chosen', () => {
    const proxied = { ...environment, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://proxy/spans' };
    const [byHeader] = resolving(proxied).config.destinations;
    expect(byHeader).toEqual({ ...destination, url: 'http://proxy/spans' });
    const [chosen] = resolving(proxied, { dialect: 'otel' }).config.destinations;
    expect(chosen?.dialect).toBe('otel');
  });

  test('an invented sentry.io host is reported, and the DSN is used in its place', () => {
    const { config, problems } = resolving({
      SENTRY_DSN: DSN,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otel-pipeline.sentry.io',
    });
    expect(config.destinations).toEqual([TO_SENTRY]);
    expect(problems).toEqual([
      {
        key: 'OTEL_EXPORTER_OTLP_ENDPOINT',
        message:
          'OTEL_EXPORTER_OTLP_ENDPOINT is an address where Sentry takes no OTLP traces: remove it and set SENTRY_DSN, or use https://<host of your DSN>/api/<project id>/integration/otlp/v1/traces/.',
      },
    ]);
  });
});

describe('named destinations', () => {
  const both = { SENTRY_DSN: DSN, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

  test('may be both at once', () => {
    const { config } = resolving({ ...both, FAULTLINE_DESTINATIONS: 'sentry, otlp' });
    expect(config.destinations).toEqual([TO_SENTRY, TO_COLLECTOR]);
  });

  test('in code win over the environment', () => {
    const { config } = resolving({ ...both, FAULTLINE_DESTINATIONS: 'otlp' }, { destinations: ['sentry'] });
    expect(config.destinations).toEqual([TO_SENTRY]);
  });

  test('without an endpoint are at the default one of OpenTelemetry', () => {
    const { config } = resolving({ FAULTLINE_DESTINATIONS: 'otlp' });
    expect(config.destinations).toEqual([{ ...TO_COLLECTOR, url: 'http://localhost:4318/v1/traces' }]);
  });

  test('leave Sentry out when there is no DSN, and say so', () => {
    const { config, problems } = resolving({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      FAULTLINE_DESTINATIONS: 'sentry,otlp',
    });
    expect(config.destinations).toEqual([TO_COLLECTOR]);
    expect(problems).toEqual([
      {
        key: 'destinations',
        message: 'Sentry is named as a destination, but there is no usable DSN: set SENTRY_DSN, or name otlp alone.',
      },
    ]);
  });

  test('that do not exist are reported, and the others are used', () => {
    const { config, problems } = resolving({ ...both, FAULTLINE_DESTINATIONS: 'sentry,datadog' });
    expect(config.destinations).toEqual([TO_SENTRY]);
    expect(problems).toEqual([
      {
        key: 'FAULTLINE_DESTINATIONS',
        message: 'FAULTLINE_DESTINATIONS must list sentry or otlp, but holds "datadog".',
      },
    ]);
  });
});

describe('tracing is off', () => {
  test.each([
    [
      'when nothing is configured',
      {},
      {},
      'No destination is configured: set SENTRY_DSN, or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT for another backend.',
    ],
    ['when code says so', { SENTRY_DSN: DSN }, { enabled: false }, 'The option enabled is false.'],
    [
      'when OpenTelemetry is disabled, whatever code says',
      { SENTRY_DSN: DSN, OTEL_SDK_DISABLED: 'TRUE' },
      { enabled: true },
      'OTEL_SDK_DISABLED is true.',
    ],
  ])('%s, and says why, and keeps Issues in as well', (_, environment, options, offReason) => {
    const { config, problems } = resolving(environment, options);
    expect(config).toMatchObject({ destinations: [], offReason });
    expect(config.dsn).toBeUndefined();
    expect(problems).toEqual([]);
  });

  test('when no exporter of traces is wanted, while the DSN stays for Issues', () => {
    const { config } = resolving({ SENTRY_DSN: DSN, OTEL_TRACES_EXPORTER: 'none' });
    expect(config).toMatchObject({ destinations: [], offReason: 'OTEL_TRACES_EXPORTER is none.' });
    expect(config.dsn?.projectId).toBe('42');
  });

  test('unless destinations are named for Faultline itself', () => {
    const { config } = resolving({ SENTRY_DSN: DSN, OTEL_TRACES_EXPORTER: 'none', FAULTLINE_DESTINATIONS: 'sentry' });
    expect(config.destinations).toEqual([TO_SENTRY]);
  });

  test('when the DSN is malformed, and the reason is the problem with it', () => {
    const { config, problems } = resolving({ SENTRY_DSN: `'${DSN}` });
    const message = 'SENTRY_DSN is wrapped in quotes, which whatever set it did not remove: write it without them.';
    expect(config).toMatchObject({ destinations: [], offReason: message });
    expect(problems).toEqual([{ key: 'SENTRY_DSN', message }]);
  });

  test('in silence: wrong variables of a process nobody configured are not its business', () => {
    const { problems } = resolving({
      OTEL_TRACES_EXPORTER: 'jaeger',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_TRACES_SAMPLER: 'xray',
      SENTRY_PROFILES_SAMPLE_RATE: '1',
    });
    expect(problems).toEqual([]);
  });

  test('not by an exporter Faultline does not have, which is reported', () => {
    const { config, problems } = resolving({ SENTRY_DSN: DSN, OTEL_TRACES_EXPORTER: 'zipkin' });
    expect(config.destinations).toEqual([TO_SENTRY]);
    expect(problems).toEqual([
      { key: 'OTEL_TRACES_EXPORTER', message: 'OTEL_TRACES_EXPORTER must list otlp or none, but holds "zipkin".' },
    ]);
  });
});
