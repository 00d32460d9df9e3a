/** What a tool returned, as a model is told of it. */
import { ToolReportedError, ToolResultError } from './errors.ts';
import { fields, text } from './fields.ts';
import type { ToolOutput } from './types.ts';

/** A result that can be told. */
export interface WrittenResult {
  readonly output: ToolOutput;
  readonly bytes: number;
}

/**
 * Writes a result down, a string as it is, anything else as JSON. A tool that returns nothing returns null, one
 * that returns an error has failed with it.
 */
export function writeResult(tool: string, result: unknown): WrittenResult {
  if (result instanceof Error) throw result;
  if (typeof result === 'string') {
    return { output: { type: 'text', value: result }, bytes: Buffer.byteLength(result) };
  }
  const json = toJson(tool, result);
  return { output: { type: 'json', value: JSON.parse(json) }, bytes: Buffer.byteLength(json) };
}

/** Throws when a result is the report of a failure, as the tools of an MCP server return it. */
export function requireNoReport(tool: string, { value }: ToolOutput): void {
  const { isError, content } = fields(value);
  if (isError !== true || !Array.isArray(content)) return;
  const texts = content.map((part) => text(fields(part)['text'])).filter((part) => part !== undefined);
  throw new ToolReportedError(tool, texts.join('\n'));
}

function toJson(tool: string, result: unknown): string {
  if (result === undefined) return 'null';
  let json: string;
  let kind: string | undefined;
  try {
    const written: unknown = JSON.stringify(result, writable);
    if (typeof written !== 'string') throw new TypeError(`a ${typeof result} has no JSON`);
    json = written;
    kind = unwritable(result, json);
  } catch (cause) {
    throw new ToolResultError(tool, 'has run, but its result cannot be written as JSON', { cause });
  }
  if (kind === undefined) return json;
  throw new ToolResultError(
    tool,
    `returned something of the kind ${kind}, which JSON cannot write: return what is in it`,
  );
}

/** A part of a result as JSON can write it, where there is one obvious way. */
function writable(_key: string, part: unknown): unknown {
  if (typeof part === 'bigint') return String(part);
  if (part instanceof Set) return [...part];
  if (!(part instanceof Map)) return part;
  const entries = [...part];
  return entries.every(([key]) => typeof key === 'string') ? Object.fromEntries(entries) : entries;
}

/** What platforms call what they make, such as `[object Response]`. */
const PLATFORM_KINDS: ReadonlySet<string> = new Set([
  'ArrayBuffer',
  'AsyncGenerator',
  'Array Iterator',
  'Blob',
  'DataView',
  'File',
  'FormData',
  'Generator',
  'Headers',
  'Iterator Helper',
  'Map Iterator',
  'Promise',
  'ReadableStream',
  'RegExp',
  'RegExp String Iterator',
  'Request',
  'Response',
  'Set Iterator',
  'SharedArrayBuffer',
  'String Iterator',
  'URLSearchParams',
  'URLSearchParams Iterator',
  'WeakMap',
  'WeakRef',
  'WeakSet',
]);

/** Streams, generators and bodies: what a result is when JSON has seen nothing of what is in it. */
function unwritable(result: unknown, json: string): string | undefined {
  if (typeof result !== 'object' || result === null || 'toJSON' in result) return undefined;
  const kind = Object.prototype.toString.call(result).slice('[object '.length, -1);
  // What applications make may be called like anything, and the name would be recorded.
  const named = (otherwise: string): string => (PLATFORM_KINDS.has(kind) ? kind : otherwise);
  // The JSON of a stream is about the stream; that of a page of a list, which is an async iterable too, is the page.
  if (isStream(result)) return named('stream');
  if (json !== '{}' || result instanceof Map) return undefined;
  if (Symbol.asyncIterator in result) return named('async iterable');
  if (Symbol.iterator in result) return named('iterable');
  return kind === 'Object' ? undefined : named('object');
}

/** Asked by shape, because a stream may come from a polyfill. */
function isStream(result: object): boolean {
  const { getReader, pipe } = fields(result);
  return typeof getReader === 'function' || (typeof pipe === 'function' && Symbol.asyncIterator in result);
}
