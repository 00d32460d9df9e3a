/** An application that captures what a library with a copy of Faultline has failed with. */
import * as faultline from 'faultline';

import * as plugin from './plugin/plugin.mjs';
import { report } from './report.mjs';

if (faultline.traceAgent === plugin.traceAgent) throw new Error('there is only one copy');

const tracing = faultline.setupTracing();
try {
  await plugin.traceAgent({ name: 'helper' }, () => plugin.fail());
} catch (error) {
  faultline.captureException(error);
}
await report(tracing);
