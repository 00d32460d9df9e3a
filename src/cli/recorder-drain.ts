/** How `faultline recorder drain` sends: by the pipeline of every program, which takes over what others left. */
import { setupTracing, type TracingStatus } from '../telemetry/setup.ts';
import type { Drain, Drained, DrainProgress } from './recorder.ts';

const PROGRESS_INTERVAL_MS = 100;

/** Sends what processes that are gone left in the directory, to where the environment says. */
export const drainRecorder: Drain = async ({ directory, timeoutMs }, onProgress): Promise<Drained> => {
  const tracing = setupTracing({ recorder: { directory }, register: false });
  if (tracing.status.state === 'off') throw new Error(`there is nowhere to send it: ${tracing.status.reason}`);
  const timer = setInterval(() => onProgress(progressOf(tracing.status)), PROGRESS_INTERVAL_MS);
  try {
    const result = await tracing.flush(timeoutMs);
    const { status } = tracing;
    onProgress(progressOf(status));
    const { spans, issues, left } = countsOf(status);
    return { spans, issues, left, ...('reason' in result && left > 0 ? { reason: result.reason } : undefined) };
  } finally {
    clearInterval(timer);
    await tracing.shutdown(0);
  }
};

function progressOf(status: TracingStatus): DrainProgress {
  const { spans, issues, left } = countsOf(status);
  return { sent: spans + issues, total: spans + issues + left };
}

function countsOf(status: TracingStatus): Pick<Drained, 'spans' | 'issues' | 'left'> {
  if (status.state === 'off') return { spans: 0, issues: 0, left: 0 };
  const { destinations, issues, recorder } = status;
  // A span is sent when every destination has it.
  const spans = destinations.length === 0 ? 0 : Math.min(...destinations.map(({ exported }) => exported));
  return { spans, issues: issues?.sent ?? 0, left: (recorder?.spans ?? 0) + (recorder?.issues ?? 0) };
}
