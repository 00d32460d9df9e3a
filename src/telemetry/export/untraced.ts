import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';

/** Where no instrumentation begins a span. */
const UNTRACED = suppressTracing(ROOT_CONTEXT);

/** The same function, of which no instrumentation of the application's makes spans. */
export function untraced<Given extends readonly unknown[], Answer>(
  work: (...given: Given) => Answer,
): (...given: Given) => Answer {
  return (...given) => context.with(UNTRACED, () => work(...given));
}
