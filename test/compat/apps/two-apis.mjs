/**
 * An application that uses a copy of the OpenTelemetry API of its own before or after Faultline is set up: for the
 * logger of the SDK, or for its tracer provider.
 */
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { setupTracing } from 'faultline';

import { report } from './report.mjs';
import { trip } from './trip.mjs';

const { SHOP_API, SHOP_USES, SHOP_ORDER } = process.env;
const { diag, trace } = await import(SHOP_API);

const ended = [];
const processor = { onStart() {}, onEnd: ({ name }) => ended.push(name), async forceFlush() {}, async shutdown() {} };
const logger = { error() {}, warn: console.error, info() {}, debug() {}, verbose() {} };
const use = {
  logger: () => diag.setLogger(logger),
  provider: () => trace.setGlobalTracerProvider(new NodeTracerProvider({ spanProcessors: [processor] })),
}[SHOP_USES];

if (SHOP_ORDER === 'first') use();
const tracing = setupTracing();
if (SHOP_ORDER !== 'first') use();

await trip();
await report(tracing);
console.log(ended.length);
