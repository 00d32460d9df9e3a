import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import type { TelemetryConfig } from '../config/resolve.ts';
import type { Reporter } from '../diagnostics.ts';
import { systemClock, type Clock } from '../http/clock.ts';
import { createConnection } from '../http/connection.ts';
import type { LastWord } from '../http/last-words.ts';
import { proxyFor } from '../http/proxy.ts';
import type { NowRequest } from '../http/send-now.ts';
import type { DeliveryFailure, DeliveryResult } from './delivery-result.ts';
import { createOtlpExporter } from './otlp-exporter.ts';
import type { Recorder, Ticket } from './recorder/recorder.ts';
import { createRetryingExporter } from './retrying-exporter.ts';
import { createSpanDispatcher, type SpanDispatcher, type SpanDropReason, type SpanFate } from './span-dispatcher.ts';
import type { Outlet } from './span-intake.ts';
import type { QueuedSpan } from './span-queue.ts';
import { sizeOf } from './span-size.ts';
import { createSplittingExporter } from './splitting-exporter.ts';

/** What became of the spans of one destination. Every span is in exactly one of the counts. */
export interface DestinationStatus {
  readonly name: Destination['name'];
  /** Where the spans go. It holds no credentials. */
  readonly url: string;
  /** Spans the destination accepted. */
  readonly exported: number;
  /** Spans that are lost: `rejected`, and all of `dropped`. */
  readonly failed: number;
  /** Spans the destination refused for good. */
  readonly rejected: number;
  /** Spans given up without a refusal, by reason. A reason that has not occurred is absent. */
  readonly dropped: Readonly<Partial<Record<SpanDropReason, number>>>;
  /** Spans that wait, or whose answer is awaited. */
  readonly pending: number;
  /** Memory of those that wait, in bytes. */
  readonly queuedBytes: number;
  /** Spans left on disk for the next start. */
  readonly leftOnDisk: number;
  /** Spans sent again, each time counted. */
  readonly retried: number;
  /** Those among them the destination may have had already, because only its answer was missing. */
  readonly possibleDuplicates: number;
  /** The last failure in one sentence. */
  readonly lastError?: string;
  /** When spans were last accepted, in milliseconds since 1970. */
  readonly lastSuccessAtMs?: number;
}

/** The way from an ended span to one destination. */
export interface Pipeline {
  /** How the flight recorder calls the destination. */
  readonly key: string;
  readonly outlet: Outlet;
  readonly status: DestinationStatus;
  /** Whether spans wait because the destination asked for a pause. */
  readonly isPaused: boolean;
  /** Takes spans only the recorder has. */
  offerFromDisk(tickets: readonly Ticket[]): void;
  /** Sends everything that waits, and waits for what is under way, as long as that can end within the time. */
  flush(withinMs: number): Promise<void>;
  /** Everything that waits or is under way as requests, for a process that is about to die. */
  lastWords(): readonly LastWord[];
  /** Sends nothing from now on: an exporter of the application's serves the same destination. */
  exclude(): void;
  /** Gives up everything under way at once, and takes nothing further. */
  close(): void;
}

export interface PipelineParts {
  readonly recorder?: Recorder | undefined;
  readonly clock?: Clock;
}

/** How the flight recorder calls a destination. It holds no credentials. */
export function destinationKey({ name, url }: Pick<Destination, 'name' | 'url'>): string {
  return `${name}:${url}`;
}

/** Trouble that lasts longer than this is said. */
const OUTAGE_MS = 5_000;

/** Spans of one last request: they are written at once, and nobody splits them. */
const MAX_LAST_SPANS = 512;
const MAX_LAST_BYTES = 1024 * 1024;

/**
 * Wires one destination: queue → tries again → splits → official exporter, in the words of the destination, on
 * connections that can be closed.
 */
export function createPipeline(
  destination: Destination,
  config: TelemetryConfig,
  report: Reporter,
  { recorder, clock = systemClock }: PipelineParts = {},
): Pipeline {
  const { name, url, tls } = destination;
  const { host } = new URL(url);
  const connection = createConnection({ url, tls, proxy: proxyFor(url, config.proxyEnvironment, report) });
  const timeoutMs = Math.min(destination.timeoutMs, config.batch.exportTimeoutMs);
  const otlp = createOtlpExporter({ ...destination, timeoutMs }, connection);
  const key = destinationKey(destination);

  const say = ({ cause, sentence }: DeliveryFailure, lost: number, left: number): void => {
    if (lost > 0) {
      report({ key: `export:${url}:${cause}`, message: `${spans(lost)} not delivered: ${sentence}` });
    } else if (left > 0) {
      report({ key: `left:${url}`, message: `${spans(left)} left on disk for the next start: ${sentence}` });
    }
  };
  let closing = false;
  const onFailure = ({ failure, refusal, rejected }: DeliveryResult, lost: number, left: number): void => {
    // What the end of sending costs is said once, for all of it.
    if (closing) return;
    if (refusal !== undefined && refusal !== failure) say(refusal, rejected, 0);
    if (failure !== undefined) say(failure, lost - (refusal === undefined || refusal === failure ? 0 : rejected), left);
  };

  const exporter = createRetryingExporter(createSplittingExporter(otlp, { sizeOf }), {
    host,
    clock,
    // What is on disk is kept for as long as the recorder keeps it.
    retryForMs: recorder === undefined ? config.batch.retryForMs : Infinity,
    onPause: () => dispatcher.checkFlushes(),
    onTrouble({ sentence }, forMs) {
      if (forMs < OUTAGE_MS) return;
      report({
        key: `outage:${url}`,
        message: `spans wait to be sent, because ${sentence}; they are kept and tried again`,
      });
    },
  });
  const dispatcher: SpanDispatcher = createSpanDispatcher({
    limits: { maxCount: config.batch.maxQueueSize, maxBytes: config.batch.maxQueueBytes },
    maxBatchSize: config.batch.maxExportBatchSize,
    scheduleDelayMs: config.batch.scheduleDelayMs,
    exporter,
    clock,
    destination: key,
    onFailure,
    onQueueFull: () =>
      report({
        key: `dropped:${url}`,
        message: `spans were not delivered: more came than ${host} takes and memory holds, and the oldest were dropped; set FAULTLINE_RECORDER_DIR to keep them on disk, or raise batch.maxQueueBytes`,
      }),
    ...(recorder === undefined ? undefined : { recorder }),
  });
  let excluded = false;

  return {
    key,
    outlet(span, ticket) {
      if (!excluded) dispatcher.offer(span, ticket);
      else if (ticket !== undefined) recorder?.strike(key, [ticket]);
    },
    get status() {
      const { queued, inFlight, waitingOnDisk, dropped, ...counts } = dispatcher.counts;
      const lost = Object.values(dropped).reduce((total, count) => total + count, 0);
      const { lastError, lastSuccessMs, retried, possibleDuplicates } = exporter.history;
      return {
        name,
        url,
        exported: counts.exported,
        failed: counts.rejected + lost,
        rejected: counts.rejected,
        dropped,
        pending: queued + inFlight + waitingOnDisk,
        queuedBytes: counts.queuedBytes,
        leftOnDisk: counts.leftOnDisk,
        retried,
        possibleDuplicates,
        ...(lastError === undefined ? undefined : { lastError }),
        ...(lastSuccessMs === undefined ? undefined : { lastSuccessAtMs: lastSuccessMs }),
      };
    },
    get isPaused() {
      return exporter.pausedUntilMs > clock.now() && dispatcher.counts.queued + dispatcher.counts.inFlight > 0;
    },
    offerFromDisk: (tickets) => dispatcher.offerFromDisk(tickets),
    flush: (withinMs) => dispatcher.flush(withinMs),
    lastWords() {
      if (excluded || exporter.pausedUntilMs > clock.now()) return [];
      const requestFor = otlp.requestsNow();
      return requestFor === undefined ? [] : lastWordsOf(dispatcher, requestFor);
    },
    exclude() {
      excluded = true;
    },
    close() {
      if (closing) return;
      closing = true;
      const before = dispatcher.counts;
      dispatcher.close();
      const { dropped, leftOnDisk } = dispatcher.counts;
      const sentence = exporter.history.lastError ?? `${host} did not take them before the time for it was over`;
      const lost = dropped.closed ?? 0;
      say({ kind: 'passing', cause: 'closed', sentence, mayHaveArrived: false }, lost, leftOnDisk - before.leftOnDisk);
    },
  };
}

/** The requests of a process that is about to die, oldest spans first. */
function lastWordsOf(
  dispatcher: SpanDispatcher,
  requestFor: (spans: readonly ReadableSpan[]) => NowRequest,
): readonly LastWord[] {
  const wordOf = (spans: readonly QueuedSpan[]): LastWord => {
    const word: LastWord = {
      request: requestFor(spans.map(({ span }) => span)),
      settle(status) {
        if (status === 413 && spans.length > 1) return halvesOf(spans).map(wordOf);
        const fate = fateOf(status);
        if (fate === 'open') return [word];
        dispatcher.settle(spans, fate);
        return [];
      },
      giveUp: () => dispatcher.settle(spans, 'left'),
    };
    return word;
  };
  return batchesOf(dispatcher.takeAll()).map(wordOf);
}

/** The statuses of an answer to spans, as `otlp-answer.ts` reads them with all it knows. */
function fateOf(status: number): SpanFate | 'open' {
  if (status >= 200 && status < 300) return 'accepted';
  if (status === 0 || status === 408 || status === 429 || status >= 500) return 'open';
  return [401, 403, 404, 407].includes(status) || status < 400 ? 'left' : 'rejected';
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
    if (last === undefined || last.length === MAX_LAST_SPANS || bytes + span.bytes > MAX_LAST_BYTES) {
      batches.push([span]);
      bytes = span.bytes;
    } else {
      last.push(span);
      bytes += span.bytes;
    }
  }
  return batches;
}

function spans(count: number): string {
  return count === 1 ? '1 span was' : `${count} spans were`;
}
