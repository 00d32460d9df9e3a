/** An application with a provider of SDK 2.x that has no span processor yet. */
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { setupTracing } from 'faultline';

import { report } from './report.mjs';
import { trip } from './trip.mjs';

new NodeTracerProvider().register();
const tracing = setupTracing();
await trip();
await report(tracing);
