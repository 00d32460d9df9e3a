import type { Attributes } from '@opentelemetry/api';

import {
  GEN_AI_MEMORY_STORE_ID,
  GEN_AI_OPERATION_NAME,
  GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  SCOPE_NAME,
  SEARCH_MEMORY_OPERATION_NAME,
} from '../../semconv.ts';
import type { Dialect } from './dialect.ts';

/**
 * Names of the newest GenAI conventions. Faultline's spans have them already, but for memory: its operation
 * name would make Sentry count a model call, so it is added here. What was written to a cache is said under the name
 * before as well, which is the one most backends read. `sentry.*` attributes stay, because a Collector may pass the
 * spans on to Sentry.
 */
export const otelDialect: Dialect = (span) => {
  const more: Attributes = {};
  const isMemorySearch = GEN_AI_MEMORY_STORE_ID in span.attributes && !(GEN_AI_OPERATION_NAME in span.attributes);
  if (isMemorySearch) more[GEN_AI_OPERATION_NAME] = SEARCH_MEMORY_OPERATION_NAME;
  const written = span.attributes[GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS];
  if (written !== undefined && span.instrumentationScope.name === SCOPE_NAME) {
    more[GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS] = written;
  }
  return Object.keys(more).length === 0 ? span : { name: span.name, attributes: { ...span.attributes, ...more } };
};
