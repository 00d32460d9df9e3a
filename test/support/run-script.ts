import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { runNode, type Ended } from './run-node.ts';

const DIST = new URL('../../dist/', import.meta.url);

export type { Ended } from './run-node.ts';

export interface ScriptOptions {
  /** The whole environment of the process, but for PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Modules loaded before the script, relative to dist/. */
  readonly preload?: readonly string[];
  /** A file its standard error goes to, instead of into what is answered. */
  readonly stderr?: number | undefined;
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
    const { env = {}, stderr } = options;
    return await runNode([...preload, pathToFileURL(file).pathname], { cwd: directory, env, stderr });
  } finally {
    await rm(directory, { recursive: true });
  }
}
