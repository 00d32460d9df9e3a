/**
 * The agent run that is traced: what its model and its tools answer. Nothing in here knows of tracing, and
 * every variant plays the same script, so that what differs between them is tracing alone.
 */

export const AGENT = {
  name: 'trip-helper',
  description: 'Plans a day out',
  conversationId: 'conversation-4711',
};

export const MODEL = {
  name: 'gpt-5-mini',
  provider: 'openai',
  temperature: 0.2,
  maxTokens: 1024,
  host: 'api.openai.com',
  port: 443,
};

const WEATHER = { id: 'call_1', name: 'get_weather', description: 'Weather of a city' };
const TRAINS = { id: 'call_2', name: 'find_trains', description: 'Trains between two cities' };
const TABLE = { id: 'call_3', name: 'book_table', description: 'Books a table' };

/** Three model calls and three tool calls; the answers have the shape of OpenAI's chat completions. */
export const TURNS = [
  turn('chatcmpl-1', 'tool_calls', [640, 48, 512, 16], [WEATHER]),
  turn('chatcmpl-2', 'tool_calls', [712, 96, 640, 32], [TRAINS, TABLE]),
  turn('chatcmpl-3', 'stop', [840, 180, 704, 64], []),
];

function turn(id, finishReason, [prompt, completion, cached, reasoning], toolCalls) {
  const usage = {
    prompt_tokens: prompt,
    completion_tokens: completion,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
  return { id, model: 'gpt-5-mini-2025-08-07', finishReason, usage, toolCalls };
}

class ToolFailedError extends Error {
  static {
    // On the prototype, so that it is in the stack too.
    this.prototype.name = 'ToolFailedError';
    // The message holds no content, so that every variant may send it.
    Object.defineProperty(this.prototype, Symbol.for('faultline.safe_message'), {
      get() {
        return this.message;
      },
    });
  }
}

/** A model call: two trips through the microtask queue, as a client library and its transport would make. */
export async function callModel(turn) {
  await null;
  await null;
  return turn;
}

/** A tool call, which fails for the tool that is named. */
export async function callTool(call, failingTool) {
  await null;
  if (call.name === failingTool) throw new ToolFailedError(`${call.name} is not available`);
  return '{"ok":true,"rows":3}';
}
