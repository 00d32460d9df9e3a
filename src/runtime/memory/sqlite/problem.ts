import type { MemoryFileProblem } from '../memory-file-error.ts';
import type { SqliteDriver } from './driver.ts';

/** Primary result codes (sqlite.org/rescode.html), and what they mean for the file. */
const BY_RESULT_CODE: Readonly<Record<string, MemoryFileProblem>> = {
  BUSY: 'locked',
  READONLY: 'read-only',
  // The file is there or was just made, so it is no file, or those that SQLite keeps beside it cannot be made.
  CANTOPEN: 'read-only',
  CORRUPT: 'damaged',
  NOTADB: 'foreign',
  FULL: 'full',
};

/** Errors of the file system, which come up when the file is made. */
const BY_SYSTEM_CODE: Readonly<Record<string, MemoryFileProblem>> = {
  ENOENT: 'directory',
  ENOTDIR: 'directory',
  EACCES: 'read-only',
  EPERM: 'read-only',
  EROFS: 'read-only',
  ENOSPC: 'full',
  EDQUOT: 'full',
};

/** What an error says about the file it came up with. */
export function problemOf(error: unknown, driver: SqliteDriver): MemoryFileProblem {
  const resultCode = driver.resultCode(error);
  if (resultCode !== undefined) return BY_RESULT_CODE[resultCode] ?? 'other';
  // What was read is no record: only this memory writes them.
  if (error instanceof SyntaxError) return 'damaged';
  const { code } = error as { readonly code?: unknown };
  return BY_SYSTEM_CODE[String(code)] ?? 'other';
}
