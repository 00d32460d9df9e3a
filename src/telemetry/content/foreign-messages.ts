import { field, textField } from './field.ts';
import { mostImportant } from './important-messages.ts';
import type { Redactor } from './redactor.ts';
import { copyWithin, shareRoom, type Room } from './truncate.ts';

/**
 * What fits of a value of another instrumentation, in the shape it has: of messages, or of a request that has them as a
 * member, the same as of ours.
 */
export function foreignContentWithin(given: unknown, room: Room, redactor: Redactor): unknown {
  if (areMessages(given)) return foreignMessagesWithin(given, room, redactor);
  const messages = field(given, 'messages');
  return areMessages(messages) ? requestWithin(given, messages, room, redactor) : copyWithin(given, room, redactor);
}

/** What stands beside the messages takes no more than half of the room. */
function requestWithin(given: unknown, messages: readonly unknown[], room: Room, redactor: Redactor): object {
  const { messages: _messages, ...others } = given as { readonly messages: unknown };
  const copy = shareRoom(room, false, (part) => copyWithin(others, part, redactor)) as object;
  return { ...copy, messages: foreignMessagesWithin(messages, room, redactor) };
}

function foreignMessagesWithin(given: readonly unknown[], room: Room, redactor: Redactor): unknown[] {
  const hasParts = given.some((message) => field(message, 'parts') !== undefined);
  return mostImportant(given, room, {
    copy: (message, part) => copyWithin(message, part, redactor),
    isCounted: () => true,
    marker: (content) => ({ role: 'system', ...(hasParts ? { parts: [{ type: 'text', content }] } : { content }) }),
  });
}

/** Whether a value is a list of messages, in any of the shapes that have a role. */
function areMessages(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0 && value.every((message) => textField(message, 'role') !== undefined);
}
