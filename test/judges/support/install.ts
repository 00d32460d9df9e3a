import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { TestProject } from 'vitest/node';

import build from '../../support/build.ts';
import { ASPIRE_PACKAGE, fileOfPackage, INSTALL_FROM_NPM } from './judge.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A directory for whatever the judges write; gone after the run. The unpacked dashboard is in `.aspire`. */
    scratchDirectory: string;
  }
}

const MANIFEST = fileURLToPath(new URL('../package.json', import.meta.url));

/** Builds the demo, installs the judges that come from npm and are not there yet, and unpacks the large one. */
export default function install(project: TestProject): () => void {
  build();
  const directory = mkdtempSync(join(tmpdir(), 'faultline-judges-'));
  project.provide('scratchDirectory', directory);
  // When that fails, each judge that is missing says so in the tests that need it.
  if (judgesAreInstalled() || installFromNpm()) unpackAspire(directory);
  return () => rmSync(directory, { recursive: true });
}

function judgesAreInstalled(): boolean {
  const { dependencies } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { dependencies: Record<string, string> };
  try {
    return Object.entries(dependencies).every(([name, version]) => {
      const manifest = JSON.parse(readFileSync(fileOfPackage(name), 'utf8')) as { version: string };
      return manifest.version === version;
    });
  } catch {
    return false;
  }
}

function installFromNpm(): boolean {
  const [command = '', ...args] = INSTALL_FROM_NPM.split(' ');
  try {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    return true;
  } catch {
    return false;
  }
}

/**
 * The command line tool carries the dashboard inside it. It also unpacks it to its home, in the background and at the
 * same time, and takes that one for the one it was asked for: so both are the same place, and not the user's home.
 */
function unpackAspire(directory: string): void {
  const aspire = fileOfPackage(ASPIRE_PACKAGE, 'bin/aspire');
  const place = join(directory, '.aspire');
  execFileSync(aspire, ['setup', '--install-path', place, '--nologo', '--non-interactive'], {
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      ASPIRE_CLI_TELEMETRY_OPTOUT: 'true',
      DOTNET_CLI_TELEMETRY_OPTOUT: '1',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
