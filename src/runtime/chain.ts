import { addBreadcrumb } from '../telemetry/current-scope.ts';
import type { FallbackHop } from '../telemetry/spans.ts';
import { announceFallback } from '../telemetry/spans/fallback.ts';
import { attempt, type CallSurroundings } from './attempt.ts';
import { AllModelsFailedError, type ModelAttempt } from './errors.ts';
import type { Candidate } from './models/candidate.ts';
import type { ModelAnswer } from './models/answer.ts';
import type { ModelFailure } from './models/failure.ts';
import type { TurnRequest } from './models/prompt.ts';
import { sleep } from './signals.ts';
import type { Time } from './time.ts';
import type { AgentOptions } from './types.ts';

/** The models of a run in the order they are asked, and how far the run has come. */
export interface Chain {
  readonly candidates: readonly Candidate[];
  readonly shouldFallback: AgentOptions['shouldFallback'];
  /** How often the run has moved on to the next model: one that failed is not paid for again in the same run. */
  fallbacks: number;
}

/** The model that will be asked next. */
export function candidateInUse({ candidates, fallbacks }: Chain): Candidate {
  return candidates[fallbacks]!;
}

export interface ChainAnswer {
  readonly answer: ModelAnswer;
  readonly candidate: Candidate;
}

/**
 * Gets one answer from the chain: asks the model in use, again if that may help, then the models after it.
 *
 * Rejects with `AllModelsFailedError` when nobody answered, with the provider's error when the request
 * itself is at fault, and with the signal's reason when the run is aborted.
 */
export async function askChain(chain: Chain, request: TurnRequest, run: CallSurroundings): Promise<ChainAnswer> {
  const failed: ModelAttempt[] = [];
  const errors: unknown[] = [];
  const hops: FallbackHop[] = [];
  for (;;) {
    const candidate = candidateInUse(chain);
    const outcome = await askModel(candidate, request, hops, run);
    if (outcome.status === 'answered') return { answer: outcome.answer, candidate };

    const { failure, errors: failures } = outcome;
    const attempts = failures.length;
    const { modelId: model, provider } = candidate;
    if (failure.kind === 'caller') throw failure.error;
    failed.push({ model, provider, attempts, reason: failure.reason, error: failure.error });
    errors.push(...failures);

    const next = chain.candidates[chain.fallbacks + 1];
    const mayFallBack = chain.shouldFallback?.(failure, { model, attempt: attempts }) ?? true;
    if (next === undefined || !mayFallBack) throw new AllModelsFailedError(failed, errors);
    chain.fallbacks += 1;
    const { reason } = failure;
    const hop = { from: model, fromProvider: provider, to: next.modelId, toProvider: next.provider, reason };
    hops.push(hop);
    run.emit({ type: 'model.fallback', from: model, to: next.modelId, reason });
    announceFallback(hop);
  }
}

type ModelOutcome =
  | { readonly status: 'answered'; readonly answer: ModelAnswer }
  | { readonly status: 'failed'; readonly failure: ModelFailure; readonly errors: readonly unknown[] };

/** Asks one model until it answers, or until asking it again makes no sense. */
async function askModel(
  candidate: Candidate,
  request: TurnRequest,
  hops: readonly FallbackHop[],
  run: CallSurroundings,
): Promise<ModelOutcome> {
  const errors: unknown[] = [];
  for (let number = 1; ; number += 1) {
    const outcome = await attempt({ candidate, request, number, hops }, run);
    if (outcome.status === 'answered') return outcome;

    const { failure } = outcome;
    errors.push(failure.error);
    const delayMs = number > candidate.maxRetries ? undefined : retryDelay(failure, number, run.time);
    if (delayMs === undefined) return { status: 'failed', failure, errors };
    const { reason } = failure;
    run.emit({ type: 'model.retry', model: candidate.modelId, attempt: number + 1, delayMs, reason });
    addBreadcrumb({
      category: 'model.retry',
      message: candidate.modelId,
      data: { attempt: number + 1, delayMs, reason },
    });
    await sleep(delayMs, run.signal, run.time);
  }
}

/** Longest wait for one model. A run has a person waiting at its end, and other models to ask. */
const MAX_DELAY_MS = 2_000;
const FIRST_DELAY_MS = 250;

/** How long to wait before the same model is asked again, or `undefined` when it should not be. */
export function retryDelay(
  failure: Pick<ModelFailure, 'retryable' | 'retryAfterMs'>,
  attempts: number,
  time: Pick<Time, 'random'>,
): number | undefined {
  const { retryable, retryAfterMs } = failure;
  if (!retryable) return undefined;
  if (retryAfterMs !== undefined) return retryAfterMs <= MAX_DELAY_MS ? retryAfterMs : undefined;
  const ceiling = Math.min(FIRST_DELAY_MS * 2 ** (attempts - 1), MAX_DELAY_MS);
  // Between half of it and all of it, so that runs that failed together do not come back together.
  return Math.round(ceiling * (0.5 + time.random() / 2));
}
