import type { Attributes } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

/** The parts of a span that destinations read under different names. */
export interface SpanWords {
  readonly name: string;
  readonly attributes: Attributes;
}

/**
 * Translates a span into the names one destination reads, just before it is sent. Pure: the span is shared
 * with other processors and exporters and is never changed.
 */
export type Dialect = (span: ReadableSpan) => SpanWords;
