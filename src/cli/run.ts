/** `faultline run`: one agent on the command line, against any model the runtime can reach. */
import { existsSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';

import { createAgentsFromConfig, type RuntimeConfig } from '../runtime/config.ts';
import {
  AllModelsFailedError,
  cliTransport,
  createAgent,
  createRuntime,
  ModelUnavailableError,
  resolveModel,
  type Agent,
  type AgentEvent,
  type LogListener,
  type ModelLike,
} from '../runtime/index.ts';
import { isBaseUrl } from '../runtime/models/resolve.ts';
import { logOver } from '../runtime/run-log.ts';
import { readEnvironment, type Environment } from '../telemetry/config/environment.ts';
import { nodeHost } from '../telemetry/config/host.ts';
import { withRunContext } from '../telemetry/context.ts';
import { setupTracing, type Tracing } from '../telemetry/setup.ts';
import { list, parseFlags, UsageError, type Command, type CommandProcess } from './command.ts';
import { explainConfigErrors, loadConfigFor, noticesTo } from './config-file.ts';
import { LOG_FLAG, logTo, parseLog } from './log.ts';

const DEFAULT_CONFIG = 'faultline.yaml';

const USAGE = `faultline run: one agent on the command line, traced

Usage: faultline run [--config FILE] [--agent NAME] [--log json] [prompt]
       faultline run --model REF [--base-url URL] [--agent NAME] [--instructions TEXT] [--log json] [prompt]

  --config FILE        the agents (default: ${DEFAULT_CONFIG}, when there is one and no --model)
  --model REF          provider/model: openai/gpt-5-mini, anthropic/claude-haiku-4-5, ollama/llama3.2, or
                       openai-compatible/MODEL for any server that speaks OpenAI's chat completions
  --base-url URL       where that server is (default: the variable of the provider, such as OPENAI_BASE_URL)
  --agent NAME         which agent of the file (default: the only one, else the only one with transport: cli);
                       with --model, what the agent is called in its traces (default: assistant)
  --instructions TEXT  the system prompt
  --log json           say on standard error what happens in runs, one JSON object per line, without content
  prompt               what to ask (default: standard input; on a terminal, a conversation)

Keys come from the variables of the providers: OPENAI_API_KEY, also for openai-compatible. Traces go where the
environment says (SENTRY_DSN or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT), else where the file says, else nowhere.
Exit codes: 0 answered, 1 failed or no answer, 2 wrong command line, 130 stopped with Ctrl-C, 141 whoever read the
answer left.
`;

const EXIT_INTERRUPTED = 130;

/** What a single question comes in over, as a conversation does. */
const TRANSPORT = 'cli';

export const run: Command = {
  usage: USAGE,
  async run(args, context) {
    const { source, prompt: given, log } = parse(args);
    const prompt = given ?? (await pipedPrompt(context));
    const output = watchOutput(context);
    const talk: Talk = { prompt, onLog: logTo(log, context), outputLost: output.lost };
    try {
      return source.type === 'config'
        ? await explainConfigErrors(context, () => runConfigured(source, talk, context))
        : await runModel(source, talk, context);
    } finally {
      output.close();
    }
  },
};

/** What the command line says. */
interface RunOptions {
  readonly source: ConfigSource | ModelSource;
  readonly prompt: string | undefined;
  readonly log: 'json' | undefined;
}

/** The agent is one of a configuration file. */
interface ConfigSource {
  readonly type: 'config';
  readonly config: string;
  readonly agent: string | undefined;
}

/** The agent is made of flags. */
interface ModelSource {
  readonly type: 'model';
  readonly agent: string;
  readonly model: string;
  readonly baseUrl: string | undefined;
  readonly instructions: string | undefined;
}

/** What the agent is asked, and who is told of what happens. Without a prompt somebody is at the terminal. */
interface Talk {
  readonly prompt: string | undefined;
  readonly onLog: LogListener | undefined;
  /** Aborted, with the error of the stream, once standard output cannot be written. */
  readonly outputLost: AbortSignal;
}

/** As long as this watches, a run whose answer has nowhere to go is stopped, and its trace is still delivered. */
function watchOutput({ stdout }: CommandProcess): { readonly lost: AbortSignal; readonly close: () => void } {
  const lost = new AbortController();
  const onError = (error: Error): void => lost.abort(error);
  stdout.on('error', onError);
  return { lost: lost.signal, close: () => void stdout.off('error', onError) };
}

async function runConfigured(source: ConfigSource, talk: Talk, context: CommandProcess): Promise<number> {
  const config = await loadConfigFor(source.config, context);
  const name = source.agent ?? onlyAgent(config);
  if (!config.agents.some((agent) => agent.name === name)) {
    throw new UsageError(`${config.file} has no agent ${name}; it has ${listAgents(config)}.`);
  }
  // Before the agent, so that what its tools import is traced as well.
  const tracing = setupTracing({ defaults: config.tracing, captureUncaught: true });
  return untilAnswered(tracing, async () => {
    const { agents, close } = await createAgentsFromConfig(config, { ...noticesTo(context), only: [name] });
    try {
      const agent = agents.find((agent) => agent.name === name)!;
      return await talkWith(agent, talk, 'is the key right?', context);
    } finally {
      await close();
    }
  });
}

function onlyAgent(config: RuntimeConfig): string {
  const forCommandLine = config.agents.filter(({ transport }) => transport.type === 'cli');
  const candidates = config.agents.length === 1 ? config.agents : forCommandLine;
  if (candidates.length === 1) return candidates[0]!.name;
  throw new UsageError(`Which agent? Name it with --agent; ${config.file} has ${listAgents(config)}.`);
}

function listAgents({ agents }: RuntimeConfig): string {
  return list(agents.map(({ name }) => name));
}

async function runModel(source: ModelSource, talk: Talk, context: CommandProcess): Promise<number> {
  // Before the model, so that it is said first when .env, where a key may stand as well, cannot be understood.
  const tracing = setupTracing({ captureUncaught: true });
  return untilAnswered(tracing, async () => {
    const environment = readEnvironment(context.env, undefined, nodeHost(), () => {});
    const model = await resolve(source, environment);
    const agent = createAgent({ name: source.agent, models: [model], instructions: source.instructions });
    const hint = isKeyless(source, environment) ? 'OPENAI_API_KEY is not set' : 'is the key right?';
    return talkWith(agent, talk, hint, context);
  });
}

function isKeyless({ model }: ModelSource, environment: Environment): boolean {
  if (!model.startsWith('openai-compatible/')) return false;
  return ['OPENAI_COMPATIBLE_API_KEY', 'OPENAI_API_KEY'].every((name) => (environment[name]?.trim() ?? '') === '');
}

async function untilAnswered(tracing: Tracing, run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } finally {
    await tracing.shutdown();
  }
}

/** Asks once, or talks for as long as there is somebody at the terminal. `hint` is for a key that was refused. */
function talkWith(agent: Agent, { prompt, ...talk }: Talk, hint: string, context: CommandProcess): Promise<number> {
  return prompt === undefined ? converse(agent, talk, context) : answer(agent, prompt, talk, hint, context);
}

function parse(args: readonly string[]): RunOptions {
  const { values, positionals } = parseFlags(
    'run',
    {
      config: { type: 'string' },
      agent: { type: 'string' },
      model: { type: 'string' },
      'base-url': { type: 'string' },
      instructions: { type: 'string' },
      ...LOG_FLAG,
    },
    args,
  );
  const { agent, model, instructions } = values;
  const baseUrl = values['base-url'];
  const config = values.config ?? (model === undefined && existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : undefined);
  if (agent === '') throw new UsageError('--agent expects a name, got an empty text.');
  const text = positionals.join(' ').trim();
  const log = parseLog(values.log);
  const asked = { prompt: text === '' ? undefined : text, log };
  if (config !== undefined) {
    if (model ?? baseUrl ?? instructions) {
      throw new UsageError('--model, --base-url and --instructions make an agent of their own: leave out --config.');
    }
    return { ...asked, source: { type: 'config', config, agent } };
  }
  if (model === undefined || model === '') {
    throw new UsageError(
      'Which model? Name it with --model, such as --model openai/gpt-5-mini, or a file of agents with --config.',
    );
  }
  if (baseUrl !== undefined && !isBaseUrl(baseUrl)) {
    throw new UsageError('--base-url expects a URL such as http://localhost:8000/v1, without a user.');
  }
  return { ...asked, source: { type: 'model', agent: agent ?? 'assistant', model, baseUrl, instructions } };
}

/** What is piped in; undefined on a terminal, where there is somebody to talk to. */
async function pipedPrompt({ stdin }: CommandProcess): Promise<string | undefined> {
  if (stdin.isTTY) return undefined;
  const prompt = (await readAll(stdin)).trim();
  if (prompt === '') throw new UsageError('What should the agent be asked? Give a prompt, or pipe one in.');
  return prompt;
}

async function resolve({ model, baseUrl }: ModelSource, environment: Environment): Promise<ModelLike> {
  try {
    return await resolveModel(model, environment, { baseUrl });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`--model: ${error.message}.`);
    if (error instanceof ModelUnavailableError && error.message.includes('base URL')) {
      throw new Error(`${error.message}, or give --base-url`, { cause: error });
    }
    throw error;
  }
}

/** Talks with the person at the terminal until they leave. */
async function converse(
  agent: Agent,
  { onLog, outputLost }: Omit<Talk, 'prompt'>,
  { stdin, stdout }: CommandProcess,
): Promise<number> {
  const transport = cliTransport({ input: stdin, output: stdout });
  const runtime = createRuntime({ agents: [agent], transports: [{ transport, agent: agent.name }], onLog });
  outputLost.addEventListener('abort', () => {
    // Whoever leaves has not crashed the transport; anything else has.
    if ((outputLost.reason as NodeJS.ErrnoException).code === 'EPIPE') void runtime.stop();
  });
  await runtime.start();
  return 0;
}

/** Asks once and prints the answer as it is written. */
async function answer(
  agent: Agent,
  prompt: string,
  { onLog, outputLost }: Omit<Talk, 'prompt'>,
  hint: string,
  context: CommandProcess,
): Promise<number> {
  const { stdout, stderr } = context;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, outputLost]);
  // Once: a second Ctrl-C ends the process the usual way.
  const onInterrupt = (): void => stop.abort(new DOMException('stopped with Ctrl-C', 'AbortError'));
  context.once('SIGINT', onInterrupt);
  let traceId: string | undefined;
  let midLine = false;
  const onEvent = (event: AgentEvent): void => {
    switch (event.type) {
      case 'text.delta':
        stdout.write(event.text);
        midLine = !event.text.endsWith('\n');
        break;
      case 'text.reset':
        stdout.write('\n');
        midLine = false;
        stderr.write('faultline: the model broke off, so it is asked again\n');
        break;
      case 'run.error':
        traceId = event.traceId;
        break;
      default:
    }
  };
  try {
    const { text, finishReason } = await withRunContext({ transport: TRANSPORT }, () =>
      agent.run(prompt, { onLog: logOver(TRANSPORT, onLog), signal, stream: true, onEvent }),
    );
    if (text !== '') return 0;
    // Whoever reads the answer in a script would take nothing for one.
    stderr.write(`faultline: the model gave no answer${finishReason === 'stop' ? '' : ` (${finishReason})`}\n`);
    return 1;
  } catch (error) {
    if (midLine) stdout.write('\n');
    midLine = false;
    if (signal.aborted) return EXIT_INTERRUPTED;
    stderr.write(`faultline: ${explain(error, hint)}${traceId === undefined ? '' : ` (trace ${traceId})`}\n`);
    return 1;
  } finally {
    if (midLine) stdout.write('\n');
    context.off('SIGINT', onInterrupt);
  }
}

/** One sentence about why a run failed. `hint` continues it when the provider turned the key away. */
function explain(error: unknown, hint: string): string {
  if (!(error instanceof Error)) return 'the run failed';
  if (!(error instanceof AllModelsFailedError)) return `${error.name}: ${error.message}`;
  const refused = error.attempts.some(({ reason }) => reason === '401' || reason === '403');
  return refused ? `${error.message}; ${hint}` : error.message;
}
