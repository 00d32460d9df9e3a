import type { IncomingHttpHeaders } from 'node:http';

/** An answer of Sentry, as far as rate limits are concerned. */
export interface LimitingAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** What is sent, as far as rate limits are concerned. */
export interface RateLimitRules {
  /** What Sentry counts it as, in lower case. */
  readonly categories: ReadonlySet<string>;
  /** The pause after a 429 that does not say how long one is asked for. 0 is none. */
  readonly unsaidPauseMs: number;
}

/** When Sentry limits a category, but not for a time that can be read. */
const DEFAULT_PAUSE_MS = 60_000;
/** A server that says 0, or a time that has passed, beside a 429 means what the status says. */
const MIN_PAUSE_MS = 1_000;
/** A slip of the server must not silence a process for the rest of its life. */
const MAX_PAUSE_MS = 3_600_000;

/**
 * How long nothing of the kind may be sent after this answer, in milliseconds; 0 when the server asks for no
 * pause. Whatever the server says, it is an hour at most.
 *
 * `X-Sentry-Rate-Limits` counts on every answer, also on 200, and outranks `Retry-After`. A 429 whose limits
 * are about other categories asks for no pause: whoever retries it waits as after any passing failure.
 *
 * @param nowMs the time of day, which a date in `Retry-After` is compared with
 * @see https://develop.sentry.dev/sdk/expected-features/rate-limiting/
 */
export function askedPauseMs({ status, headers }: LimitingAnswer, rules: RateLimitRules, nowMs: number): number {
  const limits = text(headers['x-sentry-rate-limits']);
  if (limits !== undefined) {
    const pauses = limits.split(',').flatMap((limit) => pauseOfLimit(limit, rules));
    if (pauses.length === 0) return 0;
    return bounded(Math.max(...pauses), status === 429 ? MIN_PAUSE_MS : 0);
  }
  const retryAfter = text(headers['retry-after']);
  if (status === 429) {
    const pauseMs = readRetryAfter(retryAfter, nowMs);
    return pauseMs === undefined ? rules.unsaidPauseMs : bounded(pauseMs, MIN_PAUSE_MS);
  }
  if (status === 503) return bounded(readRetryAfter(retryAfter, nowMs) ?? 0, 0);
  return 0;
}

/** `retry_after:categories:scope:reason:namespaces`, where no categories are all of them. */
function pauseOfLimit(limit: string, { categories: ours }: RateLimitRules): readonly number[] {
  if (limit.trim() === '') return [];
  const [seconds, categories = ''] = limit.split(':');
  const named = categories
    .split(';')
    .map((category) => category.trim().toLowerCase())
    .filter((category) => category !== '');
  const isOurs = named.length === 0 || named.some((category) => ours.has(category));
  return isOurs ? [readSeconds(seconds) ?? DEFAULT_PAUSE_MS] : [];
}

const HTTP_DATE = /^\s*[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT\s*$/;

/** Seconds, or an HTTP date. */
function readRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const seconds = readSeconds(value);
  if (seconds !== undefined) return seconds;
  // The date parser reads almost anything that has a digit in it as some date.
  if (value === undefined || !HTTP_DATE.test(value)) return undefined;
  const dateMs = Date.parse(value);
  return Number.isNaN(dateMs) ? undefined : dateMs - nowMs;
}

/** In milliseconds. */
function readSeconds(value: string | undefined): number | undefined {
  return value !== undefined && /^\s*\d+(?:\.\d+)?\s*$/.test(value) ? Number(value) * 1_000 : undefined;
}

function bounded(pauseMs: number, minMs: number): number {
  return Math.min(Math.max(pauseMs, minMs), MAX_PAUSE_MS);
}

/** A header that says something. Node makes one text of it where it was sent several times. */
function text(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' && header.trim() !== '' ? header : undefined;
}
