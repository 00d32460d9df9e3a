import { safeText } from './plain-values.ts';

/** Longest key and value of a tag. */
const MAX_LENGTH = 200;

/**
 * Tags as Relay takes them: keys of letters, digits and `_.:-`, values without line breaks, both at most 200
 * characters, neither empty. What does not fit is made to fit, because Relay would drop the tag.
 *
 * @see https://docs.sentry.io/platforms/javascript/guides/node/enriching-events/tags/
 * @see https://github.com/getsentry/relay/blob/master/relay-event-schema/src/protocol/tags.rs
 */
export function issueTags(tags: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(tags).map(([key, value]) => [tagKey(key), tagValue(value)] as const);
  return Object.fromEntries(entries.filter(([key, value]) => key !== '' && value !== ''));
}

function tagKey(key: string): string {
  return key.slice(0, MAX_LENGTH).replace(/[^\w.:-]/g, '_');
}

function tagValue(value: unknown): string {
  if (typeof value !== 'string') return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
  return safeText(value)
    .replace(/[\r\n]+/g, ' ')
    .trim()
    .slice(0, MAX_LENGTH)
    .toWellFormed();
}
