import { trace, type Attributes, type Span } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node';

import { guard } from '../guard.ts';
import { FAULTLINE_INSIDE_CHAT, FAULTLINE_TOLD_INSIDE, OPERATIONS, SCOPE_NAME, SENTRY_OP } from '../semconv.ts';
import { isModelCall, isToolCall } from './dialects/foreign-operations.ts';
import { hasUsage } from './dialects/foreign-usage.ts';
import { mayBeSameCall, onceToldCall } from './same-call.ts';
import { startProcessor } from './start-processor.ts';

/**
 * Marks the spans that other instrumentations start inside of a model call of ours. Whoever traces that call with a
 * helper and has an instrumentation of the model SDK as well would have it twice, and each of its tokens. What a tool
 * does in it is no part of the call, and nobody else tells what the models it asks used.
 *
 * The other way round it marks the spans of others in which the same is told once more: a tool that is traced with a
 * helper inside of the span its framework has for it, and an embedding or a decision inside of the one that asks for it.
 * So it does with model calls of others, once it is known which of them says what the call used: SDKs of models trace
 * their calls themselves by now, and so do the instrumentations for them.
 */
export function createInnerCallProcessor(): SpanProcessor {
  const around = new WeakMap<object, OuterSpan>();
  return {
    ...startProcessor((span, context) => {
      guard(() => {
        const parent = spanItself(trace.getSpan(context));
        mark(span, parent);
        if (!isOurs(span) && parent !== undefined && mayBeCallWithin(parent)) around.set(span, parent);
      });
    }),
    onEnding(span) {
      const parent = around.get(span);
      if (parent === undefined) return;
      guard(() => markModelCalls(span, parent));
      // Where each span begins before the last one ends, as in a loop that starts itself anew, all would be held.
      around.delete(span);
    },
  };
}

type OuterSpan = Span & Partial<ReadableSpan>;

/** OpenInference puts a wrapper of its own around the spans it makes active. */
function spanItself(span: (OuterSpan & { readonly span?: OuterSpan }) | undefined): OuterSpan | undefined {
  return span?.span?.attributes === undefined ? span : span.span;
}

/** Whether what begins in a span may be its model call once more. What it used would not be known before. */
function mayBeCallWithin(parent: OuterSpan): boolean {
  const { attributes = {}, ended } = parent;
  return ended === false && !isOurs(parent) && !(isModelCall(attributes) && hasUsage(attributes));
}

/** Which of two model calls directly in each other is the call. What has ended cannot be marked any more. */
function markModelCalls(span: Span & ReadableSpan, parent: OuterSpan): void {
  const { attributes = {}, ended } = parent;
  if (!mayBeSameCall(span.attributes, attributes)) return;
  const isSaid = isToldInside(span.attributes) || hasUsage(span.attributes);
  if (isSaid && ended === false) parent.setAttribute(FAULTLINE_TOLD_INSIDE, true);
  else if (!isSaid || (hasUsage(attributes) && !isToldInside(attributes))) {
    span.setAttribute(FAULTLINE_INSIDE_CHAT, true);
  }
}

function isToldInside(attributes: Attributes): boolean {
  return attributes[FAULTLINE_TOLD_INSIDE] === true;
}

function mark(span: Span & ReadableSpan, parent: OuterSpan | undefined): void {
  if (parent?.attributes === undefined) return;
  if (!isOurs(span) && isInsideOf(parent, parent.attributes)) span.setAttribute(FAULTLINE_INSIDE_CHAT, true);
  if (isToldBy(span, parent, parent.attributes)) parent.setAttribute(FAULTLINE_TOLD_INSIDE, true);
}

function isOurs(span: Partial<ReadableSpan>): boolean {
  return scopeName(span) === SCOPE_NAME;
}

/** Spans of the OpenTelemetry SDK 1 have none. */
function scopeName({ instrumentationScope }: Partial<ReadableSpan>): string | undefined {
  return instrumentationScope?.name;
}

function isInsideOf(parent: Partial<ReadableSpan>, attributes: Attributes): boolean {
  if (!isOurs(parent)) return attributes[FAULTLINE_INSIDE_CHAT] === true && !isToolCall(attributes);
  return attributes[SENTRY_OP] === OPERATIONS.chat.sentryOp;
}

/** What has ended cannot be marked any more. */
function isToldBy(span: ReadableSpan, parent: Partial<ReadableSpan>, attributes: Attributes): boolean {
  if (isOurs(parent) || parent.ended !== false) return false;
  if (!isOurs(span) && scopeName(span) !== scopeName(parent)) return false;
  const call = onceToldCall(span);
  return call !== undefined && call === onceToldCall({ name: parent.name ?? '', attributes });
}
