import { execSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The command that installs what the `package.json` of a directory pins. */
export function installCommand(directory: string): string {
  return `npm ci --prefix ${directory}`;
}

/** Installs it, unless it is there. What cannot be installed fails the tests that need it. */
export function installPinned(directory: string): void {
  if (isInstalled(join(ROOT, directory))) return;
  try {
    execSync(installCommand(directory), { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  } catch {
    // The command has said why.
  }
}

function isInstalled(directory: string): boolean {
  const { dependencies } = readJson(join(directory, 'package.json')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return Object.entries(dependencies).every(([name, version]) => {
    const manifest = join(directory, 'node_modules', name, 'package.json');
    return existsSync(manifest) && (readJson(manifest) as { readonly version: string }).version === version;
  });
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
