import { isWebPage } from './explain.ts';
import type { Answer } from './post.ts';

/** Most times an event is sent. */
export const MAX_ATTEMPTS = 5;
/** Longest time one event is tried for, without the pauses the server asks for. */
export const RETRY_BUDGET_MS = 60_000;
const FIRST_BACKOFF_MS = 1_000;
const BACKOFF_FACTOR = 3;
/** Share by which a pause is longer at most, so that not every process comes back at one moment. */
const JITTER = 0.2;

const PASSING_STATUSES: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

export function isAccepted(answer: Answer): boolean {
  return answer.kind === 'answered' && answer.status >= 200 && answer.status < 300 && !isWebPage(answer);
}

/** Whether the same request may be accepted later. */
export function isPassing(answer: Answer): boolean {
  return answer.kind !== 'answered' || PASSING_STATUSES.has(answer.status);
}

/** How long to wait after an attempt, the first one being 1: about 1, 3, 9 and 27 seconds. */
export function backoffMs(attempt: number): number {
  return jittered(FIRST_BACKOFF_MS * BACKOFF_FACTOR ** (attempt - 1));
}

export function jittered(pauseMs: number): number {
  return pauseMs * (1 + JITTER * Math.random());
}
