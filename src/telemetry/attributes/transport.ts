import type { Attributes } from '@opentelemetry/api';

import { FAULTLINE_TRANSPORT, FAULTLINE_TRANSPORT_UPTIME_MS, OPERATIONS, SENTRY_OP } from '../semconv.ts';

/** Attributes of a `transport.crash` span. */
export function transportCrashAttributes(name: string, uptimeMs: number): Attributes {
  return {
    [SENTRY_OP]: OPERATIONS.transport.sentryOp,
    [FAULTLINE_TRANSPORT]: name,
    [FAULTLINE_TRANSPORT_UPTIME_MS]: Math.round(uptimeMs),
  };
}
