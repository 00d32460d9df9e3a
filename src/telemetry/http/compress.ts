import { promisify } from 'node:util';

import { nodeModules } from './node-modules.ts';

/** Compresses a body in a thread of its own. */
export function gzip(body: Uint8Array): Promise<Uint8Array> {
  return promisify(nodeModules.zlib.gzip)(body);
}

/** Unpacks a body before it returns. `undefined` when it cannot be, or is longer than `maxBytes`. */
export function unpackNow(body: Uint8Array, encoding: string, maxBytes: number): Uint8Array | undefined {
  const { gunzipSync, inflateSync, brotliDecompressSync } = nodeModules.zlib;
  const unpack = { gzip: gunzipSync, 'x-gzip': gunzipSync, deflate: inflateSync, br: brotliDecompressSync }[encoding];
  try {
    return unpack?.(body, { maxOutputLength: maxBytes });
  } catch {
    return undefined;
  }
}

/** Compresses a body before it returns, for a process that cannot wait. */
export function gzipNow(body: Uint8Array): Uint8Array {
  return nodeModules.zlib.gzipSync(body);
}
