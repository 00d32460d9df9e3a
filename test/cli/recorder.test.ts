import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { createRecorderCommand, type Drain } from '../../src/cli/recorder.ts';
import { runNode } from '../support/run-node.ts';
import { deadOwner, record } from '../telemetry/export/recorder/recorded.ts';
import { MAIN, type Finished } from './cli.ts';
import { runHere } from './run-here.ts';
import { NOTHING } from '../support/nothing.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'faultline-cli-recorder-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

const drainNothing: Drain = () => Promise.resolve({ spans: 0, issues: 0, left: 0 });

/** Runs the command in this process. */
function run(
  args: readonly string[],
  { drain = drainNothing, ...options }: Parameters<typeof runHere>[2] & { readonly drain?: Drain } = {},
): Promise<Finished> {
  return runHere(createRecorderCommand(drain), args, options);
}

describe('faultline recorder status', () => {
  test('tells what waits, by process and destination, and changes nothing', async () => {
    const dead = record({ directory, owner: deadOwner(), destinations: ['one', 'two'], wallClock: () => 1_000 });
    dead.recorder.strike('one', dead.trace('a', 'b').slice(0, 1));
    dead.recorder.keepIssue('i', '{}');
    dead.tracer.startSpan('open');
    const living = record({ directory, destinations: ['one'] });
    living.trace('c');

    const first = await run(['status', '--dir', directory]);
    const second = await run(['status', '--dir', directory, '--json']);

    expect(first).toMatchObject({ code: 0, stderr: '' });
    const [headline, ...lines] = first.stdout.trimEnd().split('\n');
    expect(headline).toMatch(
      /: 3 spans, 1 span not ended and 1 Issue \(\d\.\d kB\) wait, the oldest since 1970-01-01T00:00:01\.000Z\.$/,
    );
    expect(lines).toEqual([
      expect.stringMatching(/^ {2}abandoned {2}pid \d+: 2 spans, 1 span not ended and 1 Issue \(\d\.\d kB\)$/),
      expect.stringMatching(new RegExp(`^ {2}alive {6}pid ${process.pid}: 1 span and 0 Issues \\(\\d+ B\\)$`)),
      '  one: 3 spans',
      '  two: 3 spans',
    ]);
    expect(JSON.parse(second.stdout)).toMatchObject({
      directory,
      files: 2,
      spans: 3,
      open: 1,
      issues: 1,
      oldest: 1_000,
      destinations: { one: 3, two: 3 },
      unreadableFiles: 0,
      owners: [
        { state: 'abandoned', spans: 2, open: 1, issues: 1, destinations: { one: 2, two: 3 } },
        { state: 'alive', pid: process.pid, spans: 1, open: 0, issues: 0 },
      ],
    });
    expect(living.recorder.status).toMatchObject({ spans: 1, dropped: NOTHING });
  });

  test('takes the directory from the environment', async () => {
    const { stdout } = await run(['status'], { env: { FAULTLINE_RECORDER_DIR: directory } });

    expect(stdout).toBe(`${directory}: nothing waits.\n`);
  });

  test('tells that a directory which is not there holds nothing', async () => {
    const missing = join(directory, 'missing');

    expect(await run(['status', '--dir', missing])).toEqual({
      code: 0,
      stdout: `${missing}: nothing waits.\n`,
      stderr: '',
    });
  });

  test('says in a sentence why it cannot look', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    const loop = join(directory, 'loop');
    symlinkSync(loop, loop);

    await expect((async () => run(['status', '--dir', file]))()).rejects.toThrow(
      `${file} cannot be looked into: it leads through a file (ENOTDIR); name a directory with --dir`,
    );
    await expect((async () => run(['status', '--dir', loop]))()).rejects.toThrow('a link that leads to itself (ELOOP)');
  });

  test('counts files it cannot read', async () => {
    const dead = record({ directory, owner: deadOwner() });
    dead.trace('a');
    const [file = ''] = readdirSync(directory);
    writeFileSync(join(directory, file), '{"format":"faultline-recorder","version":9}\n');

    expect((await run(['status', '--dir', directory])).stdout).toContain(
      '1 file cannot be read: of a newer faultline, or of another user.',
    );
  });
});

describe('faultline recorder drain', () => {
  const drainTwenty: Drain = (_, onProgress) => {
    for (let sent = 0; sent <= 20; sent += 1) onProgress({ sent, total: 20 });
    return Promise.resolve({ spans: 19, issues: 1, left: 0 });
  };

  test('says how far it is, and what it sent', async () => {
    const { code, stdout, stderr } = await run(['drain', '--dir', directory], { drain: drainTwenty });

    expect({ code, stdout }).toEqual({ code: 0, stdout: `${directory}: sent 19 spans and 1 Issue.\n` });
    expect(stderr.trimEnd().split('\n')).toEqual(
      Array.from({ length: 10 }, (_, step) => `faultline: sent ${(step + 1) * 2} of 20`),
    );
  });

  test('draws a bar on a terminal, and wipes it', async () => {
    const { stderr } = await run(['drain', '--dir', directory], { drain: drainTwenty, isTTY: true });

    const drawn = stderr.split('\r\u001B[K');
    expect(drawn).toHaveLength(23);
    expect(drawn[11]).toBe(`${'█'.repeat(15)}${'░'.repeat(15)} 10 of 20`);
    expect(drawn.at(-1)).toBe('');
  });

  test('says nothing on the way when there is nothing', async () => {
    const drain: Drain = (_, onProgress) => {
      onProgress({ sent: 0, total: 0 });
      return Promise.resolve({ spans: 0, issues: 0, left: 0 });
    };

    expect(await run(['drain', '--dir', directory], { drain })).toEqual({
      code: 0,
      stdout: `${directory}: nothing waited.\n`,
      stderr: '',
    });
  });

  test('ends with 1 when there are files it cannot read', async () => {
    const drain: Drain = () =>
      Promise.resolve({ spans: 0, issues: 0, left: 0, unreadableFiles: 1, reason: '1 file cannot be read' });

    expect(await run(['drain', '--dir', directory], { drain })).toMatchObject({
      code: 1,
      stdout: `${directory}: sent 0 spans and 0 Issues: 1 file cannot be read.\n`,
    });
  });

  test('ends with 1 and the reason when something is left', async () => {
    const drain: Drain = () => Promise.resolve({ spans: 1, issues: 0, left: 4, reason: 'nothing is listening' });

    expect(await run(['drain', '--dir', directory], { drain })).toEqual({
      code: 1,
      stdout: `${directory}: sent 1 span and 0 Issues, 4 are left: nothing is listening.\n`,
      stderr: '',
    });
  });

  test('hands on its directory, its time and the environment, and prints one object on request', async () => {
    const asked: unknown[] = [];
    const drain: Drain = (options, onProgress) => {
      asked.push(options);
      return drainTwenty(options, onProgress);
    };
    const env = { SENTRY_DSN: 'https://k@host/1' };
    const { stdout, stderr } = await run(['drain', '--dir', directory, '--timeout-ms', '500', '--json'], {
      drain,
      env,
    });

    expect(asked).toEqual([{ directory, timeoutMs: 500, env }]);
    expect({ result: JSON.parse(stdout) as unknown, stderr }).toEqual({
      result: { directory, spans: 19, issues: 1, left: 0 },
      stderr: '',
    });
  });
});

test.each([
  [[], 'faultline recorder expects status or drain, got nothing.'],
  [['empty'], 'faultline recorder expects status or drain, got empty.'],
  [['status'], 'Which directory? Name it with --dir, or set FAULTLINE_RECORDER_DIR.'],
  [['status', '/tmp'], 'faultline recorder status takes flags only; a directory is named with --dir /tmp.'],
  [['status', '--directory', 'd'], 'faultline recorder status does not know --directory; it knows --dir and --json.'],
  [['drain', '--dir', 'd', '--timeout-ms', '1s'], '--timeout-ms expects a number of milliseconds above 0, got 1s.'],
])('a wrong command line %j is answered with one sentence', async (args, message) => {
  await expect((async () => run(args))()).rejects.toThrow(message);
});

test('a .env file that cannot be understood is named where the directory is missing', async () => {
  writeFileSync(join(directory, '.env'), '\ufeffFAULTLINE_RECORDER_DIR=waiting\r\n', 'utf16le');

  expect(await runNode([MAIN, 'recorder', 'status'], { cwd: directory })).toMatchObject({
    code: 2,
    stderr:
      'Which directory? Name it with --dir, or set FAULTLINE_RECORDER_DIR. ' +
      '.env must be UTF-8 text, but is not: save it as UTF-8.\n',
  });
});
