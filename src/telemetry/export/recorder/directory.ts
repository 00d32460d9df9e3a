import { accessSync, constants, mkdirSync, readdirSync, statSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { guard } from '../../guard.ts';
import { livenessOf, ownerKey, type Liveness } from './owner.ts';
import { byAge, parseSegmentName, type SegmentName } from './segment-name.ts';

/** A recorder's file in a directory. */
export interface FoundSegment {
  readonly name: SegmentName;
  readonly path: string;
  readonly bytes: number;
  /** How long ago it was written to, in milliseconds; negative where a clock was set back. */
  readonly untouchedMs: number;
}

/** Makes the directory, for its owner alone, unless it is there. Throws when nothing can be written to it. */
export function makeDirectory(directory: string): void {
  makeLevels(resolve(directory));
  accessSync(directory, constants.W_OK | constants.X_OK);
}

/**
 * Level by level: where a file system says ENOENT of whatever is made in it, Node's own way there never ends. Nothing is
 * asked of what is above: a process may be allowed to read this directory alone.
 */
function makeLevels(directory: string): void {
  try {
    makeOne(directory);
  } catch (error) {
    const parent = dirname(directory);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === directory) throw error;
    makeLevels(parent);
    makeOne(directory);
  }
}

function makeOne(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // A read-only file system says so before it says that the directory is there.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || !isDirectory(directory)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The recorders' files in a directory, oldest first. None when there is no such directory. */
export function listSegments(directory: string, wallTimeMs: number): FoundSegment[] {
  const found: FoundSegment[] = [];
  for (const file of namesIn(directory)) {
    const name = parseSegmentName(file);
    if (name === undefined) continue;
    const path = join(directory, file);
    const stats = statsOf(path);
    if (stats?.isFile() !== true) continue;
    found.push({ name, path, bytes: stats.size, untouchedMs: wallTimeMs - stats.mtimeMs });
  }
  return found.toSorted((one, other) => byAge(one.name, other.name));
}

/** `undefined` also of what leads nowhere. Whoever owns a file may remove or rename it at any time. */
function statsOf(path: string): Stats | undefined {
  return guard(() => statSync(path, { throwIfNoEntry: false }));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Judges files from the machine `host`. An owner lives as long as it touches any of its files. */
export function judgeSegments(
  found: readonly FoundSegment[],
  host: string,
): readonly { readonly segment: FoundSegment; readonly liveness: Liveness }[] {
  const newest = new Map<string, FoundSegment>();
  for (const segment of found) {
    const key = ownerKey(segment.name.owner);
    const other = newest.get(key);
    if (other === undefined || segment.untouchedMs < other.untouchedMs) newest.set(key, segment);
  }
  const verdicts = new Map<string, Liveness>();
  for (const [key, { name, untouchedMs }] of newest) verdicts.set(key, livenessOf(name.owner, host, untouchedMs));
  return found.map((segment) => ({
    segment,
    liveness: verdicts.get(ownerKey(segment.name.owner)) ?? { state: 'alive' },
  }));
}
