import type { ImportPackage } from '../../import-package.ts';
import { sleep } from '../../signals.ts';
import type { Time } from '../../time.ts';
import { MemoryFileError } from '../memory-file-error.ts';
import { findOpener, type MemoryFileDescription, type Opener } from './opening.ts';
import type { Records } from './records.ts';

/** A memory file, opened when it is first needed, and anew after it has failed. */
export interface MemoryFile {
  /**
   * Works with the records, and tries again while somebody else has locked the file. Rejects with a
   * `MemoryFileError`, or with the signal's reason when that aborts the wait.
   */
  use<T>(work: (records: Records) => T, signal?: AbortSignal): Promise<T>;
  close(): void;
}

export interface MemoryFileOptions extends MemoryFileDescription {
  readonly busyTimeoutMs: number;
}

/** What a memory file needs of the world around it. */
export interface MemoryFileSurroundings {
  readonly time: Time;
  readonly importDriver: ImportPackage;
}

const FIRST_WAIT_MS = 1;
const MAX_WAIT_MS = 50;

export function createMemoryFile(options: MemoryFileOptions, surroundings: MemoryFileSurroundings): MemoryFile {
  const { time, importDriver } = surroundings;
  let opener: Opener | undefined;
  let records: Records | undefined;
  let closed = false;

  const letGo = (): void => {
    const open = records;
    records = undefined;
    open?.close();
  };

  /** One try, in one go: transactions never meet inside the process. Throws a `MemoryFileError`. */
  const attempt = <T>(opener: Opener, work: (records: Records) => T): T => {
    if (closed) throw new MemoryFileError(options, 'closed');
    try {
      records ??= opener.open();
      return work(records);
    } catch (error) {
      const failure = opener.describe(error);
      if (!isLocked(failure)) letGo();
      throw failure;
    }
  };

  /** SQLite would wait as well, but the whole process with it. */
  const whenUnlocked = async <T>(work: () => T, signal: AbortSignal): Promise<T> => {
    const giveUpAt = time.elapsed() + options.busyTimeoutMs;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, MAX_WAIT_MS)) {
      try {
        return work();
      } catch (error) {
        if (!isLocked(error) || time.elapsed() >= giveUpAt) throw error;
      }
      // Never for the same time as another process that met with the same lock.
      await sleep(waitMs * (0.5 + time.random()), signal, time);
    }
  };

  return {
    use: async (work, signal = new AbortController().signal) => {
      signal.throwIfAborted();
      opener ??= await findOpener(options, importDriver);
      const found = opener;
      return whenUnlocked(() => attempt(found, work), signal);
    },
    close: () => {
      closed = true;
      letGo();
    },
  };
}

function isLocked(error: unknown): boolean {
  return error instanceof MemoryFileError && error.problem === 'locked';
}
