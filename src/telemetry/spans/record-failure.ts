import { context as contextApi, INVALID_SPAN_CONTEXT, trace, type Attributes, type Span } from '@opentelemetry/api';

import { spanSite, tagsFrom } from '../capture.ts';
import { plainAttributes } from '../content/plain-attribute.ts';
import { contentPolicyOf, failurePlace } from '../context.ts';
import { frameOf } from '../run-frame.ts';
import { recordSpanFailure } from '../failure.ts';
import type { FailurePoint } from '../failure-points.ts';
import { guard } from '../guard.ts';
import { knownContent } from '../known-content.ts';
import { OPERATIONS, type Operation } from '../semconv.ts';
import { writeLabels } from './open-span.ts';
import { wayOut } from './way-out.ts';

/**
 * Records a failure at one of the five failure points on a span, by default the active one: for agents that
 * have their own loop. An error that was recorded before is not recorded again.
 */
export function recordFailure(
  point: FailurePoint,
  error: unknown,
  context: { readonly span?: Span | undefined; readonly attributes?: Attributes | undefined } = {},
): void {
  guard(() => {
    const here = contextApi.active();
    const frame = frameOf(here);
    const { span: given, attributes } = context ?? {};
    const span = given ?? trace.getActiveSpan() ?? trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    const policy = contentPolicyOf(frame);
    if (attributes !== undefined) writeLabels(span, plainAttributes(attributes, policy.secretsRedactor), policy);
    const onIt = wayOut(span, trace.setSpan(here, span), frame?.agent);
    const place = { ...failurePlace(span.spanContext(), frame?.agent), wayOut: onIt };
    recordSpanFailure(span, {
      error,
      point,
      policy,
      place,
      isEnd: false,
      content: knownContent(here),
      run: frame?.agent,
      site: () => ({
        ...spanSite(span, OPERATIONS[OPERATION_OF[point]].sentryOp),
        frame,
        transaction: frame?.agent?.name,
        tags: tagsFrom(attributes ?? {}),
      }),
    });
  });
}

/** What fails at each point. */
const OPERATION_OF: Readonly<Record<FailurePoint, Operation>> = {
  'conversation.unhandled': 'agent',
  'transport.crash': 'transport',
  'model.fallback_exhausted': 'agent',
  'tool.execution': 'tool',
  'memory.search': 'memory',
};
