import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import build from '../../support/build.ts';
import { chromiumPath } from './chromium.ts';

/** Looks for the browser, builds dist/, and installs what drives the browser when the pinned version is not there. */
export default function install(): void {
  chromiumPath();
  build();
  if (installedVersion() === pinnedVersion()) return;
  execFileSync('npm', ['ci', '--prefix', 'test/browser'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function pinnedVersion(): string | undefined {
  const { dependencies } = read('../package.json') as { readonly dependencies: Readonly<Record<string, string>> };
  return dependencies['playwright-core'];
}

function installedVersion(): string | undefined {
  try {
    return (read('../node_modules/playwright-core/package.json') as { readonly version: string }).version;
  } catch {
    return undefined;
  }
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
}
