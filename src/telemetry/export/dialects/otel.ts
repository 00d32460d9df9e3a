import { GEN_AI_MEMORY_STORE_ID, GEN_AI_OPERATION_NAME, SEARCH_MEMORY_OPERATION_NAME } from '../../semconv.ts';
import type { Dialect } from './dialect.ts';

/**
 * Names of the newest GenAI conventions. Faultline's spans have them already, but for memory: its operation
 * name would make Sentry count a model call, so it is added here. `sentry.*` attributes stay, because a
 * Collector may pass the spans on to Sentry.
 */
export const otelDialect: Dialect = (span) => {
  const isMemorySearch = GEN_AI_MEMORY_STORE_ID in span.attributes && !(GEN_AI_OPERATION_NAME in span.attributes);
  return isMemorySearch
    ? { name: span.name, attributes: { ...span.attributes, [GEN_AI_OPERATION_NAME]: SEARCH_MEMORY_OPERATION_NAME } }
    : span;
};
