/** Lets tests wait until enough of something has arrived, without polling. */
export interface Arrivals {
  /** To be called whenever a list that may be waited for has grown. */
  arrived(): void;
  /** Resolves with a copy of `list` once it holds `count`; rejects after `timeoutMs` with a sentence that says how many came. */
  wait<Item>(what: string, list: readonly Item[], count: number, timeoutMs: number): Promise<readonly Item[]>;
  /** Rejects every wait still open. */
  close(): void;
}

interface Wait {
  check(): void;
  give(reason: string): void;
}

/** `explain` ends the sentence of a rejection with what else is known, such as the last answer. */
export function createArrivals(explain: () => string): Arrivals {
  const waits = new Set<Wait>();
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
        const timer = setTimeout(() => wait.give(`for ${timeoutMs} ms`), timeoutMs);
        waits.add(wait);
        wait.check();
      });
      // A test that failed before it awaited this must not also die of an unhandled rejection at close.
      arrival.catch(() => {});
      return arrival;
    },
    close() {
      for (const wait of waits) wait.give('until the server was closed');
    },
  };
}
