import { createRuntime, type Runtime, type RuntimeOptions, type RuntimeStatus } from '../runtime.ts';
import { cliTransport } from '../transports/cli.ts';
import { slackTransport } from '../transports/slack.ts';
import { isBearerToken } from '../transports/http-access.ts';
import { httpTransport, type HttpTransportOptions } from '../transports/http.ts';
import type { Agent } from '../types.ts';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import type { ConfigOptions } from './config-options.ts';
import { createAgents } from './create-agents.ts';
import type { MutableEnvironment } from './environment.ts';
import type { RuntimeConfig } from './runtime-config.ts';
import { connectSlack } from './slack-app.ts';

/** How the agents of a configuration file are put behind their transports. */
export interface CreateRuntimeOptions extends ConfigOptions {
  /**
   * Serves HTTP, as `listen` of `httpTransport` does. With it every agent answers over HTTP, whatever its transport
   * is, and none at the command line: nobody sits in front of a server. Without it no agent answers over HTTP.
   */
  readonly listen?: HttpTransportOptions['listen'];
  /** What `/readyz` says besides how the runtime is. */
  readonly status?: HttpTransportOptions['status'];
  /** Whether memory files that are not there yet are made now, and not when they are first needed. Default: true. */
  readonly makeMemoryFiles?: boolean | undefined;
  /** Told what happens, as lines of a log. */
  readonly onLog?: RuntimeOptions['onLog'];
}

/** The runtime of a configuration file. The memories of its agents are closed when it has stopped. */
export interface ConfiguredRuntime extends Runtime {
  readonly agents: readonly Agent[];
}

type RuntimeTransport = RuntimeOptions['transports'][number];

/** @throws ConfigError when something an agent or a transport needs is missing */
export async function createConfiguredRuntime(
  config: RuntimeConfig,
  options: CreateRuntimeOptions = {},
): Promise<ConfiguredRuntime> {
  const { listen, environment = process.env } = options;
  const { agents, close } = await createAgents(config, options);
  try {
    const own = await ownTransports(config, environment, listen !== undefined);
    // Every question over HTTP names the agent it is for.
    const statusOfAll = (): RuntimeStatus => runtime.status();
    const http =
      listen === undefined ? [] : [{ transport: httpTransport(httpOptions(config, agents, statusOfAll, options)) }];
    const transports = [...http, ...own];
    const runtime: Runtime = createRuntime({
      ...config.runtime,
      onLog: options.onLog,
      agents,
      transports,
    });
    const start = async (): Promise<void> => {
      // It would be over at once, and with it, without a word, the program.
      if (transports.length === 0) {
        throw new TypeError(`no agent of ${config.file} has a transport besides HTTP, which needs the option listen`);
      }
      await runtime.start();
    };
    let isStarted = false;
    return {
      ...runtime,
      agents,
      start: () => {
        // A second call is refused, and ends nothing.
        if (isStarted) return start();
        isStarted = true;
        return start().finally(close);
      },
      stop: async (stopOptions) => {
        // Rejects only when it is refused.
        const result = await runtime.stop(stopOptions);
        await close();
        return result;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function httpOptions(
  config: RuntimeConfig,
  agents: readonly Agent[],
  statusOfAll: () => RuntimeStatus,
  { environment = process.env, status, listen }: CreateRuntimeOptions,
): HttpTransportOptions {
  const { basePath, corsOrigins, eventSource, maxBodyBytes, bodyTimeoutMs, heartbeatMs } = config.http;
  return {
    listen,
    token: tokenOf(config, environment),
    status: () => {
      const { ready, transports } = statusOfAll();
      const { ready: isMoreReady = true, ...more } = status?.() ?? {};
      return { transports, ...more, ready: ready && isMoreReady };
    },
    agents,
    maxActive: config.runtime.maxActive,
    basePath,
    corsOrigins: corsOrigins.includes('*') ? '*' : corsOrigins,
    eventSource,
    maxBodyBytes,
    bodyTimeoutMs,
    heartbeatMs,
  };
}

/** The transports agents have of their own. */
async function ownTransports(
  config: RuntimeConfig,
  environment: MutableEnvironment,
  isServer: boolean,
): Promise<readonly RuntimeTransport[]> {
  const problems: ConfigProblem[] = [];
  const transports: RuntimeTransport[] = [];
  for (const { name: agent, transport } of config.agents) {
    if (transport.type === 'cli' && !isServer) transports.push({ transport: cliTransport(), agent });
    if (transport.type !== 'slack') continue;
    const slack = await connectSlack(transport, environment);
    if (slack.status === 'failed') problems.push({ ...transport.position, message: slack.why });
    else transports.push({ transport: slackTransport(slack.options), agent });
  }
  if (problems.length > 0) throw new ConfigError(config.file, problems);
  return transports;
}

/** The token callers must send. One that was asked for and is not there must not let everybody in. */
function tokenOf({ http, file }: RuntimeConfig, environment: MutableEnvironment): string | undefined {
  if (http.token === undefined) return undefined;
  const { env, position } = http.token;
  const token = environment[env]?.trim() ?? '';
  if (isBearerToken(token)) return token;
  const why =
    token === ''
      ? 'which is not set: set it to what callers must send'
      : 'whose value must be printable ASCII characters without spaces, and is not';
  throw new ConfigError(file, [{ ...position, message: `runtime.http.token_env names ${env}, ${why}` }]);
}
