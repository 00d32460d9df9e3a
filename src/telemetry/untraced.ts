import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';

/** The key that `suppressTracing` of the OpenTelemetry SDK sets. */
export const SUPPRESS_TRACING_KEY: symbol = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

const UNTRACED = ROOT_CONTEXT.setValue(SUPPRESS_TRACING_KEY, true);

/** The same function outside of any span and run, of which no instrumentation of the application's makes spans. */
export function untraced<Given extends readonly unknown[], Answer>(
  work: (...given: Given) => Answer,
): (...given: Given) => Answer {
  return (...given) => context.with(UNTRACED, () => work(...given));
}
