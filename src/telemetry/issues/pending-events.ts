import { createFifo } from '../export/fifo.ts';
import type { EncodedEvent } from './envelope.ts';

/** An event that is not decided yet. */
export interface PendingEvent extends EncodedEvent {
  /** Grows whenever somebody begins to wait: what came before has a lower one. */
  readonly generation: number;
  /** Whether the journal has it too. */
  readonly isKept: boolean;
  readonly attempts: Attempts;
}

/** How an event has fared so far. */
export interface Attempts {
  failures: number;
  /** Whether it has failed while others were accepted. */
  isSuspect: boolean;
  /** How long it has been tried for, without the time in which others failed as well. */
  triedForMs: number;
  /** When it failed last, else was tried first, and how many events had been accepted by then. */
  last?: { readonly atMs: number; readonly sent: number };
  /** Why it was not accepted when it failed last. */
  trouble?: string;
}

/**
 * The events that are not decided yet: one that is under way, a bounded number that wait in memory, and those that wait
 * in the journal alone, of which only the ids are in memory. Who takes an event out counts it, so that each is counted
 * once, whoever decides it.
 */
export interface PendingEvents extends Iterable<PendingEvent> {
  /** Those in the journal alone are among them; the iterator has only the others, oldest first. */
  readonly size: number;
  /** The lowest generation of them. */
  readonly oldestGeneration: number | undefined;
  /** Begins a generation. Answers with the one before. */
  nextGeneration(): number;
  /**
   * Adds an event that waits. Of the older ones that have to leave the memory for it, those the journal has wait
   * there. Returns the others, which are taken out.
   */
  add(event: EncodedEvent, isKept: boolean): readonly PendingEvent[];
  /** Adds an event that the journal alone has. */
  addKept(id: string): void;
  /**
   * The one that is under way, or else the oldest in memory, else in the journal, else the first of those that were put
   * behind. It is under way from now on, and does not have to go for others.
   */
  next(): PendingEvent | undefined;
  has(event: PendingEvent): boolean;
  /** Takes an event out; false when somebody else has. */
  take(event: PendingEvent): boolean;
  /** Lets the event that is under way wait behind all others, also those that are still to come. */
  putBehind(event: PendingEvent): void;
  /** Takes all out, counts them, and tells why one of them was not accepted, if any was tried. */
  clear(): { readonly kept: number; readonly unkept: number; readonly trouble: string | undefined };
}

export interface PendingLimits {
  /** Most events that wait in memory. */
  readonly maxCount: number;
  /** Most bytes of them. The newest one waits there in any case. */
  readonly maxBytes: number;
}

/** What is read of the journal. */
export interface KeptEvents {
  /** The event as JSON; `undefined` when the journal does not have it any more. */
  readonly read: (id: string) => string | undefined;
  /** Hears of an event that waited there and is gone. */
  readonly onGone: () => void;
}

/** An event that the journal alone has. */
type Place = Pick<PendingEvent, 'generation' | 'attempts'> & { readonly id: string };

/** Creates an empty queue. */
export function createPendingEvents({ maxCount, maxBytes }: PendingLimits, journal: KeptEvents): PendingEvents {
  const events = new Set<PendingEvent>();
  const places = createFifo<Place>();
  /** Those that were put behind, the first of which is next. The journal alone has those it has at all. */
  const behind = new Set<PendingEvent | Place>();
  const generations = createGenerations();
  let underWay: PendingEvent | undefined;
  /** Of the events in memory. */
  let bytes = 0;

  /** Whether one more can wait in memory, where the one that is under way takes no room. */
  const hasRoomFor = (length: number): boolean => {
    const count = underWay === undefined ? events.size : events.size - 1;
    const waitingBytes = bytes - (underWay?.payload.length ?? 0);
    return count < maxCount && waitingBytes + length <= maxBytes;
  };

  /** Puts an event into the memory. */
  const hold = (event: PendingEvent): PendingEvent => {
    events.add(event);
    bytes += event.payload.length;
    return event;
  };

  /** Takes an event out of the memory. */
  const remove = (event: PendingEvent): boolean => {
    if (!events.delete(event)) return false;
    bytes -= event.payload.length;
    behind.delete(event);
    if (event === underWay) underWay = undefined;
    return true;
  };

  const take = (event: PendingEvent): boolean => {
    if (!remove(event)) return false;
    generations.remove(event);
    return true;
  };

  const placeOf = ({ eventId: id = '', generation, attempts }: PendingEvent): Place => ({ id, generation, attempts });

  const read = (place: Place): PendingEvent | undefined => {
    const { id, generation, attempts } = place;
    const payload = journal.read(id);
    if (payload !== undefined) {
      return hold({ eventId: id, payload: Buffer.from(payload), generation, attempts, isKept: true });
    }
    generations.remove(place);
    journal.onGone();
    return undefined;
  };

  const nextInMemory = (): PendingEvent | undefined => {
    for (const event of events) if (!behind.has(event)) return event;
    return undefined;
  };

  const nextInJournal = (): PendingEvent | undefined => {
    for (let place = places.shift(); place !== undefined; place = places.shift()) {
      const event = read(place);
      if (event !== undefined) return event;
    }
    return undefined;
  };

  const nextBehind = (): PendingEvent | undefined => {
    for (const one of behind) {
      behind.delete(one);
      const event = 'payload' in one ? one : read(one);
      if (event !== undefined) return event;
    }
    return undefined;
  };

  return {
    [Symbol.iterator]: () => events.values(),
    get size() {
      return generations.size;
    },
    get oldestGeneration() {
      return generations.oldest;
    },
    nextGeneration: () => generations.begin(),
    add(event, isKept) {
      const gone: PendingEvent[] = [];
      for (const older of events) {
        if (hasRoomFor(event.payload.length)) break;
        if (older === underWay) continue;
        if (!older.isKept) {
          take(older);
          gone.push(older);
        } else if (remove(older)) places.push(placeOf(older));
      }
      hold({ ...event, isKept, generation: generations.add(), attempts: noAttempts() });
      return gone;
    },
    addKept(id) {
      places.push({ id, generation: generations.add(), attempts: noAttempts() });
    },
    next() {
      underWay ??= nextInMemory() ?? nextInJournal() ?? nextBehind();
      return underWay;
    },
    has: (event) => events.has(event),
    take,
    putBehind(event) {
      if (event !== underWay) return;
      underWay = undefined;
      if (event.isKept) remove(event);
      behind.add(event.isKept ? placeOf(event) : event);
    },
    clear() {
      const unkept = [...events].filter(({ isKept }) => !isKept).length;
      const kept = generations.size - unkept;
      const failed = [...behind, ...events].findLast(({ attempts }) => attempts.trouble !== undefined);
      events.clear();
      behind.clear();
      while (places.shift() !== undefined);
      generations.clear();
      underWay = undefined;
      bytes = 0;
      return { kept, unkept, trouble: failed?.attempts.trouble };
    },
  };
}

function noAttempts(): Attempts {
  return { failures: 0, isSuspect: false, triedForMs: 0 };
}

/** How many events there are of each generation. */
interface Generations {
  /** Of all of them together. */
  readonly size: number;
  readonly oldest: number | undefined;
  begin(): number;
  /** Counts an event of the newest one. Answers which that is. */
  add(): number;
  remove(event: { readonly generation: number }): void;
  clear(): void;
}

function createGenerations(): Generations {
  /** Lowest first, because nothing is added to one that is not the newest. */
  const counts = new Map<number, number>();
  let newest = 0;
  let size = 0;
  return {
    get size() {
      return size;
    },
    get oldest() {
      return counts.keys().next().value;
    },
    begin() {
      newest += 1;
      return newest - 1;
    },
    add() {
      counts.set(newest, (counts.get(newest) ?? 0) + 1);
      size += 1;
      return newest;
    },
    remove({ generation }) {
      size -= 1;
      const left = (counts.get(generation) ?? 0) - 1;
      if (left > 0) counts.set(generation, left);
      else counts.delete(generation);
    },
    clear() {
      counts.clear();
      size = 0;
    },
  };
}
