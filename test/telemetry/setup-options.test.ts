import { context, propagation, trace, type MeterProvider } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { setupTracing, type Tracing } from '../../src/telemetry/setup.ts';
import { traceTool } from '../../src/telemetry/spans.ts';
import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';

let sentry: FakeSentry;
let tracing: Tracing | undefined;
let lines: string[];

beforeEach(async () => {
  sentry = await startFakeSentry();
  lines = [];
});

afterEach(async () => {
  await tracing?.shutdown(1000);
  tracing = undefined;
  trace.disable();
  context.disable();
  propagation.disable();
  await sentry.close();
});

/** Options as they come from code nobody has checked. */
function setup(options: object): Tracing {
  tracing = setupTracing({
    env: {},
    onDiagnostic: (message) => lines.push(message),
    dsn: sentry.dsn,
    ...options,
  });
  return tracing;
}

const WHOLE: SpanProcessor = {
  onStart() {},
  onEnd() {},
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

describe('an option that must be an object of the SDK', () => {
  it.each([
    [{ meterProvider: {} }, 'meterProvider must be a meter provider, but has no getMeter.'],
    [{ meterProvider: 5 }, 'meterProvider must be a meter provider, but is 5.'],
    [{ spanProcessors: 5 }, 'spanProcessors must be a list of span processors, but is 5.'],
    [{ spanProcessors: WHOLE }, 'spanProcessors must be a list of span processors, but is of type object.'],
    [{ spanProcessors: [null] }, 'spanProcessors[0] must be a span processor, but is nothing.'],
    [{ spanProcessors: [WHOLE, 'x'] }, 'spanProcessors[1] must be a span processor, but is "x".'],
    [{ spanProcessors: [{ onEnd() {} }] }, 'spanProcessors[0] must be a span processor, but has no onStart.'],
    [
      { spanProcessors: [{ ...WHOLE, shutdown: 1 }] },
      'spanProcessors[0] must be a span processor, but has no shutdown.',
    ],
  ])('and is none is refused before anything is in place: %o', async (wrong, message) => {
    expect(() => setup(wrong)).toThrow(new TypeError(message));
    expect(() => setup({ ...wrong, dsn: undefined })).toThrow(new TypeError(message));

    const { status, flush } = setup({});
    expect(status).toMatchObject({ state: 'on', joined: false });
    traceTool({ name: 'get_weather' }, () => undefined);
    expect(await flush()).toMatchObject({ status: 'delivered', exported: 1 });
    expect(sentry.stored).toHaveLength(1);
  });

  it('and is null counts as not set', async () => {
    const { flush } = setup({ meterProvider: null, spanProcessors: null });
    traceTool({ name: 'get_weather' }, () => undefined);
    expect(await flush()).toMatchObject({ status: 'delivered', exported: 1 });
    expect(lines).toEqual([]);
  });
});

describe('a meter provider that throws', () => {
  it('is said once, and spans go out without metrics', async () => {
    const meterProvider: MeterProvider = {
      getMeter() {
        throw new Error('no meters today');
      },
    };
    const { flush, shutdown } = setup({ meterProvider });
    traceTool({ name: 'get_weather' }, () => undefined);
    expect(await flush()).toMatchObject({ status: 'delivered', exported: 1 });
    expect(lines).toEqual([expect.stringMatching(/^the meter provider .* no metrics/)]);
    await shutdown();
    expect(setup({}).status).toMatchObject({ state: 'on', joined: false });
  });
});

describe('options as a whole', () => {
  it('that are null count as none', () => {
    process.env['SENTRY_DSN'] = sentry.dsn;
    try {
      tracing = setupTracing(null as never);
      expect(tracing.status).toMatchObject({ state: 'on', destinations: [{ name: 'sentry' }] });
      expect(setupTracing(null as never)).toBe(tracing);
    } finally {
      delete process.env['SENTRY_DSN'];
    }
  });

  it.each([
    [5, 'The options of setupTracing must be an object, but are 5.'],
    [['x'], 'The options of setupTracing must be an object, but are a list.'],
  ])('that are none are refused: %o', (wrong, message) => {
    expect(() => setupTracing(wrong as never)).toThrow(new TypeError(message));
    tracing = undefined;
  });
});
