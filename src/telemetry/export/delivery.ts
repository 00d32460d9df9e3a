import { finishesWithin } from '../deadline.ts';
import type { IssuePipeline } from '../issues/pipeline.ts';
import type { Pipeline } from './pipeline.ts';

/** What became of the spans that ended and the Issues that were captured since the last flush. */
export type FlushResult =
  | {
      readonly status: 'nothing' | 'delivered';
      /** Spans that were delivered. */
      readonly exported: number;
      /** Issues that were delivered. */
      readonly issues: number;
    }
  | {
      readonly status: 'failed' | 'timeout';
      readonly exported: number;
      readonly issues: number;
      /** Spans and Issues that were not accepted. */
      readonly failed: number;
      /** Spans and Issues whose fate is not known. */
      readonly pending: number;
      /** One sentence that says why. */
      readonly reason: string;
    };

/** Everything that sends. */
export interface Delivery {
  readonly pipelines: readonly Pipeline[];
  readonly issues: IssuePipeline | undefined;
}

interface Tally {
  readonly exported: number;
  readonly issues: number;
  readonly failed: number;
  readonly pending: number;
}

function tally({ pipelines, issues }: Delivery): Tally {
  const statuses = pipelines.map(({ status }) => status);
  const sum = (count: 'exported' | 'failed' | 'pending'): number =>
    statuses.reduce((total, status) => total + status[count], 0);
  const issueStatus = issues?.status;
  // What a storm guard held back was meant to stay: its first Issues tell the same.
  const dropped = (issueStatus?.dropped.queue_full ?? 0) + (issueStatus?.dropped.closed ?? 0);
  return {
    exported: sum('exported'),
    issues: issueStatus?.sent ?? 0,
    failed: sum('failed') + (issueStatus?.failed ?? 0) + dropped,
    pending: sum('pending') + (issueStatus?.pending ?? 0),
  };
}

/** A flush that reports on what was sent since the one before it. */
export function createFlush(delivery: Delivery): (timeoutMs: number) => Promise<FlushResult> {
  let before: Omit<Tally, 'pending'> = { exported: 0, issues: 0, failed: 0 };
  return async (timeoutMs) => {
    const { pipelines, issues } = delivery;
    const work = [...pipelines.map((pipeline) => pipeline.flush()), issues?.flush(timeoutMs) ?? Promise.resolve()];
    const inTime = await finishesWithin(Promise.all(work), timeoutMs);
    const now = tally(delivery);
    const exported = now.exported - before.exported;
    const issuesSent = now.issues - before.issues;
    const failed = now.failed - before.failed;
    const { pending } = now;
    before = now;
    // A span that still waits when a flush was in time has ended since it began.
    if (inTime && failed === 0 && (issues?.status?.pending ?? 0) === 0) {
      return { status: exported + issuesSent === 0 ? 'nothing' : 'delivered', exported, issues: issuesSent };
    }
    const errors = [...pipelines.map(({ status }) => status.lastError), issues?.status?.lastError];
    const lastError = errors.find((error) => error !== undefined);
    const reason = inTime ? (lastError ?? DROPPED) : `not everything was sent within ${timeoutMs} ms`;
    return { status: inTime ? 'failed' : 'timeout', exported, issues: issuesSent, failed, pending, reason };
  };
}

const DROPPED = 'the queue was full and spans were dropped; raise OTEL_BSP_MAX_QUEUE_SIZE';

/** Gives up everything that is still under way. */
export function closeDelivery({ pipelines, issues }: Delivery): void {
  for (const pipeline of pipelines) pipeline.close();
  issues?.close();
}

/**
 * Sends what waits when the program has nothing left to do. `beforeExit` comes again after every piece of
 * work it starts, so it starts none when nothing waits or the time is used up. It changes neither the exit
 * code nor what other listeners do.
 */
export function flushBeforeExit(
  delivery: Delivery,
  flush: (timeoutMs: number) => Promise<FlushResult>,
  timeoutMs: number,
): () => void {
  let gaveUp = timeoutMs === 0;
  const flushOnce = async (): Promise<void> => {
    const { status } = await flush(timeoutMs);
    if (status !== 'timeout' && status !== 'failed') return;
    gaveUp = true;
    closeDelivery(delivery);
  };
  const onBeforeExit = (): void => {
    delivery.issues?.sink.release();
    if (!gaveUp && tally(delivery).pending > 0) void flushOnce();
  };
  process.on('beforeExit', onBeforeExit);
  return () => process.off('beforeExit', onBeforeExit);
}
