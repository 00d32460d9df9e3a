/** What a client is told of a run: all of it at its end, or what happens as it happens. */
import type { Time } from '../time.ts';
import type { AgentEvent } from '../types.ts';
import { eventsResponse, jsonResponse, problemBody, problemResponse, traceIdHeader } from './http-answer.ts';
import { createEventStream, type ServerSentEvent } from './http-event-stream.ts';
import { BUSY, FAILED, STOPPING, type Problem } from './http-problem.ts';
import { startHttpRun, type HttpRunOptions, type RunOutcome } from './http-run.ts';

/** A run and the answer it becomes, which is there before the run is over when it is a stream. */
export interface AnsweredRun {
  readonly outcome: Promise<RunOutcome>;
  readonly response: Promise<Response>;
}

type Asked = Omit<HttpRunOptions, 'stream' | 'onEvent' | 'controller'>;

/** Answers with JSON once the run is over. */
export function answerRun(request: Request, asked: Asked): AnsweredRun {
  const controller = new AbortController();
  const { outcome } = startHttpRun(request, { ...asked, stream: false, onEvent: () => {}, controller });
  const respond = async (): Promise<Response> => {
    const end = await outcome;
    if (end.status !== 'answered') return problemResponse(problemOf(end));
    return jsonResponse(200, answerBody(end, asked.question.conversationId), traceIdHeader(end.run.traceId));
  };
  return { outcome, response: respond() };
}

/** Characters that may wait for a slow reader: more than a model writes, less than hurts. */
const MAX_WAITING = 1024 * 1024;

/** Answers with a stream of events as soon as the run has begun. */
export function streamRun(request: Request, asked: Asked, heartbeatMs: number, time: Time): AnsweredRun {
  const { conversationId } = asked.question;
  const controller = new AbortController();
  const onGone = (reason: DOMException): void => controller.abort(reason);
  const stream = createEventStream(time, { heartbeatMs, maxWaiting: MAX_WAITING, onGone });
  const onEvent = (event: AgentEvent): void => {
    if (event.type === 'text.delta') stream.sendText(event.text);
    const shown = publicEvent(event, conversationId);
    if (shown !== undefined) stream.send(shown);
  };
  const run = startHttpRun(request, { ...asked, stream: true, onEvent, controller });
  void run.outcome.then((outcome) => stream.end(lastEvent(outcome, conversationId)));
  const respond = async (): Promise<Response> => {
    // Long enough for a run to begin, unless another one of the same conversation is in its way.
    const begun = await Promise.race([run.begun, nextMacrotask()]);
    if (begun === 'later') return eventsResponse(stream.body, {});
    if (begun !== undefined) return eventsResponse(stream.body, traceIdHeader(begun.traceId));
    const outcome = await run.outcome;
    return problemResponse(outcome.status === 'answered' ? FAILED : problemOf(outcome));
  };
  return { outcome: run.outcome, response: respond() };
}

function nextMacrotask(): Promise<'later'> {
  return new Promise((resolve) => {
    setImmediate(resolve, 'later' as const);
  });
}

/** The events people outside may see: no tool's arguments, no model's reasoning, nothing about retries. */
function publicEvent(event: AgentEvent, conversationId: string): ServerSentEvent | undefined {
  switch (event.type) {
    case 'run.start': {
      const { runId, spanContext } = event;
      return { event: event.type, id: runId, data: { runId, conversationId, traceId: spanContext?.traceId } };
    }
    case 'text.reset':
      return { event: event.type, data: {} };
    case 'tool.start':
      return { event: event.type, data: { id: event.id, name: event.name } };
    case 'tool.end': {
      const { id, name, isError, durationMs } = event;
      return { event: event.type, data: { id, name, isError, durationMs } };
    }
    default:
      return undefined;
  }
}

function lastEvent(outcome: RunOutcome, conversationId: string): ServerSentEvent {
  return outcome.status === 'answered'
    ? { event: 'run.end', data: answerBody(outcome, conversationId) }
    : { event: 'run.error', data: problemBody(problemOf(outcome)) };
}

type Answered = Extract<RunOutcome, { readonly status: 'answered' }>;

function answerBody({ text, run, result }: Answered, conversationId: string): unknown {
  const { agent, model, finishReason, turns, usage } = result ?? {};
  return { text, conversationId, ...run, agent, model, finishReason, turns, usage };
}

function problemOf(outcome: Exclude<RunOutcome, Answered>): Problem {
  switch (outcome.status) {
    case 'not-begun':
      return outcome.isStopping ? STOPPING : BUSY;
    case 'aborted':
      return { ...STOPPING, traceId: outcome.run.traceId };
    case 'failed':
      return { ...FAILED, traceId: outcome.run?.traceId };
  }
}
