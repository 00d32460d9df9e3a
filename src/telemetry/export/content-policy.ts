import {
  context as contextApi,
  SpanKind,
  type Attributes,
  type AttributeValue,
  type Link,
  type SpanContext,
} from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, SpanProcessor, TimedEvent } from '@opentelemetry/sdk-trace-node';

import { cutBetweenWords } from '../content/cut.ts';
import { messageText, WITHHELD } from '../content/error-text.ts';
import {
  eventAttributeRole,
  eventNeeds,
  EVERYTHING_SAID,
  settledRole,
  type AttributeRole,
  type EventFacts,
  type SettledRole,
} from '../content/foreign-names.ts';
import { foreignContentWithin } from '../content/foreign-messages.ts';
import { plainValue, writable } from '../content/plain-attribute.ts';
import { MAX_PLAIN_BYTES, type ContentKind, type ContentPolicy } from '../content/policy.ts';
import type { SecretKind } from '../content/redaction/secret-names.ts';
import type { Redactor } from '../content/redactor.ts';
import { sealedLabelsOf, sealedTexts } from '../content/seal.ts';
import { afterMessage, stackLines } from '../content/stack-lines.ts';
import {
  withoutParameterValues,
  withoutQueryValues,
  withoutValues,
  withoutValuesInName,
} from '../content/statement.ts';
import { copyWithin, fitJson, fitText, redactWithin, type Room } from '../content/truncate.ts';
import { frameOf } from '../run-frame.ts';
import { DB_SYSTEM_NAME, ERROR_TYPE, EXCEPTION_MESSAGE, EXCEPTION_TYPE } from '../semconv.ts';
import { createAttributeFacts, type AttributeFacts, type FactsOf } from './attribute-facts.ts';
import { isToolCall } from './dialects/foreign-operations.ts';
import { withChanges, type SpanChanges } from './span-changes.ts';
import { createSpanOrigins } from './span-origin.ts';
import { startProcessor } from './start-processor.ts';
import { withoutSecretState } from './trace-state.ts';

/** Remembers under which policy a span began, and applies it to what leaves of the span. */
export interface ContentGuard {
  /** Has to see spans start before whatever asks `allow`: the run a span belongs to may have decided for itself. */
  readonly processor: SpanProcessor;
  /** The span as it may leave the process: itself, or a copy without what must stay. */
  readonly allow: (span: ReadableSpan) => ReadableSpan;
  /** The resource as it may leave, for a provider of our own: its spans then say nothing else to anybody. */
  readonly resource: (resource: Resource) => Resource;
}

/**
 * Creates the guard of one set of spans. `policy` holds where a run has not decided for itself.
 *
 * What it allows of a span is pure: content that is not recorded is removed, whoever wrote it, and everything else
 * loses secrets, whatever name it has. A span that must change is copied, because others hold it too. What Faultline
 * made under the policy before is known by its seal, and is not redacted twice.
 */
export function createContentGuard(policy: ContentPolicy): ContentGuard {
  const policies = new WeakMap<object, ContentPolicy>();
  // A run decides on content. What is secret is the same for all of them.
  const factsOf = createAttributeFacts(policy.secretsRedactor);
  const origins = createSpanOrigins(policy.secretsRedactor);
  return {
    processor: startProcessor((span, context) => {
      const content = (frameOf(context) ?? frameOf(contextApi.active()))?.content;
      if (content !== undefined && content !== policy) policies.set(span, content);
    }),
    resource: (resource) => origins.resource(resource),
    allow(span) {
      const changes = new SpanReview(span, policies.get(span) ?? policy, factsOf).changes();
      const resource = origins.resource(span.resource);
      const instrumentationScope = origins.scope(span.instrumentationScope);
      const isSame =
        changes === undefined && resource === span.resource && instrumentationScope === span.instrumentationScope;
      return isSame ? span : withChanges(span, { ...changes, resource, instrumentationScope });
    },
  };
}

const LEFT_OUT = '[left out: the span holds too much]';
/** Most content of one span of another instrumentation, in bytes of UTF-8, with room to say so of 128 attributes. */
const MAX_SPAN_CONTENT = 262_144 - 128 * LEFT_OUT.length;

class SpanReview {
  readonly #span: ReadableSpan;
  readonly #policy: ContentPolicy;
  readonly #factsOf: FactsOf;
  /** Texts that were made under the policy. */
  readonly #sealed: ReadonlySet<unknown> | undefined;
  /** Names and ids the function of the application has seen. */
  readonly #labels: ReadonlySet<unknown> | undefined;
  #contentBytes = 0;

  constructor(span: ReadableSpan, policy: ContentPolicy, factsOf: FactsOf) {
    this.#span = span;
    this.#policy = policy;
    this.#factsOf = factsOf;
    // Nothing is sealed but content, and what is said of failures.
    const mayBeSealed = policy.capturesAny || span.events.length > 0 || span.status.message !== undefined;
    this.#sealed = mayBeSealed ? sealedTexts(span) : undefined;
    this.#labels = policy.secretsRedactor.isSteady ? undefined : sealedLabelsOf(span);
  }

  /** What must change of the span, if anything. */
  changes(): SpanChanges | undefined {
    const span = this.#span;
    const name = this.#name(span.name);
    const attributes = this.#attributes(span.attributes);
    // Nearly all spans have neither, and none should cost what is made for those that have.
    const events = span.events.length === 0 ? span.events : changed(span.events, (event) => this.#event(event));
    const links = span.links.length === 0 ? span.links : changed(span.links, (link) => this.#link(link));
    const status = this.#status(span.status);
    const context = span.spanContext();
    const spanContext = this.#context(context);
    const parent = span.parentSpanContext;
    const parentSpanContext = parent && this.#context(parent);
    const isSame =
      name === span.name &&
      attributes === span.attributes &&
      events === span.events &&
      links === span.links &&
      status === span.status &&
      spanContext === context &&
      parentSpanContext === parent;
    if (isSame) return undefined;
    const changes = { name, attributes, events, links, status, spanContext };
    return parentSpanContext === undefined ? changes : { ...changes, parentSpanContext };
  }

  #status(status: ReadableSpan['status']): ReadableSpan['status'] {
    const { message } = status;
    if (message === undefined || message === '' || this.#sealed?.has(message) === true) return status;
    const safe = this.#message(message, this.#classOf(message));
    return safe === message ? status : { ...status, message: safe };
  }

  /** The class of the error a status speaks of: of the exception whose message it repeats, or the type of the error. */
  #classOf(status: string): string {
    for (const { attributes = {} } of this.#span.events) {
      const { [EXCEPTION_MESSAGE]: message, [EXCEPTION_TYPE]: type } = attributes;
      if (typeof type === 'string' && (message === status || `${type}: ${String(message)}` === status)) return type;
    }
    return String(this.#span.attributes[ERROR_TYPE] ?? '');
  }

  #event(event: TimedEvent): TimedEvent | undefined {
    const needs = eventNeeds(event.name, this.#isTool());
    if (needs !== undefined && !this.#captures(needs)) return undefined;
    const name = this.#name(event.name);
    const named = name === event.name ? event : { ...event, name };
    return this.#withAttributes(named, { name: event.name.slice(0, MAX_NAME), needs });
  }

  #link(link: Link): Link {
    const context = this.#context(link.context);
    return this.#withAttributes(context === link.context ? link : { ...link, context });
  }

  #context(context: SpanContext): SpanContext {
    return withoutSecretState(context, this.#policy.secretsRedactor);
  }

  #withAttributes<T extends { attributes?: Attributes }>(holder: T, event?: EventFacts): T {
    if (holder.attributes === undefined) return holder;
    const attributes = this.#attributes(holder.attributes, event);
    return attributes === holder.attributes ? holder : { ...holder, attributes };
  }

  /** The same object where nothing changes. */
  #attributes(attributes: Attributes, event?: EventFacts): Attributes {
    let changes: Attributes | undefined;
    let facts: AttributeFacts | undefined;
    for (const key in attributes) {
      const value = attributes[key];
      if (value === undefined) continue;
      facts = this.#factsOf(key, facts);
      const isRenamed = facts.name !== key;
      const role = event === undefined ? facts.role : this.#roleInEvent(event, key, facts);
      // A number is the same count in an event.
      const isAsAlone = role === facts.role || typeof value === 'number';
      if (isAsAlone && !isRenamed && isClean(value, facts)) continue;
      const given = this.#attribute(value, facts, role, attributes);
      const safe = given === undefined ? undefined : writable(given);
      if (safe === value && !isRenamed) continue;
      changes ??= { ...attributes };
      if (safe === undefined || isRenamed) delete changes[key];
      if (safe !== undefined) changes[facts.name] = safe;
    }
    return changes ?? attributes;
  }

  #roleInEvent(event: EventFacts, key: string, { role }: AttributeFacts): SettledRole {
    const alone = settledRole(role, key, this.#span);
    const inEvent = settledRole(eventAttributeRole(event, key, alone), key, this.#span);
    return NEVER_RECORDED.has(alone.role) && this.#isRecorded(inEvent) ? alone : inEvent;
  }

  #attribute(
    value: AttributeValue,
    facts: AttributeFacts,
    known: AttributeRole,
    around: Attributes,
  ): AttributeValue | undefined {
    const { given: key, secretKind, words } = facts;
    if (this.#sealed?.has(value) === true) return value;
    if (words?.has(value) === true) {
      if (typeof value === 'string') facts.clean = value;
      return value;
    }
    if (secretKind !== undefined) return this.#plain(key, value, secretKind);
    const role = settledRole(known, key, this.#span);
    // Numbers are counts and sizes.
    if (role.role === 'plain' || (typeof value !== 'string' && !Array.isArray(value))) {
      if (typeof value === 'string') return this.#plainText(key, value, facts);
      if (this.#isLabelled(value)) return value;
      const only = onlyText(value);
      if (only !== undefined && this.#plainText(key, only, facts) === only) return value;
      return this.#plain(key, value);
    }
    return this.#ofRole(role, key, value, around);
  }

  /** What may leave of a value that is known to be more than plain. */
  #ofRole(
    role: Exclude<SettledRole, { role: 'plain' }>,
    key: string,
    value: AttributeValue,
    around: Attributes,
  ): AttributeValue | undefined {
    const plain = (change: (text: string) => string): AttributeValue => this.#plain(key, eachText(value, change));
    switch (role.role) {
      case 'content':
      case 'input':
      case 'output':
        return this.#isRecorded(role) ? this.#content(value) : undefined;
      case 'message':
        return eachText(value, (text) => this.#message(text, String(around[EXCEPTION_TYPE] ?? '')));
      case 'stack':
        return eachText(value, (text) => this.#stack(text, around));
      case 'class':
        return plain(classOf);
      case 'url':
        return plain(withoutAddressValues);
      case 'route':
        return plain((text) => (text.includes('=') ? withoutAddressValues(text) : text));
      case 'query':
        return plain((text) => withoutParameterValues(shortAddress(text)));
      case 'statement':
        return plain((text) => withoutValues(text, databaseSystem(around)));
    }
  }

  /** Whether it is content of which all kinds are recorded that it may be made of. */
  #isRecorded(role: SettledRole): boolean {
    switch (role.role) {
      case 'content':
        return this.#captures(role.needs);
      case 'input':
        return this.#captures(this.#isTool() ? ['toolArguments'] : EVERYTHING_SAID);
      case 'output':
        return this.#captures(this.#isTool() ? ['toolResults'] : EVERYTHING_SAID);
      default:
        return false;
    }
  }

  #plain(key: string, value: AttributeValue, secretKind?: SecretKind): AttributeValue {
    return plainValue(value, key, secretKind, this.#policy.secretsRedactor);
  }

  /** The name of a span or an event, of which there are few. */
  #name(name: string): string {
    const { secretsRedactor } = this.#policy;
    if (this.#labels?.has(name) === true) return name;
    const short = name.length > MAX_NAME ? `${cutBetweenWords(name, MAX_NAME)}…` : name;
    return secretsRedactor.label(withoutValuesInName(short, () => databaseSystem(this.#span.attributes)));
  }

  /** A text that is the same as the last one under its name need not be looked through again. */
  #plainText(key: string, text: string, facts: AttributeFacts): string {
    if (text === facts.clean || this.#labels?.has(text) === true) return text;
    const { secretsRedactor } = this.#policy;
    const isLong = text.length > MAX_NAME;
    const safe = isLong ? redactWithin(text, MAX_PLAIN_BYTES, secretsRedactor, key) : secretsRedactor.label(text, key);
    if (safe === text && secretsRedactor.isSteady) facts.clean = text;
    return safe;
  }

  #isLabelled(value: AttributeValue): boolean {
    const labels = this.#labels;
    return labels !== undefined && Array.isArray(value) && value.every((element) => labels.has(element));
  }

  #isTool(): boolean {
    return isToolCall(this.#span.attributes);
  }

  #captures(needs: readonly ContentKind[]): boolean {
    return needs.every((kind) => this.#policy.capture[kind]);
  }

  /** What fits of an attribute, which may be a list of texts, and of all that the span holds. */
  #content(value: AttributeValue): AttributeValue {
    if (typeof value === 'string') return this.#fitting(value, this.#policy.maxAttributeBytes);
    if (!Array.isArray(value)) return value;
    let room = this.#policy.maxAttributeBytes - MIN_CONTENT;
    const kept: unknown[] = [];
    for (const element of value) {
      if (room < MIN_CONTENT) {
        kept.push(`[${value.length - kept.length} more left out]`);
        break;
      }
      const safe = typeof element === 'string' ? this.#fitting(element, room) : element;
      room -= Buffer.byteLength(String(safe)) + 1;
      kept.push(safe);
    }
    return kept as AttributeValue;
  }

  #fitting(text: string, maxBytes: number): string {
    const left = Math.min(maxBytes, MAX_SPAN_CONTENT - this.#contentBytes);
    if (left < MIN_CONTENT) return LEFT_OUT;
    const safe = fitContent(text, this.#policy, left);
    this.#contentBytes += Buffer.byteLength(safe);
    return safe;
  }

  #message(text: string, type: string): string {
    return messageText(text, type, this.#policy, statusOf(this.#span));
  }

  #stack(stack: string, around: Attributes): string {
    const type = classOf(String(around[EXCEPTION_TYPE] ?? 'Error'));
    const thrown = around[EXCEPTION_MESSAGE];
    const frames = stackLines(afterMessage(stack, thrown));
    const message = typeof thrown === 'string' ? this.#message(thrown, type) : WITHHELD;
    const { secretsRedactor } = this.#policy;
    const heading = `${secretsRedactor.text(type)}: ${message}`;
    return frames.length === 0 ? heading : `${heading}\n${secretsRedactor.text(frames.join('\n'))}`;
  }
}

/** What keeps its own rule in content that is recorded: what an error said, and addresses. */
const NEVER_RECORDED: ReadonlySet<SettledRole['role']> = new Set<SettledRole['role']>(['message', 'stack', 'url']);

/** The same list where nothing changes; what becomes nothing is left out. */
function changed<T>(list: T[], change: (element: T) => T | undefined): T[] {
  const result = list.map(change).filter((element) => element !== undefined);
  const isSame = result.length === list.length && result.every((element, index) => element === list[index]);
  return isSame ? list : result;
}

/** The class of an exception, or a code in its place: what is no word is a message that somebody has put there. */
function classOf(type: string): string {
  return /^[^\s"'`]{1,120}$/.test(type) ? type : 'Error';
}

/** Longest name of a span or an event, in UTF-16 units. Statements are names, too. */
const MAX_NAME = 1_024;

/** The beginning of an address or of parameters that are longer than any server takes, with a word about its length. */
function shortAddress(text: string): string {
  const isShort = text.length <= MAX_PLAIN_BYTES;
  return isShort ? text : `${cutBetweenWords(text, MAX_PLAIN_BYTES)}… [cut, ${text.length} characters in all]`;
}

function withoutAddressValues(text: string): string {
  return withoutQueryValues(shortAddress(text));
}

/** Bytes of content below which nothing more is begun. */
const MIN_CONTENT = 64;
/** Longest JSON text that is parsed, in UTF-16 units: of a longer one nothing is kept. */
const MAX_PARSED = 4_194_304;

/**
 * A text with content, JSON or not, without files, redacted and cut to length. Of a conversation the messages stay
 * that say most, as in one of our own.
 */
function fitContent(text: string, { redactor }: ContentPolicy, maxBytes: number): string {
  if (text.length > MAX_PARSED && /^\s*[[{]/.test(text)) return `"[left out: ${text.length} characters]"`;
  const value = parsedJson(text);
  if (value === undefined) return fitText(text, redactor, maxBytes);
  const isTooLong = Buffer.byteLength(text) > maxBytes;
  if (!isTooLong && !holdsFile(value, redactor)) {
    const redacted = redactor.text(text);
    if (Buffer.byteLength(redacted) <= maxBytes) return redacted;
  }
  const copy = (room: Room): unknown => foreignContentWithin(value, room, redactor);
  return fitJson(copy, redactor, maxBytes);
}

/** Whether a copy that has room for all there is says something else. */
function holdsFile(value: unknown, redactor: Redactor): boolean {
  return JSON.stringify(copyWithin(value, { left: Number.MAX_SAFE_INTEGER }, redactor)) !== JSON.stringify(value);
}

/** Deeper than anything is kept: reading it would take longer than all the rest. */
const MAX_DEPTH = 256;
/** So much of a text is looked at to see how deep it begins. */
const BEGINNING = 4_096;

function beginsTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length && at < BEGINNING; at += 1) {
    const sign = text[at];
    if (sign === '[' || sign === '{') depth += 1;
    else if (sign === ']' || sign === '}') depth -= 1;
  }
  return depth > MAX_DEPTH;
}

function parsedJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text) || beginsTooDeep(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function eachText(value: AttributeValue, change: (text: string) => string): AttributeValue {
  if (typeof value === 'string') return change(value);
  if (!Array.isArray(value)) return value;
  const texts = value.map((element) => (typeof element === 'string' ? change(element) : element));
  return texts.every((text, index) => text === value[index]) ? value : (texts as AttributeValue);
}

/** The HTTP status a span was answered with, or that its error is named by. What a server answers is its own. */
function statusOf({ kind, attributes }: ReadableSpan): unknown {
  if (kind === SpanKind.SERVER) return undefined;
  return attributes['http.response.status_code'] ?? attributes['http.status_code'] ?? attributes[ERROR_TYPE];
}

function databaseSystem(attributes: Attributes): string {
  return String(attributes[DB_SYSTEM_NAME] ?? attributes['db.system'] ?? '').toLowerCase();
}

/** Whether nothing can be found in a value: a count, or the text in which nothing was found last. */
function isClean(value: AttributeValue, { clean, numbersAreClean, role }: AttributeFacts): boolean {
  // On another span it may be content.
  if (role.role === 'dependent') return false;
  if (value === clean) return true;
  if (typeof value === 'number') return numbersAreClean && writable(value) === value;
  return clean !== undefined && onlyText(value) === clean;
}

/** The text of a list that has but one. */
function onlyText(value: AttributeValue): string | undefined {
  if (!Array.isArray(value) || value.length !== 1) return undefined;
  const first: unknown = value[0];
  return typeof first === 'string' ? first : undefined;
}
