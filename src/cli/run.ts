/** `faultline run`: one agent on the command line, against any model the runtime can reach. */
import { text as readAll } from 'node:stream/consumers';

import {
  AllModelsFailedError,
  cliTransport,
  createAgent,
  createRuntime,
  ModelUnavailableError,
  resolveModel,
  type Agent,
  type ModelLike,
} from '../runtime/index.ts';
import { readEnvironment, type Environment } from '../telemetry/config/environment.ts';
import { nodeHost } from '../telemetry/config/host.ts';
import { setupTracing } from '../telemetry/setup.ts';
import { parseFlags, UsageError, type Command, type CommandProcess } from './command.ts';

const USAGE = `faultline run: one agent on the command line, traced

Usage: faultline run --model REF [--base-url URL] [--agent NAME] [--instructions TEXT] [prompt]

  --model REF          provider/model: openai/gpt-5-mini, anthropic/claude-haiku-4-5, ollama/llama3.2, or
                       openai-compatible/MODEL for any server that speaks OpenAI's chat completions
  --base-url URL       where that server is (default: the variable of the provider, such as OPENAI_BASE_URL)
  --agent NAME         what the agent is called in its traces (default: assistant)
  --instructions TEXT  the system prompt
  prompt               what to ask (default: standard input; on a terminal, a conversation)

The key comes from the variable of the provider: OPENAI_API_KEY, also for openai-compatible. Traces go where the
environment says (SENTRY_DSN or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT), else nowhere.
Exit codes: 0 answered, 1 failed, 2 wrong command line, 130 stopped with Ctrl-C.
`;

const EXIT_INTERRUPTED = 130;

export const run: Command = {
  usage: USAGE,
  async run(args, context) {
    const options = parse(args);
    const prompt = options.prompt ?? (await pipedPrompt(context));
    // A key may stand in .env, as the settings of telemetry may.
    const environment = readEnvironment(context.env, undefined, nodeHost(), () => {});
    const model = await resolve(options, environment);
    const agent = createAgent({
      name: options.agent,
      models: [model],
      ...(options.instructions === undefined ? {} : { instructions: options.instructions }),
    });
    const tracing = setupTracing();
    try {
      if (prompt === undefined) return await converse(agent, context);
      const explainFailure = (error: unknown): string => explain(error, options, environment);
      return await answer(agent, prompt, explainFailure, context);
    } finally {
      await tracing.shutdown();
    }
  },
};

interface RunCommandOptions {
  readonly agent: string;
  readonly model: string;
  readonly baseUrl?: string;
  readonly instructions?: string;
  readonly prompt?: string;
}

function parse(args: readonly string[]): RunCommandOptions {
  const { values, positionals } = parseFlags(
    'run',
    {
      agent: { type: 'string', default: 'assistant' },
      model: { type: 'string' },
      'base-url': { type: 'string' },
      instructions: { type: 'string' },
    },
    args,
  );
  const { agent, model, instructions } = values;
  const baseUrl = values['base-url'];
  if (model === undefined || model === '') {
    throw new UsageError('Which model? Name it with --model, such as --model openai/gpt-5-mini.');
  }
  if (agent === '') throw new UsageError('--agent expects a name, got an empty text.');
  if (baseUrl !== undefined && !/^https?:\/\//.test(baseUrl)) {
    throw new UsageError('--base-url expects a URL that begins with http:// or https://.');
  }
  const prompt = positionals.join(' ').trim();
  return {
    agent,
    model,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(instructions === undefined ? {} : { instructions }),
    ...(prompt === '' ? {} : { prompt }),
  };
}

/** What is piped in; undefined on a terminal, where there is somebody to talk to. */
async function pipedPrompt({ stdin }: CommandProcess): Promise<string | undefined> {
  if (stdin.isTTY) return undefined;
  const prompt = (await readAll(stdin)).trim();
  if (prompt === '') throw new UsageError('What should the agent be asked? Give a prompt, or pipe one in.');
  return prompt;
}

async function resolve({ model, baseUrl }: RunCommandOptions, environment: Environment): Promise<ModelLike> {
  try {
    return await resolveModel(model, environment, baseUrl === undefined ? {} : { baseUrl });
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`--model: ${error.message}.`);
    if (error instanceof ModelUnavailableError && error.message.includes('base URL')) {
      throw new Error(`${error.message}, or give --base-url`, { cause: error });
    }
    throw error;
  }
}

/** Talks with the person at the terminal until they leave. */
async function converse(agent: Agent, { stdin, stdout }: CommandProcess): Promise<number> {
  const transport = cliTransport({ input: stdin, output: stdout });
  await createRuntime({ agents: [agent], transports: [{ transport, agent: agent.name }] }).start();
  return 0;
}

/** Asks once and prints the answer as it is written. */
async function answer(
  agent: Agent,
  prompt: string,
  explainFailure: (error: unknown) => string,
  context: CommandProcess,
): Promise<number> {
  const { stdout, stderr } = context;
  const stop = new AbortController();
  // Once: a second Ctrl-C ends the process the usual way.
  const onInterrupt = (): void => stop.abort(new DOMException('stopped with Ctrl-C', 'AbortError'));
  context.once('SIGINT', onInterrupt);
  let traceId: string | undefined;
  let midLine = false;
  try {
    await agent.run(prompt, {
      signal: stop.signal,
      stream: true,
      onEvent(event) {
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
      },
    });
    return 0;
  } catch (error) {
    if (midLine) stdout.write('\n');
    midLine = false;
    if (stop.signal.aborted) return EXIT_INTERRUPTED;
    stderr.write(`faultline: ${explainFailure(error)}${traceId === undefined ? '' : ` (trace ${traceId})`}\n`);
    return 1;
  } finally {
    if (midLine) stdout.write('\n');
    context.off('SIGINT', onInterrupt);
  }
}

/** One sentence about why a run failed. */
function explain(error: unknown, { model }: RunCommandOptions, environment: Environment): string {
  if (!(error instanceof Error)) return 'the run failed';
  if (!(error instanceof AllModelsFailedError)) return `${error.name}: ${error.message}`;
  const refused = error.attempts.some(({ reason }) => reason === '401' || reason === '403');
  if (!refused) return error.message;
  const keyless =
    model.startsWith('openai-compatible/') &&
    ['OPENAI_COMPATIBLE_API_KEY', 'OPENAI_API_KEY'].every((name) => (environment[name] ?? '') === '');
  return `${error.message}; ${keyless ? 'OPENAI_API_KEY is not set' : 'is the key right?'}`;
}
