/** Standard output that cannot be written: how each command ends, what it says, and what Sentry has of it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { startStubProvider, type StubProvider } from '../../src/testing/stub-provider.ts';
import { MAIN } from './cli.ts';

/** Takes nothing, as a full disk does. */
const FULL = '/dev/full';
const NO_SPACE = 'faultline: standard output cannot be written (ENOSPC)\n';

/** Standard input is a pipe that passes for a terminal. */
const AT_A_TERMINAL = { NODE_OPTIONS: '--import=data:text/javascript,process.stdin.isTTY=true' };

/** More than fits on the way to whoever reads. */
const LONG = 'x'.repeat(2 * 1024 * 1024);

let sentry: FakeSentry;
let provider: StubProvider;
let directory: string;

beforeEach(async () => {
  sentry = await startFakeSentry();
  provider = await startStubProvider({
    'm-1': () => ({ type: 'text', text: 'on and on '.repeat(2_000), frameDelayMs: 1 }),
    long: () => ({ type: 'text', text: LONG }),
  });
  directory = mkdtempSync(join(tmpdir(), 'faultline-output-'));
  const providers = `providers: { gateway: { base_url: '${provider.baseUrl}', api_key_env: GATEWAY_KEY } }`;
  const agents = 'agents: { one: { models: [gateway/m-1], transport: cli }, long: { models: [gateway/long] } }';
  writeFileSync(join(directory, 'faultline.yaml'), [providers, agents].join('\n'));
});

afterEach(async () => {
  await provider.close();
  await sentry.close();
  rmSync(directory, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

function start(args: readonly string[], output: 'pipe' | number, env: Readonly<Record<string, string>> = {}): Started {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: directory,
    env: { GATEWAY_KEY: 'k-1', SENTRY_DSN: sentry.dsn, ...env },
    stdio: ['pipe', output, 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }));
  return { child, ended };
}

/** Runs a command whose output is read up to where a text is in it, and no further. */
async function readUntil(text: string, { child, ended }: Started): Promise<Ended> {
  let read = '';
  for await (const chunk of child.stdout!) if ((read += String(chunk)).includes(text)) break;
  // Leaving the loop has closed the pipe.
  return ended;
}

/** Runs a command whose output goes to a full disk. */
function writeToFullDisk(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Ended> {
  const full = openSync(FULL, 'w');
  const { child, ended } = start(args, full, env);
  closeSync(full);
  if (env === AT_A_TERMINAL) child.stdin!.write(input);
  else child.stdin!.end(input);
  return ended;
}

function spanNamed(name: string) {
  return sentry.spans.find((span) => span.name === name);
}

describe('when whoever reads the output takes their time', () => {
  test('they get all of it, long after everything else is done', async () => {
    const { child, ended } = start(['run', '--agent', 'long', 'Rain?'], 'pipe');
    child.stdin!.end();
    await expect.poll(() => spanNamed('agent.invoke long')).toBeDefined();
    let read = '';
    for await (const chunk of child.stdout!.setEncoding('utf8')) read += String(chunk);

    expect(read.length).toBe(LONG.length + 1);
    expect(await ended).toEqual({ code: 0, stderr: '' });
  });
});

describe('when whoever reads the output leaves', () => {
  test('a run is aborted, quietly and with the exit code of SIGPIPE, and its trace is delivered', async () => {
    const ended = await readUntil('on', start(['run', 'Rain?'], 'pipe'));

    expect(ended).toEqual({ code: 141, stderr: '' });
    expect((await provider.waitForAbort()).abortedByClient).toBe(true);
    expect(spanNamed('agent.invoke one')).toMatchObject({ attributes: { 'faultline.outcome': 'aborted' } });
    expect(spanNamed('agent.invoke one')?.status?.code).not.toBe(2);
    expect(sentry.envelopes).toEqual([]);
  });

  test('so is a conversation, whose transport has not crashed', async () => {
    const started = start(['run'], 'pipe', AT_A_TERMINAL);
    started.child.stdin!.write('Rain?\n');

    expect(await readUntil('on', started)).toEqual({ code: 141, stderr: '' });
    expect(spanNamed('agent.invoke one')).toMatchObject({ attributes: { 'faultline.outcome': 'aborted' } });
    expect(sentry.spans.map(({ name }) => name)).not.toContain('transport.crash cli');
    expect(sentry.envelopes).toEqual([]);
  });

  test('a demo ends at once, and what it has done until then is delivered', async () => {
    const ended = await readUntil('agent.invoke', start(['demo', '--once'], 'pipe'));

    expect(ended).toEqual({ code: 141, stderr: '' });
    expect(sentry.spans.some(({ name }) => name.startsWith('agent.invoke '))).toBe(true);
  });
});

describe.runIf(existsSync(FULL))('on a full disk', () => {
  test.each([
    [['help']],
    [['--version']],
    [['run', '--help']],
    [['demo', '--once']],
    [['serve', '--port', '0']],
    [['serve', '--check']],
  ])('%j says so in one sentence', async (args) => {
    expect(await writeToFullDisk(args)).toEqual({ code: 1, stderr: NO_SPACE });
  });

  test('a run is aborted, and its trace is delivered', async () => {
    expect(await writeToFullDisk(['run', 'Rain?'])).toEqual({ code: 1, stderr: NO_SPACE });
    expect(spanNamed('agent.invoke one')).toMatchObject({ attributes: { 'faultline.outcome': 'aborted' } });
  });

  test('a conversation has crashed, and says so once', async () => {
    expect(await writeToFullDisk(['run'], AT_A_TERMINAL, 'Rain?\n')).toEqual({ code: 1, stderr: NO_SPACE });
    expect(spanNamed('transport.crash cli')).toMatchObject({ status: { code: 2 } });
    expect(sentry.envelopes).toHaveLength(1);
  });

  test('standard error that cannot be written changes nothing', async () => {
    const full = openSync(FULL, 'w');
    const child = spawn(process.execPath, [MAIN, 'nope'], {
      cwd: directory,
      env: {},
      stdio: ['ignore', 'ignore', full],
    });
    closeSync(full);

    expect(await once(child, 'close')).toEqual([2, null]);
  });
});
