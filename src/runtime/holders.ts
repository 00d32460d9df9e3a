/** Who has a conversation: the agent it was handed over to, until that one hands it back or it is forgotten. */
import type { Agent } from './types.ts';

/** The conversations that another agent has than the one who is asked first. */
export interface Holders {
  /** The agent that has a conversation; undefined for whoever is asked first. */
  of(conversation: string): Agent | undefined;
  /** From now on this agent has the conversation; undefined gives it back to whoever is asked first. */
  set(conversation: string, holder: Agent | undefined): void;
}

/** Creates a memory for holders: beyond `most` the conversation that was silent for longest is forgotten. */
export function createHolders(most: number): Holders {
  // In order of last use, because every answer puts its conversation at the end.
  const holders = new Map<string, Agent>();
  return {
    of: (conversation) => holders.get(conversation),
    set: (conversation, holder) => {
      holders.delete(conversation);
      if (holder === undefined) return;
      holders.set(conversation, holder);
      if (holders.size > most) {
        const [silent] = holders.keys();
        holders.delete(silent!);
      }
    },
  };
}
