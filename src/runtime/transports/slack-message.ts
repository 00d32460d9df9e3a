/** A message to the bot, read from what Slack sends. */
import { fields } from '../fields.ts';

export interface SlackMessage {
  /** Different for every message, the same when Slack sends it again or tells it as two events. */
  readonly ids: readonly string[];
  readonly text: string;
  readonly userId: string;
  readonly channel: string;
  /** Where answers belong; undefined for the channel itself. */
  readonly thread?: string;
  /** The same for everything said in one thread or, outside of threads, in one direct conversation. */
  readonly conversationId: string;
}

/** Messages without a subtype are what people write; of the others these are too. */
const SUBTYPES_OF_PEOPLE = new Set<unknown>([undefined, 'file_share', 'thread_broadcast']);

/**
 * Reads a mention of the bot or a direct message to it; undefined for everything else: what bots write, this
 * one included, edits, deletions, what is said in channels without naming the bot, and what has no text.
 */
export function readSlackMessage(event: unknown, body: unknown, botUserId: unknown): SlackMessage | undefined {
  const { type, subtype, channel, channel_type: channelType, user, bot_id: botId, ts, text } = fields(event);
  const { thread_ts: threadTs, client_msg_id: clientMessageId, team } = fields(event);
  const { event_id: eventId, team_id: teamId } = fields(body);
  const isDirect = type === 'message' && channelType === 'im';
  if (!isDirect && type !== 'app_mention') return undefined;
  if (botId !== undefined || user === botUserId || !SUBTYPES_OF_PEOPLE.has(subtype)) return undefined;
  if (typeof channel !== 'string' || typeof user !== 'string' || typeof ts !== 'string' || typeof text !== 'string') {
    return undefined;
  }
  const said = plainText(text, botUserId);
  if (said === '') return undefined;
  // A mention in a channel begins a thread; a direct conversation is one without.
  const thread = typeof threadTs === 'string' ? threadTs : isDirect ? undefined : ts;
  return {
    ids: [eventId, clientMessageId, `${channel}/${ts}`].filter((id) => typeof id === 'string'),
    text: said,
    userId: user,
    channel,
    ...(thread === undefined ? {} : { thread }),
    conversationId: [teamId ?? team, channel, thread]
      .filter((part) => typeof part === 'string')
      .join('-')
      .replaceAll(/[^A-Za-z0-9_-]/g, '_'),
  };
}

/** As the person typed it: https://docs.slack.dev/messaging/formatting-message-text */
function plainText(text: string, botUserId: unknown): string {
  const mention = typeof botUserId === 'string' ? `<@${botUserId}>` : (/^\s*(<@\w{1,40}>)/.exec(text)?.[1] ?? '');
  const withoutMention = mention === '' ? text : text.replaceAll(mention, ' ');
  return withoutMention
    .replaceAll(/<((?:https?:\/\/|mailto:)[^<>|]{1,4000})(?:\|[^<>]{0,4000})?>/g, '$1')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .trim();
}

/** As Slack takes it. Without this a model could call everybody in a channel with `<!channel>`. */
export function slackText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
