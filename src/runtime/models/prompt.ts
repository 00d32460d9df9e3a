import { defined } from '../defined.ts';
import type { AssistantPart, CallSettings, Message, Tool } from '../types.ts';

/** What is asked in one turn, whichever model answers. */
export interface TurnRequest {
  readonly system: string | undefined;
  /** The part of `system` the agent's author wrote. */
  readonly instructions?: string | undefined;
  readonly messages: readonly Message[];
  readonly tools: ReadonlyMap<string, Tool>;
}

/** What one model is asked: the options of `doGenerate` and `doStream` before they are written down. */
export interface ModelRequest extends TurnRequest {
  readonly settings: CallSettings;
}

/**
 * Writes a request to the model called `writer` in the words all three specifications share. Lists are
 * copied, because a provider may change what it is given.
 */
export function callOptions(request: ModelRequest, writer: string, signal: AbortSignal): Record<string, unknown> {
  const { settings, tools, system } = request;
  const conversation = request.messages.map((message) => promptMessage(message, writer));
  return defined({
    prompt: system === undefined ? conversation : [{ role: 'system', content: system }, ...conversation],
    tools: tools.size === 0 ? undefined : [...tools.values()].map(functionTool),
    toolChoice: tools.size === 0 ? undefined : { type: 'auto' },
    temperature: settings.temperature,
    topP: settings.topP,
    topK: settings.topK,
    maxOutputTokens: settings.maxOutputTokens,
    frequencyPenalty: settings.frequencyPenalty,
    presencePenalty: settings.presencePenalty,
    seed: settings.seed,
    stopSequences: settings.stopSequences === undefined ? undefined : [...settings.stopSequences],
    providerOptions: settings.providerOptions,
    abortSignal: signal,
  });
}

/** The name an assistant message is signed with. */
export function modelName(model: { readonly provider: string; readonly modelId: string }): string {
  return `${model.provider}/${model.modelId}`;
}

function promptMessage(message: Message, writer: string): Record<string, unknown> {
  switch (message.role) {
    case 'system':
      return { role: 'system', content: message.content };
    case 'user':
      return { role: 'user', content: [{ type: 'text', text: message.content }] };
    case 'assistant':
      return { role: 'assistant', content: assistantParts(message.content, message.model === writer) };
    case 'tool':
      return { role: 'tool', content: [...message.content] };
  }
}

/**
 * Reasoning goes back to the model that did it, signature and all, because some vendors demand it between
 * tool calls. To any other model it is somebody else's thoughts, and a signature it refuses.
 */
function assistantParts(content: string | readonly AssistantPart[], isWriter: boolean): readonly unknown[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (isWriter) return [...content];
  return content.filter((part) => part.type !== 'reasoning');
}

function functionTool(tool: Tool): Record<string, unknown> {
  return defined({
    type: 'function',
    name: tool.name,
    description: tool.description,
    inputSchema: tool.jsonSchema,
  });
}
