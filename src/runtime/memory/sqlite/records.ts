import type { MemoryMatch, MemoryRecord } from '../../types.ts';
import { isPrefix, queryWords, wordsOf } from '../words.ts';
import type { SqliteDatabase } from './driver.ts';

/** The records of an open memory file. Everything happens at once, and throws what the driver throws. */
export interface Records {
  /** Adds a record, or replaces the one with its id, and forgets the oldest beyond `most`. */
  add(record: WrittenRecord, most: number): void;
  remove(id: string): boolean;
  search(query: string, limit: number, scopes: readonly string[] | undefined): readonly MemoryMatch[];
  close(): void;
}

/** A record as it is kept. */
export interface WrittenRecord {
  readonly id: string;
  readonly scope: string | null;
  readonly json: string;
  readonly words: string;
}

/** Writes a record down. Throws when its metadata has no JSON. */
export function writeRecord(record: MemoryRecord): WrittenRecord {
  const { id, scope, text } = record;
  return {
    id: JSON.stringify(id),
    scope: scope === undefined ? null : JSON.stringify(scope),
    json: JSON.stringify(record),
    words: wordsOf(text).join(' '),
  };
}

interface FoundRow {
  readonly record: string;
  readonly score: number;
}

/** Newer records first among equally good ones. */
const SEARCH = `
  SELECT record, -bm25(memory_words) AS score
  FROM memory_words JOIN memory ON memory.position = memory_words.rowid
  WHERE memory_words MATCH ? AND (? IS NULL OR scope IN (SELECT value FROM json_each(?)))
  ORDER BY score DESC, position DESC
  LIMIT ?
`;

/** A negative limit would be none, and forget everything. */
const FORGET_OLDEST = `
  DELETE FROM memory WHERE position IN (
    SELECT position FROM memory ORDER BY position LIMIT max(0, (SELECT count(*) FROM memory) - ?)
  )
`;

/** Prepares the statements once, for as long as the database is open. */
export function openRecords(database: SqliteDatabase): Records {
  const removal = database.prepare('DELETE FROM memory WHERE id = ?');
  const insertion = database.prepare('INSERT INTO memory (id, scope, record) VALUES (?, ?, ?)');
  const indexing = database.prepare('INSERT INTO memory_words (rowid, words) VALUES (last_insert_rowid(), ?)');
  const trimming = database.prepare(FORGET_OLDEST);
  const searching = database.prepare(SEARCH);
  return {
    add: ({ id, scope, json, words }, most) =>
      inTransaction(database, () => {
        removal.run(id);
        insertion.run(id, scope, json);
        indexing.run(words);
        trimming.run(asSqliteCount(most));
      }),
    remove: (id) => removal.run(JSON.stringify(id)).changes > 0,
    search: (query, limit, scopes) => {
      const words = queryWords(query);
      if (words.length === 0) return [];
      const allowed = scopes === undefined ? null : JSON.stringify(scopes.map((scope) => JSON.stringify(scope)));
      const found = searching.all(matchExpression(words), allowed, allowed, asSqliteCount(limit));
      return (found as readonly FoundRow[]).map(({ record, score }) =>
        Object.assign(JSON.parse(record) as MemoryRecord, { score }),
      );
    },
    close: () => database.close(),
  };
}

/**
 * Any of these words, each as a phrase in quotes, so that nothing in it is FTS5 syntax
 * (sqlite.org/fts5.html#full_text_query_syntax). Words can have quotes in them: Hebrew abbreviations do.
 */
function matchExpression(words: readonly string[]): string {
  const phrases = words.flatMap((word) => {
    const phrase = `"${word.replaceAll('"', '""')}"`;
    return isPrefix(word) ? [phrase, `${phrase}*`] : [phrase];
  });
  return phrases.join(' OR ');
}

/** SQLite has no infinity among its whole numbers. */
function asSqliteCount(count: number): number {
  return Math.min(count, Number.MAX_SAFE_INTEGER);
}

/** All of it or nothing. Claims the right to write at its start, where waiting for it is still possible. */
export function inTransaction(database: SqliteDatabase, work: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    work();
    database.exec('COMMIT');
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

/** SQLite has rolled back by itself after some errors, and says so with another. */
function rollBack(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    return;
  }
}
