/** The Chromium of the system, driven without a window. */
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

/** The parts of Playwright that are used: it is installed for these tests alone, so its types are not there. */
interface Playwright {
  readonly chromium: {
    launch(options: { readonly executablePath: string; readonly args: readonly string[] }): Promise<Browser>;
  };
}

export interface Browser {
  /** A tab with cookies and storage of its own. */
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

export interface Page {
  goto(url: string): Promise<unknown>;
  /** The value of an expression, awaited. */
  evaluate(expression: string): Promise<unknown>;
  /** Resolves when the expression has become true. */
  waitForFunction(expression: string): Promise<unknown>;
  close(): Promise<void>;
}

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-proxy-server',
];

/** Starts Chromium with an empty profile. */
export function launchChromium(): Promise<Browser> {
  const executablePath = chromiumPath();
  const { chromium } = createRequire(import.meta.url)('playwright-core') as Playwright;
  return chromium.launch({ executablePath, args: ARGUMENTS });
}

/** Where Chromium is. Throws with the command that installs it when it is nowhere. */
export function chromiumPath(): string {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  const path = directories.map((directory) => join(directory, 'chromium')).find(isExecutable);
  if (path !== undefined) return path;
  throw new Error('chromium is missing, and without it nothing is tested: install it with apt-get install -y chromium');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
