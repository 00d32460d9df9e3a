import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import { active } from '../active.ts';
import type { Clock } from '../http/clock.ts';
import { setImmediate } from '../real-time.ts';
import type { DeliveryFailure, Outcome } from './outcome.ts';
import { createPassingSet } from './passing-set.ts';
import type { Recorder, Ticket } from './recorder/recorder.ts';
import type { RetryingExporter } from './retrying-exporter.ts';
import { createSpanQueue, QueuedSpan, type QueueLimits } from './span-queue.ts';
import { sizeOf } from './span-size.ts';

/** Why a span was given up without the destination having refused it. */
export type SpanDropReason =
  /** More came than could be sent and held. */
  | 'queue_full'
  /** The destination could not be reached for too long, or failed on this very span all the while. */
  | 'expired'
  /** The flight recorder, which alone had it, has it no more. */
  | 'recorder'
  /** Sending ended before it was sent, or when it came. */
  | 'closed';

export interface DispatcherOptions {
  readonly limits: QueueLimits;
  /** Most spans in one request. */
  readonly maxBatchSize: number;
  /** Longest time a span waits for its batch to fill. */
  readonly scheduleDelayMs: number;
  readonly exporter: RetryingExporter;
  readonly clock: Clock;
  /** How the recorder calls this destination, and the recorder. */
  readonly recorder?: Recorder;
  readonly destination: string;
  /** Hears of every batch that was not accepted whole. */
  readonly onFailure: (outcome: Outcome, loss: Loss) => void;
  /** Hears that a span was dropped because the queue was full, by this bound. */
  readonly onQueueFull: (reached: keyof QueueLimits) => void;
}

/** The way of spans from their end into requests, for one destination. No function throws, no promise rejects. */
export interface SpanDispatcher {
  /** Takes an ended span. Never sends before it returns. */
  offer(span: ReadableSpan, ticket: Ticket | undefined): void;
  /** Takes spans that only the recorder has. */
  offerFromDisk(tickets: readonly Ticket[]): void;
  /**
   * Sends everything offered before. Resolves when all of it is decided but what the destination fails on for certain,
   * or when nothing further can be before `withinMs` are over, because the destination asked for a longer pause.
   */
  flush(withinMs: number): Promise<void>;
  /** Ends every flush now. What waits goes on waiting. */
  stopWaiting(): void;
  /**
   * What waits in memory, and what is under way but for what the destination fails on for certain, for a process that
   * sends it in another way before it ends.
   */
  takeAll(): readonly QueuedSpan[];
  /** What became of spans from `takeAll`. */
  settle(spans: readonly QueuedSpan[], outcome: Outcome): Loss;
  /** Gives up everything under way at once, and takes nothing further. */
  close(): void;
  /** To be called whenever the exporter has changed: it may take more, or somebody may wait in vain. */
  goOn(): void;
  readonly counts: DispatcherCounts;
}

/** What an outcome costs. */
export interface Loss {
  /** Spans that will never arrive. */
  readonly lost: number;
  /** Spans left on disk for the next start. */
  readonly left: number;
}

export interface DispatcherCounts {
  /** Spans the destination accepted. */
  readonly exported: number;
  /** Spans it refused. */
  readonly rejected: number;
  /** Spans that wait in memory, and their bytes. */
  readonly queued: number;
  readonly queuedBytes: number;
  /** Spans whose answer is awaited. */
  readonly inFlight: number;
  /** Spans that wait on disk alone. */
  readonly waitingOnDisk: number;
  /** Spans left on disk for the next start, because sending them again now would change nothing. */
  readonly leftOnDisk: number;
  readonly dropped: Readonly<Partial<Record<SpanDropReason, number>>>;
}

/**
 * A request is about this large before compression. Sentry takes 12 MiB and small gateways 1 MiB, but handing one over
 * to the network is work that cannot be interrupted, and a megabyte of it takes more than a millisecond.
 */
const MAX_BATCH_BYTES = 512 * 1024;
/** Reading a span back takes some microseconds, and all of a batch are read in one go. */
const MAX_BATCH_FROM_DISK = 100;
/** A second request is on its way while the answer to the first one is awaited. */
const MAX_IN_FLIGHT = 2;

const GONE: DeliveryFailure = {
  kind: 'misconfigured',
  cause: 'recorder',
  sentence: 'the flight recorder, which alone had them, no longer does; it says why in a line of its own',
};

/** Creates the dispatcher of one destination. It keeps no process alive unless someone waits for a flush. */
export function createSpanDispatcher(options: DispatcherOptions): SpanDispatcher {
  const { limits, maxBatchSize, scheduleDelayMs, exporter, clock, recorder, destination, onFailure, onQueueFull } =
    options;
  const underWay = createPassingSet<Batch>();
  const flushes = new Set<Flush>();
  let exported = 0;
  let rejected = 0;
  let leftOnDisk = 0;
  const dropped: Partial<Record<SpanDropReason, number>> = {};
  /** Spans on disk take turns with live ones, so that neither wait for all of the other. */
  let isTurnOfDisk = false;
  let closed = false;
  let pumping = false;
  let cancelDelay: (() => void) | undefined;
  /** Whether the delay is over, so that a batch need not be full. */
  let due = false;

  const countDropped = (reason: SpanDropReason, count: number): void => {
    if (count > 0) dropped[reason] = (dropped[reason] ?? 0) + count;
  };

  const queue = createSpanQueue(limits, (reached) => {
    countDropped('queue_full', 1);
    onQueueFull(reached);
  });

  const countGone = (count: number): void => {
    if (count === 0) return;
    countDropped('recorder', count);
    onFailure({ failure: GONE }, { lost: count, left: 0 });
  };

  const strike = (spans: readonly QueuedSpan[]): void => {
    if (recorder === undefined) return;
    const tickets = spans.flatMap(({ ticket }) => (ticket === undefined ? [] : [ticket]));
    if (tickets.length > 0) recorder.strike(destination, tickets);
  };

  const isFull = (): boolean => queue.count >= maxBatchSize || queue.bytes >= MAX_BATCH_BYTES;
  const mustSendLive = (): boolean => queue.count > 0 && (due || flushes.size > 0 || isFull());

  /** Not in the caller's time: who ends a span has work of its own to do. Nor on behalf of its request. */
  const pumpSoon = (): void => {
    if (pumping || closed) return;
    pumping = true;
    setImmediate(() => active().apart(pump));
  };

  const waitForMore = (): void => {
    if (cancelDelay !== undefined || closed || queue.count === 0) return;
    cancelDelay = clock.after(scheduleDelayMs, () => {
      cancelDelay = undefined;
      due = true;
      pumpSoon();
    });
  };

  const next = (): Batch => {
    const isFromDisk = queue.onDisk > 0 && (isTurnOfDisk || !mustSendLive());
    isTurnOfDisk = !isFromDisk;
    if (!isFromDisk) return { spans: queue.take(maxBatchSize, MAX_BATCH_BYTES) };
    const tickets = queue.takeFromDisk(Math.min(MAX_BATCH_FROM_DISK, maxBatchSize));
    const spans = tickets.flatMap((ticket) => {
      const span = recorder?.read(ticket);
      return span === undefined ? [] : [new QueuedSpan(span, sizeOf(span), ticket)];
    });
    countGone(tickets.length - spans.length);
    return { spans };
  };

  const pump = (): void => {
    pumping = false;
    if (closed || exporter.busy >= MAX_IN_FLIGHT || (queue.onDisk === 0 && !mustSendLive())) return waitForMore();
    const batch = next();
    if (queue.count === 0) due = false;
    if (batch.spans.length > 0) send(batch);
    checkFlushes();
    pumpSoon();
  };

  const send = (batch: Batch): void => {
    underWay.add(batch);
    exporter.send(
      batch.spans.map(({ span }) => span),
      (decided, outcome) => {
        const spans = takeOut(batch, decided);
        if (spans.length === 0) return;
        const loss = decide(spans, outcome, closed ? 'closed' : 'expired');
        if (outcome.failure ?? outcome.refusal) onFailure(outcome, loss);
        if (batch.spans.length > 0) return;
        underWay.delete(batch);
        for (const flush of flushes) flush.batches?.delete(batch);
        checkFlushes();
      },
    );
  };

  const decide = (spans: readonly QueuedSpan[], outcome: Outcome, lostAs: SpanDropReason): Loss => {
    const { accepted = 0, rejected: refused = 0, failure } = outcome;
    const open = new Set(outcome.undecided);
    const undecided = open.size === 0 ? [] : spans.filter(({ span }) => open.has(span));
    strike(open.size === 0 ? spans : spans.filter(({ span }) => !open.has(span)));
    exported += accepted;
    rejected += refused;
    // What nobody decided on stays on disk, if it is there.
    const left = undecided.filter(({ ticket }) => ticket !== undefined).length;
    const lost = undecided.length - left;
    leftOnDisk += left;
    if (failure?.kind === 'misconfigured') rejected += lost;
    else countDropped(lostAs, lost);
    return { lost: refused + lost, left };
  };

  const checkFlushes = (): void => {
    if (flushes.size === 0) return;
    const { removed, removedFromDisk } = queue.progress;
    const { stuck } = exporter;
    const isStuck = ({ spans }: Batch): boolean => spans.every(({ span }) => stuck.has(span));
    for (const flush of flushes) {
      if (flush.batches === undefined && removed >= flush.added && removedFromDisk >= flush.addedToDisk) {
        flush.batches = new Set(underWay);
      }
      const isDone = flush.batches !== undefined && [...flush.batches].every(isStuck);
      if (isDone || exporter.pausedUntilMs > flush.untilMs || closed) end(flush);
    }
  };

  const goOn = (): void => {
    checkFlushes();
    pumpSoon();
  };

  const end = (flush: Flush): void => {
    if (!flushes.delete(flush)) return;
    hurry();
    flush.resolve();
  };

  /** Whoever waits longest decides how long waits may be. */
  const hurry = (): void => {
    const untilMs = [...flushes].map((flush) => flush.untilMs);
    exporter.hurry(untilMs.length === 0 ? undefined : Math.max(...untilMs));
  };

  const takeQueued = (): readonly QueuedSpan[] => queue.take(Infinity, Infinity);

  return {
    offer(span, ticket) {
      if (closed) {
        if (ticket === undefined) countDropped('closed', 1);
        else leftOnDisk += 1;
        return;
      }
      const bytes = sizeOf(span);
      queue.add(new QueuedSpan(span, bytes, ticket));
      if (isFull()) pumpSoon();
      else waitForMore();
    },
    offerFromDisk(tickets) {
      queue.addFromDisk(tickets);
      pumpSoon();
    },
    flush: (withinMs) =>
      new Promise((resolve) => {
        const { added, addedToDisk } = queue.progress;
        flushes.add({ added, addedToDisk, untilMs: clock.now() + withinMs, batches: undefined, resolve });
        hurry();
        checkFlushes();
        pumpSoon();
      }),
    stopWaiting() {
      for (const flush of flushes) end(flush);
    },
    takeAll() {
      const { stuck } = exporter;
      const isWanted = (span: ReadableSpan): boolean => !stuck.has(span);
      const sent = [...underWay].flatMap((batch) =>
        takeOut(batch, batch.spans.map(({ span }) => span).filter(isWanted)),
      );
      return [...sent, ...takeQueued()];
    },
    settle: (spans, outcome) => decide(spans, outcome, 'closed'),
    goOn,
    close() {
      if (closed) return;
      closed = true;
      cancelDelay?.();
      exporter.close();
      const waiting = takeQueued();
      decide(waiting, { undecided: waiting.map(({ span }) => span) }, 'closed');
      leftOnDisk += queue.takeFromDisk(Infinity).length;
      checkFlushes();
    },
    get counts() {
      let inFlight = 0;
      for (const { spans } of underWay) inFlight += spans.length;
      return {
        exported,
        rejected,
        queued: queue.count,
        queuedBytes: queue.bytes,
        inFlight,
        waitingOnDisk: queue.onDisk,
        leftOnDisk: leftOnDisk + queue.leftOnDisk,
        dropped: { ...dropped },
      };
    },
  };
}

/** What goes out together. */
interface Batch {
  /** Those that are not decided. */
  spans: readonly QueuedSpan[];
}

/** Takes spans out of a batch. Answers those that were in it. */
function takeOut(batch: Batch, some: readonly ReadableSpan[]): readonly QueuedSpan[] {
  const { spans } = batch;
  const taken = new Set(some);
  batch.spans = spans.filter(({ span }) => !taken.has(span));
  return batch.spans.length === 0 ? spans : spans.filter(({ span }) => taken.has(span));
}

/** Somebody who waits. */
interface Flush {
  /** How far the queue must come. */
  readonly added: number;
  readonly addedToDisk: number;
  readonly untilMs: number;
  /** What must still be decided, once the queue has come that far. */
  batches: Set<Batch> | undefined;
  readonly resolve: () => void;
}
