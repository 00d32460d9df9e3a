/**
 * The start of a script in which every wait of more than five seconds never ends. A process that ends all the same has
 * waited for nothing so long, however slow the machine is.
 */
export const ONLY_SHORT_WAITS = `
  {
    const { setTimeout } = globalThis;
    const { wait } = Atomics;
    const nobody = new Int32Array(new SharedArrayBuffer(4));
    globalThis.setTimeout = (run, ms, ...given) => setTimeout(run, ms > 5_000 ? 2 ** 31 - 1 : ms, ...given);
    // Whoever would wake it does not either.
    Atomics.wait = (cells, index, value, ms) => (ms > 5_000 ? wait(nobody, 0, 0) : wait(cells, index, value, ms));
  }
`;
