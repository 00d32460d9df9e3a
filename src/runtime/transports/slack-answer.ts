/** An answer that grows in a Slack thread while it is written. */
import type { Time } from '../time.ts';
import type { AgentEvent } from '../types.ts';
import { slackText } from './slack-message.ts';

/** Where an answer goes. */
export interface SlackThread {
  /** Posts a message; resolves with what it can be changed by. */
  post(text: string): Promise<string | undefined>;
  update(ts: string, text: string): Promise<void>;
}

export interface SlackAnswer {
  readonly onEvent: (event: AgentEvent) => void;
  /** Replaces what was shown so far by all of the answer. Rejects when Slack does not take it. */
  readonly reply: (text: string) => Promise<void>;
  /** Shows nothing more. */
  readonly close: () => void;
}

/** Longer messages are refused or cut by Slack: https://docs.slack.dev/reference/methods/chat.update */
const MAX_MESSAGE_LENGTH = 3_900;

/**
 * Creates an answer whose message is changed at most once per interval, because Slack counts changes, and never
 * while a change is on its way. A change that fails is skipped: the whole answer comes at the end.
 */
export function createSlackAnswer(time: Time, thread: SlackThread, intervalMs: number): SlackAnswer {
  let text = '';
  let shown = '';
  let ts: string | undefined;
  let isClosed = false;
  let pause: (() => void) | undefined;
  let onItsWay: Promise<void> | undefined;

  const put = async (piece: string): Promise<void> => {
    if (ts === undefined) ts = await thread.post(piece);
    else await thread.update(ts, piece);
  };
  const show = (): void => {
    if (isClosed || pause !== undefined || onItsWay !== undefined || text === shown || text.trim() === '') return;
    shown = text;
    const preview = `${piecesOf(slackText(text))[0] ?? ''} …`;
    onItsWay = put(preview)
      .catch(() => {})
      .finally(() => {
        onItsWay = undefined;
        show();
      });
    pause = time.startTimer(intervalMs, () => {
      pause = undefined;
      show();
    });
  };
  const close = (): void => {
    isClosed = true;
    pause?.();
  };

  return {
    close,
    onEvent: (event) => {
      switch (event.type) {
        case 'text.delta':
          text += event.text;
          show();
          break;
        case 'turn.start':
        case 'text.reset':
          text = '';
          break;
        default:
          break;
      }
    },
    reply: async (answer) => {
      close();
      // Overtaken by an older change, the answer would be lost.
      await onItsWay;
      const [first = '', ...rest] = piecesOf(slackText(answer));
      await put(first);
      for (const piece of rest) await thread.post(piece);
    },
  };
}

/** Cuts a text where messages end: between lines or words when there are any, never inside `&amp;` or an emoji. */
export function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  let rest = text;
  while (rest.length > MAX_MESSAGE_LENGTH) {
    const most = rest.slice(0, MAX_MESSAGE_LENGTH);
    const end = [most.lastIndexOf('\n'), most.lastIndexOf(' ')].find((index) => index > MAX_MESSAGE_LENGTH / 2);
    const piece = end === undefined ? most.replace(/&[a-z]{0,3}$|[\uD800-\uDBFF]$/, '') : most.slice(0, end);
    pieces.push(piece);
    rest = rest.slice(piece.length).trimStart();
  }
  return [...pieces, rest];
}
