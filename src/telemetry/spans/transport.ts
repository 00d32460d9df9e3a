import { context as contextApi, ROOT_CONTEXT, SpanKind, type Context, type Link } from '@opentelemetry/api';

import { transportCrashAttributes } from '../attributes/transport.ts';
import { ContentFreeError } from '../content/content-free-error.ts';
import { plainAttributes } from '../content/plain-attribute.ts';
import { sealLabels } from '../content/seal.ts';
import { contentPolicyOf, failurePlace } from '../context.ts';
import { frameOf } from '../run-frame.ts';
import { recordSpanFailure } from '../failure.ts';
import { guard } from '../guard.ts';
import { knownContent } from '../known-content.ts';
import { recordedAnywhere, type RecordedFailure } from '../recorded-failures.ts';
import { FAULTLINE_TRANSPORT, OPERATIONS } from '../semconv.ts';
import { isThenable, observeResult } from '../span-result.ts';
import type { TransportSpanOptions } from './handles.ts';
import { addWhereFree, spanName, tracer } from './open-span.ts';

/** A transport returned although nobody had stopped it. */
export class TransportExitedError extends ContentFreeError {
  override readonly name = 'TransportExitedError';

  constructor(transport: string) {
    super(`transport ${transport} returned although it was not stopped`);
  }
}

/**
 * Watches a transport and traces its crash as `transport.crash {name}`, in a trace of its own that links to
 * the runs in flight. A crash is a rejection, or a return before `signal` was aborted. While the transport
 * works there is no span: one that lasts for days would distort every duration. A lazy thenable works from when it
 * is awaited, and keeps its methods.
 */
export function traceTransport<T>(options: TransportSpanOptions, run: () => T): T {
  const startedAt = performance.now();
  const context = contextApi.active();
  const isStopped = (): boolean | undefined => guard(() => options.signal?.aborted);
  const crashed = (error: unknown): void => recordCrash(options, error, startedAt, context);
  let result: T;
  try {
    result = run();
  } catch (error) {
    if (isStopped() !== true) crashed(error);
    throw error;
  }
  if (!isThenable(result)) return result;
  return observeResult(result, context, {
    isOnlyAwaited: true,
    onResult() {
      if (isStopped() === false) guard(() => crashed(new TransportExitedError(options.name)));
    },
    onError(error) {
      if (isStopped() !== true) crashed(error);
    },
    onValue() {},
    onCancel() {},
    onEnd() {},
    onSettled() {},
  });
}

/** A transport's crash, as a root span that lasts no time. */
function recordCrash(options: TransportSpanOptions, error: unknown, startedAt: number, context: Context): void {
  guard(() => {
    const links: Link[] = (options.runsInFlight?.() ?? []).map((run) => ({ context: run }));
    const frame = frameOf(context);
    const policy = contentPolicyOf(frame);
    const { secretsRedactor } = policy;
    const attributes = transportCrashAttributes(options.name, performance.now() - startedAt, secretsRedactor);
    addWhereFree(attributes, options.attributes && plainAttributes(options.attributes, secretsRedactor));
    const name = spanName(OPERATIONS.transport.spanName, options.name);
    const safeName = spanName(OPERATIONS.transport.spanName, String(attributes[FAULTLINE_TRANSPORT]));
    const settings = { kind: SpanKind.INTERNAL, root: true, attributes, links };
    const span = tracer().startSpan(safeName, settings, ROOT_CONTEXT);
    sealLabels(span, safeName, attributes, secretsRedactor);
    recordSpanFailure(span, {
      error,
      point: 'transport.crash',
      policy,
      place: failurePlace(span.spanContext(), frame?.agent),
      isEnd: true,
      endsSpan: true,
      known: unlessSurvived(recordedAnywhere(error, startedAt)),
      content: knownContent(context),
      run: undefined,
      site: () => ({
        span: span.spanContext(),
        op: OPERATIONS.transport.sentryOp,
        transaction: name,
        frame,
        tags: { transport: options.name },
      }),
    });
  });
}

/** What a run has gone on from and crashes a transport all the same is another failure, of which as much may be said. */
function unlessSurvived(known: RecordedFailure | undefined): RecordedFailure | undefined {
  if (known?.isSurvived !== true) return known;
  return { message: known.message, isOnSpan: false, isCaptured: known.isCaptured, isSurvived: false };
}
