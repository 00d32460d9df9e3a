import {
  metrics,
  type Attributes,
  type BatchObservableResult,
  type MeterProvider,
  type Observable,
} from '@opentelemetry/api';

import { VERSION } from './config/version.ts';
import { SCOPE_NAME } from './semconv.ts';

/** What became of the spans of one destination, as far as metrics tell it. */
export interface DestinationNumbers {
  readonly name: string;
  readonly exported: number;
  readonly rejected: number;
  readonly retried: number;
  readonly possibleDuplicates: number;
  readonly pending: number;
  readonly queuedBytes: number;
  readonly leftOnDisk: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly lastSuccessAtMs?: number;
}

/** What tracing knows about itself: its status, as far as metrics tell it. */
export interface SelfNumbers {
  readonly spans: {
    readonly created: number;
    readonly open: number;
    readonly sampledOut: number;
    readonly dropped: Readonly<Record<string, number>>;
  };
  readonly destinations: readonly DestinationNumbers[];
  readonly issues?: {
    readonly sent: number;
    readonly failed: number;
    readonly pending: number;
    readonly leftOnDisk: number;
    readonly dropped: Readonly<Record<string, number>>;
  };
  readonly recorder?: {
    readonly spans: number;
    readonly issues: number;
    readonly bytes: number;
    readonly recovered: number;
    readonly interrupted: number;
    readonly dropped: Readonly<Record<string, number>>;
  };
}

/**
 * Shows how tracing fares as metrics of the application's own meter provider, under `faultline.*`. They are read
 * when the application's reader asks, so they cost nothing in between and nothing without one. The function it
 * returns takes them back.
 */
export function observeDelivery(read: () => SelfNumbers, provider?: MeterProvider): () => void {
  const meter = (provider ?? metrics.getMeterProvider()).getMeter(SCOPE_NAME, VERSION);
  /** What a reader can ask for: every one that is created. */
  const observables: Observable[] = [];
  const added = (observable: Observable): Observable => {
    observables.push(observable);
    return observable;
  };
  const counter = (name: string, description: string, unit = '{span}'): Observable =>
    added(meter.createObservableCounter(`faultline.${name}`, { description, unit }));
  const gauge = (name: string, description: string, unit = '{span}'): Observable =>
    added(meter.createObservableGauge(`faultline.${name}`, { description, unit }));

  const created = counter('spans.created', 'Spans that began and were sampled.');
  const open = gauge('spans.open', 'Those of them that have not ended.');
  const sampledOut = counter('spans.sampled_out', 'Spans the sampler turned down.');
  const exported = counter('spans.exported', 'Spans the destination accepted.');
  const rejected = counter('spans.rejected', 'Spans the destination refused.');
  const retried = counter('spans.retried', 'Spans sent again.');
  const duplicates = counter('spans.possible_duplicates', 'Spans sent again after an attempt that was not answered.');
  const dropped = counter('spans.dropped', 'Spans given up, by reason.');
  const pending = gauge('spans.pending', 'Spans that wait, or whose answer is awaited.');
  const queuedBytes = gauge('spans.queued_bytes', 'Memory of the spans that wait.', 'By');
  const leftOnDisk = counter('spans.left_on_disk', 'Spans left on disk for the next start.');
  const lastSuccess = gauge('spans.last_success', 'When the destination last accepted spans, in Unix time.', 's');
  const issuesSent = counter('issues.sent', 'Issues Sentry accepted.', '{issue}');
  const issuesFailed = counter('issues.failed', 'Issues Sentry refused or could not be brought to accept.', '{issue}');
  const issuesDropped = counter('issues.dropped', 'Issues given up, by reason.', '{issue}');
  const issuesPending = gauge('issues.pending', 'Issues that wait, or whose answer is awaited.', '{issue}');
  const issuesLeft = counter('issues.left_on_disk', 'Issues left on disk for the next start.', '{issue}');
  const diskSpans = gauge('recorder.spans', 'Spans the flight recorder keeps.');
  const diskIssues = gauge('recorder.issues', 'Issues the flight recorder keeps.', '{issue}');
  const diskBytes = gauge('recorder.bytes', 'Size of the files of the flight recorder.', 'By');
  const recovered = counter('recorder.recovered', 'Spans taken over from processes that are gone.');
  const interrupted = counter('recorder.interrupted', 'Those of them that never ended.');
  const lost = counter('recorder.dropped', 'Spans and Issues that are no longer kept, by reason.', '{item}');

  const observeDestination = (result: BatchObservableResult, numbers: DestinationNumbers): void => {
    const destination = { 'faultline.destination': numbers.name };
    result.observe(exported, numbers.exported, destination);
    result.observe(rejected, numbers.rejected, destination);
    result.observe(retried, numbers.retried, destination);
    result.observe(duplicates, numbers.possibleDuplicates, destination);
    result.observe(pending, numbers.pending, destination);
    result.observe(queuedBytes, numbers.queuedBytes, destination);
    result.observe(leftOnDisk, numbers.leftOnDisk, destination);
    if (numbers.lastSuccessAtMs !== undefined) {
      result.observe(lastSuccess, numbers.lastSuccessAtMs / 1_000, destination);
    }
    observeReasons(result, dropped, numbers.dropped, destination);
  };

  const observe = (result: BatchObservableResult): void => {
    const { spans, destinations, issues, recorder } = read();
    result.observe(created, spans.created);
    result.observe(open, spans.open);
    result.observe(sampledOut, spans.sampledOut);
    observeReasons(result, dropped, spans.dropped);
    for (const numbers of destinations) observeDestination(result, numbers);
    if (issues !== undefined) {
      result.observe(issuesSent, issues.sent);
      result.observe(issuesFailed, issues.failed);
      result.observe(issuesPending, issues.pending);
      result.observe(issuesLeft, issues.leftOnDisk);
      observeReasons(result, issuesDropped, issues.dropped);
    }
    if (recorder !== undefined) {
      result.observe(diskSpans, recorder.spans);
      result.observe(diskIssues, recorder.issues);
      result.observe(diskBytes, recorder.bytes);
      result.observe(recovered, recorder.recovered);
      result.observe(interrupted, recorder.interrupted);
      observeReasons(result, lost, recorder.dropped);
    }
  };

  meter.addBatchObservableCallback(observe, observables);
  return () => meter.removeBatchObservableCallback(observe, observables);
}

function observeReasons(
  result: BatchObservableResult,
  observable: Observable,
  counts: Readonly<Record<string, number>>,
  attributes: Attributes = {},
): void {
  for (const [reason, count] of Object.entries(counts)) {
    result.observe(observable, count, { ...attributes, 'faultline.drop.reason': reason });
  }
}
