/** An application and a library that each have a copy of Faultline. */
import * as faultline from 'faultline';

import * as plugin from './plugin/plugin.mjs';
import { report } from './report.mjs';

if (faultline.traceAgent === plugin.traceAgent) throw new Error('there is only one copy');

const tracing = faultline.setupTracing({ spanNames: 'semconv' });
if (process.env.PLUGIN_SETS_UP === 'too') plugin.setupTracing();
await faultline.traceAgent({ name: 'helper' }, () => plugin.lookUp());
await report(tracing);
