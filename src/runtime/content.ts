/** What people, models and tools said, without the structure around it: what an error must not repeat. */
import type { AssistantPart, Message, RunInput } from './types.ts';

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

/** The content a run was started with. */
export function inputContent(input: RunInput): readonly unknown[] {
  return typeof input === 'string' ? [input] : messageContent(input);
}

function partContent(part: AssistantPart): unknown {
  return part.type === 'tool-call' ? part.input : part.text;
}
