import { utimesSync } from 'node:fs';
import { join } from 'node:path';

import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Clock } from '../../http/clock.ts';
import { makeDirectory } from './directory.ts';
import type { Header } from './segment-lines.ts';
import { formatSegmentName, type SegmentName } from './segment-name.ts';
import { isSettled, type Held, type SegmentShelf } from './segment-shelf.ts';
import { beginSegment, type Segment } from './segment.ts';
import { spanKey } from './span-record.ts';
import type { Trouble } from './trouble.ts';

/** The file a recorder writes to now, and the spans that have begun and not ended. No function throws. */
export interface Recording {
  /** The file that is written to; it may be settled, and is kept for what comes next. */
  readonly current: Held | undefined;
  /** Spans that have begun and not ended. */
  readonly open: number;
  start(span: ReadableSpan): void;
  /** Writes a span that ended. Answers in which file and where, `undefined` when it was not written. */
  end(span: ReadableSpan): { readonly held: Held; readonly offset: number } | undefined;
  /** Writes an Issue. Answers whether it was written. */
  addIssue(id: string, payload: string): boolean;
  /** Begins anew when all of the file that is written to is settled, and it has grown. Answers whether it has. */
  renew(): boolean;
  /** Shows that the owner lives, and looks after the files. To be called every minute. */
  beat(): void;
}

export interface RecordingSetup {
  readonly directory: string;
  readonly shelf: SegmentShelf;
  readonly trouble: Trouble;
  readonly clock: Clock;
  readonly wallClock: () => number;
  /** A file is full at so many bytes. */
  readonly segmentBytes: number;
  /** A file is full at this age, so that what is old goes at its time. */
  readonly segmentAgeMs: number;
  readonly header: () => Header;
  readonly nextName: () => SegmentName;
  /** Called when a file was begun. */
  readonly onBegun: () => void;
  /** Called when somebody removed a file. */
  readonly onRemoved: (held: Held) => void;
}

/** Of spans that began and did not end, the newest are remembered. */
const MAX_OPEN = 10_000;
/** The share of a file that they may take up when the next one takes them along. */
const CARRIED_SHARE = 0.5;
/** The share at which a settled file is worth beginning anew. */
const SETTLED_SHARE = 0.25;
/** How often it is looked after while it is written to. */
const LOOK_AFTER_MS = 5_000;

/** Creates the recording. The first file is begun when there is something to write. */
export function createRecording(setup: RecordingSetup): Recording {
  const { directory, shelf, trouble, clock, wallClock, segmentBytes, segmentAgeMs } = setup;
  const open = new Map<string, ReadableSpan>();
  let current: Held | undefined;
  /** The file before the next one, which takes its open spans along. */
  let previous: Held | undefined;
  let begunAt = 0;
  let carriedBytes = 0;
  let lookedAfterAt = clock.now();

  /** Runs what touches the disk. `undefined` when that failed, which is noted. */
  const attempt = <T>(touch: () => T): T | undefined => {
    try {
      return touch();
    } catch (error) {
      const kind = trouble.note(error);
      if (kind !== 'formless') trouble.pause();
      // A full disk may have room again; of other trouble a new file may be free.
      if (kind === 'broken') leave();
      return undefined;
    }
  };

  const leave = (): void => {
    if (current === undefined) return;
    previous = current;
    current = undefined;
    const { segment } = previous;
    attempt(() => segment.park());
  };

  const begin = (): Held => {
    const name = setup.nextName();
    makeDirectory(directory);
    const segment = beginSegment(join(directory, formatSegmentName(name)), setup.header());
    begunAt = clock.now();
    current = shelf.add(name, segment, begunAt);
    carryOpen(segment);
    carriedBytes = segment.bytes;
    if (previous !== undefined) conclude(previous);
    previous = undefined;
    setup.onBegun();
    return current;
  };

  /** Writes the newest of the open spans down again, so that the files before can go as soon as they are settled. */
  const carryOpen = (segment: Segment): void => {
    const maxBytes = segment.bytes + segmentBytes * CARRIED_SHARE;
    for (const span of [...open.values()].toReversed()) {
      if (segment.bytes > maxBytes) return;
      segment.addStart(span);
    }
  };

  const conclude = (held: Held): void => {
    if (shelf.get(held.number) !== held) return;
    if (isSettled(held)) shelf.remove(held);
    else shelf.use(held).add(['m']);
  };

  const next = (): Held => {
    leave();
    return begin();
  };

  const write = <T>(put: (segment: Segment) => T): { readonly held: Held; readonly result: T } | undefined => {
    if (!trouble.isOver) return undefined;
    const now = clock.now();
    if (now - lookedAfterAt >= LOOK_AFTER_MS) lookAfter();
    const written = attempt(() => {
      const held = current ?? begin();
      const result = put(held.segment);
      held.freshAt = now;
      return { held, result };
    });
    if (written !== undefined && written.held.segment.bytes - carriedBytes >= segmentBytes) attempt(next);
    return written;
  };

  const lookAfter = (): void => {
    lookedAfterAt = clock.now();
    if (current === undefined || attempt(() => current?.segment.whereabouts()) === 'here') return;
    // Whoever removed one may have removed the others.
    for (const held of shelf.byAge) lookFor(held);
  };

  const lookFor = (held: Held): void => {
    const whereabouts = attempt(() => held.segment.whereabouts());
    if (whereabouts === 'here') return;
    if (held === current) current = undefined;
    if (whereabouts === 'removed') setup.onRemoved(held);
    shelf.forget(held);
  };

  /** Touches the newest file, by which others see that the owner of all of them lives. */
  const touchNewest = (): void => {
    const newest = shelf.byAge.at(-1);
    if (newest === undefined) return;
    const now = wallClock() / 1000;
    attempt(() => utimesSync(newest.segment.path, now, now));
  };

  return {
    get current() {
      return current;
    },
    get open() {
      return open.size;
    },
    start(span) {
      write((segment) => segment.addStart(span));
      open.set(spanKey(span.spanContext()), span);
      if (open.size > MAX_OPEN) open.delete(open.keys().next().value ?? '');
    },
    end(span) {
      open.delete(spanKey(span.spanContext()));
      const written = write((segment) => segment.addEnd(span));
      return written === undefined ? undefined : { held: written.held, offset: written.result };
    },
    addIssue(id, payload) {
      return write((segment) => segment.addIssue(id, payload)) !== undefined;
    },
    renew() {
      const settled = current;
      if (settled === undefined || !isSettled(settled)) return false;
      if (settled.segment.bytes - carriedBytes < segmentBytes * SETTLED_SHARE) return false;
      if (open.size > 0) return attempt(next) !== undefined;
      current = undefined;
      shelf.remove(settled);
      return true;
    },
    beat() {
      lookAfter();
      if (current === undefined) {
        touchNewest();
      } else if (isSettled(current) && open.size === 0) {
        const settled = current;
        current = undefined;
        shelf.remove(settled);
      } else if (clock.now() - begunAt >= segmentAgeMs) {
        attempt(next);
      } else {
        const { segment } = current;
        attempt(() => segment.add(['t', wallClock()]));
      }
    },
  };
}
