/** An application that says whom a library with a copy of Faultline works for. */
import * as faultline from 'faultline';

import * as plugin from './plugin/plugin.mjs';
import { report } from './report.mjs';

if (faultline.traceAgent === plugin.traceAgent) throw new Error('there is only one copy');

const tracing = faultline.setupTracing();
faultline.setTag('tier', 'gold');
faultline.addBreadcrumb({ message: 'signed in' });
await faultline.withRunContext({ user: { id: 'u-42' } }, async () => {
  faultline.addBreadcrumb({ message: 'asked' });
  await plugin.traceAgent({ name: 'helper' }, () => plugin.fail()).catch(() => {});
});
await report(tracing);
