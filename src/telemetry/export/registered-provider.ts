import { trace, type TracerProvider } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';

/** The list of processors inside a provider of the OpenTelemetry SDK 2.x and 3.x. */
interface OpenProvider {
  readonly _activeSpanProcessor: { readonly _spanProcessors: SpanProcessor[] };
}

/** The tracer provider the application registered, if it did. */
export function findRegisteredProvider(): TracerProvider | undefined {
  const provider = trace.getTracerProvider() as TracerProvider & { getDelegate?: () => TracerProvider };
  const delegate = provider.getDelegate?.() ?? provider;
  // The API's own stand-in can do nothing but make tracers; every real provider can be flushed or shut down.
  const { forceFlush, shutdown } = delegate as { forceFlush?: unknown; shutdown?: unknown };
  return typeof forceFlush === 'function' || typeof shutdown === 'function' ? delegate : undefined;
}

/**
 * Adds processors to a provider that exists, or answers `undefined` when it takes none. The function it
 * returns removes them again.
 *
 * The SDK has had no public way to do this since 2.0; the list has the same place in 2.x and 3.x, and its
 * shape is checked before it is touched.
 */
export function joinProvider(provider: TracerProvider, processors: readonly SpanProcessor[]): (() => void) | undefined {
  if (!takesProcessors(provider)) return undefined;
  const list = provider._activeSpanProcessor._spanProcessors;
  list.push(...processors);
  return () => {
    for (const processor of processors) {
      const index = list.indexOf(processor);
      if (index !== -1) list.splice(index, 1);
    }
  };
}

/** Whether a provider is one of the OpenTelemetry SDK 2.x or 3.x. */
export function takesProcessors(provider: object): provider is OpenProvider {
  const { _activeSpanProcessor: multi } = provider as { _activeSpanProcessor?: { _spanProcessors?: unknown } };
  return Array.isArray(multi?._spanProcessors);
}

/** Where the official OTLP/HTTP exporters of a provider send, as far as they can be seen. */
export function exporterUrls(provider: TracerProvider): readonly string[] {
  if (!takesProcessors(provider)) return [];
  return provider._activeSpanProcessor._spanProcessors.flatMap((processor) => {
    const url = EXPORTER_URL.reduce<unknown>(
      (value, key) => (value as Record<string, unknown> | undefined)?.[key],
      processor,
    );
    return typeof url === 'string' ? [url] : [];
  });
}

/** Where exporters 0.2xx and 0.3xx keep it, below a batch or simple span processor. */
const EXPORTER_URL = ['_exporter', '_delegate', '_transport', '_transport', '_parameters', 'url'];
