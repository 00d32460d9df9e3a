import { AsyncLocalStorage } from 'node:async_hooks';

import { active } from '../active.ts';
import type { ContentPolicy } from '../content/policy.ts';
import type { CapturedFailure, CapturedMessage } from '../captured.ts';
import { causesAndMembersOf, type LinkedError } from '../linked-errors.ts';
import { guard } from '../guard.ts';
import { isObject } from '../recorded-failures.ts';
import { createEvent, errorsOf } from './event.ts';
import type { SentryBreadcrumb, SentryEvent } from './sentry-event.ts';

/** A Sentry SDK the application has initialised in this process: it sends our failures as Issues of its own. */
export interface SentrySdk {
  /**
   * Hands over what was captured; the SDK's own options and hooks decide what becomes of it. An error the
   * SDK has captured before is not captured again, and one that is handed over here, not a second time by
   * the SDK. Answers the id of the event the SDK makes of it, if any. Never throws.
   */
  readonly capture: (captured: CapturedFailure | CapturedMessage) => string | undefined;
  /**
   * Keeps an error for later: until then the SDK makes no Issue of it, whoever gives it to it. One the SDK has
   * captured before stays with it. Answers a `capture` that says of the request, its user and its scope what holds
   * now and here, wherever it is called. Never throws.
   */
  reserve(error: unknown): SentrySdk['capture'];
  /** Whether everything that waited was sent in time. Never rejects. */
  flush(timeoutMs: number): Promise<boolean>;
}

/** The versions whose globals are known. */
const KNOWN_VERSION = /^1[01]\./;

/** Newest breadcrumbs of an event, as many as the SDK keeps by default. */
const MAX_BREADCRUMBS = 100;

/**
 * Finds `@sentry/node` 10 or 11, or an SDK built on it, where it leaves itself on the global object. Answers
 * `undefined` when there is none, or when it is closed, disabled or has no DSN. Never throws.
 *
 * Cheap enough to ask for each failure, as it must be: an application may initialise the SDK later, and
 * which client is in force depends on where the code runs.
 */
export function findSentrySdk(): SentrySdk | undefined {
  try {
    const { __SENTRY__: carriers } = globalThis as { __SENTRY__?: unknown };
    // Two copies of the SDK have a carrier each; the first one that can send is taken.
    for (const [version, carrier] of Object.entries(carriers ?? {})) {
      if (!KNOWN_VERSION.test(version)) continue;
      const client = currentScope(carrier)?.getClient();
      if (isClient(client) && isSending(client)) return connect(client, carrier);
    }
  } catch {
    // Whatever lives under that name is not the SDK we know.
  }
  return undefined;
}

/** What is used of a scope (`@sentry/core`, `scope.ts`). */
interface Scope {
  getClient(): unknown;
  clone(): Scope;
  setFingerprint(fingerprint: readonly string[]): unknown;
  addEventProcessor(process: (event: SdkEvent) => SdkEvent): unknown;
}

/** What is used of a client (`@sentry/core`, `client.ts`). */
interface Client {
  getOptions(): { readonly enabled?: boolean };
  getDsn(): unknown;
  getTransport(): unknown;
  captureException(error: unknown, hint: object, scope: Scope): unknown;
  captureMessage(message: string, level: string, hint: object, scope: Scope): unknown;
  flush(timeoutMs: number): PromiseLike<boolean>;
}

/** An event on its way through the SDK. Whatever else is in it stays. */
interface SdkEvent {
  /** Whatever a processor of the application has made of it. */
  readonly fingerprint?: unknown;
  readonly breadcrumbs?: readonly SentryBreadcrumb[];
  readonly contexts?: SentryEvent['contexts'];
  readonly tags?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly sdkProcessingMetadata?: object;
}

const SCOPE_METHODS = ['getClient', 'clone', 'setFingerprint', 'addEventProcessor'] as const;
const CLIENT_METHODS = ['getOptions', 'getDsn', 'getTransport', 'captureException', 'captureMessage', 'flush'] as const;

/** The scope of the code that is running now. */
function currentScope(carrier: unknown): Scope | undefined {
  const { acs } = carrier as { acs?: { getCurrentScope?: () => unknown } };
  const scope = acs?.getCurrentScope?.();
  return hasMethods(scope, SCOPE_METHODS) ? (scope as unknown as Scope) : undefined;
}

/** Does something within the scope of a request, which the SDK looks up by itself. Never throws. */
type InRequest = (run: () => string | undefined) => string | undefined;

/** The scope of the request as it is now. Without a strategy that keeps it, it is what it is when it is looked up. */
function requestNow(carrier: unknown): InRequest | undefined {
  const { acs } = carrier as { acs?: unknown };
  if (!hasMethods(acs, ['getIsolationScope', 'withSetIsolationScope'])) return undefined;
  const strategy = acs as unknown as Strategy;
  const request = strategy.getIsolationScope().clone();
  return (run) => guard(() => strategy.withSetIsolationScope(request, run));
}

/** What is used of the way the SDK keeps scopes (`@sentry/core`, `asyncContext/types.ts`). */
interface Strategy {
  getIsolationScope(): Scope;
  withSetIsolationScope<T>(scope: Scope, run: () => T): T;
}

function isClient(client: unknown): client is Client {
  return hasMethods(client, CLIENT_METHODS);
}

function isSending(client: Client): boolean {
  // While it is being closed it still says that it is enabled (11.x).
  if (Symbol.for('SentryClosedClient') in client) return false;
  return client.getOptions().enabled !== false && client.getDsn() !== undefined && client.getTransport() !== undefined;
}

function hasMethods<Name extends string>(value: unknown, names: readonly Name[]): value is Record<Name, () => unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function');
}

function connect(client: Client, carrier: unknown): SentrySdk {
  const captureWith = (scope: Scope | undefined, captured: CapturedFailure | CapturedMessage): string | undefined => {
    try {
      if (scope === undefined) return undefined;
      const id =
        'message' in captured ? captureMessage(client, scope, captured) : captureFailure(client, scope, captured);
      return typeof id === 'string' ? id : undefined;
    } catch {
      // An Issue is lost; the application must not notice.
      return undefined;
    }
  };

  return {
    capture: (captured) => captureWith(currentScope(carrier), captured),
    reserve(error) {
      mark(error);
      // What is said in this scope later is about something else.
      const scope = guard(() => currentScope(carrier)?.clone());
      const inThisRequest = guard(() => requestNow(carrier)) ?? ((run) => run());
      const inThisContext = AsyncLocalStorage.snapshot();
      return (captured) =>
        inThisContext(() => inThisRequest(() => captureWith(scope ?? currentScope(carrier), captured)));
    },
    async flush(timeoutMs) {
      try {
        // The SDK takes 0 for no limit.
        return await client.flush(Math.max(1, timeoutMs));
      } catch {
        return false;
      }
    },
  };
}

function captureFailure(client: Client, current: Scope, captured: CapturedFailure): unknown {
  const { error, mechanism, handled, policy = active().content } = captured;
  if (isMarked(error) && !isOurs(error)) return undefined;
  const copy = copyOf(errorsOf(captured, policy), policy);
  const hint = { originalException: copy, data: { mechanism: { type: mechanism, handled } } };
  const id = client.captureException(copy, hint, scopeFor(eventOf(captured), current));
  // The Issue tells of all of them.
  for (const linked of [error, ...causesAndMembersOf(error)]) mark(linked);
  return id;
}

function captureMessage(client: Client, current: Scope, captured: CapturedMessage): unknown {
  const event = eventOf(captured);
  return client.captureMessage(event.logentry?.formatted ?? '', event.level, {}, scopeFor(event, current));
}

/** The event we would have sent. What it says of the process is left to the SDK. */
function eventOf(captured: CapturedFailure | CapturedMessage): SentryEvent {
  return createEvent(captured, { environment: '', resource: {} });
}

/** A scope for one event, which makes of it what we would have sent. */
function scopeFor(known: SentryEvent, current: Scope): Scope {
  const scope = current.clone();
  // Before the SDK drops what looks like the event before: the same error of another tool is another problem, and so is
  // the end it comes to after it was survived.
  scope.setFingerprint([...known.fingerprint, levelMark(known)]);
  // Last of all processors: until then the SDK writes the span it takes for the active one into the event.
  scope.addEventProcessor((event) => complete(event, known));
  return scope;
}

/** Tells events of one Issue apart for the SDK alone. */
function levelMark({ level }: SentryEvent): string {
  return `faultline.level:${level}`;
}

/** A processor of the application may have joined the parts. What throws in one loses the event. */
function withoutMark(fingerprint: unknown, mark: string): unknown {
  const unmarked = (part: unknown): unknown => (typeof part === 'string' ? part.replaceAll(mark, '') : part);
  return Array.isArray(fingerprint) ? fingerprint.filter((part) => part !== mark).map(unmarked) : unmarked(fingerprint);
}

function complete(event: SdkEvent, known: SentryEvent): SdkEvent {
  const { level, timestamp, logger, tags, transaction, user, breadcrumbs } = known;
  const { runtime: _runtime, os: _os, app: _app, trace, ...contexts } = known.contexts;
  return {
    ...event,
    fingerprint: withoutMark(event.fingerprint, levelMark(known)),
    level,
    timestamp,
    logger,
    tags: { ...event.tags, ...tags },
    ...(transaction === undefined ? undefined : { transaction }),
    ...(user === undefined ? undefined : { user: sameUser(event.user, user) ? { ...event.user, ...user } : user }),
    contexts: { ...event.contexts, ...contexts, ...(trace === undefined ? undefined : { trace }) },
    breadcrumbs: inOrder(event.breadcrumbs ?? [], breadcrumbs?.values ?? []).slice(-MAX_BREADCRUMBS),
    ...(trace === undefined ? undefined : { sdkProcessingMetadata: withoutSampling(event.sdkProcessingMetadata) }),
  } as SdkEvent;
}

/** Breadcrumbs of the SDK and ours, by their times. One without a time comes before the next of its own kind. */
function inOrder(theirs: readonly SentryBreadcrumb[], ours: readonly SentryBreadcrumb[]): readonly SentryBreadcrumb[] {
  const timed = [theirs, ours].flatMap((breadcrumbs) => {
    let next = Infinity;
    return breadcrumbs
      .toReversed()
      .map((breadcrumb) => ({ breadcrumb, time: (next = breadcrumb.timestamp ?? next) }))
      .toReversed();
  });
  return timed
    .toSorted((one, other) => (one.time < other.time ? -1 : Number(one.time > other.time)))
    .map(({ breadcrumb }) => breadcrumb);
}

/** Whether the SDK and Faultline were told of the same person: then their facts add up. */
function sameUser(known: SdkEvent['user'], user: NonNullable<SentryEvent['user']>): boolean {
  const id = known?.['id'];
  return id === undefined || id === user.id;
}

/** The sampling context is that of the SDK's trace, and would be sent as that of ours. */
function withoutSampling(metadata: object | undefined): object {
  return { ...metadata, dynamicSamplingContext: undefined };
}

/**
 * The property by which the SDK knows an error it has captured (`@sentry/core`, `checkOrSetAlreadyCaught`).
 * Its handlers of uncaught errors look at it as well.
 */
const CAPTURED = '__sentry_captured__';

/** The errors that were marked here. */
const ours = new WeakSet<object>();

function isMarked(error: unknown): boolean {
  return guard(() => Boolean((error as { readonly [CAPTURED]?: unknown } | null | undefined)?.[CAPTURED])) === true;
}

function isOurs(error: unknown): boolean {
  return isObject(error) && ours.has(error);
}

function mark(error: unknown): void {
  if (!isObject(error) || isMarked(error)) return;
  try {
    Object.defineProperty(error, CAPTURED, { value: true, configurable: true, writable: true });
    ours.add(error);
  } catch {
    // A frozen error stays unknown to the SDK, as its own would.
  }
}

/**
 * The error, its causes and members with class, safe message and stack, and nothing else. The SDK sends
 * messages as they are, and integrations of its own and of the application read every property of an error:
 * those of model SDKs hold the whole request.
 */
function copyOf(linked: readonly LinkedError[], policy: ContentPolicy): Error {
  const copies = linked.map((error) => copyOfOne(error, policy));
  for (const { relation, index, parentIndex } of linked) {
    const parent = parentIndex === undefined ? undefined : copies[parentIndex];
    const copy = copies[index];
    if (parent === undefined || copy === undefined) continue;
    if (relation === 'cause') define(parent, 'cause', copy);
    else define(parent, 'errors', [...((parent as Partial<AggregateError>).errors ?? []), copy]);
  }
  return copies[0]!;
}

function copyOfOne({ type, message, frames = [] }: LinkedError, { secretsRedactor }: ContentPolicy): Error {
  const copy = new Error(message);
  define(copy, 'name', type);
  define(copy, 'stack', [`${type}: ${message}`, ...frames.map((line) => secretsRedactor.text(line))].join('\n'));
  return copy;
}

/** Like the properties an error has by itself, it is not enumerated. */
function define(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, configurable: true, writable: true });
}
