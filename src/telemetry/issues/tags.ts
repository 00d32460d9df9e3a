import { plainValue } from '../content/plain-attribute.ts';
import type { Redactor } from '../content/redactor.ts';
import { FAILURE_POINTS } from '../failure-points.ts';

/** Longest key and value of a tag. */
const MAX_LENGTH = 200;

/** Values that are words of ours, which alerts go by. */
const WORDS: ReadonlySet<unknown> = new Set(FAILURE_POINTS);

/**
 * Tags as Relay takes them: keys of letters, digits and `_.:-`, values without line breaks, both at most 200
 * characters, neither empty. What does not fit is made to fit, because Relay would drop the tag. Of a secret in one
 * there is left what is left in the attribute of the same name.
 *
 * @see https://docs.sentry.io/platforms/javascript/guides/node/enriching-events/tags/
 * @see https://github.com/getsentry/relay/blob/master/relay-event-schema/src/protocol/tags.rs
 */
export function issueTags(tags: Readonly<Record<string, unknown>>, redactor: Redactor): Record<string, string> {
  const entries = Object.entries(tags).map(([key, value]) => {
    const safe = isTagValue(value) ? tagValue(key, value, redactor) : '';
    return [tagKey(redactor.name(key)), safe] as const;
  });
  return Object.fromEntries(entries.filter(([key, value]) => key !== '' && value !== ''));
}

function isTagValue(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function tagKey(key: string): string {
  return key.slice(0, MAX_LENGTH).replace(/[^\w.:-]/g, '_');
}

function tagValue(key: string, value: string | number | boolean, redactor: Redactor): string {
  const safe = WORDS.has(value) ? value : plainValue(value, key, redactor.secretKind(key), redactor);
  return String(safe)
    .replace(/[\r\n]+/g, ' ')
    .trim()
    .slice(0, MAX_LENGTH)
    .toWellFormed();
}
