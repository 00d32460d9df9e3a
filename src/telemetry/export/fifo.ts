/** A line of elements: the first one in is the first one out. */
export interface Fifo<T> {
  readonly size: number;
  /** Elements that ever entered. */
  readonly added: number;
  first(): T | undefined;
  push(element: T): void;
  shift(): T | undefined;
}

/**
 * Creates an empty line. `Array.prototype.shift` moves every element there is, which a long one cannot afford for
 * each of them.
 */
export function createFifo<T>(): Fifo<T> {
  const COMPACT_AT = 1_024;
  let elements: (T | undefined)[] = [];
  let head = 0;
  let added = 0;
  return {
    get size() {
      return elements.length - head;
    },
    get added() {
      return added;
    },
    first: () => elements[head],
    push(element) {
      added += 1;
      elements.push(element);
    },
    shift() {
      const element = elements[head];
      if (head === elements.length) return undefined;
      elements[head] = undefined;
      head += 1;
      if (head >= COMPACT_AT && head * 2 >= elements.length) {
        elements = elements.slice(head);
        head = 0;
      }
      return element;
    },
  };
}
