/** A set of elements that come and go all the time, in the order in which they came. */
export interface PassingSet<T> extends Iterable<T> {
  readonly size: number;
  /** The element that came first of those that are there. */
  readonly oldest: T | undefined;
  /** Adds an element that is not in it. */
  add(element: T): void;
  /** Whether it was in it. */
  delete(element: T): boolean;
  clear(): void;
}

/** So many are searched one by one, newest first: what came last mostly goes first. */
const MAX_SEARCHED = 64;

/**
 * Creates an empty set for what passes through in great numbers and leaves soon.
 *
 * V8 gives a `Set` a new table when elements have come and gone, and links the old table to the new one. Once such a
 * table is old enough for the garbage collector to pass it over, all that came after it stay too, with what was in
 * them, until the whole heap is collected: spans that were sent long ago. So the newest elements are in an array,
 * and a `Set` has only those that stay longer.
 */
export function createPassingSet<T>(): PassingSet<T> {
  const older = new Set<T>();
  let newest: T[] = [];

  return {
    get size() {
      return older.size + newest.length;
    },
    get oldest() {
      return older.size === 0 ? newest[0] : older.values().next().value;
    },
    add(element) {
      newest.push(element);
      if (newest.length <= MAX_SEARCHED) return;
      for (const staying of newest.slice(0, MAX_SEARCHED / 2)) older.add(staying);
      newest = newest.slice(MAX_SEARCHED / 2);
    },
    delete(element) {
      const last = newest.length - 1;
      for (let index = last; index >= 0; index -= 1) {
        if (newest[index] !== element) continue;
        for (let next = index; next < last; next += 1) newest[next] = newest[next + 1]!;
        newest.pop();
        return true;
      }
      return older.delete(element);
    },
    clear() {
      older.clear();
      newest = [];
    },
    // A copy: whoever goes through it may delete what it finds.
    [Symbol.iterator]: () => [...older, ...newest][Symbol.iterator](),
  };
}
