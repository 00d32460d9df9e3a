import { execSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { TestProject } from 'vitest/node';

import build from '../../../support/build.ts';
import { INSTALL_FROM_PYPI } from './bugsink.ts';
import { INSTALL_FROM_NPM } from './packages.ts';

const HERE = fileURLToPath(new URL('..', import.meta.url));

/** Builds the demo, and installs the judges that are not there yet. One that cannot be installed fails its own tests. */
export default function install(project: TestProject): () => void {
  build();
  if (!isInstalledFromNpm()) attempt(INSTALL_FROM_NPM);
  if (!isInstalledFromPypi()) attempt(INSTALL_FROM_PYPI);
  const directory = mkdtempSync(join(tmpdir(), 'faultline-issue-judges-'));
  project.provide('scratchDirectory', directory);
  return () => rmSync(directory, { recursive: true });
}

function isInstalledFromNpm(): boolean {
  const { dependencies } = readJson('package.json') as { readonly dependencies: Record<string, string> };
  return Object.entries(dependencies).every(([name, version]) => {
    const manifest = join('node_modules', name, 'package.json');
    return existsSync(join(HERE, manifest)) && (readJson(manifest) as { version: string }).version === version;
  });
}

function isInstalledFromPypi(): boolean {
  const version = /^bugsink==(.*)$/m.exec(readFileSync(join(HERE, 'requirements.txt'), 'utf8'))?.[1];
  const pip = join(HERE, 'node_modules/.bugsink/bin/pip');
  return existsSync(pip) && execSync(`"${pip}" show bugsink`, { encoding: 'utf8' }).includes(`Version: ${version}\n`);
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(HERE, path), 'utf8'));
}

function attempt(command: string): void {
  try {
    execSync(command, { cwd: join(HERE, '../../..'), stdio: ['ignore', 'ignore', 'inherit'] });
  } catch {
    // The command has said why.
  }
}
