import { hostname, release, type } from 'node:os';

import { guard } from '../guard.ts';

/** What is known of the process and the machine a failure happened in. */
export interface RuntimeContexts {
  readonly runtime: { readonly name: 'node'; readonly version: string };
  readonly os: { readonly name: string; readonly version: string };
  readonly app: { readonly app_start_time: string; readonly app_memory?: number } & Partial<
    Record<'app_name' | 'app_version', string>
  >;
}

/** The names Sentry knows systems by that call themselves something else. */
const SYSTEM_NAMES: Readonly<Record<string, string>> = { Darwin: 'macOS', Windows_NT: 'Windows' };

let unchanging: (Pick<RuntimeContexts, 'runtime' | 'os'> & { readonly startTime: string }) | undefined;

/**
 * The `runtime`, `os` and `app` contexts. All but the memory is read at the first failure and kept.
 *
 * @see https://develop.sentry.dev/sdk/foundations/data-model/event-payloads/contexts/
 */
export function runtimeContexts(resource: Readonly<Record<string, unknown>>): RuntimeContexts {
  unchanging ??= {
    runtime: { name: 'node', version: process.version },
    os: { name: SYSTEM_NAMES[type()] ?? type(), version: release() },
    startTime: new Date(performance.timeOrigin).toISOString(),
  };
  const { startTime, ...contexts } = unchanging;
  const name = resource['service.name'];
  const version = resource['service.version'];
  const memory = residentMemory();
  const app = {
    app_start_time: startTime,
    ...(memory === undefined ? undefined : { app_memory: memory }),
    ...(typeof name === 'string' ? { app_name: name } : undefined),
    ...(typeof version === 'string' ? { app_version: version } : undefined),
  };
  return { ...contexts, app };
}

/** For how long what was asked of the memory holds: the system takes a tenth of a millisecond to answer. */
const MEMORY_HOLDS_MS = 1_000;
let askedAt = -Infinity;
let resident: number | undefined;

/** Bytes, as of the last second. Unknown where the process may not see itself, as in a container without `/proc`. */
function residentMemory(): number | undefined {
  const now = performance.now();
  if (now - askedAt < MEMORY_HOLDS_MS) return resident;
  askedAt = now;
  resident = guard(() => process.memoryUsage.rss());
  return resident;
}

let machineName: string | undefined;

/** The name of the machine: what the resource says, else what the system calls itself. */
export function serverName(resource: Readonly<Record<string, unknown>>): string {
  const told = resource['host.name'];
  if (typeof told === 'string' && told !== '') return told;
  machineName ??= hostname();
  return machineName;
}
