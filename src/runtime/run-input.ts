/** What a run is given to begin with, which may come from a store, from another SDK or from plain JavaScript. */
import { RunInputError } from './errors.ts';
import { fields } from './fields.ts';
import type { Message } from './types.ts';
import { kindOf } from './validate.ts';

/** Reads what the user said, or the messages of the user and others. */
export function readInput(input: unknown): readonly Message[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }];
  if (Array.isArray(input)) return readMessages('input', input);
  throw new RunInputError(`the input of a run must be a text or a list of messages; got ${kindOf(input)}`);
}

/** Reads what was said before. */
export function readHistory(history: unknown): readonly Message[] {
  if (Array.isArray(history)) return readMessages('history', history);
  throw new RunInputError(`the history of a run must be a list of messages; got ${kindOf(history)}`);
}

function readMessages(of: string, messages: readonly unknown[]): readonly Message[] {
  return Array.from(messages, (message, index) => readMessage(`message ${index + 1} of the ${of}`, message));
}

/** What the content of a message may be, by its role. */
const CONTENTS = {
  system: { text: true, list: false, words: 'a text' },
  user: { text: true, list: true, words: 'a text or a list of text parts' },
  assistant: { text: true, list: true, words: 'a text or a list of parts' },
  tool: { text: false, list: true, words: 'a list of parts' },
} as const satisfies Record<Message['role'], object>;

/** The message as it is, except for the text parts of what a user said, which become one text. */
function readMessage(place: string, message: unknown): Message {
  if (typeof message !== 'object' || message === null) {
    throw new RunInputError(`${place} must have a role and a content; got ${kindOf(message)}`);
  }
  const { role, content } = fields(message);
  // What it is instead is not quoted: it may be anything that was passed by mistake.
  if (!isRole(role)) throw new RunInputError(`the role of ${place} must be system, user, assistant or tool`);
  const { text, list, words } = CONTENTS[role];
  const isFit = Array.isArray(content) ? list : text && typeof content === 'string';
  if (!isFit) throw new RunInputError(`the content of ${place} must be ${words}; got ${kindOf(content)}`);
  if (!Array.isArray(content)) return message as Message;
  const rule = `the content of ${place} must be ${words}`;
  if (role === 'user') return { ...message, role, content: joined(rule, content) };
  const odd = Array.from(content, isPart).indexOf(false);
  if (odd >= 0) throw new RunInputError(`${rule}; part ${odd + 1} is none`);
  return message as Message;
}

function isRole(role: unknown): role is Message['role'] {
  return typeof role === 'string' && Object.hasOwn(CONTENTS, role);
}

/** Whether something can go to a provider. Parts of kinds that only providers know go there as they are. */
function isPart(part: unknown): boolean {
  const { type, text, toolCallId, toolName, output } = fields(part);
  switch (type) {
    case 'text':
    case 'reasoning':
      return typeof text === 'string';
    case 'tool-call':
      return typeof toolCallId === 'string' && typeof toolName === 'string';
    case 'tool-result':
      return (
        typeof toolCallId === 'string' && typeof toolName === 'string' && typeof fields(output)['type'] === 'string'
      );
    default:
      return typeof type === 'string';
  }
}

function joined(rule: string, parts: readonly unknown[]): string {
  const texts = Array.from(parts, (part, index) => {
    const { type, text } = fields(part);
    if (type === 'text' && typeof text === 'string') return text;
    throw new RunInputError(`${rule}; part ${index + 1} is none`);
  });
  return texts.join('\n');
}
