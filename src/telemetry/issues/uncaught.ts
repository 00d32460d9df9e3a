import type { IssueSink } from '../active.ts';
import { scopeOf } from '../context.ts';

/**
 * Records what ends the process: uncaught exceptions and unhandled rejections. Node's own behaviour, output
 * and exit code stay, because a monitor is told and not asked. The function it returns stops it.
 *
 * A rejection that a listener of the application takes is handled, and is not recorded.
 *
 * @param beforeCrash called when the process is about to die, and must do its work before it returns
 */
export function captureUncaught(sink: IssueSink, beforeCrash: () => void): () => void {
  const onUncaught = (error: unknown, origin: NodeJS.UncaughtExceptionOrigin): void => {
    sink.capture({
      ...scopeOf(undefined).read(),
      error,
      occurredAtMs: Date.now(),
      level: 'fatal',
      handled: false,
      mechanism: origin === 'unhandledRejection' ? 'onunhandledrejection' : 'onuncaughtexception',
    });
    if (process.listenerCount('uncaughtException') === 0) beforeCrash();
  };
  process.on('uncaughtExceptionMonitor', onUncaught);
  return () => process.off('uncaughtExceptionMonitor', onUncaught);
}
