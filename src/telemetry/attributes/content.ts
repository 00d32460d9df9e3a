import { parsed } from '../content/message-parts.ts';
import { messagesWithin, systemWithin } from '../content/messages.ts';
import type { ContentKind, ContentPolicy } from '../content/policy.ts';
import type { Redacted } from '../content/redacted.ts';
import { copyWithin, fitJson, fitText, type Room } from '../content/truncate.ts';
import { isUnawaited } from '../content/unawaited.ts';
import {
  GEN_AI_INPUT_MESSAGES,
  GEN_AI_MEMORY_QUERY_TEXT,
  GEN_AI_MEMORY_RECORDS,
  GEN_AI_OUTPUT_MESSAGES,
  GEN_AI_SYSTEM_INSTRUCTIONS,
  GEN_AI_TOOL_CALL_ARGUMENTS,
  GEN_AI_TOOL_CALL_RESULT,
  GEN_AI_TOOL_DEFINITIONS,
} from '../semconv.ts';

/** Gives content when it is asked for it: it is not asked where the content is not recorded. */
export type Content = () => unknown;

/** Attributes with content. Nothing that was not redacted fits in. */
export type ContentAttributes = Readonly<Record<string, Redacted>>;

/** Makes attributes of content, as far as the policy lets it leave. Does not throw. */
export type ContentBuilder<Given> = (given: Given, policy: ContentPolicy) => ContentAttributes;

/** What a model is shown. */
export interface ChatContent {
  readonly messages?: Content | undefined;
  readonly systemInstructions?: Content | undefined;
  readonly toolDefinitions?: Content | undefined;
}

/** Content of a `chat` span that is known when it starts. */
export const chatContent: ContentBuilder<ChatContent> = (chat, policy) => ({
  ...json('systemInstructions', GEN_AI_SYSTEM_INSTRUCTIONS, chat.systemInstructions, policy, (value, room) =>
    systemWithin(value, room, policy),
  ),
  ...inputMessages(chat.messages, policy),
  ...json('toolDefinitions', GEN_AI_TOOL_DEFINITIONS, chat.toolDefinitions, policy, (value, room) =>
    copyWithin(Array.isArray(value) ? value : [value], room, policy.redactor),
  ),
});

/** Content of a `chat` span that comes with the answer. */
export const chatOutput: ContentBuilder<{
  readonly output?: Content | undefined;
  readonly finishReasons?: readonly string[] | undefined;
}> = ({ output, finishReasons }, policy) => outputMessages(output, finishReasons?.[0] ?? 'stop', policy);

/** Content of an `agent.invoke` span: what it was asked. */
export const agentInput: ContentBuilder<Content> = (input, policy) => inputMessages(input, policy);

/** Content of an `agent.invoke` span: what it answered. */
export const agentOutput: ContentBuilder<Content> = (output, policy) => outputMessages(output, 'stop', policy);

/** Content of an `execute_tool` span that is known when it starts. The conventions want an object. */
export const toolArguments: ContentBuilder<Content> = (given, policy) =>
  json('toolArguments', GEN_AI_TOOL_CALL_ARGUMENTS, given, policy, (value, room) =>
    copyWithin(asObject(value, 'input'), room, policy.redactor),
  );

/** What a tool answered. The conventions want an object. */
export const toolResult: ContentBuilder<Content> = (result, policy) =>
  json('toolResults', GEN_AI_TOOL_CALL_RESULT, result, policy, (value, room) =>
    copyWithin(asObject(value, 'result'), room, policy.redactor),
  );

/** What was looked for in a memory. */
export const memoryQuery: ContentBuilder<Content> = (query, policy) => {
  if (!policy.capture.memory) return {};
  const value = valueOf(query);
  if (typeof value === 'string') {
    return { [GEN_AI_MEMORY_QUERY_TEXT]: fitText(value, policy.redactor, policy.maxAttributeBytes) };
  }
  return json(
    'memory',
    GEN_AI_MEMORY_QUERY_TEXT,
    () => value,
    policy,
    (found, room) => copyWithin(found, room, policy.redactor),
  );
};

/** What was found in a memory. */
export const memoryRecords: ContentBuilder<Content> = (records, policy) =>
  json('memory', GEN_AI_MEMORY_RECORDS, records, policy, (value, room) => copyWithin(value, room, policy.redactor));

function inputMessages(input: Content | undefined, policy: ContentPolicy): ContentAttributes {
  return json('inputs', GEN_AI_INPUT_MESSAGES, input, policy, (value, room) =>
    messagesWithin(value, room, { defaultRole: 'user', ...policy }),
  );
}

function outputMessages(output: Content | undefined, finishReason: string, policy: ContentPolicy): ContentAttributes {
  return json('outputs', GEN_AI_OUTPUT_MESSAGES, output, policy, (value, room) =>
    messagesWithin(value, room, { defaultRole: 'assistant', finishReason, ...policy }),
  );
}

function json(
  kind: ContentKind,
  name: string,
  content: Content | undefined,
  policy: ContentPolicy,
  build: (value: unknown, room: Room) => unknown,
): ContentAttributes {
  if (content === undefined || !policy.capture[kind]) return {};
  const value = valueOf(content);
  if (value === undefined) return {};
  const readable = (room: Room): unknown => {
    try {
      return build(value, room);
    } catch {
      return UNREADABLE;
    }
  };
  return { [name]: fitJson(readable, policy.redactor, policy.maxAttributeBytes) };
}

const UNREADABLE = '[unreadable]';

/** Content that cannot be given is said to be missing, and costs the span nothing else. Nobody waits for it. */
function valueOf(content: Content): unknown {
  try {
    const value = content();
    return isUnawaited(value) ? UNREADABLE : value;
  } catch {
    return UNREADABLE;
  }
}

/** A value as an object: as it is, as the JSON text it is says, or under a name. */
function asObject(value: unknown, name: string): unknown {
  const object = typeof value === 'string' ? parsed(value) : value;
  return typeof object === 'object' && object !== null && !Array.isArray(object) ? object : { [name]: object };
}
