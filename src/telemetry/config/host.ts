import { readFileSync } from 'node:fs';

import { guard } from '../guard.ts';
import { defined } from './records.ts';

/**
 * The machine as this folder sees it.
 *
 * The one seam to disk and process, so that every rule of this folder can be shown without them.
 */
export interface Host {
  readonly workingDirectory: string;
  /** Path of the script `node` was started with; absent in a REPL and under `node -e`. */
  readonly mainScript?: string;
  /** Content of a text file, or `undefined` when it cannot be read for whatever reason. */
  readTextFile(path: string): string | undefined;
}

/** The real machine. */
export function nodeHost(): Host {
  return { workingDirectory: workingDirectory(), ...defined({ mainScript: process.argv[1] }), readTextFile };
}

function readTextFile(path: string): string | undefined {
  return guard(() => readFileSync(path, 'utf8'));
}

/** `process.cwd()` throws when the directory was deleted under the process, which must not stop the program. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return '/';
  }
}
