import { defined, ownEntry } from '../config/records.ts';
import { field, textField as text } from './field.ts';
import { isMedia, media } from './media.ts';
import { CONTENT_KINDS, type ContentCapture, type ContentKind } from './policy.ts';
import type { Redactor } from './redactor.ts';
import { copyWithin, hasRoom, shareRoom, type Room } from './truncate.ts';

/**
 * Messages as the GenAI conventions have them: a role, and parts. They are read from the shapes people have them
 * in: the conventions' own, OpenAI's chat completions and responses, Anthropic's, Gemini's, and the AI SDK's.
 *
 * @see https://github.com/open-telemetry/semantic-conventions-genai/blob/main/model/gen-ai/gen-ai-input-messages.json
 */
interface PlainMessage {
  readonly role: string;
  readonly parts: readonly PlainPart[];
  readonly finishReason?: string | undefined;
}

/** A part with its type first. Its values are still as they came. */
type PlainPart = Readonly<Record<string, unknown>>;

/** Who speaks where nobody says it. */
export type DefaultRole = 'user' | 'assistant';

export interface MessageOptions {
  readonly defaultRole: DefaultRole;
  readonly capture: ContentCapture;
  readonly redactor: Redactor;
  /** `finish_reason` of messages that have none of their own. */
  readonly finishReason?: string | undefined;
}

/**
 * Messages that fit into the room there is. The first to stay are system messages, the last one of the user, and the
 * newest tool call that failed; then the newest. In place of those that do not fit stands one that says how many they
 * were.
 */
export function messagesWithin(given: unknown, room: Room, options: MessageOptions): unknown[] {
  return mostImportant(given, room, {
    copy: (message, part) => copyMessage(message, part, options),
    isCounted: (message) => safely(() => readMessage(message, options).parts.length > 0, true),
    marker: (words) => ({ role: 'system', parts: [{ type: 'text', content: words }] }),
  });
}

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
  return Array.isArray(value) && value.length > 0 && value.every((message) => text(message, 'role') !== undefined);
}

interface Selection {
  /** A message as it is recorded, or nothing where there is nothing to record of it. */
  readonly copy: (message: unknown, room: Room) => unknown;
  /** Whether a message counts as left out when it is. */
  readonly isCounted: (message: unknown) => boolean;
  readonly marker: (words: string) => object;
}

/** Most messages that are looked at: the first, which say what it is all about, and the newest. */
const MAX_FIRST = 100;
const MAX_NEWEST = 9_900;

/** Bytes below which no further message is begun. */
const MIN_MESSAGE = 256;

function mostImportant(given: unknown, room: Room, { copy, isCounted, marker }: Selection): unknown[] {
  const all = listOf(unwrapped(given));
  const skipped = Math.max(all.length - MAX_FIRST - MAX_NEWEST, 0);
  const messages = skipped === 0 ? all : [...all.slice(0, MAX_FIRST), ...all.slice(-MAX_NEWEST)];
  const kept = new Map<number, unknown>();
  const order = byImportance(messages);
  for (const [place, index] of order.entries()) {
    if (place > 0 && room.left < MIN_MESSAGE) break;
    const isLast = place === order.length - 1;
    const message = shareRoom(room, isLast, (part) => copy(messages[index], part));
    if (message !== undefined) kept.set(index, message);
  }
  const leftOut = [...messages.keys()].filter((index) => !kept.has(index) && isCounted(messages[index]));
  const gap = Math.min(leftOut[0] ?? Infinity, skipped === 0 ? Infinity : MAX_FIRST);
  const copies: unknown[] = [];
  for (const index of messages.keys()) {
    if (index === gap)
      copies.push(
        marker(
          wordsFor(
            leftOut.map((position) => messages[position]),
            skipped,
          ),
        ),
      );
    if (kept.has(index)) copies.push(kept.get(index));
  }
  return copies;
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

/** Positions of the messages, the most important first. */
function byImportance(messages: readonly unknown[]): readonly number[] {
  const positions = [...messages.keys()];
  const roles = positions.map((index) => safely(() => roleOf(messages[index], 'user'), 'user'));
  const system = positions.filter((index) => roles[index] === 'system');
  const question = positions.findLast((index) => roles[index] === 'user' && safely(() => asks(messages[index]), true));
  const first = new Set([...system, ...(question === undefined ? [] : [question]), ...lastFailure(messages)]);
  return [...first, ...positions.toReversed().filter((index) => !first.has(index))];
}

/** Anthropic and Gemini have answers of tools in messages of the user, where nobody asks anything. */
function asks(message: unknown): boolean {
  return partsOf(message, 'user').some((part) => part['type'] !== 'tool_call_response');
}

/** Where the newest answer of a tool that failed stands, and the call it answers. */
function lastFailure(messages: readonly unknown[]): readonly number[] {
  const answers = messages.findLastIndex((message) => safely(() => failureIn(message) !== undefined, false));
  if (answers === -1) return [];
  const id = safely(() => idOf(failureIn(messages[answers])) ?? idOf(messages[answers]), undefined);
  const isCall = (part: PlainPart): boolean => part['type'] === 'tool_call' && (id === undefined || part['id'] === id);
  const call = messages
    .slice(0, answers)
    .findLastIndex((message) => safely(() => partsOf(message, 'assistant').some(isCall), false));
  return call === -1 ? [answers] : [answers, call];
}

function failureIn(message: unknown): unknown {
  return [message, ...partListOf(message)].find(
    (part) => (isToolAnswer(part) || roleOf(part, 'user') === 'tool') && hasFailed(part),
  );
}

function isToolAnswer(part: unknown): boolean {
  return field(part, 'functionResponse') !== undefined || TOOL_RESPONSE.test(text(part, 'type') ?? '');
}

function hasFailed(given: unknown): boolean {
  const answer = field(given, 'functionResponse') ?? given;
  if (text(answer, 'type') === 'tool-error' || text(answer, 'status') === 'error') return true;
  const output = ['response', 'result', 'output', 'content'].map((key) => field(answer, key)).find(isGiven);
  if (typeof output === 'string' && /^\s*\{\s*"error"\s*:/.test(output)) return true;
  if (text(output, 'type')?.startsWith('error-') === true) return true;
  return [answer, output].some(
    (place) => field(place, 'is_error') === true || field(place, 'isError') === true || Boolean(field(place, 'error')),
  );
}

/** Most values that are counted of what is left out. */
const MAX_MEASURED = 100_000;

function wordsFor(leftOut: readonly unknown[], skipped: number): string {
  const count = leftOut.length + skipped;
  const messages = count === 1 ? '1 message' : `${count} messages`;
  return `[${messages} left out: ${skipped === 0 ? '' : 'more than '}${measure(leftOut)} characters]`;
}

/** About how long the texts in a value are, by their lengths alone. */
function measure(value: unknown): number {
  const waiting: unknown[] = [value];
  const seen = new Set<unknown>();
  let length = 0;
  for (let visited = 0; waiting.length > 0 && visited < MAX_MEASURED; visited += 1) {
    const current = waiting.pop();
    if (typeof current === 'string') length += current.length;
    else if (typeof current === 'object' && current !== null && !seen.has(current) && !ArrayBuffer.isView(current)) {
      seen.add(current);
      const members = waiting.length < MAX_MEASURED ? safely(() => membersOf(current), []) : [];
      for (const member of members) waiting.push(member);
    }
  }
  return length;
}

function membersOf(value: object): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, MAX_MEASURED) : Object.values(value).slice(0, MAX_MEASURED);
}

function copyMessage(given: unknown, room: Room, options: MessageOptions): unknown {
  return safely(() => copyReadable(given, room, options), {
    role: options.defaultRole,
    parts: [{ type: 'text', content: '[unreadable]' }],
  });
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

/** What reading a value answers, which may run code of the application. */
function safely<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
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

/** One message or many. */
function listOf(given: unknown): readonly unknown[] {
  if (Array.isArray(given)) return given;
  return given === undefined || given === null ? [] : [given];
}

/** What providers put their messages into. */
function unwrapped(given: unknown): unknown {
  if (Array.isArray(given)) return given;
  const list = ['choices', 'candidates', 'output', 'messages'].map((key) => field(given, key)).find(Array.isArray);
  const output = field(given, 'output');
  return list ?? (field(output, 'message') === undefined ? given : output);
}

const ROLES: Readonly<Record<string, string>> = {
  developer: 'system',
  model: 'assistant',
  ai: 'assistant',
  bot: 'assistant',
  chatbot: 'assistant',
  human: 'user',
  function: 'tool',
  function_call: 'assistant',
  function_call_output: 'tool',
  custom_tool_call: 'assistant',
  custom_tool_call_output: 'tool',
  reasoning: 'assistant',
};
const KNOWN_ROLES = new Set(['system', 'user', 'assistant', 'tool']);

/** Who speaks. A type says it as well where it is one of a message. */
function roleOf(given: unknown, defaultRole: string): string {
  const speaker = speakerOf(given);
  const said = text(speaker, 'role');
  const role = said ?? text(speaker, 'type');
  if (role === undefined) return defaultRole;
  const known = knownRole(role);
  return KNOWN_ROLES.has(known) ? known : (said ?? defaultRole);
}

function knownRole(role: string): string {
  const lower = role.toLowerCase();
  return ownEntry(ROLES, lower) ?? lower;
}

/** A message as it is, or the one in a choice of OpenAI or a candidate of Gemini. */
function speakerOf(given: unknown): unknown {
  const message = field(given, 'message');
  if (typeof message === 'object') return message;
  const content = field(given, 'content');
  return field(content, 'parts') === undefined ? given : content;
}

/** Most parts of a message that are read. */
const MAX_PARTS = 1_000;

function partListOf(given: unknown): readonly unknown[] {
  const speaker = speakerOf(given);
  return firstParts(field(speaker, 'parts') ?? field(speaker, 'content'));
}

function firstParts(given: unknown): readonly unknown[] {
  const list = listOf(given);
  if (list.length <= MAX_PARTS) return list;
  return [...list.slice(0, MAX_PARTS), `[${list.length - MAX_PARTS} parts left out]`];
}

function partsOf(given: unknown, role: string): readonly PlainPart[] {
  if (typeof given === 'string') return given === '' ? [] : [{ type: 'text', content: given }];
  const speaker = speakerOf(given);
  const type = text(speaker, 'type') ?? '';
  if (type === 'reasoning' || TOOL_CALL.test(type) || TOOL_RESPONSE.test(type)) return [readPart(speaker)];
  const content = ['parts', 'content', 'text', 'message'].map((key) => field(speaker, key)).find(isGiven);
  const id = text(speaker, 'tool_call_id') ?? text(speaker, 'toolCallId');
  if (role === 'tool' && (id !== undefined || typeof content === 'string')) return [toolAnswer(content, id)];
  const calls = field(speaker, 'tool_calls') ?? field(speaker, 'toolCalls');
  const refusal = text(speaker, 'refusal');
  const parts = [
    ...firstParts(content),
    ...(refusal === undefined ? [] : [refusal]),
    ...(Array.isArray(calls) ? firstParts(calls).map(asToolCall) : []),
  ];
  if (parts.length === 0 && isNoMessage(speaker)) return [{ type: 'text', content: speaker }];
  const read = parts.filter((part) => part !== '').map(readPart);
  return role === 'tool' ? read.map(asToolAnswer) : read;
}

function isGiven(value: unknown): boolean {
  return value !== undefined;
}

/** An answer may be an object of the application's own. */
function isNoMessage(given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return given !== undefined && given !== null;
  return (
    !['role', 'type', 'content', 'parts', 'tool_calls', 'toolCalls'].some((key) => key in given) &&
    Object.keys(given).length > 0
  );
}

function toolAnswer(response: unknown, id: string | undefined): PlainPart {
  return { type: 'tool_call_response', ...defined({ id }), response };
}

/** Whatever a tool says is its answer. */
function asToolAnswer(part: PlainPart): PlainPart {
  if (part['type'] === 'tool_call_response') return part;
  return toolAnswer(part['type'] === 'text' ? part['content'] : part, undefined);
}

/** OpenAI has tool calls beside the content, under the type `function`. */
function asToolCall(call: unknown): object {
  return { type: 'tool_call', id: field(call, 'id'), name: nameOf(call), arguments: argumentsOf(call) };
}

/** Calls of tools, those of the provider's own among them. */
const TOOL_CALL =
  /^(?:(?:custom_|server_)?tool[_-]call|(?:[a-z]+_)?tool_use|toolUse|function_call|functionCall|executableCode)$/;
const TOOL_RESPONSE =
  /^(?:(?:server_)?tool_call_response|tool-(?:result|error)|(?:[a-z_]{1,40}_)?tool_result|(?:function|custom_tool)_call_output|functionResponse|codeExecutionResult|toolResult)$/;

function readPart(given: unknown): PlainPart {
  if (typeof given === 'string') return { type: 'text', content: given };
  const type = text(given, 'type') ?? shapeOf(given) ?? '';
  if (TOOL_CALL.test(type)) return readToolCall(given);
  if (TOOL_RESPONSE.test(type)) return readToolAnswer(given);
  switch (type) {
    case 'text':
    case 'input_text':
    case 'output_text':
    case 'refusal': {
      const content = field(given, 'content') ?? field(given, 'text') ?? field(given, 'refusal');
      return { type: field(given, 'thought') === true ? 'reasoning' : 'text', content };
    }
    case 'reasoning':
    case 'reasoningContent':
    case 'thinking':
      return { type: 'reasoning', content: reasoningOf(given) };
    case 'redacted_thinking':
      return { type: 'reasoning', content: '[encrypted]' };
    default:
      return isMedia(given) ? media(given) : { type: text(given, 'type') ?? 'unknown' };
  }
}

function readToolCall(given: unknown): PlainPart {
  const code = field(given, 'executableCode');
  const call = field(given, 'functionCall') ?? field(given, 'toolUse') ?? given;
  const name = code === undefined ? nameOf(call) : 'code_execution';
  return { type: 'tool_call', ...defined({ id: idOf(call) }), name, arguments: code ?? argumentsOf(call) };
}

function readToolAnswer(given: unknown): PlainPart {
  const answer =
    ['functionResponse', 'codeExecutionResult', 'toolResult'].map((key) => field(given, key)).find(isGiven) ?? given;
  const id = idOf(answer);
  // Where no id says which call is answered, the name does.
  const name = id === undefined ? text(answer, 'name') : undefined;
  return { type: 'tool_call_response', ...defined({ id, name }), response: responseOf(answer) };
}

/** What the parts of Gemini and Bedrock have in place of a type. */
const SHAPES = [
  'text',
  'functionCall',
  'functionResponse',
  'executableCode',
  'codeExecutionResult',
  'toolUse',
  'toolResult',
  'reasoningContent',
];

function shapeOf(given: unknown): string | undefined {
  return SHAPES.find((key) => field(given, key) !== undefined);
}

function idOf(given: unknown): string | undefined {
  return ['id', 'toolCallId', 'tool_call_id', 'tool_use_id', 'toolUseId', 'call_id']
    .map((key) => text(given, key))
    .findLast((id) => id !== undefined);
}

function nameOf(given: unknown): string {
  return text(given, 'name') ?? text(given, 'toolName') ?? text(field(given, 'function'), 'name') ?? 'unknown';
}

function argumentsOf(given: unknown): unknown {
  const found =
    field(given, 'arguments') ??
    field(given, 'input') ??
    field(given, 'args') ??
    field(field(given, 'function'), 'arguments') ??
    field(given, 'server_tool_call');
  return typeof found === 'string' ? parsed(found) : found;
}

function responseOf(given: unknown): unknown {
  const found =
    ['response', 'result', 'output', 'content', 'error', 'server_tool_call_response']
      .map((key) => field(given, key))
      .find(isGiven) ?? null;
  // The AI SDK says what kind of value it is.
  const value = field(found, 'value');
  return value !== undefined && text(found, 'type') !== undefined ? value : found;
}

function reasoningOf(given: unknown): unknown {
  const ofBedrock = field(field(field(given, 'reasoningContent'), 'reasoningText'), 'text');
  const found = field(given, 'content') ?? field(given, 'text') ?? field(given, 'thinking') ?? ofBedrock;
  if (found !== undefined && !Array.isArray(found)) return found;
  const parts = firstParts(found ?? field(given, 'summary'));
  return parts.map((part) => text(part, 'text') ?? '').join('\n');
}

/** Longest text that is parsed, in UTF-16 units: nothing longer is kept whole. */
const MAX_PARSED = 65_536;

/** What a JSON text says, or the text where it is none. */
export function parsed(json: string): unknown {
  if (json.length > MAX_PARSED || !/^\s*[[{]/.test(json)) return json;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json;
  }
}
