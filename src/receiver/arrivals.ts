/** Lets tests wait until enough of something has arrived, without polling. */
export interface Arrivals {
  /** To be called whenever a list that may be waited for has grown. */
  arrived(): void;
  /**
   * Resolves with a copy of `list` once it holds `count`; rejects after `timeoutMs`, if that is given, with a sentence that
   * says how many came.
   */
  wait<Item>(what: string, list: readonly Item[], count: number, timeoutMs?: number): Promise<readonly Item[]>;
  /** Rejects every wait still open, and every one that would begin later. */
  close(): void;
}

interface Wait {
  check(): void;
  give(reason: string): void;
}

const CLOSED = 'until the server was closed';

/** `explain` ends the sentence of a rejection with what else is known, such as the last answer. */
export function createArrivals(explain: () => string = () => ''): Arrivals {
  const waits = new Set<Wait>();
  let isClosed = false;
  return {
    arrived() {
      for (const wait of waits) wait.check();
    },
    wait(what, list, count, timeoutMs) {
      const arrival = new Promise<typeof list>((resolve, reject) => {
        const settle = (): void => {
          clearTimeout(timer);
          waits.delete(wait);
        };
        const wait: Wait = {
          check() {
            if (list.length < count) return;
            settle();
            resolve([...list]);
          },
          give(reason) {
            settle();
            reject(new Error(`Waited for ${count} ${what} ${reason}, and ${list.length} came${explain()}.`));
          },
        };
        const timer =
          timeoutMs === undefined ? undefined : setTimeout(() => wait.give(`for ${timeoutMs} ms`), timeoutMs);
        waits.add(wait);
        wait.check();
        if (isClosed) wait.give(CLOSED);
      });
      // A test that failed before it awaited this must not also die of an unhandled rejection at close.
      arrival.catch(() => {});
      return arrival;
    },
    close() {
      isClosed = true;
      for (const wait of waits) wait.give(CLOSED);
    },
  };
}
