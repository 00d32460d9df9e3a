import { promisify } from 'node:util';

import { nodeModules } from './node-modules.ts';

/** Compresses a body in a thread of its own. */
export function gzip(body: Uint8Array): Promise<Uint8Array> {
  return promisify(nodeModules.zlib.gzip)(body);
}

/** Compresses a body before it returns, for a process that cannot wait. */
export function gzipNow(body: Uint8Array): Uint8Array {
  return nodeModules.zlib.gzipSync(body);
}
