import { hostname } from 'node:os';

import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Reporter } from '../../diagnostics.ts';
import { systemClock, type Clock } from '../../http/clock.ts';
import { setImmediate } from '../../real-time.ts';
import { wallClock as systemWallClock } from '../../wall-clock.ts';
import { untraced } from '../../untraced.ts';
import type { Address } from './address.ts';
import { makeDirectory } from './directory.ts';
import { createLossCount, type Losses } from './losses.ts';
import { nobody, thisOwner, type Owner } from './owner.ts';
import { createRecording } from './recording.ts';
import { createRecovery, type Inheritance } from './recovery.ts';
import { FORMAT, FORMAT_VERSION } from './segment-lines.ts';
import { formatSegmentName } from './segment-name.ts';
import { createSegmentShelf, isSettled, type Held } from './segment-shelf.ts';
import type { Segment } from './segment.ts';
import { createTrouble } from './trouble.ts';

/** Names one recorded span: sequence number of its file × 2^32 + byte offset. A number, so that 250 000 spans cost 2 MB of memory. */
export type Ticket = number;

/**
 * Keeps spans and Issues on disk until every destination has settled them, through outages, exits and
 * `kill -9`. No function throws, and no promise rejects: what cannot be kept is counted.
 */
export interface Recorder {
  /** Records that a span began. It is written when the function returns. */
  started(span: ReadableSpan): void;
  /** Records a span that ended. `undefined` when it could not be written, which is counted. */
  ended(span: ReadableSpan): Ticket | undefined;
  /** Reads a recorded span back. `undefined` when it is gone, which is counted. */
  read(ticket: Ticket): ReadableSpan | undefined;
  /** Notes that `destination` needs these spans no more: it took them, or refused them for good. Once per span. */
  strike(destination: string, tickets: readonly Ticket[]): void;
  /** Records an Issue: a Sentry event as JSON text. Answers whether it is kept; that it could not be is counted. */
  keepIssue(id: string, payload: string): boolean;
  /** Reads an Issue back. `undefined` when it is gone, which is counted. */
  readIssue(id: string): string | undefined;
  /** Notes that an Issue is settled. */
  strikeIssue(id: string): void;
  /** Takes over what processes that are gone left behind. Each call answers with what it was the first to find. */
  recover(): Promise<Recovered>;
  readonly status: RecorderStatus;
  /**
   * Ends the recording. Files in which everything is settled are removed; the others are left to whoever comes
   * next, and so are spans that began and did not end. Returns when that is done.
   */
  close(): void;
}

/** What was taken over. */
export interface Recovered {
  /** Spans by destination, oldest first: what it has not settled. Also destinations of earlier configurations. */
  readonly spans: ReadonlyMap<string, readonly Ticket[]>;
  /** The ids of Issues, oldest first. */
  readonly issues: readonly string[];
}

/** How a recorder is doing. */
export interface RecorderStatus {
  readonly directory: string;
  /** Spans on disk that some destination has not settled. */
  readonly spans: number;
  /** Issues on disk that are not settled. */
  readonly issues: number;
  /** Bytes of the files of this recorder, those it took over included. After its end they are those it left. */
  readonly bytes: number;
  /** Spans taken over so far. */
  readonly recovered: number;
  /** Spans among them that never ended. */
  readonly interrupted: number;
  /** Spans and Issues that were on disk and are no longer, although somebody needs them, by reason. */
  readonly dropped: Losses;
  /** Spans and Issues that could not be written. They are sent as without a recorder. */
  readonly unwritten: number;
  /** The last trouble with the disk, in a sentence. */
  readonly lastError?: string;
}

/** What a recorder is created from. */
export interface RecorderSetup extends Address {
  readonly directory: string;
  /**
   * Most bytes of all recorders' files in the directory, which each may exceed by the file it writes: an eighth of them,
   * and 4 MiB at most. Default 256 MiB.
   */
  readonly maxBytes?: number;
  /** Longest time something is kept. Default seven days. */
  readonly maxAgeMs?: number;
  readonly report: Reporter;
  /** The time that passes. Default: the machine's. */
  readonly clock?: Clock;
  /** The time of day, in milliseconds since 1970. Default: the machine's, which may jump. */
  readonly wallClock?: () => number;
  /** Who the files belong to. Default: this thread of this process. */
  readonly owner?: Owner;
}

const MIB = 1024 * 1024;
const DEFAULT_MAX_BYTES = 256 * MIB;
const DEFAULT_MAX_AGE_MS = 7 * 24 * 3_600_000;
const MAX_SEGMENT_BYTES = 4 * MIB;
const MIN_SEGMENT_BYTES = 16 * 1024;
/** Files per bound, at least: what is dropped is dropped by the file. */
const MIN_SEGMENTS = 8;
/** How often the owner of a file shows that it lives. */
const BEAT_MS = 60_000;

const TICKETS_PER_SEGMENT = 2 ** 32;

/**
 * Creates a recorder. Files are begun when there is something to write, for the user of the process alone; so is
 * the directory, if it has to be made.
 */
export function createRecorder(setup: RecorderSetup): Recorder {
  const {
    directory,
    application,
    destinations,
    issues,
    report,
    maxBytes = DEFAULT_MAX_BYTES,
    maxAgeMs = DEFAULT_MAX_AGE_MS,
  } = setup;
  const { clock = systemClock, wallClock = systemWallClock, owner = thisOwner() } = setup;

  const trouble = createTrouble(directory, report, clock);
  const losses = createLossCount(directory, report);
  let recovered = 0;
  let interrupted = 0;
  let unwritten = 0;
  let isClosed = false;
  /** What the end left on disk. */
  const left = { spans: 0, issues: 0, bytes: 0 };

  const shelf = createSegmentShelf(owner, losses, trouble);
  const address: Address = { application, destinations, issues };
  const recovery = createRecovery({
    address,
    directory,
    owner,
    shelf,
    trouble,
    losses,
    report,
    clock,
    wallClock,
  });

  /** What is over a bound goes, oldest first. Files of those who live are not ours to touch. */
  const keepWithinBounds = (): void => {
    const tooOld = clock.now() - maxAgeMs;
    const { fixedBytes, abandonedBytes } = recovery.find();
    let bytes = shelf.bytes + fixedBytes;
    for (const held of shelf.byAge) {
      const reason = held.freshAt < tooOld ? 'age' : bytes > maxBytes ? 'bytes' : undefined;
      // One that was begun for the spans of another has looked after all of them.
      if (reason === undefined || held === recording.current || !shelf.has(held)) continue;
      const hadOpenSpans = held.openSpans > 0;
      const freed = held.segment.bytes;
      recording.evacuate(held);
      if (shelf.has(held)) shelf.drop(held, reason);
      // Files of others, of which there may be thousands, have none: theirs are added up once.
      bytes = hadOpenSpans ? shelf.bytes + fixedBytes : bytes - freed;
    }
    // What others left goes before what we have: else theirs would keep the room for as long as it is kept.
    if (abandonedBytes > 0 && bytes + abandonedBytes > maxBytes) afterOthers(sweep).catch(() => {});
  };
  const recording = createRecording({
    directory,
    shelf,
    trouble,
    losses,
    clock,
    wallClock,
    segmentBytes: Math.max(MIN_SEGMENT_BYTES, Math.min(MAX_SEGMENT_BYTES, Math.floor(maxBytes / MIN_SEGMENTS))),
    segmentAgeMs: maxAgeMs / MIN_SEGMENTS,
    header: () => ({
      format: FORMAT,
      version: FORMAT_VERSION,
      host: hostname(),
      pid: process.pid,
      startedAt: wallClock(),
      ...address,
    }),
    onBegun: keepWithinBounds,
  });

  /** What to write to: the file that is current is open anyway. */
  const segmentOf = (held: Held): Segment => (held === recording.current ? held.segment : shelf.use(held));

  /** Removes a file when all of it is settled; else writes down what newly is. */
  const noteSettled = (held: Held, write: (segment: Segment) => void): void => {
    if (recording.release(held)) return;
    // On a full disk it would fail, and it is only what would be sent twice after a crash.
    if (trouble.isOver) trouble.attempt(() => write(segmentOf(held)));
  };

  const take = async (): Promise<Recovered> => {
    const inherited: Inheritance[] = [];
    const { abandoned } = recovery.find();
    for (const found of abandoned) {
      if (isClosed) break;
      const inheritance = await recovery.take(found);
      if (inheritance !== undefined) inherited.push(inheritance);
    }
    if (isClosed) letGo();
    // To look at thousands of files again holds the event loop for some time.
    else if (inherited.length > 0) keepWithinBounds();
    return recoveredFrom(inherited.filter(({ held }) => shelf.has(held)));
  };

  const recoveredFrom = async (inherited: readonly Inheritance[]): Promise<Recovered> => {
    const spans = new Map<string, Ticket[]>();
    const issues: string[] = [];
    for (const inheritance of inherited) {
      for (const [destination, offsets] of inheritance.spans) {
        const tickets = spans.get(destination) ?? [];
        for (const offset of offsets) tickets.push(ticketOf(inheritance.held, offset));
        spans.set(destination, tickets);
      }
      for (const id of inheritance.issues) issues.push(id);
      recovered += inheritance.held.segment.spans;
      interrupted += inheritance.interrupted;
      // A file holds thousands of spans.
      await new Promise(setImmediate);
    }
    return { spans, issues };
  };

  /** Removes what others left and nobody may keep: it is over a bound, and whoever owned it is gone. */
  const sweep = async (): Promise<void> => {
    const { abandoned, abandonedBytes, fixedBytes } = recovery.find();
    let theirs = fixedBytes + abandonedBytes;
    let isTooMuch = true;
    for (const found of abandoned) {
      if (isClosed) return;
      const isTooOld = found.untouchedMs > maxAgeMs;
      isTooMuch &&= shelf.bytes + theirs > maxBytes;
      // It may have been written to long after one that was begun later.
      if (!isTooOld && !isTooMuch) continue;
      const taken = await recovery.takeAny(found);
      if (taken === 'stays') continue;
      theirs -= found.bytes;
      if (taken !== 'gone') shelf.drop(taken.held, isTooOld ? 'age' : 'bytes');
    }
  };

  /** Files that hold something unsettled change to a name that anybody may take; the others are removed. */
  const letGo = (): void => {
    for (const held of shelf.byAge) {
      if (isSettled(held) && held.openSpans === 0) {
        shelf.remove(held);
        continue;
      }
      const { segment } = held;
      const whereabouts = trouble.attempt(() => segment.whereabouts());
      if (whereabouts === 'removed') {
        losses.add('removed', segment.spans + held.openSpans + segment.issues.size);
      } else if (whereabouts !== 'taken') {
        trouble.attempt(() => segment.rename(formatSegmentName({ ...held.name, owner: nobody(owner) })));
        left.spans += segment.spans;
        left.issues += segment.issues.size;
        left.bytes += segment.bytes;
      }
      shelf.forget(held);
    }
  };

  /** One after the other: two that look at the same files at once would get in each other's way. */
  let last: Promise<unknown> = Promise.resolve();
  const afterOthers = <T>(run: () => Promise<T>): Promise<T> => {
    const next = last.then(run);
    last = next.catch((error: unknown) => trouble.note(error));
    return next;
  };

  const beat = untraced((): void => {
    recording.beat();
    keepWithinBounds();
    afterOthers(sweep).catch(() => {});
    stopBeating = clock.after(BEAT_MS, beat);
  });
  let stopBeating = clock.after(BEAT_MS, beat);

  trouble.attempt(() => makeDirectory(directory));

  // An instrumentation of the file system would make spans of all this, which are recorded, and so on.
  return {
    started: untraced((span) => {
      if (!isClosed) trouble.attempt(() => recording.start(span));
    }),
    ended: untraced((span) => {
      if (isClosed) return undefined;
      const written = trouble.attempt(() => recording.end(span));
      if (written !== undefined) return ticketOf(written.held, written.offset);
      unwritten += 1;
      return undefined;
    }),
    read: untraced((ticket) => {
      const held = shelf.get(Math.floor(ticket / TICKETS_PER_SEGMENT));
      // What a bound took was counted then.
      if (held === undefined) return undefined;
      const span = trouble.attempt(() => segmentOf(held).read(ticket % TICKETS_PER_SEGMENT));
      if (span === undefined) losses.add('unreadable', 1);
      return span;
    }),
    strike: untraced((destination, tickets) => {
      for (const [sequence, offsets] of bySegment(tickets)) {
        const held = shelf.get(sequence);
        if (held === undefined || !held.segment.settle(destination, offsets.length)) continue;
        noteSettled(held, (segment) => segment.strike(destination, offsets));
      }
    }),
    keepIssue: untraced((id, payload) => {
      if (isClosed) return false;
      if (shelf.withIssue(id) !== undefined || recording.addIssue(id, payload)) return true;
      unwritten += 1;
      return false;
    }),
    readIssue: untraced((id) => {
      const held = shelf.withIssue(id);
      // What a bound took was counted then.
      if (held === undefined) return undefined;
      const payload = trouble.attempt(() => segmentOf(held).readIssue(id));
      if (payload === undefined) losses.add('unreadable', 1);
      return payload;
    }),
    strikeIssue: untraced((id) => {
      const held = shelf.withIssue(id);
      if (held === undefined) return;
      held.segment.settleIssue(id);
      noteSettled(held, (segment) => segment.add(['y', id]));
    }),
    recover: untraced(() => afterOthers(take).catch(() => ({ spans: new Map(), issues: [] }))),
    get status() {
      const { lastError } = trouble;
      return {
        directory,
        spans: shelf.spans + left.spans,
        issues: shelf.issues + left.issues,
        bytes: shelf.bytes + left.bytes,
        recovered,
        interrupted,
        dropped: losses.losses,
        unwritten,
        ...(lastError === undefined ? {} : { lastError }),
      };
    },
    close: untraced(() => {
      if (isClosed) return;
      isClosed = true;
      stopBeating();
      letGo();
    }),
  };
}

function ticketOf({ name }: Held, offset: number): Ticket {
  return name.sequence * TICKETS_PER_SEGMENT + offset;
}

function bySegment(tickets: readonly Ticket[]): ReadonlyMap<number, readonly number[]> {
  const groups = new Map<number, number[]>();
  for (const ticket of tickets) {
    const sequence = Math.floor(ticket / TICKETS_PER_SEGMENT);
    const offsets = groups.get(sequence) ?? [];
    if (offsets.length === 0) groups.set(sequence, offsets);
    offsets.push(ticket % TICKETS_PER_SEGMENT);
  }
  return groups;
}
