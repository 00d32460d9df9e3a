import { createAgent } from '../agent.ts';
import { memoryTools } from '../memory/memory-tools.ts';
import { reasonOf } from '../reason.ts';
import type { Agent, ModelEntry, Tool } from '../types.ts';
import { ConfigError, type ConfigPosition, type ConfigProblem } from './config-error.ts';
import { createNotice, type ConfigOptions } from './config-options.ts';
import { makeModels, type MadeModel } from './make-models.ts';
import { openMemories, type OpenMemories } from './open-memories.ts';
import type { AgentConfig, RuntimeConfig } from './runtime-config.ts';
import { loadTools } from './tool-modules.ts';

/** Which agents of a configuration file are created, and how. */
export interface CreateAgentsOptions extends ConfigOptions {
  /** Names of the agents to create, besides those they may ask or hand over to. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Whether memory files that are not there yet are made now, and not when they are first needed. Default: true. */
  readonly makeMemoryFiles?: boolean | undefined;
}

/** Agents of a configuration file, with what they hold open. */
export interface ConfiguredAgents {
  /** In the order of the file. */
  readonly agents: readonly Agent[];
  /** Closes their memories. */
  readonly close: () => Promise<void>;
}

/** What agents are made of, and where to say what is wrong with it. */
interface Workshop {
  readonly models: ReadonlyMap<string, MadeModel>;
  readonly memories: OpenMemories;
  /** The agents that exist already. */
  readonly agents: Map<string, Agent>;
  problem(position: ConfigPosition, message: string): void;
  notice(position: ConfigPosition, message: string): void;
}

/** @throws ConfigError when a tool cannot be had, or an agent has no model to ask */
export async function createAgents(
  config: RuntimeConfig,
  options: CreateAgentsOptions = {},
): Promise<ConfiguredAgents> {
  const { environment = process.env, makeMemoryFiles = true } = options;
  const wanted = wantedAgents(config, options.only);
  const say = createNotice(options);
  const notice = ({ line, column }: ConfigPosition, message: string): void =>
    say(`${config.file}:${line}:${column}: ${message}`);
  const problems: ConfigProblem[] = [];
  const workshop: Workshop = {
    models: await makeModels(wanted.values(), config, environment),
    memories: await openMemories(wanted.values(), {
      makeFiles: makeMemoryFiles,
      notice: ({ position }, message) => notice(position, message),
    }),
    agents: new Map(),
    problem: ({ line, column }, message) => problems.push({ line, column, message }),
    notice,
  };
  const create = async (agent: AgentConfig): Promise<void> => {
    if (workshop.agents.has(agent.name)) return;
    // An agent that is asked exists before the one that asks; the file was checked for circles.
    for (const asked of agent.agents) await create(wanted.get(asked)!);
    await createOne(agent, workshop);
  };
  for (const agent of wanted.values()) await create(agent);
  const { close } = workshop.memories;
  if (problems.length > 0) {
    await close();
    throw new ConfigError(config.file, problems);
  }
  return { agents: [...wanted.keys()].flatMap((name) => workshop.agents.get(name) ?? []), close };
}

/** The agents of these names and whom they may ask or hand over to, in the order of the file. */
function wantedAgents(config: RuntimeConfig, only: readonly string[] | undefined): ReadonlyMap<string, AgentConfig> {
  const all = new Map(config.agents.map((agent) => [agent.name, agent]));
  if (only === undefined) return all;
  const names = new Set<string>();
  const want = (name: string): void => {
    const agent = all.get(name);
    if (agent === undefined) {
      throw new TypeError(`${config.file} has no agent ${name}; expected one of ${[...all.keys()].join(', ')}`);
    }
    if (names.has(name)) return;
    names.add(name);
    agent.agents.forEach(want);
    agent.handoffs.forEach(want);
  };
  only.forEach(want);
  return new Map([...all].filter(([name]) => names.has(name)));
}

async function createOne(agent: AgentConfig, workshop: Workshop): Promise<void> {
  const { name, position } = agent;
  const memory = workshop.memories.of(agent);
  const models = modelsOf(agent, workshop);
  const tools = [
    ...(await toolsOf(agent, workshop)),
    ...agent.agents.flatMap((asked) => workshop.agents.get(asked)?.asTool() ?? []),
    ...(memory !== undefined && agent.memory?.tools === true ? memoryTools(memory) : []),
  ];
  // Looked up when a conversation may be handed over, because agents may hand over to each other.
  const handoffs = (): readonly Agent[] => agent.handoffs.flatMap((other) => workshop.agents.get(other) ?? []);
  try {
    // Its limits and settings have the names they have in code.
    workshop.agents.set(name, createAgent({ ...agent, models, tools, memory, handoffs }));
  } catch (error) {
    // Two tools of one name, or a tool with a name no vendor accepts.
    workshop.problem(position, `agent ${name} cannot be created: ${reasonOf(error)}`);
  }
}

async function toolsOf(agent: AgentConfig, workshop: Workshop): Promise<readonly Tool[]> {
  const tools = new Set<Tool>();
  for (const { written, module, name, position } of agent.tools) {
    const loaded = await loadTools(module, name);
    if (loaded.status === 'failed') workshop.problem(position, `${written.split('#', 1)[0]} ${loaded.why}`);
    else for (const tool of loaded.tools) tools.add(tool);
  }
  return [...tools];
}

/**
 * The chain of an agent. A model that cannot be used, for want of a key or a package, is said now rather than in
 * the first night it is needed. Without any other it is a reason not to start.
 */
function modelsOf(agent: AgentConfig, workshop: Workshop): readonly ModelEntry[] {
  const chain = agent.models.map((model) => ({ model, made: workshop.models.get(model.ref)! }));
  const missing = chain.filter(({ made }) => made.missing !== undefined);
  if (missing.length === chain.length) {
    const reasons = missing.map(({ made }) => made.missing).join('; ');
    workshop.problem(agent.position, `agent ${agent.name} has no model it could ask: ${reasons}`);
  } else {
    for (const { model, made } of missing) {
      workshop.notice(model.position, `${made.missing}; until then the rest of its chain answers`);
    }
  }
  return chain.map(({ model: { maxRetries, timeoutMs, settings }, made: { model } }) => {
    return { model, maxRetries, timeoutMs, settings };
  });
}
