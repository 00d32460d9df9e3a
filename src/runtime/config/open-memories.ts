import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

import { importPackage } from '../import-package.ts';
import { inProcessMemory } from '../memory/in-process.ts';
import { MemoryFileError } from '../memory/memory-file-error.ts';
import { perAgent, perConversation, perUser } from '../memory/scopes.ts';
import { sqliteMemory } from '../memory/sqlite.ts';
import { findOpener } from '../memory/sqlite/opening.ts';
import { reasonOf } from '../reason.ts';
import type { MemoryOptions, MemoryStore } from '../types.ts';
import type { AgentConfig, MemoryConfig } from './runtime-config.ts';

export interface OpenMemoriesOptions {
  /** Whether files that are not there yet are made. */
  readonly makeFiles: boolean;
  readonly notice: (memory: MemoryConfig, message: string) => void;
}

/** The memories of agents. */
export interface OpenMemories {
  of(agent: AgentConfig): MemoryOptions | undefined;
  readonly close: () => Promise<void>;
}

const SCOPES: Readonly<Record<NonNullable<MemoryConfig['scope']>, NonNullable<MemoryOptions['scopes']>>> = {
  agent: perAgent,
  conversation: perConversation,
  user: perUser,
};

/**
 * Opens the memory of each agent that has one; agents that name the same file share it. A file that cannot be
 * used is a notice: runs go on without it, and nobody would look.
 */
export async function openMemories(
  agents: Iterable<AgentConfig>,
  { makeFiles, notice }: OpenMemoriesOptions,
): Promise<OpenMemories> {
  const files = new Map<string, MemoryStore>();
  const memories = new Map<AgentConfig, MemoryOptions>();
  for (const agent of agents) {
    const { memory } = agent;
    if (memory === undefined) continue;
    const { sqlite, limit, timeoutMs, scope } = memory;
    let store = sqlite === undefined ? inProcessMemory() : files.get(sqlite);
    if (store === undefined) {
      store = sqliteMemory({ path: sqlite! });
      files.set(sqlite!, store);
      const failure = await (makeFiles || existsSync(sqlite!) ? firstSearch(store) : whyNotMade(sqlite!));
      if (failure !== undefined) notice(memory, `${failure}; until then runs go on without it`);
    }
    const scopes = scope === undefined ? undefined : SCOPES[scope];
    memories.set(agent, { store, limit, timeoutMs, scopes });
  }
  return {
    of: (agent) => memories.get(agent),
    close: async () => {
      await Promise.allSettled([...files.values()].map(async (store) => store.close?.()));
    },
  };
}

/** Why a file that is not there could not be made, as far as can be said without making it. */
async function whyNotMade(path: string): Promise<string | undefined> {
  const file = { id: 'sqlite', path, driver: undefined };
  if (!existsSync(dirname(path))) return reasonOf(new MemoryFileError(file, 'directory'));
  try {
    await findOpener(file, importPackage);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Why a memory cannot be searched, if it cannot. */
async function firstSearch(store: MemoryStore): Promise<string | undefined> {
  try {
    await store.search('start', { limit: 1, signal: new AbortController().signal });
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}
