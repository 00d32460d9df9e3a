import type { Reporter } from '../../diagnostics.ts';
import type { Clock } from '../../http/clock.ts';

/**
 * What is wrong: there is no room and there may be some again, or the file or its directory is broken, or what
 * was to be written has no form that can be.
 */
export type TroubleKind = 'full' | 'broken' | 'formless';

/** What keeps a recorder from writing, and for how long it does not try again. */
export interface Trouble {
  /** Whether trying makes sense: a full disk would otherwise cost every span a call in vain. */
  readonly isOver: boolean;
  /** The last one in a sentence. */
  readonly lastError: string | undefined;
  /** Takes note of what a function threw, and says it. */
  note(error: unknown): TroubleKind;
  /** Runs what touches the disk. `undefined` when that failed, which is noted. */
  attempt<T>(touch: () => T): T | undefined;
  /** Nothing is to be written for a while. */
  pause(): void;
}

const RETRY_AFTER_MS = 5_000;

/** Creates the memory of what went wrong in `directory`. Each kind of trouble is said once. */
export function createTrouble(directory: string, report: Reporter, clock: Clock): Trouble {
  let retryAt = -Infinity;
  let lastError: string | undefined;

  const say = (key: string, sentence: string): void => {
    lastError = sentence;
    report({ key: `recorder:${directory}:${key}`, message: `The flight recorder cannot keep everything: ${sentence}` });
  };

  const note = (error: unknown): TroubleKind => {
    const code = systemCode(error);
    if (isNoPath(error)) {
      say('path', `${JSON.stringify(directory)} is no path; set FAULTLINE_RECORDER_DIR to a directory`);
      return 'broken';
    }
    if (code === undefined) {
      say('form', `a span or an Issue has no form for ${directory}; it is sent all the same`);
      return 'formless';
    }
    // Making a directory and opening a file in it call the same thing by two names.
    say(code === 'EEXIST' ? 'ENOTDIR' : code, explain(code, pathOf(error) ?? directory, error));
    return code === 'ENOSPC' || code === 'EDQUOT' ? 'full' : 'broken';
  };

  return {
    get isOver() {
      return clock.now() >= retryAt;
    },
    get lastError() {
      return lastError;
    },
    note,
    attempt(touch) {
      try {
        return touch();
      } catch (error) {
        note(error);
        return undefined;
      }
    },
    pause() {
      retryAt = clock.now() + RETRY_AFTER_MS;
    },
  };
}

const ACCESS_DENIED = 'ERR_ACCESS_DENIED';

/** Errors of the system name the call that failed. */
function systemCode(error: unknown): string | undefined {
  const { code, syscall } = error as { readonly code?: unknown; readonly syscall?: unknown };
  // Node's permission model refuses before there is a call.
  if (code === ACCESS_DENIED) return code;
  return typeof code === 'string' && typeof syscall === 'string' ? code : undefined;
}

/** A path with a NUL in it is refused before the system sees it. */
function isNoPath(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === 'ERR_INVALID_ARG_VALUE';
}

function pathOf(error: unknown): string | undefined {
  const { path, resource } = error as { readonly path?: unknown; readonly resource?: unknown };
  const found = path ?? resource;
  return typeof found === 'string' ? found : undefined;
}

/** Node's permission model says which permission is missing. */
function isForReading(error: unknown): boolean {
  return (error as { readonly permission?: unknown }).permission === 'FileSystemRead';
}

function explain(code: string, path: string, error: unknown): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `this user may not write to ${path} (${code}); give it the directory, or set FAULTLINE_RECORDER_DIR to another`;
    case ACCESS_DENIED:
      return `this process may not ${isForReading(error) ? 'read' : 'write to'} ${path} (${code}); allow it with ${isForReading(error) ? '--allow-fs-read' : '--allow-fs-write'}, or set FAULTLINE_RECORDER_DIR to another directory`;
    case 'ENOENT':
      return `${path} cannot be made (${code}); set FAULTLINE_RECORDER_DIR to another directory`;
    case 'EROFS':
      return `${path} is on a read-only file system (${code}); set FAULTLINE_RECORDER_DIR to a directory that can be written to`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${path} leads through a file (${code}); set FAULTLINE_RECORDER_DIR to a directory`;
    case 'ENAMETOOLONG':
      return `${path} has a name that is too long (${code}); set FAULTLINE_RECORDER_DIR to a shorter one`;
    case 'ELOOP':
      return `${path} is a link that leads to itself (${code}); set FAULTLINE_RECORDER_DIR to a directory`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `the disk of ${path} is full (${code}); make room, or lower recorder.maxBytes`;
    case 'EMFILE':
    case 'ENFILE':
      return `too many files are open to write to ${path} (${code}); raise the limit of the process with ulimit -n`;
    default:
      return `writing to ${path} failed (${code}); is its disk in order?`;
  }
}
