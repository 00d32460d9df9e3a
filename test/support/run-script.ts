import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const DIST = new URL('../../dist/', import.meta.url);

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ScriptOptions {
  /** The whole environment of the process, but for PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Modules loaded before the script, relative to dist/. */
  readonly preload?: readonly string[];
  /** Longest life before the process is killed. */
  readonly timeoutMs?: number;
}

/**
 * Runs a module in a process of its own, in a directory without a `.env`. `DIST` in the source stands for
 * the URL of the built files.
 */
export async function runScript(source: string, options: ScriptOptions = {}): Promise<Ended> {
  const directory = await mkdtemp(join(tmpdir(), 'faultline-script-'));
  const file = join(directory, 'script.mjs');
  await writeFile(file, source.replaceAll('DIST/', DIST.href));
  const preload = (options.preload ?? []).flatMap((module) => ['--import', new URL(module, DIST).href]);
  try {
    return await run([...preload, pathToFileURL(file).pathname], directory, options);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function run(args: readonly string[], cwd: string, { env = {}, timeoutMs = 15_000 }: ScriptOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
