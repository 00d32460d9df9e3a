/** An application whose agent fails with what a library with a copy of Faultline has met, in the trace of a page. */
import * as faultline from 'faultline';

import * as plugin from './plugin/plugin.mjs';
import { report } from './report.mjs';

if (faultline.traceAgent === plugin.traceAgent) throw new Error('there is only one copy');

const tracing = faultline.setupTracing();
// What a Sentry SDK of a page sends that traces nothing itself.
const headers = {
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
  'sentry-trace': '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7',
};
await plugin.continueTrace(headers, () => faultline.traceAgent({ name: 'helper' }, plugin.ask)).catch(() => {});
await report(tracing);
