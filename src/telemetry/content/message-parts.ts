/**
 * Who speaks in a message and what they say, from the shapes people have messages in: those of the GenAI conventions,
 * OpenAI's chat completions and responses, Anthropic's, Gemini's, and the AI SDK's.
 */
import { defined, ownEntry } from '../config/records.ts';
import { field, textField as text } from './field.ts';
import { isMedia, media } from './media.ts';

/** A part with its type first. Its values are still as they came. */
export type PlainPart = Readonly<Record<string, unknown>>;

/** One message or many. */
export function listOf(given: unknown): readonly unknown[] {
  if (Array.isArray(given)) return given;
  return given === undefined || given === null ? [] : [given];
}

/** What providers put their messages into. */
export function unwrapped(given: unknown): unknown {
  if (Array.isArray(given)) return given;
  const list = ['choices', 'candidates', 'output', 'messages'].map((key) => field(given, key)).find(Array.isArray);
  const output = field(given, 'output');
  return list ?? (field(output, 'message') === undefined ? given : output);
}

/** Who speaks, by the role of a message and by its type. */
const ROLES: Readonly<Record<string, string>> = {
  system: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
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

/** Who speaks. A type says it as well where it is one of a message. */
export function roleOf(given: unknown, defaultRole: string): string {
  const speaker = speakerOf(given);
  const said = text(speaker, 'role');
  const known = ownEntry(ROLES, (said ?? text(speaker, 'type') ?? '').toLowerCase());
  return known ?? said ?? defaultRole;
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

/** The parts of a message as they came. */
export function partListOf(given: unknown): readonly unknown[] {
  const speaker = speakerOf(given);
  return firstParts(field(speaker, 'parts') ?? field(speaker, 'content'));
}

function firstParts(given: unknown): readonly unknown[] {
  const list = listOf(given);
  if (list.length <= MAX_PARTS) return list;
  return [...list.slice(0, MAX_PARTS), `[${list.length - MAX_PARTS} parts left out]`];
}

/** What a message says, part by part. */
export function partsOf(given: unknown, role: string): readonly PlainPart[] {
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

export function isGiven(value: unknown): boolean {
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

export function isToolAnswer(part: unknown): boolean {
  return field(part, 'functionResponse') !== undefined || TOOL_RESPONSE.test(text(part, 'type') ?? '');
}

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

export function idOf(given: unknown): string | undefined {
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
