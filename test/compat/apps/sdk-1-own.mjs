/** An application that gives the processor of Faultline to a provider of SDK 1.x, as one of SDK 2 may. */
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { setupTracing } from 'faultline';

import { trip } from './trip.mjs';

const tracing = setupTracing({ register: false });
new NodeTracerProvider({ spanProcessors: [tracing.spanProcessor] }).register();

await trip();
const { status, failed } = await tracing.flush();
console.log(JSON.stringify({ status, failed, spans: tracing.status.spans }));
