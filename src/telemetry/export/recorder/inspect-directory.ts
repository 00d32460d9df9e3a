import { readFileSync } from 'node:fs';

import { judgeSegments, listSegments, type FoundSegment } from './directory.ts';
import { ownerKey, thisOwner, type Liveness } from './owner.ts';
import { scanSegment, type Scan, type SegmentContents } from './scan-segment.ts';

/** What waits in a recorder's directory. */
export interface DirectoryReport extends Waiting {
  /** Spans that each destination has not settled, by its key. */
  readonly destinations: Readonly<Record<string, number>>;
  /** When the oldest file that holds something was begun, in milliseconds since 1970. */
  readonly oldest?: number;
  /** Files that cannot be read: of a newer version, or of another user. */
  readonly unreadableFiles: number;
  readonly owners: readonly OwnerReport[];
}

/** What waits in the files of one owner. */
export interface OwnerReport extends Waiting {
  /**
   * `alive`: a running process goes on with it. `abandoned`: whoever comes first sends it. `unknown`: it is of
   * another machine or container, and nobody here can tell yet.
   */
  readonly state: 'alive' | 'abandoned' | 'unknown';
  /** The process; absent when it let go of its files at its end. */
  readonly pid?: number;
}

interface Waiting {
  readonly files: number;
  readonly bytes: number;
  /** Ended spans that some destination has not settled. */
  readonly spans: number;
  /** Spans that began and have not ended. */
  readonly open: number;
  readonly issues: number;
}

const NOTHING: Waiting = { files: 0, bytes: 0, spans: 0, open: 0, issues: 0 };

const STATES: Readonly<Record<Liveness['state'], OwnerReport['state']>> = {
  alive: 'alive',
  gone: 'abandoned',
  unknown: 'unknown',
};

/**
 * Looks into a recorder's directory and changes nothing, so that it may be called while others write there.
 * Throws the errors of the system when the directory cannot be read; one that is not there is an empty one.
 */
export function inspectDirectory(directory: string): DirectoryReport {
  const owners = new Map<string, OwnerReport>();
  const destinations: Record<string, number> = {};
  let total = NOTHING;
  let oldest: number | undefined;
  let unreadableFiles = 0;

  for (const { segment, liveness } of judgeSegments(listSegments(directory, Date.now()), thisOwner().host)) {
    const contents = contentsOf(segment);
    if (contents === undefined) unreadableFiles += 1;
    const waiting = waitingIn(segment, contents);
    total = add(total, waiting);
    for (const [destination, spans] of unsettled(contents)) {
      destinations[destination] = (destinations[destination] ?? 0) + spans;
    }
    if (waiting.spans + waiting.open + waiting.issues > 0) oldest ??= segment.name.begunAt;
    const { owner } = segment.name;
    const before = owners.get(ownerKey(owner));
    owners.set(ownerKey(owner), {
      state: STATES[liveness.state],
      ...(owner.pid === 0 ? {} : { pid: owner.pid }),
      ...add(before ?? NOTHING, waiting),
    });
  }
  return {
    ...total,
    destinations,
    ...(oldest === undefined ? {} : { oldest }),
    unreadableFiles,
    owners: [...owners.values()],
  };
}

function contentsOf({ path }: FoundSegment): SegmentContents | undefined {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch {
    return undefined;
  }
  const scan = scanNow(content);
  return scan.status === 'scanned' ? scan.contents : undefined;
}

function scanNow(content: Buffer): Scan {
  const scan = scanSegment(content);
  for (;;) {
    const step = scan.next();
    if (step.done === true) return step.value;
  }
}

function waitingIn({ bytes }: FoundSegment, contents: SegmentContents | undefined): Waiting {
  const spans = Math.max(0, ...unsettled(contents).map(([, count]) => count));
  return { files: 1, bytes, spans, open: contents?.open.length ?? 0, issues: contents?.issues.size ?? 0 };
}

function unsettled(contents: SegmentContents | undefined): readonly (readonly [string, number])[] {
  if (contents === undefined) return [];
  const { header, ended, struck } = contents;
  return header.destinations.map((destination, index) => [
    destination,
    ended.filter((offset) => struck[index]?.has(offset) !== true).length,
  ]);
}

function add(one: Waiting, other: Waiting): Waiting {
  return {
    files: one.files + other.files,
    bytes: one.bytes + other.bytes,
    spans: one.spans + other.spans,
    open: one.open + other.open,
    issues: one.issues + other.issues,
  };
}
