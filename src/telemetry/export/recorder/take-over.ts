import type { FileHandle } from 'node:fs/promises';

import { nodeModules } from '../../http/node-modules.ts';
import { now, setImmediate } from '../../real-time.ts';
import { hrTimeOf, scanSegment, unsettled, type Scan, type SegmentContents } from './scan-segment.ts';
import { FORMAT_VERSION, parseHeader, type Header } from './segment-lines.ts';

/** What came of taking over a file. */
export type TakeOver =
  | Exclude<Scan, { readonly status: 'scanned' }>
  | { readonly status: 'scanned'; readonly contents: SegmentContents; readonly bytes: number }
  /** It is for others, and stays where it is. */
  | { readonly status: 'foreign'; readonly header: Header }
  /** Somebody else was faster, or it is gone. */
  | { readonly status: 'lost' };

/** Longest the event loop is held at once. */
const SLICE_MS = 1;
const MAX_HEADER_BYTES = 64 * 1024;

/**
 * Takes over a file by giving it another name, which exactly one of those who try succeeds with, and reads it.
 * A file of a newer version stays where it is, and so does one that is not wanted. Rejects with the errors of the system.
 */
export async function takeOver(
  path: string,
  newPath: string,
  isWanted: (header: Header) => boolean,
): Promise<TakeOver> {
  let handle: FileHandle;
  try {
    // What must not be written to could not be struck either, so it is not taken.
    handle = await nodeModules.fsPromises.open(path, 'r+');
  } catch (error) {
    return lostOrThrow(error);
  }
  try {
    const header = parseHeader(await readHeader(handle));
    if (header !== undefined && header.version > FORMAT_VERSION) return { status: 'newer', version: header.version };
    if (header !== undefined && !isWanted(header)) return { status: 'foreign', header };
    const { mtimeMs } = await handle.stat();
    await nodeModules.fsPromises.rename(path, newPath);
    const content = await handle.readFile();
    const scan = await scanInSlices(content);
    if (scan.status !== 'scanned') return scan;
    return { status: 'scanned', contents: noLaterThan(scan.contents, mtimeMs), bytes: content.length };
  } catch (error) {
    return lostOrThrow(error);
  } finally {
    await handle.close();
  }
}

/**
 * Whether somebody needs what is in a file that stays where it is: of one whose process was killed, everything may have
 * been delivered. Rejects with the errors of the system.
 */
export async function hasUnsettled(path: string): Promise<boolean> {
  const content = await nodeModules.fsPromises.readFile(path).catch(lostOrThrow);
  // Its own application was faster.
  if (!Buffer.isBuffer(content)) return false;
  const scan = await scanInSlices(content);
  if (scan.status !== 'scanned') return false;
  const { ended, open, issues } = scan.contents;
  return issues.size > 0 || unsettled(scan.contents, [...ended, ...open]).some((spans) => spans.length > 0);
}

/** The clock of the file system lags a little. */
const CLOCK_LAG_MS = 1_000;

/** A clock that was ahead for a moment does not say when a process was last alive: its file does. */
function noLaterThan(contents: SegmentContents, writtenAt: number): SegmentContents {
  const end = hrTimeOf(writtenAt + CLOCK_LAG_MS);
  return contents.lastTime[0] < end[0] ? contents : { ...contents, lastTime: end };
}

function lostOrThrow(error: unknown): TakeOver {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { status: 'lost' };
  throw error;
}

async function readHeader(handle: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_HEADER_BYTES), 0, MAX_HEADER_BYTES, 0);
  const text = buffer.toString('utf8', 0, bytesRead);
  return text.slice(0, Math.max(text.indexOf('\n'), 0));
}

/** Scans and lets others run in between. */
async function scanInSlices(content: Buffer): Promise<Scan> {
  const scan = scanSegment(content);
  let sliceStart = now();
  for (;;) {
    const step = scan.next();
    if (step.done === true) return step.value;
    if (now() - sliceStart < SLICE_MS) continue;
    await new Promise(setImmediate);
    sliceStart = now();
  }
}
