import { whenAborted } from '../signals.ts';
import { systemTime, type Time } from '../time.ts';
import type { IncomingMessage, Transport } from '../types.ts';
import { requireCount, requireTimeout } from '../validate.ts';
import { createRecentIds } from './recent-ids.ts';
import { createSlackAnswer, type SlackAnswer } from './slack-answer.ts';
import { readSlackMessage, type SlackMessage } from './slack-message.ts';

/** The parts of an `App` of `@slack/bolt` that are used; its socket mode and its HTTP receivers both do. */
export interface SlackApp {
  event(name: 'app_mention' | 'message', listener: (event: SlackEvent) => Promise<void>): void;
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** What Bolt passes to a listener. */
export interface SlackEvent {
  readonly event: unknown;
  readonly body: unknown;
  readonly context: { readonly botUserId?: string };
  readonly client: {
    readonly chat: {
      postMessage(message: { channel: string; text: string; thread_ts?: string }): Promise<{ ts?: string }>;
      update(message: { channel: string; ts: string; text: string }): Promise<unknown>;
    };
  };
}

/** The app a bot in Slack speaks through, and how it answers. */
export interface SlackTransportOptions {
  /** Made by you, with your tokens: `new App({ token, appToken, socketMode: true })`. Starts and stops with the transport. */
  readonly app: SlackApp;
  /** Whether answers grow in the thread while they are written. Default: true. */
  readonly stream?: boolean | undefined;
  /** Shortest time between two changes of a growing answer. Default: 1000, about what Slack allows. */
  readonly updateIntervalMs?: number | undefined;
  /** Most conversations worked on at the same time. Whoever writes then is asked to come back. Default: 256. */
  readonly maxActive?: number | undefined;
  /**
   * Called at each start with what to call when the connection is lost for good, which is a crash: Bolt tells
   * nobody but its receiver. In socket mode: `(lost) => receiver.client.on('disconnected', lost)`.
   */
  readonly onStart?: ((lost: (error?: Error) => void) => void) | undefined;
}

/**
 * A bot in Slack: answers mentions in their thread, and direct messages. One run per conversation at a time;
 * `stop` or `cancel` ends it. Events that Slack sends again are answered once, and nothing bots write is answered.
 */
export function slackTransport(options: SlackTransportOptions): Transport {
  return slackTransportWith(systemTime, options);
}

/** Slack sends an event again after a moment, a minute and five: https://docs.slack.dev/apis/events-api */
const REPEAT_WINDOW_MS = 6 * 60_000;
const MOST_REMEMBERED = 10_000;

const STOP_WORDS = /^(?:stop|cancel)[.!]*$/i;
const STILL_WORKING = 'I am still working on your last message. Say `stop` to end that.';
const STOPPED = 'Stopped.';
const NOTHING_TO_STOP = 'There is nothing to stop.';
const BUSY = 'I am busy right now. Please try again in a moment.';

/** `slackTransport` with a say in how time passes. */
export function slackTransportWith(time: Time, options: SlackTransportOptions): Transport {
  const name = 'slack';
  const { app, stream = true, updateIntervalMs = 1_000, maxActive = 256, onStart } = options;
  requireTimeout('updateIntervalMs', updateIntervalMs);
  requireCount('maxActive', maxActive, 1);

  const recent = createRecentIds(time, REPEAT_WINDOW_MS, MOST_REMEMBERED);
  /** The run of each conversation that has one. */
  const runs = new Map<string, AbortController>();
  let receiver: ((message: IncomingMessage) => Promise<void>) | undefined;
  let isListening = false;

  const listen = async ({ event, body, context, client }: SlackEvent): Promise<void> => {
    const message = readSlackMessage(event, body, context.botUserId);
    if (receiver === undefined || message === undefined || !recent.areNew(message.ids)) return;
    const post = (text: string): Promise<string | undefined> => postTo(client, message, text);
    const run = runs.get(message.conversationId);
    if (STOP_WORDS.test(message.text)) {
      run?.abort(new DOMException('stopped in Slack', 'AbortError'));
      return say(post, run === undefined ? NOTHING_TO_STOP : STOPPED);
    }
    if (run !== undefined) return say(post, STILL_WORKING);
    if (runs.size >= maxActive) return say(post, BUSY);
    const update = async (ts: string, text: string): Promise<void> => {
      await client.chat.update({ channel: message.channel, ts, text });
    };
    await converse(message, createSlackAnswer(time, { post, update }, updateIntervalMs), receiver);
  };

  const converse = async (
    message: SlackMessage,
    answer: SlackAnswer,
    receive: (message: IncomingMessage) => Promise<void>,
  ): Promise<void> => {
    const { conversationId, text, userId, ids } = message;
    const controller = new AbortController();
    runs.set(conversationId, controller);
    try {
      await receive({
        id: ids[0] ?? conversationId,
        text,
        conversationId,
        userId,
        transport: name,
        signal: controller.signal,
        ...(stream ? { onEvent: answer.onEvent } : {}),
        reply: answer.reply,
      });
    } finally {
      answer.close();
      runs.delete(conversationId);
    }
  };

  return {
    name,
    start: async (receive, signal) => {
      receiver = receive;
      if (!isListening) {
        isListening = true;
        app.event('app_mention', listen);
        app.event('message', listen);
      }
      try {
        await work(app, signal, onStart);
      } finally {
        receiver = undefined;
      }
    },
  };
}

/** Resolves when the signal aborts, or with the loss of the connection; rejects when there was none, or an error. */
async function work(app: SlackApp, signal: AbortSignal, onStart: SlackTransportOptions['onStart']): Promise<void> {
  let stopListening: (() => void) | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    stopListening = whenAborted(signal, () => resolve());
    onStart?.((error) => (error === undefined ? resolve() : reject(error)));
  });
  // While Slack cannot be reached, Bolt may try to start for a long time.
  let isStarted = false;
  const start = async (): Promise<void> => {
    await app.start();
    isStarted = true;
  };
  const starting = start();
  try {
    await Promise.race([starting, ended]);
    await ended;
  } finally {
    stopListening?.();
    await stop(app);
    // What was still starting would otherwise be connected in a moment.
    if (!isStarted) starting.then(() => stop(app)).catch(() => {});
  }
}

/** What stopping fails with is for the log of Bolt. */
async function stop(app: SlackApp): Promise<void> {
  await app.stop().catch(() => {});
}

async function postTo(client: SlackEvent['client'], message: SlackMessage, text: string): Promise<string | undefined> {
  const { channel, thread } = message;
  const post = { channel, text, ...(thread === undefined ? {} : { thread_ts: thread }) };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- Slack's, not a window's
  return (await client.chat.postMessage(post)).ts;
}

/** Says something that is no answer. When that does not get through there is nobody left to tell. */
async function say(post: (text: string) => Promise<unknown>, text: string): Promise<void> {
  try {
    await post(text);
  } catch {
    return;
  }
}
