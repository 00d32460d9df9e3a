/** `faultline.yaml`: agents as a file. docs/faultline-yaml.md says what may be in it. */
import { createNotice, type ConfigOptions } from './config/config-options.ts';
import type { ConfiguredAgents, CreateAgentsOptions } from './config/create-agents.ts';
import type { ConfiguredRuntime, CreateRuntimeOptions } from './config/create-runtime.ts';
import type { RuntimeConfig } from './config/runtime-config.ts';

export { ConfigError, type ConfigPosition, type ConfigProblem } from './config/config-error.ts';
export type { ConfigOptions } from './config/config-options.ts';
export type { ConfiguredAgents, CreateAgentsOptions } from './config/create-agents.ts';
export type { ConfiguredRuntime, CreateRuntimeOptions } from './config/create-runtime.ts';
export type {
  AgentConfig,
  HttpConfig,
  MemoryConfig,
  ModelConfig,
  RuntimeConfig,
  ToolConfig,
  TransportConfig,
} from './config/runtime-config.ts';

// Each function brings its room along when it is called: who builds agents in code pays for no YAML.

/**
 * Loads a configuration file. Variables of its `env_file` are set unless they are set already; no tool is imported
 * and no model made yet, so that tracing can be set up before: `setupTracing({ defaults: config.tracing })`.
 *
 * Rejects with a `ConfigError` that says everything that is wrong, each with its place in the file.
 */
export async function loadConfig(path = 'faultline.yaml', options: ConfigOptions = {}): Promise<RuntimeConfig> {
  const { readConfig } = await import('./config/read.ts');
  return readConfig(path, options.environment ?? process.env, createNotice(options));
}

/**
 * Creates the agents of a configuration file: imports their tools, makes their models, opens their memories.
 *
 * A model that cannot be used is a notice, as long as another one of its chain can. Rejects with a `ConfigError`
 * when an agent has no such model, or a tool cannot be had.
 */
export async function createAgentsFromConfig(
  config: RuntimeConfig,
  options: CreateAgentsOptions = {},
): Promise<ConfiguredAgents> {
  const { createAgents } = await import('./config/create-agents.ts');
  return createAgents(config, options);
}

/**
 * Puts the agents of a configuration file behind the transports it names. Rejects as `createAgentsFromConfig`
 * does, and when what a transport needs is missing.
 */
export async function createRuntimeFromConfig(
  config: RuntimeConfig,
  options: CreateRuntimeOptions = {},
): Promise<ConfiguredRuntime> {
  const { createConfiguredRuntime } = await import('./config/create-runtime.ts');
  return createConfiguredRuntime(config, options);
}
