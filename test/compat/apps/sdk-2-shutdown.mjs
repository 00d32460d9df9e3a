/** An application that shuts its provider down at its end, and leaves Faultline to itself. */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { setupTracing } from 'faultline';

import { trip } from './trip.mjs';

const exporter = new OTLPTraceExporter({ url: process.env.SHOP_BACKEND });
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
provider.register();
setupTracing();

await trip();
await provider.shutdown();
