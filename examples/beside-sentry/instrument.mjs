// Loaded before everything else: node --import ./instrument.mjs app.mjs
import * as Sentry from '@sentry/node';
import { setupTracing } from 'faultline';

Sentry.init({
  // Errors, logs and sessions as before. Without `tracesSampleRate` the SDK traces nothing, and Faultline does.
  // What the SDK captures by itself is linked to the span it happened in:
  integrations: [Sentry.openTelemetryIntegration()],
});

// After `init`: failures of agents are handed to the SDK, and spans go to the DSN of the environment.
setupTracing();
