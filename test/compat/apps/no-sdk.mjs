/** An application without an SDK of its own. */
import { setupTracing } from 'faultline';

import { report } from './report.mjs';
import { trip } from './trip.mjs';

const tracing = setupTracing();
await trip();
await report(tracing);
