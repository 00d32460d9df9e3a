import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { LastWord } from '../http/last-words.ts';
import type { DeliveryFailure, Outcome } from './outcome.ts';
import type { LastRequest } from './otlp-exporter.ts';
import type { RetryHistory, SentBefore } from './retrying-exporter.ts';
import type { Loss } from './span-dispatcher.ts';
import type { QueuedSpan } from './span-queue.ts';
import { tooLarge } from './splitting-exporter.ts';

/** What the last requests of a process are made of. */
export interface LastRequestParts {
  readonly requestFor: (spans: readonly ReadableSpan[]) => LastRequest;
  readonly sentBefore: SentBefore;
  /** Why spans are given up; `trouble` is what went wrong with these, if that is known. */
  readonly notTaken: (trouble: string | undefined) => DeliveryFailure;
  /** What is left of a pause the destination asked for. */
  readonly pauseMs: number;
}

/** What spans were not accepted for, and how many. */
export interface Cost extends Loss {
  readonly failure: DeliveryFailure;
}

/** The requests of a process that is about to die, and what they come to. */
export interface LastRequests {
  /**
   * Requests for all of the spans. Those the destination has failed on before are in no request with others, as it may
   * fail on one of them again; nor are those whose first answer is awaited, as it may fail on one of these. What is
   * likeliest to be accepted comes first: a few requests that are never answered hold up all behind them.
   */
  wordsFor(spans: readonly QueuedSpan[], parts: LastRequestParts): readonly LastWord[];
  /** Adds to the costs, of which there is one for each cause. */
  add(failure: DeliveryFailure, loss: Loss): void;
  readonly costs: readonly Cost[];
  /** Whether one of the requests is for this span. */
  has(span: ReadableSpan): boolean;
  /** Whether any of the requests was made. */
  readonly isSent: boolean;
  /** What went wrong with the last of those that are not decided, in one sentence. */
  readonly trouble: string | undefined;
  /** What was tried, these requests included. */
  addedTo(history: RetryHistory): RetryHistory;
}

/** Spans of one last request: they are written at once. */
const MAX_SPANS = 512;
const MAX_BYTES = 1024 * 1024;

/** Creates the account of the last requests to one destination. `settle` hears what became of spans. */
export function createLastRequests(settle: (spans: readonly QueuedSpan[], outcome: Outcome) => Loss): LastRequests {
  const costs = new Map<string, Cost>();
  const asked = new Set<ReadableSpan>();
  /** What went wrong with the requests that are not decided. */
  const troubles = new Map<LastWord, string>();
  let isSent = false;
  let retried = 0;
  let possibleDuplicates = 0;
  let lastError: string | undefined;
  let lastSuccessMs: number | undefined;

  const add = (failure: DeliveryFailure, { lost, left }: Loss): void => {
    if (lost + left === 0) return;
    const before = costs.get(failure.cause) ?? NO_LOSS;
    costs.set(failure.cause, { failure, lost: before.lost + lost, left: before.left + left });
    lastError = failure.sentence;
  };

  const decide = (spans: readonly QueuedSpan[], outcome: Outcome): void => {
    const failure = outcome.failure ?? outcome.refusal;
    const loss = settle(spans, outcome);
    if (failure !== undefined) add(failure, loss);
    if ((outcome.accepted ?? 0) > 0) lastSuccessMs = Date.now();
  };

  const wordOf = (spans: readonly QueuedSpan[], sentBefore: Again, parts: LastRequestParts): LastWord => {
    const { request, outcomeOf } = parts.requestFor(spans.map(({ span }) => span));
    let again = sentBefore;
    const word: LastWord = {
      request,
      pauseMs: parts.pauseMs,
      settle(answer) {
        isSent = true;
        retried += again.spans;
        possibleDuplicates += again.possibleDuplicates;
        const outcome = outcomeOf(answer);
        const { failure, pauseMs = 0 } = outcome;
        if (failure?.kind === 'passing') {
          again = { spans: spans.length, possibleDuplicates: failure.mayHaveArrived ? spans.length : 0 };
          // How long the answer may have taken was not the destination's choice.
          if (answer.kind !== 'timeout') troubles.set(word, failure.sentence);
          return { words: [word], pauseMs };
        }
        troubles.delete(word);
        if (failure?.kind !== 'too_large') {
          decide(spans, outcome);
          return { words: [], pauseMs };
        }
        const [first, second] = spans;
        if (first !== undefined && second !== undefined) {
          return { words: halvesOf(spans).map((half) => wordOf(half, NOT_AGAIN, parts)), pauseMs };
        }
        decide(spans, { rejected: spans.length, refusal: tooLarge(failure, first?.bytes ?? 0) });
        return { words: [], pauseMs };
      },
      giveUp() {
        const failure = parts.notTaken(troubles.get(word));
        decide(spans, { undecided: spans.map(({ span }) => span), failure });
      },
    };
    if (sentBefore.trouble !== undefined) troubles.set(word, sentBefore.trouble);
    return word;
  };

  return {
    wordsFor(spans, parts) {
      const { sentBefore } = parts;
      for (const { span } of spans) asked.add(span);
      const standingOf = ({ span }: QueuedSpan): Standing => {
        const before = sentBefore.get(span);
        return before === undefined ? 'unsent' : before.failure === undefined ? 'awaited' : 'failed';
      };
      const apart = STANDINGS.map((standing) => spans.filter((span) => standingOf(span) === standing));
      return apart.flatMap((some) => batchesOf(some)).map((batch) => wordOf(batch, againIn(batch, sentBefore), parts));
    },
    add,
    get costs() {
      return [...costs.values()];
    },
    has: (span) => asked.has(span),
    get isSent() {
      return isSent;
    },
    get trouble() {
      return [...troubles.values()].at(-1);
    },
    addedTo(history) {
      const added = {
        ...history,
        retried: history.retried + retried,
        possibleDuplicates: history.possibleDuplicates + possibleDuplicates,
      };
      return {
        ...added,
        ...(lastError === undefined ? undefined : { lastError }),
        ...(lastSuccessMs === undefined ? undefined : { lastSuccessMs }),
      };
    },
  };
}

/** How spans fared before, the likeliest to be accepted first. */
const STANDINGS = ['unsent', 'awaited', 'failed'] as const;
type Standing = (typeof STANDINGS)[number];

const NO_LOSS: Loss = { lost: 0, left: 0 };

/** What became of the spans of a request that were in one before. */
interface Again {
  readonly spans: number;
  readonly possibleDuplicates: number;
  /** Why the last of them was not accepted. */
  readonly trouble?: string | undefined;
}

const NOT_AGAIN: Again = { spans: 0, possibleDuplicates: 0 };

function againIn(spans: readonly QueuedSpan[], sentBefore: SentBefore): Again {
  const again = spans.flatMap(({ span }) => sentBefore.get(span) ?? []);
  return {
    spans: again.length,
    possibleDuplicates: again.filter(({ mayHaveArrived }) => mayHaveArrived).length,
    trouble: again.findLast(({ failure }) => failure !== undefined)?.failure?.sentence,
  };
}

function halvesOf(spans: readonly QueuedSpan[]): readonly (readonly QueuedSpan[])[] {
  const half = Math.ceil(spans.length / 2);
  return [spans.slice(0, half), spans.slice(half)];
}

function batchesOf(spans: readonly QueuedSpan[]): readonly (readonly QueuedSpan[])[] {
  const batches: QueuedSpan[][] = [];
  let bytes = Infinity;
  for (const span of spans) {
    const last = batches.at(-1);
    if (last === undefined || last.length === MAX_SPANS || bytes + span.bytes > MAX_BYTES) {
      batches.push([span]);
      bytes = span.bytes;
    } else {
      last.push(span);
      bytes += span.bytes;
    }
  }
  return batches;
}
