import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PACKAGE = join(import.meta.dirname, '../..');
const COMPILER = join(PACKAGE, 'node_modules/typescript/bin/tsc');

/**
 * What the compiler says of these files, by name, as those of a strict application with these options: nothing where
 * all is well. One that does not come to say anything is told by its error.
 */
export async function compile(files: Readonly<Record<string, string>>, options: object = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'faultline-compile-'));
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    noEmit: true,
    types: ['node'],
    ...options,
  };
  const project = JSON.stringify({ compilerOptions, include: ['*'] });
  await Promise.all([
    symlink(join(PACKAGE, 'node_modules'), join(directory, 'node_modules')),
    ...Object.entries({ ...files, 'tsconfig.json': project }).map(([name, text]) =>
      writeFile(join(directory, name), text),
    ),
  ]);
  try {
    return (await promisify(execFile)(process.execPath, [COMPILER, '-p', directory])).stdout;
  } catch (error) {
    const { stdout, message } = error as Error & { readonly stdout: string };
    return stdout || message;
  } finally {
    await rm(directory, { recursive: true });
  }
}
