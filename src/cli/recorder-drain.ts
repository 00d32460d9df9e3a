/** How `faultline recorder drain` sends: by the pipeline of every program, which takes over what others left. */
import { resolveConfig } from '../telemetry/config/resolve.ts';
import { recorderAddress } from '../telemetry/export/pipeline.ts';
import { isMoved, type Address } from '../telemetry/export/recorder/address.ts';
import { setupTracing, type FlushResult, type TracingStatus } from '../telemetry/setup.ts';
import { count } from './command.ts';
import { inspect, unreadable, type Drain, type Drained, type DrainProgress } from './recorder.ts';

const PROGRESS_INTERVAL_MS = 100;

/** Sends what processes that are gone left in the directory, to where the environment says. */
export const drainRecorder: Drain = async ({ directory, timeoutMs, env }, onProgress): Promise<Drained> => {
  const tracing = setupTracing({ recorder: { directory }, register: false });
  if (tracing.status.state === 'off') throw new Error(`there is nowhere to send it: ${tracing.status.reason}`);
  const timer = setInterval(() => onProgress(progressOf(tracing.status)), PROGRESS_INTERVAL_MS);
  let flushed: FlushResult;
  try {
    flushed = await tracing.flush(timeoutMs);
    onProgress(progressOf(tracing.status));
  } finally {
    clearInterval(timer);
    await tracing.shutdown(0);
  }
  const { status } = tracing;
  const address = recorderAddress(resolveConfig({}, env, () => {}));
  const leftover = leftoverIn(directory, address);
  const left = leftover.spans + leftover.issues;
  const reasons = reasonsFor(leftover, address);
  if ('reason' in flushed && left > 0) reasons.unshift(flushed.reason);
  const { unreadableFiles } = leftover;
  return {
    ...sentBy(status),
    left,
    ...(unreadableFiles === 0 ? undefined : { unreadableFiles }),
    ...(reasons.length === 0 ? undefined : { reason: reasons.join('; ') }),
  };
};

function progressOf(status: TracingStatus): DrainProgress {
  const { spans, issues } = sentBy(status);
  const recorder = status.state === 'on' ? status.recorder : undefined;
  return { sent: spans + issues, total: spans + issues + (recorder?.spans ?? 0) + (recorder?.issues ?? 0) };
}

function sentBy(status: TracingStatus): Pick<Drained, 'spans' | 'issues'> {
  if (status.state === 'off') return { spans: 0, issues: 0 };
  const { destinations, issues } = status;
  // A span is sent when every destination has it.
  const spans = destinations.length === 0 ? 0 : Math.min(...destinations.map(({ exported }) => exported));
  return { spans, issues: issues?.sent ?? 0 };
}

/** What is still in the directory, but for what a running process goes on with. */
interface Leftover {
  readonly spans: number;
  readonly issues: number;
  /** What of both may be of a process that runs elsewhere. */
  readonly unknown: number;
  readonly destinations: ReadonlyMap<string, number>;
  readonly issuesFor: ReadonlyMap<string, number>;
  readonly unreadableFiles: number;
}

function leftoverIn(directory: string, address: Address): Leftover {
  const { owners, unreadableFiles } = inspect(directory, address);
  const destinations = new Map<string, number>();
  const issuesFor = new Map<string, number>();
  let [spans, issues, unknown] = [0, 0, 0];
  for (const owner of owners) {
    // This process takes files over, and when its time is up some may still be in its name.
    if (owner.state === 'alive' && owner.pid !== process.pid) continue;
    spans += owner.spans + owner.open;
    issues += owner.issues;
    if (owner.state === 'unknown') unknown += owner.spans + owner.open + owner.issues;
    addTo(destinations, owner.destinations);
    addTo(issuesFor, owner.issuesFor);
  }
  return { spans, issues, unknown, destinations, issuesFor, unreadableFiles };
}

function addTo(total: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) total.set(name, (total.get(name) ?? 0) + count);
}

/** Following it for what has not moved would send one application's spans to the backend of another. */
function movedTo(destination: string): string {
  const { host } = new URL(destination.slice(destination.indexOf(':') + 1));
  return ` (has it moved to ${host}? Then set OTEL_SERVICE_NAME to the name given to the application they are of, and all it left goes to ${host}; one that was given none sends it itself when it is started again)`;
}

function reasonsFor({ unknown, destinations, issuesFor, unreadableFiles }: Leftover, address: Address): string[] {
  const reasons: string[] = [];
  if (unknown > 0) {
    reasons.push(
      `${unknown} may be of a process on another machine or in another container; try again in five minutes`,
    );
  }
  for (const [name, spans] of destinations) {
    if (spans > 0 && !address.destinations.includes(name)) {
      const moved = address.destinations.find((destination) => isMoved(name, destination));
      const hint = moved === undefined ? '' : movedTo(moved);
      reasons.push(`${count(spans, 'span')} for ${name}, which is not configured${hint}`);
    }
  }
  for (const [project, issues] of issuesFor) {
    if (address.issues === undefined) reasons.push(`${count(issues, 'Issue')} for Sentry, and SENTRY_DSN is not set`);
    else if (project === 'unknown')
      reasons.push(`${count(issues, 'Issue')} of an earlier faultline, which did not say for which project`);
    else if (project !== address.issues)
      reasons.push(`${count(issues, 'Issue')} for ${project}, which is not configured`);
  }
  if (unreadableFiles > 0) reasons.push(unreadable(unreadableFiles));
  return reasons;
}
