import { spawn } from 'node:child_process';

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A process that lives so long hangs. It says nothing of how long anything may take: whoever would show that something
 * is not waited for lets that last longer.
 */
const LONGEST_LIFE_MS = 45_000;

export interface RunNodeOptions {
  readonly cwd: string;
  /** The whole environment of the process, but for PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads. By default there is nothing to read. */
  readonly input?: string;
  /** A file its standard error goes to, instead of into what is answered. */
  readonly stderr?: number | undefined;
  /** Longest life before the process is killed: by default less than a test has, and more than any process needs. */
  readonly timeoutMs?: number;
}

/** Runs this version of Node to its end. */
export function runNode(
  args: readonly string[],
  { cwd, env = {}, input, stderr: stderrFile, timeoutMs = LONGEST_LIFE_MS }: RunNodeOptions,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', stderrFile ?? 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin?.end(input);
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
