import { captureHere } from '../capture.ts';
import { thrownMessage } from '../linked-errors.ts';
import { recentThrownValues } from '../recorded-failures.ts';
import { guard } from '../guard.ts';
import { findSentrySdk } from './sentry-sdk.ts';
import type { ReleasableSink } from './sink.ts';

/**
 * Records what ends the process: uncaught exceptions and unhandled rejections. Node's own behaviour, output
 * and exit code stay, because a monitor is told and not asked; what is captured goes out with everything else
 * at the end of the process. The function it returns stops it.
 *
 * A rejection that a listener of the application takes is handled, and is not recorded. A Sentry SDK of the
 * application has a listener too, but ends the process, and sends what waits before it does. One that was told to have
 * none sends nothing from a process that dies.
 */
export function captureUncaught(sink: ReleasableSink): () => void {
  const onUncaught = (error: unknown, origin: NodeJS.UncaughtExceptionOrigin): void => {
    // What is thrown in here would become the exit code.
    guard(() => {
      const mechanism = origin === 'unhandledRejection' ? 'onunhandledrejection' : 'onuncaughtexception';
      const how = { level: 'fatal', handled: false, mechanism } as const;
      const isDying = nobodyListens();
      if (isDying) sink.takeOver();
      const failure = isOfFailedRun(error) ? undefined : captureHere(error, how);
      if (failure !== undefined) sink.crash(failure);
      // Where the application listens it may live on, and its runs decide.
      if (isDying || findSentrySdk() !== undefined) sink.release();
    });
  };
  process.on('uncaughtExceptionMonitor', onUncaught);
  return () => process.off('uncaughtExceptionMonitor', onUncaught);
}

/** Whether an uncaught error ends the process. A domain listens by a capture callback. */
function nobodyListens(): boolean {
  return process.listenerCount('uncaughtException') === 0 && !process.hasUncaughtExceptionCaptureCallback();
}

/**
 * Whether an unhandled rejection is a thrown value that has ended a run already. What is no error Node puts into one
 * of its own (`ERR_UNHANDLED_REJECTION`), which has it as a text at the end of its message.
 */
function isOfFailedRun(error: unknown): boolean {
  const code = guard(() => (error as { readonly code?: unknown } | null | undefined)?.code);
  if (code !== 'ERR_UNHANDLED_REJECTION') return false;
  const message = thrownMessage(error) ?? '';
  return recentThrownValues().some((value) => message.endsWith(` reason "${value}".`));
}
