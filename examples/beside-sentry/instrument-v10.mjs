// The same with @sentry/node 10: node --import ./instrument-v10.mjs app.mjs
import { context } from '@opentelemetry/api';
import * as Sentry from '@sentry/node';
import { setupTracing } from 'faultline';

Sentry.init({
  // 10.x registers a tracer provider of its own, which takes no other exporter. This leaves the place to Faultline.
  skipOpenTelemetrySetup: true,
});

// It also leaves out what keeps the scopes of concurrent requests apart, so that comes back by hand.
context.setGlobalContextManager(new Sentry.SentryContextManager());

setupTracing();
