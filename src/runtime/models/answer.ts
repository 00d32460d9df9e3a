/** A model's answer in one shape, and how it is put together. */
import { ModelResponseError } from '../errors.ts';
import type { AssistantPart, FinishReason, ProviderOptions } from '../types.ts';
import { fields, isRecord, text, type Fields } from '../fields.ts';

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

export interface AnswerIdentity {
  readonly id?: string;
  readonly model?: string;
}

/** Puts an answer together from whole parts or from the pieces of a stream, in the order they begin. */
export interface AnswerBuilder {
  addWhole(part: Fields): void;
  /** Appends to the block the piece belongs to, and returns the text that was added. */
  addPiece(type: TextBlock['type'], piece: Fields): string;
  /** After this the same id means a new block. */
  closeBlock(type: TextBlock['type'], piece: Fields): void;
  finish(finishReason: unknown, usage: unknown, identity: AnswerIdentity): ModelAnswer;
}

export interface TextBlock {
  readonly type: 'text' | 'reasoning';
  text: string;
  providerOptions?: ProviderOptions;
}

export function createAnswerBuilder(): AnswerBuilder {
  const parts: (TextBlock | Extract<AssistantPart, { type: 'tool-call' }>)[] = [];
  const open = new Map<string, TextBlock>();
  const toolCalls: ToolCall[] = [];

  const keyOf = (type: TextBlock['type'], piece: Fields): string => `${type} ${String(piece['id'])}`;

  return {
    addPiece: (type, piece) => {
      const key = keyOf(type, piece);
      let block = open.get(key);
      if (block === undefined) {
        block = { type, text: '' };
        open.set(key, block);
        parts.push(block);
      }
      const delta = text(piece['delta']) ?? '';
      block.text += delta;
      keepMetadata(block, piece);
      return delta;
    },
    closeBlock: (type, piece) => void open.delete(keyOf(type, piece)),
    addWhole: (part) => {
      switch (part['type']) {
        case 'text':
        case 'reasoning': {
          const block: TextBlock = { type: part['type'], text: text(part['text']) ?? '' };
          keepMetadata(block, part);
          parts.push(block);
          break;
        }
        case 'tool-call': {
          // The provider has done it itself, and has used the result for the text it wrote.
          if (part['providerExecuted'] === true) break;
          const call = readToolCall(part);
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
      return {
        ...identity,
        parts: written,
        text: written.map((part) => (part.type === 'text' ? part.text : '')).join(''),
        toolCalls,
        finishReason: readFinishReason(finishReason),
        usage,
      };
    },
  };
}

function readToolCall(part: Fields): ToolCall {
  const id = text(part['toolCallId']) ?? newCallId();
  const name = text(part['toolName']);
  if (name === undefined) throw unreadable('a tool call has no name');
  const input = readArguments(part['input']);
  return input === undefined ? { id, name, input: {}, problem: 'are not a JSON object' } : { id, name, input };
}

/**
 * An id for a call that came without one: no other call of the conversation has it, because vendors refuse ids
 * that repeat. Nine letters and digits are what Mistral accepts, and every other vendor as well.
 */
function newCallId(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(9));
  return Array.from(bytes, (byte) => (byte % 36).toString(36)).join('');
}

/** Arguments are JSON text in every specification; a tool without parameters may be called with none. */
function readArguments(input: unknown): Fields | undefined {
  if (typeof input !== 'string') return isRecord(input) ? input : undefined;
  if (input.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(input);
    return isRecord(value) ? value : undefined;
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

export function unreadable(problem: string): ModelResponseError {
  return new ModelResponseError('invalid', `the model's answer cannot be read: ${problem}`);
}

/** What a provider wants back with a part it wrote, such as the signature of its reasoning. */
function metadataOf(part: Fields): ProviderOptions | undefined {
  const metadata = part['providerMetadata'];
  return isRecord(metadata) ? metadata : undefined;
}

function keepMetadata(block: TextBlock, part: Fields): void {
  const metadata = metadataOf(part);
  if (metadata !== undefined) block.providerOptions = metadata;
}
