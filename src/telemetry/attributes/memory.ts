import type { Attributes } from '@opentelemetry/api';

import { DB_SYSTEM_NAME, GEN_AI_MEMORY_STORE_ID, OPERATIONS, SENTRY_OP } from '../semconv.ts';

/** A memory store as its searches are known by. */
export interface MemoryDescription {
  /** Id of the store. */
  readonly store: string;
  /** `db.system.name` of the engine behind it, such as `sqlite`. */
  readonly system?: string;
}

/** Adds what a `search_memory` span says at its creation, by default to nothing. */
export function memoryAttributes(memory: MemoryDescription, attributes: Attributes = {}): Attributes {
  attributes[SENTRY_OP] = OPERATIONS.memory.sentryOp;
  attributes[GEN_AI_MEMORY_STORE_ID] = memory.store;
  if (memory.system !== undefined) attributes[DB_SYSTEM_NAME] = memory.system;
  return attributes;
}
