import { importPackage } from '../import-package.ts';
import { systemTime } from '../time.ts';
import type { MemoryStore } from '../types.ts';
import { kindOf, requireCount, requireTimeout } from '../validate.ts';
import type { SqliteDriverName } from './sqlite/driver.ts';
import { createMemoryFile, type MemoryFileSurroundings } from './sqlite/memory-file.ts';
import { writeRecord } from './sqlite/records.ts';

/** Where a memory is kept in a file, and how much of it. */
export interface SqliteMemoryOptions {
  /** The file, made when it is not there; its directory must be. Relative to the working directory. */
  readonly path: string;
  /** Default: `sqlite`. */
  readonly id?: string | undefined;
  /** Beyond this many the oldest are forgotten. Default: 100000. */
  readonly maxRecords?: number | undefined;
  /** Longest wait for a file somebody else has locked. Default: 5000. */
  readonly busyTimeoutMs?: number | undefined;
  /** Default: the first of `node:sqlite`, `better-sqlite3` and `libsql` that is there. */
  readonly driver?: SqliteDriverName | undefined;
}

/**
 * A memory in a SQLite file, shared by any number of processes of one machine: full-text search (FTS5) with BM25
 * ranking, that also finds English words in another form, and the newer of two equally good records first.
 * Metadata is kept as JSON.
 *
 * SQLite comes with Node from 22.13; on an older one the application installs `libsql` or `better-sqlite3`.
 * The file is opened when it is first needed, and anew after it failed. Throws when an option is wrong; the
 * memory's methods reject with a `MemoryFileError` when the file cannot be used, and when it was closed.
 */
export function sqliteMemory(options: SqliteMemoryOptions): MemoryStore {
  return sqliteMemoryWith({ time: systemTime, importDriver: importPackage }, options);
}

/** `sqliteMemory` with a say in how time passes and which drivers are there. */
export function sqliteMemoryWith(surroundings: MemoryFileSurroundings, options: SqliteMemoryOptions): MemoryStore {
  const { path, id = 'sqlite', maxRecords = 100_000, busyTimeoutMs = 5_000, driver } = options;
  requirePath(id, path);
  requireCount(`maxRecords of memory ${id}`, maxRecords, 1);
  requireTimeout(`busyTimeoutMs of memory ${id}`, busyTimeoutMs);
  const file = createMemoryFile({ id, path, busyTimeoutMs, driver }, surroundings);
  return {
    id,
    system: 'sqlite',
    add: async (record) => {
      const written = writeRecord(record);
      await file.use((records) => records.add(written, maxRecords));
    },
    remove: (recordId) => file.use((records) => records.remove(recordId)),
    search: (query, { limit, scopes, signal }) => file.use((records) => records.search(query, limit, scopes), signal),
    close: async () => file.close(),
  };
}

/** SQLite would take an empty path and `:memory:` for databases without a file. */
function requirePath(id: string, path: unknown): void {
  if (typeof path === 'string' && path !== '' && path !== ':memory:') return;
  const got = typeof path === 'string' ? JSON.stringify(path) : kindOf(path);
  throw new TypeError(`path of memory ${id} must be that of a file; got ${got}: see inProcessMemory`);
}
