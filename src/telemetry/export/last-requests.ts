import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { LastWord } from '../http/last-words.ts';
import type { DeliveryFailure, Outcome } from './outcome.ts';
import type { LastRequest } from './otlp-exporter.ts';
import type { RetryingExporter, SentBefore } from './retrying-exporter.ts';
import type { Loss } from './span-dispatcher.ts';
import type { QueuedSpan } from './span-queue.ts';
import { tooLarge } from './splitting-exporter.ts';

export interface LastRequestsOptions {
  /** Where they go. */
  readonly host: string;
  /** What has sent until now. Its history goes on with these requests. */
  readonly exporter: Pick<RetryingExporter, 'history' | 'sentBefore'>;
  /** Hears what became of spans. */
  readonly settle: (spans: readonly QueuedSpan[], outcome: Outcome) => Loss;
}

/** What the last requests of a process are made of. */
export interface LastRequestParts {
  readonly requestFor: (spans: readonly ReadableSpan[]) => LastRequest;
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
  /** Why what is neither accepted nor refused by now never will be. */
  readonly notTaken: DeliveryFailure;
  /** Adds to the costs, of which there is one for each cause. */
  add(failure: DeliveryFailure, loss: Loss): void;
  readonly costs: readonly Cost[];
}

/** Spans of one last request: they are written at once. */
const MAX_SPANS = 512;
const MAX_BYTES = 1024 * 1024;

/** Creates the account of the last requests to one destination. */
export function createLastRequests({ host, exporter, settle }: LastRequestsOptions): LastRequests {
  const { history } = exporter;
  const costs = new Map<string, Cost>();
  const asked = new Set<ReadableSpan>();
  /** What went wrong with the requests that are not decided. */
  const troubles = new Map<LastWord, string>();
  let isSent = false;

  const add = (failure: DeliveryFailure, { lost, left }: Loss): void => {
    if (lost + left === 0) return;
    const before = costs.get(failure.cause) ?? NO_LOSS;
    costs.set(failure.cause, { failure, lost: before.lost + lost, left: before.left + left });
    history.lastError = failure.sentence;
  };

  const decide = (spans: readonly QueuedSpan[], outcome: Outcome): void => {
    const failure = outcome.failure ?? outcome.refusal;
    const loss = settle(spans, outcome);
    if (failure !== undefined) add(failure, loss);
    if ((outcome.accepted ?? 0) > 0) history.lastSuccessAtMs = Date.now();
  };

  /** What goes wrong with others that are not decided either: with the last of these requests, else of those before. */
  const troubleOfOthers = (): string | undefined => {
    const before = [...exporter.sentBefore].filter(([span]) => !asked.has(span));
    return [...troubles.values()].at(-1) ?? troubleIn(before.map(([, sent]) => sent));
  };

  const notTaken = (trouble = troubleOfOthers()): DeliveryFailure => {
    const isAsked = isSent || exporter.sentBefore.size > 0;
    return {
      kind: 'passing',
      cause: 'closed',
      sentence:
        trouble ??
        (isAsked ? `${host} did not take them before the time for it was over` : 'there was no time left to send'),
      mayHaveArrived: false,
    };
  };

  const wordOf = (spans: readonly QueuedSpan[], sentBefore: Again, parts: LastRequestParts): LastWord => {
    const { request, outcomeOf } = parts.requestFor(spans.map(({ span }) => span));
    let again = sentBefore;
    const word: LastWord = {
      request,
      pauseMs: parts.pauseMs,
      settle(answer) {
        isSent = true;
        history.retried += again.spans;
        history.possibleDuplicates += again.possibleDuplicates;
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
        decide(spans, { undecided: spans.map(({ span }) => span), failure: notTaken(troubles.get(word)) });
      },
    };
    if (sentBefore.trouble !== undefined) troubles.set(word, sentBefore.trouble);
    return word;
  };

  return {
    wordsFor(spans, parts) {
      const { sentBefore } = exporter;
      for (const { span } of spans) asked.add(span);
      const standingOf = ({ span }: QueuedSpan): Standing => {
        const before = sentBefore.get(span);
        return before === undefined ? 'unsent' : before.failure === undefined ? 'awaited' : 'failed';
      };
      const apart = STANDINGS.map((standing) => spans.filter((span) => standingOf(span) === standing));
      return apart.flatMap((some) => batchesOf(some)).map((batch) => wordOf(batch, againIn(batch, sentBefore), parts));
    },
    get notTaken() {
      return notTaken();
    },
    add,
    get costs() {
      return [...costs.values()];
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
    trouble: troubleIn(again),
  };
}

/** Why the last of these spans that was not accepted was not. */
function troubleIn(sent: readonly { readonly failure: DeliveryFailure | undefined }[]): string | undefined {
  return sent.findLast(({ failure }) => failure !== undefined)?.failure?.sentence;
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
