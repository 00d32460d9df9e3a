import { utimesSync } from 'node:fs';
import { join } from 'node:path';

import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Clock } from '../../http/clock.ts';
import { makeDirectory } from './directory.ts';
import type { LossCount } from './losses.ts';
import type { Header } from './segment-lines.ts';
import { formatSegmentName } from './segment-name.ts';
import { isSettled, type Held, type SegmentShelf } from './segment-shelf.ts';
import { beginSegment } from './segment.ts';
import { spanKey } from './span-record.ts';
import type { Trouble } from './trouble.ts';

/** The file a recorder writes to now, and the spans that have begun and not ended. No function throws. */
export interface Recording {
  /** The file that is written to; it may be settled, and is kept for what comes next. */
  readonly current: Held | undefined;
  start(span: ReadableSpan): void;
  /** Writes a span that ended. Answers in which file and where, `undefined` when it was not written. */
  end(span: ReadableSpan): { readonly held: Held; readonly offset: number } | undefined;
  /** Writes an Issue. Answers whether it was written. */
  addIssue(id: string, payload: string): boolean;
  /** Removes a file that is settled, once the spans that began in it go on in another. Answers whether it has. */
  release(held: Held): boolean;
  /** Takes the spans that began in a file along into the one that is written to: the file is about to go. */
  evacuate(held: Held): void;
  /** Shows that the owner lives, and looks after the files. To be called every minute. */
  beat(): void;
}

export interface RecordingSetup {
  readonly directory: string;
  readonly shelf: SegmentShelf;
  readonly trouble: Trouble;
  readonly losses: LossCount;
  readonly clock: Clock;
  readonly wallClock: () => number;
  /** A file is full at so many bytes. */
  readonly segmentBytes: number;
  /** A file is full at this age, so that what is old goes at its time. */
  readonly segmentAgeMs: number;
  readonly header: () => Header;
  /** Called when a file was begun. */
  readonly onBegun: () => void;
}

/** Of spans that began and did not end, so many of the newest are held, to be written down again. */
const MAX_HELD = 10_000;
/** It is known of so many where they began. */
const MAX_OPEN = 100_000;
/** The share of a file that they may take up when they go on in the next one. Above it the file stays as it is. */
const CARRIED_SHARE = 0.5;
/** The share at which a settled file is worth beginning anew. */
const SETTLED_SHARE = 0.25;
/** How often it is looked after while it is written to. */
const LOOK_AFTER_MS = 5_000;

/** Where it stands that a span began. */
interface Start {
  readonly held: Held;
  readonly bytes: number;
}

/** Creates the recording. The first file is begun when there is something to write. */
export function createRecording(setup: RecordingSetup): Recording {
  const { directory, shelf, trouble, losses, clock, wallClock, segmentBytes, segmentAgeMs } = setup;
  const carriedBytesAtMost = segmentBytes * CARRIED_SHARE;
  /** The newest of the spans that have begun and not ended. */
  const spans = new Map<string, ReadableSpan>();
  const starts = new Map<string, Start>();
  /** Whether some of them stand in no file that is there. */
  let hasStrays = false;
  let current: Held | undefined;
  /** The file before the next one. */
  let previous: Held | undefined;
  let begunAt = 0;
  /** What in the current file does not count as its growth. */
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
    const name = shelf.nextName(wallClock());
    makeDirectory(directory);
    const segment = beginSegment(join(directory, formatSegmentName(name)), setup.header());
    begunAt = clock.now();
    carriedBytes = segment.bytes;
    current = shelf.add(name, segment, begunAt);
    const held = current;
    if (hasStrays) attempt(() => takeInStrays(held));
    const before = previous;
    previous = undefined;
    if (before !== undefined && shelf.has(before)) release(before);
    setup.onBegun();
    return held;
  };

  /** Writes that a span began. Answers the bytes it takes. */
  const addStart = (held: Held, key: string, span: ReadableSpan): number => {
    const before = held.segment.bytes;
    held.segment.addStart(span);
    const bytes = held.segment.bytes - before;
    starts.set(key, { held, bytes });
    held.openSpans += 1;
    held.openBytes += bytes;
    return bytes;
  };

  const discount = ({ held, bytes }: Start): void => {
    held.openSpans -= 1;
    held.openBytes -= bytes;
  };

  const removeStart = (key: string, start: Start): void => {
    starts.delete(key);
    discount(start);
  };

  /** Oldest first: they are the parents. */
  const takeInStrays = (held: Held): void => {
    const maxBytes = held.segment.bytes + carriedBytesAtMost;
    for (const [key, span] of spans) {
      if (starts.has(key)) continue;
      if (held.segment.bytes > maxBytes) return;
      carriedBytes += addStart(held, key, span);
    }
    hasStrays = false;
  };

  const startedIn = (held: Held): readonly (readonly [string, Start])[] =>
    held.openSpans === 0 ? [] : [...starts].filter(([, start]) => start.held === held);

  /** Whether the spans that began in a file go on in the current one. Those that are not held any more are lost. */
  const moveOpen = (held: Held): boolean => {
    if (held.openSpans === 0) return true;
    if (held.openBytes > carriedBytesAtMost || !trouble.isOver) return false;
    return (
      attempt(() => {
        const target = current ?? begin();
        for (const [key, start] of startedIn(held)) {
          const span = spans.get(key);
          if (span === undefined) {
            removeStart(key, start);
            losses.add('forgotten', 1);
          } else {
            carriedBytes += addStart(target, key, span);
            discount(start);
          }
        }
        return true;
      }) ?? false
    );
  };

  const release = (held: Held): boolean => {
    if (!isSettled(held)) return false;
    if (held === current) return renew(held);
    if (!moveOpen(held)) return false;
    shelf.remove(held);
    return true;
  };

  /** Begins anew when the current file has grown. */
  const renew = (held: Held): boolean => {
    if (held.segment.bytes - carriedBytes < segmentBytes * SETTLED_SHARE) return false;
    if (held.openSpans > 0) {
      if (held.openBytes <= carriedBytesAtMost) attempt(next);
      return !shelf.has(held);
    }
    current = undefined;
    shelf.remove(held);
    return true;
  };

  const next = (): Held => {
    leave();
    return begin();
  };

  const write = <T>(put: (held: Held) => T): { readonly held: Held; readonly result: T } | undefined => {
    if (!trouble.isOver) return undefined;
    const now = clock.now();
    if (now - lookedAfterAt >= LOOK_AFTER_MS) lookAfter();
    const written = attempt(() => {
      const held = current ?? begin();
      const result = put(held);
      held.freshAt = now;
      return { held, result };
    });
    if (written?.held === current && current !== undefined && current.segment.bytes - carriedBytes >= segmentBytes) {
      attempt(next);
    }
    return written;
  };

  /** Writes into the file in which a span began that it ended in another. */
  const finish = (key: string, endedIn: Held | undefined): void => {
    const start = starts.get(key);
    if (start === undefined) return;
    removeStart(key, start);
    const { held } = start;
    if (held === endedIn || !shelf.has(held) || release(held)) return;
    if (trouble.isOver) attempt(() => shelf.use(held).add(['d', key]));
  };

  const forgetOldest = (): void => {
    if (spans.size > MAX_HELD) {
      const [oldest = ''] = spans.keys();
      spans.delete(oldest);
      if (!starts.has(oldest)) losses.add('forgotten', 1);
    }
    if (starts.size > MAX_OPEN) {
      const [oldest = ''] = starts.keys();
      finish(oldest, undefined);
      losses.add('forgotten', 1);
    }
  };

  const lookAfter = (): void => {
    lookedAfterAt = clock.now();
    if (current === undefined || attempt(() => current?.segment.whereabouts()) === 'here') return;
    // Whoever removed one may have removed the others.
    for (const held of shelf.byAge) lookFor(held);
  };

  const lookFor = (held: Held): void => {
    const { segment } = held;
    const whereabouts = attempt(() => segment.whereabouts());
    if (whereabouts === 'here') return;
    if (held === current) current = undefined;
    if (whereabouts === 'removed') losses.add('removed', segment.spans + segment.issues.size);
    hasStrays ||= held.openSpans > 0;
    for (const [key, start] of startedIn(held)) removeStart(key, start);
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
    start(span) {
      const key = spanKey(span.spanContext());
      const written = write((held) => {
        addStart(held, key, span);
        spans.set(key, span);
      });
      if (written === undefined && !trouble.isOver) {
        spans.set(key, span);
        hasStrays = true;
      }
      forgetOldest();
    },
    end(span) {
      const key = spanKey(span.spanContext());
      spans.delete(key);
      const written = write(({ segment }) => segment.addEnd(span));
      finish(key, written?.held);
      return written === undefined ? undefined : { held: written.held, offset: written.result };
    },
    addIssue(id, payload) {
      return write(({ segment }) => segment.addIssue(id, payload)) !== undefined;
    },
    release,
    evacuate(held) {
      if (moveOpen(held)) return;
      // They stay counted with the file, whose removal counts them as lost.
      for (const [key] of startedIn(held)) {
        spans.delete(key);
        starts.delete(key);
      }
    },
    beat() {
      lookAfter();
      if (current === undefined) {
        touchNewest();
      } else if (isSettled(current) && current.openSpans === 0) {
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
