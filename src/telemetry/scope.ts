import type { Attributes } from '@opentelemetry/api';

import { active } from './active.ts';
import { plainAttributes } from './content/plain-attribute.ts';
import type { Redactor } from './content/redactor.ts';
import type { Breadcrumb, Captured } from './failure.ts';
import { USER_EMAIL, USER_ID, USER_IP_ADDRESS, USER_NAME } from './semconv.ts';

/** The person a run is made for. Everything but the id leaves the process only with `sendDefaultPii`. */
export interface User {
  readonly id?: string;
  readonly email?: string;
  readonly name?: string;
  readonly ipAddress?: string;
}

/** Newest breadcrumbs that are kept of a run. */
const MAX_BREADCRUMBS = 100;

/**
 * What an application says about the work at hand: user, tags, contexts and breadcrumbs. A scope inside
 * another one sees what the outer one knows, and keeps its own to itself.
 */
export class Scope {
  #said: SaidAttributes | undefined;
  readonly #outer: Scope | undefined;
  #user: User | undefined;
  #tags: Record<string, string> | undefined;
  #contexts: Record<string, Readonly<Record<string, unknown>>> | undefined;
  #breadcrumbs: Breadcrumb[] | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
    this.#said = outer === undefined ? undefined : outer.#said;
  }

  /** User and tags as span attributes, those of the outer scope included, without secrets. */
  attributes(redactor: Redactor): Attributes | undefined {
    return this.#said?.without(redactor);
  }

  setUser(user: User | null): void {
    this.#user = user ?? {};
    const {
      [USER_ID]: _id,
      [USER_EMAIL]: _email,
      [USER_NAME]: _name,
      [USER_IP_ADDRESS]: _ip,
      ...others
    } = {
      ...this.#said?.given,
    };
    this.#said = new SaidAttributes({ ...others, ...userAttributes(this.#user) });
  }

  setTag(name: string, value: string | number | boolean): void {
    this.#tags = { ...this.#tags, [name]: String(value) };
    this.#said = new SaidAttributes({ ...this.#said?.given, [name]: value });
  }

  setContext(name: string, context: Readonly<Record<string, unknown>> | null): void {
    this.#contexts = { ...this.#contexts, [name]: context ?? {} };
  }

  addBreadcrumb(breadcrumb: Breadcrumb): void {
    this.#breadcrumbs ??= [];
    this.#breadcrumbs.push(breadcrumb);
    // Twice the bound before it is cut, so that most additions move nothing.
    if (this.#breadcrumbs.length >= 2 * MAX_BREADCRUMBS) this.#breadcrumbs.splice(0, MAX_BREADCRUMBS);
  }

  /** Everything known here and in the scopes around it, in the form an Issue takes. */
  read(): Pick<Captured, 'tags' | 'contexts' | 'breadcrumbs' | 'user'> {
    const scopes = this.#fromOutermost();
    const user = scopes.map((scope) => scope.#user).findLast((known) => known !== undefined);
    const breadcrumbs = scopes.flatMap((scope) => scope.#breadcrumbs ?? []);
    return {
      tags: Object.assign({}, ...scopes.map((scope) => scope.#tags)) as Record<string, string>,
      contexts: Object.assign({}, ...scopes.map((scope) => scope.#contexts)) as Captured['contexts'],
      breadcrumbs: breadcrumbs.slice(-MAX_BREADCRUMBS),
      ...(user === undefined ? undefined : { user: issueUser(user) }),
    };
  }

  #fromOutermost(): Scope[] {
    const scopes: Scope[] = [];
    // oxlint-disable-next-line typescript/no-this-alias -- the walk starts here
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.#outer) scopes.unshift(scope);
    return scopes;
  }
}

/** What all spans of a scope say, made safe for the first of them. */
class SaidAttributes {
  readonly given: Attributes;
  #safe: { readonly redactor: Redactor; readonly attributes: Attributes } | undefined;

  constructor(given: Attributes) {
    this.given = given;
  }

  /** Without what this redactor takes out. Another one holds when tracing is set up anew. */
  without(redactor: Redactor): Attributes {
    if (this.#safe?.redactor !== redactor) {
      this.#safe = { redactor, attributes: plainAttributes(this.given, redactor) };
    }
    return this.#safe.attributes;
  }
}

function userAttributes({ id, email, name, ipAddress }: User): Attributes {
  const attributes: Attributes = {};
  if (id !== undefined) attributes[USER_ID] = id;
  if (!active().sendDefaultPii) return attributes;
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
