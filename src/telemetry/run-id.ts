/**
 * Where the ids of this process begin: elsewhere than those of any other process, thread or copy of this file. They
 * differ in their time or in their process, and a small difference between them leads far apart. The clock is that of
 * `process`, as Node takes almost a millisecond to load `performance` for the first one who asks for it.
 */
let last = mixed(Number(process.hrtime.bigint()) + mixed(process.pid));

/**
 * An id for a run. Eight hexadecimal digits: enough to tell the runs of a process apart in a log line. They are those
 * of a number that grows, mixed up so that ids look nothing like their neighbours. None is drawn, as Next.js gives up a
 * page it prerenders as soon as that asks for a random number, also where no tracing is set up.
 *
 * @see https://nextjs.org/docs/messages/blocking-prerender-random
 */
export function newRunId(): string {
  last += 1;
  return mixed(last).toString(16).padStart(8, '0');
}

/** Gives each number of 32 bits another one. */
function mixed(number: number): number {
  let bits = Math.imul(number ^ (number >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
