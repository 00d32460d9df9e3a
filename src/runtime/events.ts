import { errorType } from '../telemetry/linked-errors.ts';
import type { AgentEvent } from './types.ts';

/** Calls a listener so that it can do no harm: what it throws becomes one process warning. */
export function guardedListener<Said>(
  listener: ((said: Said) => unknown) | undefined,
  name = 'onEvent',
): (said: Said) => void {
  if (listener === undefined) return () => {};
  let warned = false;
  const warn = (error: unknown): void => {
    if (warned) return;
    warned = true;
    process.emitWarning(`an ${name} listener failed with ${errorType(error)}; the run goes on`, 'FaultlineWarning');
  };
  return (said) => {
    try {
      const result = listener(said);
      // An async listener fails later, where nobody would look.
      if (result instanceof Promise) result.catch(warn);
    } catch (error) {
      warn(error);
    }
  };
}

/** Events on their way from a run to one reader. */
export interface EventQueue {
  readonly push: (event: AgentEvent) => void;
  /** No more events will come. */
  readonly end: () => void;
  readonly reader: AsyncIterableIterator<AgentEvent>;
}

/**
 * Creates a queue that holds no more than the run itself does: two pieces of text that nobody has read yet
 * become one, so a slow reader makes pieces longer, not the queue. Pushing never waits, so a run without
 * a reader is not held up. `onReturn` is called when the reader leaves before the end, and the reader goes on
 * once that has settled.
 */
export function createEventQueue(onReturn: () => Promise<void>): EventQueue {
  const events: AgentEvent[] = [];
  const waiting: ((result: IteratorResult<AgentEvent>) => void)[] = [];
  let ended = false;
  let left: Promise<void> | undefined;

  const end = (): void => {
    ended = true;
    for (const resolve of waiting.splice(0)) resolve({ done: true, value: undefined });
  };
  const reader: AsyncIterableIterator<AgentEvent> = {
    next: () => {
      const event = events.shift();
      if (event !== undefined) return Promise.resolve({ done: false, value: event });
      if (ended) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve) => waiting.push(resolve));
    },
    return: async () => {
      events.length = 0;
      if (!ended) {
        end();
        left = onReturn();
      }
      await left;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => reader,
  };

  return {
    reader,
    end,
    push: (event) => {
      if (ended) return;
      const resolve = waiting.shift();
      if (resolve !== undefined) {
        resolve({ done: false, value: event });
        return;
      }
      const merged = mergeDeltas(events.at(-1), event);
      if (merged === undefined) events.push(event);
      else events[events.length - 1] = merged;
    },
  };
}

function mergeDeltas(previous: AgentEvent | undefined, next: AgentEvent): AgentEvent | undefined {
  if (previous?.type === 'text.delta' && next.type === 'text.delta') {
    return { type: 'text.delta', text: previous.text + next.text };
  }
  if (previous?.type === 'reasoning.delta' && next.type === 'reasoning.delta') {
    return { type: 'reasoning.delta', text: previous.text + next.text };
  }
  return undefined;
}
