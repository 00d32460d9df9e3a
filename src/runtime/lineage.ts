import { AsyncLocalStorage } from 'node:async_hooks';

import type { RunContext } from '../telemetry/context.ts';
import type { Budget } from './budget.ts';
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

/** Limits hold without telemetry, and without it there is no context of OpenTelemetry to carry them. */
const storage = new AsyncLocalStorage<Lineage>();

/** The run the code that is running now is part of. */
export function currentLineage(): Lineage | undefined {
  return storage.getStore();
}

/** Whether both a run and the one it began with have ended. What they have left behind is no part of them then. */
export function isOver({ hasEnded, root }: Lineage): boolean {
  return hasEnded && root?.hasEnded !== false;
}

export function withLineage<T>(lineage: Lineage, run: () => T): T {
  return storage.run(lineage, run);
}
