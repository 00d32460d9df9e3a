import {
  appendFileSync,
  copyFileSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';
import timers from 'node:timers/promises';

import { describe, expect, onTestFinished, test, vi } from 'vitest';

import { thisOwner } from '../../../../src/telemetry/export/recorder/owner.ts';
import { formatSegmentName, parseSegmentName } from '../../../../src/telemetry/export/recorder/segment-name.ts';
import { hasUnsettled } from '../../../../src/telemetry/export/recorder/take-over.ts';
import { deadOwner, filesIn, namesOf, record, temporaryDirectory } from './recorded.ts';
import { fc } from '../../../support/properties.ts';
import { NOTHING } from '../../../support/nothing.ts';

function onlyFile(directory: string): string {
  const [file = ''] = filesIn(directory);
  return join(directory, file);
}

/** The records of a file that are whole. */
function wholeRecords(content: Buffer): readonly (readonly unknown[])[] {
  return content
    .toString('utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as unknown[]];
      } catch {
        return [];
      }
    })
    .filter((record) => Array.isArray(record));
}

/** The line of a span that ended, which is whole but for what is given. */
function spanLine({
  traceId = '1'.repeat(32),
  spanId = '2'.repeat(16),
  scope = 0,
  startTime = [1, 0],
}: {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly scope?: number;
  readonly startTime?: readonly number[];
}): string {
  const context = [traceId, spanId, 1, null, null];
  return JSON.stringify(['e', context, null, scope, 0, 0, 'a', startTime, {}, [], [2, 0], [0], [], 0, 0, 0]);
}

describe('what a process that is gone left behind', () => {
  test('comes back, oldest first, but for what each destination has settled', async () => {
    const directory = temporaryDirectory();
    const dead = record({ directory, owner: deadOwner(), destinations: ['one', 'two'] });
    const [a = 0, b = 0] = dead.trace('a', 'b', 'c');
    dead.recorder.strike('one', [a]);
    dead.recorder.strike('two', [a, b]);
    const { recorder } = record({ directory });

    const { spans, issues } = await recorder.recover();

    expect([...spans].map(([destination, tickets]) => [destination, namesOf(recorder, tickets)])).toEqual([
      ['one', ['b', 'c']],
      ['two', ['c']],
    ]);
    expect(issues).toEqual([]);
    expect(recorder.status).toMatchObject({ spans: 2, recovered: 2, interrupted: 0, dropped: NOTHING });
  });

  test('comes back also where a test has stopped the timers that are promises', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner() }).trace('a');
    const { recorder } = record({ directory });
    const stopped = vi.spyOn(timers, 'setImmediate').mockReturnValue(new Promise(() => {}));
    syncBuiltinESMExports();
    onTestFinished(() => {
      stopped.mockRestore();
      syncBuiltinESMExports();
    });

    expect(namesOf(recorder, (await recorder.recover()).spans.get('one'))).toEqual(['a']);
  });

  test('is given out once', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner() }).trace('a');
    const { recorder } = record({ directory });
    const [first, second] = await Promise.all([recorder.recover(), recorder.recover()]);

    expect(first?.spans.get('one')).toHaveLength(1);
    expect(second?.spans.size).toBe(0);
  });

  test('is not sent again when the process that sends it is gone too', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner() }).trace('a', 'b', 'c');
    const second = record({ directory, owner: deadOwner() }).recorder;
    const [a = 0, b = 0] = (await second.recover()).spans.get('one') ?? [];
    second.strike('one', [a]);
    second.strike('one', [b]);
    const third = record({ directory }).recorder;

    expect(namesOf(third, (await third.recover()).spans.get('one'))).toEqual(['c']);
  });

  test('is gone from disk once it is settled', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner() }).trace('a', 'b');
    const { recorder } = record({ directory });
    recorder.strike('one', (await recorder.recover()).spans.get('one') ?? []);

    expect(filesIn(directory)).toEqual([]);
  });

  test('leaves no trace when it was settled', async () => {
    const directory = temporaryDirectory();
    const dead = record({ directory, owner: deadOwner() });
    dead.recorder.strike('one', dead.trace('a'));
    const { recorder } = record({ directory });

    expect(await recorder.recover()).toEqual({ spans: new Map(), issues: [] });
    expect(filesIn(directory)).toEqual([]);
  });

  test('includes the Issues that were not settled', async () => {
    const directory = temporaryDirectory();
    const dead = record({ directory, owner: deadOwner() }).recorder;
    dead.keepIssue('a', '{"event_id":"a"}');
    dead.keepIssue('b', '{"event_id":"b","message":"line\\nbreak"}');
    dead.keepIssue('c', '{"event_id":"c"}');
    dead.strikeIssue('a');
    const { recorder } = record({ directory });
    const { issues } = await recorder.recover();

    expect(issues).toEqual(['b', 'c']);
    expect(issues.map((id) => recorder.readIssue(id))).toEqual([
      '{"event_id":"b","message":"line\\nbreak"}',
      '{"event_id":"c"}',
    ]);
    for (const id of issues) recorder.strikeIssue(id);
    expect(filesIn(directory)).toEqual([]);
  });

  test('includes spans that never ended, as failed ones that ended when the process was last known to live', async () => {
    const directory = temporaryDirectory();
    const dead = record({ directory, owner: deadOwner(), wallClock: () => 500 });
    const agent = dead.tracer.startSpan('agent', { attributes: { 'gen_ai.agent.name': 'helper' }, startTime: [1, 0] });
    dead.tracer.startSpan('chat', { startTime: [2, 0] }).end([3, 5e8]);
    const { recorder } = record({ directory, wallClock: () => 4_000 });
    const { spans } = await recorder.recover();
    const [, ticket = 0] = spans.get('one') ?? [];

    const span = recorder.read(ticket);
    expect(span?.spanContext()).toEqual(agent.spanContext());
    expect(span).toMatchObject({
      name: 'agent',
      status: { code: 2 },
      attributes: { 'gen_ai.agent.name': 'helper', 'error.type': 'interrupted', 'faultline.interrupted': true },
    });
    expect([span?.startTime, span?.endTime, span?.duration]).toEqual([
      [1, 0],
      [3, 5e8],
      [2, 5e8],
    ]);
    expect(recorder.status).toMatchObject({ recovered: 2, interrupted: 1 });
  });

  test('knows for how long a process lived that did nothing', async () => {
    const directory = temporaryDirectory();
    let wallTime = 1_000;
    const dead = record({ directory, owner: deadOwner(), wallClock: () => wallTime });
    dead.tracer.startSpan('agent', { startTime: [1, 0] });
    wallTime = 61_000;
    dead.clock.turn(60_000);
    const { recorder } = record({ directory, wallClock: () => 62_000 });
    const [ticket = 0] = (await recorder.recover()).spans.get('one') ?? [];

    expect(recorder.read(ticket)?.endTime).toEqual([61, 0]);
  });

  test('never ends a span before its start when a clock was set back', async () => {
    const directory = temporaryDirectory();
    const dead = record({ directory, owner: deadOwner(), wallClock: () => 1_000 });
    dead.tracer.startSpan('agent', { startTime: [9, 0] });
    const { recorder } = record({ directory, wallClock: () => 2_000 });
    const span = recorder.read((await recorder.recover()).spans.get('one')?.[0] ?? 0);

    expect(span?.endTime).toEqual([9, 0]);
  });

  test('believes no clock that was ahead for a moment: a span ends no later than its file was written', async () => {
    const directory = temporaryDirectory();
    const dead = record({ directory, owner: deadOwner() });
    // The clock of a file system may be a little behind.
    const startedAt = Math.floor(Date.now() / 1000) - 1;
    const inAMonth = startedAt + 30 * 86_400;
    dead.tracer.startSpan('agent');
    dead.tracer.startSpan('ahead', { startTime: [inAMonth, 0] }).end([inAMonth, 0]);
    const { recorder } = record({ directory });
    const [, ticket = 0] = (await recorder.recover()).spans.get('one') ?? [];

    const [seconds = 0] = recorder.read(ticket)?.endTime ?? [];
    expect(seconds).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000));
    expect(seconds).toBeGreaterThanOrEqual(startedAt);
  });

  test('tells of an interrupted span once, also when the process that took it over is gone too', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner() }).tracer.startSpan('agent');
    await record({ directory, owner: deadOwner() }).recorder.recover();
    const { recorder } = record({ directory });
    const { spans } = await recorder.recover();

    expect(namesOf(recorder, spans.get('one'))).toEqual(['agent']);
  });

  test('includes what a closed recorder of a process that lives did not get rid of', async () => {
    const directory = temporaryDirectory();
    const first = record({ directory });
    first.trace('a');
    first.recorder.close();
    const { recorder } = record({ directory });

    expect(namesOf(recorder, (await recorder.recover()).spans.get('one'))).toEqual(['a']);
  });

  test('is left to the next one by a recorder that is closed while it takes it over', async () => {
    const directory = temporaryDirectory();
    for (const name of ['a', 'b']) record({ directory, owner: deadOwner() }).trace(name);
    const closed = record({ directory }).recorder;
    const recovering = closed.recover();
    // It has begun, and waits for the file system.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    closed.close();
    await recovering;
    const { recorder } = record({ directory });

    expect((await recorder.recover()).spans.get('one')).toHaveLength(2);
  });

  test('goes by the file when there is more than one', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner(), wallClock: () => 2_000 }).trace('second');
    record({ directory, owner: deadOwner(), wallClock: () => 1_000 }).trace('first');
    const { recorder } = record({ directory });

    expect(namesOf(recorder, (await recorder.recover()).spans.get('one'))).toEqual(['first', 'second']);
  });

  test('is given up when it is too old', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner(), wallClock: () => 0 })
      .tracer.startSpan('old', { startTime: [1, 0] })
      .end([2, 0]);
    const { recorder } = record({ directory, wallClock: () => 10_000, maxAgeMs: 5_000 });

    expect((await recorder.recover()).spans.size).toBe(0);
    expect(recorder.status.dropped).toEqual({ age: 1 });
    expect(filesIn(directory)).toEqual([]);
  });

  test('is given up by others too when it is too much', async () => {
    const directory = temporaryDirectory();
    const dead = record({ directory, owner: deadOwner() });
    for (let count = 0; count < 200; count += 1) {
      dead.tracer.startSpan('a', { attributes: { content: 'x'.repeat(1_000) } }).end();
    }
    const { recorder, clock } = record({ directory, maxBytes: 64 * 1024 });
    clock.turn(60_000);

    await expect.poll(() => filesIn(directory)).toEqual([]);
    expect(recorder.status.dropped).toEqual({ bytes: 200 });
  });

  test.each([
    ['holds something', false, { bytes: 40 }],
    ['is settled', true, {}],
  ])(
    'is given up by others without looking through the directory for each file that %s',
    async (_, settled, dropped) => {
      const directory = temporaryDirectory();
      for (let count = 0; count < 40; count += 1) {
        const dead = record({ directory, owner: deadOwner() });
        const tickets = dead.trace('a');
        if (settled) dead.recorder.strike('one', tickets);
      }
      // The time is asked for at each look, and once for each file.
      let asked = 0;
      const wallClock = (): number => {
        asked += 1;
        return Date.now();
      };
      const { recorder, clock } = record({ directory, maxBytes: 1, wallClock });
      clock.turn(60_000);

      await expect.poll(() => filesIn(directory)).toEqual([]);
      expect(recorder.status.dropped).toEqual(dropped);
      expect(asked).toBeLessThan(60);
    },
  );
});

test('a thousand files that were left behind take each no longer to look after than a few', async () => {
  const holding = async (files: number): Promise<(times: number) => number> => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner() }).trace('a');
    const first = onlyFile(directory);
    const name = parseSegmentName(basename(first))!;
    for (let sequence = 2; sequence <= files; sequence += 1) {
      copyFileSync(first, join(directory, formatSegmentName({ ...name, sequence })));
    }
    const { recorder, clock } = record({ directory });
    await recorder.recover();
    expect(recorder.status.recovered).toBe(files);
    return (times) => {
      const startedAtMs = performance.now();
      for (let time = 0; time < times; time += 1) clock.turn(60_000);
      return performance.now() - startedAtMs;
    };
  };

  const [few, many] = [await holding(64), await holding(1_024)];
  let best = { few: Infinity, many: Infinity };
  // In turn, and as many files in all, so that what else the machine does slows both.
  for (let attempt = 0; attempt < 20; attempt += 1) {
    best = { few: Math.min(best.few, few(64)), many: Math.min(best.many, many(4)) };
  }
  // Where each is compared with all, the many take sixteen times as long.
  expect(best.many / best.few).toBeLessThan(4);
});

describe('what is for others', () => {
  const A = { application: 'a', destinations: ['sentry:http://a/api/11/integration/otlp/v1/traces/'] };
  const B = { application: 'b', destinations: ['sentry:http://b/api/22/integration/otlp/v1/traces/'] };

  test('stays where it is, and is said once', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner(), ...A }).trace('a');
    const before = filesIn(directory);
    const { recorder, problems } = record({ directory, ...B });
    await recorder.recover();

    expect((await recorder.recover()).spans.size).toBe(0);
    expect(recorder.status).toMatchObject({ spans: 0, recovered: 0, dropped: NOTHING });
    expect(filesIn(directory)).toEqual(before);
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining('http://a/api/11/')]);
  });

  test('is not said when all of it was delivered before its process was killed', async () => {
    const directory = temporaryDirectory();
    const theirs = record({ directory, owner: deadOwner(), ...A });
    theirs.recorder.strike(A.destinations[0]!, theirs.trace('a', 'b'));
    expect(theirs.recorder.keepIssue('one', '{}')).toBe(true);
    theirs.recorder.strikeIssue('one');
    expect(filesIn(directory)).toHaveLength(1);
    const { recorder, problems } = record({ directory, ...B });
    await recorder.recover();
    expect(problems).toEqual([]);

    theirs.trace('c');
    await recorder.recover();
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining('http://a/api/11/')]);
  });

  test('is no trouble when its own application takes it over before it is looked at', async () => {
    expect(await hasUnsettled(join(temporaryDirectory(), 'taken over'))).toBe(false);
  });

  test('is given up when it is too old', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner(), ...A }).trace('a', 'b');
    const inAnHour = (): number => Date.now() + 3_600_000;
    const { recorder, clock } = record({ directory, ...B, maxAgeMs: 1_800_000, wallClock: inAnHour });
    clock.turn(60_000);

    await expect.poll(() => filesIn(directory)).toEqual([]);
    expect(recorder.status.dropped).toEqual({ age: 2 });
  });

  test('is given up when it is too old, also behind a file that began before and was written to since', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner(), ...A, wallClock: () => 1_000 }).trace('young');
    const young = filesIn(directory);
    record({ directory, owner: deadOwner(), ...A, wallClock: () => 2_000 }).trace('old');
    const old = filesIn(directory).filter((file) => !young.includes(file));
    for (const file of old) utimesSync(join(directory, file), 1, 1);
    const { recorder, clock } = record({ directory, ...B, maxAgeMs: 1_800_000 });
    clock.turn(60_000);

    await expect.poll(() => filesIn(directory)).toEqual(young);
    expect(recorder.status.dropped).toEqual({ age: 1 });
  });

  test('stays whole when only a part of it is', async () => {
    const directory = temporaryDirectory();
    const shared = 'otlp:http://collector/v1/traces';
    record({ directory, owner: deadOwner(), ...A, destinations: [...A.destinations, shared] }).trace('a');
    const before = filesIn(directory);
    const { recorder } = record({ directory, ...B, destinations: [...B.destinations, shared] });

    expect((await recorder.recover()).spans.size).toBe(0);
    expect(filesIn(directory)).toEqual(before);
  });

  test('is looked at once, and again when there was none meanwhile', async () => {
    const directory = temporaryDirectory();
    const owner = deadOwner();
    record({ directory, owner, destinations: ['not'] }).trace('a');
    const file = onlyFile(directory);
    const { recorder } = record({ directory });
    const recoveredIn = async (text: string | undefined): Promise<number> => {
      if (text === undefined) rmSync(file);
      else writeFileSync(file, text);
      return (await recorder.recover()).spans.get('one')?.length ?? 0;
    };

    const theirs = readFileSync(file, 'utf8');
    const ours = theirs.replace('"not"', '"one"');
    expect([await recoveredIn(theirs), await recoveredIn(ours)]).toEqual([0, 0]);
    expect([await recoveredIn(undefined), await recoveredIn(ours)]).toEqual([0, 1]);
  });

  test('leaves room for what is ours', async () => {
    const directory = temporaryDirectory();
    const attributes = { content: 'x'.repeat(1_000) };
    const theirs = record({ directory, owner: deadOwner(), ...A });
    for (let count = 0; count < 200; count += 1) theirs.tracer.startSpan('a', { attributes }).end();
    const { recorder, tracer, tickets } = record({ directory, maxBytes: 128 * 1024, ...B });
    for (let count = 0; count < 50; count += 1) tracer.startSpan('b', { attributes }).end();
    await recorder.recover();

    await expect.poll(() => recorder.status.dropped).toEqual({ bytes: 200 });
    expect(namesOf(recorder, tickets as number[])).toEqual(Array.from({ length: 50 }, () => 'b'));
  });

  test.each([
    ['of the same application and project on another host', { ...A, destinations: [], issues: 'http://b/api/11/' }, 1],
    ['of the same application and another project', { ...A, destinations: [], issues: 'http://a/api/12/' }, 0],
    ['of another application and another host', { ...B, destinations: [], issues: 'http://b/api/11/' }, 0],
    ['of another application and the same project', { ...B, destinations: [], issues: 'http://a/api/11/' }, 1],
  ])('has as many Issues for a process %s as are its: %o, %i', async (_, now, expected) => {
    const directory = temporaryDirectory();
    const dead = { directory, owner: deadOwner(), ...A, destinations: [], issues: 'http://a/api/11/' };
    record(dead).recorder.keepIssue('i', '{}');

    expect((await record({ directory, ...now }).recorder.recover()).issues).toHaveLength(expected);
  });

  const traces = (name: string, host: string, project: number): string =>
    `${name}:http://${host}/api/${project}/integration/otlp/v1/traces/`;

  test.each([
    ['of the same application and project on another host', { ...A, destinations: [traces('sentry', 'b', 11)] }, 1],
    ['of the same application and another project', { ...A, destinations: [traces('sentry', 'a', 12)] }, 0],
    ['of the same application and another kind', { ...A, destinations: [traces('otlp', 'b', 11)] }, 0],
    ['of another application and another host', { ...B, destinations: [traces('sentry', 'b', 11)] }, 0],
  ])('has as many spans for a process %s as are its: %o, %i', async (_, now, expected) => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner(), ...A }).trace('a');

    const { spans } = await record({ directory, ...now }).recorder.recover();
    expect(spans.get(now.destinations[0]!) ?? []).toHaveLength(expected);
  });

  test('takes nothing from a destination that stays when another of its kind is added', async () => {
    const directory = temporaryDirectory();
    const [there, added] = ['otlp:http://there/v1/traces', 'otlp:http://added/v1/traces'] as const;
    record({ directory, owner: deadOwner(), application: 'a', destinations: [there] }).trace('a');

    const now = { application: 'a', destinations: [added, there] };
    const { spans } = await record({ directory, ...now }).recorder.recover();
    expect([...spans].map(([name, tickets]) => [name, tickets.length])).toEqual([[there, 1]]);
  });

  test.each([
    ['to the project its spans are for', 'http://a/api/11/', ['i']],
    ['to no other', 'http://a/api/12/', []],
  ])('of a file that does not say where its Issues go, they go %s', async (_, issues, expected) => {
    const directory = temporaryDirectory();
    const { destinations } = A;
    record({ directory, owner: deadOwner(), destinations }).recorder.keepIssue('i', '{}');

    expect((await record({ directory, ...A, issues }).recorder.recover()).issues).toEqual(expected);
  });
});

describe('a file of somebody who may live', () => {
  test('stays with a recorder of this process', async () => {
    const directory = temporaryDirectory();
    record({ directory }).trace('a');
    const { recorder } = record({ directory });

    expect((await recorder.recover()).spans.size).toBe(0);
    expect(filesIn(directory)).toHaveLength(1);
  });

  test('stays with a worker thread of an earlier version, which wrote its number in Node', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: { ...thisOwner(), thread: 1 } }).trace('a');
    const { recorder } = record({ directory });

    expect((await recorder.recover()).spans.size).toBe(0);
  });

  test.runIf(process.platform === 'linux')('is taken from a process whose id another one has now', async () => {
    const directory = temporaryDirectory();
    // A restarted container: the same name, the same process id, another start.
    record({ directory, owner: { ...thisOwner(), startTime: 1 } }).trace('a');
    const { recorder } = record({ directory });

    expect((await recorder.recover()).spans.get('one')).toHaveLength(1);
  });

  test('stays with another machine as long as that touches it', async () => {
    const directory = temporaryDirectory();
    const elsewhere = record({ directory, owner: { ...thisOwner(), host: '0123456789ab' } });
    elsewhere.trace('a');
    const touchedAt = statSync(onlyFile(directory)).mtimeMs;
    const { recorder } = record({ directory, wallClock: () => touchedAt + 299_999 });

    expect((await recorder.recover()).spans.size).toBe(0);
  });

  test('is taken from another machine that has not touched it for five minutes', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: { ...thisOwner(), host: '0123456789ab' } }).trace('a');
    const touchedAt = statSync(onlyFile(directory)).mtimeMs;
    const { recorder } = record({ directory, wallClock: () => touchedAt + 300_000 });

    expect((await recorder.recover()).spans.get('one')).toHaveLength(1);
  });

  test('is touched every minute, so that other machines see that its owner lives', () => {
    const directory = temporaryDirectory();
    const { trace, clock } = record({ directory });
    trace('a');
    utimesSync(onlyFile(directory), 1, 1);
    clock.turn(60_000);

    expect(statSync(onlyFile(directory)).mtimeMs).toBeGreaterThan(1_000);
  });

  test('is left alone by an owner that lost it, who begins another with the spans that are open', async () => {
    const directory = temporaryDirectory();
    const slept = record({ directory, owner: { ...thisOwner(), host: '0123456789ab' } });
    slept.trace('a');
    slept.tracer.startSpan('open');
    const { recorder } = record({ directory, wallClock: () => Date.now() + 600_000 });
    await recorder.recover();
    slept.clock.turn(60_000);
    slept.trace('b');

    const own = filesIn(directory).filter((file) => parseSegmentName(file)?.owner.host === '0123456789ab');
    expect(own).toHaveLength(1);
    const lines = readFileSync(join(directory, own[0] ?? ''), 'utf8');
    expect(['open', 'a', 'b'].map((name) => lines.includes(`"${name}"`))).toEqual([true, false, true]);
    expect(slept.recorder.status).toMatchObject({ spans: 1, dropped: NOTHING });
  });
});

describe('a damaged file', () => {
  test('gives every whole record before the place where it was cut off', async () => {
    const directory = temporaryDirectory();
    const dead = record({ directory, owner: deadOwner() });
    const [a = 0] = dead.trace('a', 'b', 'c');
    dead.recorder.strike('one', [a]);
    dead.recorder.keepIssue('i', '{"event_id":"i","text":"é"}');
    dead.tracer.startSpan('open');
    const file = onlyFile(directory);
    const content = readFileSync(file);

    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: content.length }), async (length) => {
        const cut = temporaryDirectory();
        const copy = join(cut, file.slice(directory.length));
        copyFileSync(file, copy);
        truncateSync(copy, length);
        const whole = wholeRecords(content.subarray(0, length));
        const count = (tag: string): number => whole.filter(([first]) => first === tag).length;
        const { recorder } = record({ directory: cut });

        const { spans, issues } = await recorder.recover();

        const tickets = spans.get('one') ?? [];
        expect(tickets).toHaveLength(count('s') - count('x'));
        expect(namesOf(recorder, tickets)).not.toContain(undefined);
        expect(recorder.status.interrupted).toBe(count('s') - count('e'));
        expect(issues.map((id) => recorder.readIssue(id))).toEqual(
          Array.from({ length: count('i') }, () => '{"event_id":"i","text":"é"}'),
        );
      }),
      { numRuns: 150 },
    );
  });

  test('is written on behind a line that was cut off', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner() }).trace('a', 'b');
    const file = onlyFile(directory);
    truncateSync(file, statSync(file).size - 20);
    const second = record({ directory, owner: deadOwner() }).recorder;
    const [a = 0] = (await second.recover()).spans.get('one') ?? [];
    second.strike('one', [a]);
    const third = record({ directory }).recorder;

    const { spans } = await third.recover();
    expect(namesOf(third, spans.get('one'))).toEqual(['b']);
    expect(third.status.interrupted).toBe(1);
    expect(third.read(spans.get('one')?.[0] ?? 0)?.attributes['faultline.interrupted']).toBe(true);
  });

  test.each([
    ['no JSON', 'what is this'],
    ['an unknown record', '["?",1]'],
    ['a span without its parts', '["e",["a","b",1,null,null]]'],
    ['a strike of nothing', '["x",0,"all"]'],
    ['a resource without attributes', '["r",7,null,null]'],
    ['no array', '{"e":1}'],
    ['a span of no trace', spanLine({ traceId: 'zz' })],
    ['a span without an id', spanLine({ spanId: '' })],
    ['a span before there was time', spanLine({ startTime: [-1, 0] })],
    ['a span of a time to come that never does', spanLine({ startTime: [1e300, 0] })],
    ['a span with too many nanoseconds', spanLine({ startTime: [1, 1e9] })],
    ['a span of a scope nobody described', spanLine({ scope: 7 })],
    ['a span of a context that is none', spanLine({}).replace('1,null,null', '1')],
    ['a span that began at no time', spanLine({}).replace('[1,0]', '"now"')],
    ['a resource without a number', '["r","x",{},null]'],
    ['a scope with a number that is none', '["c",-1,"a",null,null,null,null]'],
    ['a time that is none', '["t",1e300]'],
    ['an end of nothing', '["d",1]'],
    ['an Issue without its event', '["i","a",null]'],
  ])('passes over a line that is %s, and counts it', async (_, line) => {
    const directory = temporaryDirectory();
    const dead = record({ directory, owner: deadOwner() });
    dead.trace('a');
    appendFileSync(onlyFile(directory), `${line}\n`);
    dead.trace('b');
    const { recorder, problems } = record({ directory });

    expect(namesOf(recorder, (await recorder.recover()).spans.get('one'))).toEqual(['a', 'b']);
    expect(recorder.status.dropped).toEqual({ unreadable: 1 });
    expect(problems).toHaveLength(1);
  });

  test('is removed when it does not say what it is', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner() }).trace('a');
    writeFileSync(onlyFile(directory), 'what is this');
    const { recorder } = record({ directory });

    expect((await recorder.recover()).spans.size).toBe(0);
    expect(recorder.status.dropped).toEqual({ unreadable: 1 });
    expect(filesIn(directory)).toEqual([]);
  });

  test('is read as far as it goes when it is damaged after it was taken over', async () => {
    const directory = temporaryDirectory();
    const dead = record({ directory, owner: deadOwner() });
    dead.trace('a');
    dead.recorder.keepIssue('i', '{}');
    const { recorder } = record({ directory });
    const [a = 0] = (await recorder.recover()).spans.get('one') ?? [];
    truncateSync(onlyFile(directory), 300);

    expect(recorder.read(a)).toBeUndefined();
    expect(recorder.readIssue('i')).toBeUndefined();
    expect(recorder.status.dropped).toEqual({ unreadable: 2 });
  });
});

test('a file of a newer format stays where it is, and that is said once', async () => {
  const directory = temporaryDirectory();
  const name = formatSegmentName({ begunAt: 1, owner: deadOwner(), sequence: 1 });
  writeFileSync(join(directory, name), '{"format":"faultline-recorder","version":2}\n["?"]\n');
  const { recorder, problems } = record({ directory });
  await recorder.recover();
  await recorder.recover();

  expect(filesIn(directory)).toEqual([name]);
  expect(recorder.status.dropped).toEqual({});
  expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining('files of format 2')]);
});

test('a file of a newer format, which nobody here can give up, takes room from what is ours', async () => {
  const directory = temporaryDirectory();
  const name = formatSegmentName({ begunAt: 1, owner: deadOwner(), sequence: 1 });
  const [maxBytes, theirs] = [128 * 1024, 96 * 1024];
  writeFileSync(join(directory, name), `{"format":"faultline-recorder","version":2}\n${'?'.repeat(theirs)}`);
  const { recorder, tracer, clock } = record({ directory, maxBytes });
  for (let count = 0; count < 100; count += 1) {
    tracer.startSpan('a', { attributes: { content: 'x'.repeat(1_000) } }).end();
  }
  const bytes = (): number => {
    clock.turn(60_000);
    return recorder.status.bytes;
  };

  await expect.poll(bytes).toBeLessThanOrEqual(maxBytes - theirs);
  expect(filesIn(directory)).toContain(name);
  expect(recorder.status.spans + (recorder.status.dropped.bytes ?? 0)).toBe(100);
});

test('a name that leads nowhere is passed over, and files beside it are not', async () => {
  const directory = temporaryDirectory();
  record({ directory, owner: deadOwner() }).trace('a');
  const name = formatSegmentName({ begunAt: 1, owner: deadOwner(), sequence: 1 });
  symlinkSync(name, join(directory, name));
  const { recorder, problems } = record({ directory });

  expect(namesOf(recorder, (await recorder.recover()).spans.get('one'))).toEqual(['a']);
  expect(problems).toEqual([]);
});

test('files of others in the directory are not touched', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'notes.jsonl'), 'mine');
  writeFileSync(join(directory, '1-2-3.jsonl'), 'mine too');
  const { recorder, clock } = record({ directory, maxBytes: 1 });
  await recorder.recover();
  clock.turn(60_000);
  await recorder.recover();

  expect(filesIn(directory).toSorted()).toEqual(['1-2-3.jsonl', 'notes.jsonl']);
});
