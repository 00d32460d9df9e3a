import { execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';

import { inject } from 'vitest';

const PROGRAMS = fileURLToPath(new URL('../apps/', import.meta.url));
const LONGEST_RUN_MS = 20_000;

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An application of its own, outside this repository, with the packed package installed. */
export interface App {
  readonly directory: string;
  /** Runs a program of `apps/` with this environment and no other. */
  run(program: string, env?: Readonly<Record<string, string>>, nodeArgs?: readonly string[]): Promise<Ended>;
  readonly remove: () => Promise<void>;
}

/** Installs Faultline and these exact versions with npm, in one go, as a user would. */
export async function installApp(dependencies: Readonly<Record<string, string>> = {}): Promise<App> {
  const directory = await mkdtemp(join(tmpdir(), 'faultline-app-'));
  const manifest = {
    name: 'shop',
    version: '4.2.0',
    private: true,
    type: 'module',
    dependencies: { ...dependencies, faultline: `file:${inject('tarball')}` },
  };
  await writeFile(join(directory, 'package.json'), JSON.stringify(manifest));
  await npmInstall(directory);
  await cp(PROGRAMS, directory, { recursive: true });
  return {
    directory,
    run: (program, env = {}, nodeArgs = []) => runNode(directory, [...nodeArgs, program], env),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

async function npmInstall(directory: string): Promise<void> {
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  // SDK 3.x asks for Node 22 and runs on 20.
  const args = ['install', '--prefix', directory, '--engine-strict=false', ...quiet];
  try {
    await promisify(execFile)('npm', args, { cwd: directory });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new Error(`npm could not install the application; this suite needs the npm registry:\n${stderr}`, {
      cause: error,
    });
  }
}

function runNode(cwd: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LONGEST_RUN_MS,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
