import type { Attributes } from '@opentelemetry/api';

import type { Redactor } from '../content/redactor.ts';
import { DB_SYSTEM_NAME, GEN_AI_MEMORY_STORE_ID, OPERATIONS, SENTRY_OP } from '../semconv.ts';
import { textOf } from './text.ts';

/** A memory store as its searches are known by. */
export interface MemoryDescription {
  /** Id of the store. */
  readonly store: string;
  /** `db.system.name` of the engine behind it, such as `sqlite`. */
  readonly system?: string | undefined;
}

/** Adds what a `search_memory` span says at its creation. */
export function memoryAttributes(memory: MemoryDescription, attributes: Attributes, { label }: Redactor): Attributes {
  attributes[SENTRY_OP] = OPERATIONS.memory.sentryOp;
  const store = textOf(memory.store);
  if (store !== undefined) attributes[GEN_AI_MEMORY_STORE_ID] = label(store, GEN_AI_MEMORY_STORE_ID);
  const system = textOf(memory.system);
  if (system !== undefined) attributes[DB_SYSTEM_NAME] = label(system, DB_SYSTEM_NAME);
  return attributes;
}
