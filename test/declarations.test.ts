import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, it } from 'vitest';

const PACKAGE = join(import.meta.dirname, '..');
const COMPILER = join(PACKAGE, 'node_modules/typescript/bin/tsc');

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
  const { stdout } = await promisify(execFile)(process.execPath, [COMPILER, '-p', directory]).catch(
    (error: { readonly stdout: string }) => error,
  );
  await rm(directory, { recursive: true });
  expect(stdout).toBe('');
  expect(entries).toHaveLength(5);
});
