import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';

/** A program under way. */
export interface RunningProgram<Ready> {
  /** What its output said when it was ready. */
  readonly ready: Ready;
  /** Ends it and everything it started. */
  readonly stop: () => Promise<void>;
}

export interface ProgramOptions<Ready> {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Finds in the output so far what says that the program is ready. */
  readonly whenReady: (output: string) => Ready | undefined;
}

const LONGEST_START_MS = 20_000;
const LONGEST_END_MS = 5_000;

/** Process groups to take along when this process ends before it has stopped them. */
const groups = new Set<number>();
process.once('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}

function killAll(): void {
  for (const group of groups) signalGroup(group, 'SIGKILL');
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // It is gone already.
  }
}

/** Starts a program in a process group of its own and waits until its output says that it is ready. */
export async function startProgram<Ready>(
  path: string,
  options: ProgramOptions<Ready>,
): Promise<RunningProgram<Ready>> {
  const child = spawn(path, options.args, {
    detached: true,
    env: { PATH: process.env['PATH'] ?? '', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const group = child.pid;
  if (group !== undefined) groups.add(group);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    if (group === undefined) return;
    signalGroup(group, 'SIGTERM');
    const patience = setTimeout(() => signalGroup(group, 'SIGKILL'), LONGEST_END_MS);
    await closed;
    clearTimeout(patience);
    groups.delete(group);
  };

  try {
    return { ready: await untilReady(child, path, options.whenReady), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function untilReady<Ready>(
  child: ChildProcessByStdio<null, Readable, Readable>,
  path: string,
  whenReady: (output: string) => Ready | undefined,
): Promise<Ready> {
  let patience: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Ready>((resolve, reject) => {
      let output = '';
      const fail = (what: string): void => reject(new Error(`${path} ${what}. It said:\n${output}`));
      const listen = (text: string): void => {
        output += text;
        const ready = whenReady(output);
        if (ready !== undefined) resolve(ready);
      };
      child.stdout.setEncoding('utf8').on('data', listen);
      child.stderr.setEncoding('utf8').on('data', listen);
      child.once('error', reject);
      child.once('close', (code) => fail(`ended with code ${code}`));
      patience = setTimeout(() => fail(`was not ready after ${LONGEST_START_MS} ms`), LONGEST_START_MS);
    });
  } finally {
    clearTimeout(patience);
  }
}
