/** An application that starts the OpenTelemetry NodeSDK before Faultline is set up. */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { setupTracing } from 'faultline';

import { report } from './report.mjs';
import { trip } from './trip.mjs';

// Without a URL of its own the NodeSDK reads the same OTEL_ variables as Faultline.
const url = process.env.SHOP_BACKEND;
const sdk = new NodeSDK(url === undefined ? {} : { traceExporter: new OTLPTraceExporter({ url }) });
sdk.start();

const tracing = setupTracing();
await trip();
await report(tracing);
await sdk.shutdown();
