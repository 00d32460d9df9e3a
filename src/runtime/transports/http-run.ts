/** One run that an HTTP request asked for, from handing its message over to what became of it. */
import { context as contextApi, trace, type Context } from '@opentelemetry/api';

import { continueTrace } from '../../telemetry/propagation.ts';
import { SUPPRESS_TRACING_KEY } from '../../telemetry/untraced.ts';
import { reasonOf } from '../reason.ts';
import { whenAborted } from '../signals.ts';
import type { AgentEvent, IncomingMessage, RunResult } from '../types.ts';
import type { Question } from './http-request.ts';

/** What became of a run. */
export type RunOutcome =
  | {
      readonly status: 'answered';
      readonly text: string;
      readonly run: RunStart;
      readonly result: RunResult | undefined;
    }
  | { readonly status: 'failed'; readonly run: RunStart | undefined }
  /** By the client that left, or because the runtime was stopped. */
  | { readonly status: 'aborted'; readonly run: RunStart }
  /** It never began: there is too much to do, or the runtime is stopping. */
  | { readonly status: 'not-begun'; readonly isStopping: boolean };

/** By which a run can be found. */
export interface RunStart {
  readonly runId: string;
  readonly traceId: string | undefined;
}

export interface HttpRun {
  /** Resolves when the run has begun, or will never. */
  readonly begun: Promise<RunStart | undefined>;
  /** Never rejects. */
  readonly outcome: Promise<RunOutcome>;
}

export interface HttpRunOptions {
  readonly agent: string;
  readonly question: Question & { readonly conversationId: string };
  readonly transport: string;
  readonly receive: (message: IncomingMessage) => Promise<void>;
  /** Whether questions are no longer taken. */
  readonly isStopping: () => boolean;
  readonly stream: boolean;
  readonly onEvent: (event: AgentEvent) => void;
  /** Aborts the run; the client's leaving does it too. */
  readonly controller: AbortController;
}

/** Has an agent answer a request's question, as part of the caller's trace, for as long as the caller is there. */
export function startHttpRun(request: Request, options: HttpRunOptions): HttpRun {
  const { agent, question, transport, receive, isStopping, stream, onEvent, controller } = options;
  const stopFollowing = whenAborted(request.signal, () => {
    controller.abort(new DOMException('the client has left', 'AbortError'));
  });
  let begin!: (run: RunStart | undefined) => void;
  const begun = new Promise<RunStart | undefined>((resolve) => {
    begin = resolve;
  });
  let run: RunStart | undefined;
  let reply: string | undefined;
  let result: RunResult | undefined;
  let failure: { readonly aborted: boolean } | undefined;

  const message: IncomingMessage = {
    id: globalThis.crypto.randomUUID(),
    agent,
    text: question.input,
    conversationId: question.conversationId,
    transport,
    stream,
    signal: controller.signal,
    onEvent: (event) => {
      switch (event.type) {
        case 'run.start':
          run = { runId: event.runId, traceId: event.spanContext?.traceId };
          begin(run);
          break;
        case 'run.end':
          ({ result } = event);
          break;
        case 'run.error':
          failure = { aborted: event.aborted };
          break;
        default:
      }
      onEvent(event);
    },
    reply: (text) => {
      reply = text;
      return Promise.resolve();
    },
  };

  const outcomeOf = (): RunOutcome => {
    // What is replied without a run is that there is no room for one.
    if (run === undefined) return { status: 'not-begun', isStopping: isStopping() };
    if (failure?.aborted === true) return { status: 'aborted', run };
    if (failure !== undefined || reply === undefined) return { status: 'failed', run };
    return { status: 'answered', text: reply, run, result };
  };
  const handle = async (): Promise<RunOutcome> => {
    try {
      await inCallersTrace(request.headers, () => receive(message));
      return outcomeOf();
    } catch (error) {
      // Whoever receives messages does not reject, unless it was given an agent it does not know.
      process.emitWarning(`a message could not be handed to agent ${agent}: ${reasonOf(error)}`, 'FaultlineWarning');
      return { status: 'failed', run };
    } finally {
      stopFollowing();
      begin(run);
    }
  };
  return { begun, outcome: handle() };
}

/**
 * Runs a function as part of the caller's trace: below the server span of an HTTP instrumentation when there is
 * one, which continues that trace already. An instrumentation that was told to ignore the request suppresses all
 * tracing below it; ignoring a long connection must not lose the run it was opened for.
 */
function inCallersTrace<T>(headers: Headers, run: () => T): T {
  const context = contextApi.active().deleteValue(SUPPRESS_TRACING_KEY);
  return contextApi.with(context, () => (hasLocalSpan(context) ? run() : continueTrace(headers, run)));
}

function hasLocalSpan(context: Context): boolean {
  const span = trace.getSpanContext(context);
  return span !== undefined && trace.isSpanContextValid(span) && span.isRemote !== true;
}
