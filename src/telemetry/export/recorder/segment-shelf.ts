import type { LossCount, LossReason } from './losses.ts';
import type { Owner } from './owner.ts';
import { byAge, type SegmentName } from './segment-name.ts';
import type { Segment } from './segment.ts';
import type { Trouble } from './trouble.ts';

/** A file of a recorder, begun by it or taken over. */
export interface Held {
  readonly name: SegmentName;
  readonly segment: Segment;
  /** When it got its newest span or Issue, on the recorder's clock. */
  freshAt: number;
  /** Spans that began in it and have not ended, and how much of it they take up. */
  openSpans: number;
  openBytes: number;
}

/** The files of a recorder. */
export interface SegmentShelf {
  readonly bytes: number;
  readonly spans: number;
  readonly issues: number;
  /** Oldest first. */
  readonly byAge: readonly Held[];
  /** The name of the next file. No other one has its sequence number. */
  nextName(begunAt: number): SegmentName;
  add(name: SegmentName, segment: Segment, freshAt: number): Held;
  /** The file with this sequence number. */
  get(sequence: number): Held | undefined;
  /** Whether a file is still there. */
  has(held: Held): boolean;
  /** The file that has an Issue. */
  withIssue(id: string): Held | undefined;
  /** Readies a file for use, one that spans are not added to any more: of those, one is open at a time. */
  use(held: Held): Segment;
  /** Lets go of a file that is another's now. */
  forget(held: Held): void;
  /** Removes a file that is settled. */
  remove(held: Held): void;
  /** Removes a file that is not: what it holds is lost. */
  drop(held: Held, reason: LossReason): void;
}

/** Tickets are exact up to 2^53: so many files have a number of their own at one time. */
const MAX_SEQUENCE = 2 ** 21;

/** Creates the empty shelf of a recorder. */
export function createSegmentShelf(owner: Owner, losses: LossCount, trouble: Trouble): SegmentShelf {
  const shelf = new Map<number, Held>();
  let lastSequence = 0;
  let lastUsed: Held | undefined;

  const sum = (count: (segment: Segment) => number): number => {
    let total = 0;
    for (const { segment } of shelf.values()) total += count(segment);
    return total;
  };

  const forget = (held: Held): void => {
    shelf.delete(held.name.sequence);
    if (lastUsed === held) lastUsed = undefined;
    trouble.attempt(() => held.segment.park());
  };

  const remove = (held: Held): void => {
    forget(held);
    trouble.attempt(() => held.segment.remove());
  };

  return {
    get bytes() {
      return sum(({ bytes }) => bytes);
    },
    get spans() {
      return sum(({ spans }) => spans);
    },
    get issues() {
      return sum(({ issues }) => issues.size);
    },
    get byAge() {
      return [...shelf.values()].toSorted((one, other) => byAge(one.name, other.name));
    },
    nextName(begunAt) {
      do lastSequence = (lastSequence + 1) % MAX_SEQUENCE;
      while (shelf.has(lastSequence));
      return { begunAt, owner, sequence: lastSequence };
    },
    add(name, segment, freshAt) {
      const held = { name, segment, freshAt, openSpans: 0, openBytes: 0 };
      shelf.set(name.sequence, held);
      return held;
    },
    get: (sequence) => shelf.get(sequence),
    has: (held) => shelf.get(held.name.sequence) === held,
    withIssue(id) {
      for (const held of shelf.values()) if (held.segment.issues.has(id)) return held;
      return undefined;
    },
    use(held) {
      if (lastUsed !== held) {
        const before = lastUsed;
        lastUsed = held;
        if (before !== undefined) trouble.attempt(() => before.segment.park());
      }
      return held.segment;
    },
    forget,
    remove,
    drop(held, reason) {
      losses.add(reason, held.segment.spans + held.openSpans + held.segment.issues.size);
      remove(held);
    },
  };
}

/** Whether nobody needs a file any more, but for the spans that began in it. */
export function isSettled({ segment }: Held): boolean {
  return segment.spans === 0 && segment.issues.size === 0;
}
