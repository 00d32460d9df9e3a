/** What people, models and tools said, without the structure around it: what an error must not repeat. */
import { defined } from './defined.ts';
import type { AssistantPart, Message, Tool } from './types.ts';

/** The content of messages: texts, tool arguments and tool results. */
export function messageContent(messages: readonly Message[]): readonly unknown[] {
  return messages.flatMap((message): readonly unknown[] => {
    switch (message.role) {
      case 'system':
      case 'user':
        return [message.content];
      case 'assistant':
        return typeof message.content === 'string' ? [message.content] : message.content.map(partContent);
      case 'tool':
        return message.content.map(({ output }) => output.value);
    }
  });
}

/** Tools as a model is told of them, in the shape of the GenAI conventions. */
export function toolDefinitions(tools: ReadonlyMap<string, Tool>): readonly object[] | undefined {
  if (tools.size === 0) return undefined;
  return [...tools.values()].map(({ name, description, jsonSchema }) =>
    defined({ type: 'function', name, description, parameters: jsonSchema }),
  );
}

function partContent(part: AssistantPart): unknown {
  return part.type === 'tool-call' ? part.input : part.text;
}
