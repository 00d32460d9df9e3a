import { finishesWithin, timerMs } from '../deadline.ts';
import { systemClock, type Clock } from '../http/clock.ts';
import { sendLastWords } from '../http/last-words.ts';
import type { IssuePipeline } from '../issues/pipeline.ts';
import type { Sending } from './ending.ts';
import type { FurtherProcessors } from './further-processors.ts';
import type { Pipeline } from './pipeline.ts';
import type { Recorder } from './recorder/recorder.ts';
import type { SpanIntake } from './span-intake.ts';

/** What became of the spans that ended and the Issues that were captured since the last flush. */
export type FlushResult =
  | {
      readonly status: 'nothing' | 'delivered';
      /** Spans that were delivered. */
      readonly exported: number;
      /** Issues that were delivered. Those left to a Sentry SDK of the application are not among them. */
      readonly issues: number;
    }
  | {
      readonly status: 'failed' | 'timeout';
      readonly exported: number;
      readonly issues: number;
      /** Spans and Issues that were not accepted. */
      readonly failed: number;
      /** Spans and Issues whose fate is not known: some wait, and some are on disk for the next start. */
      readonly pending: number;
      /** One sentence that says why. */
      readonly reason: string;
    };

/** Everything that sends. */
export interface Delivery {
  readonly intake: SpanIntake;
  readonly pipelines: readonly Pipeline[];
  readonly further: FurtherProcessors;
  readonly issues?: IssuePipeline;
  readonly recorder?: Recorder;
  /** What processes that are gone left behind. */
  readonly recovery?: Recovery;
}

interface Tally {
  readonly exported: number;
  readonly issues: number;
  readonly failed: number;
  readonly pending: number;
  readonly left: number;
  /** Spans among `failed` that could not be read. */
  readonly unreadable: number;
}

function tally({ intake, pipelines, issues }: Delivery): Tally {
  const statuses = pipelines.map(({ status }) => status);
  const sum = (count: 'exported' | 'failed' | 'pending' | 'leftOnDisk'): number =>
    statuses.reduce((total, status) => total + status[count], 0);
  const issueStatus = issues?.status;
  // What a storm guard held back was meant to stay: its first Issues tell the same.
  const { queue_full = 0, closed = 0, recorder = 0 } = issueStatus?.dropped ?? {};
  const { unreadable = 0 } = intake.dropped;
  const dropped = queue_full + closed + recorder + unreadable;
  return {
    exported: sum('exported'),
    issues: issueStatus?.sent ?? 0,
    failed: sum('failed') + (issueStatus?.failed ?? 0) + dropped,
    pending: sum('pending') + (issueStatus?.pending ?? 0),
    left: sum('leftOnDisk') + (issueStatus?.leftOnDisk ?? 0),
    unreadable,
  };
}

function decided({ exported, issues, failed, left }: Tally): number {
  return exported + issues + failed + left;
}

function stuckIn(pipelines: readonly Pipeline[]): number {
  return pipelines.reduce((total, { stuck }) => total + stuck, 0);
}

/**
 * Reports on what was sent since the flush before. Settles within the time it is given. The last one sends what came
 * while it was sending as well.
 */
export type Flush = (timeoutMs: number, isLast?: boolean) => Promise<FlushResult>;

/** Creates the one way to flush. */
export function createFlush(delivery: Delivery): Flush {
  let before: Omit<Tally, 'pending'> = { exported: 0, issues: 0, failed: 0, left: 0, unreadable: 0 };
  return async (givenMs, isLast = false) => {
    const { intake, pipelines, further, issues, recovery } = delivery;
    const timeoutMs = timerMs(givenMs);
    const startedAtMs = systemClock.now();
    const leftMs = (): number => timeoutMs - (systemClock.now() - startedAtMs);
    const sendWhatWaits = async (): Promise<void> => {
      const withinMs = leftMs();
      await Promise.all([...pipelines.map((pipeline) => pipeline.flush(withinMs)), issues?.flush(withinMs)]);
    };
    const sendAll = async (): Promise<void> => {
      await recovery?.done;
      await sendWhatWaits();
      if (!isLast || leftMs() <= 0) return;
      issues?.sink.release();
      await sendWhatWaits();
    };
    const inTime = await finishesWithin(Promise.all([sendAll(), further.flush()]), timeoutMs);
    const now = tally(delivery);
    const exported = now.exported - before.exported;
    const issuesSent = now.issues - before.issues;
    const failed = now.failed - before.failed;
    const left = now.left - before.left;
    const isOnlyUnreadable = failed > 0 && failed + left === now.unreadable - before.unreadable;
    const pending = now.pending + left;
    before = now;
    const isPaused = pipelines.some((pipeline) => pipeline.isPaused) || issues?.isPaused === true;
    // What still waits when a flush was in time, and nothing is paused or stuck, came since it began.
    if (inTime && failed + left === 0 && !isPaused && stuckIn(pipelines) === 0) {
      return { status: exported + issuesSent === 0 ? 'nothing' : 'delivered', exported, issues: issuesSent };
    }
    const errors = [...pipelines.map(({ status }) => status.lastError), issues?.status?.lastError];
    // What went wrong before is not why this flush failed.
    const inOrder = isOnlyUnreadable ? [intake.lastError, ...errors] : [...errors, intake.lastError];
    const lastError = inOrder.find((error) => error !== undefined);
    const reason = inTime
      ? (lastError ?? (isPaused ? PAUSED : DROPPED))
      : `not everything was sent within ${timeoutMs} ms`;
    return { status: inTime ? 'failed' : 'timeout', exported, issues: issuesSent, failed, pending, reason };
  };
}

const PAUSED = 'the backend asked for a longer pause than there was time; what waits is sent after it';

const DROPPED =
  'more spans or Issues came than could be held; OTEL_BSP_MAX_QUEUE_SIZE and batch.maxQueueBytes raise what is held of spans';

/** What sends, as the end of the process sees it. */
export function sendingOf(delivery: Delivery, flush: Flush): Sending {
  const { intake, pipelines, further, issues, recovery } = delivery;
  const isWaiting = (): boolean => tally(delivery).pending > stuckIn(pipelines);
  return {
    isPending() {
      // No run decides anything any more.
      issues?.sink.release();
      return recovery?.isDone === false || isWaiting() || further.isPending;
    },
    async flush(timeoutMs) {
      const before = tally(delivery);
      const { status } = await flush(timeoutMs);
      if (status === 'timeout') return 'none';
      if (!isWaiting()) return 'all';
      // Of what a backend asked a pause for nothing is decided, however often somebody flushes.
      return decided(tally(delivery)) > decided(before) ? 'some' : 'none';
    },
    sendNow(timeoutMs) {
      issues?.sink.releaseNow();
      intake.interrupt();
      if (timeoutMs <= 0) return;
      // An Issue tells why the process dies, so it goes first.
      sendLastWords(
        [...(issues?.lastWords(timeoutMs) ?? []), ...pipelines.flatMap((pipeline) => pipeline.lastWords(timeoutMs))],
        timeoutMs,
      );
    },
    giveUp() {
      for (const pipeline of pipelines) pipeline.stopWaiting();
    },
    close: () => closeDelivery(delivery),
  };
}

/** The taking over of what processes that are gone left behind. */
export interface Recovery {
  /** Resolves when all of it waits to be sent. */
  readonly done: Promise<void>;
  readonly isDone: boolean;
  /** Looks no further for files whose owner could not be judged yet. */
  stop(): void;
}

/** How often: a process that lives now, as the one a deployment replaces, leaves something behind later. */
const LOOK_AGAIN_MS = 60_000;

/** Takes over what processes that are gone left behind, and has it sent with everything else. */
export function startRecovery(
  recorder: Recorder,
  pipelines: readonly Pick<Pipeline, 'key' | 'offerFromDisk'>[],
  issues: Pick<IssuePipeline, 'restore'> | undefined,
  clock: Clock = systemClock,
): Recovery {
  let isDone = false;
  let isStopped = false;
  let stopWaiting: (() => void) | undefined;
  const recover = async (): Promise<void> => {
    const recovered = await recorder.recover();
    if (!isStopped) stopWaiting = clock.after(LOOK_AGAIN_MS, recoverAgain);
    for (const pipeline of pipelines) pipeline.offerFromDisk(recovered.spans.get(pipeline.key) ?? []);
    issues?.restore(recovered.issues);
    isDone = true;
  };
  const recoverAgain = (): void => void recover();
  const done = recover();
  return {
    done,
    get isDone() {
      return isDone;
    },
    stop() {
      isStopped = true;
      stopWaiting?.();
    },
  };
}

/** Gives up everything that is still under way. */
export function closeDelivery({ pipelines, issues, recorder, recovery }: Delivery): void {
  recovery?.stop();
  for (const pipeline of pipelines) pipeline.close();
  issues?.close();
  recorder?.close();
}
