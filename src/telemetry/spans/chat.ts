import { SpanKind } from '@opentelemetry/api';

import { active } from '../active.ts';
import { chatAttributes, chatResponseAttributes, fallbackAttributes, type FallbackHop } from '../attributes/chat.ts';
import { chatContent, chatOutput } from '../attributes/content.ts';
import type { CallCost } from '../attributes/cost.ts';
import { textOf } from '../attributes/text.ts';
import { addUsage, laterUsage, normalizeUsage, type TokenUsage } from '../attributes/usage.ts';
import { rememberModel } from '../capture.ts';
import { known } from '../config/records.ts';
import { sealLabels } from '../content/seal.ts';
import { httpStatus } from '../linked-errors.ts';
import { guard, guarded } from '../guard.ts';
import { FALLBACK_EVENT, GEN_AI_REQUEST_MODEL, GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK } from '../semconv.ts';
import { tellUnlessAnnounced } from './fallback.ts';
import type { ChatResponse, ChatSpan, ChatSpanOptions } from './handles.ts';
import { openChild, writeLabels, type ChildSpan } from './open-span.ts';
import { OperationSpan, type Opened, type TracedOperation } from './operation-span.ts';

class ChatOperation extends OperationSpan implements ChatSpan {
  protected readonly operation = 'chat';
  readonly #chat: ChatSpanOptions;
  /** On the clock of `performance`. Absent where no first chunk is waited for: nobody would see when it came. */
  #startedAt: number | undefined;
  #response: ChatResponse | undefined;

  constructor(opened: Opened, chat: ChatSpanOptions) {
    super(opened);
    this.#chat = chat;
    if (this.span.isRecording()) this.#startedAt = performance.now();
  }

  protected override beforeStart(): void {
    this.write(chatContent, this.#chat);
  }

  protected override content(): () => readonly unknown[] {
    const chat = this.#chat;
    return () => [chat.withhold?.(), chat.messages?.(), chat.systemInstructions?.()];
  }

  get record(): (response: ChatResponse) => void {
    return guarded((response) => {
      const before = this.#response;
      const said =
        before === undefined
          ? response
          : { ...before, ...known(response), usage: laterUsage(before.usage, response.usage) };
      this.answer = said.output;
      this.#response = said;
    });
  }

  get firstChunk(): () => void {
    return () => this.onValue();
  }

  get fallback(): (hop: FallbackHop) => void {
    return (hop) => {
      guard(() => {
        const { secretsRedactor } = this.policy;
        const attributes = fallbackAttributes(hop, secretsRedactor);
        sealLabels(this.span, FALLBACK_EVENT, attributes, secretsRedactor);
        this.span.addEvent(FALLBACK_EVENT, attributes);
      });
      guard(() => tellUnlessAnnounced(hop, this.within));
    };
  }

  /** A chunk has arrived, of which only the first counts. */
  override onValue(): void {
    if (this.#startedAt === undefined) return;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    this.#startedAt = undefined;
    guard(() => this.span.setAttribute(GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, seconds));
  }

  protected override describeError(error: unknown): { readonly errorType?: string } {
    guard(() => rememberModel(error, this.#chat, this.within));
    const status = httpStatus(error);
    return status === undefined ? {} : { errorType: String(status) };
  }

  protected override beforeEnd(succeeded: boolean): void {
    const response = this.#response ?? {};
    const usage = this.#usage(response);
    const cost = this.#cost(response, usage);
    writeLabels(this.span, chatResponseAttributes(response, usage, cost, this.policy.secretsRedactor), this.policy);
    this.write(chatOutput, response);
    if (this.within === undefined) return;
    const { totals } = this.within;
    if (usage !== undefined) totals.usage = addUsage(totals.usage, usage);
    if (cost !== undefined) totals.costUsd = (totals.costUsd ?? 0) + cost.totalUsd;
    if (succeeded) {
      totals.turns += 1;
      this.within.lastChat = this.span.spanContext();
    }
  }

  #usage(response: ChatResponse): TokenUsage | undefined {
    if (response.usage === undefined) return undefined;
    return normalizeUsage(response.usage, textOf(this.#chat.provider), this.#models(response));
  }

  #cost(response: ChatResponse, usage: TokenUsage | undefined): CallCost | undefined {
    const { costUsd, usage: given } = response;
    if (costUsd !== undefined && Number.isFinite(costUsd)) return { totalUsd: costUsd };
    if (usage === undefined || !this.span.isRecording()) return undefined;
    return active().price?.({ provider: this.#chat.provider, models: this.#models(response), usage, given });
  }

  /** The one that answered, then the one asked for. */
  #models({ model }: ChatResponse): readonly string[] {
    return model === undefined ? [this.#chat.model] : [model, this.#chat.model];
  }
}

const CHAT_SPAN: ChildSpan<ChatSpanOptions> = {
  operation: 'chat',
  kind: SpanKind.CLIENT,
  subject: ({ model }) => model,
  safeSubject: GEN_AI_REQUEST_MODEL,
  attributes: chatAttributes,
};

/** @internal */
export const CHAT: TracedOperation<ChatSpanOptions, ChatOperation> = {
  open(options, surroundings) {
    const opened = openChild(CHAT_SPAN, options, surroundings);
    // The names alone: the options have the conversation, and the run may be known long after its end.
    const { model, provider } = options;
    if (opened.within !== undefined) opened.within.lastModel = { model, provider };
    return opened;
  },
  handle: (opened, options) => new ChatOperation(opened, options),
};
