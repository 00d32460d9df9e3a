/** An application that shuts Faultline down and goes on with its own tracing. */
import { trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { setupTracing } from 'faultline';

import { trip } from './trip.mjs';

const exporter = new OTLPTraceExporter({ url: process.env.SHOP_BACKEND });
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
provider.register();
const tracing = setupTracing();

await trip();
await tracing.shutdown();
trace.getTracer('shop').startSpan('GET /goodbye').end();
await provider.shutdown();
