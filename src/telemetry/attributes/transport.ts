import type { Attributes } from '@opentelemetry/api';

import type { Redactor } from '../content/redactor.ts';
import { FAULTLINE_TRANSPORT, FAULTLINE_TRANSPORT_UPTIME_MS, OPERATIONS, SENTRY_OP } from '../semconv.ts';
import { textOf } from './text.ts';

/** Attributes of a `transport.crash` span. */
export function transportCrashAttributes(name: string, uptimeMs: number, { label }: Redactor): Attributes {
  return {
    [SENTRY_OP]: OPERATIONS.transport.sentryOp,
    [FAULTLINE_TRANSPORT]: label(textOf(name) ?? '', FAULTLINE_TRANSPORT),
    [FAULTLINE_TRANSPORT_UPTIME_MS]: Math.round(uptimeMs),
  };
}
