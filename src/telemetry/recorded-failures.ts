import type { FailurePoint } from './failure-points.ts';
import { guard } from './guard.ts';
import { acrossCopies } from './across-copies.ts';

/** What is known of a failure, so that one that crosses several spans is recorded once. */
export interface RecordedFailure {
  readonly message: string;
  readonly point?: FailurePoint;
  /** Whether a span has its exception event. */
  readonly isOnSpan: boolean;
  /** Whether the application captured it by itself. */
  readonly isCaptured: boolean;
  /** Whether its run has gone on from it so far. */
  readonly isSurvived: boolean;
}

/** Where a failure is met. One error object thrown in two runs, or in two traces, is two failures. */
export interface FailurePlace {
  /** Decides outside of runs. Absent outside of traces. */
  readonly traceId: string | undefined;
  /** Inside a run the span of its outermost agent. */
  readonly run: object | undefined;
  /** Absent where that is not known. */
  readonly wayOut?: WayOut;
}

/** Which way a failure takes from where it is met, told by whatever tells spans apart. */
export interface WayOut {
  /** The span it is met on. */
  readonly self: unknown;
  /** The span of the agent that one is part of. */
  readonly agent: unknown;
  /** The spans around it, innermost first, without gaps, as many as are known. */
  readonly around: readonly unknown[];
}

/** A failure that was recorded. */
interface Occurrence {
  readonly traceId: string | undefined;
  readonly isOfRun: boolean;
  /** What was thrown as Node prints it. Absent of errors. */
  readonly printed: string | undefined;
  /** On the clock of `performance`. */
  at: number;
  /** From where it was recorded last. */
  wayOut: WayOut | undefined;
  recorded: RecordedFailure;
}

/** Most occurrences of one error that are told apart, such as of one that is a constant of a module. */
const MAX_OCCURRENCES = 50;

/** Failures by what was thrown: those of an object for as long as it lives, those of the newest of other values. */
class Occurrences {
  readonly #ofObjects = new WeakMap<object, readonly Occurrence[]>();
  /** Nothing but their value tells them apart. Newest last. */
  readonly #ofValues = new Map<unknown, readonly Occurrence[]>();

  /** Newest last. */
  of(thrown: unknown): readonly Occurrence[] {
    return (isObject(thrown) ? this.#ofObjects.get(thrown) : this.#ofValues.get(thrown)) ?? [];
  }

  /** Adds an occurrence as the newest one, also when it is there. */
  add(thrown: unknown, occurrence: Occurrence): void {
    const others = this.of(thrown).filter((other) => other !== occurrence);
    const all = [...others, occurrence].slice(-MAX_OCCURRENCES);
    if (isObject(thrown)) {
      this.#ofObjects.set(thrown, all);
      return;
    }
    this.#ofValues.delete(thrown);
    this.#ofValues.set(thrown, all);
    dropOldest(this.#ofValues);
  }
}

/** All failures of the process. */
const failures = acrossCopies('failures', () => new Occurrences());

/** Those of one run, as long as it lasts: however many others fail with the same error, it knows its own. */
const failuresOfRuns = acrossCopies('failures-of-runs', () => new WeakMap<object, Occurrences>());

/** Those of what was thrown and is no error. Newest last. */
const failuresOfNoErrors = acrossCopies('failures-of-no-errors', () => new Set<Occurrence>());

/** For how long a thrown value that is no object is taken for the same one where nothing else tells. */
const SAME_VALUE_MS = 1_000;

/** What is known of a failure where it is met. */
export function recordedFailure(error: unknown, place: FailurePlace): RecordedFailure | undefined {
  return occurrenceAt(error, place)?.recorded;
}

/** What is known of a failure that may have left its trace, when it was met after `since` on the clock of `performance`. */
export function recordedAnywhere(error: unknown, since = 0): RecordedFailure | undefined {
  const earliest = Math.max(since, earliestOf(error));
  return failures.of(error).findLast(({ at }) => at >= earliest)?.recorded;
}

/** From when on an occurrence may be that of a thrown value, on the clock of `performance`. */
function earliestOf(thrown: unknown): number {
  return isObject(thrown) ? 0 : performance.now() - SAME_VALUE_MS;
}

/** The thrown values that are no errors and became failures of late, from which no run has gone on, as Node prints them. */
export function recentThrownValues(): readonly string[] {
  const earliest = performance.now() - SAME_VALUE_MS;
  const recent = [...failuresOfNoErrors].filter(
    ({ at, recorded }) => at >= earliest && recorded.point !== undefined && !recorded.isSurvived,
  );
  return recent.map(({ printed }) => printed!);
}

/** Remembers what is known of a failure from now on. */
export function rememberFailure(error: unknown, place: FailurePlace, recorded: RecordedFailure): void {
  const { traceId, run, wayOut } = place;
  const known = occurrenceAt(error, place);
  if (known === undefined) {
    const occurrence: Occurrence = {
      traceId,
      isOfRun: run !== undefined,
      printed: printedOf(error),
      at: performance.now(),
      wayOut,
      recorded,
    };
    if (run !== undefined) failuresOf(run).add(error, occurrence);
    addNewest(error, occurrence);
    return;
  }
  const hasEnded = known.recorded.isSurvived && !recorded.isSurvived;
  known.recorded = recorded;
  known.wayOut = wayOut ?? known.wayOut;
  if (!hasEnded) return;
  // What ends a run leaves it now, whatever other runs have made of the same error since it was met first.
  known.at = performance.now();
  addNewest(error, known);
}

function addNewest(error: unknown, occurrence: Occurrence): void {
  failures.add(error, occurrence);
  if (occurrence.printed === undefined) return;
  failuresOfNoErrors.delete(occurrence);
  failuresOfNoErrors.add(occurrence);
  dropOldest(failuresOfNoErrors);
}

function failuresOf(run: object): Occurrences {
  const known = failuresOfRuns.get(run);
  if (known !== undefined) return known;
  const created = new Occurrences();
  failuresOfRuns.set(run, created);
  return created;
}

function dropOldest<Key>(entries: Map<Key, unknown> | Set<Key>): void {
  if (entries.size > MAX_OCCURRENCES) entries.delete(entries.keys().next().value as Key);
}

function printedOf(thrown: unknown): string | undefined {
  return guard(() => {
    if (!isObject(thrown)) return String(thrown);
    return thrown instanceof Error ? undefined : `#<${thrown.constructor.name}>`;
  });
}

function occurrenceAt(error: unknown, place: FailurePlace): Occurrence | undefined {
  const { traceId, run } = place;
  const isSame = (known: Occurrence): boolean => !isAnother(error, known, place);
  const inRun = run === undefined ? undefined : failuresOfRuns.get(run)?.of(error).findLast(isSame);
  if (inRun !== undefined) return inRun;
  const earliest = traceId === undefined ? earliestOf(error) : 0;
  return failures.of(error).findLast((known) => {
    const areRuns = known.isOfRun && run !== undefined;
    return !areRuns && known.traceId === traceId && known.at >= earliest && isSame(known);
  });
}

/**
 * Whether a value without identity was thrown anew: it can only be on its way out through spans that enclose the one it
 * was recorded on. What is not known for certain is taken for the same.
 */
function isAnother(error: unknown, { wayOut: from }: Occurrence, { wayOut: here }: FailurePlace): boolean {
  if (isObject(error) || from === undefined || here === undefined) return false;
  if (from.self === here.self || from.agent === here.self || from.around.includes(here.self)) return false;
  // On its way from one agent into another one it would have crossed the former.
  if (from.agent !== undefined && here.agent !== undefined && from.agent !== here.agent) return true;
  // A span both are in: between that one and where it was recorded there is nothing that is not known.
  return here.around.some((span) => from.around.includes(span));
}

/** Whether a thrown value has an identity. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
