import { ContentFreeError } from '../../telemetry/content/content-free-error.ts';

/**
 * Why a memory file cannot be used. `driver`: no SQLite is there to read it with. `directory`: the directory
 * it belongs in is missing. `read-only`: it or its directory may not be written. `locked`: another process
 * did not let go of it. `damaged`: it was a memory file. `foreign`: it never was. `newer`: it was written by a
 * later version. `full`: the disk has no room. `closed`: the memory was closed. `other`: see the cause.
 */
export type MemoryFileProblem =
  | 'driver'
  | 'directory'
  | 'read-only'
  | 'locked'
  | 'damaged'
  | 'foreign'
  | 'newer'
  | 'full'
  | 'closed'
  | 'other';

/**
 * The file of a memory cannot be used. The message names the memory and not the file, because tools tell it
 * to models.
 */
export class MemoryFileError extends ContentFreeError {
  override readonly name = 'MemoryFileError';
  readonly problem: MemoryFileProblem;
  readonly path: string;

  constructor(
    memory: { readonly id: string; readonly path: string },
    problem: MemoryFileProblem,
    options: { readonly detail?: string | undefined; readonly cause?: unknown } = {},
  ) {
    const { detail = DETAILS[problem] } = options;
    super(`memory ${memory.id}: ${detail}`, 'cause' in options ? { cause: options.cause } : undefined);
    this.problem = problem;
    this.path = memory.path;
  }
}

const DETAILS: Readonly<Record<MemoryFileProblem, string>> = {
  driver: 'no SQLite with full-text search was found',
  directory: 'the directory of its file must exist and does not; create it',
  'read-only': 'its path must be that of a file, writable like the directory around it, and is not',
  locked: 'its file stayed locked by somebody else; try again later',
  damaged: 'its file is damaged; put a copy in its place, or move it away to start anew',
  foreign: 'its file was expected to be a memory and is something else, which was left alone; choose another path',
  newer: 'its file was written by a later version; update faultline',
  full: 'the disk has no room for its file',
  closed: 'it was closed',
  other: 'its file cannot be used',
};
