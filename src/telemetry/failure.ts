import { SpanStatusCode, type Span } from '@opentelemetry/api';

import { reportFailure, type FailureSite } from './capture.ts';
import { cutBetweenWords } from './content/cut.ts';
import type { ContentPolicy } from './content/policy.ts';
import type { Redactor } from './content/redactor.ts';
import { seal } from './content/seal.ts';
import { isRecoverable, type FailurePoint } from './failure-points.ts';
import { linkedErrors, type LinkedError } from './linked-errors.ts';
import { recordedFailure, rememberFailure, type FailurePlace, type RecordedFailure } from './recorded-failures.ts';
import type { AgentFrame } from './run-frame.ts';
import { ERROR_TYPE, FAULTLINE_FAILURE_POINT } from './semconv.ts';

/** Longest stack that is recorded, causes included, in UTF-16 units. */
const MAX_STACK_LENGTH = 16_384;

/** How one span failed, and what an Issue says of that. */
export interface SpanFailure {
  readonly error: unknown;
  /** `error.type` when it differs from the class name. */
  readonly errorType?: string;
  readonly point?: FailurePoint;
  readonly place: FailurePlace;
  /** Whether it ends what it happens in: a whole run, or a transport. */
  readonly isEnd: boolean;
  /** Whether its span tells of nothing else: it ends before hooks are asked about the Issue, which may end the process. */
  readonly endsSpan?: true;
  /** What is known of it, when that was recorded at another place. */
  readonly known?: RecordedFailure | undefined;
  /** What the error may quote and must not say. Called only to read a message that may leave. */
  readonly content: (() => unknown) | undefined;
  /** What may be sent of the message. */
  readonly policy: ContentPolicy;
  /** The agent whose end tells whether its run went on; absent where there is nothing to wait for. */
  readonly run: AgentFrame | undefined;
  /** Called only for what becomes an Issue. */
  readonly site: () => FailureSite;
}

/**
 * Marks a span failed: ERROR status and `error.type` on every span the error crosses, the exception event
 * on the innermost one only, and the failure point on the innermost span that has one. That one also hands the failure
 * over to become an Issue, unless somebody has captured it.
 *
 * Recording an exception more than once is what the conventions advise against
 * (semantic-conventions, docs/general/recording-errors.md).
 */
export function recordSpanFailure(span: Span, failure: SpanFailure): void {
  const { error, policy, content, place } = failure;
  const known = failure.known ?? recordedFailure(error, place);
  const linked = linkedErrors(error, policy, content);
  const { type: name } = linked[0]!;
  const message = known?.message ?? linked[0]!.message;
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  seal(span, message);
  seal(span, name);
  span.setAttribute(ERROR_TYPE, failure.errorType ?? name);
  if (known?.isOnSpan !== true) {
    const stack = stacktrace(linked, policy);
    seal(span, stack);
    span.recordException(stack === '' ? { name, message } : { name, message, stack });
  }
  const ownPoint = known?.point === undefined ? failure.point : undefined;
  if (ownPoint !== undefined) span.setAttribute(FAULTLINE_FAILURE_POINT, ownPoint);
  const point = known?.point ?? ownPoint;
  const isCaptured = known?.isCaptured === true;
  const isSurvived = !failure.isEnd && known?.isSurvived !== false && (place.run !== undefined || isRecoverable(point));
  const recorded = { message, isOnSpan: true, isCaptured, isSurvived };
  rememberFailure(error, place, point === undefined ? recorded : { ...recorded, point });
  if (failure.endsSpan === true) span.end();
  if (ownPoint !== undefined && !isCaptured) {
    reportFailure({ error, message, point: ownPoint }, failure.run, failure.site);
  }
}

/** The stacks of linked errors as one text, each cause behind `Caused by:` as in Java. Empty when there is none. */
function stacktrace(linked: readonly LinkedError[], { secretsRedactor }: ContentPolicy): string {
  if (linked.length === 1 && linked[0]!.frames === undefined) return '';
  let text = '';
  for (const { type, message, frames, relation } of linked) {
    if (text.length > MAX_STACK_LENGTH) break;
    const heading = relation === 'itself' ? '' : relation === 'cause' ? '\nCaused by: ' : '\nWith: ';
    text += `${heading}${type}: ${message}${writtenFrames(frames, secretsRedactor)}`;
  }
  return text.slice(0, MAX_STACK_LENGTH).toWellFormed();
}

function writtenFrames(frames: readonly string[] = [], redactor: Redactor): string {
  if (frames.length === 0) return '';
  return `\n${redactor.text(cutBetweenWords(frames.join('\n'), MAX_STACK_LENGTH))}`;
}
