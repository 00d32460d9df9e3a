import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built binary. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A directory without a package.json and without a .env, so that only the given environment counts. */
const EMPTY_DIRECTORY = mkdtempSync(join(tmpdir(), 'faultline-cli-'));

/** What a command left behind. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export interface RunningCli {
  readonly child: ChildProcessWithoutNullStreams;
  readonly finished: Promise<Finished>;
}

/** Starts the built binary with an environment of its own. */
export function startCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCli {
  const child = spawn(process.execPath, [MAIN, ...args], { env, cwd: EMPTY_DIRECTORY });
  return { child, finished: untilFinished(child) };
}

/** Reads all a process writes, up to its end. */
export async function untilFinished(child: ChildProcess): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Runs the built binary to its end, with nothing or the given text on standard input. */
export function cli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Finished> {
  const { child, finished } = startCli(args, env);
  child.stdin.end(input);
  return finished;
}
