import type { SlackApp, SlackEvent } from '../../../src/runtime/transports/slack.ts';

/** A message somebody can read. */
export interface ShownMessage {
  readonly channel: string;
  readonly thread?: string;
  /** What it said, change by change. */
  readonly texts: string[];
}

/** A Slack workspace behind an app as Bolt makes them: events go in, messages come out. */
export interface Workspace {
  readonly app: SlackApp;
  readonly messages: readonly ShownMessage[];
  /** Resolves when a message says this. */
  says(text: string): Promise<void>;
  /** Sends an event, and resolves when the app is done with it. */
  send(event: Readonly<Record<string, unknown>>, eventId?: string): Promise<void>;
  /** Rejects what the app wants to show from now on. */
  archive(): void;
  readonly starts: number;
  readonly stops: number;
  /** How many listeners the app has. */
  readonly listeners: number;
}

export const BOT = 'U0BOT';

export function workspace(start: () => Promise<unknown> = () => Promise.resolve()): Workspace {
  const listeners = new Map<string, ((event: SlackEvent) => Promise<void>)[]>();
  const messages: ShownMessage[] = [];
  const waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  let isArchived = false;
  let starts = 0;
  let stops = 0;
  let sent = 0;
  const refuse = () => Promise.reject(new Error('An API error occurred: is_archived'));
  const tell = (): void => {
    for (const { text, resolve } of waiting) if (messages.some(({ texts }) => texts.includes(text))) resolve();
  };
  const client: SlackEvent['client'] = {
    chat: {
      postMessage: ({ channel, text, thread_ts: thread }) => {
        if (isArchived) return refuse();
        messages.push({ channel, texts: [text], ...(thread === undefined ? {} : { thread }) });
        tell();
        return Promise.resolve({ ts: String(messages.length - 1) });
      },
      update: ({ ts, text }) => {
        if (isArchived) return refuse();
        messages[Number(ts)]!.texts.push(text);
        tell();
        return Promise.resolve({});
      },
    },
  };
  return {
    messages,
    get starts() {
      return starts;
    },
    get stops() {
      return stops;
    },
    get listeners() {
      return [...listeners.values()].flat().length;
    },
    app: {
      event: (name, listener) => void listeners.set(name, [...(listeners.get(name) ?? []), listener]),
      start: () => {
        starts += 1;
        return start();
      },
      stop: () => {
        stops += 1;
        return Promise.resolve();
      },
    },
    archive: () => {
      isArchived = true;
    },
    says: (text) =>
      new Promise((resolve) => {
        waiting.push({ text, resolve });
        tell();
      }),
    send: async (event, eventId) => {
      sent += 1;
      const body = { team_id: 'T1', event_id: eventId ?? `Ev${sent}` };
      const all = listeners.get(String(event['type'])) ?? [];
      await Promise.all(all.map((listener) => listener({ event, body, client, context: { botUserId: BOT } })));
    },
  };
}

/** Somebody names the bot in a channel. */
export function mention(text: string, fields: Readonly<Record<string, unknown>> = {}) {
  return {
    type: 'app_mention',
    channel: 'C1',
    user: 'U1',
    ts: '1700000000.000100',
    text: `<@${BOT}> ${text}`,
    ...fields,
  };
}

/** Somebody writes to the bot alone. */
export function direct(text: string, fields: Readonly<Record<string, unknown>> = {}) {
  const ts = `1700000000.${String((count += 1)).padStart(6, '0')}`;
  return { type: 'message', channel: 'D1', channel_type: 'im', user: 'U1', ts, text, ...fields };
}

let count = 0;
