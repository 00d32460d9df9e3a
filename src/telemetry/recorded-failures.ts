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
  /** Decides outside of runs. */
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
  /** On the clock of `performance`. */
  at: number;
  /** From where it was recorded last. */
  wayOut: WayOut | undefined;
  recorded: RecordedFailure;
}

/** Most occurrences of one error that are told apart, such as of one that is a constant of a module. */
const MAX_OCCURRENCES = 50;

const occurrences = acrossCopies('occurrences', () => new WeakMap<object, Occurrence[]>());

/** A thrown value with what is known of it. */
interface Thrown<Value = unknown> {
  readonly value: Value;
  readonly occurrence: Occurrence;
}

/** Thrown values that are no objects: nothing but their value tells them apart. Newest last. */
const thrownValues = acrossCopies<Thrown[]>('thrown-values', () => []);

/** Thrown objects that are no errors, as Node prints them. Newest last. */
const thrownObjects = acrossCopies<Thrown<string>[]>('thrown-objects', () => []);

/** The failures of one run, as long as it lasts: however many others fail with the same error, it knows its own. */
interface RunFailures {
  readonly objects: WeakMap<object, Occurrence>;
  /** Oldest value first, of each the newest occurrence last. */
  readonly values: Map<unknown, Occurrence[]>;
}

const runs = acrossCopies('runs', () => new WeakMap<object, RunFailures>());

function printedObject(object: object): string | undefined {
  return guard(() => (object instanceof Error ? undefined : `#<${object.constructor.name}>`));
}

/** For how long a thrown value that is no object is taken for the same one outside the run it was thrown in. */
const SAME_VALUE_MS = 1_000;

/** What is known of a failure where it is met. */
export function recordedFailure(error: unknown, place: FailurePlace): RecordedFailure | undefined {
  return occurrenceAt(error, place)?.recorded;
}

/** What is known of a failure that may have left its trace, when it was met after `since` on the clock of `performance`. */
export function recordedAnywhere(error: unknown, since = 0): RecordedFailure | undefined {
  const earliest = isObject(error) ? since : Math.max(since, performance.now() - SAME_VALUE_MS);
  return occurrencesOf(error).findLast(({ at }) => at >= earliest)?.recorded;
}

/** The thrown values that are no errors and became failures of late, from which no run has gone on, as Node prints them. */
export function recentThrownValues(): readonly string[] {
  const earliest = performance.now() - SAME_VALUE_MS;
  const failures = [...thrownValues, ...thrownObjects].filter(
    ({ occurrence: { at, recorded } }) => at >= earliest && recorded.point !== undefined && !recorded.isSurvived,
  );
  return failures.map(({ value }) => String(value));
}

/** Remembers what is known of a failure from now on. */
export function rememberFailure(error: unknown, place: FailurePlace, recorded: RecordedFailure): void {
  const known = occurrenceAt(error, place);
  if (known === undefined) {
    const isOfRun = place.run !== undefined;
    addOccurrence(error, place, {
      traceId: place.traceId,
      isOfRun,
      recorded,
      at: performance.now(),
      wayOut: place.wayOut,
    });
    return;
  }
  const hasEnded = known.recorded.isSurvived && !recorded.isSurvived;
  known.recorded = recorded;
  known.wayOut = place.wayOut ?? known.wayOut;
  if (hasEnded) makeNewest(error, known);
}

function addOccurrence(error: unknown, { run }: FailurePlace, occurrence: Occurrence): void {
  if (run !== undefined) addToRun(error, run, occurrence);
  if (!isObject(error)) {
    addBounded(thrownValues, { value: error, occurrence });
    return;
  }
  const printed = printedObject(error);
  if (printed !== undefined) addBounded(thrownObjects, { value: printed, occurrence });
  const others = occurrences.get(error);
  if (others === undefined) occurrences.set(error, [occurrence]);
  else addBounded(others, occurrence);
}

function addToRun(error: unknown, run: object, occurrence: Occurrence): void {
  const { objects, values } = runs.get(run) ?? { objects: new WeakMap<object, Occurrence>(), values: new Map() };
  runs.set(run, { objects, values });
  if (isObject(error)) {
    objects.set(error, occurrence);
    return;
  }
  const others = values.get(error);
  if (others === undefined) values.set(error, [occurrence]);
  else addBounded(others, occurrence);
  if (values.size > MAX_OCCURRENCES) values.delete(values.keys().next().value);
}

/** What ends a run leaves it now, whatever other runs have made of the same error since it was met first. */
function makeNewest(error: unknown, occurrence: Occurrence): void {
  occurrence.at = performance.now();
  if (isObject(error)) moveToEnd(occurrences.get(error) ?? [], (other) => other === occurrence, occurrence);
  else moveToEnd(thrownValues, (other) => other.occurrence === occurrence, { value: error, occurrence });
}

function moveToEnd<T>(list: T[], isIt: (element: T) => boolean, element: T): void {
  const index = list.findIndex(isIt);
  if (index >= 0) list.splice(index, 1);
  addBounded(list, element);
}

function addBounded<T>(list: T[], element: T): void {
  list.push(element);
  if (list.length > MAX_OCCURRENCES) list.shift();
}

function occurrenceAt(error: unknown, place: FailurePlace): Occurrence | undefined {
  const inRun = place.run === undefined ? undefined : runOccurrence(error, place.run, place);
  return (
    inRun ??
    occurrencesOf(error).findLast((occurrence) => {
      const areRuns = occurrence.isOfRun && place.run !== undefined;
      return !areRuns && occurrence.traceId === place.traceId && !isAnother(error, occurrence, place);
    })
  );
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

function runOccurrence(error: unknown, run: object, place: FailurePlace): Occurrence | undefined {
  const failures = runs.get(run);
  if (isObject(error)) return failures?.objects.get(error);
  return failures?.values.get(error)?.findLast((occurrence) => !isAnother(error, occurrence, place));
}

function occurrencesOf(error: unknown): readonly Occurrence[] {
  if (isObject(error)) return occurrences.get(error) ?? [];
  return thrownValues.filter(({ value }) => Object.is(value, error)).map(({ occurrence }) => occurrence);
}

/** Whether a thrown value has an identity. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
