import { context as contextApi, type Attributes, type AttributeValue } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor, TimedEvent } from '@opentelemetry/sdk-trace-node';

import { messageText, WITHHELD } from '../content/error-text.ts';
import { attributeRole, eventNeeds, EVERYTHING_SAID } from '../content/foreign-names.ts';
import type { ContentKind, ContentPolicy } from '../content/policy.ts';
import { secretKindOf } from '../content/redaction/secret-names.ts';
import { isSealed, isShared } from '../content/seal.ts';
import { afterMessage, stackLines } from '../content/stack-lines.ts';
import { withoutParameterValues, withoutQueryValues, withoutValues } from '../content/statement.ts';
import { copyWithin, fitJson, fitText } from '../content/truncate.ts';
import { frameOf } from '../context.ts';
import {
  DB_SYSTEM_NAME,
  EXCEPTION_EVENT,
  EXCEPTION_MESSAGE,
  EXCEPTION_TYPE,
  FALLBACK_EVENT,
  GEN_AI_OPERATION_NAME,
  OPERATIONS,
  SCOPE_NAME,
} from '../semconv.ts';
import { withChanges } from './span-changes.ts';

/** Remembers under which policy a span began, and applies it to what leaves of the span. */
export interface ContentGuard {
  /** Has to see spans start before whatever asks `allow`: the run a span belongs to may have decided for itself. */
  readonly processor: SpanProcessor;
  /** The span as it may leave the process: itself, or a copy without what must stay. */
  readonly allow: (span: ReadableSpan) => ReadableSpan;
}

/** Creates the guard of one set of spans. `policy` holds where a run has not decided for itself. */
export function createContentGuard(policy: ContentPolicy): ContentGuard {
  const policies = new WeakMap<object, ContentPolicy>();
  return {
    processor: {
      onStart(span, context) {
        const content = (frameOf(context) ?? frameOf(contextApi.active()))?.content;
        if (content !== undefined && content !== policy) policies.set(span, content);
      },
      onEnd() {},
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    },
    allow: (span) => applyContentPolicy(span, policies.get(span) ?? policy),
  };
}

/** Most content of one span of another instrumentation, in bytes of UTF-8. */
const MAX_SPAN_CONTENT = 262_144;

/**
 * A span as it may leave the process. Content that is not recorded is removed, whoever wrote it, and what else
 * could hold a secret is redacted. Pure: a span that must change is copied, because others hold it too.
 *
 * What Faultline wrote on its own spans was made under the policy and is not looked at again, so an own span costs
 * next to nothing, unless the application was handed it to write on.
 */
export function applyContentPolicy(span: ReadableSpan, policy: ContentPolicy): ReadableSpan {
  const looksAtAttributes = !isOwn(span) || isShared(span);
  if (!looksAtAttributes && span.events.length === 0 && span.status.message === undefined) return span;
  return new SpanReview(span, policy, isOwn(span)).result(looksAtAttributes);
}

function isOwn(span: ReadableSpan): boolean {
  return span.instrumentationScope.name === SCOPE_NAME;
}

class SpanReview {
  readonly #span: ReadableSpan;
  readonly #policy: ContentPolicy;
  readonly #isOwn: boolean;
  readonly #isTool: boolean;
  #contentBytes = 0;

  constructor(span: ReadableSpan, policy: ContentPolicy, isOwn: boolean) {
    this.#span = span;
    this.#policy = policy;
    this.#isOwn = isOwn;
    this.#isTool = isToolSpan(span.attributes);
  }

  result(looksAtAttributes: boolean): ReadableSpan {
    const span = this.#span;
    const name = this.#isOwn ? span.name : this.#policy.secretsRedactor.text(span.name);
    const attributes = looksAtAttributes ? this.#attributes(span.attributes) : span.attributes;
    const events = this.#changed(span.events, (event) => this.#event(event));
    const links = this.#isOwn ? span.links : this.#changed(span.links, (link) => this.#withAttributes(link));
    const status = this.#status(span.status);
    const isSame =
      name === span.name &&
      attributes === span.attributes &&
      events === span.events &&
      links === span.links &&
      status === span.status;
    return isSame ? span : withChanges(span, { name, attributes, events, links, status });
  }

  #status(status: ReadableSpan['status']): ReadableSpan['status'] {
    const { message } = status;
    if (message === undefined || message === '' || isSealed(this.#span, message)) return status;
    const safe = this.#message(message, '');
    return safe === message ? status : { ...status, message: safe };
  }

  /** The same list where nothing changes; what becomes nothing is left out. */
  #changed<T>(list: readonly T[], change: (element: T) => T | undefined): T[] {
    const changed = list.map(change).filter((element) => element !== undefined);
    const isSame = changed.length === list.length && changed.every((element, index) => element === list[index]);
    return isSame ? (list as T[]) : changed;
  }

  #event(event: TimedEvent): TimedEvent | undefined {
    if (this.#isOwn && event.name === FALLBACK_EVENT) return event;
    const { attributes = {} } = event;
    const message = attributes[EXCEPTION_MESSAGE];
    if (event.name === EXCEPTION_EVENT && typeof message === 'string' && isSealed(this.#span, message)) return event;
    const needs = eventNeeds(event.name);
    if (needs === undefined) return this.#withAttributes(event);
    if (!this.#captures(needs)) return undefined;
    return { ...event, attributes: this.#attributes(attributes, (value) => this.#content(value)) };
  }

  #withAttributes<T extends { attributes?: Attributes }>(holder: T): T {
    if (holder.attributes === undefined) return holder;
    const attributes = this.#attributes(holder.attributes);
    return attributes === holder.attributes ? holder : { ...holder, attributes };
  }

  /** The same object where nothing changes. */
  #attributes(attributes: Attributes, otherwise?: (value: AttributeValue) => AttributeValue): Attributes {
    let changed: Attributes | undefined;
    for (const key of Object.keys(attributes)) {
      const value = attributes[key];
      if (typeof value !== 'string' && !Array.isArray(value)) continue;
      const safe = this.#attribute(key, value, attributes, otherwise);
      if (safe === value) continue;
      changed ??= { ...attributes };
      if (safe === undefined) delete changed[key];
      else changed[key] = safe;
    }
    return changed ?? attributes;
  }

  #attribute(
    key: string,
    value: AttributeValue,
    around: Attributes,
    otherwise: ((value: AttributeValue) => AttributeValue) | undefined,
  ): AttributeValue | undefined {
    if (this.#isOwn && typeof value === 'string' && isSealed(this.#span, value)) return value;
    const found = attributeRole(key);
    switch (found.role) {
      case 'content':
        return this.#captures(found.needs) ? this.#content(value) : undefined;
      case 'input':
        return this.#captures(this.#isTool ? ['toolArguments'] : EVERYTHING_SAID) ? this.#content(value) : undefined;
      case 'output':
        return this.#captures(this.#isTool ? ['toolResults'] : EVERYTHING_SAID) ? this.#content(value) : undefined;
      case 'message':
        return eachText(value, (text) => this.#message(text, String(around[EXCEPTION_TYPE] ?? '')));
      case 'stack':
        return eachText(value, (text) => this.#stack(text, around));
      case 'url':
        return this.#plain(key, this.#policy.capturesAll ? value : eachText(value, withoutQueryValues));
      case 'query':
        return this.#plain(key, this.#policy.capturesAll ? value : eachText(value, withoutParameterValues));
      case 'statement':
        return this.#plain(
          key,
          eachText(value, (text) => withoutValues(text, databaseSystem(around))),
        );
      case 'plain':
        return otherwise === undefined ? this.#plain(key, value) : otherwise(value);
    }
  }

  #captures(needs: readonly ContentKind[]): boolean {
    return needs.every((kind) => this.#policy.capture[kind]);
  }

  #content(value: AttributeValue): AttributeValue {
    return eachText(value, (text) => {
      const left = Math.min(this.#policy.maxAttributeBytes, MAX_SPAN_CONTENT - this.#contentBytes);
      if (left < MIN_CONTENT) return '[left out: the span holds too much]';
      const safe = fitContent(text, this.#policy, left);
      this.#contentBytes += safe.length;
      return safe;
    });
  }

  #message(text: string, type: string): string {
    return messageText(text, type, this.#policy);
  }

  #stack(stack: string, around: Attributes): string {
    const type = String(around[EXCEPTION_TYPE] ?? 'Error');
    const thrown = around[EXCEPTION_MESSAGE];
    const frames = stackLines(afterMessage(stack, thrown));
    const message = typeof thrown === 'string' ? this.#message(thrown, type) : WITHHELD;
    return [`${this.#policy.secretsRedactor.text(type)}: ${message}`, ...frames].join('\n');
  }

  #plain(key: string, value: AttributeValue): AttributeValue {
    if (isSecretName(key)) return eachText(value, () => '[redacted]');
    return eachText(value, (text) => this.#policy.secretsRedactor.text(text));
  }
}

/** Bytes of content below which nothing more is begun. */
const MIN_CONTENT = 64;
/** Longest JSON text that is parsed to be cut, in UTF-16 units: a longer one is cut as a text. */
const MAX_PARSED = 4_194_304;

/** A text with content, JSON or not, redacted and cut to length. */
function fitContent(text: string, { redactor }: ContentPolicy, maxBytes: number): string {
  const value = text.length > maxBytes && text.length <= MAX_PARSED ? parsedJson(text) : undefined;
  if (value === undefined) return fitText(text, redactor, maxBytes);
  return fitJson((room) => copyWithin(value, room, redactor), redactor, maxBytes);
}

function parsedJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
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

function isToolSpan(attributes: Attributes): boolean {
  return TOOL_SIGNS.some(([key, value]) => attributes[key] === value);
}

/** How instrumentations say that a span is a tool call. */
const TOOL_SIGNS: readonly (readonly [key: string, value: string])[] = [
  [GEN_AI_OPERATION_NAME, OPERATIONS.tool.operationName!],
  ['openinference.span.kind', 'TOOL'],
  ['traceloop.span.kind', 'tool'],
  ['langfuse.observation.type', 'tool'],
  ['ai.operationId', 'ai.toolCall'],
];

function databaseSystem(attributes: Attributes): string {
  return String(attributes[DB_SYSTEM_NAME] ?? attributes['db.system'] ?? '').toLowerCase();
}

/** Whether a name says that its value is a secret, as those of headers do. */
function isSecretName(name: string): boolean {
  return secretKindOf(name.slice(name.lastIndexOf('.') + 1)) !== undefined;
}
