/** Where spans and Issues are for, as the files of a recorder name it. It holds no credentials. */
export interface Address {
  /** Stands for the application. Absent in files of earlier versions. */
  readonly application?: string | undefined;
  /** Who spans are for: a name, a colon and a URL. */
  readonly destinations: readonly string[];
  /** The Sentry project Issues are for: a URL. Absent when there are none, and in files of earlier versions. */
  readonly issues?: string | undefined;
}

/**
 * The address with today's names in it. What an application left for a destination that is not configured any more
 * goes to the one that has taken its place: the same kind, and the same project when it is Sentry's. Somebody has put
 * the endpoint right. What another application left keeps its names.
 */
export function readdressed<T extends Address>(left: T, now: Address): T {
  if (left.application === undefined || left.application !== now.application) return left;
  const newcomers = now.destinations.filter((destination) => !left.destinations.includes(destination));
  const destinations = left.destinations.map((destination) =>
    now.destinations.includes(destination)
      ? destination
      : (newcomers.find((newcomer) => isMoved(destination, newcomer)) ?? destination),
  );
  const issues =
    left.issues !== undefined && now.issues !== undefined && projectIn(left.issues) === projectIn(now.issues)
      ? now.issues
      : left.issues;
  return { ...left, destinations, issues };
}

/**
 * Whether a file is to be taken over. One of another application that is in part for somebody else stays there whole:
 * that one could not take it over as long as this one lives.
 */
export function isToBeTaken(left: Address, now: Address): boolean {
  const { application, destinations, issues } = readdressed(left, now);
  const parts = destinations.map((destination) => now.destinations.includes(destination));
  if (issues !== undefined) parts.push(issues === now.issues);
  if (parts.length === 0) return true;
  const isOfAnother = application !== undefined && application !== now.application;
  return isOfAnother ? parts.every(Boolean) : parts.includes(true);
}

/** Whether the Issues of a readdressed file are for the project of now. */
export function areIssuesFor(left: Address, now: Address): boolean {
  return issuesOf(left) === now.issues;
}

/** The project the Issues of a file are for. An earlier version sent the spans of the same file there, or did not say. */
export function issuesOf({ issues, destinations }: Address): string | undefined {
  if (issues !== undefined) return issues;
  const project = destinations.map((destination) => SENTRY.exec(destination)?.[1]).filter((url) => url !== undefined);
  return project.length === 1 ? project[0] : undefined;
}

const SENTRY = /^sentry:(.*\/api\/\d+\/)integration\/otlp\//;

/** Whether one destination may have taken the place of another. */
export function isMoved(from: string, to: string): boolean {
  return nameIn(from) === nameIn(to) && projectIn(from) === projectIn(to);
}

function nameIn(destination: string): string {
  return destination.slice(0, Math.max(destination.indexOf(':'), 0));
}

/** The id of a Sentry project; `undefined` in the URL of another vendor. */
function projectIn(url: string): string | undefined {
  return /\/api\/(\d+)\/(?:integration\/otlp\/|$)/.exec(url)?.[1];
}
