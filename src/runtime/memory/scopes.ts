/**
 * Scopes by what a run is about, for `scopes` of an agent's memory and of memory tools:
 * `scopes: (run) => [...perUser(run), ...perAgent(run)]` finds both, and remembers in the first.
 *
 * A run that does not know its user or conversation has no such scope, so it finds nobody's records.
 */
import type { RunContext } from '../../telemetry/context.ts';

/** What one agent remembers, whoever it talks to. */
export function perAgent({ agent }: RunContext): readonly string[] {
  return named('agent', agent);
}

/** What was remembered in one conversation: of one transport, whose ids another one's users may choose. */
export function perConversation({ conversationId, transport = '' }: RunContext): readonly string[] {
  return named('conversation', conversationId === undefined ? undefined : JSON.stringify([transport, conversationId]));
}

/** What is remembered of one user, in every conversation with any agent. */
export function perUser({ user }: RunContext): readonly string[] {
  return named('user', user?.id);
}

function named(kind: string, id: string | undefined): readonly string[] {
  return id === undefined ? [] : [`${kind}:${id}`];
}
