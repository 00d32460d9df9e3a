/**
 * What the memory needs of SQLite, and the packages that have it. They agree on almost everything: the adapter
 * of one says which class opens a file and how its errors tell SQLite's result codes.
 */
import { fields, type Fields } from '../../fields.ts';
import type { ImportPackage } from '../../import-package.ts';

/** A value SQLite is handed in place of a `?`. */
export type SqliteValue = string | number | null;

export interface SqliteStatement {
  run(...values: readonly SqliteValue[]): { readonly changes: number | bigint };
  all(...values: readonly SqliteValue[]): readonly unknown[];
}

/** An open database. Everything happens at once, and throws what the driver throws. */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
  close(): unknown;
}

export interface SqliteDriver {
  open(path: string): SqliteDatabase;
  /** The primary result code of an error without `SQLITE_`, such as `BUSY` (sqlite.org/rescode.html). */
  resultCode(error: unknown): string | undefined;
}

/** A way to SQLite, by the name it is imported with. */
export type SqliteDriverName = 'node:sqlite' | 'better-sqlite3' | 'libsql';

/** How one driver differs from the others. */
interface Adapter {
  /** What the class that opens a file is exported as. */
  readonly databaseClass: string;
  readonly resultCode: SqliteDriver['resultCode'];
}

const ADAPTERS: Readonly<Record<SqliteDriverName, Adapter>> = {
  'node:sqlite': {
    databaseClass: 'DatabaseSync',
    resultCode: (error) => codeByNumber(fields(error)['errcode']),
  },
  'better-sqlite3': {
    databaseClass: 'default',
    resultCode: (error) => /^SQLITE_([A-Z]+)/.exec(String(fields(error)['code']))?.[1],
  },
  // Knows of no way to finalise a statement: it lets go of its file when they are collected as garbage.
  libsql: {
    databaseClass: 'default',
    resultCode: (error) => codeByNumber(fields(error)['rawCode'] ?? connectionCode(error)),
  },
};

/** In order of preference: what needs no package first, then what lets go of its file when it is told to. */
export const DRIVER_NAMES = Object.keys(ADAPTERS) as readonly SqliteDriverName[];

/** What became of the search for a driver. */
export type FoundDriver =
  | { readonly status: 'found'; readonly driver: SqliteDriver }
  /** What is wrong with each. */
  | { readonly status: 'none'; readonly reasons: readonly string[]; readonly errors: readonly unknown[] };

/** Finds the first driver that is there and works. `check` throws on a database the memory could not use. */
export async function findDriver(
  names: readonly SqliteDriverName[],
  load: ImportPackage,
  check: (database: SqliteDatabase) => void,
): Promise<FoundDriver> {
  const reasons: string[] = [];
  const errors: unknown[] = [];
  for (const name of names) {
    try {
      const module = await load(name);
      if (module === undefined) {
        reasons.push(`${name} is not there`);
        continue;
      }
      const driver = createDriver(name, module);
      const database = driver.open(':memory:');
      try {
        check(database);
      } finally {
        database.close();
      }
      return { status: 'found', driver };
    } catch (error) {
      // A native part that was built for another Node, or a SQLite that was built without full-text search.
      reasons.push(`${name} does not work here`);
      errors.push(error);
    }
  }
  return { status: 'none', reasons, errors };
}

function createDriver(name: SqliteDriverName, module: Fields): SqliteDriver {
  const { databaseClass, resultCode } = ADAPTERS[name];
  const Database = module[databaseClass] as new (path: string) => SqliteDatabase;
  return { resultCode, open: (path) => new Database(path) };
}

/** Result codes the memory tells apart, by number. */
const CODES: Readonly<Record<number, string>> = {
  5: 'BUSY',
  8: 'READONLY',
  11: 'CORRUPT',
  13: 'FULL',
  14: 'CANTOPEN',
  26: 'NOTADB',
};

/** The last byte of an extended result code is the primary one. */
function codeByNumber(code: unknown): string | undefined {
  return CODES[Number(code) & 0xff];
}

/** An error about opening a file has its code at the end of the message and nowhere else. */
function connectionCode(error: unknown): string | undefined {
  return /^ConnectionFailed\(.*: (\d+)"\)$/s.exec(String(fields(error)['message']))?.[1];
}
