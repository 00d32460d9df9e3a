import type { RunContext } from '../../telemetry/context.ts';
import { traceMemory } from '../../telemetry/spans.ts';
import { defined, type Decided } from '../defined.ts';
import { MemoryTimeoutError } from '../errors.ts';
import { openScope, untilAborted } from '../signals.ts';
import type { Time } from '../time.ts';
import type { MemoryOptions, MemoryStore } from '../types.ts';
import { requireCount, requireMethod, requireObject, requireTimeout } from '../validate.ts';
import { readRecords, type MemoryNote } from './notes.ts';

/** What came back from a memory. A memory that fails costs the run its memories, never the run. */
export type Recollection =
  | { readonly status: 'found'; readonly records: readonly MemoryNote[] }
  | { readonly status: 'failed' };

/** The memory of an agent, with every default in place. */
export interface Memory extends Decided<Omit<MemoryOptions, 'scopes'>> {
  readonly scopes: MemoryOptions['scopes'];
}

export function resolveMemory(memory: MemoryStore | MemoryOptions): Memory {
  requireObject('a memory', memory);
  const { store, limit = 5, timeoutMs = 2_000, scopes } = 'store' in memory ? memory : { store: memory };
  requireObject('the store of a memory', store);
  requireMethod(`memory ${store.id}`, store, 'search');
  requireCount(`limit of memory ${store.id}`, limit, 1);
  requireTimeout(`timeoutMs of memory ${store.id}`, timeoutMs);
  return { store, limit, timeoutMs, scopes };
}

/** The run a memory is searched for. */
export interface Recalling {
  readonly context: RunContext;
  readonly signal: AbortSignal;
  readonly time: Time;
}

/** Searches a memory for a run, which goes on without when that fails. Rejects only when the run is aborted. */
export async function recall(memory: Memory, query: string, run: Recalling): Promise<Recollection> {
  try {
    return { status: 'found', records: await searchMemory(memory, query, run) };
  } catch {
    run.signal.throwIfAborted();
    return { status: 'failed' };
  }
}

/** Searches a memory in its own span and time. Rejects with what went wrong, which the span has recorded. */
export async function searchMemory(memory: Memory, query: string, run: Recalling): Promise<readonly MemoryNote[]> {
  const { store, limit, timeoutMs } = memory;
  const { signal } = run;
  const scope = openScope(signal, run.time, {
    ms: timeoutMs,
    onExpired: (ms) => new MemoryTimeoutError(store.id, ms),
  });
  try {
    const searched = { store: store.id, system: store.system, signal, query: () => query };
    return await traceMemory(searched, async (span) => {
      const scopes = memory.scopes?.(run.context);
      const options = { ...defined({ scopes }), limit, signal: scope.signal };
      const found = await untilAborted(scope.signal, () => store.search(query, options));
      const records = readRecords(store.id, found);
      span.record({ recordCount: records.length, records: () => found });
      return records;
    });
  } finally {
    scope.close();
  }
}
