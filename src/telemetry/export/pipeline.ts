import type { Destination } from '../config/destinations.ts';
import type { TelemetryConfig } from '../config/resolve.ts';
import type { Problem, Reporter } from '../diagnostics.ts';
import { SAID_AFTER_MS } from '../http/backoff.ts';
import { systemClock, type Clock } from '../http/clock.ts';
import { createConnection } from '../http/connection.ts';
import type { LastWord } from '../http/last-words.ts';
import { nodeModules } from '../http/node-modules.ts';
import { proxyFor } from '../http/proxy.ts';
import type { Outcome } from './outcome.ts';
import { createLastRequests, type Cost } from './last-requests.ts';
import { createOtlpExporter } from './otlp-exporter.ts';
import type { Address } from './recorder/address.ts';
import type { Recorder, Ticket } from './recorder/recorder.ts';
import { createRetryingExporter } from './retrying-exporter.ts';
import { createSpanDispatcher, type Loss, type SpanDispatcher, type SpanDropReason } from './span-dispatcher.ts';
import type { Outlet } from './span-intake.ts';
import { createSplittingExporter } from './splitting-exporter.ts';

/**
 * What became of the spans of one destination. Every span is in exactly one of `exported`, `failed`, `pending`,
 * `leftOnDisk` and `servedByApplication`.
 */
export interface DestinationStatus {
  readonly name: Destination['name'];
  /** Where the spans go. It holds no credentials: a hash behind `#` stands for a query. */
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
  /** Spans left to an exporter of the application's, which serves the same destination. */
  readonly servedByApplication: number;
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
  /** Spans among those pending that the destination fails on for certain, which nobody waits for. */
  readonly stuck: number;
  /** Takes spans only the recorder has. */
  offerFromDisk(tickets: readonly Ticket[]): void;
  /** Sends everything that waits, and waits for what is under way, as long as that can end within the time. */
  flush(withinMs: number): Promise<void>;
  /** Ends every flush now. What waits goes on waiting. */
  stopWaiting(): void;
  /**
   * Everything that waits or is under way as requests, but for what the destination fails on for certain, for a process
   * that is about to die. Nothing when the destination asked for a pause that is longer than the time.
   */
  lastWords(withinMs: number): readonly LastWord[];
  /** Gives up everything under way at once, and takes nothing further. */
  close(): void;
}

export interface PipelineParts {
  readonly recorder?: Recorder | undefined;
  readonly clock?: Clock;
}

/** How the flight recorder calls a destination. It holds no credentials. */
export function destinationKey({ name, url }: Pick<Destination, 'name' | 'url'>): string {
  return `${name}:${shownUrl(url)}`;
}

/** Who sends, and where to, as the flight recorder's files name it. It holds no credentials. */
export function recorderAddress({ destinations, dsn, application }: TelemetryConfig): Address {
  return {
    // A name may be anything, also what must not be written down.
    application: nodeModules.crypto.createHash('sha256').update(application).digest('hex').slice(0, 12),
    destinations: destinations.map(destinationKey),
    ...(dsn === undefined ? undefined : { issues: `${dsn.origin}${dsn.pathPrefix}/api/${dsn.projectId}/` }),
  };
}

/** A URL as it may be shown and written down. A query may hold a key: a hash of it stands behind `#` in its place. */
export function shownUrl(url: string): string {
  const { origin, pathname, search } = new URL(url);
  if (search === '') return url;
  const hash = nodeModules.crypto.createHash('sha256').update(search).digest('hex').slice(0, 12);
  return `${origin}${pathname}#${hash}`;
}

/** Whatever the destination: none of them gets it. */
const TOO_LATE: Problem = {
  key: 'export:late',
  message:
    'a span ended after the last ones were sent, so its end was not delivered; end spans before shutdown(), and add ' +
    "an 'exit' listener that ends some before setupTracing() is called",
};

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
  const { name, url, tls, renewedTls } = destination;
  const { host } = new URL(url);
  const connection = createConnection({ url, tls, renewedTls, proxy: proxyFor(url, config.proxyEnvironment, report) });
  const timeoutMs = Math.min(destination.timeoutMs, config.batch.exportTimeoutMs);
  const otlp = createOtlpExporter({ ...destination, timeoutMs }, connection);
  const key = destinationKey(destination);

  const say = ({ failure: { cause, sentence }, lost, left }: Cost): void => {
    if (lost > 0) {
      report({ key: `export:${url}:${cause}`, message: `${spans(lost)} not delivered: ${sentence}` });
    } else if (left > 0) {
      report({ key: `left:${url}`, message: `${spans(left)} left on disk for the next start: ${sentence}` });
    }
  };
  let closing = false;
  const onFailure = ({ failure, refusal, rejected = 0 }: Outcome, { lost, left }: Loss): void => {
    // What the end of sending costs is said once, for all of it.
    if (closing) return;
    if (refusal !== undefined) say({ failure: refusal, lost: rejected, left: 0 });
    if (failure !== undefined) say({ failure, lost: lost - rejected, left });
  };

  const exporter = createRetryingExporter(createSplittingExporter(otlp), {
    clock,
    // What is on disk is kept for as long as the recorder keeps it.
    retryForMs: recorder === undefined ? config.batch.retryForMs : Infinity,
    onChange: () => dispatcher.goOn(),
    onTrouble({ cause, sentence }, forMs) {
      if (forMs < SAID_AFTER_MS) return;
      report({
        // A process may live for a year: the certificate that expires is not the deployment of months before.
        key: `outage:${url}:${cause}`,
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
    onQueueFull: (reached) =>
      report({
        key: `dropped:${url}:${reached}`,
        message: `spans were not delivered: more came than ${host} takes and memory holds${recorder === undefined ? '; set FAULTLINE_RECORDER_DIR to keep them on disk, or' : ', and the flight recorder could not keep them;'} raise ${reached === 'maxCount' ? 'OTEL_BSP_MAX_QUEUE_SIZE' : 'batch.maxQueueBytes'}`,
      }),
    ...(recorder === undefined ? undefined : { recorder }),
  });
  const shown = shownUrl(url);
  let servedByApplication = 0;
  const last = createLastRequests({
    host,
    exporter,
    settle: (decided, outcome) => dispatcher.settle(decided, outcome),
  });

  return {
    key,
    outlet(span, ticket, served) {
      if (served?.has(shown) === true) {
        servedByApplication += 1;
        if (ticket !== undefined) recorder?.strike(key, [ticket]);
        return;
      }
      if (closing) report(TOO_LATE);
      dispatcher.offer(span, ticket);
    },
    get status() {
      const { queued, inFlight, waitingOnDisk, dropped, ...counts } = dispatcher.counts;
      const lost = Object.values(dropped).reduce((total, count) => total + count, 0);
      return {
        name,
        url: shown,
        exported: counts.exported,
        failed: counts.rejected + lost,
        rejected: counts.rejected,
        dropped,
        pending: queued + inFlight + waitingOnDisk,
        queuedBytes: counts.queuedBytes,
        leftOnDisk: counts.leftOnDisk,
        servedByApplication,
        ...exporter.history,
      };
    },
    get isPaused() {
      return exporter.pausedUntilMs > clock.now() && dispatcher.counts.queued + dispatcher.counts.inFlight > 0;
    },
    get stuck() {
      return exporter.stuck.size;
    },
    offerFromDisk: (tickets) => dispatcher.offerFromDisk(tickets),
    flush: (withinMs) => dispatcher.flush(withinMs),
    stopWaiting: () => dispatcher.stopWaiting(),
    lastWords(withinMs) {
      const pauseMs = Math.max(exporter.pausedUntilMs - clock.now(), 0);
      if (pauseMs > withinMs) return [];
      const requestFor = otlp.requestsNow();
      if (requestFor === undefined) return [];
      return last.wordsFor(dispatcher.takeAll(), { requestFor, pauseMs });
    },
    close() {
      if (closing) return;
      closing = true;
      const before = dispatcher.counts;
      const why = last.notTaken;
      dispatcher.close();
      connection.abort();
      const { dropped, leftOnDisk } = dispatcher.counts;
      last.add(why, {
        lost: (dropped.closed ?? 0) - (before.dropped.closed ?? 0),
        left: leftOnDisk - before.leftOnDisk,
      });
      for (const cost of last.costs) say(cost);
    },
  };
}

function spans(count: number): string {
  return count === 1 ? '1 span was' : `${count} spans were`;
}
