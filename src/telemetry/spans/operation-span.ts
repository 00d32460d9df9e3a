import { context as contextApi, INVALID_SPAN_CONTEXT, trace, type Context, type Span } from '@opentelemetry/api';

import { active } from '../active.ts';
import type { Content, ContentBuilder } from '../attributes/content.ts';
import type { ContentPolicy } from '../content/policy.ts';
import { seal } from '../content/seal.ts';
import { contentPolicyOf, failurePlace } from '../context.ts';
import { frameOf, isBrokenOff, rootOf, type AgentFrame, type RunFrame } from '../run-frame.ts';
import { recordSpanFailure } from '../failure.ts';
import type { FailurePoint } from '../failure-points.ts';
import { guard, guarded } from '../guard.ts';
import { isInterruption } from '../interruption.ts';
import { knownContent, withKnownContent, type KnownWork } from '../known-content.ts';
import { errorType } from '../linked-errors.ts';
import { fail, type ResultObserver } from '../result-observation.ts';
import type { Scope } from '../scope.ts';
import type { Outcome, Step } from '../steps.ts';
import { ERROR_TYPE, FAULTLINE_OUTCOME, OPERATIONS, type Operation } from '../semconv.ts';
import { observeResult } from '../span-result.ts';
import type { SpanHandle, SpanOptions } from './handles.ts';
import { wayOut } from './way-out.ts';

/**
 * What distinguishes one traced operation from another: how its span starts and what its handle can do.
 *
 * @internal
 */
export interface TracedOperation<Options, Handle extends OperationSpan> {
  open(options: Options, surroundings: Surroundings): Opened;
  /** What there is when that fails, if it is more than a span that records nothing. */
  instead?(options: Options, surroundings: Surroundings): Opened;
  handle(opened: Opened, options: Options): Handle;
}

/**
 * Where a span is about to start.
 *
 * @internal
 */
export interface Surroundings {
  readonly context: Context;
  readonly frame: RunFrame | undefined;
}

/**
 * A span that has started.
 *
 * @internal
 */
export interface Opened {
  readonly span: Span;
  readonly name: string;
  /** The context the operation was called in, whatever the parent of its span is. */
  readonly around: Context;
  /** The context the span was started in. */
  readonly parent: Context;
  /** The context the traced function runs in. */
  readonly context: Context;
  /** What is known of the run the span belongs to, its own when it is an agent's. */
  readonly frame: RunFrame | undefined;
  readonly signal: AbortSignal | undefined;
  /** The agent run this span is part of. */
  readonly within: AgentFrame | undefined;
  /** The agent run this span is. */
  readonly opens?: AgentFrame;
  /** What an Issue of the run would say of it. Absent where no Issues are made, and outside of runs. */
  readonly step: Step | undefined;
}

/**
 * Outside of a run nothing tells whose failure an operation would lead to.
 *
 * @internal
 */
export function stepOf(operation: Operation, name: string, span: Span, frame: RunFrame | undefined): Step | undefined {
  if (frame === undefined || active().issues === undefined) return undefined;
  return scopeOfSteps(frame).beginStep(operation, name, span);
}

/** A part of a run may have a scope of its own; its steps are those of the run. */
function scopeOfSteps(frame: RunFrame): Scope {
  return frame.agent === undefined ? frame.scope : rootOf(frame.agent).scope;
}

/**
 * What work runs under whose span could not be started: a span that records nothing.
 *
 * @internal
 */
export function notOpened({ context, frame }: Surroundings): Opened {
  return {
    span: trace.wrapSpanContext(INVALID_SPAN_CONTEXT),
    name: '',
    around: context,
    parent: context,
    context,
    frame,
    signal: frame?.agent?.signal,
    within: undefined,
    step: undefined,
  };
}

/** @internal */
export function traced<Options extends SpanOptions, Handle extends OperationSpan, T>(
  operation: TracedOperation<Options, Handle>,
  given: Options | undefined | null,
  run: (span: Handle) => T,
): T {
  const options = given ?? ({} as Options);
  const context = contextApi.active();
  const surroundings = { context, frame: frameOf(context) };
  const opened =
    guard(() => operation.open(options, surroundings)) ??
    operation.instead?.(options, surroundings) ??
    notOpened(surroundings);
  const handle = operation.handle(opened, options);
  handle.begin();
  let result: T;
  try {
    result = contextApi.with(handle.inside, run, undefined, handle);
  } catch (error) {
    return fail(error, handle);
  }
  return observeResult(result, handle.inside, handle);
}

/**
 * Whether an error says that an agent was aborted, without a signal that is known to be the work's own: the signal of
 * a run that has left the work behind, or the reader of a stream, which may abort what it pleases. What goes on after
 * that may have been started for another run by now, and fail for reasons of its own.
 */
function isAbortOf(agent: AgentFrame, error: unknown): boolean {
  const { leftBy } = rootOf(agent);
  if (leftBy?.aborted === true && Object.is(error, leftBy.reason)) return true;
  return (leftBy?.aborted === true || isBrokenOff(agent)) && ABORT_ERROR.test(errorType(error));
}

/** Of the platform; `APIUserAbortError` of OpenAI and Anthropic, `ModelAbortError` of LangChain. */
const ABORT_ERROR = /AbortError$/;

/**
 * The life of one span: it fails at most once and ends exactly once.
 *
 * What its user calls are getters, each of which makes a function that needs no `this`: a handle that is taken apart
 * has none. Functions made with the handle would be paid for by every span, these by who asks for them.
 *
 * @internal
 */
export abstract class OperationSpan implements SpanHandle, ResultObserver {
  readonly span: Span;
  /** The context the work runs in. Where messages of errors may leave, it knows what those must not say. */
  inside: Context;
  /** What may leave of the content. */
  protected readonly policy: ContentPolicy;
  protected abstract readonly operation: Operation;
  /** The agent run this span is part of. */
  protected readonly within: AgentFrame | undefined;
  readonly #opened: Opened;
  readonly #work: KnownWork = { hasEnded: false, content: undefined, answer: undefined };
  #error: { readonly value: unknown } | undefined;
  #aborted = false;

  constructor(opened: Opened) {
    this.span = opened.span;
    this.policy = contentPolicyOf(opened.frame);
    this.within = opened.within;
    this.#opened = opened;
    this.inside = opened.context;
  }

  /** What the work has come to, in the words of who recorded it. Its error may quote that as well. */
  protected get answer(): Content | undefined {
    return this.#work.answer;
  }

  protected set answer(answer: Content | undefined) {
    this.#work.answer = answer;
  }

  /** Writes the content that is known before the work starts, and lets the work know it. */
  begin(): void {
    if (this.policy.errorMessages !== 'withheld') guard(() => this.#tellContent());
    if (this.policy.capturesAny) guard(() => this.beforeStart());
  }

  get fail(): (error: unknown) => void {
    return guarded((error) => this.onError(error));
  }

  onError(error: unknown): void {
    if (this.#work.hasEnded || this.#error !== undefined || isInterruption(error)) return;
    const { signal, opens = this.within } = this.#opened;
    if (signal?.aborted === true || (opens !== undefined && isAbortOf(opens, error))) {
      this.onCancel();
      return;
    }
    this.#error = { value: error };
    guard(() => this.#recordOnce(error));
  }

  onCancel(): void {
    if (this.#work.hasEnded || this.#aborted) return;
    this.#aborted = true;
    const { opens } = this.#opened;
    if (opens !== undefined) opens.isBrokenOff = true;
    guard(() => this.span.setAttribute(FAULTLINE_OUTCOME, 'aborted'));
    // A model call that was broken off has no answer, which its users look for by this name; it is no failure.
    if (this.operation === 'chat') guard(() => this.span.setAttribute(ERROR_TYPE, 'aborted'));
  }

  onValue(): void {}

  onResult(_value: unknown): void {}

  /** A stream may end without an error because somebody has aborted it. */
  onEnd(): void {
    if (this.#error === undefined && this.#opened.signal?.aborted === true) this.onCancel();
    this.onSettled();
  }

  onSettled(): void {
    if (this.#work.hasEnded) return;
    this.#work.hasEnded = true;
    const outcome = this.#outcome();
    guard(() => this.beforeEnd(outcome === 'done', this.#error));
    guard(() => this.span.end());
    const { step, frame } = this.#opened;
    if (step !== undefined && frame !== undefined) scopeOfSteps(frame).endStep(step, outcome, this.span);
  }

  #outcome(): Outcome {
    if (this.#error !== undefined) return 'failed';
    return this.#aborted ? 'aborted' : 'done';
  }

  /** What this kind of span says about an error that ends it. */
  protected abstract describeError(error: unknown): { readonly point?: FailurePoint; readonly errorType?: string };

  /** Writes content as far as it may leave. What gives the content is not even called when it may not. */
  protected write<Given>(build: ContentBuilder<Given>, given: Given | undefined): void {
    if (given === undefined || !this.policy.capturesAny || !this.span.isRecording()) return;
    guard(() => {
      const content = build(given, this.policy);
      for (const text of Object.values(content)) seal(this.span, text);
      this.span.setAttributes(content);
    });
  }

  /** Writes a number, should it be one: an application without types may hand over anything. */
  protected writeNumber(name: string, value: number | undefined): void {
    if (value !== undefined && Number.isFinite(value)) guard(() => this.span.setAttribute(name, value));
  }

  /**
   * What gives the content this operation is about, for errors not to repeat. It must not hold on to the operation,
   * whose context knows of others in turn.
   */
  protected abstract content(): () => readonly unknown[];

  /** Tags of an Issue that say what this operation was about. */
  protected issueTags(): Readonly<Record<string, string>> {
    return {};
  }

  protected abstract beforeStart(): void;

  /** Last chance to write attributes. */
  protected beforeEnd(_succeeded: boolean, _error: { readonly value: unknown } | undefined): void {}

  #tellContent(): void {
    this.#work.content = this.content();
    this.inside = withKnownContent(this.inside, this.#work);
  }

  #recordOnce(error: unknown): void {
    const { span, policy, within } = this;
    const { name, around, parent, frame, opens } = this.#opened;
    const run = opens ?? within;
    recordSpanFailure(span, {
      error,
      place: { ...failurePlace(span.spanContext(), run), wayOut: wayOut(span, around, within) },
      isEnd: opens !== undefined && opens.root === undefined,
      policy,
      content: knownContent(this.inside),
      ...this.describeError(error),
      run,
      site: () => ({
        span: span.spanContext(),
        parentSpanId: trace.getSpanContext(parent)?.spanId,
        op: OPERATIONS[this.operation].sentryOp,
        transaction: run?.name ?? name,
        frame,
        tags: this.issueTags(),
      }),
    });
  }
}
