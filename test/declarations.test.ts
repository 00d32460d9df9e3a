import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, it } from 'vitest';

const PACKAGE = join(import.meta.dirname, '..');
const COMPILER = join(PACKAGE, 'node_modules/typescript/bin/tsc');

/** How the compiler ended, where it did not end well. */
interface Ended {
  readonly code?: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

it('the declarations of every entry hold for an application that checks those of its libraries, too', async () => {
  const { exports } = (await import('../package.json', { with: { type: 'json' } })).default;
  const entries = Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? [] : [entry.types]));
  const directory = await mkdtemp(join(tmpdir(), 'faultline-declarations-'));
  const project = {
    compilerOptions: {
      module: 'nodenext',
      target: 'es2022',
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      types: ['node'],
      typeRoots: [join(PACKAGE, 'node_modules/@types')],
    },
    files: entries.map((entry) => join(PACKAGE, entry)),
  };
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(project));
  const ended = await promisify(execFile)(process.execPath, [COMPILER, '-p', directory]).then(
    (output) => ({ code: 0, ...output }),
    ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }),
  );
  await rm(directory, { recursive: true });
  expect(ended).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(entries).toHaveLength(5);
});
