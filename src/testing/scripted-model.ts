/** A language model that follows a script: for tests of agents, without a network and without a vendor. */
import type { TokenUsage } from '../telemetry/attributes/usage.ts';
import type { FinishReason, ModelLike } from '../runtime/types.ts';

/** What the model does when it is asked once. A string is an answer. */
export type ScriptedTurn =
  | string
  | ScriptedAnswer
  /** The call fails: `error` is thrown as it is. */
  | { readonly error: unknown }
  /** The answer breaks off after `cut`. Asked for the whole answer, the model fails instead. */
  | { readonly cut: string }
  /** The model writes `hang`, then stays silent until the call is aborted. */
  | { readonly hang: string };

/** An answer of a scripted model. */
export interface ScriptedAnswer {
  readonly text?: string | undefined;
  readonly reasoning?: string | undefined;
  readonly toolCalls?: readonly ScriptedToolCall[] | undefined;
  /** Default: `tool-calls` when there are any, else `stop`. */
  readonly finishReason?: FinishReason | undefined;
  /** Default: 10 tokens in, 5 out. */
  readonly usage?: TokenUsage | undefined;
}

/** A tool a scripted model asks for. */
export interface ScriptedToolCall {
  /** Default: `call_1`, `call_2` and so on over the whole script. */
  readonly id?: string | undefined;
  readonly name: string;
  /** Text is sent as it is, so that broken JSON can be scripted too. */
  readonly input: Readonly<Record<string, unknown>> | string;
}

/** One call the model received: what a provider would have sent. */
export interface ScriptedCall {
  readonly prompt: readonly unknown[];
  readonly tools?: readonly unknown[];
  readonly abortSignal?: AbortSignal;
  readonly [option: string]: unknown;
}

/** Decides on a turn when it is asked for one. May wait, which is how a test holds an answer back. */
export type ScriptedTurnFunction = (call: ScriptedCall) => ScriptedTurn | Promise<ScriptedTurn>;

/** What a scripted model says it is. */
export interface ScriptedModelOptions {
  /** Which specification the model speaks. Default: `v3`. */
  readonly specificationVersion?: ModelLike['specificationVersion'] | undefined;
  /** Default: `scripted-model`. */
  readonly modelId?: string | undefined;
  /** Default: `scripted`. */
  readonly provider?: string | undefined;
}

/** A model that follows a script, and remembers what it was asked. */
export interface ScriptedModel extends ModelLike {
  /** Every call so far, in order. */
  readonly calls: readonly ScriptedCall[];
  doGenerate(call: ScriptedCall): Promise<unknown>;
  doStream(call: ScriptedCall): Promise<{ readonly stream: ReadableStream<unknown> }>;
}

/** Creates a model that takes its turns in order. Asked once more than there are turns, it fails. */
export function scriptedModel(
  turns: readonly (ScriptedTurn | ScriptedTurnFunction)[],
  options: ScriptedModelOptions = {},
): ScriptedModel {
  const { specificationVersion = 'v3', modelId = 'scripted-model', provider = 'scripted' } = options;
  const calls: ScriptedCall[] = [];
  let toolCalls = 0;
  const callId = (): string => `call_${(toolCalls += 1)}`;

  const nextTurn = async (call: ScriptedCall): Promise<{ readonly turn: ScriptedTurn; readonly id: string }> => {
    calls.push(call);
    const number = calls.length;
    const turn = turns[number - 1];
    if (turn === undefined) {
      throw new Error(`the script of ${modelId} has ${turns.length} turns, but was asked for turn ${number}`);
    }
    call.abortSignal?.throwIfAborted();
    return { turn: typeof turn === 'function' ? await turn(call) : turn, id: `response-${number}` };
  };

  return {
    specificationVersion,
    modelId,
    provider,
    calls,
    doGenerate: async (call) => {
      const { turn, id } = await nextTurn(call);
      if (isAnswer(turn)) return wholeAnswer(read(turn, callId), { id, modelId }, specificationVersion);
      if ('error' in turn) throw turn.error;
      if ('cut' in turn) throw connectionLost();
      return untilAborted(call.abortSignal);
    },
    doStream: async (call) => {
      const { turn, id } = await nextTurn(call);
      if (!isAnswer(turn) && 'error' in turn) throw turn.error;
      const start = [
        { type: 'stream-start', warnings: [] },
        { type: 'response-metadata', id, modelId },
      ];
      if (isAnswer(turn)) {
        return { stream: streamOf([...start, ...answerParts(read(turn, callId), specificationVersion)]) };
      }
      const text = 'cut' in turn ? turn.cut : turn.hang;
      const ending = 'cut' in turn ? () => Promise.reject(connectionLost()) : () => untilAborted(call.abortSignal);
      return { stream: streamOf([...start, ...textParts('text', text)], ending) };
    },
  };
}

/** An answer with every default in place. */
interface Answer {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly { readonly toolCallId: string; readonly toolName: string; readonly input: string }[];
  readonly finishReason: FinishReason;
  readonly usage: TokenUsage;
}

function isAnswer(turn: ScriptedTurn): turn is string | ScriptedAnswer {
  return typeof turn === 'string' || !('error' in turn || 'cut' in turn || 'hang' in turn);
}

function read(turn: string | ScriptedAnswer, callId: () => string): Answer {
  const answer: ScriptedAnswer = typeof turn === 'string' ? { text: turn } : turn;
  const toolCalls = (answer.toolCalls ?? []).map(({ id, name, input }) => ({
    toolCallId: id ?? callId(),
    toolName: name,
    input: typeof input === 'string' ? input : JSON.stringify(input),
  }));
  return {
    text: answer.text ?? '',
    reasoning: answer.reasoning ?? '',
    toolCalls,
    finishReason: answer.finishReason ?? (toolCalls.length === 0 ? 'stop' : 'tool-calls'),
    usage: answer.usage ?? { inputTokens: 10, outputTokens: 5 },
  };
}

type Version = ModelLike['specificationVersion'];

function wholeAnswer(
  answer: Answer,
  response: { readonly id: string; readonly modelId: string },
  version: Version,
): object {
  const content = [
    ...(answer.reasoning === '' ? [] : [{ type: 'reasoning', text: answer.reasoning }]),
    ...(answer.text === '' ? [] : [{ type: 'text', text: answer.text }]),
    ...answer.toolCalls.map((call) => ({ type: 'tool-call', ...call })),
  ];
  return { content, ...ending(answer, version), response, warnings: [] };
}

function answerParts(answer: Answer, version: Version): object[] {
  return [
    ...textParts('reasoning', answer.reasoning),
    ...textParts('text', answer.text),
    ...answer.toolCalls.flatMap((call) => [
      { type: 'tool-input-start', id: call.toolCallId, toolName: call.toolName },
      { type: 'tool-input-delta', id: call.toolCallId, delta: call.input },
      { type: 'tool-input-end', id: call.toolCallId },
      { type: 'tool-call', ...call },
    ]),
    { type: 'finish', ...ending(answer, version) },
  ];
}

/** Text as a model streams it: word by word. */
function textParts(type: 'text' | 'reasoning', text: string): object[] {
  if (text === '') return [];
  const id = `${type}-0`;
  const words = text.match(/\s*\S+|\s+$/g) ?? [];
  return [
    { type: `${type}-start`, id },
    ...words.map((delta) => ({ type: `${type}-delta`, id, delta })),
    { type: `${type}-end`, id },
  ];
}

/** Finish reason and usage in the form of the specification. */
function ending({ finishReason, usage }: Answer, version: Version): object {
  if (version === 'v2') {
    return {
      finishReason: finishReason === 'other' ? 'unknown' : finishReason,
      usage: {
        inputTokens: usage.inputTokens,
        outputTokens: usage.outputTokens,
        totalTokens: (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0),
        reasoningTokens: usage.reasoningTokens,
        cachedInputTokens: usage.cacheReadTokens,
      },
    };
  }
  return {
    finishReason: { unified: finishReason, raw: finishReason },
    usage: {
      inputTokens: { total: usage.inputTokens, cacheRead: usage.cacheReadTokens, cacheWrite: usage.cacheWriteTokens },
      outputTokens: { total: usage.outputTokens, reasoning: usage.reasoningTokens },
    },
  };
}

/** A stream of the parts, one per read, that then closes or ends as `ending` does. */
function streamOf(
  parts: readonly object[],
  ending: () => Promise<void> = () => Promise.resolve(),
): ReadableStream<unknown> {
  const remaining = [...parts];
  return new ReadableStream<unknown>({
    pull: async (controller) => {
      const part = remaining.shift();
      if (part !== undefined) {
        controller.enqueue(part);
        return;
      }
      await ending();
      controller.close();
    },
  });
}

/** Never resolves; rejects with the signal's reason. */
function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** What the AI SDK's providers throw for a connection that breaks in the middle of an answer. */
function connectionLost(): Error {
  const error = new Error('Failed to process successful response', { cause: new TypeError('terminated') });
  return Object.assign(error, {
    name: 'AI_APICallError',
    [Symbol.for('vercel.ai.error.AI_APICallError')]: true,
    statusCode: 200,
    isRetryable: true,
  });
}
