import type { ImportPackage } from '../../import-package.ts';
import { MemoryFileError } from '../memory-file-error.ts';
import { DRIVER_NAMES, findDriver, type SqliteDatabase, type SqliteDriverName } from './driver.ts';
import { problemOf } from './problem.ts';
import { inTransaction, openRecords, type Records } from './records.ts';
import { createTables, readFormat } from './schema.ts';

/** Which file, of which memory, through which driver. */
export interface MemoryFileDescription {
  readonly id: string;
  readonly path: string;
  /** Default: the first that is there. */
  readonly driver: SqliteDriverName | undefined;
}

/** A way to open one file, once a driver for it is loaded. */
export interface Opener {
  /** Opens the file, and makes it when it is not there. Throws what driver and file system throw. */
  open(): Records;
  /** Says what went wrong with the file, in the words of a memory. */
  describe(error: unknown): MemoryFileError;
}

/** Loads a driver for a file. Rejects with a `MemoryFileError` when there is none. */
export async function findOpener(file: MemoryFileDescription, load: ImportPackage): Promise<Opener> {
  const found = await findDriver(file.driver === undefined ? DRIVER_NAMES : [file.driver], load, createTables);
  if (found.status === 'none') {
    const reasons = found.reasons.join(', ');
    const remedy =
      file.driver === 'node:sqlite' ? 'run Node 22.13 or newer' : `run npm install ${file.driver ?? 'libsql'}`;
    const detail = `no SQLite with full-text search was found (${reasons}); ${remedy}`;
    const [cause] = found.errors;
    throw new MemoryFileError(file, 'driver', { detail, ...(cause === undefined ? undefined : { cause }) });
  }
  const { driver } = found;
  const { closeSync, openSync } = await import('node:fs');
  const path = (await import('node:path')).resolve(file.path);

  /**
   * What is remembered of people is for the owner's eyes only; SQLite gives the files beside it the same mode.
   * Synchronous, and never done to a file that is there: to close it would drop the locks other connections
   * of this process have on it (sqlite.org/howtocorrupt.html, 2.2).
   */
  const makeFile = (): void => {
    try {
      closeSync(openSync(path, 'wx', 0o600));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  };

  return {
    open: () => {
      makeFile();
      const database = driver.open(path);
      try {
        prepareDatabase(database, file);
        return openRecords(database);
      } catch (error) {
        database.close();
        throw error;
      }
    },
    describe: (error) =>
      error instanceof MemoryFileError ? error : new MemoryFileError(file, problemOf(error, driver), { cause: error }),
  };
}

/** Makes sure that the database is a memory, and makes it one when it is nothing yet. */
function prepareDatabase(database: SqliteDatabase, file: MemoryFileDescription): void {
  // Waiting for a lock is done by `memory-file.ts`, which does not hold up the process.
  database.exec('PRAGMA busy_timeout = 0');
  // Survives a crash of the process, and of the machine without the last few records at worst.
  database.exec('PRAGMA synchronous = NORMAL');
  // What is forgotten is not to be found in the file either.
  database.exec('PRAGMA secure_delete = ON');
  if (!isEmpty(database, file)) return;
  // Readers and a writer at the same time, in any number of processes.
  database.exec('PRAGMA journal_mode = WAL');
  inTransaction(database, () => {
    // Another process may have been faster.
    if (isEmpty(database, file)) createTables(database);
  });
}

function isEmpty(database: SqliteDatabase, file: MemoryFileDescription): boolean {
  const format = readFormat(database);
  switch (format.status) {
    case 'memory':
      return false;
    case 'empty':
      return true;
    case 'foreign':
      throw new MemoryFileError(file, 'foreign');
    case 'newer': {
      const { version, known } = format;
      const detail = `its file has format ${version} and this version reads formats up to ${known}; update faultline`;
      throw new MemoryFileError(file, 'newer', { detail });
    }
  }
}
