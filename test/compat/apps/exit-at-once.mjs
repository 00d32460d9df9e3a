/** An application that ends in the turn in which it has set tracing up. */
import { setupTracing, traceAgent } from 'faultline';

setupTracing();
traceAgent({ name: 'helper' }, () => 42);
console.log('the answer is 42');
process.exit(3);
