/** The format of a memory file: its tables, and how a file says that it is one. */
import type { SqliteDatabase } from './driver.ts';

/** `FLTM` as a number, where SQLite files say whose they are (sqlite.org/pragma.html#pragma_application_id). */
const APPLICATION_ID = 0x46_4c_54_4d;

/** Of the tables below, in `user_version`. One that changes is one more, with the way there from the last. */
const VERSION = 1;

/**
 * `position` grows with every record added, so it is the order of age. Scope and id are compared as JSON, which
 * keeps apart what SQLite's UTF-8 and C strings would not: lone surrogates, and texts with a NUL in them. The
 * index is of words as `words.ts` sees them, and `secure-delete` takes them out of it at once
 * (sqlite.org/fts5.html#the_secure_delete_configuration_option).
 */
const TABLES = `
  CREATE TABLE memory (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    scope TEXT,
    record TEXT NOT NULL
  ) STRICT;
  CREATE VIRTUAL TABLE memory_words USING fts5(words, tokenize = 'porter unicode61');
  INSERT INTO memory_words (memory_words, rank) VALUES ('secure-delete', 1);
  CREATE TRIGGER memory_forgotten AFTER DELETE ON memory BEGIN
    DELETE FROM memory_words WHERE rowid = old.position;
  END;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${VERSION};
`;

/** What a file is, before anything is written to it. */
export type FileFormat =
  | { readonly status: 'memory' }
  | { readonly status: 'empty' }
  | { readonly status: 'foreign' }
  | { readonly status: 'newer'; readonly version: number; readonly known: number };

export function readFormat(database: SqliteDatabase): FileFormat {
  const version = readNumber(database, 'PRAGMA user_version');
  const applicationId = readNumber(database, 'PRAGMA application_id');
  if (applicationId === APPLICATION_ID) {
    return version > VERSION ? { status: 'newer', version, known: VERSION } : { status: 'memory' };
  }
  const tables = readNumber(database, 'SELECT count(*) FROM sqlite_schema');
  return { status: applicationId === 0 && version === 0 && tables === 0 ? 'empty' : 'foreign' };
}

/** Creates the tables in an empty database. */
export function createTables(database: SqliteDatabase): void {
  database.exec(TABLES);
}

function readNumber(database: SqliteDatabase, sql: string): number {
  const [row] = database.prepare(sql).all() as readonly Readonly<Record<string, number>>[];
  return Object.values(row!)[0]!;
}
