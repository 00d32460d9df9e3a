import { nodeModules } from './node-modules.ts';

/** Asking the system takes microseconds, so it is asked for many at once. */
const pool: Buffer = Buffer.allocUnsafe(4096);
let used = pool.length;

/*
 * Not `Math.random`, which belongs to the program: one that has seeded it, as evaluations and simulations do, would draw
 * other numbers than without telemetry, and its spans would have the ids of its last start, or all of them the same.
 */

/** Random bytes as hexadecimal digits, two for each. */
export function randomHex(bytes: number): string {
  const start = draw(bytes);
  return pool.toString('hex', start, start + bytes);
}

/** A random number from 0 to below 1. */
export function randomShare(): number {
  return pool.readUInt32BE(draw(4)) / 2 ** 32;
}

/** Where in the pool there are as many bytes that nobody has seen. */
function draw(bytes: number): number {
  if (used + bytes > pool.length) {
    nodeModules.crypto.randomFillSync(pool);
    used = 0;
  }
  const start = used;
  used += bytes;
  return start;
}
