import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { captureException, setupTracing, traceAgent, type Tracing } from '../../../src/index.ts';
import { startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';

let sentry: FakeSentry;
let lines: string[];
beforeEach(async () => {
  sentry = await startFakeSentry();
  lines = [];
});
afterEach(() => sentry.close());

function setup(): Tracing {
  const tracing = setupTracing({ env: {}, dsn: sentry.dsn, onDiagnostic: (line) => lines.push(line) });
  onTestFinished(async () => void (await tracing.shutdown()));
  return tracing;
}

const captureTimes = (times: number): void => {
  for (let count = 0; count < times; count += 1) captureException(new RangeError('out of stock'));
};

describe('one failure that repeats', () => {
  it('is held back, counted, and said once at the flush', async () => {
    const tracing = setup();
    captureTimes(12);
    await tracing.flush();
    captureTimes(3);
    await tracing.flush();
    expect(sentry.envelopes).toHaveLength(5);
    expect(tracing.status).toMatchObject({ issues: { sent: 5, pending: 0, dropped: { held_back: 10 } } });
    expect(lines).toEqual([
      '7 Issues were held back, because the same failure came again and again; Sentry has the first of them',
    ]);
  });

  it('is held back as well where every run has an agent with an id of its own', async () => {
    const tracing = setup();
    const ids = ['V1StGXR8_Z5jdHi6B-myT', 'jMQ8eYkT-0pWv_LsN2aXb', '01JD4Q8ZK3V7XW2N5B9M6T0RCE', 'C06EY4NQ7P1'];
    for (const id of [...ids, 'tz4a98xxat96iws9zmbrgj3a', 'ann.lee@example.com', 'k3j9x2m1qa']) {
      const run = traceAgent({ name: `worker-${id}` }, () => Promise.reject(new RangeError('out of stock')));
      await expect(run).rejects.toThrow(RangeError);
    }
    await tracing.flush();
    expect(tracing.status).toMatchObject({ issues: { sent: 5, dropped: { held_back: 2 } } });
  });

  it('is no failed delivery', async () => {
    const tracing = setup();
    captureTimes(6);
    expect(await tracing.flush()).toEqual({ status: 'delivered', exported: 0, issues: 5 });
  });

  it('is said at the shutdown when nobody has flushed before', async () => {
    const tracing = setup();
    captureTimes(6);
    await tracing.shutdown();
    expect(lines).toEqual([expect.stringMatching(/^an Issue was held back, /)]);
  });
});
