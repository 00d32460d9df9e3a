import type { Attributes } from '@opentelemetry/api';

import { active } from '../active.ts';
import { textOf } from '../attributes/text.ts';
import { defined } from '../config/records.ts';
import { VERSION } from '../config/version.ts';
import { safeText } from '../content/error-message.ts';
import { plainAttributes } from '../content/plain-attribute.ts';
import type { ContentPolicy } from '../content/policy.ts';
import type { Redactor } from '../content/redactor.ts';
import type { Breadcrumb, Captured, CapturedFailure, CapturedMessage } from '../captured.ts';
import { nodeModules } from '../http/node-modules.ts';
import { linkedErrors, type LinkedError } from '../linked-errors.ts';
import { SCOPE_NAME } from '../semconv.ts';
import { guard } from '../guard.ts';
import { exceptionValues } from './exceptions.ts';
import { failureFingerprint, messageFingerprint } from './fingerprint.ts';
import { plainRecord } from './plain-values.ts';
import { runtimeContexts, serverName } from './runtime-contexts.ts';
import type { SentryBreadcrumb, SentryEvent, SentryUser } from './sentry-event.ts';
import { issueTags } from './tags.ts';

/** What every Issue of this process says. */
export interface IssueEnvironment {
  readonly release?: string;
  readonly environment: string;
  readonly resource: Readonly<Record<string, unknown>>;
}

/** Newest breadcrumbs that are sent. */
const MAX_BREADCRUMBS = 100;
/** Longest transaction name Relay stores. */
const MAX_TRANSACTION = 200;

/** What happened, as opposed to when, where and to whom: all that tells one kind of failure from another. */
export type EventOutline = Pick<SentryEvent, 'level' | 'tags' | 'fingerprint' | 'exception' | 'logentry'>;

/**
 * The Sentry event of a failure or a message, ready to be sent. Never throws, whatever was thrown.
 *
 * @param outline the part of it that is known already
 * @see https://develop.sentry.dev/sdk/foundations/data-model/event-payloads/
 */
export function createEvent(
  captured: CapturedFailure | CapturedMessage,
  environment: IssueEnvironment,
  outline: EventOutline = outlineOf(captured),
): SentryEvent {
  return { ...outline, ...circumstances(captured, outline.tags, environment) };
}

/**
 * The part of an event that takes a fraction of the work. Never throws.
 *
 * Of an error it takes class, message and stack of itself, its causes and its members, and nothing else:
 * errors of model SDKs carry the whole request in properties of their own.
 */
export function outlineOf(captured: CapturedFailure | CapturedMessage): EventOutline {
  const { level, policy = active().content } = captured;
  const tags = guard(() => issueTags(captured.tags, policy.secretsRedactor)) ?? {};
  const happening = guard(() =>
    'message' in captured ? message(captured, tags, policy) : failure(captured, tags, policy),
  );
  return { level, tags, ...(happening ?? unreadable()), ...givenFingerprint(captured, policy) };
}

/**
 * What an application groups by, else the Issue it is part of, of which a function of the application has seen the
 * words already. `{{ default }}` in it is for Sentry to replace.
 */
function givenFingerprint(
  { fingerprint, issue }: Captured & Partial<CapturedFailure>,
  { secretsRedactor }: ContentPolicy,
): Partial<Pick<EventOutline, 'fingerprint'>> {
  if (fingerprint === undefined) return issue === undefined ? {} : { fingerprint: [...issue] };
  return { fingerprint: fingerprint.map((part) => safeText(part, secretsRedactor)) };
}

type Happening = Pick<SentryEvent, 'fingerprint' | 'exception' | 'logentry'>;

function failure(captured: CapturedFailure, tags: Readonly<Record<string, string>>, policy: ContentPolicy): Happening {
  const { error, point, mechanism: type, handled } = captured;
  const values = exceptionValues(errorsOf(captured, policy), { type, handled }, policy.secretsRedactor);
  const thrown = values.at(-1)!;
  const frames = thrown.stacktrace?.frames ?? [];
  const fingerprint = failureFingerprint({
    point,
    error,
    type: thrown.type,
    message: thrown.value,
    frames,
    tags,
    redactor: policy.secretsRedactor,
  });
  return { fingerprint, exception: { values } };
}

/** The errors a failure tells of, the thrown one first: of a value without identity only `captured` knows what is safe. */
export function errorsOf({ error, safeMessage }: CapturedFailure, policy: ContentPolicy): readonly LinkedError[] {
  const [itself, ...others] = linkedErrors(error, policy);
  return [{ ...itself!, message: safeMessage ?? itself!.message }, ...others];
}

function message(
  captured: CapturedMessage,
  tags: Readonly<Record<string, string>>,
  { redactor }: ContentPolicy,
): Happening {
  const formatted = safeText(captured.message, redactor);
  return { fingerprint: messageFingerprint(formatted, tags), logentry: { formatted } };
}

function unreadable(): Happening {
  return { fingerprint: ['unreadable'], logentry: { formatted: 'what was captured could not be read' } };
}

function circumstances(
  captured: Captured & Partial<CapturedFailure>,
  tags: SentryEvent['tags'],
  environment: IssueEnvironment,
): Omit<SentryEvent, keyof EventOutline> {
  const { occurredAtMs, transaction, user, policy = active().content } = captured;
  const { secretsRedactor } = policy;
  const breadcrumbs = guard(() => eventBreadcrumbs(captured.breadcrumbs, policy)) ?? [];
  const resource = plainAttributes(environment.resource as Attributes, secretsRedactor);
  return {
    event_id: active()
      .apart(() => nodeModules.crypto.randomUUID())
      .replaceAll('-', ''),
    timestamp: occurredAtMs / 1000,
    platform: 'node',
    logger: SCOPE_NAME,
    environment: secretsRedactor.text(environment.environment),
    ...defined({
      transaction: transaction && secretsRedactor.text(transaction).slice(0, MAX_TRANSACTION).toWellFormed(),
      server_name: guard(() => secretsRedactor.text(serverName(resource))),
      release: environment.release && secretsRedactor.text(environment.release),
      user: user && guard(() => eventUser(user, secretsRedactor)),
      breadcrumbs: breadcrumbs.length === 0 ? undefined : { values: breadcrumbs },
    }),
    contexts: eventContexts(captured, tags['run_id'], resource, policy),
    sdk: { name: SCOPE_NAME, version: VERSION },
  };
}

/** The fields Sentry knows, whatever else the object holds; nothing where it has none of them. */
function eventUser(user: NonNullable<Captured['user']>, redactor: Redactor): SentryUser | undefined {
  const { id, email, username, ip_address } = user;
  const known = Object.entries(
    defined({ id: textOf(id), email: textOf(email), username: textOf(username), ip_address: textOf(ip_address) }),
  );
  if (known.length === 0) return undefined;
  return Object.fromEntries(known.map(([name, value]) => [name, redactor.text(value, `user.${name}`)]));
}

/** The contexts of the application, with ours added to them. Where the failure happened is ours to say. */
function eventContexts(
  { contexts, point, trace }: Captured & Partial<CapturedFailure>,
  runId: string | undefined,
  resource: IssueEnvironment['resource'],
  policy: ContentPolicy,
): SentryEvent['contexts'] {
  const { trace: _, ...given } = givenContexts(contexts, policy);
  const { runtime, os, app } = guard(() => runtimeContexts(resource)) ?? {};
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

function givenContexts(contexts: Captured['contexts'], policy: ContentPolicy): SentryEvent['contexts'] {
  const names = guard(() => Object.keys(contexts)) ?? [];
  return Object.fromEntries(
    names.map((name) => [policy.secretsRedactor.name(name), guard(() => plainRecord(contexts[name]!, policy)) ?? {}]),
  );
}

function traceContext(trace: NonNullable<Captured['trace']>): Record<string, string> {
  const { traceId, spanId, parentSpanId, op, status } = trace;
  return { trace_id: traceId, span_id: spanId, ...defined({ parent_span_id: parentSpanId, op, status }) };
}

function eventBreadcrumbs(breadcrumbs: readonly Breadcrumb[], policy: ContentPolicy): SentryBreadcrumb[] {
  const safeMessage = rememberingAnswers((message) => safeText(message, policy.redactor));
  return breadcrumbs
    .slice(-MAX_BREADCRUMBS)
    .map((breadcrumb) => guard(() => eventBreadcrumb(breadcrumb, safeMessage, policy)))
    .filter((breadcrumb) => breadcrumb !== undefined);
}

/** The steps of a run are mostly the same few, again and again. */
function rememberingAnswers(ask: (text: string) => string): (text: string) => string {
  const answers = new Map<string, string>();
  return (text) => {
    const known = answers.get(text);
    if (known !== undefined) return known;
    const answer = ask(text);
    answers.set(text, answer);
    return answer;
  };
}

function eventBreadcrumb(
  { timestampMs, type, category = 'default', message, level, data }: Breadcrumb,
  safeMessage: (text: string) => string,
  policy: ContentPolicy,
): SentryBreadcrumb {
  const { secretsRedactor } = policy;
  const told: SentryBreadcrumb = { category: secretsRedactor.label(category) };
  if (timestampMs !== undefined) told.timestamp = timestampMs / 1000;
  if (type !== undefined) told.type = secretsRedactor.label(type);
  if (message !== undefined) told.message = safeMessage(message);
  if (level !== undefined) told.level = level;
  if (data !== undefined) told.data = plainRecord(data, policy);
  return told;
}
