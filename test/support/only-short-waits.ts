/** Runs before anything else is loaded, which may take the timers as it finds them. */
const PATCH = `
  import { syncBuiltinESMExports } from 'node:module';
  import timers from 'node:timers';

  const { setTimeout } = timers;
  const { wait } = Atomics;
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  timers.setTimeout = (run, ms, ...given) => setTimeout(run, ms > 5_000 ? 2 ** 31 - 1 : ms, ...given);
  globalThis.setTimeout = timers.setTimeout;
  syncBuiltinESMExports();
  // Whoever would wake it does not either.
  Atomics.wait = (cells, index, value, ms) => (ms > 5_000 ? wait(nobody, 0, 0) : wait(cells, index, value, ms));
`;

/**
 * A module after which every wait of more than five seconds never ends. A process that ends all the same has waited for
 * nothing so long, however slow the machine is.
 */
export const SHORT_WAITS_MODULE: string = `data:text/javascript,${encodeURIComponent(PATCH)}`;

/** The start of a script with that module, for where nothing is loaded before the script. */
export const ONLY_SHORT_WAITS: string = `import ${JSON.stringify(SHORT_WAITS_MODULE)};\n`;
