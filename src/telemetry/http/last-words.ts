import { now } from '../real-time.ts';
import { untraced } from '../untraced.ts';
import type { Answer } from './post.ts';
import { CannotSendError, sendNow, type NowRequest } from './send-now.ts';

/** A request a process still makes when it is about to die, and who decides what becomes of it. */
export interface LastWord {
  readonly request: NowRequest;
  /** How long the server asked before to be sent nothing more at this URL. 0 and absent are none. */
  readonly pauseMs?: number;
  /** Hears what became of the request, and says what is still to be sent. */
  readonly settle: (answer: Answer) => Unsaid;
  /** Hears that there is no time left for the request. */
  readonly giveUp: () => void;
}

/** What is still to be sent after an answer. */
export interface Unsaid {
  /** Nothing, the word itself once more, or parts of it. */
  readonly words: readonly LastWord[];
  /** How long the server asked to be sent nothing more at this URL. 0 is none. */
  readonly pauseMs: number;
}

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 1_000;

/**
 * Sends all of them before it returns, or until the time is up, and tries again what may still be accepted: after a
 * growing pause, or after the one the server asked for. A word whose pause is longer than the time is given up at once.
 */
export function sendLastWords(words: readonly LastWord[], timeoutMs: number): void {
  // Not a number is no time either.
  const endsAtMs = now() + (timeoutMs > 0 ? timeoutMs : 0);
  const pausedUntilMs = new Map<string, number>();
  const startsAtMs = ({ request: { url } }: LastWord): number => pausedUntilMs.get(url) ?? -Infinity;
  const pause = ({ request: { url } }: LastWord, pauseMs: number): void => {
    pausedUntilMs.set(url, Math.max(pausedUntilMs.get(url) ?? -Infinity, now() + pauseMs));
  };

  for (const word of words) if (word.pauseMs !== undefined) pause(word, word.pauseMs);

  const isLate = (word: LastWord): boolean => Math.max(startsAtMs(word), now()) >= endsAtMs;

  const sendOnce = (due: readonly LastWord[], backoffMs: number): readonly LastWord[] => {
    // A span of this would come too late for it, and be said to be lost.
    const answers = untraced(sendNow)(
      due.map(({ request }) => request),
      endsAtMs - now(),
    );
    return due.flatMap((word, index) => {
      const answer = answers[index] ?? { kind: 'timeout' };
      const unsaid = word.settle(answer);
      if (answer.kind === 'broken' && answer.error instanceof CannotSendError) {
        for (const hopeless of unsaid.words) hopeless.giveUp();
        return [];
      }
      if (unsaid.pauseMs > 0) pause(word, unsaid.pauseMs);
      else if (unsaid.words.includes(word)) pause(word, backoffMs);
      return unsaid.words;
    });
  };

  /** Gives up what has no time left. Answers the others. */
  const inTime = (open: readonly LastWord[]): readonly LastWord[] => {
    const late = new Set(open.filter(isLate));
    for (const word of late) word.giveUp();
    return open.filter((word) => !late.has(word));
  };

  let backoffMs = FIRST_PAUSE_MS;
  for (let open = inTime(words); open.length > 0; open = inTime(open)) {
    block(Math.min(...open.map(startsAtMs)) - now());
    const nowMs = now();
    const due = open.filter((word) => startsAtMs(word) <= nowMs);
    if (due.length === 0) continue;
    open = [...open.filter((word) => startsAtMs(word) > nowMs), ...sendOnce(due, backoffMs)];
    backoffMs = Math.min(backoffMs * 2, MAX_PAUSE_MS);
  }
}

/** Holds this thread: there is nothing else it could do. */
function block(durationMs: number): void {
  if (durationMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}
