import { accessSync, constants, mkdirSync, readdirSync, statSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { guard } from '../../guard.ts';
import { livenessOf, ownerKey, type Liveness, type Owner } from './owner.ts';
import { byAge, parseSegmentName, type SegmentName } from './segment-name.ts';

/** A file of another recorder in a directory. */
export interface FoundSegment {
  readonly name: SegmentName;
  readonly path: string;
  readonly bytes: number;
  /** How long ago it was written to, in milliseconds; negative where a clock was set back. */
  readonly untouchedMs: number;
  /** Whether its owner may still write it. */
  readonly liveness: Liveness;
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

/**
 * The files of other recorders in a directory, oldest first, judged from the machine of `owner`. None when there is no
 * such directory.
 */
export function foreignSegments(directory: string, owner: Owner, wallTimeMs: number): readonly FoundSegment[] {
  const own = ownerKey(owner);
  const theirs = new Map<string, Omit<FoundSegment, 'liveness'>[]>();
  for (const file of namesIn(directory)) {
    const name = parseSegmentName(file);
    if (name === undefined) continue;
    const key = ownerKey(name.owner);
    if (key === own) continue;
    const path = join(directory, file);
    const stats = statsOf(path);
    if (stats?.isFile() !== true) continue;
    const found = theirs.get(key) ?? [];
    if (found.length === 0) theirs.set(key, found);
    found.push({ name, path, bytes: stats.size, untouchedMs: wallTimeMs - stats.mtimeMs });
  }
  return [...theirs.values()]
    .flatMap((files) => judged(files, owner.host))
    .toSorted((one, other) => byAge(one.name, other.name));
}

/** The files of one owner, which lives as long as it touches any of them. */
function judged(files: readonly Omit<FoundSegment, 'liveness'>[], host: string): readonly FoundSegment[] {
  const [newest] = files.toSorted((one, other) => one.untouchedMs - other.untouchedMs);
  if (newest === undefined) return [];
  const liveness = livenessOf(newest.name.owner, host, newest.untouchedMs);
  return files.map((file) => ({ ...file, liveness }));
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
