import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import type { Dialect } from './dialects/dialect.ts';
import { otelDialect } from './dialects/otel.ts';
import { sentryDialect } from './dialects/sentry.ts';
import { withChanges } from './span-changes.ts';

const DIALECTS: Readonly<Record<Destination['dialect'], Dialect>> = { otel: otelDialect, sentry: sentryDialect };

/** The span in the words of a dialect. A span the dialect cannot read stays as it is. */
export function translateSpan(span: ReadableSpan, name: Destination['dialect']): ReadableSpan {
  try {
    const words = DIALECTS[name](span);
    return words.name === span.name && words.attributes === span.attributes ? span : withChanges(span, words);
  } catch {
    return span;
  }
}
