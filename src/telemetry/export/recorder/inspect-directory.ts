import { readFileSync } from 'node:fs';

import { guard } from '../../guard.ts';
import { issuesOf, readdressed, type Address } from './address.ts';
import { foreignSegments, type FoundSegment } from './directory.ts';
import { ownerKey, thisOwner } from './owner.ts';
import { scanSegment, unsettled, type Scan, type SegmentContents } from './scan-segment.ts';

/** What waits in a recorder's directory. */
export interface DirectoryReport extends Waiting {
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
  /** Spans that each destination has not settled, by its key: also those that have not ended. */
  readonly destinations: Readonly<Record<string, number>>;
  /** Issues by the Sentry project they are for; `unknown` where an earlier version did not say. */
  readonly issuesFor: Readonly<Record<string, number>>;
  readonly files: number;
  readonly bytes: number;
  /** Ended spans that some destination has not settled. */
  readonly spans: number;
  /** Spans that began and have not ended, and that some destination has not settled. */
  readonly open: number;
  readonly issues: number;
}

const NOTHING: Waiting = { destinations: {}, issuesFor: {}, files: 0, bytes: 0, spans: 0, open: 0, issues: 0 };

/**
 * Looks into a recorder's directory and changes nothing, so that it may be called while others write there.
 * With the address of a process, what that would send goes by the names it has there.
 * Throws the errors of the system when the directory cannot be read; one that is not there is an empty one.
 */
export function inspectDirectory(directory: string, now?: Address): DirectoryReport {
  const owners = new Map<string, OwnerReport>();
  let total = NOTHING;
  let oldest: number | undefined;
  let unreadableFiles = 0;

  for (const segment of foreignSegments(directory, thisOwner(), Date.now())) {
    const { name, liveness } = segment;
    const contents = contentsOf(segment);
    if (contents === undefined) unreadableFiles += 1;
    const waiting = waitingIn(segment, contents, now);
    total = add(total, waiting);
    if (waiting.spans + waiting.open + waiting.issues > 0) oldest ??= name.begunAt;
    const { owner } = name;
    const before = owners.get(ownerKey(owner));
    owners.set(ownerKey(owner), {
      state: liveness.state === 'gone' ? 'abandoned' : liveness.state,
      ...(owner.pid === 0 ? {} : { pid: owner.pid }),
      ...add(before ?? NOTHING, waiting),
    });
  }
  return {
    ...total,
    ...(oldest === undefined ? {} : { oldest }),
    unreadableFiles,
    owners: [...owners.values()],
  };
}

function contentsOf({ path }: FoundSegment): SegmentContents | undefined {
  const content = guard(() => readFileSync(path));
  if (content === undefined) return undefined;
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

function waitingIn({ bytes }: FoundSegment, contents: SegmentContents | undefined, now?: Address): Waiting {
  if (contents === undefined) return { ...NOTHING, files: 1, bytes };
  const { ended, open, issues } = contents;
  const header = now === undefined ? contents.header : readdressed(contents.header, now);
  const spans = unsettled(contents, ended).map(({ length }) => length);
  const neverEnded = unsettled(contents, open).map(({ length }) => length);
  const destinations = header.destinations.map((name, index) => [name, (spans[index] ?? 0) + (neverEnded[index] ?? 0)]);
  return {
    destinations: Object.fromEntries(destinations) as Record<string, number>,
    issuesFor: issues.size === 0 ? {} : { [issuesOf(header) ?? 'unknown']: issues.size },
    files: 1,
    bytes,
    spans: Math.max(0, ...spans),
    open: Math.max(0, ...neverEnded),
    issues: issues.size,
  };
}

function add(one: Waiting, other: Waiting): Waiting {
  return {
    destinations: sums(one.destinations, other.destinations),
    issuesFor: sums(one.issuesFor, other.issuesFor),
    files: one.files + other.files,
    bytes: one.bytes + other.bytes,
    spans: one.spans + other.spans,
    open: one.open + other.open,
    issues: one.issues + other.issues,
  };
}

type Counts = Readonly<Record<string, number>>;

function sums(one: Counts, other: Counts): Counts {
  const all: Record<string, number> = { ...one };
  for (const [name, count] of Object.entries(other)) all[name] = (all[name] ?? 0) + count;
  return all;
}
