import type { Attributes, Span } from '@opentelemetry/api';

import { active } from './active.ts';
import { textOf } from './attributes/text.ts';
import { defined } from './config/records.ts';
import { plainAttributes } from './content/plain-attribute.ts';
import type { Redactor } from './content/redactor.ts';
import type { Breadcrumb, Captured } from './captured.ts';
import { USER_EMAIL, USER_ID, USER_IP_ADDRESS, USER_NAME, type Operation } from './semconv.ts';
import { acrossCopies } from './across-copies.ts';
import { breadcrumbsOf, extendTrail, Step, type Outcome, type Trail } from './steps.ts';
import { wallClock } from './wall-clock.ts';

/** The person a run is made for. Everything but the id leaves the process only with `sendDefaultPii`. */
export interface User {
  readonly id?: string | undefined;
  readonly email?: string | undefined;
  readonly name?: string | undefined;
  readonly ipAddress?: string | undefined;
}

/** Most scopes inside one another that are kept apart where no run is. */
const MAX_DEPTH = 20;

/** How much has happened in this process: the order of it, also where different scopes keep it. */
const order = acrossCopies('order', () => ({ lastNumber: 0 }));

/** What a span of the SDK that is sampled knows of its times: asking it costs less than asking the clock. */
interface SpanTimes extends Span {
  readonly startTime?: unknown;
  readonly endTime?: unknown;
}

/**
 * What an application says about the work at hand: user, tags, contexts and breadcrumbs. A scope inside
 * another one sees what the outer one knows, and keeps its own to itself.
 */
export class Scope {
  // Not private names: the scope around may be one that another copy of this package has made.
  private said: SaidAttributes | undefined;
  private readonly outer: Scope | undefined;
  /** How many scopes are around it. */
  private readonly depth: number;
  private user: User | undefined;
  private tags: Record<string, string> | undefined;
  private contexts: Record<string, Readonly<Record<string, unknown>>> | undefined;
  private trail: Trail | undefined;

  constructor(outer?: Scope) {
    this.outer = outer;
    this.said = outer?.said;
    this.depth = outer === undefined ? 0 : outer.depth + 1;
  }

  /**
   * A scope for work outside of runs. Where very many are inside one another, requests start one another, and most of
   * them are over.
   */
  static outsideOfRuns(around: Scope): Scope {
    return around.depth >= MAX_DEPTH ? Scope.outliving(around) : new Scope(around);
  }

  /**
   * A scope for work that has outlived its run: what was said there holds, but its steps are not part of the new one.
   * It stands directly in the outermost scope, so that runs that start one another make no chain.
   */
  static outliving(ended: Scope): Scope {
    const [outermost, ...inner] = Scope.fromOutermost(ended);
    const scope = new Scope(outermost);
    scope.said = ended.said;
    scope.user = inner.map((each) => each.user).findLast((known) => known !== undefined);
    scope.tags = Object.assign({}, ...inner.map((each) => each.tags)) as Record<string, string>;
    scope.contexts = Object.assign({}, ...inner.map((each) => each.contexts)) as Captured['contexts'];
    return scope;
  }

  /** User and tags as span attributes, those of the outer scope included, without secrets. */
  attributes(redactor: Redactor): Attributes | undefined {
    return this.said?.without(redactor);
  }

  setUser(user: User | null): void {
    const { id, email, name, ipAddress } = user ?? {};
    this.user = defined({ id: textOf(id), email: textOf(email), name: textOf(name), ipAddress: textOf(ipAddress) });
    const {
      [USER_ID]: _id,
      [USER_EMAIL]: _email,
      [USER_NAME]: _name,
      [USER_IP_ADDRESS]: _ip,
      ...others
    } = {
      ...this.said?.given,
    };
    const known = this.user.id === undefined ? others : { ...others, [USER_ID]: this.user.id };
    this.said = new SaidAttributes(known, personalAttributes(this.user));
  }

  setTag(name: string, value: string | number | boolean): void {
    this.tags = { ...this.tags, [name]: String(value) };
    const { [name]: _personal, ...personal } = { ...this.said?.personal };
    this.said = new SaidAttributes({ ...this.said?.given, [name]: value }, personal);
  }

  setContext(name: string, context: Readonly<Record<string, unknown>> | null): void {
    this.contexts = { ...this.contexts, [name]: context ?? {} };
  }

  /** Adds what is said on the way. */
  addBreadcrumb(said: Breadcrumb): void {
    extendTrail((this.trail ??= []), { said, number: (order.lastNumber += 1) });
  }

  /**
   * Says that an operation begins. In a trace that is not sampled it has no time: remembering it costs next to nothing,
   * asking the clock does not, and a run that goes well has no use for either.
   */
  beginStep(operation: Operation, name: string, span: Span): Step {
    const startedAt = (span as SpanTimes).startTime ?? (span.isRecording() ? wallClock() : undefined);
    const step = new Step(operation, name, startedAt, (order.lastNumber += 1));
    extendTrail((this.trail ??= []), step);
    return step;
  }

  /** Says how it ended; its span has ended by then. What did not go well has its time in every trace. */
  endStep(step: Step, outcome: Outcome, span: Span): void {
    const isFree = step.startedAt === undefined && outcome === 'done';
    step.endedAt = (span as SpanTimes).endTime ?? (isFree ? undefined : wallClock());
    step.outcome = outcome;
    step.endNumber = order.lastNumber += 1;
  }

  /** Everything known here and in the scopes around it, in the form an Issue takes. */
  read(): Pick<Captured, 'tags' | 'contexts' | 'breadcrumbs' | 'user'> {
    const scopes = Scope.fromOutermost(this);
    const user = scopes.map((scope) => scope.user).findLast((known) => known !== undefined);
    return {
      tags: Object.assign({}, ...scopes.map((scope) => scope.tags)) as Record<string, string>,
      contexts: Object.assign({}, ...scopes.map((scope) => scope.contexts)) as Captured['contexts'],
      breadcrumbs: breadcrumbsOf(scopes.flatMap((scope) => (scope.trail === undefined ? [] : [scope.trail]))),
      ...(user === undefined ? undefined : { user: issueUser(user) }),
    };
  }

  private static fromOutermost(innermost: Scope): Scope[] {
    const scopes: Scope[] = [];
    for (let scope: Scope | undefined = innermost; scope !== undefined; scope = scope.outer) scopes.push(scope);
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
  return defined({ [USER_EMAIL]: email, [USER_NAME]: name, [USER_IP_ADDRESS]: ipAddress });
}

function issueUser({ id, email, name, ipAddress }: User): NonNullable<Captured['user']> {
  return defined(active().sendDefaultPii ? { id, email, username: name, ip_address: ipAddress } : { id });
}
