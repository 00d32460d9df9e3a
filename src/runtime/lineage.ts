import { AsyncLocalStorage } from 'node:async_hooks';

import type { RunContext } from '../telemetry/context.ts';
import { newRunId } from '../telemetry/run-id.ts';
import { createBudget, type Budget } from './budget.ts';
import type { ResolvedLimits } from './limits.ts';
import type { LogListener } from './types.ts';

/** What a run hands down to the runs that begin inside it, by whichever way: as a tool, or called in one. */
export interface Lineage {
  readonly context: RunContext & { readonly agent: string; readonly runId: string; readonly depth: number };
  /** The depth below which no run may begin. */
  readonly deepest: number;
  readonly budget: Budget;
  readonly onLog: LogListener | undefined;
  /** The run all of this began with; absent in its own. */
  readonly root: Lineage | undefined;
  hasEnded: boolean;
}

/** What a run brings along, which goes before what it inherits. */
export interface NewRun {
  readonly context: RunContext & { readonly agent: string };
  /** The id that is known around it. */
  readonly runId: string | undefined;
  readonly limits: ResolvedLimits;
  readonly onLog: LogListener | undefined;
}

/** Limits hold without telemetry, and without it there is no context of OpenTelemetry to carry them. */
const storage = new AsyncLocalStorage<Lineage>();

/** Creates the lineage of a run that begins now, below the run the code that is running is part of. */
export function createLineage({ context, runId, limits, onLog }: NewRun): Lineage {
  const around = storage.getStore();
  // What ended runs have left behind is of the same user and conversation, and no part of them any more.
  const outer = around === undefined || isOver(around) ? undefined : around;
  const depth = outer === undefined ? 0 : outer.context.depth + 1;
  return {
    context: { ...around?.context, ...context, runId: runId ?? outer?.context.runId ?? newRunId(), depth },
    deepest: Math.min(outer?.deepest ?? Infinity, depth + limits.maxDepth),
    budget: createBudget(context.agent, limits, outer?.budget),
    onLog: onLog ?? around?.onLog,
    root: outer?.root ?? outer,
    hasEnded: false,
  };
}

/** Whether both a run and the one it began with have ended. */
function isOver({ hasEnded, root }: Lineage): boolean {
  return hasEnded && root?.hasEnded !== false;
}

export function withLineage<T>(lineage: Lineage, run: () => T): T {
  return storage.run(lineage, run);
}
