/** An application that starts a NodeSDK with B3 headers after Faultline, which is shut down before the second call. */
import { context, propagation, trace } from '@opentelemetry/api';
import { B3Propagator } from '@opentelemetry/propagator-b3';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { setupTracing } from 'faultline';

function outgoing() {
  return trace.getTracer('shop').startActiveSpan('GET forecast', (span) => {
    const headers = {};
    propagation.inject(context.active(), headers);
    span.end();
    return Object.keys(headers);
  });
}

const sdk = new NodeSDK({ textMapPropagator: new B3Propagator(), traceExporter: { export() {}, async shutdown() {} } });
sdk.start();

const before = outgoing();
await setupTracing().shutdown();
console.log(JSON.stringify([before, outgoing()]));
process.exit();
