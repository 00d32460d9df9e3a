import type { ChatRequest, ChatSpan, FallbackHop } from '../telemetry/spans.ts';
import { traceChat } from '../telemetry/spans.ts';
import { defined } from './defined.ts';
import { describeModelFailure, ModelTimeoutError, type ModelFailure } from './errors.ts';
import type { Candidate, LoadedModel } from './models/candidate.ts';
import { readAnswer, readStreamedAnswer, type ModelAnswer } from './models/normalize.ts';
import { callOptions, modelName, type ModelRequest } from './models/prompt.ts';
import { openScope, untilAborted } from './signals.ts';
import type { Time } from './time.ts';
import type { AgentEvent, CallSettings } from './types.ts';

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

/**
 * Asks one model once, in one `chat` span. Rejects only when the run is aborted; text that was handed out
 * before the call failed is taken back.
 */
export async function attempt(
  candidate: Candidate,
  request: Omit<ModelRequest, 'settings'>,
  number: number,
  hops: readonly FallbackHop[],
  run: CallSurroundings,
): Promise<AttemptOutcome> {
  const { timeoutMs, settings } = candidate;
  const scope = openScope(
    run.signal,
    run.time,
    timeoutMs === undefined ? undefined : { ms: timeoutMs, onExpired: () => new ModelTimeoutError(timeoutMs) },
  );
  let handedOut = false;
  const emit = (event: AgentEvent): void => {
    handedOut ||= event.type === 'text.delta';
    run.emit(event);
  };
  try {
    const loading = await load(candidate);
    const description = {
      ...(loading.status === 'loaded' ? defined({ server: loading.loaded.server }) : undefined),
      model: candidate.modelId,
      provider: candidate.provider,
      attempt: number,
      stream: run.stream,
      request: chatRequest(settings),
      signal: run.callerSignal,
    };
    const answer = await traceChat(description, async (chat) => {
      if (loading.status === 'failed') throw loading.error;
      const { model } = loading.loaded;
      const options = callOptions({ ...request, settings }, modelName(candidate), scope.signal);
      const call: Call = { chat, emit, signal: scope.signal };
      try {
        const read = run.stream
          ? await readStream(() => model.doStream(options), call)
          : await readWhole(() => model.doGenerate(options), call);
        chat.record({
          ...defined({ id: read.id, model: read.model }),
          finishReasons: [read.finishReason],
          usage: read.usage,
        });
        for (const hop of hops) chat.fallback(hop);
        return read;
      } catch (error) {
        chat.record({ finishReasons: ['error'] });
        // Providers wrap the reason of an abort, or replace it by an error of their own.
        throw scope.signal.aborted ? scope.signal.reason : error;
      }
    });
    return { status: 'answered', answer };
  } catch (error) {
    run.signal.throwIfAborted();
    const failure = describeModelFailure(error, run.time.now());
    if (handedOut) run.emit({ type: 'text.reset', reason: failure.reason });
    return { status: 'failed', failure };
  } finally {
    scope.close();
  }
}

/** One call under way. */
interface Call {
  readonly chat: ChatSpan;
  readonly emit: (event: AgentEvent) => void;
  readonly signal: AbortSignal;
}

async function readWhole(ask: () => PromiseLike<unknown>, { emit, signal }: Call): Promise<ModelAnswer> {
  const answer = readAnswer(await untilAborted(signal, ask));
  for (const part of answer.parts) {
    if (part.type === 'reasoning' && part.text !== '') emit({ type: 'reasoning.delta', text: part.text });
    if (part.type === 'text' && part.text !== '') emit({ type: 'text.delta', text: part.text });
  }
  return answer;
}

async function readStream(ask: () => PromiseLike<unknown>, { chat, emit, signal }: Call): Promise<ModelAnswer> {
  return readStreamedAnswer(await untilAborted(signal, ask), signal, {
    onFirstPart: () => chat.firstChunk(),
    onText: (text) => emit({ type: 'text.delta', text }),
    onReasoning: (text) => emit({ type: 'reasoning.delta', text }),
    // Recorded at once, because a stream that is cut has no end to record it at.
    onIdentity: (identity) => chat.record(identity),
  });
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
  return defined({ ...shared, maxTokens: maxOutputTokens });
}
