/**
 * Sets tracing up from the environment: `node --import faultline/register app.js`.
 *
 * The OpenTelemetry SDK is loaded only when a destination is configured. It is loaded by `require`, which
 * keeps this module synchronous, so that a CommonJS application can also `require('faultline/register')`.
 */
import { createRequire } from 'node:module';

import { resolveConfig } from './telemetry/config/resolve.ts';
import { createReporter, type Problem } from './telemetry/diagnostics.ts';

const problems: Problem[] = [];
const config = resolveConfig({}, process.env, (problem) => problems.push(problem));

if (config.destinations.length > 0) {
  // Relative to the built file: this module is only ever loaded from dist/.
  const require = createRequire(import.meta.url);
  const { setupTracing } = require('./telemetry/setup.js') as typeof import('./telemetry/setup.ts');
  setupTracing();
} else {
  const report = createReporter();
  for (const problem of problems) report(problem);
}
