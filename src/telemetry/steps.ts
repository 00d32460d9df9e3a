import type { Breadcrumb } from './captured.ts';
import { OPERATIONS, type Operation } from './semconv.ts';

/** Newest breadcrumbs that are told of a run. */
const MAX_BREADCRUMBS = 100;

/** How an operation ended. */
export type Outcome = 'done' | 'failed' | 'aborted';

/**
 * An operation of a run, as breadcrumbs tell of it: that it began, and how it ended. They are made when a failure
 * asks for them; until then it costs next to nothing. It keeps nothing of the span, whose content may be large.
 */
export class Step {
  readonly operation: Operation;
  readonly name: string;
  /** A time of the SDK, epoch milliseconds, or nothing: nobody asked the clock. */
  readonly startedAt: unknown;
  /** What came before it has a lower number. */
  readonly number: number;
  endedAt: unknown = undefined;
  /** Absent while it goes on. */
  outcome: Outcome | undefined = undefined;
  /** What came before its end has a lower number; 0 while it goes on. */
  endNumber = 0;

  constructor(operation: Operation, name: string, startedAt: unknown, number: number) {
    this.operation = operation;
    this.name = name;
    this.startedAt = startedAt;
    this.number = number;
  }
}

/** What was said on the way. Without a time it begins with whatever comes next, and has the time of that. */
export interface Remark {
  readonly said: Breadcrumb;
  readonly number: number;
}

/** What happened in a scope, in the order in which it began. */
export type Trail = (Step | Remark)[];

/** Most steps that are kept although more has begun since than may be told: how they end may be told yet. */
const MAX_LONG = 50;

/** Adds to a trail, of which little more is kept than may be told. */
export function extendTrail(trail: Trail, entry: Step | Remark): void {
  trail.push(entry);
  // Twice the bound before it is cut, so that most additions move nothing.
  if (trail.length < 2 * MAX_BREADCRUMBS) return;
  const older = trail.splice(0, MAX_BREADCRUMBS);
  const since = trail[0]!.number;
  trail.unshift(...older.filter((entry) => isLong(entry, since)).slice(-MAX_LONG));
}

/** Whether an entry is a step that has not ended, or not before what has this number. */
function isLong(entry: Step | Remark, since: number): boolean {
  return !('said' in entry) && (entry.endNumber === 0 || entry.endNumber > since);
}

/** The newest breadcrumbs of several trails, oldest first. */
export function breadcrumbsOf(trails: readonly Trail[]): readonly Breadcrumb[] {
  const begun = trails.length === 1 ? trails[0]! : trails.flat().toSorted((one, other) => one.number - other.number);
  const ended = begun.filter(hasEnded).toSorted((one, other) => one.endNumber - other.endNumber);
  const newestFirst: Breadcrumb[] = [];
  // From the back, because of very many only the newest are told, and what has no time of its own has that of the next.
  for (let entry = begun.length - 1, end = ended.length - 1; entry >= 0 && newestFirst.length < MAX_BREADCRUMBS;) {
    const step = ended[end];
    if (step !== undefined && step.endNumber > begun[entry]!.number) {
      newestFirst.push(endOf(step));
      end -= 1;
    } else {
      newestFirst.push(beginningOf(begun[entry]!, newestFirst.at(-1)));
      entry -= 1;
    }
  }
  return newestFirst.toReversed();
}

function hasEnded(entry: Step | Remark): entry is Step {
  return !('said' in entry) && entry.outcome !== undefined;
}

function beginningOf(entry: Step | Remark, next: Breadcrumb | undefined): Breadcrumb {
  if (!('said' in entry)) return infoOf(OPERATIONS[entry.operation].sentryOp, entry.name, epochMs(entry.startedAt));
  const { said } = entry;
  return said.timestampMs === undefined ? { ...said, timestampMs: next?.timestampMs } : said;
}

function endOf({ operation, name, endedAt, outcome }: Step): Breadcrumb {
  const info = infoOf(OPERATIONS[operation].sentryOp, `${name}: ${outcome}`, epochMs(endedAt));
  return outcome === 'failed' ? { ...info, level: 'error' } : info;
}

function infoOf(category: string, message: string, timestampMs: number | undefined): Breadcrumb {
  return { timestampMs, category, message, level: 'info' };
}

/**
 * Milliseconds of a time of the SDK, which is seconds and nanoseconds, or of one of ours. Whole ones, as the clock has
 * that dates what comes next: a fraction more, and a step would have ended after that.
 */
function epochMs(time: unknown): number | undefined {
  if (typeof time === 'number') return time;
  const [seconds, nanoseconds] = Array.isArray(time) ? (time as readonly unknown[]) : [];
  const isTime = typeof seconds === 'number' && typeof nanoseconds === 'number';
  return isTime ? seconds * 1_000 + Math.floor(nanoseconds / 1_000_000) : undefined;
}
