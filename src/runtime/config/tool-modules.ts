import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';

import { fields } from '../fields.ts';
import { reasonOf } from '../reason.ts';
import type { Tool } from '../types.ts';
import { hint } from './nearest.ts';

/** A tool as it is written in the file, taken apart: `./tools/weather.js#getWeather`. */
export interface ToolReference {
  readonly module: string;
  /** The export that is meant. Absent: all of them. */
  readonly name?: string;
}

export function parseToolReference(written: string): ToolReference {
  const [module = '', name] = written.split('#', 2);
  return name === undefined ? { module } : { module, name };
}

/** Tools of a module, or why there are none, as words that follow the path of the module. */
export type LoadedTools =
  | { readonly status: 'loaded'; readonly tools: readonly Tool[] }
  | { readonly status: 'failed'; readonly why: string };

/**
 * Imports a module and takes its tools: the export of that name, or every export that is a tool or a list of
 * tools. `path` is absolute.
 */
export async function loadTools(path: string, name: string | undefined): Promise<LoadedTools> {
  let exports: Readonly<Record<string, unknown>>;
  try {
    exports = (await import(/* webpackIgnore: true */ /* @vite-ignore */ pathToFileURL(path).href)) as Readonly<
      Record<string, unknown>
    >;
  } catch (error) {
    return { status: 'failed', why: `cannot be imported: ${explainImport(error, path)}` };
  }
  if (name === undefined) {
    const tools = [...new Set(Object.values(exports).flatMap((value) => toolsIn(value) ?? []))];
    if (tools.length > 0) return { status: 'loaded', tools };
    return { status: 'failed', why: 'exports no tool: make one with defineTool and export it' };
  }
  const names = Object.keys(exports);
  if (!names.includes(name)) {
    const known = names.length === 0 ? 'it exports nothing' : hint(name, names);
    return { status: 'failed', why: `has no export ${name}; ${known}` };
  }
  const tools = toolsIn(exports[name]);
  if (tools !== undefined) return { status: 'loaded', tools };
  return { status: 'failed', why: `has an export ${name} that is neither a tool nor a list of tools: see defineTool` };
}

function toolsIn(value: unknown): readonly Tool[] | undefined {
  if (isTool(value)) return [value];
  return Array.isArray(value) && value.length > 0 && value.every(isTool) ? value : undefined;
}

/** Asked by shape, because a module may have its tools from another copy of this package. */
function isTool(value: unknown): value is Tool {
  const { name, jsonSchema, execute } = fields(value);
  return typeof name === 'string' && typeof jsonSchema === 'object' && typeof execute === 'function';
}

function explainImport(error: unknown, path: string): string {
  if (fields(error)['code'] === 'ERR_UNKNOWN_FILE_EXTENSION' && /^\.[cm]?tsx?$/.test(extname(path))) {
    return `Node ${process.versions.node} runs no TypeScript: name the compiled file, or use Node 22.18 or newer`;
  }
  return reasonOf(error);
}
