import { defined, ownEntry } from '../config/records.ts';
import { guard } from '../guard.ts';
import { textField as text } from './field.ts';
import { mostImportant } from './important-messages.ts';
import { listOf, partsOf, roleOf, type PlainPart } from './message-parts.ts';
import { CONTENT_KINDS, type ContentCapture, type ContentKind } from './policy.ts';
import type { Redactor } from './redactor.ts';
import { copyWithin, hasRoom, shareRoom, type Room } from './truncate.ts';

/**
 * Messages as the GenAI conventions have them: a role, and parts.
 *
 * @see https://github.com/open-telemetry/semantic-conventions-genai/blob/main/model/gen-ai/gen-ai-input-messages.json
 */
interface PlainMessage {
  readonly role: string;
  readonly parts: readonly PlainPart[];
  readonly finishReason?: string | undefined;
}

/** Who speaks where nobody says it. */
export type DefaultRole = 'user' | 'assistant';

export interface MessageOptions {
  readonly defaultRole: DefaultRole;
  readonly capture: ContentCapture;
  readonly redactor: Redactor;
  /** `finish_reason` of messages that have none of their own. */
  readonly finishReason?: string | undefined;
}

/** Messages that fit into the room there is, those that say most before the others. */
export function messagesWithin(given: unknown, room: Room, options: MessageOptions): unknown[] {
  return mostImportant(given, room, {
    copy: (message, part) => copyMessage(message, part, options),
    isCounted: (message) => guard(() => readMessage(message, options).parts.length > 0) ?? true,
    marker: (words) => ({ role: 'system', parts: [{ type: 'text', content: words }] }),
  });
}

/** A system prompt as text parts. */
export function systemWithin(given: unknown, room: Room, { redactor }: { readonly redactor: Redactor }): unknown[] {
  const texts = listOf(given)
    .map((part) => (typeof part === 'string' ? part : (text(part, 'content') ?? text(part, 'text'))))
    .filter((content) => content !== undefined);
  return texts.map((content, index) =>
    shareRoom(room, index === texts.length - 1, (part) => ({
      type: 'text',
      content: copyWithin(content, part, redactor),
    })),
  );
}

/** Reading a message may run code of the application. */
function copyMessage(given: unknown, room: Room, options: MessageOptions): unknown {
  try {
    return copyReadable(given, room, options);
  } catch {
    return { role: options.defaultRole, parts: [{ type: 'text', content: '[unreadable]' }] };
  }
}

function copyReadable(given: unknown, room: Room, options: MessageOptions): unknown {
  const { role, parts, finishReason = options.finishReason } = readMessage(given, options);
  if (parts.length === 0) return undefined;
  room.left -= role.length + 30;
  const copies: object[] = [];
  for (const [index, part] of parts.entries()) {
    if (index > 0 && !hasRoom(room)) {
      copies.push({ type: 'text', content: `[${parts.length - index} parts left out]` });
      break;
    }
    copies.push(shareRoom(room, index === parts.length - 1, (share) => copyPart(part, share, options.redactor)));
  }
  return { role, parts: copies, ...defined({ finish_reason: finishReason }) };
}

/** A part has a type also where there is room for nothing else. */
function copyPart(part: PlainPart, room: Room, redactor: Redactor): object {
  return { type: part['type'], ...(copyWithin(part, room, redactor) as object) };
}

function readMessage(given: unknown, { defaultRole, capture }: MessageOptions): PlainMessage {
  const role = roleOf(given, defaultRole);
  const parts = partsOf(given, role).filter((part) => isCaptured(part, role, capture));
  return {
    role,
    parts: parts.map((part) => withoutUncaptured(part, capture)),
    finishReason: text(given, 'finish_reason') ?? text(given, 'finishReason'),
  };
}

/** What those who speak say is content of. */
const SAID_BY: Readonly<Record<string, ContentKind>> = {
  system: 'systemInstructions',
  user: 'inputs',
  assistant: 'outputs',
};

/**
 * What one kind of content is not recorded as, it is not recorded as part of another either: an answer holds the
 * question before it, and the other way round. What somebody unknown says, or an object of unknown shape, may be any.
 */
function isCaptured(part: PlainPart, role: string, capture: ContentCapture): boolean {
  if (role !== 'system' && (part['type'] === 'tool_call' || part['type'] === 'tool_call_response')) return true;
  const known = typeof part['content'] === 'object' ? undefined : ownEntry(SAID_BY, role);
  return known === undefined ? CONTENT_KINDS.every((kind) => capture[kind]) : capture[known];
}

function withoutUncaptured(part: PlainPart, capture: ContentCapture): PlainPart {
  if (part['type'] === 'tool_call' && !capture.toolArguments) {
    const { arguments: _arguments, ...others } = part;
    return others;
  }
  return part['type'] === 'tool_call_response' && !capture.toolResults ? { ...part, response: '[not recorded]' } : part;
}
