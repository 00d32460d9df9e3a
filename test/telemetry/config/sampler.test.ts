import { describe, expect, test } from 'vitest';

import { DSN, resolving } from './resolving.ts';

const ON = { kind: 'always_on' };
const OFF = { kind: 'always_off' };

describe('the sampler', () => {
  test.each([
    [{}, { kind: 'parentbased', root: ON }, undefined],
    [{ OTEL_TRACES_SAMPLER: 'always_on' }, ON, undefined],
    [{ OTEL_TRACES_SAMPLER: 'ALWAYS_OFF' }, OFF, undefined],
    [{ OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, { kind: 'parentbased', root: OFF }, undefined],
    [
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
      { kind: 'traceidratio', ratio: 0.25 },
      0.25,
    ],
    [
      { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' },
      { kind: 'parentbased', root: { kind: 'traceidratio', ratio: 0.5 } },
      0.5,
    ],
    [{ SENTRY_TRACES_SAMPLE_RATE: '0.1' }, { kind: 'parentbased', root: { kind: 'traceidratio', ratio: 0.1 } }, 0.1],
    [{ SENTRY_TRACES_SAMPLE_RATE: '1.0' }, { kind: 'parentbased', root: ON }, undefined],
    [{ SENTRY_TRACES_SAMPLE_RATE: '0' }, { kind: 'parentbased', root: OFF }, undefined],
  ])('for %j', (environment, sampler, clientSampleRate) => {
    const { config, problems } = resolving({ SENTRY_DSN: DSN, ...environment });
    expect(config.sampler).toEqual(sampler);
    expect(config.clientSampleRate).toBe(clientSampleRate);
    expect(problems).toEqual([]);
  });

  test('of OpenTelemetry wins over the rate of Sentry, with one notice', () => {
    const { config, problems } = resolving({
      SENTRY_DSN: DSN,
      OTEL_TRACES_SAMPLER: 'always_on',
      SENTRY_TRACES_SAMPLE_RATE: '0.1',
    });
    expect(config.sampler).toEqual(ON);
    expect(problems).toEqual([
      {
        key: 'SENTRY_TRACES_SAMPLE_RATE',
        message: 'SENTRY_TRACES_SAMPLE_RATE is not used because OTEL_TRACES_SAMPLER is set: keep only one of them.',
      },
    ]);
  });

  test('set in code wins over both', () => {
    const { config, problems } = resolving(
      { SENTRY_DSN: DSN, OTEL_TRACES_SAMPLER: 'always_off', SENTRY_TRACES_SAMPLE_RATE: '0.1' },
      { tracesSampleRate: 1 },
    );
    expect(config.sampler).toEqual({ kind: 'parentbased', root: ON });
    expect(problems).toEqual([]);
  });

  test('with an unknown name is reported and passed over for the rate of Sentry', () => {
    const { config, problems } = resolving({
      SENTRY_DSN: DSN,
      OTEL_TRACES_SAMPLER: 'jaeger_remote',
      SENTRY_TRACES_SAMPLE_RATE: '0.1',
    });
    expect(config.clientSampleRate).toBe(0.1);
    expect(problems).toEqual([
      {
        key: 'OTEL_TRACES_SAMPLER',
        message:
          'OTEL_TRACES_SAMPLER must be always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio, but is "jaeger_remote".',
      },
    ]);
  });

  test.each([
    [
      undefined,
      'OTEL_TRACES_SAMPLER_ARG must say which share of traces to keep, from 0 to 1: without it all are kept.',
    ],
    ['1.5', 'OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, but is "1.5".'],
  ])('of a ratio that is %s keeps every trace and says so', (OTEL_TRACES_SAMPLER_ARG, message) => {
    const { config, problems } = resolving({
      SENTRY_DSN: DSN,
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG,
    });
    expect(config.sampler).toEqual(ON);
    expect(problems).toEqual([{ key: 'OTEL_TRACES_SAMPLER_ARG', message }]);
  });
});
