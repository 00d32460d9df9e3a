import type { Backoff } from '../http/backoff.ts';
import { isWebPage, type Answer } from '../http/post.ts';
import { isProxyRefusal } from '../http/proxy-error.ts';
import type { RateLimitRules } from '../http/rate-limits.ts';

/** Longest time one event is tried for, without the pauses the server asks for. */
export const RETRY_BUDGET_MS = 3_600_000;
/** About 1, 3, 9, 27, 30, 30… seconds. */
export const BACKOFF: Backoff = { firstMs: 1_000, factor: 3, maxMs: 30_000 };
/** Between attempts while somebody waits. */
export const HURRIED_BACKOFF: Backoff = { firstMs: 250, factor: 2, maxMs: 1_000 };
/** Sentry counts error events as `error`, and unclassified ones as `default`. */
export const RATE_LIMITS: RateLimitRules = { categories: new Set(['error', 'default']), unsaidPauseMs: 60_000 };

/** The key, the project, the URL or a proxy is wrong, which a change of the set-up can mend. */
const SET_UP_STATUSES: ReadonlySet<number> = new Set([401, 402, 403, 404, 405, 407]);
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);
/** Of all troubles of a server those that stay. */
const LASTING_STATUSES: ReadonlySet<number> = new Set([501, 505]);

export function isAccepted(answer: Answer): boolean {
  return answer.kind === 'answered' && answer.status >= 200 && answer.status < 300 && !isWebPage(answer);
}

/** Whether the same request may be accepted later. */
export function isPassing(answer: Answer): boolean {
  if (answer.kind === 'timeout') return true;
  if (answer.kind === 'broken') return !isProxyRefusal(answer.error);
  const { status } = answer;
  return PASSING_STATUSES.has(status) || (status >= 500 && !LASTING_STATUSES.has(status));
}

/** Whether a refusal is about the event itself, and not about the key, the project or something in between. */
export function isAboutTheEvent(answer: Answer): boolean {
  if (answer.kind !== 'answered' || isPassing(answer)) return false;
  return answer.status >= 400 && answer.status < 500 && !SET_UP_STATUSES.has(answer.status);
}
