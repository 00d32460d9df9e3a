import { expect, onTestFinished, test } from 'vitest';

import { startRecovery } from '../../../src/telemetry/export/delivery.ts';
import type { Ticket } from '../../../src/telemetry/export/recorder/recorder.ts';
import { turnedClock } from '../http/clocks.ts';
import { namesOf, record, temporaryDirectory } from './recorder/recorded.ts';

const MINUTE_MS = 60_000;

test('what a process leaves behind that ends after this one began is taken over in a minute, until this one stops', async () => {
  const directory = temporaryDirectory();
  const leave = [1, 2, 3].map((name) => {
    const { recorder, trace } = record({ directory });
    trace(`span ${name}`);
    recorder.keepIssue(`issue ${name}`, '{}');
    return () => recorder.close();
  });
  const { recorder } = record({ directory });
  onTestFinished(() => recorder.close());
  const clock = turnedClock();
  const tickets: Ticket[] = [];
  const issues: string[] = [];
  const recovery = startRecovery(
    recorder,
    [{ key: 'one', offerFromDisk: (offered) => void tickets.push(...offered) }],
    { restore: (ids) => void issues.push(...ids) },
    clock,
  );
  await recovery.done;
  expect(tickets).toEqual([]);

  for (const count of [1, 2]) {
    leave.shift()!();
    clock.turn(MINUTE_MS);
    await expect.poll(() => issues).toHaveLength(count);
    await expect.poll(() => clock.waits).toEqual([MINUTE_MS]);
  }
  expect(namesOf(recorder, tickets)).toEqual(['span 1', 'span 2']);

  recovery.stop();
  leave.shift()!();
  expect(clock.waits).toEqual([]);
});

test('nothing is looked for after a stop that comes before the first look is over', async () => {
  const { recorder } = record({ directory: temporaryDirectory() });
  onTestFinished(() => recorder.close());
  const clock = turnedClock();
  const recovery = startRecovery(recorder, [], undefined, clock);
  recovery.stop();
  await recovery.done;
  expect(clock.waits).toEqual([]);
});
