import { active } from '../active.ts';
import { defined } from '../config/records.ts';
import { VERSION } from '../config/version.ts';
import {
  linkedErrors,
  type Breadcrumb,
  type Captured,
  type CapturedFailure,
  type CapturedMessage,
} from '../failure.ts';
import { SCOPE_NAME } from '../semconv.ts';
import { exceptionValues } from './exceptions.ts';
import { failureFingerprint, messageFingerprint } from './fingerprint.ts';
import { plainRecord, safeText } from './plain-values.ts';
import { runtimeContexts, serverName } from './runtime-contexts.ts';
import type { SentryBreadcrumb, SentryEvent, SentryUser } from './sentry-event.ts';
import { issueTags } from './tags.ts';

export type { SentryEvent } from './sentry-event.ts';

/** What every Issue of this process says. */
export interface IssueEnvironment {
  readonly release?: string;
  readonly environment: string;
  /** Default: `host.name` of the resource, else the name of the machine. */
  readonly serverName?: string;
  readonly resource: Readonly<Record<string, unknown>>;
}

/** Newest breadcrumbs that are sent. */
const MAX_BREADCRUMBS = 100;
/** Longest transaction name Relay stores. */
const MAX_TRANSACTION = 200;

/**
 * The Sentry event of a failure or a message, ready to be sent. Never throws, whatever was thrown.
 *
 * Of an error it takes class, message and stack of itself, its causes and its members, and nothing else:
 * errors of model SDKs carry the whole request in properties of their own.
 *
 * @see https://develop.sentry.dev/sdk/foundations/data-model/event-payloads/
 */
export function createEvent(captured: CapturedFailure | CapturedMessage, environment: IssueEnvironment): SentryEvent {
  const tags = readable(() => issueTags(captured.tags)) ?? {};
  const happening = readable(() => ('message' in captured ? message(captured, tags) : failure(captured, tags)));
  return { ...circumstances(captured, tags, environment), ...(happening ?? unreadable()) };
}

/** What happened, as opposed to when, where and to whom. */
type Happening = Pick<SentryEvent, 'fingerprint' | 'exception' | 'logentry'>;

function failure(captured: CapturedFailure, tags: Readonly<Record<string, string>>): Happening {
  const { error, point, mechanism: type, handled } = captured;
  const [itself, ...others] = linkedErrors(error, active().content);
  const thrownError = { ...itself!, message: captured.safeMessage ?? itself!.message };
  const values = exceptionValues([thrownError, ...others], { type, handled });
  const thrown = values.at(-1)!;
  const frames = thrown.stacktrace?.frames ?? [];
  const fingerprint = failureFingerprint({ point, error, type: thrown.type, message: thrown.value, frames, tags });
  return { fingerprint, exception: { values } };
}

function message(captured: CapturedMessage, tags: Readonly<Record<string, string>>): Happening {
  const formatted = safeText(captured.message);
  return { fingerprint: messageFingerprint(formatted, tags), logentry: { formatted } };
}

function unreadable(): Happening {
  return { fingerprint: ['unreadable'], logentry: { formatted: 'what was captured could not be read' } };
}

function circumstances(
  captured: Captured & Partial<CapturedFailure>,
  tags: SentryEvent['tags'],
  environment: IssueEnvironment,
): Omit<SentryEvent, keyof Happening> {
  const { occurredAtMs, level, transaction, user } = captured;
  const breadcrumbs = readable(() => eventBreadcrumbs(captured.breadcrumbs)) ?? [];
  return {
    event_id: crypto.randomUUID().replaceAll('-', ''),
    timestamp: occurredAtMs / 1000,
    platform: 'node',
    level,
    logger: SCOPE_NAME,
    environment: environment.environment,
    ...defined({
      transaction: transaction?.slice(0, MAX_TRANSACTION).toWellFormed(),
      server_name: environment.serverName ?? readable(() => serverName(environment.resource)),
      release: environment.release,
      user: user && readable(() => eventUser(user)),
      breadcrumbs: breadcrumbs.length === 0 ? undefined : { values: breadcrumbs },
    }),
    tags,
    contexts: eventContexts(captured, tags['run_id'], environment),
    sdk: { name: SCOPE_NAME, version: VERSION },
  };
}

/** The fields Sentry knows, whatever else the object holds. */
function eventUser(user: NonNullable<Captured['user']>): SentryUser {
  const { id, email, username, ip_address } = user;
  return defined({ id, email, username, ip_address });
}

/** The contexts of the application, with ours added to them. Where the failure happened is ours to say. */
function eventContexts(
  { contexts, point, trace }: Captured & Partial<CapturedFailure>,
  runId: string | undefined,
  { resource }: IssueEnvironment,
): SentryEvent['contexts'] {
  const { trace: _, ...given } = givenContexts(contexts);
  const { runtime, os, app } = readable(() => runtimeContexts(resource)) ?? {};
  const known = defined({ failure_point: point, run_id: runId });
  return {
    ...given,
    runtime: { ...runtime, ...given['runtime'] },
    os: { ...os, ...given['os'] },
    app: { ...app, ...given['app'] },
    ...defined({
      faultline: Object.keys(known).length === 0 ? undefined : { ...given['faultline'], ...known },
      trace: trace && traceContext(trace),
    }),
  };
}

function givenContexts(contexts: Captured['contexts']): SentryEvent['contexts'] {
  const names = readable(() => Object.keys(contexts)) ?? [];
  return Object.fromEntries(names.map((name) => [name, readable(() => plainRecord(contexts[name]!)) ?? {}]));
}

function traceContext(trace: NonNullable<Captured['trace']>): Record<string, string> {
  const { traceId, spanId, parentSpanId, op, status } = trace;
  return { trace_id: traceId, span_id: spanId, ...defined({ parent_span_id: parentSpanId, op, status }) };
}

function eventBreadcrumbs(breadcrumbs: readonly Breadcrumb[]): SentryBreadcrumb[] {
  return breadcrumbs
    .slice(-MAX_BREADCRUMBS)
    .map((breadcrumb) => readable(() => eventBreadcrumb(breadcrumb)))
    .filter((breadcrumb) => breadcrumb !== undefined);
}

function eventBreadcrumb({ timestampMs, type, category, message, level, data }: Breadcrumb): SentryBreadcrumb {
  return {
    timestamp: timestampMs / 1000,
    category,
    ...(type === undefined ? undefined : { type }),
    ...(message === undefined ? undefined : { message: safeText(message) }),
    ...(level === undefined ? undefined : { level }),
    ...(data === undefined ? undefined : { data: plainRecord(data) }),
  };
}

/** Reads what an application has handed over. What fails in that is left out, and the rest is sent. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
