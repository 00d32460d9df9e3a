import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { captureException, setupTracing, type Tracing } from '../../../src/index.ts';
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
