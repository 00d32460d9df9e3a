import { closeSync, constants, fstatSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { HrTime } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import { interruptedSpan } from '../interrupted-span.ts';
import type { SegmentContents } from './scan-segment.ts';
import { lineOf, parseJson, strikeLine, type Header, type Line } from './segment-lines.ts';
import { isSpanRecord, recordEnd, recordResource, recordScope, recordStart, spanOf } from './span-record.ts';

/**
 * One file of a recorder: spans and Issues are added at its end, and so is what became of them. Of spans there
 * are only counts in memory. Functions that touch the file throw the errors of the system.
 */
export interface Segment {
  readonly path: string;
  readonly bytes: number;
  /** Spans that some destination has not settled: those that ended, and in a file of others those that never did. */
  readonly spans: number;
  /** Where the Issues stand that are not settled, by id. */
  readonly issues: ReadonlyMap<string, number>;
  /** Adds a span that began. */
  addStart(span: ReadableSpan): void;
  /** Adds a span that ended, and answers where it stands. */
  addEnd(span: ReadableSpan): number;
  addIssue(id: string, payload: string): void;
  /** The payload of an Issue; `undefined` when there is none that can be read. */
  readIssue(id: string): string | undefined;
  add(line: Line): void;
  /**
   * The span that stands at `offset`, as an interrupted one when it never ended; `undefined` when there is none that
   * can be read.
   */
  read(offset: number): ReadableSpan | undefined;
  /** Counts spans as settled by `destination`, each of which it settles once. False when they were not for it. */
  settle(destination: string, spans: number): boolean;
  /** Writes down which. */
  strike(destination: string, offsets: readonly number[]): void;
  /** Counts an Issue as settled. */
  settleIssue(id: string): void;
  /** Gives the file another name in its directory. */
  rename(name: string): void;
  /** Closes the file until it is needed again. */
  park(): void;
  remove(): void;
  /** Somebody may have removed the file, or have taken it because it looked abandoned. */
  whereabouts(): 'here' | 'removed' | 'taken';
}

/** Begins a file. */
export function beginSegment(path: string, header: Header): Segment {
  const { O_APPEND, O_CREAT, O_EXCL, O_RDWR } = constants;
  const descriptor = openSync(path, O_APPEND | O_CREAT | O_EXCL | O_RDWR, 0o600);
  const file = createAppendedFile(path, descriptor, 0, true);
  try {
    file.append(lineOf(header));
  } catch (error) {
    // A file that does not say what it is would only be in the way.
    file.remove();
    throw error;
  }
  return createSegment(file, {
    header,
    ended: [],
    open: [],
    struck: [],
    lastTime: [0, 0],
    issues: new Map(),
    resources: [],
    scopes: [],
  });
}

/** Goes on with a file somebody else began. */
export function continueSegment(path: string, bytes: number, contents: SegmentContents): Segment {
  return createSegment(createAppendedFile(path, undefined, bytes, contents.endsInWholeLine), contents);
}

type Beginning = Pick<
  SegmentContents,
  'header' | 'ended' | 'open' | 'struck' | 'issues' | 'resources' | 'scopes' | 'lastTime'
>;

function createSegment(file: AppendedFile, beginning: Beginning): Segment {
  const { destinations } = beginning.header;
  const resources = createInterned<Resource>(beginning.resources);
  const scopes = createInterned<InstrumentationScope>(beginning.scopes);
  const issues = new Map(beginning.issues);
  const lastTime: HrTime = beginning.lastTime;
  const found = [...beginning.ended, ...beginning.open];
  let recorded = found.length;
  const settled = destinations.map((_, index) => found.filter((at) => beginning.struck[index]?.has(at)).length);

  /** Adds a span, after the records of what it refers to. Answers where it stands. */
  const addSpan = (record: typeof recordStart | typeof recordEnd, span: ReadableSpan): number => {
    const { resource, instrumentationScope } = span;
    const resourceIndex = resources.find(resource);
    const scopeIndex = scopes.find(instrumentationScope);
    let definitions = '';
    if (resourceIndex === undefined) definitions += lineOf(recordResource(resources.next, resource));
    if (scopeIndex === undefined) definitions += lineOf(recordScope(scopes.next, instrumentationScope));
    const line = lineOf(record(span, scopeIndex ?? scopes.next, resourceIndex ?? resources.next));
    const offset = file.append(definitions === '' ? line : definitions + line) + Buffer.byteLength(definitions);
    if (resourceIndex === undefined) resources.add(resource, resource.asyncAttributesPending !== true);
    if (scopeIndex === undefined) scopes.add(instrumentationScope, true);
    return offset;
  };

  return {
    get path() {
      return file.path;
    },
    get bytes() {
      return file.bytes;
    },
    get spans() {
      return destinations.length === 0 ? 0 : recorded - Math.min(...settled);
    },
    issues,
    addStart(span) {
      addSpan(recordStart, span);
    },
    addEnd(span) {
      const offset = addSpan(recordEnd, span);
      recorded += 1;
      return offset;
    },
    addIssue(id, payload) {
      issues.set(id, file.append(lineOf(['i', id, payload])));
    },
    readIssue(id) {
      const offset = issues.get(id);
      const record = offset === undefined ? undefined : parseJson(file.lineAt(offset));
      if (!Array.isArray(record) || record[0] !== 'i' || record[1] !== id) return undefined;
      return typeof record[2] === 'string' ? record[2] : undefined;
    },
    add(line) {
      file.append(lineOf(line));
    },
    read(offset) {
      const record = parseJson(file.lineAt(offset));
      if (!Array.isArray(record) || !isSpanRecord(record)) return undefined;
      const span = spanOf(record, { resources: resources.all, scopes: scopes.all });
      return span === undefined || record[0] === 'e' ? span : interruptedSpan(span, lastTime);
    },
    settle(destination, spans) {
      const index = destinations.indexOf(destination);
      const before = settled[index];
      if (before === undefined) return false;
      settled[index] = Math.min(before + spans, recorded);
      return true;
    },
    strike(destination, offsets) {
      file.append(strikeLine(destinations.indexOf(destination), offsets));
    },
    settleIssue(id) {
      issues.delete(id);
    },
    rename: (name) => file.rename(name),
    park: () => file.park(),
    remove: () => file.remove(),
    whereabouts: () => file.whereabouts(),
  };
}

/** Objects that are written once and then called by their number. */
interface InternedObjects<T extends object> {
  readonly all: readonly (T | undefined)[];
  /** The number of the next one. */
  readonly next: number;
  find(object: T): number | undefined;
  /** Adds an object, under a number of its own. What is not final is added again the next time. */
  add(object: T, isFinal: boolean): void;
}

function createInterned<T extends object>(known: readonly (T | undefined)[]): InternedObjects<T> {
  const all = [...known];
  const numbers = new Map<T, number>();
  for (const [number, object] of all.entries()) if (object !== undefined) numbers.set(object, number);
  return {
    all,
    get next() {
      return all.length;
    },
    find: (object) => numbers.get(object),
    add(object, isFinal) {
      if (isFinal) numbers.set(object, all.length);
      all.push(object);
    },
  };
}

/** A file that only grows. */
interface AppendedFile {
  readonly path: string;
  readonly bytes: number;
  /** Adds whole lines, and answers where they begin. */
  append(lines: string): number;
  /** The line that begins at `offset`. */
  lineAt(offset: number): string;
  rename(name: string): void;
  park(): void;
  remove(): void;
  whereabouts(): 'here' | 'removed' | 'taken';
}

const READ_AHEAD_BYTES = 8 * 1024;
const LINE_BREAK = 10;

function createAppendedFile(
  firstPath: string,
  openDescriptor: number | undefined,
  firstBytes: number,
  endsInWholeLine: boolean,
): AppendedFile {
  let path = firstPath;
  let descriptor = openDescriptor;
  let bytes = firstBytes;
  // A line of which a full disk took a part: the next one must not go on with it.
  let isTorn = !endsInWholeLine;

  const open = (): number => {
    descriptor ??= openSync(path, constants.O_APPEND | constants.O_RDWR);
    return descriptor;
  };

  const park = (): void => {
    if (descriptor === undefined) return;
    const open = descriptor;
    descriptor = undefined;
    closeSync(open);
  };

  /** Writes all of `text`: what a system takes less of, it says why the next time. */
  const write = (text: string, length: number): void => {
    const target = open();
    let written = writeSync(target, text);
    bytes += written;
    if (written === length) return;
    isTorn = true;
    const data = Buffer.from(text);
    while (written < length) {
      const more = writeSync(target, data, written);
      bytes += more;
      written += more;
    }
    isTorn = false;
  };

  return {
    get path() {
      return path;
    },
    get bytes() {
      return bytes;
    },
    append(lines) {
      if (isTorn) {
        write('\n', 1);
        isTorn = false;
      }
      const offset = bytes;
      write(lines, Buffer.byteLength(lines));
      return offset;
    },
    lineAt(offset) {
      const target = open();
      for (let size = READ_AHEAD_BYTES; ; size *= 4) {
        const buffer = Buffer.allocUnsafe(size);
        const length = readSync(target, buffer, 0, size, offset);
        const end = buffer.subarray(0, length).indexOf(LINE_BREAK);
        if (end !== -1) return buffer.toString('utf8', 0, end);
        if (length < size) return buffer.toString('utf8', 0, length);
      }
    },
    rename(name) {
      const renamed = join(dirname(path), name);
      renameSync(path, renamed);
      path = renamed;
    },
    park,
    remove() {
      park();
      rmSync(path, { force: true });
    },
    whereabouts() {
      const found = statSync(path, { throwIfNoEntry: false });
      if (descriptor === undefined) return found === undefined ? 'removed' : 'here';
      const own = fstatSync(descriptor);
      if (found?.ino === own.ino) return 'here';
      return own.nlink === 0 ? 'removed' : 'taken';
    },
  };
}
