import type { Attributes } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';

import { plainAttributes } from '../content/plain-attribute.ts';
import type { Redactor } from '../content/redactor.ts';
import { sealLabels } from '../content/seal.ts';
import { startProcessor } from './start-processor.ts';

/**
 * Writes the same attributes on every span when it starts, spans of other instrumentations included.
 *
 * Sentry reads the release from the span and not from the resource, and needs the sampling rate on each
 * span to extrapolate counts.
 */
export function createStampProcessor(stamp: Attributes, redactor: Redactor): SpanProcessor {
  const safe = plainAttributes(stamp, redactor);
  const entries = Object.entries(safe);
  return startProcessor((span) => {
    for (const [key, value] of entries) if (value !== undefined) span.setAttribute(key, value);
    sealLabels(span, '', safe, redactor);
  });
}
