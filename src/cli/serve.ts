/** `faultline serve`: the agents of a configuration file over HTTP and the transports it names. */
import { setTimeout as delay } from 'node:timers/promises';

import { createRuntimeFromConfig, type ConfiguredRuntime, type RuntimeConfig } from '../runtime/config.ts';
import { setupTracing } from '../telemetry/setup.ts';
import { list, parseFlags, UsageError, type Command, type CommandProcess } from './command.ts';
import { explainConfigErrors, loadConfigFor, noticesTo } from './config-file.ts';
import { serveHttp } from './serve-http.ts';

const USAGE = `faultline serve: the agents of a configuration file, over HTTP

Usage: faultline serve [--config FILE] [--port N] [--host ADDRESS] [--check]

  --config FILE   the agents (default: faultline.yaml)
  --port N        port to listen on, 0 for a free one (default: runtime.http.port of the file, else 8080)
  --host ADDRESS  address to listen on (default: runtime.http.host of the file, else 127.0.0.1)
  --check         say whether it would start, and what is wrong with the file, one line per problem

POST /agents/AGENT/run with { "input": "…", "conversationId": "…" } answers with JSON, or as it happens with
accept: text/event-stream. GET /healthz, /readyz and /openapi.json say the rest.
Exit codes: 0 stopped, or nothing wrong; 1 failed, or something wrong; 2 wrong command line.
`;

/** Longest that answers under way may take once the process is asked to stop. */
const DRAIN_MS = 10_000;

export const serve: Command = {
  usage: USAGE,
  async run(args, context) {
    const options = parse(args);
    return explainConfigErrors(context, async () => {
      const config = await loadConfigFor(options.config, context);
      return options.check ? check(config, context) : start(config, options, context);
    });
  },
};

interface ServeOptions {
  readonly config: string;
  readonly check: boolean;
  readonly port?: number;
  readonly host?: string;
}

function parse(args: readonly string[]): ServeOptions {
  const { values, positionals } = parseFlags(
    'serve',
    {
      config: { type: 'string', default: 'faultline.yaml' },
      port: { type: 'string' },
      host: { type: 'string' },
      check: { type: 'boolean', default: false },
    },
    args,
  );
  const { config, check, port, host } = values;
  if (positionals.length > 0) throw new UsageError(`faultline serve takes flags only, got ${positionals.join(' ')}.`);
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) {
    throw new UsageError('--port expects a number from 0 to 65535.');
  }
  return {
    config,
    check,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(host === undefined ? {} : { host }),
  };
}

/** Everything up to listening. */
async function check(config: RuntimeConfig, context: CommandProcess): Promise<number> {
  const runtime = await createRuntimeFromConfig(config, { ...noticesTo(context), listen: () => Promise.resolve() });
  await runtime.stop();
  context.stdout.write(`${config.file}: nothing wrong; ${listNames(runtime)} would start\n`);
  return 0;
}

async function start(config: RuntimeConfig, options: ServeOptions, context: CommandProcess): Promise<number> {
  const { port = config.http.port, host = config.http.host } = options;
  // Before the agents, so that what their tools import is traced as well.
  const tracing = setupTracing({ defaults: config.tracing });
  try {
    const runtime = await createRuntimeFromConfig(config, {
      ...noticesTo(context),
      status: () => ({ tracing: tracing.status.state }),
      listen: (fetch, signal) =>
        serveHttp({
          fetch,
          port,
          host,
          signal,
          onListening: ({ origin }) => context.stdout.write(`faultline serves ${listNames(runtime)} on ${origin}\n`),
        }),
    });
    await untilStopped(runtime, context);
    return 0;
  } finally {
    await tracing.shutdown();
  }
}

function listNames({ agents }: ConfiguredRuntime): string {
  return list(agents.map(({ name }) => name));
}

/** Serves until the process is asked to stop. Answers under way are given a moment; asking again takes it back. */
async function untilStopped(runtime: ConfiguredRuntime, context: CommandProcess): Promise<void> {
  const hurry = new AbortController();
  let isStopping = false;
  const onSignal = (): void => {
    if (isStopping) {
      hurry.abort();
      return;
    }
    isStopping = true;
    const patience = delay(DRAIN_MS, undefined, { signal: hurry.signal }).catch(() => {});
    void Promise.race([runtime.drain(), patience])
      .finally(() => hurry.abort())
      .then(() => runtime.stop());
  };
  context.on('SIGINT', onSignal);
  context.on('SIGTERM', onSignal);
  try {
    await runtime.start();
  } finally {
    context.off('SIGINT', onSignal);
    context.off('SIGTERM', onSignal);
  }
}
