import { join } from 'node:path';

import type { Reporter } from '../../diagnostics.ts';
import type { Clock } from '../../http/clock.ts';
import { nodeModules } from '../../http/node-modules.ts';
import { areIssuesFor, isToBeTaken, issuesOf, readdressed, type Address } from './address.ts';
import { foreignSegments, type FoundSegment } from './directory.ts';
import type { LossCount } from './losses.ts';
import type { Owner } from './owner.ts';
import { unsettled, type SegmentContents } from './scan-segment.ts';
import { formatSegmentName, type SegmentName } from './segment-name.ts';
import { isSettled, type Held, type SegmentShelf } from './segment-shelf.ts';
import { continueSegment } from './segment.ts';
import { hasUnsettled, takeOver } from './take-over.ts';
import type { Trouble } from './trouble.ts';

/** A file that was taken over, and what in it is not settled. */
export interface Inheritance {
  readonly held: Held;
  /** Offsets by destination, oldest first. */
  readonly spans: ReadonlyMap<string, readonly number[]>;
  /** Their ids, oldest first. */
  readonly issues: readonly string[];
  /** Spans among them that never ended. */
  readonly interrupted: number;
}

/** What came of taking a file over: what it holds, or nothing, as it is gone or stays where it is. */
export type Taken = Inheritance | 'gone' | 'stays';

export interface RecoverySetup {
  readonly directory: string;
  readonly owner: Owner;
  readonly shelf: SegmentShelf;
  readonly trouble: Trouble;
  readonly losses: LossCount;
  readonly report: Reporter;
  readonly clock: Clock;
  readonly wallClock: () => number;
  /** Who spans and Issues are for now. */
  readonly address: Address;
}

/** The files of others, as they are found at one time. */
export interface ForeignFiles {
  /** Those whose owner is gone, oldest first. */
  readonly abandoned: readonly FoundSegment[];
  /** Bytes of those that `takeAny` can take. */
  readonly abandonedBytes: number;
  /** Bytes of those that stay whatever is done. */
  readonly fixedBytes: number;
}

/** The files of others in a directory. */
export interface Recovery {
  find(): ForeignFiles;
  /** Takes a file over that is for us. `undefined` when nothing came of it, which is counted where something is lost. Never rejects. */
  take(found: FoundSegment): Promise<Inheritance | undefined>;
  /** The same, whoever it is for. */
  takeAny(found: FoundSegment): Promise<Taken>;
}

/** Creates the recovery of what processes that are gone left behind. */
export function createRecovery(setup: RecoverySetup): Recovery {
  const { directory, owner, shelf, trouble, losses, report, clock, wallClock, address } = setup;

  /** Files that are for others, or of a newer version, and how long they were when that was seen. */
  const theirs = new Map<string, number>();
  /** Files that could not be taken over: of a newer version, or of another user. */
  const stuck = new Set<string>();

  const hold = (name: SegmentName, path: string, bytes: number, contents: SegmentContents): Held => {
    const [seconds] = contents.lastTime;
    const age = Math.max(wallClock() - seconds * 1000, 0);
    return shelf.add(name, continueSegment(path, bytes, contents), clock.now() - age);
  };

  /** A process may live for a year, and beside it files come and go every minute. */
  const forgetGone = (files: readonly FoundSegment[]): void => {
    const there = new Set(files.map(({ path }) => path));
    for (const known of [theirs, stuck]) {
      for (const path of known.keys()) if (!there.has(path)) known.delete(path);
    }
  };

  let isForeignSaid = false;
  const sayForeign = (header: Address): void => {
    isForeignSaid = true;
    const { destinations } = readdressed(header, address);
    const names = destinations.filter((destination) => !address.destinations.includes(destination));
    const project = issuesOf(header);
    const isSaid = project === address.issues || names.some((name) => name.includes(project ?? ''));
    if (project !== undefined && !isSaid) names.push(project);
    const whom = names.length === 0 ? 'somebody' : names.slice(0, MAX_NAMED).join(', ');
    report({
      key: `recorder:${directory}:foreign`,
      message: `The flight recorder in ${directory} has spans or Issues for ${whom}, which this application does not send to; they stay there for the one that does, until recorder.maxAgeMs is over`,
    });
  };

  const inherit = (held: Held, contents: SegmentContents): Taken => {
    losses.add('unreadable', contents.unreadable);
    if (isSettled(held)) {
      shelf.remove(held);
      return 'gone';
    }
    const { header, issues } = contents;
    const ended = unsettled(contents, contents.ended);
    const neverEnded = unsettled(contents, contents.open);
    const spans = new Map(
      header.destinations.map((name, index) => [name, [...(ended[index] ?? []), ...(neverEnded[index] ?? [])]]),
    );
    const ours = areIssuesFor(header, address) ? [...issues.keys()] : [];
    const isForOthers = [...spans].some(
      ([name, offsets]) => offsets.length > 0 && !address.destinations.includes(name),
    );
    if (isForOthers || issues.size > ours.length) sayForeign(header);
    return { held, spans, issues: ours, interrupted: new Set(neverEnded.flat()).size };
  };

  const takeFile = async (found: FoundSegment, isWanted: (header: Address) => boolean): Promise<Taken> => {
    const name = shelf.nextName(found.name.begunAt);
    const path = join(directory, formatSegmentName(name));
    const taken = await takeOver(found.path, path, isWanted);
    switch (taken.status) {
      case 'lost':
        return 'gone';
      case 'foreign':
        theirs.set(found.path, found.bytes);
        // It is said once, and to find out takes reading all of the file.
        if (!isForeignSaid && (await hasUnsettled(found.path))) sayForeign(taken.header);
        return 'stays';
      case 'newer':
        theirs.set(found.path, found.bytes);
        report({
          key: `recorder:${directory}:newer`,
          message: `The flight recorder in ${directory} has files of format ${taken.version}, which this version of faultline does not read; start a newer one to send what they hold`,
        });
        return 'stays';
      case 'unreadable':
        if (found.bytes > 0) losses.add('unreadable', 1);
        await nodeModules.fsPromises.rm(path, { force: true });
        return 'gone';
      case 'scanned': {
        const contents = { ...taken.contents, header: readdressed(taken.contents.header, address) };
        return inherit(hold(name, path, taken.bytes, contents), contents);
      }
    }
  };

  const attempt = async (found: FoundSegment, isWanted: (header: Address) => boolean): Promise<Taken> => {
    try {
      return await takeFile(found, isWanted);
    } catch (error) {
      trouble.note(error);
      return 'stays';
    }
  };

  return {
    find() {
      const abandoned: FoundSegment[] = [];
      let [abandonedBytes, fixedBytes] = [0, 0];
      const files = trouble.attempt(() => foreignSegments(directory, owner, wallClock())) ?? [];
      forgetGone(files);
      for (const found of files) {
        const { liveness, path, bytes } = found;
        if (liveness.state === 'gone') abandoned.push(found);
        if (liveness.state === 'gone' && !stuck.has(path)) abandonedBytes += bytes;
        else fixedBytes += bytes;
      }
      return { abandoned, abandonedBytes, fixedBytes };
    },
    async take(found) {
      if (theirs.get(found.path) === found.bytes) return undefined;
      const taken = await attempt(found, (header) => isToBeTaken(header, address));
      return typeof taken === 'string' ? undefined : taken;
    },
    async takeAny(found) {
      const taken = await attempt(found, () => true);
      if (taken === 'stays') stuck.add(found.path);
      return taken;
    },
  };
}

/** Most destinations that are named in a line. */
const MAX_NAMED = 3;
