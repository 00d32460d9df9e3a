import type { IdGenerator } from '@opentelemetry/sdk-trace-node';

import { randomHex } from '../http/random.ts';

/** Ids for spans. Those of the SDK are drawn with `Math.random`. */
export const RANDOM_IDS: IdGenerator = {
  generateTraceId: () => randomHex(16),
  generateSpanId: () => randomHex(8),
};
