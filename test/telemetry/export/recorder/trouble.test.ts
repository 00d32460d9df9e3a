import { execFileSync } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from 'vitest';

import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import { deadOwner, filesIn, namesOf, record, temporaryDirectory } from './recorded.ts';
import { NOTHING } from '../../../support/nothing.ts';

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: 'ignore' });
}

/** Whether this user may mount file systems: the surest way to a small disk. */
const canMount = ((): boolean => {
  const directory = temporaryDirectory();
  try {
    run('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory);
    run('umount', directory);
    return true;
  } catch {
    return false;
  }
})();

const mounted: string[] = [];

afterEach(() => {
  for (const directory of mounted.splice(0)) run('umount', '-l', directory);
});

function smallDisk(size: string): string {
  const directory = temporaryDirectory();
  run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory);
  mounted.push(directory);
  return directory;
}

describe.runIf(canMount)('a recorder whose disk is full', () => {
  test('goes on when there is room again, and loses what it counts', async () => {
    const directory = smallDisk('128k');
    const ballast = join(directory, 'ballast');
    writeFileSync(ballast, Buffer.alloc(64 * 1024));
    const { recorder, tracer, tickets, clock, trace, problems } = record({ directory, owner: deadOwner() });
    for (let count = 0; count < 100; count += 1) {
      tracer.startSpan('a', { attributes: { content: 'é'.repeat(1_000) } }).end();
    }
    const kept = tickets.filter((ticket) => ticket !== undefined);
    rmSync(ballast);
    expect(trace('too early')).toEqual([]);
    clock.turn(5_000);
    kept.push(...trace('later'));

    expect(filesIn(directory)).toHaveLength(1);
    expect(kept.length).toBeGreaterThan(5);
    expect(kept.length).toBeLessThan(90);
    expect(recorder.status).toMatchObject({ spans: kept.length, unwritten: 102 - kept.length, dropped: NOTHING });
    expect(namesOf(recorder, kept)).toEqual([...kept.slice(1).map(() => 'a'), 'later']);
    expect(problems.map(({ message }) => message)).toEqual([
      `The flight recorder cannot keep everything: the disk of ${directory} is full (ENOSPC); make room, or lower recorder.maxBytes`,
    ]);
    const next = record({ directory });
    expect(namesOf(next.recorder, (await next.recorder.recover()).spans.get('one'))).toContain('later');
    expect(next.recorder.status.recovered).toBeGreaterThanOrEqual(kept.length);
  });

  test('gives out what others left all the same, and so makes room', async () => {
    const directory = smallDisk('128k');
    const dead = record({ directory, owner: deadOwner() });
    dead.tracer.startSpan('open', { attributes: { content: 'x'.repeat(10_000) } });
    dead.trace('a', 'b');
    expect(() => writeFileSync(join(directory, 'ballast'), Buffer.alloc(256 * 1024))).toThrow('ENOSPC');
    const { recorder } = record({ directory });
    const tickets = (await recorder.recover()).spans.get('one') ?? [];

    expect(namesOf(recorder, tickets)).toEqual(['a', 'b', 'open']);
    recorder.strike('one', tickets);
    expect(filesIn(directory)).toEqual([]);
  });

  test('leaves no file that could not be begun', () => {
    const directory = smallDisk('64k');
    expect(() => writeFileSync(join(directory, 'ballast'), Buffer.alloc(128 * 1024))).toThrow('ENOSPC');
    const { trace } = record({ directory });

    expect(trace('a')).toEqual([]);
    expect(filesIn(directory)).toEqual([]);
  });

  test('makes room by settling what it has', () => {
    const directory = smallDisk('64k');
    const { recorder, tracer, tickets } = record({ directory });
    for (let count = 0; count < 100; count += 1) {
      tracer.startSpan('a', { attributes: { content: 'x'.repeat(1_000) } }).end();
    }
    recorder.strike(
      'one',
      tickets.filter((ticket) => ticket !== undefined),
    );
    recorder.close();

    expect(filesIn(directory)).toEqual([]);
  });

  test('says when its file system is read-only', () => {
    const directory = smallDisk('64k');
    run('mount', '-o', 'remount,ro', directory);
    const { trace, problems } = record({ directory });

    expect(trace('a')).toEqual([]);
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/read-only file system \(EROFS\); set FAULTLINE_RECORDER_DIR/),
    ]);
  });
});

describe('a recorder whose directory', () => {
  test('leads through a file says so once and is as if it were not there', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    const { recorder, trace, clock, problems } = record({ directory: join(file, 'recorder') });
    const tickets = trace('a');
    clock.turn(60_000);
    recorder.keepIssue('i', '{}');
    recorder.strikeIssue('i');

    expect(tickets).toEqual([]);
    expect(await recorder.recover()).toEqual({ spans: new Map(), issues: [] });
    recorder.close();
    expect(recorder.status).toMatchObject({ spans: 0, issues: 0, bytes: 0, unwritten: 2, dropped: NOTHING });
    expect(recorder.status.lastError).toContain('(ENOTDIR)');
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/leads through a file \(ENOTDIR\); set FAULTLINE_RECORDER_DIR to a directory/),
    ]);
  });

  test.each([
    ['x'.repeat(300), /has a name that is too long \(ENAMETOOLONG\); set FAULTLINE_RECORDER_DIR/],
    ['nul\0', /is no path.*; set FAULTLINE_RECORDER_DIR/],
  ])('cannot be a name says so once', (name, sentence) => {
    const { trace, problems } = record({ directory: join(temporaryDirectory(), name) });

    expect(trace('a')).toEqual([]);
    expect(problems.map(({ message }) => message)).toEqual([expect.stringMatching(sentence)]);
  });

  test('is removed makes it again, and counts what was lost', async () => {
    const directory = join(temporaryDirectory(), 'recorder');
    const { recorder, trace, tracer, clock, problems } = record({ directory, owner: deadOwner() });
    tracer.startSpan('open');
    const [gone = 0] = trace('gone');
    rmSync(directory, { recursive: true });
    clock.turn(5_000);
    const [there = 0] = trace('there');

    expect(recorder.read(gone)).toBeUndefined();
    expect(recorder.read(there)?.name).toBe('there');
    expect(recorder.status).toMatchObject({ spans: 1, dropped: { removed: 1 } });
    expect(problems).toHaveLength(1);
    const next = record({ directory }).recorder;
    expect(namesOf(next, (await next.recover()).spans.get('one'))).toEqual(['there', 'open']);
  });

  test('has lost some of its files counts what was in them, and has the others', () => {
    const directory = temporaryDirectory();
    const { recorder, tracer, tickets, clock, trace } = record({ directory, maxBytes: 128 * 1024 });
    for (let count = 0; count < 45; count += 1) {
      tracer.startSpan(`span ${count}`, { attributes: { content: 'x'.repeat(1_000) } }).end();
    }
    const files = filesIn(directory).toSorted();
    expect(files.length).toBeGreaterThan(3);
    for (const file of [files[1]!, files.at(-1)!]) rmSync(join(directory, file));
    clock.turn(5_000);
    trace('there');
    const there = namesOf(recorder, tickets as number[]).filter((name) => name !== undefined);

    expect(there).toContain('span 0');
    expect(there).toContain('there');
    expect(recorder.status).toMatchObject({ spans: there.length, dropped: { removed: 46 - there.length } });
  });

  test('cannot be had has so many open spans that the oldest are forgotten, which is counted', () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    const { recorder, tracer } = record({ directory: join(file, 'recorder') });
    for (let count = 0; count < 10_003; count += 1) tracer.startSpan('open');

    expect(recorder.status.dropped).toEqual({ forgotten: 3 });
  });

  test('is removed just before the end ends without a word', () => {
    const directory = join(temporaryDirectory(), 'recorder');
    const { recorder, trace } = record({ directory });
    const tickets = trace('a');
    rmSync(directory, { recursive: true });
    recorder.strike('one', tickets);

    expect(() => recorder.close()).not.toThrow();
  });

  test('is removed before the end with what somebody needs in it counts and says what was lost', () => {
    const directory = join(temporaryDirectory(), 'recorder');
    const { recorder, trace, tracer, problems } = record({ directory });
    trace('a');
    tracer.startSpan('open');
    expect(recorder.keepIssue('i', '{}')).toBe(true);
    rmSync(directory, { recursive: true });
    recorder.close();

    expect(recorder.status).toMatchObject({ spans: 0, issues: 0, dropped: { removed: 3 } });
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/no longer has 3 spans or Issues: somebody removed the files/),
    ]);
  });

  test('has a file that another process took before the end leaves it to that one', () => {
    const directory = temporaryDirectory();
    const { recorder, trace, problems } = record({ directory });
    trace('a');
    const [file = ''] = filesIn(directory);
    renameSync(join(directory, file), join(directory, 'taken'));
    recorder.close();

    expect(recorder.status).toMatchObject({ spans: 0, bytes: 0, dropped: NOTHING });
    expect(problems).toEqual([]);
  });
});

test('a span that has no form is passed over, and others are not', () => {
  const { recorder, trace, spans, problems } = record({ directory: temporaryDirectory() });
  trace('a');
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const broken = { ...spans[0], spanContext: spans[0]?.spanContext, attributes: { circular } } as unknown;

  expect(recorder.ended(broken as ReadableSpan)).toBeUndefined();
  expect(recorder.ended({} as ReadableSpan)).toBeUndefined();
  recorder.started({} as ReadableSpan);
  expect(namesOf(recorder, trace('b'))).toEqual(['b']);
  expect(recorder.status.unwritten).toBe(2);
  expect(problems).toHaveLength(1);
});
