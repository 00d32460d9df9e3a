import { expect, onTestFinished, test, vi } from 'vitest';

import { setupTracing, traceAgent } from '../../src/index.ts';
import { startFakeSentry } from '../../src/testing/fake-sentry.ts';
import { inMemoryTelemetry } from '../../src/testing/in-memory-telemetry.ts';

const run = (): Promise<string> => traceAgent({ name: 'helper' }, async () => 'Pack light.');

test('spans in memory are refused where setupTracing sends spans, which goes on', async () => {
  const sentry = await startFakeSentry();
  onTestFinished(() => sentry.close());
  const tracing = setupTracing({ dsn: sentry.dsn, env: {} });
  onTestFinished(async () => void (await tracing.shutdown()));

  expect(() => inMemoryTelemetry()).toThrow(/another one is registered.*empty SENTRY_DSN/);

  await run();
  await tracing.flush();
  expect(sentry.stored.map(({ name }) => name)).toEqual(['agent.invoke helper']);
});

test('spans in memory of one test are not those of the next one', async () => {
  const first = inMemoryTelemetry();
  onTestFinished(() => first.shutdown());
  expect(() => inMemoryTelemetry()).toThrow(/another one is registered: shut that of an earlier test down/);
  await run();
  await first.shutdown();

  const second = inMemoryTelemetry();
  onTestFinished(() => second.shutdown());
  await run();
  expect(second.spans).toHaveLength(1);
});

test('spans in memory take no timer of a test that moves the clock itself', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const telemetry = inMemoryTelemetry();
  onTestFinished(() => telemetry.shutdown());
  await run();
  expect(telemetry.spans).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});
