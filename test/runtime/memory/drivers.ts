import { createRequire, isBuiltin } from 'node:module';
import { pathToFileURL } from 'node:url';

import { importPackage, type ImportPackage } from '../../../src/runtime/import-package.ts';
import { DRIVER_NAMES, findDriver, type SqliteDriver } from '../../../src/runtime/memory/sqlite/driver.ts';
import type { SqliteDriverName } from '../../../src/runtime/memory/sqlite/driver.ts';

/** Whether a driver can be tested here. */
export interface DriverHere {
  readonly name: SqliteDriverName;
  readonly driver: SqliteDriver | undefined;
  /** Whether it is here for certain, so that nobody may find it missing. */
  readonly isCertain: boolean;
  /** What it is imported by, from anywhere. */
  readonly specifier: string;
  /** For the title of what is skipped. */
  readonly note: string;
}

/** better-sqlite3 is compiled where it is installed, which takes a minute: it has a directory of its own. */
const { resolve } = createRequire(new URL('../../judges/memory/package.json', import.meta.url));

/** Every driver, and whether it is installed. */
export async function driversHere(): Promise<readonly DriverHere[]> {
  return Promise.all(
    DRIVER_NAMES.map(async (name) => {
      const found = await findDriver([name], importHere, () => {});
      const driver = found.status === 'found' ? found.driver : undefined;
      const note = found.status === 'found' ? '' : ` (skipped: ${found.reasons.join(', ')})`;
      return { name, driver, isCertain: name === 'libsql' || isBuiltin(name), specifier: specifierOf(name), note };
    }),
  );
}

/** Imports a driver from wherever the tests have it. */
export const importHere: ImportPackage = (name) => importPackage(specifierOf(name));

/** Where a driver is; its name when it comes with Node or is not there. */
function specifierOf(name: string): string {
  if (name.startsWith('node:')) return name;
  try {
    return pathToFileURL(resolve(name)).href;
  } catch {
    return name;
  }
}
