import type { EncodedEvent } from './envelope.ts';

/** An event that is not decided yet. */
export interface PendingEvent extends EncodedEvent {
  /** Grows from event to event. */
  readonly order: number;
}

/**
 * The events that are not decided yet, oldest first: one that is under way, and a bounded number that wait.
 * Who takes an event out counts it, so that each is counted once, whoever decides it.
 */
export interface PendingEvents extends Iterable<PendingEvent> {
  readonly size: number;
  readonly oldest: PendingEvent | undefined;
  readonly newest: PendingEvent | undefined;
  /** Adds an event that waits. Returns the older ones that had to go for it. */
  add(event: EncodedEvent): readonly PendingEvent[];
  /** The oldest one, which is under way from now on and does not have to go for others. */
  next(): PendingEvent | undefined;
  has(event: PendingEvent): boolean;
  /** Takes an event out; false when somebody else has. */
  take(event: PendingEvent): boolean;
  /** Takes all out. */
  clear(): readonly PendingEvent[];
}

export interface PendingLimits {
  /** Most events that wait. */
  readonly maxCount: number;
  /** Most bytes of events that wait. The newest one waits in any case. */
  readonly maxBytes: number;
}

/** Creates an empty queue. */
export function createPendingEvents({ maxCount, maxBytes }: PendingLimits): PendingEvents {
  const events = new Set<PendingEvent>();
  let underWay: PendingEvent | undefined;
  let newest: PendingEvent | undefined;
  let waitingCount = 0;
  let waitingBytes = 0;
  let order = 0;

  const countAsWaiting = (event: PendingEvent, sign: 1 | -1): void => {
    waitingCount += sign;
    waitingBytes += sign * event.payload.length;
  };

  const take = (event: PendingEvent): boolean => {
    if (!events.delete(event)) return false;
    if (event !== underWay) countAsWaiting(event, -1);
    return true;
  };

  const oldest = (): PendingEvent | undefined => events.values().next().value;

  return {
    [Symbol.iterator]: () => events.values(),
    get size() {
      return events.size;
    },
    get oldest() {
      return oldest();
    },
    get newest() {
      return newest !== undefined && events.has(newest) ? newest : [...events].at(-1);
    },
    add(event) {
      const gone: PendingEvent[] = [];
      for (const older of events) {
        if (waitingCount < maxCount && waitingBytes + event.payload.length <= maxBytes) break;
        if (older === underWay) continue;
        take(older);
        gone.push(older);
      }
      order += 1;
      newest = { ...event, order };
      events.add(newest);
      countAsWaiting(newest, 1);
      return gone;
    },
    next() {
      const next = oldest();
      if (next !== undefined && next !== underWay) countAsWaiting(next, -1);
      underWay = next;
      return next;
    },
    has: (event) => events.has(event),
    take,
    clear() {
      const all = [...events];
      events.clear();
      waitingCount = 0;
      waitingBytes = 0;
      return all;
    },
  };
}
