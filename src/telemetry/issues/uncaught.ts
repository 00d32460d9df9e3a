import type { IssueSink } from '../active.ts';
import { scopeOf } from '../context.ts';
import { findSentrySdk } from './sentry-sdk.ts';

/** What a process does before it dies. */
export interface LastWords {
  /** Decides what still waited for the end of a run. */
  release(): void;
  /** Sends everything before it returns. */
  sendNow(): void;
}

/**
 * Records what ends the process: uncaught exceptions and unhandled rejections. Node's own behaviour, output
 * and exit code stay, because a monitor is told and not asked. The function it returns stops it.
 *
 * A rejection that a listener of the application takes is handled, and is not recorded. A Sentry SDK of the
 * application has a listener too, but ends the process, and sends what waits before it does.
 */
export function captureUncaught(sink: IssueSink, last: LastWords): () => void {
  const onUncaught = (error: unknown, origin: NodeJS.UncaughtExceptionOrigin): void => {
    const nobodyListens = process.listenerCount('uncaughtException') === 0;
    if (nobodyListens || findSentrySdk() !== undefined) last.release();
    sink.capture({
      ...scopeOf(undefined).read(),
      error,
      occurredAtMs: Date.now(),
      level: 'fatal',
      handled: false,
      mechanism: origin === 'unhandledRejection' ? 'onunhandledrejection' : 'onuncaughtexception',
    });
    if (nobodyListens) last.sendNow();
  };
  process.on('uncaughtExceptionMonitor', onUncaught);
  return () => process.off('uncaughtExceptionMonitor', onUncaught);
}
