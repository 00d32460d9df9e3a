import type { Attributes, Span } from '@opentelemetry/api';

import { active } from './active.ts';
import { textOf } from './attributes/text.ts';
import { defined } from './config/records.ts';
import { plainAttributes } from './content/plain-attribute.ts';
import type { Redactor } from './content/redactor.ts';
import type { Breadcrumb, Captured } from './captured.ts';
import { OPERATIONS, USER_EMAIL, USER_ID, USER_IP_ADDRESS, USER_NAME, type Operation } from './semconv.ts';

/** The person a run is made for. Everything but the id leaves the process only with `sendDefaultPii`. */
export interface User {
  readonly id?: string;
  readonly email?: string;
  readonly name?: string;
  readonly ipAddress?: string;
}

/** Newest breadcrumbs that are kept of a run. */
const MAX_BREADCRUMBS = 100;

/** Most scopes inside one another that are kept apart where no run is. */
const MAX_DEPTH = 20;

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
  endedAt: unknown = undefined;
  /** Absent while it goes on. */
  outcome: Outcome | undefined = undefined;
  beginning: Breadcrumb | undefined = undefined;
  end: Breadcrumb | undefined = undefined;

  constructor(operation: Operation, name: string, startedAt: unknown) {
    this.operation = operation;
    this.name = name;
    this.startedAt = startedAt;
  }
}

/** A breadcrumb that is made at once. */
export interface DatedBreadcrumb extends Breadcrumb {
  readonly timestampMs: number;
}

/** What begins with whatever comes next, and has its time. */
export interface Beginning {
  readonly timestampMs: undefined;
  readonly category: string;
  readonly message: string;
}

/** What a scope keeps. Another copy of this package may have made it. */
type Kept = DatedBreadcrumb | Beginning | Step;

/** What a span of the SDK that is sampled knows of its times: asking it costs less than asking the clock. */
interface SpanTimes extends Span {
  readonly startTime?: unknown;
  readonly endTime?: unknown;
}

/**
 * Says that an operation begins. In a trace that is not sampled it has no time: remembering it costs next to nothing,
 * asking the clock does not, and a run that goes well pays nothing for Issues.
 */
export function beginStep(scope: Scope, operation: Operation, name: string, span: Span): Step {
  const startedAt = (span as SpanTimes).startTime ?? (span.isRecording() ? Date.now() : undefined);
  const step = new Step(operation, name, startedAt);
  scope.addBreadcrumb(step);
  return step;
}

/** Says how it ended; its span has ended by then. What did not go well has its time in every trace. */
export function endStep(scope: Scope, step: Step, outcome: Outcome, span: Span): void {
  const isFree = step.startedAt === undefined && outcome === 'done';
  step.endedAt = (span as SpanTimes).endTime ?? (isFree ? undefined : Date.now());
  step.outcome = outcome;
  scope.addBreadcrumb(step);
}

/** The breadcrumbs of what a scope has kept: a step is there when it begins, and again when it has ended. */
function breadcrumbsOf(kept: readonly Kept[]): readonly Breadcrumb[] {
  const told = new Set<Step>();
  let next: Breadcrumb | undefined;
  const breadcrumbOf = (entry: Kept): Breadcrumb => {
    if ('timestampMs' in entry) {
      return entry.timestampMs === undefined ? infoOf(entry.category, entry.message, next?.timestampMs) : entry;
    }
    if (entry.outcome === undefined || told.has(entry)) return beginning(entry);
    told.add(entry);
    return end(entry, entry.outcome);
  };
  return kept
    .toReversed()
    .map((entry) => (next = breadcrumbOf(entry)))
    .toReversed();
}

function beginning(step: Step): Breadcrumb {
  step.beginning ??= infoOf(OPERATIONS[step.operation].sentryOp, step.name, epochMs(step.startedAt));
  return step.beginning;
}

function end(step: Step, outcome: Outcome): Breadcrumb {
  if (step.end !== undefined) return step.end;
  const info = infoOf(OPERATIONS[step.operation].sentryOp, `${step.name}: ${outcome}`, epochMs(step.endedAt));
  step.end = outcome === 'failed' ? { ...info, level: 'error' } : info;
  return step.end;
}

function infoOf(category: string, message: string, timestampMs: number | undefined): Breadcrumb {
  const level = 'info';
  return timestampMs === undefined ? { category, message, level } : { timestampMs, category, message, level };
}

/** Milliseconds of a time of the SDK, which is seconds and nanoseconds, or of one of ours. */
function epochMs(time: unknown): number | undefined {
  if (typeof time === 'number') return time;
  const [seconds, nanoseconds] = Array.isArray(time) ? (time as readonly unknown[]) : [];
  const isTime = typeof seconds === 'number' && typeof nanoseconds === 'number';
  return isTime ? seconds * 1_000 + nanoseconds / 1_000_000 : undefined;
}

/** How many breadcrumbs there were in this process: their order, also of those that different scopes keep. */
let breadcrumbCount = 0;

/**
 * What an application says about the work at hand: user, tags, contexts and breadcrumbs. A scope inside
 * another one sees what the outer one knows, and keeps its own to itself.
 */
export class Scope {
  #said: SaidAttributes | undefined;
  readonly #outer: Scope | undefined;
  /** How many scopes are around it. */
  readonly #depth: number;
  #user: User | undefined;
  #tags: Record<string, string> | undefined;
  #contexts: Record<string, Readonly<Record<string, unknown>>> | undefined;
  #breadcrumbs: Kept[] | undefined;
  /** The number of each of them. */
  #numbers: number[] | undefined;

  constructor(outer?: Scope) {
    // Nothing can be read of one that another copy of this package has made.
    this.#outer = outer !== undefined && #said in outer ? outer : undefined;
    this.#said = this.#outer === undefined ? undefined : this.#outer.#said;
    this.#depth = this.#outer === undefined ? 0 : this.#outer.#depth + 1;
  }

  /**
   * A scope for work outside of runs. Where very many are inside one another, requests start one another, and most of
   * them are over.
   */
  static outsideOfRuns(around: Scope): Scope {
    return #said in around && around.#depth >= MAX_DEPTH ? Scope.outliving(around) : new Scope(around);
  }

  /**
   * A scope for work that has outlived its run: what was said there holds, but its steps are not part of the new one.
   * It stands directly in the outermost scope, so that runs that start one another make no chain.
   */
  static outliving(ended: Scope): Scope {
    if (!(#said in ended)) return new Scope();
    const [outermost, ...inner] = ended.#fromOutermost();
    const scope = new Scope(outermost);
    scope.#said = ended.#said;
    scope.#user = inner.map((each) => each.#user).findLast((known) => known !== undefined);
    scope.#tags = Object.assign({}, ...inner.map((each) => each.#tags)) as Record<string, string>;
    scope.#contexts = Object.assign({}, ...inner.map((each) => each.#contexts)) as Captured['contexts'];
    return scope;
  }

  /** User and tags as span attributes, those of the outer scope included, without secrets. */
  attributes(redactor: Redactor): Attributes | undefined {
    return this.#said?.without(redactor);
  }

  setUser(user: User | null): void {
    const { id, email, name, ipAddress } = user ?? {};
    this.#user = defined({ id: textOf(id), email: textOf(email), name: textOf(name), ipAddress: textOf(ipAddress) });
    const {
      [USER_ID]: _id,
      [USER_EMAIL]: _email,
      [USER_NAME]: _name,
      [USER_IP_ADDRESS]: _ip,
      ...others
    } = {
      ...this.#said?.given,
    };
    const known = this.#user.id === undefined ? others : { ...others, [USER_ID]: this.#user.id };
    this.#said = new SaidAttributes(known, personalAttributes(this.#user));
  }

  setTag(name: string, value: string | number | boolean): void {
    this.#tags = { ...this.#tags, [name]: String(value) };
    const { [name]: _personal, ...personal } = { ...this.#said?.personal };
    this.#said = new SaidAttributes({ ...this.#said?.given, [name]: value }, personal);
  }

  setContext(name: string, context: Readonly<Record<string, unknown>> | null): void {
    this.#contexts = { ...this.#contexts, [name]: context ?? {} };
  }

  /** Adds a breadcrumb; a step is added when it begins, and again when it has ended. */
  addBreadcrumb(breadcrumb: Kept): void {
    this.#breadcrumbs ??= [];
    this.#numbers ??= [];
    this.#breadcrumbs.push(breadcrumb);
    this.#numbers.push((breadcrumbCount += 1));
    // Twice the bound before it is cut, so that most additions move nothing.
    if (this.#breadcrumbs.length < 2 * MAX_BREADCRUMBS) return;
    this.#breadcrumbs.splice(0, MAX_BREADCRUMBS);
    this.#numbers.splice(0, MAX_BREADCRUMBS);
  }

  /** Everything known here and in the scopes around it, in the form an Issue takes. */
  read(): Pick<Captured, 'tags' | 'contexts' | 'breadcrumbs' | 'user'> {
    const scopes = this.#fromOutermost();
    const user = scopes.map((scope) => scope.#user).findLast((known) => known !== undefined);
    return {
      tags: Object.assign({}, ...scopes.map((scope) => scope.#tags)) as Record<string, string>,
      contexts: Object.assign({}, ...scopes.map((scope) => scope.#contexts)) as Captured['contexts'],
      breadcrumbs: breadcrumbsOf(Scope.#inOrder(scopes).slice(-MAX_BREADCRUMBS)),
      ...(user === undefined ? undefined : { user: issueUser(user) }),
    };
  }

  static #inOrder(scopes: readonly Scope[]): readonly Kept[] {
    const keeping = scopes.filter((scope) => scope.#breadcrumbs !== undefined);
    if (keeping.length === 1) return keeping[0]!.#breadcrumbs!;
    const numbered = keeping.flatMap((scope) => scope.#numbered());
    return numbered.toSorted((one, other) => one.number - other.number).map(({ kept }) => kept);
  }

  #numbered(): { readonly kept: Kept; readonly number: number }[] {
    return (this.#breadcrumbs ?? []).map((kept, index) => ({ kept, number: this.#numbers![index]! }));
  }

  #fromOutermost(): Scope[] {
    const scopes: Scope[] = [];
    // oxlint-disable-next-line typescript/no-this-alias -- the walk starts here
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.#outer) scopes.push(scope);
    return scopes.toReversed();
  }
}

/** What all spans of a scope say, made safe for the first of them. */
class SaidAttributes {
  readonly given: Attributes;
  /** What is said besides while `sendDefaultPii` holds. */
  readonly personal: Attributes;
  #safe: { readonly redactor: Redactor; readonly isPersonal: boolean; readonly attributes: Attributes } | undefined;

  constructor(given: Attributes, personal: Attributes) {
    this.given = given;
    this.personal = personal;
  }

  /** Without what this redactor takes out, and what may not be said now: both change when tracing is set up anew. */
  without(redactor: Redactor): Attributes {
    const isPersonal = active().sendDefaultPii;
    if (this.#safe?.redactor !== redactor || this.#safe.isPersonal !== isPersonal) {
      const said = isPersonal ? { ...this.given, ...this.personal } : this.given;
      this.#safe = { redactor, isPersonal, attributes: plainAttributes(said, redactor) };
    }
    return this.#safe.attributes;
  }
}

function personalAttributes({ email, name, ipAddress }: User): Attributes {
  const attributes: Attributes = {};
  if (email !== undefined) attributes[USER_EMAIL] = email;
  if (name !== undefined) attributes[USER_NAME] = name;
  if (ipAddress !== undefined) attributes[USER_IP_ADDRESS] = ipAddress;
  return attributes;
}

function issueUser({ id, email, name, ipAddress }: User): NonNullable<Captured['user']> {
  const known = id === undefined ? {} : { id };
  if (!active().sendDefaultPii) return known;
  return {
    ...known,
    ...(email === undefined ? undefined : { email }),
    ...(name === undefined ? undefined : { username: name }),
    ...(ipAddress === undefined ? undefined : { ip_address: ipAddress }),
  };
}
