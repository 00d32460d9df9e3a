/** Answering one message that came in over a transport: the run for it, and what the person is told. */
import type { SpanContext } from '@opentelemetry/api';

import { withRunContext } from '../telemetry/context.ts';
import { holderOf } from './handoff.ts';
import type { Holders } from './holders.ts';
import { logOver } from './run-log.ts';
import type { AbortScope } from './signals.ts';
import type { Agent, ConversationHistory, IncomingMessage, LogListener, RunResult } from './types.ts';

/** A message being answered. */
export interface Answering {
  readonly message: IncomingMessage;
  /** Whether its agent was named, by the message or beside it: that one answers, whoever has the conversation. */
  readonly isNamed: boolean;
  /** What its conversation is kept under. */
  readonly key: string;
  readonly scope: AbortScope;
  /** Known once its run has started, when tracing is on. */
  spanContext: SpanContext | undefined;
  /** The person has the answer, also where the run was cut off meanwhile. */
  isAnswered: boolean;
}

/** What all messages to a runtime are answered with. */
export interface AnswerOptions {
  readonly history: ConversationHistory;
  readonly holders: Holders;
  readonly onLog: LogListener | undefined;
  /** Has something said that is not an answer, in bounded time. */
  readonly tell: (message: IncomingMessage, speak: () => Promise<void>) => Promise<void>;
}

/**
 * What a conversation is known by. Its id alone would not do: over HTTP whoever asks may choose it, and could choose
 * that of a conversation another agent has, or that somebody has over another transport.
 */
export function conversationKey(agent: Agent, { transport, conversationId }: IncomingMessage): string {
  return JSON.stringify([agent.name, transport, conversationId]);
}

export const STOPPING = 'I am shutting down. Please try again in a moment.';
export const BUSY = 'I am busy right now. Please try again in a moment.';
const NO_ANSWER = 'I have no answer to that.';

/** A failure in the words of a person who did not cause it. Error texts can hold anything, so none is shown. */
function apology(reference: string | undefined): string {
  const hint = reference === undefined ? '' : ` If you report it, please mention ${reference}.`;
  return `Something went wrong and I could not answer.${hint}`;
}

/**
 * Answers one message inside one run, from loading the history to sending the answer, so that whatever
 * fails on the way is a failure of that run.
 */
export async function answerMessage(
  agent: Agent,
  answering: Answering,
  { history, holders, onLog, tell }: AnswerOptions,
): Promise<void> {
  const { message, isNamed, key, scope } = answering;
  const { text, conversationId, userId, transport, onEvent, stream = onEvent !== undefined } = message;
  const holder = (isNamed ? undefined : holders.of(key)) ?? agent;
  /** What the person can be told to find the run by. */
  let reference: string | undefined;
  /** The answer on its way, also while the run is cut off. */
  let replying: Promise<void> | undefined;
  let isOver = false;
  const deliver = async (result: RunResult): Promise<void> => {
    const next = holderOf(result) ?? holder;
    await history.save(key, result.messages);
    if (!isNamed) holders.set(key, next === agent ? undefined : next);
    // Who names an agent names the one that has the conversation next, and that one must know what was said.
    else if (next !== agent) await history.save(conversationKey(next, message), result.messages);
    // The person was told something else while the history was slow.
    if (isOver) return;
    replying = message.reply(result.text === '' ? NO_ANSWER : result.text);
    await replying;
    answering.isAnswered = true;
  };
  try {
    await withRunContext({ transport }, () =>
      holder.run(text, {
        user: userId === undefined ? undefined : { id: userId },
        onLog: logOver(transport, onLog),
        conversationId,
        signal: scope.signal,
        history: () => history.load(key),
        stream,
        onEvent: (event) => {
          if (event.type === 'run.start') {
            answering.spanContext = event.spanContext;
            reference = event.spanContext?.traceId ?? event.runId;
          }
          return onEvent?.(event);
        },
        deliver,
      }),
    );
  } catch {
    // It is recorded on the run's span. Who has called their run off waits for no answer.
    isOver = true;
    if (message.signal?.aborted === true) return;
    const words = scope.signal.aborted ? STOPPING : apology(reference);
    // An answer that gets through all the same is the last word.
    await tell(message, () => replying?.catch(() => say(message, words)) ?? say(message, words));
  }
}

/** Says something that is not an answer. When not even that gets through there is nobody left to tell. */
export async function say(message: IncomingMessage, text: string): Promise<void> {
  try {
    await message.reply(text);
  } catch {
    return;
  }
}
