import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

import { isRecord } from '../fields.ts';
import { KNOWN_PROVIDERS } from '../models/resolve.ts';
import type { ConfigProblem } from './config-error.ts';
import { pathName, valueAt, type ConfigDocument, type ConfigPath } from './document.ts';
import { hint } from './nearest.ts';
import { DEFAULT_APP_TOKEN_ENV } from './schema.ts';
import { decodeText } from './text.ts';
import { parseToolReference } from './tool-modules.ts';

/**
 * What no schema can say: that what a file speaks of is there. Reads values that may be wrong in other ways,
 * so that everything can be said at once; what is of the wrong type is left to the schema.
 *
 * @param directory where relative paths start
 */
export function checkReferences(document: ConfigDocument, directory: string): readonly ConfigProblem[] {
  const at = (path: ConfigPath): unknown => valueAt(document.value, path);
  const problem = (path: ConfigPath, message: string): ConfigProblem => ({
    ...document.positionOf(path),
    message: `${pathName(path)} ${message}`,
  });
  const unreadableFile = (path: ConfigPath, written: string): readonly ConfigProblem[] =>
    isReadableFile(resolve(directory, written)) ? [] : [problem(path, 'names a file that cannot be read')];

  const unreadableText = (path: ConfigPath, written: string): readonly ConfigProblem[] => {
    const unreadable = unreadableFile(path, written);
    if (unreadable.length > 0) return unreadable;
    const text = decodeText(readFileSync(resolve(directory, written)));
    return text === undefined ? [problem(path, 'names a file that is not UTF-8 text')] : [];
  };

  const agents = namesOf(at(['agents']));
  const ownProviders = namesOf(at(['providers']));
  const providers = [...new Set([...KNOWN_PROVIDERS, ...ownProviders])];

  const checkProvider = (name: string): readonly ConfigProblem[] => {
    const settings = at(['providers', name]);
    if (KNOWN_PROVIDERS.includes(name) || !isRecord(settings) || Object.hasOwn(settings, 'base_url')) return [];
    const known = KNOWN_PROVIDERS.join(', ');
    const key = { ...document.positionOfKey(['providers', name]) };
    return [{ ...key, message: `${pathName(['providers', name])} needs a base_url, because it is none of ${known}` }];
  };

  const checkModels = (path: ConfigPath): readonly ConfigProblem[] =>
    listAt(at(path)).flatMap((entry, index) => {
      const reference = isRecord(entry) ? [...path, index, 'model'] : [...path, index];
      const written = at(reference);
      const prefix = typeof written === 'string' ? /^([^\s/]+)\/\S/.exec(written)?.[1] : undefined;
      if (prefix === undefined || providers.includes(prefix)) return [];
      return [problem(reference, `names a provider nobody knows; ${hint(prefix, providers)}`)];
    });

  const checkAgent = (name: string): readonly ConfigProblem[] => {
    const path = ['agents', name];
    const agent = at(path);
    if (!isRecord(agent)) return [];
    const { instructions, instructions_file: instructionsFile } = agent;
    const hasModels = Object.hasOwn(agent, 'models') || at(['defaults', 'models']) !== undefined;
    const noModels = `${pathName(path)} has no models: name some there, or in defaults.models`;
    return [
      ...(hasModels ? [] : [{ ...document.positionOfKey(path), message: noModels }]),
      ...(instructions === undefined || instructionsFile === undefined
        ? []
        : [problem([...path, 'instructions_file'], 'cannot stand beside instructions: remove one of the two')]),
      ...(typeof instructionsFile === 'string' ? unreadableText([...path, 'instructions_file'], instructionsFile) : []),
      ...checkModels([...path, 'models']),
      ...listAt(agent['tools']).flatMap((tool, index) =>
        typeof tool === 'string' ? unreadableFile([...path, 'tools', index], parseToolReference(tool).module) : [],
      ),
      ...listAt(agent['agents']).flatMap((other, index) => {
        if (typeof other !== 'string') return [];
        const place = [...path, 'agents', index];
        if (!agents.includes(other))
          return [problem(place, `names an agent that is not there; ${hint(other, agents)}`)];
        const circle = findCircle(name, other, (asked) => listAt(at(['agents', asked, 'agents'])));
        return circle === undefined ? [] : [problem(place, `goes round in circles: ${circle.join(' asks ')}`)];
      }),
      ...listAt(agent['handoffs']).flatMap((other, index) => {
        if (typeof other !== 'string') return [];
        const place = [...path, 'handoffs', index];
        // Circles are fine: two agents may well hand over to each other.
        if (other === name) return [problem(place, 'names the agent itself, which has the conversation already')];
        return agents.includes(other)
          ? []
          : [problem(place, `names an agent that is not there; ${hint(other, agents)}`)];
      }),
    ];
  };

  /** Slack gives each message to one of an app's connections, whichever it likes. */
  const checkSlackApps = (): readonly ConfigProblem[] => {
    const owners = new Map<unknown, string>();
    return agents.flatMap((name) => {
      const slack = at(['agents', name, 'transport', 'slack']);
      if (!isRecord(slack)) return [];
      const { app_token_env: variable = DEFAULT_APP_TOKEN_ENV } = slack;
      const owner = owners.get(variable);
      owners.set(variable, owner ?? name);
      if (owner === undefined) return [];
      const message = `is the app of ${owner} already: give each agent an app of its own, named by app_token_env and bot_token_env`;
      return [problem(['agents', name, 'transport', 'slack'], message)];
    });
  };

  const envFile = at(['runtime', 'env_file']);

  return [
    ...(typeof envFile === 'string' && envFile !== '' ? unreadableFile(['runtime', 'env_file'], envFile) : []),
    ...ownProviders.flatMap(checkProvider),
    ...checkModels(['defaults', 'models']),
    ...agents.flatMap(checkAgent),
    ...checkSlackApps(),
  ];
}

/** The way from an agent back to itself that begins with asking `first`, if there is one. */
function findCircle(
  agent: string,
  first: string,
  asks: (name: string) => readonly unknown[],
): readonly string[] | undefined {
  const seen = new Set<unknown>();
  const waysBack = (name: string, way: readonly string[]): readonly string[] | undefined => {
    if (name === agent) return way;
    if (seen.has(name)) return undefined;
    seen.add(name);
    for (const next of asks(name)) {
      const found = typeof next === 'string' ? waysBack(next, [...way, next]) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return waysBack(first, [agent, first]);
}

function namesOf(value: unknown): readonly string[] {
  return isRecord(value) ? Object.keys(value) : [];
}

function listAt(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isReadableFile(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
