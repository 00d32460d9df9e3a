/** Waits for whoever reads what a process has written, because `process.exit` would cut off what is on its way to a pipe. */
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';

type Output = Pick<NodeJS.WriteStream, 'write' | 'writableLength'>;

/** Resolves when everything is read, or can no longer be, or after `patienceMs`. Default: a reader has all the time. */
export async function readToTheEnd(outputs: readonly Output[], patienceMs?: number): Promise<void> {
  // A file that cannot be written says so a moment later.
  await nextTurn();
  const read = Promise.all(outputs.map(untilRead));
  await (patienceMs === undefined ? read : Promise.race([read, wait(patienceMs)]));
}

/** Nothing waits in a file or on a terminal, and asking a stream that has failed would be its next failure. */
function untilRead(output: Output): Promise<void> {
  if (output.writableLength === 0) return Promise.resolve();
  // The callback is told of a failure as well.
  return new Promise((resolve) => void output.write('', () => resolve()));
}
