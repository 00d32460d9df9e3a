import type { HrTime } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';

import { FORMAT_VERSION, parseHeader, parseJson, struckOffsets, type Header } from './segment-lines.ts';
import {
  isSpanRecord,
  isTime,
  recordKey,
  resourceOf,
  scopeOf,
  type EndRecord,
  type Interned,
  type ResourceRecord,
  type ScopeRecord,
  type StartRecord,
} from './span-record.ts';

/** What a file holds. */
export interface SegmentContents extends Interned {
  readonly header: Header;
  /** Where the ended spans stand, oldest first. */
  readonly ended: readonly number[];
  /** Where the spans stand that began and did not end, oldest first. */
  readonly open: readonly number[];
  /** Those of both that are settled, by destination in the order of the header. */
  readonly struck: readonly ReadonlySet<number>[];
  /** Where the Issues stand that are not settled, by id, oldest first. */
  readonly issues: ReadonlyMap<string, number>;
  /** The last time anything is known of the process. */
  readonly lastTime: HrTime;
  /** Lines that say nothing. */
  readonly unreadable: number;
  /** Whether the last line is a whole one. */
  readonly endsInWholeLine: boolean;
}

export type Scan =
  | { readonly status: 'scanned'; readonly contents: SegmentContents }
  | { readonly status: 'newer'; readonly version: number }
  | { readonly status: 'unreadable' };

/** Yields after this many bytes, so that whoever drives a scan can let others run. */
const SLICE_BYTES = 64 * 1024;
const LINE_BREAK = 10;

/**
 * Reads a file through. It yields now and then, and never throws: a line that cannot be read is skipped and
 * counted, whatever it was.
 */
export function* scanSegment(content: Buffer): Generator<undefined, Scan> {
  const headerEnd = endOfLine(content, 0);
  const header = parseHeader(content.toString('utf8', 0, headerEnd));
  if (header === undefined) return { status: 'unreadable' };
  if (header.version > FORMAT_VERSION) return { status: 'newer', version: header.version };

  const reading = startReading(header);
  let sliceEnd = SLICE_BYTES;
  for (let start = headerEnd + 1; start < content.length;) {
    const end = endOfLine(content, start);
    reading.line(content.toString('utf8', start, end), start);
    start = end + 1;
    if (start < sliceEnd) continue;
    sliceEnd = start + SLICE_BYTES;
    yield;
  }
  return { status: 'scanned', contents: reading.finish(content.at(-1) === LINE_BREAK) };
}

/** Of the spans at `offsets` those that a destination has not settled, by destination in the order of the header. */
export function unsettled({ struck }: SegmentContents, offsets: readonly number[]): readonly (readonly number[])[] {
  return struck.map((settled) => offsets.filter((at) => !settled.has(at)));
}

function endOfLine(content: Buffer, start: number): number {
  const end = content.indexOf(LINE_BREAK, start);
  return end === -1 ? content.length : end;
}

interface Reading {
  line(text: string, offset: number): void;
  finish(endsInWholeLine: boolean): SegmentContents;
}

function startReading(header: Header): Reading {
  const resources: (Resource | undefined)[] = [];
  const scopes: (InstrumentationScope | undefined)[] = [];
  const ended: number[] = [];
  const struck = header.destinations.map(() => new Set<number>());
  const open = new Map<string, number>();
  const issues = new Map<string, number>();
  let lastTime: HrTime = [0, 0];
  let unreadable = 0;

  const seen = (time: HrTime): void => {
    if (time[0] > lastTime[0] || (time[0] === lastTime[0] && time[1] > lastTime[1])) lastTime = time;
  };

  const seenAt = (milliseconds: unknown): boolean => {
    const time = hrTimeOf(Number(milliseconds));
    if (!isTime(time)) return false;
    seen(time);
    return true;
  };
  seenAt(header.startedAt);

  const isKnown = ([, , , scope, resource]: StartRecord | EndRecord): boolean =>
    scopes[scope] !== undefined && resources[resource] !== undefined;

  const readSpan = (record: StartRecord | EndRecord, offset: number): void => {
    seen(record[7]);
    if (record[0] === 's') {
      open.set(recordKey(record), offset);
      return;
    }
    seen(record[10]);
    open.delete(recordKey(record));
    ended.push(offset);
  };

  /** Whether the line says something. */
  const read = (record: readonly unknown[], offset: number): boolean => {
    const [tag, first, second] = record;
    switch (tag) {
      case 's':
      case 'e':
        if (!isSpanRecord(record) || !isKnown(record)) return false;
        readSpan(record, offset);
        return true;
      case 'r':
        if (!isIndex(first)) return false;
        resources[first] = resourceOf(record as unknown as ResourceRecord);
        return true;
      case 'c':
        if (!isIndex(first)) return false;
        scopes[first] = scopeOf(record as unknown as ScopeRecord);
        return true;
      case 'x':
        if (!isIndex(first) || !Array.isArray(second) || !second.every(Number.isInteger)) return false;
        for (const at of struckOffsets(second)) struck[first]?.add(at);
        return true;
      case 'd':
        if (typeof first !== 'string') return false;
        open.delete(first);
        return true;
      case 't':
        return seenAt(first);
      case 'i':
        if (typeof first !== 'string' || typeof second !== 'string') return false;
        issues.set(first, offset);
        return true;
      case 'y':
        return issues.delete(String(first)) || true;
      default:
        return false;
    }
  };

  return {
    line(text, offset) {
      if (text === '') return;
      const record = parseJson(text);
      if (!Array.isArray(record) || !readsWell(() => read(record, offset))) unreadable += 1;
    },
    finish: (endsInWholeLine) => ({
      header,
      ended,
      struck,
      open: [...open.values()],
      issues,
      resources,
      scopes,
      lastTime,
      unreadable,
      endsInWholeLine,
    }),
  };
}

/** What was damaged and is still JSON may be anything. */
function readsWell(read: () => boolean): boolean {
  try {
    return read();
  } catch {
    return false;
  }
}

function isIndex(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 1e6;
}

/** A time in milliseconds since 1970 as OpenTelemetry writes it. */
export function hrTimeOf(milliseconds: number): HrTime {
  return [Math.floor(milliseconds / 1000), Math.floor((milliseconds % 1000) * 1e6)];
}
