import type { CapturedFailure } from '../captured.ts';
import { membersOf, toldWith } from '../linked-errors.ts';

/** How an error was taken. */
export interface Taken {
  readonly run: string | undefined;
  /** Whether it failed at a failure point, and was not captured by the application. */
  readonly isOfPoint: boolean;
  /** When it was known last how it turned out, on the clock of `performance`. */
  at: number;
  /** Whether its run has gone on from it so far. */
  isSurvived: boolean;
  /** Whether it became an Issue: what is operational did not. */
  isIssue: boolean;
  /** The fingerprint of the Issue it is part of, once that is known. */
  fingerprint?: readonly string[] | undefined;
}

/** For how long what ends the process may come of what ended a run. */
const RECENTLY_MS = 10_000;

/** Whether an error is the Issue of a run it has ended just now. */
export function hasEndedRun({ isOfPoint, isSurvived, isIssue, at }: Taken): boolean {
  return isOfPoint && isIssue && !isSurvived && performance.now() - at <= RECENTLY_MS;
}

/** Whether an error is nothing but what is told already: one of its causes is, or each member of a group. */
export function isOfTold(error: unknown, isTold: (part: unknown) => boolean): boolean {
  const members = membersOf(error);
  const wholes = members.length > 0 ? members : [error];
  return wholes.every((whole) => isTold(whole) || [...toldWith(whole)].some(isTold));
}

/**
 * Whether an error that was taken before is another failure now: it fails another run, as one does that is thrown
 * again and again, or ends the process or a transport although a run had survived it. What an application captures
 * outside of runs, and the crash that comes of a run's failure, is the failure it was.
 */
export function isAnotherFailure(captured: CapturedFailure, last: Taken): boolean {
  const isUncaught = captured.point === undefined && !captured.handled;
  if (isUncaught) return last.isSurvived;
  return isAnotherRun(captured, last);
}

function isAnotherRun(captured: CapturedFailure, last: Taken): boolean {
  const { point, tags } = captured;
  const run = runOf(captured);
  if (run === undefined || last.run === undefined || run === last.run) return false;
  if (point === 'transport.crash') return last.isSurvived || last.run.startsWith(CRASH);
  return point !== undefined || tags['run_id'] !== undefined;
}

const CRASH = 'crash ';

/** A crash is no part of a run; one after another crash is another one. */
export function runOf({ point, trace, tags }: CapturedFailure): string | undefined {
  // Where tracing is suppressed there is no trace, but a run has its id.
  if (trace === undefined && tags['run_id'] === undefined) return undefined;
  return `${point === 'transport.crash' ? CRASH : ''}${trace?.traceId} ${tags['run_id']}`;
}
