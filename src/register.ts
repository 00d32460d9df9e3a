/**
 * Sets tracing up from the environment: `node --import faultline/register app.js`.
 *
 * The OpenTelemetry SDK is loaded only when something is to be sent. It is loaded by `require`, which
 * keeps this module synchronous, so that a CommonJS application can also `require('faultline/register')`.
 * What goes wrong is said in one line: it is no reason for an application not to start.
 */
import type { Environment } from './telemetry/config/environment.ts';
import { nodeHost } from './telemetry/config/host.ts';
import { resolveConfig, type TelemetryConfig } from './telemetry/config/resolve.ts';
import { createReporter, type Problem } from './telemetry/diagnostics.ts';
import { guard } from './telemetry/guard.ts';

type Setup = Pick<typeof import('./telemetry/setup.ts'), 'setupTracing'>;

const report = createReporter();
try {
  register();
} catch (error) {
  report(notSetUp(error));
}

function register(): void {
  const problems: Problem[] = [];
  const config = resolveConfig({}, process.env, (problem) => problems.push(problem));
  if (isOff(config)) {
    if (isConfiguredLater()) report(tooEarly());
    for (const problem of problems) report(problem);
    return;
  }
  const setup = setupAtOnce();
  if (setup === undefined) void registerLater();
  else setup.setupTracing();
}

function isOff({ destinations, dsn }: TelemetryConfig): boolean {
  return destinations.length === 0 && dsn === undefined;
}

/** Whether tracing is on once an application of PM2's cluster mode begins: until then its environment is one JSON. */
function isConfiguredLater(): boolean {
  const { pm2_env: given } = process.env;
  if (given === undefined) return false;
  const isOn = guard(() => {
    const values = Object.entries(JSON.parse(given) as object).map(([name, value]) => [name, String(value)]);
    const environment = { ...process.env, ...(Object.fromEntries(values) as Environment) };
    const { workingDirectory, ...host } = nodeHost();
    // It goes there only later, too.
    const directory = environment['pm_cwd'] ?? workingDirectory;
    return !isOff(resolveConfig({}, environment, () => {}, { ...host, workingDirectory: directory }));
  });
  return isOn === true;
}

function tooEarly(): Problem {
  return {
    key: 'register-too-early',
    message:
      'tracing was not set up, because PM2 in cluster mode hands an application its environment after --import; ' +
      "in place of --import, import 'faultline/register' in the first line of the application, or call setupTracing() there",
  };
}

/** For a bundle: what `require` loads a bundler does not see, and this it takes along. */
async function registerLater(): Promise<void> {
  try {
    const { setupTracing } = await import('./telemetry/setup.ts');
    setupTracing();
  } catch (error) {
    report(notSetUp(error));
  }
}

/** Unless it is bundled, this module is only ever loaded from dist/. Beside a bundle lie files of the application. */
function setupAtOnce(): Setup | undefined {
  try {
    // Not imported: a bundle may begin with an import of that name, which can be there only once.
    const { createRequire } = process.getBuiltinModule('node:module');
    const require = createRequire(import.meta.url);
    const { name } = require('../package.json') as { readonly name?: unknown };
    return name === 'faultline' ? (require('./telemetry/setup.js') as Setup) : undefined;
  } catch {
    return undefined;
  }
}

function notSetUp(error: unknown): Problem {
  const { code, name } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  return {
    key: 'register',
    message:
      `tracing was not set up, because its code could not be loaded or started (${code ?? name ?? 'no error'}); ` +
      'install the packages of faultline again, or leave it out of the bundle',
  };
}
