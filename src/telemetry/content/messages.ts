import type { ContentCapture } from './policy.ts';
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
 * Messages that fit into the room there is. The first to stay are system messages and the last one of the user,
 * then the newest; in place of those that do not fit stands one that says how many they were.
 */
export function messagesWithin(given: unknown, room: Room, options: MessageOptions): unknown[] {
  const messages = listOf(given);
  const kept = new Map<number, unknown>();
  const order = byImportance(messages);
  for (const [place, index] of order.entries()) {
    if (!hasRoom(room)) break;
    const isLast = place === order.length - 1;
    const message = shareRoom(room, isLast, (part) => copyMessage(messages[index], part, options));
    if (message !== undefined) kept.set(index, message);
  }
  const leftOut = order.filter((index) => !kept.has(index) && readsAsMessage(messages[index], options));
  const copies: unknown[] = [];
  for (const index of messages.keys()) {
    if (index === Math.min(...leftOut)) copies.push(marker(leftOut.map((position) => messages[position])));
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
  const lastOfUser = positions.findLast((index) => roleOf(messages[index], 'user') === 'user');
  const system = positions.filter((index) => roleOf(messages[index], 'user') === 'system');
  const first = new Set([...system, ...(lastOfUser === undefined ? [] : [lastOfUser])]);
  return [...first, ...positions.toReversed().filter((index) => !first.has(index))];
}

/** Most values that are counted of what is left out. */
const MAX_MEASURED = 100_000;

function marker(leftOut: readonly unknown[]): object {
  const count = leftOut.length === 1 ? '1 message' : `${leftOut.length} messages`;
  return { role: 'system', parts: [{ type: 'text', content: `[${count} left out: ${measure(leftOut)} characters]` }] };
}

/** About how long the texts in a value are, by their lengths alone. */
function measure(value: unknown): number {
  const waiting: unknown[] = [value];
  const seen = new Set<unknown>();
  let length = 0;
  while (waiting.length > 0 && seen.size < MAX_MEASURED) {
    const current = waiting.pop();
    if (typeof current === 'string') length += current.length;
    else if (typeof current === 'object' && current !== null && !seen.has(current) && !ArrayBuffer.isView(current)) {
      seen.add(current);
      waiting.push(...membersOf(current));
    }
  }
  return length;
}

function membersOf(value: object): readonly unknown[] {
  try {
    return Object.values(value).slice(0, MAX_MEASURED);
  } catch {
    return [];
  }
}

function copyMessage(given: unknown, room: Room, options: MessageOptions): unknown {
  try {
    const message = readMessage(given, options);
    if (message.parts.length === 0) return undefined;
    const { role, parts } = message;
    const finishReason = message.finishReason ?? options.finishReason;
    room.left -= role.length + 30;
    const copies = parts.map((part, index) =>
      shareRoom(room, index === parts.length - 1, (share) => copyWithin(part, share, options.redactor)),
    );
    return { role, parts: copies, ...(finishReason === undefined ? undefined : { finish_reason: finishReason }) };
  } catch {
    return { role: options.defaultRole, parts: [{ type: 'text', content: '[unreadable]' }] };
  }
}

/** Whether anything would be said of a message if there were room. */
function readsAsMessage(given: unknown, options: MessageOptions): boolean {
  try {
    return readMessage(given, options).parts.length > 0;
  } catch {
    return true;
  }
}

function readMessage(given: unknown, { defaultRole, capture }: MessageOptions): PlainMessage {
  const role = roleOf(given, defaultRole);
  // What one kind of content is not recorded as, it is not recorded as part of another either.
  if (role === 'system' && !capture.systemInstructions) return { role, parts: [] };
  const parts = partsOf(given, role).filter((part) => isCaptured(part, role, defaultRole, capture));
  return {
    role,
    parts: parts.map((part) => withoutUncaptured(part, capture)),
    finishReason: text(given, 'finish_reason'),
  };
}

/** What a model has said before is part of what it is asked now, and stays out when outputs do. */
function isCaptured(part: PlainPart, role: string, defaultRole: DefaultRole, capture: ContentCapture): boolean {
  if (part['type'] === 'tool_call' || part['type'] === 'tool_call_response') return true;
  return role !== 'assistant' || defaultRole === 'assistant' || capture.outputs;
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

const ROLES: Readonly<Record<string, string>> = {
  developer: 'system',
  model: 'assistant',
  ai: 'assistant',
  human: 'user',
  function: 'tool',
  function_call: 'assistant',
  function_call_output: 'tool',
  reasoning: 'assistant',
};

function roleOf(given: unknown, defaultRole: DefaultRole): string {
  const role = text(given, 'role') ?? (text(given, 'type') === 'message' ? undefined : text(given, 'type'));
  if (role === undefined) return defaultRole;
  const known = Object.hasOwn(ROLES, role) ? ROLES[role]! : role;
  return ['system', 'user', 'assistant', 'tool'].includes(known) ? known : (text(given, 'role') ?? defaultRole);
}

function partsOf(given: unknown, role: string): readonly PlainPart[] {
  if (typeof given === 'string') return given === '' ? [] : [{ type: 'text', content: given }];
  const type = text(given, 'type');
  if (type === 'function_call' || type === 'function_call_output' || type === 'reasoning') return [readPart(given)];
  const content = field(given, 'parts') ?? field(given, 'content') ?? field(given, 'text');
  const toolCallId = text(given, 'tool_call_id') ?? text(given, 'toolCallId');
  if (role === 'tool' && (toolCallId !== undefined || typeof content === 'string')) {
    return [{ type: 'tool_call_response', ...defined({ id: toolCallId }), response: content }];
  }
  const calls = field(given, 'tool_calls');
  const parts = [...listOf(content), ...(Array.isArray(calls) ? calls.map(asToolCall) : [])];
  return parts.filter((part) => part !== '').map(readPart);
}

/** OpenAI has tool calls beside the content, under the type `function`. */
function asToolCall(call: unknown): object {
  return { type: 'tool_call', id: field(call, 'id'), name: nameOf(call), arguments: argumentsOf(call) };
}

function readPart(given: unknown): PlainPart {
  if (typeof given === 'string') return { type: 'text', content: given };
  switch (text(given, 'type') ?? shapeOf(given)) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return { type: 'text', content: field(given, 'content') ?? field(given, 'text') };
    case 'reasoning':
    case 'thinking':
      return { type: 'reasoning', content: reasoningOf(given) };
    case 'redacted_thinking':
      return { type: 'reasoning', content: '[encrypted]' };
    case 'tool_call':
    case 'tool-call':
    case 'tool_use':
    case 'function_call':
      return { type: 'tool_call', ...defined({ id: idOf(given) }), name: nameOf(given), arguments: argumentsOf(given) };
    case 'tool_call_response':
    case 'tool-result':
    case 'tool_result':
    case 'function_call_output':
      return { type: 'tool_call_response', ...defined({ id: idOf(given) }), response: responseOf(given) };
    case 'functionCall':
      return readPart({ type: 'function_call', ...record(field(given, 'functionCall')) });
    case 'functionResponse':
      return readPart({ type: 'tool_call_response', ...record(field(given, 'functionResponse')) });
    default:
      return isMedia(given) ? media(given) : { type: text(given, 'type') ?? 'unknown' };
  }
}

/** Gemini's parts have no type, but one property that tells it. */
function shapeOf(given: unknown): string | undefined {
  return ['text', 'functionCall', 'functionResponse'].find((key) => field(given, key) !== undefined);
}

function idOf(given: unknown): string | undefined {
  return ['id', 'toolCallId', 'tool_call_id', 'tool_use_id', 'call_id']
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
    field(field(given, 'function'), 'arguments');
  return typeof found === 'string' ? parsed(found) : found;
}

function responseOf(given: unknown): unknown {
  const found =
    field(given, 'response') ?? field(given, 'result') ?? field(given, 'output') ?? field(given, 'content') ?? null;
  // The AI SDK says what kind of value it is.
  const value = field(found, 'value');
  return value !== undefined && text(found, 'type') !== undefined ? value : found;
}

function reasoningOf(given: unknown): unknown {
  const found = field(given, 'content') ?? field(given, 'text') ?? field(given, 'thinking');
  if (found !== undefined) return found;
  const summary = listOf(field(given, 'summary')).map((part) => text(part, 'text') ?? '');
  return summary.join('\n');
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

// --- Files are never recorded: a part says that one was there, of which type and how large.

const MEDIA = /image|audio|video|file|document|media|blob|uri/i;

function isMedia(given: unknown): boolean {
  if (field(given, 'inlineData') !== undefined || field(given, 'fileData') !== undefined) return true;
  return MEDIA.test(text(given, 'type') ?? '');
}

function media(given: unknown): PlainPart {
  const source = field(given, 'source') ?? field(given, 'inlineData') ?? field(given, 'fileData') ?? given;
  const data = dataOf(source, given);
  const mimeType = mimeTypeOf(source) ?? mimeTypeOf(given) ?? mimeTypeOfData(data);
  const known = { modality: modalityOf(given, mimeType), ...defined({ mime_type: mimeType }) };
  const fileId = text(source, 'file_id') ?? text(given, 'file_id');
  if (fileId !== undefined) return { type: 'file', ...known, file_id: fileId };
  if (typeof data === 'string' && /^(?:https?|gs|s3):\/\//.test(data)) return { type: 'uri', ...known, uri: data };
  return { type: 'blob', ...known, content: `[${byteLength(data)} bytes left out]` };
}

const DATA_KEYS = [
  'data',
  'content',
  'url',
  'uri',
  'fileUri',
  'image',
  'image_url',
  'input_audio',
  'file',
  'file_data',
];

function dataOf(source: unknown, given: unknown): unknown {
  for (const place of [source, given]) {
    for (const key of DATA_KEYS) {
      const found = field(place, key);
      if (found instanceof URL) return found.href;
      if (typeof found === 'string' || isBytes(found)) return found;
      const inside = DATA_KEYS.map((name) => field(found, name)).find((value) => typeof value === 'string');
      if (inside !== undefined) return inside;
    }
  }
  return undefined;
}

function mimeTypeOf(given: unknown): string | undefined {
  return ['mime_type', 'mediaType', 'media_type', 'mimeType']
    .map((key) => text(given, key))
    .find((type) => type !== undefined);
}

function mimeTypeOfData(data: unknown): string | undefined {
  return typeof data === 'string' ? /^data:([\w.+-]{1,60}\/[\w.+-]{1,60})/.exec(data.slice(0, 200))?.[1] : undefined;
}

function modalityOf(given: unknown, mimeType: string | undefined): string {
  const said = text(given, 'modality');
  if (said !== undefined) return said;
  const hint = `${mimeType ?? ''} ${text(given, 'type') ?? ''}`;
  return ['image', 'audio', 'video'].find((modality) => hint.includes(modality)) ?? 'document';
}

function byteLength(data: unknown): number {
  if (typeof data === 'string') return Math.floor(((data.length - (data.indexOf(',') + 1)) * 3) / 4);
  return isBytes(data) ? data.byteLength : 0;
}

function isBytes(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

// --- Reading

function field(value: unknown, key: string): unknown {
  const found: unknown = (value as Readonly<Record<string, unknown>> | null | undefined)?.[key];
  return typeof value === 'object' && value !== null ? (found ?? undefined) : undefined;
}

function text(value: unknown, key: string): string | undefined {
  const found = field(value, key);
  return typeof found === 'string' ? found : undefined;
}

function record(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function defined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
