import { execSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('..', import.meta.url));

/** Installs the driver: downloads it when its project can be reached, and compiles it otherwise. */
export const INSTALL = 'npm ci --prefix test/judges/memory';

/** Installs what is not there yet. A driver that cannot be installed fails the tests. */
export default function install(): void {
  const { dependencies } = readJson('package.json') as { readonly dependencies: Record<string, string> };
  const isInstalled = Object.entries(dependencies).every(([name, version]) => {
    const manifest = join('node_modules', name, 'package.json');
    return existsSync(join(HERE, manifest)) && (readJson(manifest) as { version: string }).version === version;
  });
  if (isInstalled) return;
  try {
    execSync(INSTALL, { cwd: join(HERE, '../../..'), stdio: ['ignore', 'ignore', 'inherit'] });
  } catch {
    // The command has said why.
  }
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(HERE, path), 'utf8'));
}
