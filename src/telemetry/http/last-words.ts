import { performance } from 'node:perf_hooks';

import { sendNow, type NowRequest } from './send-now.ts';

/** A request a process still makes when it is about to die, and who decides what becomes of it. */
export interface LastWord {
  readonly request: NowRequest;
  /**
   * Hears of the answer, and says what is still to be sent: nothing, itself once more, or parts of itself.
   *
   * @param status the HTTP status, 0 for none
   */
  readonly settle: (status: number) => readonly LastWord[];
  /** Hears that the time was over before the request was decided. */
  readonly giveUp: () => void;
}

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 1_000;

/** Sends all of them before it returns, or until the time is up, and tries again what may still be accepted. */
export function sendLastWords(words: readonly LastWord[], timeoutMs: number): void {
  const endsAtMs = performance.now() + timeoutMs;
  let open = words;
  let pauseMs = FIRST_PAUSE_MS;
  for (let leftMs = timeoutMs; open.length > 0 && leftMs > 0; leftMs = endsAtMs - performance.now()) {
    const statuses = sendNow(
      open.map(({ request }) => request),
      leftMs,
    );
    const next = open.flatMap((word, index) => word.settle(statuses[index] ?? 0));
    const isTriedAgain = next.some((word) => open.includes(word));
    if (isTriedAgain) {
      block(Math.min(pauseMs, endsAtMs - performance.now()));
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS);
    }
    open = next;
  }
  for (const word of open) word.giveUp();
}

/** Holds this thread: there is nothing else it could do. */
function block(durationMs: number): void {
  if (durationMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}
