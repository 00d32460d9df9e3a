import { trace, type Attributes, type Span } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node';

import { guard } from '../guard.ts';
import { FAULTLINE_INSIDE_CHAT, FAULTLINE_TOLD_INSIDE, OPERATIONS, SCOPE_NAME, SENTRY_OP } from '../semconv.ts';
import { isToolCall, onceToldCall } from './dialects/foreign-spans.ts';
import { startProcessor } from './start-processor.ts';

/**
 * Marks the spans that other instrumentations start inside of a model call of ours. Whoever traces that call with a
 * helper and has an instrumentation of the model SDK as well would have it twice, and each of its tokens. What a tool
 * does in it is no part of the call, and nobody else tells what the models it asks used.
 *
 * The other way round it marks the spans of others in which the same is told once more: a tool that is traced with a
 * helper inside of the span its framework has for it, and an embedding or a decision inside of the one that asks for it.
 */
export function createInnerCallProcessor(): SpanProcessor {
  return startProcessor((span, context) => {
    guard(() => mark(span, trace.getSpan(context)));
  });
}

function mark(span: Span & ReadableSpan, parent: (Span & Partial<ReadableSpan>) | undefined): void {
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
