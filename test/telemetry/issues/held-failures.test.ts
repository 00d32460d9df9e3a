import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { trace } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  addBreadcrumb,
  setContext,
  setupTracing,
  traceAgent,
  traceTool,
  type SentryEvent,
  type Tracing,
} from '../../../src/index.ts';
import type { HeldFailure } from '../../../src/telemetry/active.ts';
import { holdFailures } from '../../../src/telemetry/capture.ts';
import type { CapturedFailure } from '../../../src/telemetry/captured.ts';
import { createHeldFailures, forgottenFailure } from '../../../src/telemetry/issues/held-failures.ts';
import { startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { turnedClock } from '../http/clocks.ts';
import { letters, receivedEvents } from './sending.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let sentry: FakeSentry;
let tracing: Tracing;
beforeEach(async () => {
  sentry = await startFakeSentry();
  tracing = setupTracing({ env: {}, dsn: sentry.dsn, errorMessages: 'redacted', onDiagnostic: () => {} });
});
afterEach(async () => {
  await tracing.shutdown();
  await sentry.close();
});

/** A tool that fails, and an agent that goes on. */
function failingTool(error: Error, name = 'book'): void {
  const call = (): unknown =>
    traceTool({ name }, () => {
      throw error;
    });
  expect(call).toThrow(error.message);
}

async function issues(): Promise<readonly SentryEvent[]> {
  await tracing.flush();
  return receivedEvents(sentry);
}

const told = ({ level, exception, tags }: SentryEvent): unknown => {
  const { value, mechanism } = exception!.values.at(-1)!;
  return [value, level, mechanism.handled, tags['tool']];
};

const FAILURE: CapturedFailure = {
  error: new Error('no seat left'),
  occurredAtMs: 1_795_195_344_729,
  level: 'warning',
  handled: true,
  mechanism: 'faultline.tool.execution',
  tags: {},
  contexts: {},
  breadcrumbs: [],
};

describe('the failures of one run', () => {
  it('wait for its end, up to a hundred', async () => {
    await traceAgent({ name: 'helper' }, async () => {
      for (let count = 0; count < 100; count += 1) failingTool(new Error(`failure ${count}`), letters(count));
      expect(await issues()).toHaveLength(0);
      failingTool(new Error('failure 100'), 'last');
      expect((await issues()).map(told)).toEqual([['failure 0', 'warning', true, 'a']]);
    });
    expect(await issues()).toHaveLength(101);
  });

  it.each(['timeout', null])('wait for its end, up to a hundred, also where what was thrown is %j', async (thrown) => {
    await traceAgent({ name: 'helper' }, async () => {
      for (let count = 0; count <= 100; count += 1) {
        await traceTool({ name: letters(count) }, () => Promise.reject(thrown)).catch(() => {});
      }
      expect((await issues()).map(({ tags }) => tags['tool'])).toEqual(['a']);
    });
    expect(await issues()).toHaveLength(101);
  });

  it('wait for its end however many other runs of the trace have failures', async () => {
    let release = (): void => {};
    const all = new Promise<void>((resolve) => (release = resolve));
    const whole = trace.getTracer('test').startActiveSpan('batch', (root) => {
      const runs = Array.from({ length: 60 }, (_, count) =>
        traceAgent({ name: `agent ${letters(count)}` }, async () => {
          const errors = [new Error('failed'), new Error('failed again')];
          for (const error of errors) failingTool(error);
          await all;
          throw new AggregateError(errors, 'failed twice');
        }),
      );
      return Promise.allSettled(runs).finally(() => root.end());
    });
    expect(await issues()).toHaveLength(0);
    release();
    await whole;
    expect((await issues()).map(({ level }) => level)).toEqual(Array.from({ length: 60 }, () => 'error'));
  });

  it('are one Issue with what became of them, whichever of them ended it', async () => {
    const errors = Array.from({ length: 150 }, (_, count) => new Error(`failure ${count}`));
    for (const fatal of [errors[0]!, errors[149]!]) {
      const run = (): unknown =>
        traceAgent({ name: `agent ${letters(errors.indexOf(fatal))}` }, () => {
          for (const error of errors) failingTool(error);
          throw fatal;
        });
      expect(run).toThrow(fatal.message);
    }
    expect((await issues()).map(told).filter((issue) => (issue as unknown[])[1] === 'error')).toEqual([
      ['failure 0', 'error', false, 'book'],
      ['failure 149', 'error', false, 'book'],
    ]);
  });

  it('keep their steps and contexts also where one that was settled before ends the run within a second', async () => {
    const errors = Array.from({ length: 101 }, (_, count) => new Error(`failure ${count}`));
    const run = (): unknown =>
      traceAgent({ name: 'helper' }, () => {
        setContext('order', { id: 5 });
        addBreadcrumb({ category: 'booking', message: 'starts' });
        for (const error of errors) failingTool(error);
        throw errors[0];
      });
    expect(run).toThrow('failure 0');
    const fatal = (await issues()).filter(({ exception }) => exception?.values.at(-1)?.value === 'failure 0');
    expect(fatal.map(told)).toEqual([['failure 0', 'error', false, 'book']]);
    expect(fatal[0]).toMatchObject({ contexts: { order: { id: 5 } } });
    expect(fatal[0]?.breadcrumbs?.values.map(({ category }) => category)).toContain('booking');
  });

  it('are told once also where one that was settled before is the cause of what ends the run within a second', async () => {
    const errors = Array.from({ length: 101 }, (_, count) => new Error(`failure ${count}`));
    const run = (): unknown =>
      traceAgent({ name: 'helper' }, () => {
        failingTool(errors[0]!, 'first');
        for (const error of errors.slice(1)) failingTool(error);
        throw new Error('no trip', { cause: errors[0] });
      });
    expect(run).toThrow('no trip');
    const others = (await issues()).filter(({ tags }) => tags['tool'] !== 'book');
    expect(others.map(told)).toEqual([['no trip', 'error', false, undefined]]);
  });

  /** How many of the errors of 250 failed tools are still in memory while their run goes on. */
  const kept = (): Promise<number> => {
    const errors: WeakRef<Error>[] = [];
    const fail = (): void => {
      const error = new Error('no seat left');
      errors.push(new WeakRef(error));
      failingTool(error);
    };
    return traceAgent({ name: 'helper' }, async () => {
      for (let count = 0; count < 250; count += 1) fail();
      // Tells those that have waited behind the newest hundred.
      await tracing.flush();
      await new Promise(setImmediate);
      collectGarbage();
      return errors.filter((error) => error.deref() !== undefined).length;
    });
  };

  it('keep no error longer than it waits, also while their run goes on', async () => {
    // A hundred wait, and the collector may overlook a few.
    expect(await kept()).toBeLessThan(110);
  });

  it('keep no error of which there is to be no Issue, also while their run goes on', async () => {
    await tracing.shutdown();
    tracing = setupTracing({ env: {}, dsn: sentry.dsn, ignoreErrors: [/no seat/], onDiagnostic: () => {} });
    expect(await kept()).toBeLessThan(10);
    expect(await issues()).toEqual([]);
  });

  it.each([
    ['errors', (count: number) => new Error(`full ${count}`)],
    ['texts', (count: number) => `full ${count}`],
    ['null', () => null],
  ])('leave little behind in a run that goes on, once nobody has what was thrown any more: %s', async (_, thrown) => {
    const held = createHeldFailures(turnedClock());
    const ofRun: HeldFailure[] = [];
    const fail = (count: number): void =>
      holdFailures(ofRun, [
        held.add({ ...FAILURE, error: thrown(count) }, () => {}),
        forgottenFailure({ ...FAILURE, error: thrown(count) }, false),
      ]);
    for (let count = 0; count < 1_000; count += 1) fail(count);
    await new Promise(setImmediate);
    collectGarbage();
    for (let count = 0; count < 200; count += 1) fail(count);
    // A hundred wait, so do the newest values, some hundreds came since, and the collector may overlook a few.
    expect(ofRun.length).toBeLessThan(620);
  });

  it.each(['timeout', null])('end a run also long after others of it, where %j was thrown again', async (thrown) => {
    const call = (name: string): Promise<unknown> => traceTool({ name }, () => Promise.reject(thrown));
    const run = traceAgent({ name: 'helper' }, async () => {
      const end = call('first');
      await end.catch(() => {});
      for (let count = 0; count < 110; count += 1) failingTool(new Error(`failure ${count}`));
      await tracing.flush();
      await end;
    });
    await expect(run).rejects.toBe(thrown);
    const ended = (await issues()).filter(({ tags }) => tags['tool'] === 'first');
    expect(ended.map(({ level }) => level)).toEqual(['warning', 'error']);
  });

  it('do not pile up when there are very many', async () => {
    traceAgent({ name: 'helper' }, () => {
      for (let count = 0; count < 1_000; count += 1) failingTool(new Error(`failure ${count}`));
    });
    expect(await issues()).toHaveLength(5);
    expect(tracing.status).toMatchObject({ issues: { sent: 5, dropped: { held_back: 995 } } });
  });

  it('are settled once each, and leave nothing that waits, with no more work for one when there are very many', () => {
    const clock = turnedClock();
    const held = createHeldFailures(clock);
    let settled = 0;
    // So many that whatever looks at all of them for each would not come to an end.
    const all = Array.from({ length: 300_000 }, () => held.add(FAILURE, () => (settled += 1)));
    expect([...held]).toHaveLength(100);
    expect(clock.waits).toHaveLength(100);
    expect(settled).toBe(299_900);
    for (const { decide } of all) decide(FAILURE);
    expect(settled).toBe(300_000);
    expect([...held]).toEqual([]);
    expect(clock.waits).toEqual([]);
  });
});
