import { dirname, join } from 'node:path';

import type { Environment } from './environment.ts';
import type { Host } from './host.ts';
import { isRecord } from './kinds.ts';

/** The npm package a program belongs to. */
export interface NpmPackage {
  readonly name?: string;
  readonly version?: string;
}

/**
 * What npm says of what it runs, else the nearest `package.json` with a name, from the main script upwards. A script
 * of an installed package is a command: then it is that of the working directory.
 */
export function npmPackage(environment: Environment, host: Host): NpmPackage {
  const { npm_package_name: name, npm_package_version: version } = environment;
  if (name) return version ? { name, version } : { name };
  const { mainScript, workingDirectory } = host;
  if (mainScript === undefined) return {};
  const isInstalled = /[\\/]node_modules[\\/]/.test(mainScript);
  return nearestPackage(isInstalled ? workingDirectory : dirname(mainScript), host);
}

function nearestPackage(start: string, host: Host): NpmPackage {
  for (let directory = start; ; directory = dirname(directory)) {
    const found = readPackage(host.readTextFile(join(directory, 'package.json')));
    if (found !== undefined) return found;
    if (directory === dirname(directory)) return {};
  }
}

/** Folders of builds have one without a name, which only says how modules are loaded. */
function readPackage(text: string | undefined): NpmPackage | undefined {
  try {
    const content: unknown = JSON.parse(text ?? '');
    const { name, version } = isRecord(content) ? content : {};
    if (typeof name !== 'string' || name === '') return undefined;
    return typeof version === 'string' && version !== '' ? { name, version } : { name };
  } catch {
    return undefined;
  }
}
