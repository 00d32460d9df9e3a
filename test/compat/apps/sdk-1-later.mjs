/** An application that registers a provider of SDK 1.x after Faultline is set up. */
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { setupTracing } from 'faultline';

import { report } from './report.mjs';
import { trip } from './trip.mjs';

const tracing = setupTracing();
new NodeTracerProvider().register();

await trip();
await report(tracing);
