/**
 * The start of a script in which every wait of more than five seconds never ends. A process that ends all the same has
 * waited for nothing so long, however slow the machine is.
 */
export const ONLY_SHORT_WAITS = `
  {
    const { setTimeout } = globalThis;
    const { wait } = Atomics;
    const bent = (ms) => (ms > 5_000 ? 2 ** 31 - 1 : ms);
    globalThis.setTimeout = (run, ms, ...given) => setTimeout(run, bent(ms), ...given);
    Atomics.wait = (cells, index, value, ms) => wait(cells, index, value, bent(ms));
  }
`;
