/** An application that has initialised Sentry's SDK before it sets Faultline up. */
import * as Sentry from '@sentry/node';
import { setupTracing } from 'faultline';

import { report } from './report.mjs';
import { trip } from './trip.mjs';

Sentry.init({ dsn: process.env.SHOP_SENTRY_DSN, tracesSampleRate: 1 });
const tracing = setupTracing();

await trip();
await report(tracing);
await Sentry.close();
