import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import { createFifo } from './fifo.ts';
import type { Ticket } from './recorder/recorder.ts';

/**
 * A span that waits in memory.
 *
 * A class, and no object literal: V8 notices that what a literal makes lives through its first collections, and from
 * then on makes it among the old objects, where it keeps its span until the whole heap is collected.
 */
export class QueuedSpan {
  readonly span: ReadableSpan;
  /** As `sizeOf` measures it. */
  readonly bytes: number;
  /** Where the flight recorder has it too. */
  readonly ticket: Ticket | undefined;

  constructor(span: ReadableSpan, bytes: number, ticket?: Ticket) {
    this.span = span;
    this.bytes = bytes;
    this.ticket = ticket;
  }
}

/** Bounds of what waits in memory for one destination. */
export interface QueueLimits {
  /** Most spans. */
  readonly maxCount: number;
  /** Most bytes, as `sizeOf` measures them. */
  readonly maxBytes: number;
}

/** Spans that ever entered and left the two lanes of a queue. */
export interface QueueProgress {
  readonly added: number;
  readonly removed: number;
  readonly addedToDisk: number;
  readonly removedFromDisk: number;
}

/** Most spans that wait on disk alone: a place among them costs eight bytes of memory. */
const MAX_ON_DISK = 1_000_000;

/**
 * The spans that wait for one destination, oldest first: in memory, and, when that is full, on disk alone.
 */
export interface SpanQueue {
  /** Spans that wait in memory. */
  readonly count: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Spans that wait on disk alone. */
  readonly onDisk: number;
  /** Spans the recorder has that more came than can wait here: the next start sends them. */
  readonly leftOnDisk: number;
  /** How far the queue has come: each lane is in order, so what was added before a moment is gone when as many are. */
  readonly progress: QueueProgress;
  /** Adds a span, for which the oldest ones leave the memory when it is full. One larger than all of it goes alone. */
  add(span: QueuedSpan): void;
  /** Adds spans that are on disk alone. */
  addFromDisk(tickets: readonly Ticket[]): void;
  /** Takes the oldest spans out of the memory: at most `maxCount`, and one or more up to `maxBytes`. */
  take(maxCount: number, maxBytes: number): readonly QueuedSpan[];
  /** Takes the oldest spans that are on disk alone. */
  takeFromDisk(maxCount: number): readonly Ticket[];
}

/**
 * Creates an empty queue.
 *
 * @param onDropped hears of each span that is given up, for which there was no room by this bound, and no recorder that
 *   has it
 */
export function createSpanQueue(
  { maxCount, maxBytes }: QueueLimits,
  onDropped: (reached: keyof QueueLimits) => void,
): SpanQueue {
  const memory = createFifo<QueuedSpan>();
  const disk = createFifo<Ticket>();
  // Read at every span that ends, so they are kept and not asked for.
  let count = 0;
  let bytes = 0;
  let leftOnDisk = 0;

  const takeOldest = (): QueuedSpan | undefined => {
    const oldest = memory.shift();
    if (oldest === undefined) return undefined;
    count -= 1;
    bytes -= oldest.bytes;
    return oldest;
  };

  /** The bound that a further span would exceed. */
  const boundFor = (next: QueuedSpan): keyof QueueLimits | undefined => {
    if (count >= maxCount) return 'maxCount';
    return bytes + next.bytes > maxBytes ? 'maxBytes' : undefined;
  };

  const leaveOnDisk = (ticket: Ticket): void => {
    disk.push(ticket);
    if (disk.size <= MAX_ON_DISK) return;
    disk.shift();
    leftOnDisk += 1;
  };

  const giveUp = ({ ticket }: QueuedSpan, reached: keyof QueueLimits): void => {
    if (ticket === undefined) onDropped(reached);
    else leaveOnDisk(ticket);
  };

  return {
    get count() {
      return count;
    },
    get bytes() {
      return bytes;
    },
    get onDisk() {
      return disk.size;
    },
    get leftOnDisk() {
      return leftOnDisk;
    },
    add(span) {
      // There would be no room for it without the others either.
      if (span.bytes > maxBytes) return giveUp(span, 'maxBytes');
      for (let reached = boundFor(span); reached !== undefined; reached = boundFor(span)) {
        const oldest = takeOldest();
        if (oldest === undefined) break;
        giveUp(oldest, reached);
      }
      memory.push(span);
      count += 1;
      bytes += span.bytes;
    },
    get progress() {
      return {
        added: memory.added,
        removed: memory.added - memory.size,
        addedToDisk: disk.added,
        removedFromDisk: disk.added - disk.size,
      };
    },
    addFromDisk(tickets) {
      for (const ticket of tickets) leaveOnDisk(ticket);
    },
    take(maxCount, maxBytes) {
      const taken: QueuedSpan[] = [];
      let takenBytes = 0;
      for (let next = memory.first(); next !== undefined && taken.length < maxCount; next = memory.first()) {
        if (taken.length > 0 && takenBytes + next.bytes > maxBytes) break;
        takeOldest();
        taken.push(next);
        takenBytes += next.bytes;
      }
      return taken;
    },
    takeFromDisk(maxCount) {
      const taken: Ticket[] = [];
      for (let next = disk.first(); next !== undefined && taken.length < maxCount; next = disk.first()) {
        disk.shift();
        taken.push(next);
      }
      return taken;
    },
  };
}
