/**
 * The edge between providers and the runtime: what a model of any specification answers, read once from
 * `unknown` into one shape, or refused with a `ModelResponseError`.
 */
import { ModelResponseError, isAiSdkError } from '../errors.ts';
import { untilAborted } from '../signals.ts';
import type { AssistantPart, FinishReason, ProviderOptions } from '../types.ts';

/** A model's answer, whatever the specification of the model. */
export interface ModelAnswer {
  /** What the model wrote, in the form it is shown to the model again. */
  readonly parts: readonly AssistantPart[];
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: FinishReason;
  /** As the provider gave it. */
  readonly usage: unknown;
  readonly id?: string;
  readonly model?: string;
}

/** A tool call a model asks for. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** Empty when the arguments could not be read. */
  readonly input: Readonly<Record<string, unknown>>;
  /** Why the arguments could not be read. */
  readonly problem?: string;
}

/** Told about a streamed answer while it arrives. None of these may throw. */
export interface AnswerListener {
  /** The first part of the answer itself has arrived. */
  onFirstPart(): void;
  onText(text: string): void;
  onReasoning(text: string): void;
  /** The provider's name for the answer, which comes before it is known whether there will be one. */
  onIdentity(identity: AnswerIdentity): void;
}

export interface AnswerIdentity {
  readonly id?: string;
  readonly model?: string;
}

/** Reads what `doGenerate` resolved with. */
export function readAnswer(result: unknown): ModelAnswer {
  const answer = fields(result);
  const content = answer['content'];
  if (!Array.isArray(content)) throw invalid('it has no content');
  const builder = createBuilder();
  for (const part of content) builder.addWhole(fields(part));
  return builder.finish(answer['finishReason'], answer['usage'], identityOf(fields(answer['response'])));
}

/**
 * Reads the stream `doStream` resolved with, up to its `finish` part. Listening ends with the signal at the
 * latest; the stream is cancelled in any case, which closes the connection.
 */
export async function readStreamedAnswer(
  result: unknown,
  signal: AbortSignal,
  listener: AnswerListener,
): Promise<ModelAnswer> {
  const stream = fields(result)['stream'];
  if (!isReadableStream(stream)) throw invalid('it is no stream');
  const reader = stream.getReader();
  const builder = createBuilder();
  const identity: AnswerIdentity = {};
  let begun = false;
  const begin = (): void => {
    if (!begun) listener.onFirstPart();
    begun = true;
  };
  try {
    for (;;) {
      const { done, value } = await untilAborted(signal, () => reader.read());
      if (done) throw new ModelResponseError('cut', 'the stream ended before the answer was finished');
      const part = fields(value);
      switch (part['type']) {
        case 'text-delta': {
          const text = builder.addPiece('text', part);
          if (text === '') break;
          begin();
          listener.onText(text);
          break;
        }
        case 'reasoning-delta': {
          const text = builder.addPiece('reasoning', part);
          if (text === '') break;
          begin();
          listener.onReasoning(text);
          break;
        }
        case 'text-start':
          builder.addPiece('text', part);
          break;
        case 'text-end':
          builder.closeBlock('text', part);
          break;
        case 'reasoning-start':
          builder.addPiece('reasoning', part);
          break;
        case 'reasoning-end':
          builder.closeBlock('reasoning', part);
          break;
        case 'tool-input-start':
          begin();
          break;
        case 'tool-call':
          begin();
          builder.addWhole(part);
          break;
        case 'response-metadata':
          Object.assign(identity, identityOf(part));
          listener.onIdentity(identity);
          break;
        case 'error':
          throw streamError(part['error']);
        case 'finish':
          if (isSilentCut(part)) throw new ModelResponseError('cut', 'the stream ended without a finish reason');
          return builder.finish(part['finishReason'], part['usage'], identity);
        default:
          // Warnings, raw chunks, sources and files are nothing the conversation goes on with.
          break;
      }
    }
  } finally {
    // Rejects when the stream has failed already, which is what brought us here.
    reader.cancel().catch(() => {});
  }
}

/** Puts an answer together from whole parts or from the pieces of a stream, in the order they begin. */
interface AnswerBuilder {
  addWhole(part: Fields): void;
  /** Appends to the block the piece belongs to, and returns the text that was added. */
  addPiece(type: TextBlock['type'], piece: Fields): string;
  /** After this the same id means a new block. */
  closeBlock(type: TextBlock['type'], piece: Fields): void;
  finish(finishReason: unknown, usage: unknown, identity: AnswerIdentity): ModelAnswer;
}

interface TextBlock {
  readonly type: 'text' | 'reasoning';
  text: string;
  providerOptions?: ProviderOptions;
}

function createBuilder(): AnswerBuilder {
  const parts: (TextBlock | Extract<AssistantPart, { type: 'tool-call' }>)[] = [];
  const open = new Map<string, TextBlock>();
  const toolCalls: ToolCall[] = [];

  const keyOf = (type: TextBlock['type'], piece: Fields): string => `${type} ${String(piece['id'])}`;
  const addPiece = (type: TextBlock['type'], piece: Fields): string => {
    const key = keyOf(type, piece);
    let block = open.get(key);
    if (block === undefined) {
      block = { type, text: '' };
      open.set(key, block);
      parts.push(block);
    }
    const delta = string(piece['delta']) ?? '';
    block.text += delta;
    keepMetadata(block, piece);
    return delta;
  };

  return {
    addPiece,
    closeBlock: (type, piece) => {
      addPiece(type, piece);
      open.delete(keyOf(type, piece));
    },
    addWhole: (part) => {
      switch (part['type']) {
        case 'text':
        case 'reasoning': {
          const block: TextBlock = { type: part['type'], text: string(part['text']) ?? '' };
          keepMetadata(block, part);
          parts.push(block);
          break;
        }
        case 'tool-call': {
          // The provider has done it itself, and has used the result for the text it wrote.
          if (part['providerExecuted'] === true) break;
          const call = readToolCall(part, toolCalls.length);
          toolCalls.push(call);
          const block = { type: 'tool-call', toolCallId: call.id, toolName: call.name, input: call.input } as const;
          const providerOptions = metadataOf(part);
          parts.push(providerOptions === undefined ? block : { ...block, providerOptions });
          break;
        }
        default:
          break;
      }
    },
    finish: (finishReason, usage, identity) => {
      // Reasoning may have no text and still matter: some vendors only give its encrypted form.
      const written = parts.filter(
        (part) => part.type === 'tool-call' || part.text !== '' || part.providerOptions !== undefined,
      );
      const text = written.map((part) => (part.type === 'text' ? part.text : '')).join('');
      return { parts: written, text, toolCalls, finishReason: readFinishReason(finishReason), usage, ...identity };
    },
  };
}

function readToolCall(part: Fields, position: number): ToolCall {
  const id = string(part['toolCallId']) ?? `call_${position + 1}`;
  const name = string(part['toolName']);
  if (name === undefined) throw invalid('a tool call has no name');
  const input = readArguments(part['input']);
  return input === undefined ? { id, name, input: {}, problem: 'are not a JSON object' } : { id, name, input };
}

/** Arguments are JSON text in every specification; a tool without parameters may be called with none. */
function readArguments(input: unknown): Fields | undefined {
  if (typeof input !== 'string') return isPlainObject(input) ? input : undefined;
  if (input.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(input);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const FINISH_REASONS: readonly string[] = [
  'stop',
  'length',
  'content-filter',
  'tool-calls',
  'other',
] satisfies FinishReason[];

/** V2 gives a string, V3 and V4 an object with the unified reason and the vendor's. */
function readFinishReason(value: unknown): FinishReason {
  const reason = typeof value === 'string' ? value : fields(value)['unified'];
  if (reason === 'error') throw new ModelResponseError('error', 'the provider stopped with an error');
  if (reason === 'interrupted') throw new ModelResponseError('cut', 'the provider stopped without finishing');
  return FINISH_REASONS.includes(String(reason)) ? (reason as FinishReason) : 'other';
}

/**
 * Specification V2 reports a connection that was cut as an ordinary end for an unknown reason. So does a
 * vendor with a finish reason of its own, but that one has counted its tokens.
 */
function isSilentCut(finish: Fields): boolean {
  const counts = Object.values(fields(finish['usage']));
  return finish['finishReason'] === 'unknown' && !counts.some((count) => typeof count === 'number');
}

/** HTTP statuses of the errors that vendors can only report inside a stream, by the vendors' documentation. */
const STATUS_OF_ERROR: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  api_error: 500,
  server_error: 500,
  internal_server_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** An error that arrived inside a stream: a provider's error object, or the vendor's JSON as it is. */
function streamError(error: unknown): unknown {
  if (isAiSdkError(error, 'AI_APICallError') || error instanceof ModelResponseError) return error;
  // V3 and V4 say this when the connection ends before the answer does.
  if (isAiSdkError(error, 'AI_InvalidResponseDataError')) {
    return new ModelResponseError('cut', 'the stream broke off', { cause: error });
  }
  if (isAiSdkError(error, 'AI_JSONParseError') || isAiSdkError(error, 'AI_TypeValidationError')) {
    return new ModelResponseError('invalid', 'a part of the stream cannot be read', { cause: error });
  }
  if (error instanceof Error) return error;
  const report = fields(fields(error)['error'] ?? error);
  const message = string(report['message']) ?? string(error) ?? 'no message';
  const statusCode = [report['status'], report['code'], STATUS_OF_ERROR[String(report['type'])]].find(
    (value): value is number => typeof value === 'number' && value >= 400 && value <= 599,
  );
  return new ModelResponseError('error', `the provider reported an error: ${message}`, { statusCode });
}

function invalid(problem: string): ModelResponseError {
  return new ModelResponseError('invalid', `the model's answer cannot be read: ${problem}`);
}

function identityOf(response: Fields): AnswerIdentity {
  const id = string(response['id']);
  const model = string(response['modelId']);
  return { ...(id === undefined ? undefined : { id }), ...(model === undefined ? undefined : { model }) };
}

/** What a provider wants back with a part it wrote, such as the signature of its reasoning. */
function metadataOf(part: Fields): ProviderOptions | undefined {
  const metadata = part['providerMetadata'];
  return isPlainObject(metadata) ? metadata : undefined;
}

function keepMetadata(block: TextBlock, part: Fields): void {
  const metadata = metadataOf(part);
  if (metadata !== undefined) block.providerOptions = metadata;
}

/** Asked by shape, because a stream may come from a polyfill. */
function isReadableStream(value: unknown): value is ReadableStream<unknown> {
  return typeof fields(value)['getReader'] === 'function';
}

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function isPlainObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function string(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
