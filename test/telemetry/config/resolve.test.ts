import { describe, expect, test } from 'vitest';

import * as catalog from '../../../src/telemetry/config/catalog.ts';
import type { Environment } from '../../../src/telemetry/config/environment.ts';
import type { TracingOptions } from '../../../src/telemetry/config/options.ts';
import type { Setting } from '../../../src/telemetry/config/settings.ts';
import { createContentPolicy } from '../../../src/telemetry/content/policy.ts';
import { DSN, PUBLIC_KEY, resolving } from './resolving.ts';
import { fc } from '../../support/properties.ts';

/** Every variable a setting can be set by. */
const VARIABLES = Object.values<Setting<unknown>>(catalog).flatMap(({ variables = [] }) => variables);

function sampleRateOf(environment: Environment, options: TracingOptions): number {
  return resolving({ SENTRY_DSN: DSN, ...environment }, options).config.sampleRate;
}

describe('the configuration', () => {
  test('of a DSN alone is complete', () => {
    const { destinations, ...rest } = resolving({ SENTRY_DSN: DSN }).config;
    expect(destinations).toHaveLength(1);
    expect(rest).toEqual({
      dsn: { publicKey: PUBLIC_KEY, origin: 'https://o1.ingest.us.sentry.io', pathPrefix: '', projectId: '42' },
      environment: 'production',
      resourceAttributes: { 'service.name': 'unknown_service:node', 'deployment.environment.name': 'production' },
      application: 'unknown_service:node\n/app',
      sampler: { kind: 'parentbased', root: { kind: 'always_on' } },
      sampleRate: 1,
      sendDefaultPii: false,
      captureContent: false,
      redaction: {},
      spanNames: 'faultline',
      toolSpanParent: 'chat',
      spanLimits: {
        attributeCountLimit: 128,
        attributeValueLengthLimit: Infinity,
        eventCountLimit: 128,
        linkCountLimit: 128,
        attributePerEventCountLimit: 128,
        attributePerLinkCountLimit: 128,
      },
      pricing: {},
      batch: {
        maxQueueSize: 65_536,
        maxQueueBytes: 16 * 1024 * 1024,
        maxExportBatchSize: 512,
        scheduleDelayMs: 5000,
        exportTimeoutMs: 30_000,
        retryForMs: 3_600_000,
      },
      proxyEnvironment: {},
      propagators: ['tracecontext', 'baggage'],
      register: true,
      exitTimeoutMs: 10_000,
      debug: false,
    });
  });

  test('honours the variables of OpenTelemetry and Sentry', () => {
    const { config, problems } = resolving({
      SENTRY_DSN: DSN,
      SENTRY_SAMPLE_RATE: '0.5',
      SENTRY_SEND_DEFAULT_PII: 'yes',
      SENTRY_DEBUG: '1',
      OTEL_PROPAGATORS: 'baggage,baggage',
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
      OTEL_BSP_SCHEDULE_DELAY: '0',
      OTEL_BSP_EXPORT_TIMEOUT: '1000',
      OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '10',
      OTEL_ATTRIBUTE_COUNT_LIMIT: '20',
      OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '1000',
      OTEL_SPAN_EVENT_COUNT_LIMIT: '30',
      OTEL_SPAN_LINK_COUNT_LIMIT: '40',
      OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: '50',
    });
    expect(config).toMatchObject({
      sampleRate: 0.5,
      sendDefaultPii: true,
      debug: true,
      propagators: ['baggage'],
      batch: { maxQueueSize: 100, maxExportBatchSize: 100, scheduleDelayMs: 0, exportTimeoutMs: 1000 },
      spanLimits: {
        attributeCountLimit: 10,
        attributeValueLengthLimit: 1000,
        eventCountLimit: 30,
        linkCountLimit: 40,
        attributePerEventCountLimit: 50,
        attributePerLinkCountLimit: 20,
      },
    });
    expect(problems).toEqual([]);
  });

  test('takes code first, then the environment, then options.defaults', () => {
    const defaults = { sampleRate: 0.3 };
    expect(sampleRateOf({ SENTRY_SAMPLE_RATE: '0.2' }, { sampleRate: 0.1, defaults })).toBe(0.1);
    expect(sampleRateOf({ SENTRY_SAMPLE_RATE: '0.2' }, { defaults })).toBe(0.2);
    expect(sampleRateOf({ SENTRY_SAMPLE_RATE: '' }, { defaults })).toBe(0.3);
    expect(sampleRateOf({ SENTRY_SAMPLE_RATE: 'all' }, { defaults })).toBe(0.3);
  });

  test('merges prices by model', () => {
    const { config } = resolving(
      {},
      {
        pricing: { 'gpt-5-mini': { input: 1, output: 2 } },
        defaults: { pricing: { 'gpt-5-mini': { input: 9, output: 9 }, local: { input: 0, output: 0, cacheRead: 0 } } },
      },
    );
    expect(config.pricing).toEqual({
      'gpt-5-mini': { input: 1, output: 2 },
      local: { input: 0, output: 0, cacheRead: 0 },
    });
  });

  test('is frozen to its leaves, and freezes nothing of the caller', () => {
    const options = {
      resourceAttributes: { zones: ['a'] },
      pricing: { m: { input: 1, output: 1 } },
      captureContent: { inputs: true },
      errorMessages: ['WeatherError'],
      redaction: { patterns: [{ name: 'order', pattern: /order-\d+/g }], redact: (text: string) => text },
    };
    const { config } = resolving({ SENTRY_DSN: DSN }, options);
    const parts = (value: unknown): unknown[] =>
      (typeof value === 'object' && value !== null && !(value instanceof RegExp)) || typeof value === 'function'
        ? [value, ...Object.values(value).flatMap(parts)]
        : [];
    expect(parts(config).filter((part) => typeof part !== 'function' && !Object.isFrozen(part))).toEqual([]);
    expect(parts(options).filter((part) => Object.isFrozen(part))).toEqual([]);
  });

  test('keeps what is of a class of the application as it is', () => {
    class CompanyRedaction {
      readonly #secret = 'order-77';
      redact(text: string): string {
        return text.replaceAll(this.#secret, '[order]');
      }
    }
    class OrderPattern {
      readonly name = 'invoice';
      get pattern(): RegExp {
        return /invoice-\d+/;
      }
    }
    const redaction = Object.assign(new CompanyRedaction(), { patterns: [new OrderPattern()] });
    const { config } = resolving({ SENTRY_DSN: DSN }, { redaction });
    const { redactor, secretsRedactor } = createContentPolicy(config);
    expect(redactor.text('order-77 and invoice-8')).toBe('[order] and [redacted:invoice]');
    expect(secretsRedactor.text('order-77 and invoice-8')).toBe('[order] and [redacted:invoice]');
    expect([redaction, redaction.patterns, redaction.patterns[0]].some(Object.isFrozen)).toBe(false);
  });
});

describe('a wrong value', () => {
  test.each<[TracingOptions, string]>([
    [{ sampleRate: 2 }, 'sampleRate must be a number from 0 to 1, but is 2.'],
    [{ tracesSampleRate: Number.NaN }, 'tracesSampleRate must be a number from 0 to 1, but is NaN.'],
    [
      { timeoutMs: 2 ** 31 },
      'timeoutMs must be a number of milliseconds above 0 and up to 2147483647, but is 2147483648.',
    ],
    [{ batch: { maxQueueSize: 0 } }, 'batch.maxQueueSize must be a whole number above 0, but is 0.'],
    [
      { spanLimits: { eventCountLimit: -1 } },
      'spanLimits.eventCountLimit must be a whole number of 0 or more, but is -1.',
    ],
    [
      { endpoint: 'localhost:4318' },
      'endpoint must be an http or https URL such as http://localhost:4318/v1/traces, but is not.',
    ],
    [
      { pricing: { m: { input: -1, output: 1 } } },
      'pricing must give input and output of "m" in USD per million tokens, all 0 or more.',
    ],
    [{ defaults: { sampleRate: -1 } }, 'defaults.sampleRate must be a number from 0 to 1, but is -1.'],
    [
      { dsn: 'https://example.com/1' },
      'dsn has no public key: it must be https://<public key>@<host>/<project id>, as in Sentry under Project Settings > Client Keys (DSN).',
    ],
    [
      { headers: { 'x-sentry-auth': 'sentry_key=abc' } },
      'headers must give x-sentry-auth as "sentry sentry_key=<public key>", but has it without the first "sentry".',
    ],
  ])('in code throws, also when nothing is configured: %j', (options, message) => {
    expect(() => resolving({}, options)).toThrow(new TypeError(message));
  });

  test.each<[Record<string, unknown>, string]>([
    [{ sampleRate: '0.5' }, 'sampleRate must be a number from 0 to 1, but is "0.5".'],
    [{ protocol: 'grpc' }, 'but is "grpc" (OTLP over HTTP is usually on port 4318, gRPC on 4317).'],
    [{ destinations: 'sentry' }, 'destinations must be a list of sentry or otlp, but is "sentry".'],
    [{ destinations: ['sentri'] }, 'destinations must list sentry or otlp, but holds "sentri".'],
    [{ enabled: 'false' }, 'enabled must be true or false, but is "false".'],
    [{ serviceName: 5 }, 'serviceName must be a text, but is 5.'],
    [{ envFile: true }, 'envFile must be the path of a file or false, but is true.'],
    [{ dsn: {} }, 'but is of type object.'],
    [{ recorder: '/var/lib' }, 'recorder must be an object of directory, maxBytes or maxAgeMs, but is "/var/lib".'],
    [
      { recorder: { dir: '/var/lib' } },
      'recorder must be an object of directory, maxBytes or maxAgeMs, but has "dir".',
    ],
    [{ batch: [] }, 'maxQueueBytes or retryForMs, but is a list.'],
    [{ batch: { foo: 1 } }, 'but has "foo".'],
    [{ defaults: { spanLimits: { links: 1 } } }, 'attributePerLinkCountLimit, but has "links".'],
    [
      { resourceAttributes: { owner: {} } },
      'resourceAttributes must hold texts, numbers, booleans or lists of them, which "owner" is not.',
    ],
  ])('that a type checker would have caught throws as well: %j', (options, message) => {
    expect(() => resolving({}, options as TracingOptions)).toThrow(message);
  });

  test('that is empty is no value at all', () => {
    const options = { dsn: '', release: ' ', serviceName: null, batch: null, defaults: null };
    const { config } = resolving({ SENTRY_DSN: DSN }, options as unknown as TracingOptions);
    expect(config).toEqual(resolving({ SENTRY_DSN: DSN }).config);
  });

  test('in the environment is reported with what was expected and what came, and the next source is used', () => {
    const { config, problems } = resolving({
      SENTRY_DSN: DSN,
      SENTRY_SAMPLE_RATE: '50%',
      SENTRY_DEBUG: 'maybe',
      OTEL_SDK_DISABLED: '1',
      OTEL_PROPAGATORS: 'b3,tracecontext',
      OTEL_BSP_MAX_QUEUE_SIZE: '10',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '20',
      SENTRY_PROFILES_SAMPLE_RATE: '1.0',
    });
    expect(config).toMatchObject({
      sampleRate: 1,
      debug: false,
      propagators: ['tracecontext'],
      batch: { maxQueueSize: 10, maxExportBatchSize: 10 },
    });
    expect(Object.fromEntries(problems.map(({ key, message }) => [key, message]))).toEqual({
      OTEL_SDK_DISABLED: 'OTEL_SDK_DISABLED must be true or false, but is "1".',
      SENTRY_PROFILES_SAMPLE_RATE:
        'SENTRY_PROFILES_SAMPLE_RATE has no effect, because OTLP carries no profiles to Sentry: remove it.',
      SENTRY_SAMPLE_RATE: 'SENTRY_SAMPLE_RATE must be a number from 0 to 1, but is "50%".',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE:
        'OTEL_BSP_MAX_EXPORT_BATCH_SIZE must not exceed the queue of 10 spans, but is 20: the size of the queue is used.',
      OTEL_PROPAGATORS: 'OTEL_PROPAGATORS must list tracecontext, baggage or none, but holds "b3".',
      SENTRY_DEBUG: 'SENTRY_DEBUG must be true or false, but is "maybe".',
    });
  });

  test('in quotes that nobody has removed, as of `docker run --env-file`, is said and read without them', () => {
    const { config, problems } = resolving({
      SENTRY_DSN: `"${DSN}"\r`,
      SENTRY_ENVIRONMENT: "'staging'",
      FAULTLINE_RECORDER_DIR: '"/var/lib/agent"',
      OTEL_SERVICE_NAME: '""',
    });
    expect(config).toMatchObject({
      dsn: { projectId: '42' },
      environment: 'staging',
      recorder: { directory: '/var/lib/agent' },
    });
    expect(problems.map(({ message }) => message).toSorted()).toEqual(
      ['FAULTLINE_RECORDER_DIR', 'SENTRY_DSN', 'SENTRY_ENVIRONMENT'].map(
        (name) => `${name} is wrapped in quotes, which whatever set it did not remove: write it without them.`,
      ),
    );
  });

  test('in such quotes is said as well when it is wrong without them', () => {
    const { config, problems } = resolving({ SENTRY_DSN: '"https://sentry.io"' });
    const reason = expect.stringMatching(/^SENTRY_DSN (?!is wrapped)/) as string;
    expect(config.offReason).toEqual(reason);
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining('is wrapped in quotes'), reason]);
  });

  test('in a list whose entries have quotes of their own is not cut out of it', () => {
    const { config, problems } = resolving({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example',
      OTEL_EXPORTER_OTLP_HEADERS: '"api-key=abc","x-tenant=1"',
    });
    expect(config.destinations).toEqual([expect.objectContaining({ headers: {} })]);
    expect(problems.map(({ key }) => key)).toEqual(['OTEL_EXPORTER_OTLP_HEADERS']);
  });

  test('none installs no propagator', () => {
    expect(resolving({ SENTRY_DSN: DSN, OTEL_PROPAGATORS: 'none' }).config.propagators).toEqual([]);
    expect(resolving({ SENTRY_DSN: DSN }, { propagators: [] }).config.propagators).toEqual([]);
  });

  test('whatever it is and wherever it stands, never throws, is told once, and shows no secret', () => {
    const secrets = [DSN, PUBLIC_KEY, `x-sentry-auth=${PUBLIC_KEY}`, `Bearer ${PUBLIC_KEY}`, `"${DSN}"`];
    const value = fc.oneof(
      fc.constantFrom(...secrets, ...secrets.map((secret) => `a=1,${secret}`), 'sentry,otlp', '0.5', 'true'),
      fc.string(),
    );
    const environment = fc.dictionary(fc.constantFrom(...VARIABLES), value);
    fc.assert(
      fc.property(environment, fc.boolean(), (variables, withDsn) => {
        const { problems } = resolving(withDsn ? { ...variables, SENTRY_DSN: DSN } : variables);
        const keys = problems.map(({ key }) => key);
        expect(new Set(keys).size).toBe(keys.length);
        const told = problems.map(({ message }) => message).join('\n');
        expect(told).not.toContain(PUBLIC_KEY);
        expect(told).not.toContain('secretsecretsecret');
      }),
      { numRuns: 300 },
    );
  });
});
