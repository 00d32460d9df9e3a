/** `faultline serve`: the agents of a configuration file over HTTP and the transports it names. */
import { createRuntimeFromConfig, type ConfiguredRuntime, type RuntimeConfig } from '../runtime/config.ts';
import { setupTracing } from '../telemetry/setup.ts';
import { count, list, parseFlags, parsePort, UsageError, type Command, type CommandProcess } from './command.ts';
import { explainConfigErrors, loadConfigFor, noticesTo } from './config-file.ts';
import { LOG_FLAG, logTo, parseLog } from './log.ts';
import { serveHttp } from './serve-http.ts';

const USAGE = `faultline serve: the agents of a configuration file, over HTTP

Usage: faultline serve [--config FILE] [--port N] [--host ADDRESS] [--log json] [--check]

  --config FILE   the agents (default: faultline.yaml)
  --port N        port to listen on, 0 for a free one (default: runtime.http.port of the file, else 8080)
  --host ADDRESS  address to listen on (default: runtime.http.host of the file, else 127.0.0.1)
  --log json      say on standard error what happens in runs, one JSON object per line, without content
  --check         say whether it would start, and what is wrong with the file, one line per problem

POST /agents/AGENT/run with { "input": "…", "conversationId": "…" } answers with JSON, or as it happens with
accept: text/event-stream. GET /healthz, /readyz and /openapi.json say the rest.
Exit codes: 0 stopped, or nothing wrong; 1 failed, or something wrong; 2 wrong command line.
`;

/** Of the time to stop, so much at most is kept for transports to close, and as much again for telemetry to be sent. */
const RESERVE_MS = 2_000;

/** By when the process must be gone, once it is asked to stop. */
let stopBy: number | undefined;

export const serve: Command = {
  usage: USAGE,
  // A log that nobody reads must not keep the server from stopping in time.
  outputPatienceMs: 500,
  endBy: () => stopBy,
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
  readonly log: 'json' | undefined;
  readonly port: number | undefined;
  readonly host: string | undefined;
}

function parse(args: readonly string[]): ServeOptions {
  const { values, positionals } = parseFlags(
    'serve',
    {
      config: { type: 'string', default: 'faultline.yaml' },
      port: { type: 'string' },
      host: { type: 'string' },
      ...LOG_FLAG,
      check: { type: 'boolean', default: false },
    },
    args,
  );
  const { config, check, host } = values;
  const log = parseLog(values.log);
  if (positionals.length > 0) throw new UsageError(`faultline serve takes flags only, got ${positionals.join(' ')}.`);
  const port = parsePort(values.port);
  // To Node it means every address of the machine.
  if (host === '') throw new UsageError('--host expects an address, got an empty text.');
  return { config, check, log, port, host };
}

/** Everything up to listening, and nothing that would stay. */
async function check(config: RuntimeConfig, context: CommandProcess): Promise<number> {
  const runtime = await createRuntimeFromConfig(config, {
    ...noticesTo(context),
    listen: () => Promise.resolve(),
    makeMemoryFiles: false,
  });
  await runtime.stop();
  context.stdout.write(`${config.file}: nothing wrong; ${listNames(runtime)} would start\n`);
  return 0;
}

async function start(config: RuntimeConfig, options: ServeOptions, context: CommandProcess): Promise<number> {
  const { basePath, allowedHosts } = config.http;
  const { port = config.http.port, host = config.http.host } = options;
  // Before the agents, so that what their tools import is traced as well.
  const tracing = setupTracing({ defaults: config.tracing, captureUncaught: true });
  const stopping = createStopping(config.shutdownTimeoutMs, options.log === undefined);
  try {
    const runtime = await createRuntimeFromConfig(config, {
      ...noticesTo(context),
      onLog: logTo(options.log, context),
      status: () => ({ tracing: tracing.status.state }),
      listen: (fetch, signal) =>
        serveHttp({
          fetch,
          port,
          host,
          allowedHosts,
          signal,
          onListening: ({ origin }) =>
            context.stdout.write(`faultline serves ${listNames(runtime)} on ${origin}${basePath}\n`),
        }),
    });
    await untilStopped(runtime, stopping, context);
    return 0;
  } finally {
    await tracing.shutdown(stopping.leftForTelemetry());
  }
}

function listNames({ agents }: ConfiguredRuntime): string {
  return list(agents.map(({ name }) => name));
}

/** How the time a process has to stop is shared, from the moment it is asked to. */
interface Stopping {
  /** Whether what was not finished is said in a sentence: a log of JSON has it already. */
  readonly isSaid: boolean;
  /** For runs under way. */
  readonly runsMs: number;
  /** For transports to close, once runs are over or aborted. */
  readonly transportsMs: number;
  begin(): void;
  /** What is left, and at least what was kept back. Undefined when nobody asked: telemetry has its own patience. */
  leftForTelemetry(): number | undefined;
}

function createStopping(timeoutMs: number, isSaid: boolean): Stopping {
  const reserveMs = Math.min(RESERVE_MS, timeoutMs / 5);
  return {
    isSaid,
    runsMs: timeoutMs - 2 * reserveMs,
    transportsMs: reserveMs,
    begin: () => {
      stopBy = performance.now() + timeoutMs;
    },
    leftForTelemetry: () => (stopBy === undefined ? undefined : Math.max(reserveMs, stopBy - performance.now())),
  };
}

/**
 * Serves until the process is asked to stop: answers under way are given their time, unless it is asked again. While
 * this listens for signals, telemetry leaves them alone.
 */
async function untilStopped(runtime: ConfiguredRuntime, stopping: Stopping, context: CommandProcess): Promise<void> {
  const { runsMs, transportsMs } = stopping;
  let isStopping = false;
  let patience: NodeJS.Timeout | undefined;
  let giveUp!: () => void;
  const givenUp = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  const stop = async (): Promise<void> => {
    const { aborted } = await runtime.stop({ timeoutMs: runsMs });
    if (aborted > 0 && stopping.isSaid)
      context.stderr.write(`faultline: stopped with ${count(aborted, 'unfinished answer')}\n`);
  };
  const onSignal = (): void => {
    if (isStopping) {
      void runtime.stop();
      return;
    }
    isStopping = true;
    stopping.begin();
    patience = setTimeout(giveUp, runsMs + transportsMs);
    void stop();
  };
  context.on('SIGINT', onSignal);
  context.on('SIGTERM', onSignal);
  try {
    await Promise.race([runtime.start(), givenUp]);
  } finally {
    clearTimeout(patience);
    context.off('SIGINT', onSignal);
    context.off('SIGTERM', onSignal);
  }
}
