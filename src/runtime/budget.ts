import { active } from '../telemetry/active.ts';
import { createPricing, type Pricing } from '../telemetry/attributes/cost.ts';
import type { TokenUsage } from '../telemetry/attributes/usage.ts';
import type { Decided } from './defined.ts';
import { BudgetExceededError } from './errors.ts';
import type { RunLimits } from './types.ts';

/** What a run may spend, and has. What is spent from a budget is spent from those around it as well. */
export interface Budget {
  /** Counts a model call that answered. */
  spend(call: SpentCall): void;
  /** Throws `BudgetExceededError` when nothing is left of it, or of one around it. */
  requireSome(): void;
  /** Whether a cost limit waits for the price of calls, here or around it. */
  readonly wantsCost: boolean;
  /** Counts what was spent below as well. */
  count(tokens: number, costUsd: number): void;
}

/** A model call that answered. */
export interface SpentCall {
  readonly provider: string;
  /** The model that says it answered, then the one that was asked. */
  readonly models: readonly string[];
  readonly usage: TokenUsage;
  /** As the provider gave it. */
  readonly given: unknown;
}

type BudgetLimits = Decided<Pick<RunLimits, 'maxTotalTokens' | 'maxCostUsd'>>;

/** Creates the budget of a run of an agent, which is part of that of the run around it. */
export function createBudget(agent: string, limits: BudgetLimits, outer: Budget | undefined): Budget {
  const { maxTotalTokens, maxCostUsd } = limits;
  const wantsCost = maxCostUsd < Infinity || outer?.wantsCost === true;
  let tokens = 0;
  let costUsd = 0;
  /** Made once and thrown again by the runs around the one that spent too much, as it is the same failure. */
  let exceeded: BudgetExceededError | undefined;

  const count = (moreTokens: number, moreUsd: number): void => {
    tokens += moreTokens;
    costUsd += moreUsd;
    outer?.count(moreTokens, moreUsd);
  };
  return {
    wantsCost,
    count,
    spend: (call) => count(tokensOf(call, maxTotalTokens), wantsCost ? costOf(call) : 0),
    requireSome: () => {
      outer?.requireSome();
      if (tokens >= maxTotalTokens) {
        exceeded ??= new BudgetExceededError(agent, 'tokens', tokens, maxTotalTokens);
      } else if (costUsd >= maxCostUsd) {
        exceeded ??= new BudgetExceededError(agent, 'cost', costUsd, maxCostUsd);
      }
      if (exceeded !== undefined) throw exceeded;
    },
  };
}

function tokensOf({ usage, models }: SpentCall, maxTotalTokens: number): number {
  const { inputTokens, outputTokens } = usage;
  if (inputTokens === undefined && outputTokens === undefined && maxTotalTokens < Infinity) {
    warnOnce(models, 'maxTotalTokens', 'its provider reports no usage');
  }
  return (inputTokens ?? 0) + (outputTokens ?? 0);
}

let listPrice: Pricing | undefined;

function costOf({ provider, models, usage, given }: SpentCall): number {
  const price = active().price ?? (listPrice ??= createPricing());
  const cost = price({ provider, models, usage, given });
  if (cost === undefined) warnOnce(models, 'maxCostUsd', 'it has no known price: give setupTracing one in pricing');
  return cost?.totalUsd ?? 0;
}

/** Models a limit cannot be held for, as far as that was said. */
const warned = new Set<string>();
const MOST_WARNED = 100;

function warnOnce(models: readonly string[], limit: string, why: string): void {
  const model = models.at(-1) ?? 'the model';
  const key = `${limit} ${model}`;
  if (warned.has(key) || warned.size >= MOST_WARNED) return;
  warned.add(key);
  process.emitWarning(`${limit} does not count the calls of ${model}, because ${why}`, 'FaultlineWarning');
}
