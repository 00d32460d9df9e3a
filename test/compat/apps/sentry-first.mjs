/** An application that has initialised Sentry's SDK before it sets Faultline up. */
import * as Sentry from '@sentry/node';
import { setupTracing } from 'faultline';

import { report } from './report.mjs';
import { trip } from './trip.mjs';

const { SHOP_SENTRY_DSN: dsn, SHOP_SENTRY_TRACES: traces } = process.env;
const registers = traces === undefined ? undefined : { enableOpenTelemetrySetup: true };
Sentry.init({ dsn, tracesSampleRate: 1, ...registers });
const tracing = setupTracing();

await trip();
await report(tracing);
await Sentry.close();
