/** What a tool returned, as a model is told of it. */
import { ToolReportedError, ToolResultError } from './errors.ts';
import { fields, text } from './models/fields.ts';
import type { ToolOutput } from './types.ts';

/** A result that can be told. */
export interface WrittenResult {
  readonly output: ToolOutput;
  readonly bytes: number;
}

/** Writes a result down, a string as it is, anything else as JSON. A tool that returns nothing returns null. */
export function writeResult(tool: string, result: unknown): WrittenResult {
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
  try {
    const json = JSON.stringify(result, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
    if (typeof json !== 'string') throw new TypeError(`a ${typeof result} has no JSON`);
    return json;
  } catch (cause) {
    throw new ToolResultError(tool, cause);
  }
}
