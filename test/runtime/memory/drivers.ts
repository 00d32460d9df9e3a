import {
  DRIVER_NAMES,
  findDriver,
  importDriver,
  type SqliteDriver,
} from '../../../src/runtime/memory/sqlite/driver.ts';
import type { SqliteDriverName } from '../../../src/runtime/memory/sqlite/driver.ts';

/** Whether a driver can be tested here. */
export interface DriverHere {
  readonly name: SqliteDriverName;
  readonly driver: SqliteDriver | undefined;
  /** For the title of what is skipped. */
  readonly note: string;
}

/** Every driver, and whether it is installed. */
export async function driversHere(): Promise<readonly DriverHere[]> {
  return Promise.all(
    DRIVER_NAMES.map(async (name) => {
      const found = await findDriver([name], importDriver, () => {});
      const driver = found.status === 'found' ? found.driver : undefined;
      const note = found.status === 'found' ? '' : ` (skipped: ${found.reasons.join(', ')})`;
      return { name, driver, note };
    }),
  );
}
