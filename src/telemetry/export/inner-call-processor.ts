import { trace, type Attributes } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node';

import { FAULTLINE_INSIDE_CHAT, OPERATIONS, SCOPE_NAME, SENTRY_OP } from '../semconv.ts';
import { isForeignTool } from './dialects/foreign-spans.ts';

/**
 * Marks the spans that other instrumentations start inside of a model call of ours. Whoever traces that call with a
 * helper and has an instrumentation of the model SDK as well would have it twice, and each of its tokens. What a tool
 * does in it is no part of the call, and nobody else tells what the models it asks used.
 */
export function createInnerCallProcessor(): SpanProcessor {
  return {
    onStart(span, context) {
      if (isOurs(span)) return;
      const parent = trace.getSpan(context) as Partial<ReadableSpan> | undefined;
      if (parent?.attributes === undefined || !isInsideOf(parent, parent.attributes)) return;
      span.setAttribute(FAULTLINE_INSIDE_CHAT, true);
    },
    onEnd() {},
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
}

function isOurs({ instrumentationScope }: Partial<ReadableSpan>): boolean {
  return instrumentationScope?.name === SCOPE_NAME;
}

function isInsideOf(parent: Partial<ReadableSpan>, attributes: Attributes): boolean {
  if (!isOurs(parent)) return attributes[FAULTLINE_INSIDE_CHAT] === true && !isForeignTool(attributes);
  return attributes[SENTRY_OP] === OPERATIONS.chat.sentryOp;
}
