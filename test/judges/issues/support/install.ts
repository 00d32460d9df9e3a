import { execSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { TestProject } from 'vitest/node';

import build from '../../../support/build.ts';
import { installPinned } from '../../support/pinned-packages.ts';
import { INSTALL_FROM_PYPI } from './bugsink.ts';
import { HERE } from './packages.ts';

const DIRECTORY = fileURLToPath(new URL('..', import.meta.url));

/** Builds the demo, and installs the judges that are not there yet. One that cannot be installed fails its own tests. */
export default function install(project: TestProject): () => void {
  build();
  installPinned(HERE);
  if (!isInstalledFromPypi()) attempt(INSTALL_FROM_PYPI);
  const directory = mkdtempSync(join(tmpdir(), 'faultline-issue-judges-'));
  project.provide('scratchDirectory', directory);
  return () => rmSync(directory, { recursive: true });
}

function isInstalledFromPypi(): boolean {
  const version = /^bugsink==(.*)$/m.exec(readFileSync(join(DIRECTORY, 'requirements.txt'), 'utf8'))?.[1];
  const pip = join(DIRECTORY, 'node_modules/.bugsink/bin/pip');
  return existsSync(pip) && execSync(`"${pip}" show bugsink`, { encoding: 'utf8' }).includes(`Version: ${version}\n`);
}

function attempt(command: string): void {
  try {
    execSync(command, { cwd: join(DIRECTORY, '../../..'), stdio: ['ignore', 'ignore', 'inherit'] });
  } catch {
    // The command has said why.
  }
}
