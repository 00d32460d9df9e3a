/** An application with API 1.10 and a provider of SDK 3.x, registered before Faultline is set up. */
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { setupTracing } from 'faultline';

import { report } from './report.mjs';
import { trip } from './trip.mjs';

const exporter = new OTLPTraceExporter({ url: process.env.SHOP_BACKEND });
const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] });
trace.setGlobalTracerProvider(provider);
// SDK 3.x does not do this by itself. Left out, Faultline has to.
if (process.env.SHOP_CONTEXT !== 'none') {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
}

const tracing = setupTracing();
await trip();
await report(tracing);
await provider.shutdown();
