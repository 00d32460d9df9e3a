/** An application with a provider of SDK 2.x, registered before Faultline is set up. */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { setupTracing } from 'faultline';

import { report } from './report.mjs';
import { trip } from './trip.mjs';

const exporter = new OTLPTraceExporter({ url: process.env.SHOP_BACKEND });
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
provider.register();

const tracing = setupTracing();
await trip();
await report(tracing);
await provider.shutdown();
