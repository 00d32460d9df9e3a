/** An application with a NodeSDK that knows nothing of setting Faultline up. */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { NodeSDK } from '@opentelemetry/sdk-node';

import { trip } from './trip.mjs';

const sdk = new NodeSDK({ traceExporter: new OTLPTraceExporter({ url: process.env.SHOP_BACKEND }) });
sdk.start();

await trip();
await sdk.shutdown();
