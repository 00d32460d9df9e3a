import { posix } from 'node:path';

import type { Environment } from '../../../src/telemetry/config/environment.ts';
import type { Host } from '../../../src/telemetry/config/host.ts';
import type { TracingOptions } from '../../../src/telemetry/config/options.ts';
import { resolveConfig, type TelemetryConfig } from '../../../src/telemetry/config/resolve.ts';
import type { Problem } from '../../../src/telemetry/config/settings.ts';

/** A DSN whose key and secret no message may hold. */
export const DSN = 'https://0123456789abcdef0123456789abcdef:secretsecretsecret@o1.ingest.us.sentry.io/42';
export const PUBLIC_KEY = '0123456789abcdef0123456789abcdef';

/** A machine with nothing on it but these files, under `/app`. */
export function hostWith(files: Readonly<Record<string, string>> = {}, mainScript?: string): Host {
  return {
    workingDirectory: '/app',
    ...(mainScript === undefined ? {} : { mainScript }),
    readTextFile: (path) => files[posix.relative('/app', path)],
  };
}

/** What code and environment come to, and what was reported on the way. */
export function resolving(
  environment: Environment,
  options: TracingOptions = {},
  host: Host = hostWith(),
): { config: TelemetryConfig; problems: Problem[] } {
  const problems: Problem[] = [];
  const config = resolveConfig(options, environment, (problem) => problems.push(problem), host);
  return { config, problems };
}
