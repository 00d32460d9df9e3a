/** A line of elements: the first one in is the first one out. */
export interface Fifo<T> {
  readonly size: number;
  /** Elements that ever entered. */
  readonly added: number;
  first(): T | undefined;
  push(element: T): void;
  shift(): T | undefined;
}

/** Places of an empty line, a power of two as all numbers of places are. */
const FEWEST_PLACES = 1_024;

/**
 * Creates an empty line, in a ring of places that are used again and again: an array that grows and is cut leaves
 * copies behind, and those the garbage collector finds old keep what was in them, long after it has left.
 */
export function createFifo<T>(): Fifo<T> {
  let places = emptyPlaces<T>(FEWEST_PLACES);
  let head = 0;
  let size = 0;
  let added = 0;

  const move = (count: number): void => {
    const left = places;
    places = emptyPlaces<T>(count);
    for (let index = 0; index < size; index += 1) {
      const place = (head + index) & (left.length - 1);
      places[index] = left[place];
      left[place] = undefined;
    }
    head = 0;
  };

  return {
    get size() {
      return size;
    },
    get added() {
      return added;
    },
    first: () => places[head],
    push(element) {
      if (size === places.length) move(size * 2);
      places[(head + size) & (places.length - 1)] = element;
      size += 1;
      added += 1;
    },
    shift() {
      if (size === 0) return undefined;
      const element = places[head];
      places[head] = undefined;
      head = (head + 1) & (places.length - 1);
      size -= 1;
      if (places.length > FEWEST_PLACES && size * 8 < places.length) move(places.length / 4);
      return element;
    },
  };
}

function emptyPlaces<T>(count: number): (T | undefined)[] {
  return Array.from<T | undefined>({ length: count }).fill(undefined);
}
