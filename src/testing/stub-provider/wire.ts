/** OpenAI's chat completions wire format, from our own plain answer: one JSON body or the frames of a stream. */

/** Token counts of one answer. Input includes cached tokens, output includes reasoning tokens. */
export interface StubUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens?: number;
  readonly reasoningTokens?: number;
}

/** A tool call the model asks for. A string is sent as it is, so broken JSON can be scripted too. */
export interface StubToolCall {
  readonly id?: string;
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>> | string;
}

/** What the model says, before it is known how it travels. */
export interface WireAnswer {
  readonly id: string;
  readonly model: string;
  readonly text: string;
  readonly reasoning?: string;
  readonly toolCalls: readonly Required<StubToolCall>[];
  readonly finishReason: string;
  readonly usage?: StubUsage;
}

/** The body of an answer that is not streamed. */
export function completionBody(answer: WireAnswer): object {
  return {
    ...envelope(answer, 'chat.completion'),
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: answer.text === '' ? null : answer.text,
          ...(answer.reasoning === undefined ? {} : { reasoning_content: answer.reasoning }),
          ...(answer.toolCalls.length === 0 ? {} : { tool_calls: answer.toolCalls.map((call) => wireToolCall(call)) }),
        },
        finish_reason: answer.finishReason,
      },
    ],
    ...(answer.usage === undefined ? {} : { usage: wireUsage(answer.usage) }),
  };
}

/** The frames that carry reasoning, text and tool calls: everything before the finish frame. */
export function contentFrames(answer: WireAnswer): string[] {
  const delta = (fields: object): string =>
    frame({
      ...envelope(answer, 'chat.completion.chunk'),
      choices: [{ index: 0, delta: fields, finish_reason: null }],
    });
  const frames = [delta({ role: 'assistant', content: '' })];
  for (const piece of pieces(answer.reasoning ?? '')) frames.push(delta({ reasoning_content: piece }));
  for (const piece of pieces(answer.text)) frames.push(delta({ content: piece }));
  for (const [index, call] of answer.toolCalls.entries()) {
    const whole = wireToolCall(call);
    const half = Math.ceil(whole.function.arguments.length / 2);
    // Vendors send the name first and the arguments in fragments; a client must put them together.
    frames.push(delta({ tool_calls: [{ ...whole, index, function: { name: call.name, arguments: '' } }] }));
    for (const fragment of [whole.function.arguments.slice(0, half), whole.function.arguments.slice(half)])
      frames.push(delta({ tool_calls: [{ index, function: { arguments: fragment } }] }));
  }
  return frames;
}

/** The frames that end a stream: finish reason, usage when the client asked for it, and the end marker. */
export function closingFrames(answer: WireAnswer, includeUsage: boolean): string[] {
  const start = envelope(answer, 'chat.completion.chunk');
  const frames = [frame({ ...start, choices: [{ index: 0, delta: {}, finish_reason: answer.finishReason }] })];
  if (includeUsage && answer.usage !== undefined)
    frames.push(frame({ ...start, choices: [], usage: wireUsage(answer.usage) }));
  return [...frames, 'data: [DONE]\n\n'];
}

/** One server-sent event. */
export function frame(payload: object): string {
  return `data: ${JSON.stringify(payload)}\n\n`;
}

/** An error the way OpenAI words it. */
export function errorBody(message: string, type: string, code: string | null = null): object {
  return { error: { message, type, param: null, code } };
}

/** What OpenAI answers for `status`, the key fragment of a 401 included. */
export function defaultErrorBody(status: number, model: string, apiKey: string): object {
  switch (status) {
    case 400:
      return errorBody(
        `This model's maximum context length is 8192 tokens, but the messages of ${model} hold more.`,
        'invalid_request_error',
        'context_length_exceeded',
      );
    case 401:
      return errorBody(
        `Incorrect API key provided: ${apiKey.slice(0, 8)}********${apiKey.slice(-4)}.`,
        'invalid_request_error',
        'invalid_api_key',
      );
    case 429:
      return errorBody(`Rate limit reached for ${model}.`, 'requests', 'rate_limit_exceeded');
    default:
      return errorBody('The server had an error while processing your request.', 'server_error');
  }
}

function envelope(answer: WireAnswer, object: string): object {
  return { id: answer.id, object, created: Math.floor(Date.now() / 1000), model: answer.model };
}

function wireToolCall(call: Required<StubToolCall>): {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
} {
  const text = typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments);
  return { id: call.id, type: 'function', function: { name: call.name, arguments: text } };
}

function wireUsage(usage: StubUsage): object {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    ...(usage.cachedTokens === undefined ? {} : { prompt_tokens_details: { cached_tokens: usage.cachedTokens } }),
    ...(usage.reasoningTokens === undefined
      ? {}
      : { completion_tokens_details: { reasoning_tokens: usage.reasoningTokens } }),
  };
}

/** Text as a model streams it: word by word, spaces kept. */
function pieces(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}
