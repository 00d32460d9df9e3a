import type { ConversationHistory, Message } from '../types.ts';
import { requireCount } from '../validate.ts';

/** How much of past conversations the process remembers. */
export interface InProcessHistoryOptions {
  /** Beyond this many the conversation that was silent for longest is forgotten. Default: 1000. */
  readonly maxConversations?: number | undefined;
  /** Most messages kept of one conversation, the newest. Default: 100. */
  readonly maxMessages?: number | undefined;
  /**
   * Most characters kept of all conversations together, where each value counts as 16 besides its text. Beyond it those
   * that were silent for longest are forgotten, but never the one that has just been saved. Default: 100 million.
   */
  readonly maxCharacters?: number | undefined;
}

/** A conversation as it is kept. */
interface Kept {
  readonly messages: readonly Message[];
  readonly characters: number;
}

/** Conversations kept in the process, bounded in number, length and size. */
export function inProcessHistory(options: InProcessHistoryOptions = {}): ConversationHistory {
  const { maxConversations = 1_000, maxMessages = 100, maxCharacters = 100_000_000 } = options;
  requireCount('maxConversations', maxConversations, 1);
  requireCount('maxMessages', maxMessages, 1);
  requireCount('maxCharacters', maxCharacters, 1);
  // In order of last use, because every save puts its conversation at the end.
  const conversations = new Map<string, Kept>();
  let characters = 0;
  const forget = (conversationId: string): void => {
    characters -= conversations.get(conversationId)?.characters ?? 0;
    conversations.delete(conversationId);
  };
  return {
    load: (conversationId) => conversations.get(conversationId)?.messages ?? [],
    save: (conversationId, messages) => {
      forget(conversationId);
      const kept = keep(newest(messages, maxMessages));
      conversations.set(conversationId, kept);
      characters += kept.characters;
      for (const silent of conversations.keys()) {
        if (silent === conversationId) break;
        if (conversations.size <= maxConversations && characters <= maxCharacters) break;
        forget(silent);
      }
    },
  };
}

function keep(messages: readonly Message[]): Kept {
  return { messages, characters: messages.reduce((sum, message) => sum + charactersOf(message), 0) };
}

/** What each message takes up: those of a conversation are saved anew with every answer. */
const sizes = new WeakMap<Message, number>();

function charactersOf(message: Message): number {
  const known = sizes.get(message);
  if (known !== undefined) return known;
  const characters = sizeOf(message);
  sizes.set(message, characters);
  return characters;
}

/** What a value takes up besides the text it may be: about as many bytes as a number or a short list does. */
const CHARACTERS_OF_A_VALUE = 16;

/** Counts everything in a message, and what is in it twice once. It may be deeper than calls may go. */
function sizeOf(message: Message): number {
  const objects = new Set<object>([message]);
  let characters = 0;
  for (const object of objects) {
    for (const value of Object.values<unknown>(object as Readonly<Record<string, unknown>>)) {
      characters += CHARACTERS_OF_A_VALUE;
      if (typeof value === 'string') characters += value.length;
      else if (ArrayBuffer.isView(value)) characters += value.byteLength;
      else if (typeof value === 'object' && value !== null) objects.add(value);
    }
  }
  return characters;
}

/**
 * The newest messages from a user's on, because vendors refuse a tool result without its call. More than
 * asked for when the last thing the user said is longer ago.
 */
function newest(messages: readonly Message[], most: number): readonly Message[] {
  const first = messages.findIndex((message, index) => index >= messages.length - most && isUsers(message));
  return messages.slice(first === -1 ? Math.max(0, messages.findLastIndex(isUsers)) : first);
}

function isUsers(message: Message): boolean {
  return message.role === 'user';
}
