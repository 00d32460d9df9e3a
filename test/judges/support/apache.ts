import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { inject } from 'vitest';

import { closedPort } from '../../support/loopback.ts';
import { systemProgram } from './judge.ts';
import { startProgram } from './start-program.ts';

const MODULES = '/usr/lib/apache2/modules';

/** A front before an OTLP receiver that treats requests as Sentry's does. */
export interface SentryFront {
  /** A DSN of project 1 with this key. */
  dsn(key: string): string;
  readonly stop: () => Promise<void>;
}

/** Where requests go that pass. Both end with a slash. */
export interface Behind {
  readonly tracesUrl: string;
  readonly envelopesUrl: string;
}

/**
 * Starts Apache httpd before two receivers. At Sentry's paths for OTLP and for envelopes it lets requests pass that
 * have the key `abc` in Sentry's header and are compressed with gzip, unpacks them, and answers 403 to all others.
 */
export async function startSentryFront(behind: Behind): Promise<SentryFront> {
  const apache = systemProgram('apache2');
  const directory = await mkdtemp(join(inject('scratchDirectory'), 'apache-'));
  // It takes no port 0.
  const port = await closedPort();
  const file = join(directory, 'httpd.conf');
  await writeFile(file, configuration(directory, port, behind));
  const { stop } = await startProgram(apache, {
    args: ['-DFOREGROUND', '-f', file],
    env: {},
    whenReady: (output) => (output.includes('resuming normal operations') ? true : undefined),
  });
  return {
    dsn: (key) => `http://${key}@127.0.0.1:${port}/1`,
    stop,
  };
}

function configuration(directory: string, port: number, behind: Behind): string {
  return `
    ServerRoot "${directory}"
    ServerName 127.0.0.1
    Listen 127.0.0.1:${port}
    PidFile "${directory}/httpd.pid"
    DefaultRuntimeDir "${directory}"
    # Standard error is no file here, so httpd cannot open it by name.
    ErrorLog "|/bin/cat"
    LogLevel notice
    LoadModule mpm_event_module ${MODULES}/mod_mpm_event.so
    LoadModule authz_core_module ${MODULES}/mod_authz_core.so
    LoadModule filter_module ${MODULES}/mod_filter.so
    LoadModule deflate_module ${MODULES}/mod_deflate.so
    LoadModule proxy_module ${MODULES}/mod_proxy.so
    LoadModule proxy_http_module ${MODULES}/mod_proxy_http.so
    User www-data
    Group www-data
${location('/api/1/integration/otlp/', behind.tracesUrl)}
    ${location('/api/1/envelope/', behind.envelopesUrl)}
  `;
}

function location(path: string, behind: string): string {
  return `
    <Location "${path}">
      <RequireAll>
        Require expr "%{HTTP:x-sentry-auth} =~ /^[Ss]entry .*sentry_key=abc(,|$)/"
        Require expr "%{HTTP:Content-Encoding} == 'gzip'"
      </RequireAll>
      SetInputFilter DEFLATE
      ProxyPass "${behind}"
    </Location>
  `;
}
