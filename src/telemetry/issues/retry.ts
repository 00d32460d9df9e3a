import type { Backoff } from '../http/backoff.ts';
import { isWebPage, type Answer } from '../http/post.ts';
import { isProxyRefusal } from '../http/proxy-error.ts';
import type { RateLimitRules } from '../http/rate-limits.ts';
import { kindOfStatus } from '../http/status-policy.ts';

/** Longest time one event is tried for, without the pauses the server asks for, and while others fail as well. */
export const RETRY_BUDGET_MS = 3_600_000;
/** Of the time between two of its failures counts no more: others had their turn, or the process was frozen. */
export const LONGEST_COUNTED_MS = 600_000;
/** After so many failures of one event it is the turn of the others: the server may fail on it alone. */
export const FAILURES_IN_TURN = 3;
/** About 1, 3, 9, 27, 30, 30… seconds, until an event is accepted. */
export const BACKOFF: Backoff = { firstMs: 1_000, factor: 3, maxMs: 30_000 };
/** Between attempts while somebody waits: shorter than for spans, because Issues go one after the other. */
export const HURRIED_BACKOFF: Backoff = { firstMs: 250, factor: 2, maxMs: 1_000 };
/** Sentry counts error events as `error`, and unclassified ones as `default`. */
export const RATE_LIMITS: RateLimitRules = { categories: new Set(['error', 'default']), unsaidPauseMs: 60_000 };

export function isAccepted(answer: Answer): boolean {
  return answer.kind === 'answered' && kindOfStatus(answer.status) === 'accepted' && !isWebPage(answer);
}

/** Whether the same request may be accepted later. */
export function isPassing(answer: Answer): boolean {
  if (answer.kind === 'timeout') return true;
  if (answer.kind === 'broken') return !isProxyRefusal(answer.error);
  return kindOfStatus(answer.status) === 'passing';
}

/** Whether a refusal is about the event itself, and not about the key, the project or something in between. */
export function isAboutTheEvent(answer: Answer): boolean {
  if (answer.kind !== 'answered') return false;
  const kind = kindOfStatus(answer.status);
  return kind === 'refused' || kind === 'too_large';
}
