import type { Address } from './address.ts';
import type { EndRecord, ResourceRecord, ScopeRecord, StartRecord } from './span-record.ts';

/** The format a file begins with naming. A reader leaves files of a newer version alone. */
export const FORMAT = 'faultline-recorder';
export const FORMAT_VERSION = 1;

/** The first line of a file. */
export interface Header extends Address {
  readonly format: typeof FORMAT;
  readonly version: number;
  /** Who began the file, for people. */
  readonly host: string;
  readonly pid: number;
  readonly startedAt: number;
  /** Who the spans are for. Strikes name destinations by their place in this list. */
  readonly destinations: readonly string[];
}

/**
 * Every other line.
 *
 * - `["x",destination,[offsets]]`: a destination settled the spans that end there. Each offset is given as its
 *   distance from the one before.
 * - `["d",key]`: the span that began above has ended, in a later file.
 * - `["t",ms]`: the process was alive then.
 * - `["i",id,payload]`, `["y",id]`: an Issue, and that it is settled.
 */
export type Line =
  | StartRecord
  | EndRecord
  | ResourceRecord
  | ScopeRecord
  | readonly ['x', number, readonly number[]]
  | readonly ['d', string]
  | readonly ['t', number]
  | readonly ['i', string, string]
  | readonly ['y', string];

/** A line as it is written. JSON has no line breaks of its own. */
export function lineOf(line: Line | Header): string {
  return `${JSON.stringify(line)}\n`;
}

/** The line of spans that `destination` has settled. */
export function strikeLine(destination: number, offsets: readonly number[]): string {
  let last = 0;
  const distances = offsets.map((offset) => {
    const distance = offset - last;
    last = offset;
    return distance;
  });
  return lineOf(['x', destination, distances]);
}

/** The offsets of such a line. */
export function* struckOffsets(distances: readonly number[]): Generator<number> {
  let offset = 0;
  for (const distance of distances) {
    offset += distance;
    yield offset;
  }
}

/** Reads the first line of a file. */
export function parseHeader(text: string): Header | undefined {
  const header = parseJson(text) as Partial<Header> | null | undefined;
  if (header?.format !== FORMAT || typeof header.version !== 'number') return undefined;
  const { destinations, startedAt } = header;
  // Of a newer version nothing else is known.
  if (header.version > FORMAT_VERSION) return header as Header;
  if (!Array.isArray(destinations) || typeof startedAt !== 'number') return undefined;
  if (!destinations.every((destination) => typeof destination === 'string')) return undefined;
  const { application, issues } = header;
  return { ...(header as Header), application: textOf(application), issues: textOf(issues) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** JSON, or `undefined` when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
