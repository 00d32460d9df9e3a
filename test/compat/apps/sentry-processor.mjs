/** An application that gives Faultline's span processor to Sentry's SDK. */
import * as Sentry from '@sentry/node';
import { setupTracing } from 'faultline';

import { report } from './report.mjs';
import { trip } from './trip.mjs';

const tracing = setupTracing({ register: false });
Sentry.init({
  dsn: process.env.SHOP_SENTRY_DSN,
  tracesSampleRate: 1,
  openTelemetrySpanProcessors: [tracing.spanProcessor],
});

await trip();
await report(tracing);
await Sentry.close();
