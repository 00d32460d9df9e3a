import type { ChatRequest, ChatSpan, FallbackHop } from '../telemetry/spans.ts';
import { traceChat } from '../telemetry/spans.ts';
import { toolDefinitions } from './content.ts';
import { ModelTimeoutError } from './errors.ts';
import type { Candidate, LoadedModel } from './models/candidate.ts';
import type { ModelAnswer } from './models/answer.ts';
import { describeModelFailure, type ModelFailure } from './models/failure.ts';
import { readAnswer, readStreamedAnswer } from './models/normalize.ts';
import { callOptions, modelName, type TurnRequest } from './models/prompt.ts';
import { openScope, untilAborted } from './signals.ts';
import type { Time } from './time.ts';
import type { AgentEvent, CallSettings, ModelLike } from './types.ts';

/** What a model call needs to know about the run it is part of. */
export interface CallSurroundings {
  /** Aborted by the caller: the call is nobody's failure then. */
  readonly callerSignal: AbortSignal;
  /** Aborted by the caller or at the run's deadline. */
  readonly signal: AbortSignal;
  readonly stream: boolean;
  readonly time: Time;
  readonly emit: (event: AgentEvent) => void;
}

export type AttemptOutcome =
  | { readonly status: 'answered'; readonly answer: ModelAnswer }
  | { readonly status: 'failed'; readonly failure: ModelFailure };

/** One call of one model, before it is made. */
export interface Attempt {
  readonly candidate: Candidate;
  readonly request: TurnRequest;
  /** 1 for the first time this model is asked in this turn. */
  readonly number: number;
  /** The models of this turn that failed before. */
  readonly hops: readonly FallbackHop[];
}

/**
 * Asks one model once, in one `chat` span. Rejects when the run is aborted, or when the request cannot even
 * be written; text that was handed out before the call failed is taken back.
 */
export async function attempt(asked: Attempt, run: CallSurroundings): Promise<AttemptOutcome> {
  const { timeoutMs, settings } = asked.candidate;
  const scope = openScope(run.signal, run.time, { ms: timeoutMs, onExpired: (ms) => new ModelTimeoutError(ms) });
  try {
    const options = callOptions({ ...asked.request, settings }, modelName(asked.candidate), scope.signal);
    return await callModel(asked, options, scope.signal, run);
  } finally {
    scope.close();
  }
}

async function callModel(
  { candidate, request, number, hops }: Attempt,
  options: object,
  signal: AbortSignal,
  run: CallSurroundings,
): Promise<AttemptOutcome> {
  const loading = await load(candidate);
  const { modelId: model, provider, settings } = candidate;
  const { stream, callerSignal } = run;
  const description = {
    model,
    provider,
    attempt: number,
    stream,
    request: chatRequest(settings),
    signal: callerSignal,
    messages: () => request.messages,
    toolDefinitions: () => toolDefinitions(request.tools),
    systemInstructions: () => request.instructions,
    // Besides the instructions it has notes from memory, which are content of the memory they came from.
    withhold: () => request.system,
    server: loading.status === 'loaded' ? loading.loaded.server : undefined,
  };
  let handedOut = false;
  const emit = (event: AgentEvent): void => {
    handedOut ||= event.type === 'text.delta';
    run.emit(event);
  };
  try {
    const answer = await traceChat(description, async (chat) => {
      if (loading.status === 'failed') throw loading.error;
      const read = stream ? readStream : readWhole;
      const answer = await read(loading.loaded.model, options, { chat, emit, signal, callerSignal });
      const { id, model, usage, finishReason } = answer;
      chat.record({
        id,
        model,
        finishReasons: [finishReason],
        usage,
        output: () => ({ role: 'assistant', content: answer.parts }),
      });
      for (const hop of hops) chat.fallback(hop);
      return answer;
    });
    return { status: 'answered', answer };
  } catch (error) {
    run.signal.throwIfAborted();
    const failure = describeModelFailure(error, run.time.now());
    if (handedOut) run.emit({ type: 'text.reset', reason: failure.reason });
    return { status: 'failed', failure };
  }
}

/** One call under way. */
interface Call {
  readonly chat: ChatSpan;
  readonly emit: (event: AgentEvent) => void;
  readonly signal: AbortSignal;
  readonly callerSignal: AbortSignal;
}

async function readWhole(model: ModelLike, options: object, call: Call): Promise<ModelAnswer> {
  const { chat, emit, signal } = call;
  const result = await untilAborted(signal, () => model.doGenerate(options));
  return withFailedReason(call, () => {
    const answer = readAnswer(result, { onKnown: (known) => chat.record(known) });
    for (const part of answer.parts) {
      if (part.type !== 'tool-call' && part.text !== '') emit({ type: `${part.type}.delta`, text: part.text });
    }
    return answer;
  });
}

async function readStream(model: ModelLike, options: object, call: Call): Promise<ModelAnswer> {
  const { chat, emit, signal } = call;
  const streaming = await untilAborted(signal, () => model.doStream(options));
  return withFailedReason(call, () =>
    readStreamedAnswer(streaming, signal, {
      onFirstPart: () => chat.firstChunk(),
      onPiece: (type, text) => emit({ type: `${type}.delta`, text }),
      // Recorded at once, because an answer that is cut or refused has no end to record it at.
      onKnown: (known) => chat.record(known),
    }),
  );
}

/** The conventions ask for a finish reason of every answer that began. */
async function withFailedReason<Value>(
  { chat, callerSignal }: Call,
  read: () => Value | Promise<Value>,
): Promise<Value> {
  try {
    return await read();
  } catch (error) {
    if (!callerSignal.aborted) chat.record({ finishReasons: ['error'] });
    throw error;
  }
}

type Loading =
  | { readonly status: 'loaded'; readonly loaded: LoadedModel }
  | { readonly status: 'failed'; readonly error: unknown };

/** Loads the model before its span starts, which wants to know the server. A failure belongs in the span. */
async function load(candidate: Candidate): Promise<Loading> {
  try {
    return { status: 'loaded', loaded: await candidate.load() };
  } catch (error) {
    return { status: 'failed', error };
  }
}

function chatRequest(settings: CallSettings): ChatRequest {
  const { providerOptions: _, maxOutputTokens, ...shared } = settings;
  return { ...shared, maxTokens: maxOutputTokens };
}
