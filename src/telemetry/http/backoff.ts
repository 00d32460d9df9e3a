import { randomShare } from './random.ts';

/** How waits between attempts grow. */
export interface Backoff {
  readonly firstMs: number;
  /** How many times longer each wait is than the one before. */
  readonly factor: number;
  readonly maxMs?: number;
}

/** Share by which a pause is longer at most, so that not every process comes back at one moment. */
const JITTER = 0.2;

/** Trouble that lasts longer than this is said. */
export const SAID_AFTER_MS = 5_000;

/** How long to wait after an attempt, the first one being 1. */
export function backoffMs(attempt: number, { firstMs, factor, maxMs = Infinity }: Backoff): number {
  return Math.min(firstMs * factor ** (attempt - 1), maxMs);
}

/** A little longer than asked, never shorter: for a pause somebody asked for. */
export function jittered(pauseMs: number): number {
  return pauseMs * (1 + JITTER * randomShare());
}

/** The longest `jittered` makes of a pause. */
export function longestPauseMs(pauseMs: number): number {
  return pauseMs * (1 + JITTER);
}

/** Between half of it and all of it: for a pause nobody asked for, which spreads processes further. */
export function halfJittered(pauseMs: number): number {
  return (pauseMs * (1 + randomShare())) / 2;
}
