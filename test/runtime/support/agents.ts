import { z } from 'zod';

import { defineTool } from '../../../src/runtime/index.ts';
import type { AgentEvent, RunStream, Tool } from '../../../src/runtime/index.ts';

/** A promise a test settles when it likes. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

/** A tool that answers with its argument. */
export function echo(name = 'echo'): Tool<{ text: string }> {
  return defineTool({
    name,
    description: 'Says it again',
    input: z.object({ text: z.string() }),
    execute: ({ text }) => `${name}: ${text}`,
  });
}

/** Everything that happens in a run, and how it ends. */
export async function collect(run: RunStream): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

/** The events of these types, in order. */
export function only<Type extends AgentEvent['type']>(
  events: readonly AgentEvent[],
  ...types: Type[]
): Extract<AgentEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<AgentEvent, { type: Type }> =>
    (types as string[]).includes(event.type),
  );
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection');
}
