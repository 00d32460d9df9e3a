import { z } from 'zod';

import { isBaseUrl, KNOWN_PROVIDERS } from '../models/resolve.ts';
import { isOrigin } from '../transports/http-access.ts';
import { MAX_TIMEOUT_MS } from '../validate.ts';

/**
 * What a configuration file may say: one description, from which files are validated, editors get their JSON
 * Schema, and the reference in `docs/faultline-yaml.md` is written.
 */

// --- The file, as types. What is absent has its default.

export interface ConfigFile {
  readonly runtime?: RuntimeSection | undefined;
  readonly providers?: Readonly<Record<string, ProviderSection>> | undefined;
  readonly defaults?: DefaultsSection | undefined;
  readonly agents: Readonly<Record<string, AgentSection>>;
}

export interface RuntimeSection {
  readonly env_file?: string | undefined;
  readonly sentry?: SentrySection | undefined;
  readonly telemetry?: TelemetrySection | undefined;
  readonly http?: HttpSection | undefined;
  readonly on_crash?: 'stop' | 'restart' | undefined;
  readonly max_active?: number | undefined;
  readonly shutdown_timeout_ms?: number | undefined;
}

export interface SentrySection {
  readonly dsn_env?: string | undefined;
  readonly environment?: string | undefined;
  readonly release?: string | undefined;
  readonly sample_rate?: number | undefined;
  readonly traces_sample_rate?: number | undefined;
  readonly send_default_pii?: boolean | undefined;
  readonly debug?: boolean | undefined;
}

export interface TelemetrySection {
  readonly service_name?: string | undefined;
  readonly capture_content?: boolean | undefined;
  readonly recorder_directory?: string | undefined;
}

export interface HttpSection {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly token_env?: string | undefined;
  readonly base_path?: string | undefined;
  readonly allowed_hosts?: readonly string[] | undefined;
  readonly cors_origins?: readonly string[] | undefined;
  readonly event_source?: boolean | undefined;
  readonly max_body_bytes?: number | undefined;
  readonly body_timeout_ms?: number | undefined;
  readonly heartbeat_ms?: number | undefined;
}

export interface ProviderSection {
  readonly base_url?: string | undefined;
  readonly api_key_env?: string | undefined;
}

export interface LimitsSection {
  readonly max_turns?: number | undefined;
  readonly max_retries?: number | undefined;
  readonly model_timeout_ms?: number | undefined;
  readonly timeout_ms?: number | undefined;
  readonly tool_concurrency?: number | undefined;
  readonly tool_timeout_ms?: number | 'none' | undefined;
  readonly max_depth?: number | undefined;
  readonly max_total_tokens?: number | undefined;
  readonly max_cost_usd?: number | undefined;
}

export interface DefaultsSection extends LimitsSection {
  readonly models?: readonly ModelSection[] | undefined;
  readonly settings?: SettingsSection | undefined;
}

export interface AgentSection extends DefaultsSection {
  readonly description?: string | undefined;
  readonly instructions?: string | undefined;
  readonly instructions_file?: string | undefined;
  readonly tools?: readonly string[] | undefined;
  readonly agents?: readonly string[] | undefined;
  readonly handoffs?: readonly string[] | undefined;
  readonly memory?: MemorySection | undefined;
  readonly capture_content?: boolean | undefined;
  readonly transport?: TransportSection | undefined;
}

export type ModelSection =
  | string
  | {
      readonly model: string;
      readonly max_retries?: number | undefined;
      readonly timeout_ms?: number | undefined;
      readonly settings?: SettingsSection | undefined;
    };

export interface SettingsSection {
  readonly temperature?: number | undefined;
  readonly top_p?: number | undefined;
  readonly top_k?: number | undefined;
  readonly max_output_tokens?: number | undefined;
  readonly frequency_penalty?: number | undefined;
  readonly presence_penalty?: number | undefined;
  readonly seed?: number | undefined;
  readonly stop_sequences?: readonly string[] | undefined;
  readonly provider_options?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
}

export type MemorySection =
  | 'in_process'
  | {
      readonly sqlite?: string | undefined;
      readonly limit?: number | undefined;
      readonly timeout_ms?: number | undefined;
      readonly scope?: MemoryScope | undefined;
      readonly tools?: boolean | undefined;
    };

export type MemoryScope = 'agent' | 'conversation' | 'user';

export type TransportSection =
  | 'cli'
  | 'http'
  | { readonly slack: { readonly bot_token_env?: string | undefined; readonly app_token_env?: string | undefined } };

// --- What a value must be, in words. Errors and the reference say the same.

const expectations = z.registry<{ readonly expected: string }>();

/** What a value of this schema must be, as words that follow `must be`. */
export function expectationOf(schema: z.core.$ZodType): string {
  return expectations.get(schema)?.expected ?? 'something else';
}

function expecting<T extends z.ZodType>(expected: string, schema: T): T {
  expectations.add(schema, { expected });
  return schema;
}

/** An optional field: what it means, and what happens without it. */
function field<T extends z.ZodType>(
  schema: T,
  description: string,
  byDefault?: string | number | boolean,
): z.ZodOptional<T> {
  const words = expectationOf(schema);
  const about = byDefault === undefined ? { description } : { description, default: byDefault };
  return expecting(words, schema.meta(about)).optional();
}

// --- Kinds of values

const text = expecting('a text', z.string().min(1));
const flag = expecting('true or false', z.boolean());
const rate = expecting('a number from 0 to 1', z.number().min(0).max(1));
const anyNumber = expecting('a number', z.number());
const wholeNumber = expecting('a whole number', z.int());
const positive = expecting('a number of 0 or more', z.number().min(0));
const timeout = expecting(
  `a number of milliseconds above 0 and up to ${MAX_TIMEOUT_MS}`,
  z.number().gt(0).max(MAX_TIMEOUT_MS),
);
const timeoutOrNone = expecting(
  `${expectationOf(timeout)}, or none`,
  z.union([timeout, expecting('none', z.literal('none'))]),
);
const path = expecting('a path, relative to this file', z.string().min(1));
const url = expecting(
  'a URL such as http://localhost:8000/v1, without a user',
  z
    .string()
    .regex(/^https?:\/\/[^\s/]+\S*$/, { abort: true })
    .refine(isBaseUrl),
);
const basePath = expecting('a path such as /api, without a slash at its end', z.string().regex(/^(?:\/[^/?#\s]+)+$/));
const hostName = expecting(
  'the name of a host, without a port, such as agents.example.com',
  z.string().regex(/^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])$/),
);
const origin = expecting(
  'an origin such as https://app.example.com, or *',
  z
    .string()
    .regex(/^(?:\*|https?:\/\/[^\s/?#]+)$/, { abort: true })
    .refine((text) => text === '*' || isOrigin(text)),
);
const variable = expecting(
  'the name of an environment variable, in capital letters, digits and _',
  z.string().regex(/^[A-Z_][A-Z0-9_]{0,127}$/),
);
const agentName = expecting(
  'a name of up to 64 letters, digits, _ and -, the first of them a letter',
  z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/),
);
const providerName = expecting(
  'a name of up to 64 small letters, digits and -, the first of them a letter',
  z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
);
const modelRef = expecting('provider/model, such as openai/gpt-5-mini', z.string().regex(/^[^\s/]+\/\S+$/));
const toolRef = expecting(
  'the path of a module, with #name for one export of it, such as ./tools/weather.js#getWeather',
  z.string().regex(/^(?:\.{1,2})?\/[^#]+(?:#[A-Za-z_$][A-Za-z0-9_$]*)?$/),
);

function atLeast(least: number): z.ZodInt {
  return expecting(`a whole number of at least ${least}`, z.int().min(least));
}

function oneOf<const T extends readonly [string, ...string[]]>(...names: T): z.ZodEnum<z.core.util.ToEnum<T[number]>> {
  return expecting(names.join(' or '), z.enum(names));
}

function listOf<T extends z.ZodType>(item: T, plural: string): z.ZodArray<T> {
  return expecting(`a list of ${plural}`, z.array(item));
}

function section<T extends z.core.$ZodLooseShape>(shape: T): z.ZodObject<T, z.core.$strict> {
  return expecting(`an object with any of ${Object.keys(shape).join(', ')}`, z.strictObject(shape));
}

// --- The sections

export const DEFAULT_BOT_TOKEN_ENV = 'SLACK_BOT_TOKEN';
export const DEFAULT_APP_TOKEN_ENV = 'SLACK_APP_TOKEN';

const settings = section({
  temperature: field(positive, 'How freely the model chooses its words.'),
  top_p: field(rate, 'Share of the likeliest tokens it chooses from.'),
  top_k: field(atLeast(1), 'Number of the likeliest tokens it chooses from.'),
  max_output_tokens: field(atLeast(1), 'Longest answer, in tokens.'),
  frequency_penalty: field(anyNumber, 'How much it avoids words it has used often.'),
  presence_penalty: field(anyNumber, 'How much it avoids words it has used at all.'),
  seed: field(wholeNumber, 'Makes answers repeatable, where the provider can.'),
  stop_sequences: field(listOf(text, 'texts'), 'Texts at which the answer ends.'),
  provider_options: field(
    expecting(
      'an object of options by provider',
      z.record(z.string(), expecting('an object of options', z.record(z.string(), z.unknown()))),
    ),
    'Options only one provider understands, by provider, as in the AI SDK.',
  ),
});

const model = expecting(
  `${expectationOf(modelRef)}, or an object with that as its model`,
  z.union([
    modelRef,
    section({
      model: expecting(
        expectationOf(modelRef),
        modelRef.meta({ description: 'The model, as `provider/model`: see [models](#models).' }),
      ),
      max_retries: field(atLeast(0), "Instead of the agent's `max_retries`."),
      timeout_ms: field(timeout, "Instead of the agent's `model_timeout_ms`."),
      settings: field(settings, "Laid over the agent's `settings`."),
    }),
  ]),
);

const models = expecting('a list of at least one model', z.array(model).min(1));

const limits = {
  max_turns: field(atLeast(1), 'Most answers of a model in one run.', 20),
  max_retries: field(
    atLeast(0),
    'How often a model call that failed for a passing reason is repeated on the same model.',
    1,
  ),
  model_timeout_ms: field(timeout, 'Longest one model call may take. Default: as long as the provider lets it.'),
  timeout_ms: field(timeout, 'Longest one run may take. Default: as long as it needs.'),
  tool_concurrency: field(atLeast(1), 'How many tools of one turn run at the same time. Default: all of them.'),
  tool_timeout_ms: field(
    timeoutOrNone,
    'Longest one call of a tool may take that does not say so itself; then the model is told, and the run goes on. `none`: as long as it needs. Agents that are asked go by their own limits.',
    300_000,
  ),
  max_depth: field(atLeast(0), 'How many levels of agents there may be below this one in a run.', 10),
  max_total_tokens: field(
    atLeast(1),
    'Tokens after which a run makes no further model call, those of the agents it asks included. Default: any number.',
  ),
  max_cost_usd: field(
    expecting('a number above 0', z.number().gt(0)),
    'US dollars after which a run makes no further model call, those of the agents it asks included. Default: any amount.',
  ),
};

const memory = expecting(
  'in_process, or an object with any of sqlite, limit, timeout_ms, scope, tools',
  z.union([
    expecting('in_process', z.literal('in_process')),
    section({
      sqlite: field(path, 'The SQLite file it is kept in. Default: none, it ends with the process.'),
      limit: field(atLeast(1), 'Most records given to the model at the start of a run.', 5),
      timeout_ms: field(timeout, 'After this long a run starts without.', 2_000),
      scope: field(
        oneOf('agent', 'conversation', 'user'),
        'Whose records a run may find and add: those of its agent, conversation or user. Default: all.',
      ),
      tools: field(flag, 'Whether the model gets tools to search, add and forget records.', false),
    }),
  ]),
);

const transport = expecting(
  'cli, http, or an object with slack',
  z.union([
    oneOf('cli', 'http'),
    section({
      slack: expecting(
        'an object with any of bot_token_env, app_token_env',
        section({
          bot_token_env: field(
            variable,
            'The variable that holds the token of the bot, `xoxb-…`.',
            DEFAULT_BOT_TOKEN_ENV,
          ),
          app_token_env: field(
            variable,
            'The variable that holds the token of the app, `xapp-…`. No two agents share an app.',
            DEFAULT_APP_TOKEN_ENV,
          ),
        }).meta({ description: 'Slack in socket mode. Needs the package `@slack/bolt`.' }),
      ),
    }),
  ]),
);

const sentry = section({
  dsn_env: field(
    variable,
    'The variable that holds the DSN; `SENTRY_DSN` wins over another one. Without a value nothing goes to Sentry.',
    'SENTRY_DSN',
  ),
  environment: field(text, 'Environment of everything that is sent.', 'production'),
  release: field(text, 'Release of everything that is sent. Default: the npm package, else the git commit.'),
  sample_rate: field(rate, 'Share of Issues that are sent.', 1),
  traces_sample_rate: field(rate, 'Share of traces that are sent.', 1),
  send_default_pii: field(flag, 'Lets e-mail, name and IP address of the user leave the process.', false),
  debug: field(flag, 'Log of the OpenTelemetry SDK.', false),
});

const telemetry = section({
  service_name: field(text, '`service.name` of everything that is sent. Default: the npm package, else the script.'),
  capture_content: field(
    flag,
    'Records prompts, answers, tool arguments and results, redacted. Look at what is in them first.',
    false,
  ),
  recorder_directory: field(path, 'Directory in which what is not delivered yet survives a crash. Default: none.'),
});

const http = section({
  host: field(text, 'Address to listen on. `0.0.0.0` lets other machines in.', '127.0.0.1'),
  port: field(expecting('a port from 0 to 65535', z.int().min(0).max(65_535)), 'Port to listen on.', 8080),
  token_env: field(variable, 'The variable that holds the bearer token callers must send. Default: none is asked for.'),
  base_path: field(basePath, 'Where the routes are, such as `/api`. Default: at the root.'),
  allowed_hosts: field(
    listOf(hostName, 'names of hosts'),
    'Names by which a server on a loopback address may be asked, besides `host` and those of the loopback, such as that of a proxy before it. Default: none.',
  ),
  cors_origins: field(listOf(origin, 'origins'), 'Origins of web pages that may call, `*` for all. Default: none.'),
  event_source: field(
    flag,
    'Lets the `EventSource` of browsers ask with `GET …/run?input=…`. What is asked then ends up in logs of addresses.',
    false,
  ),
  max_body_bytes: field(atLeast(1), 'Longest question, in bytes of its JSON.', 1_048_576),
  body_timeout_ms: field(timeout, 'Longest a question may take to arrive.', 30_000),
  heartbeat_ms: field(timeout, 'Longest silence in a stream, for proxies that end silent connections.', 15_000),
});

const runtime = section({
  env_file: field(
    path,
    'File of environment variables; what is set already stays. Default: `.env` beside this file, if there is one.',
  ),
  sentry: field(sentry, 'What Sentry gets.'),
  telemetry: field(telemetry, 'What is recorded, wherever it is sent.'),
  http: field(http, 'How `faultline serve` listens.'),
  on_crash: field(oneOf('stop', 'restart'), 'What happens when a transport crashes.', 'stop'),
  max_active: field(atLeast(1), 'Most messages worked on at the same time.', 256),
  shutdown_timeout_ms: field(
    timeout,
    'Longest `faultline serve` takes to stop: for answers under way, then for telemetry. Less than what the platform waits.',
    10_000,
  ),
});

const provider = section({
  base_url: field(
    url,
    'Where it is, unless `{PROVIDER}_BASE_URL` is set. Needed for a provider that is none of the known ones.',
  ),
  api_key_env: field(
    variable,
    'The variable that holds its key. Default: `{PROVIDER}_API_KEY`, which a provider of your own may lack.',
  ),
});

const defaults = section({
  models: field(models, 'The fallback chain of agents that have none: the first model is asked first.'),
  settings: field(settings, 'Settings of every model call.'),
  ...limits,
});

const agent = section({
  description: field(text, 'What the agent is for; what other agents are told about it.'),
  instructions: field(text, 'The system prompt.'),
  instructions_file: field(path, 'The file the system prompt is in, instead of `instructions`.'),
  models: field(
    models,
    'The fallback chain: the first model is asked first. Default: that of `defaults`, never a mix.',
  ),
  tools: field(
    listOf(toolRef, 'modules'),
    'Modules that export tools made with `defineTool`: all of them, or after `#` the one, or the list, of that name.',
  ),
  agents: field(listOf(agentName, 'agents'), 'Other agents of this file it may ask, each as a tool.'),
  handoffs: field(
    listOf(agentName, 'agents'),
    'Other agents of this file it may hand a conversation over to, who then answer in its place.',
  ),
  memory: field(memory, 'What it remembers beyond a conversation. Default: nothing.'),
  transport: field(
    transport,
    'Where messages come from: `cli` for `faultline run`, or Slack. `faultline serve` answers over HTTP in any case.',
    'http',
  ),
  capture_content: field(flag, 'Instead of `runtime.telemetry.capture_content`, for the runs of this agent.'),
  settings: field(settings, 'Settings of every model call, laid over those of `defaults`.'),
  ...limits,
});

const namedSections = <T extends z.ZodType>(name: z.ZodString, one: T, expected: string): z.ZodRecord<z.ZodString, T> =>
  expecting(expected, z.record(name, one));

const file = section({
  runtime: field(runtime, 'How the process runs.'),
  providers: field(
    namedSections(providerName, provider, 'an object of providers by name'),
    `Settings of the known providers (${KNOWN_PROVIDERS.join(', ')}), and providers of your own that speak OpenAI's chat completions.`,
  ),
  defaults: field(defaults, 'What agents do that do not say otherwise.'),
  agents: expecting(
    'an object of at least one agent by name',
    namedSections(agentName, agent, 'an object of agents by name')
      .refine((agents) => Object.keys(agents).length > 0)
      .meta({ description: 'The agents, by name.', minProperties: 1 }),
  ),
});

/** The schema of the whole file. */
export const CONFIG_SCHEMA: z.ZodType<ConfigFile> = file;
