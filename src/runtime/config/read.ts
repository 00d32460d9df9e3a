import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { defined } from '../defined.ts';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { parseConfigDocument, type ConfigDocument } from './document.ts';
import { loadEnvFile, resolveDsn, type MutableEnvironment } from './environment.ts';
import { checkReferences } from './references.ts';
import { decodeText } from './text.ts';
import type {
  AgentConfig,
  HttpConfig,
  MemoryConfig,
  ModelConfig,
  RuntimeConfig,
  ToolConfig,
  TransportConfig,
} from './runtime-config.ts';
import {
  DEFAULT_APP_TOKEN_ENV,
  DEFAULT_BOT_TOKEN_ENV,
  type AgentSection,
  type ConfigFile,
  type DefaultsSection,
  type HttpSection,
  type LimitsSection,
  type MemorySection,
  type ModelSection,
  type RuntimeSection,
  type SettingsSection,
  type TransportSection,
} from './schema.ts';
import { findLiteralSecrets, hideSecrets } from './secrets.ts';
import { parseToolReference } from './tool-modules.ts';
import { validateConfig } from './validate.ts';
import type { CallSettings, RunLimits } from '../types.ts';

/** Beyond this it is some other file. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads and validates a configuration file, loads its `env_file` and looks up its `dsn_env`, in this order: the
 * environment is left alone by a file that is wrong.
 *
 * @throws ConfigError with everything that is wrong
 */
export function readConfig(
  path: string,
  environment: MutableEnvironment,
  notice: (message: string) => void,
): RuntimeConfig {
  const text = readText(path);
  const document = parseConfigDocument(text);
  const directory = dirname(resolve(path));
  const file = requireValid(path, text, document, directory);
  loadEnvFile(resolve(directory, file.runtime?.env_file ?? '.env'), environment, notice);
  return deepFreeze({
    file: path,
    tracing: tracingDefaults(path, file.runtime ?? {}, directory, environment, notice),
    runtime: { onCrash: file.runtime?.on_crash ?? 'stop', maxActive: file.runtime?.max_active ?? 256 },
    shutdownTimeoutMs: file.runtime?.shutdown_timeout_ms ?? 10_000,
    http: httpConfig(file.runtime?.http ?? {}, document),
    providers: Object.fromEntries(
      Object.entries(file.providers ?? {}).map(([name, { base_url: baseUrl, api_key_env: apiKeyEnv }]) => [
        name,
        defined({ baseUrl, apiKeyEnv }),
      ]),
    ),
    agents: Object.entries(file.agents).map(([name, agent]) =>
      agentConfig(name, agent, file.defaults ?? {}, document, directory),
    ),
  });
}

function readText(path: string): string {
  const fail = (message: string): never => {
    throw new ConfigError(path, [{ line: 1, column: 1, message }]);
  };
  let bytes: Buffer;
  try {
    if (statSync(path).size > MAX_BYTES)
      return fail(`is larger than ${MAX_BYTES} bytes: that is no configuration file`);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    return fail(`cannot be read (${String((error as NodeJS.ErrnoException).code)})`);
  }
  return decodeText(bytes) ?? fail('must be UTF-8 text, but is not');
}

function requireValid(path: string, text: string, document: ConfigDocument, directory: string): ConfigFile {
  const secrets = findLiteralSecrets(text, document);
  const literals = secrets.map(({ problem }) => problem);
  const fail = (problems: readonly ConfigProblem[]): never => {
    // Where a secret stands, that is the problem, whatever else is wrong with it.
    const others = problems.filter((problem) => !literals.some((secret) => isAbout(problem, secret)));
    const shown = [...literals, ...others].map(({ line, column, message }) => {
      return { line, column, message: hideSecrets(message, secrets) };
    });
    throw new ConfigError(path, shown);
  };
  if (document.problems.length > 0) return fail(document.problems);
  const validation = validateConfig(document);
  const references = checkReferences(document, directory);
  if (validation.status === 'invalid') {
    // What is of the wrong form is not looked for as well.
    const { problems } = validation;
    const further = references.filter((reference) => !problems.some((problem) => isSamePlace(problem, reference)));
    return fail([...problems, ...further]);
  }
  return references.length + literals.length > 0 ? fail(references) : validation.file;
}

/** Whether a problem is that of a value which begins with the secret, in quotes or without. */
function isAbout(problem: ConfigProblem, secret: ConfigProblem): boolean {
  return problem.line === secret.line && (problem.column === secret.column || problem.column === secret.column - 1);
}

function isSamePlace(left: ConfigProblem, right: ConfigProblem): boolean {
  return left.line === right.line && left.column === right.column;
}

/** What the file says about tracing, as the weakest options. Only its own env file counts, not another `.env`. */
function tracingDefaults(
  path: string,
  { sentry = {}, telemetry = {} }: RuntimeSection,
  directory: string,
  environment: MutableEnvironment,
  notice: (message: string) => void,
): RuntimeConfig['tracing'] {
  const dsn = resolveDsn(sentry.dsn_env ?? 'SENTRY_DSN', environment);
  if (dsn.status === 'unusable') notice(`${path}: ${dsn.why}`);
  const recorderDirectory = telemetry.recorder_directory;
  return defined({
    envFile: false as const,
    dsn: dsn.status === 'found' ? dsn.dsn : undefined,
    environment: sentry.environment,
    release: sentry.release,
    sampleRate: sentry.sample_rate,
    tracesSampleRate: sentry.traces_sample_rate,
    sendDefaultPii: sentry.send_default_pii,
    debug: sentry.debug,
    serviceName: telemetry.service_name,
    captureContent: telemetry.capture_content,
    recorder: recorderDirectory === undefined ? undefined : { directory: resolve(directory, recorderDirectory) },
  });
}

function httpConfig(http: HttpSection, document: ConfigDocument): HttpConfig {
  const { token_env: env } = http;
  const position = document.positionOf(['runtime', 'http', 'token_env']);
  return {
    ...(env === undefined ? undefined : { token: { env, position } }),
    host: http.host ?? '127.0.0.1',
    port: http.port ?? 8080,
    basePath: http.base_path ?? '',
    allowedHosts: http.allowed_hosts ?? [],
    corsOrigins: http.cors_origins ?? [],
    eventSource: http.event_source ?? false,
    maxBodyBytes: http.max_body_bytes ?? 1024 * 1024,
    bodyTimeoutMs: http.body_timeout_ms ?? 30_000,
    heartbeatMs: http.heartbeat_ms ?? 15_000,
  };
}

function agentConfig(
  name: string,
  agent: AgentSection,
  defaults: DefaultsSection,
  document: ConfigDocument,
  directory: string,
): AgentConfig {
  const path = ['agents', name];
  const { models, memory } = agent;
  const modelsPath = models === undefined ? ['defaults', 'models'] : [...path, 'models'];
  const memoryPosition = document.positionOf([...path, 'memory']);
  return {
    name,
    ...defined({
      description: agent.description,
      captureContent: agent.capture_content,
      instructions:
        agent.instructions_file === undefined
          ? agent.instructions
          : decodeText(readFileSync(resolve(directory, agent.instructions_file))),
      memory: memory === undefined ? undefined : memoryConfig(memory, memoryPosition, directory),
    }),
    ...limits(defaults),
    ...limits(agent),
    models: (models ?? defaults.models ?? []).map((model, index) =>
      modelConfig(model, document.positionOf([...modelsPath, index])),
    ),
    settings: { ...callSettings(defaults.settings), ...callSettings(agent.settings) },
    tools: (agent.tools ?? []).map((written, index) =>
      toolConfig(written, document.positionOf([...path, 'tools', index]), directory),
    ),
    agents: agent.agents ?? [],
    handoffs: agent.handoffs ?? [],
    transport: transportConfig(agent.transport ?? 'http', document.positionOf([...path, 'transport'])),
    position: document.positionOfKey(path),
  };
}

function limits(section: LimitsSection): RunLimits & Pick<AgentConfig, 'maxRetries' | 'modelTimeoutMs'> {
  return defined({
    maxTurns: section.max_turns,
    maxRetries: section.max_retries,
    modelTimeoutMs: section.model_timeout_ms,
    timeoutMs: section.timeout_ms,
    toolConcurrency: section.tool_concurrency,
    toolTimeoutMs: section.tool_timeout_ms === 'none' ? Infinity : section.tool_timeout_ms,
    maxDepth: section.max_depth,
    maxTotalTokens: section.max_total_tokens,
    maxCostUsd: section.max_cost_usd,
  });
}

function modelConfig(model: ModelSection, position: ModelConfig['position']): ModelConfig {
  if (typeof model === 'string') return { ref: model, position };
  return {
    ref: model.model,
    ...defined({
      maxRetries: model.max_retries,
      timeoutMs: model.timeout_ms,
      settings: model.settings === undefined ? undefined : callSettings(model.settings),
    }),
    position,
  };
}

function toolConfig(written: string, position: ToolConfig['position'], directory: string): ToolConfig {
  const { module, name } = parseToolReference(written);
  return { ...defined({ name }), written, module: resolve(directory, module), position };
}

function callSettings(settings: SettingsSection = {}): CallSettings {
  return defined({
    temperature: settings.temperature,
    topP: settings.top_p,
    topK: settings.top_k,
    maxOutputTokens: settings.max_output_tokens,
    frequencyPenalty: settings.frequency_penalty,
    presencePenalty: settings.presence_penalty,
    seed: settings.seed,
    stopSequences: settings.stop_sequences,
    providerOptions: settings.provider_options,
  });
}

function memoryConfig(memory: MemorySection, position: MemoryConfig['position'], directory: string): MemoryConfig {
  if (memory === 'in_process') return { tools: false, position };
  const sqlite = memory.sqlite === undefined ? undefined : resolve(directory, memory.sqlite);
  return {
    ...defined({ sqlite, limit: memory.limit, timeoutMs: memory.timeout_ms, scope: memory.scope }),
    tools: memory.tools ?? false,
    position,
  };
}

function transportConfig(transport: TransportSection, position: ModelConfig['position']): TransportConfig {
  if (typeof transport === 'string') return { type: transport };
  const { bot_token_env: botTokenEnv = DEFAULT_BOT_TOKEN_ENV, app_token_env: appTokenEnv = DEFAULT_APP_TOKEN_ENV } =
    transport.slack;
  return { type: 'slack', botTokenEnv, appTokenEnv, position };
}

/** Options of one provider may hold the same object twice, and even itself. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  Object.values(value).forEach(deepFreeze);
  return value;
}
