import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterEach } from 'vitest';

import { loadConfig, type RuntimeConfig } from '../../../src/runtime/config.ts';

const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** Writes files into a new directory, which lives as long as the test. */
export function writeFiles(files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'faultline-config-'));
  directories.push(directory);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  return directory;
}

/** What loading a file says besides its result. */
export interface Loading {
  readonly environment: Record<string, string | undefined>;
  readonly notices: string[];
}

export function loading(environment: Record<string, string | undefined> = {}): Loading & {
  readonly options: { environment: Record<string, string | undefined>; onNotice: (message: string) => void };
} {
  const notices: string[] = [];
  return { environment, notices, options: { environment, onNotice: (message) => notices.push(message) } };
}

/** Loads a text as a file beside the others, with an environment of its own. */
export async function load(
  text: string,
  files: Readonly<Record<string, string | Uint8Array>> = {},
  environment: Record<string, string | undefined> = {},
): Promise<{ readonly config: RuntimeConfig; readonly directory: string } & Loading> {
  const directory = writeFiles({ ...files, 'faultline.yaml': text });
  const { notices, options } = loading(environment);
  const config = await loadConfig(join(directory, 'faultline.yaml'), options);
  return { config, directory, environment, notices };
}

/** The lines of what is wrong with a text, without the path of the file. */
export async function problemsOf(
  text: string | Uint8Array,
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<readonly string[]> {
  const directory = writeFiles({ ...files, 'faultline.yaml': text });
  const path = join(directory, 'faultline.yaml');
  try {
    await loadConfig(path, loading().options);
  } catch (error) {
    return (error as Error).message.split('\n').map((line) => line.replace(`${path}:`, ''));
  }
  return [];
}
