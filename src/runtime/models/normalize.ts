/**
 * The edge between providers and the runtime: what a model of any specification answers, read once from
 * `unknown` into one shape, or refused with a `ModelResponseError`.
 */
import { defined } from '../defined.ts';
import { ModelResponseError } from '../errors.ts';
import { untilAborted } from '../signals.ts';
import { createAnswerBuilder, unreadable, type AnswerIdentity, type ModelAnswer, type TextBlock } from './answer.ts';
import { fields, isRecord, text, type Fields } from '../fields.ts';
import { isAiSdkError } from './failure.ts';

/** What is known of an answer before it is known whether there will be one. */
export interface KnownOfAnswer extends AnswerIdentity {
  /** As the provider gave it: what was used is paid for, whatever becomes of the answer. */
  readonly usage?: unknown;
}

/** Reads what `doGenerate` resolved with. The listener must not throw. */
export function readAnswer(result: unknown, { onKnown }: Pick<AnswerListener, 'onKnown'>): ModelAnswer {
  const answer = fields(result);
  const identity = identityOf(fields(answer['response']));
  const usage = usageOf(answer);
  onKnown(defined({ ...identity, usage }));
  const content = answer['content'];
  if (!Array.isArray(content)) throw unreadable('it has no content');
  const builder = createAnswerBuilder();
  for (const part of content) builder.addWhole(fields(part));
  return builder.finish(answer['finishReason'], usage, identity);
}

/** Told about a streamed answer while it arrives. None of these may throw. */
export interface AnswerListener {
  /** The first part of the answer itself has arrived. */
  onFirstPart(): void;
  onPiece(type: TextBlock['type'], text: string): void;
  onKnown(known: KnownOfAnswer): void;
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
  if (!isReadableStream(stream)) throw unreadable('it is no stream');
  const reader = stream.getReader();
  const builder = createAnswerBuilder();
  const identity: AnswerIdentity = {};
  let begun = false;
  let hasPieces = false;
  const begin = (): void => {
    if (!begun) listener.onFirstPart();
    begun = true;
  };
  const addPiece = (type: TextBlock['type'], piece: Fields): void => {
    const added = builder.addPiece(type, piece);
    if (added === '') return;
    begin();
    listener.onPiece(type, added);
  };
  try {
    for (;;) {
      const { done, value } = await untilAborted(signal, () => reader.read());
      if (done) throw new ModelResponseError('cut', 'the stream ended before the answer was finished');
      const part = fields(value);
      hasPieces ||= /^(?:text|reasoning|tool)-/.test(text(part['type']) ?? '');
      switch (part['type']) {
        case 'text-start':
        case 'text-delta':
          addPiece('text', part);
          break;
        case 'text-end':
          addPiece('text', part);
          builder.closeBlock('text', part);
          break;
        case 'reasoning-start':
        case 'reasoning-delta':
          addPiece('reasoning', part);
          break;
        case 'reasoning-end':
          addPiece('reasoning', part);
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
          listener.onKnown(identity);
          break;
        case 'error':
          throw streamError(part['error']);
        case 'finish': {
          const usage = usageOf(part);
          listener.onKnown(defined({ usage }));
          if (isSilentCut(part, hasPieces))
            throw new ModelResponseError('cut', 'the stream ended without a finish reason');
          return builder.finish(part['finishReason'], usage, identity);
        }
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

/**
 * Providers report a stream that ended in the middle as an ordinary end for no known reason. So does a vendor
 * with a finish reason of its own, but V3 and V4 repeat that one, and in V2 it has counted its tokens. In the
 * newer ones counts say nothing once there are pieces, with each of which some vendors send them; without any they
 * say that the vendor has read the prompt and answers nothing, as to one it blocks.
 */
function isSilentCut(finish: Fields, hasPieces: boolean): boolean {
  const reason = finish['finishReason'];
  const counts = Object.values(fields(finish['usage']));
  if (reason === 'unknown') return !counts.some((count) => typeof count === 'number');
  const { unified, raw } = fields(reason);
  if (unified !== 'other' || raw !== undefined) return false;
  return hasPieces || !counts.some((count) => Number(fields(count)['total']) > 0);
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
  const message = text(report['message']) ?? text(error) ?? 'no message';
  const statusCode = [report['status'], report['code'], STATUS_OF_ERROR[String(report['type'])]].find(
    (value): value is number => typeof value === 'number' && value >= 400 && value <= 599,
  );
  return new ModelResponseError('error', `the provider reported an error: ${message}`, { statusCode });
}

/**
 * What an answer used, as the provider gave it. Models of V2 have what Anthropic and Bedrock wrote to their caches in the
 * metadata of the answer; the name it gets here is Bedrock's, by which is known that cached tokens are beside the input.
 */
function usageOf(answer: Fields): unknown {
  const usage = answer['usage'];
  const { anthropic, bedrock } = fields(answer['providerMetadata']);
  const counts = fields(usage);
  if (isRecord(counts['inputTokens']) || (anthropic === undefined && bedrock === undefined)) return usage;
  const { cacheCreationInputTokens, usage: raw } = fields(anthropic);
  const written = cacheCreationInputTokens ?? fields(fields(bedrock)['usage'])['cacheWriteInputTokens'];
  return { ...counts, ...defined({ raw }), cacheWriteInputTokens: written };
}

function identityOf(response: Fields): AnswerIdentity {
  return defined({ id: text(response['id']), model: text(response['modelId']) });
}

/** Asked by shape, because a stream may come from a polyfill. */
function isReadableStream(value: unknown): value is ReadableStream<unknown> {
  return typeof fields(value)['getReader'] === 'function';
}
