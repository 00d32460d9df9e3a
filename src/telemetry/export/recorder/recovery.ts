import { join } from 'node:path';

import type { Reporter } from '../../diagnostics.ts';
import type { Clock } from '../../http/clock.ts';
import { nodeModules } from '../../http/node-modules.ts';
import { judgeSegments, listSegments, type FoundSegment } from './directory.ts';
import type { LossCount } from './losses.ts';
import { isSameOwner, type Owner } from './owner.ts';
import type { SegmentContents } from './scan-segment.ts';
import { formatSegmentName, type SegmentName } from './segment-name.ts';
import { isSettled, type Held, type SegmentShelf } from './segment-shelf.ts';
import { continueSegment } from './segment.ts';
import { takeOver } from './take-over.ts';
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

export interface RecoverySetup {
  readonly directory: string;
  readonly owner: Owner;
  readonly shelf: SegmentShelf;
  readonly trouble: Trouble;
  readonly losses: LossCount;
  readonly report: Reporter;
  readonly clock: Clock;
  readonly wallClock: () => number;
  /** The sequence number of the next file. */
  readonly nextSequence: () => number;
  /** Who spans are for now. */
  readonly destinations: readonly string[];
}

/** The files of others in a directory. */
export interface Recovery {
  /** Oldest first: those whose owner is gone, and how long it takes until more is known about others. */
  find(): { readonly abandoned: readonly FoundSegment[]; readonly unknownForMs: number | undefined };
  /** Bytes of the files of others, also of those who live. */
  foreignBytes(): number;
  /** Takes a file over. `undefined` when nothing came of it, which is counted where something is lost. Never rejects. */
  take(found: FoundSegment): Promise<Inheritance | undefined>;
}

/** Creates the recovery of what processes that are gone left behind. */
export function createRecovery(setup: RecoverySetup): Recovery {
  const { directory, owner, shelf, trouble, losses, report, clock, wallClock } = setup;

  const listForeign = (): readonly FoundSegment[] => {
    try {
      return listSegments(directory, wallClock()).filter(({ name }) => !isSameOwner(name.owner, owner));
    } catch (error) {
      trouble.note(error);
      return [];
    }
  };

  const hold = (name: SegmentName, path: string, bytes: number, contents: SegmentContents): Held => {
    const [seconds] = contents.lastTime;
    const age = Math.max(wallClock() - seconds * 1000, 0);
    return shelf.add(name, continueSegment(path, bytes, contents), clock.now() - age);
  };

  const inherit = (held: Held, contents: SegmentContents): Inheritance | undefined => {
    losses.add('unreadable', contents.unreadable);
    if (isSettled(held)) {
      shelf.remove(held);
      return undefined;
    }
    const { header, ended, open, issues } = contents;
    const spans = new Map<string, readonly number[]>();
    const interrupted = new Set<number>();
    for (const [index, destination] of header.destinations.entries()) {
      const isOpen = (offset: number): boolean => contents.struck[index]?.has(offset) !== true;
      const neverEnded = open.filter(isOpen);
      spans.set(destination, [...ended.filter(isOpen), ...neverEnded]);
      for (const offset of neverEnded) interrupted.add(offset);
    }
    return { held, spans, issues: [...issues.keys()], interrupted: interrupted.size };
  };

  const takeFile = async (found: FoundSegment): Promise<Inheritance | undefined> => {
    const name: SegmentName = { begunAt: found.name.begunAt, owner, sequence: setup.nextSequence() };
    const path = join(directory, formatSegmentName(name));
    const taken = await takeOver(found.path, path);
    switch (taken.status) {
      case 'lost':
        return undefined;
      case 'newer':
        report({
          key: `recorder:${directory}:newer`,
          message: `The flight recorder in ${directory} has files of format ${taken.version}, which this version of faultline does not read; start a newer one to send what they hold`,
        });
        return undefined;
      case 'unreadable':
        if (found.bytes > 0) losses.add('unreadable', 1);
        await nodeModules.fsPromises.rm(path, { force: true });
        return undefined;
      case 'scanned': {
        const contents = readdressed(taken.contents, setup.destinations);
        return inherit(hold(name, path, taken.bytes, contents), contents);
      }
    }
  };

  return {
    find() {
      const judged = judgeSegments(listForeign(), owner.host);
      let unknownForMs: number | undefined;
      for (const { liveness } of judged) {
        if (liveness.state === 'unknown') unknownForMs = Math.min(unknownForMs ?? Infinity, liveness.forMs);
      }
      const abandoned = judged.filter(({ liveness }) => liveness.state === 'gone').map(({ segment }) => segment);
      return { abandoned, unknownForMs };
    },
    foreignBytes: () => listForeign().reduce((total, { bytes }) => total + bytes, 0),
    async take(found) {
      try {
        return await takeFile(found);
      } catch (error) {
        trouble.note(error);
        return undefined;
      }
    },
  };
}

/**
 * What a process left for a destination that is not configured any more goes to one that is and that the file does
 * not know: somebody has put the endpoint right.
 */
function readdressed(contents: SegmentContents, destinations: readonly string[]): SegmentContents {
  const { header } = contents;
  const newcomers = destinations.filter((destination) => !header.destinations.includes(destination));
  const current = header.destinations.map((destination) =>
    destinations.includes(destination) ? destination : (newcomers.shift() ?? destination),
  );
  return { ...contents, header: { ...header, destinations: current } };
}
