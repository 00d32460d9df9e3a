import { safeReading } from '../capture.ts';
import { scopeOf } from '../context.ts';
import { findSentrySdk } from './sentry-sdk.ts';
import type { ReleasableSink } from './sink.ts';

/**
 * Records what ends the process: uncaught exceptions and unhandled rejections. Node's own behaviour, output
 * and exit code stay, because a monitor is told and not asked; what is captured goes out with everything else
 * at the end of the process. The function it returns stops it.
 *
 * A rejection that a listener of the application takes is handled, and is not recorded. A Sentry SDK of the
 * application has a listener too, but ends the process, and sends what waits before it does.
 */
export function captureUncaught(sink: ReleasableSink): () => void {
  const onUncaught = (error: unknown, origin: NodeJS.UncaughtExceptionOrigin): void => {
    // Where the application listens it may live on, and its runs decide; else the Issues they hold come first.
    const nobodyListens = process.listenerCount('uncaughtException') === 0;
    if (nobodyListens || findSentrySdk() !== undefined) sink.release();
    sink.capture({
      ...scopeOf(undefined).read(),
      ...safeReading(error),
      occurredAtMs: Date.now(),
      level: 'fatal',
      handled: false,
      mechanism: origin === 'unhandledRejection' ? 'onunhandledrejection' : 'onuncaughtexception',
    });
  };
  process.on('uncaughtExceptionMonitor', onUncaught);
  return () => process.off('uncaughtExceptionMonitor', onUncaught);
}
