import type { Dsn } from '../config/dsn.ts';
import type { TelemetryConfig } from '../config/resolve.ts';
import type { Reporter } from '../diagnostics.ts';
import { createIssueSender, type IssueStatus } from './sender.ts';
import { findSentrySdk } from './sentry-sdk.ts';
import { createIssueSink, type IssueOptions, type ReleasableSink } from './sink.ts';
import { captureUncaught } from './uncaught.ts';

/** The way from a failure to an Issue. */
export interface IssuePipeline {
  readonly sink: ReleasableSink;
  /** What became of the Issues that were not left to a Sentry SDK of the application. */
  readonly status: IssueStatus;
  /** Sends everything that waits. Settles when all of it is decided, and never rejects. */
  flush(timeoutMs: number): Promise<unknown>;
  /** Gives up everything under way at once, and takes nothing further. */
  close(): void;
}

/** Longest a crashing process waits for its Issue to be sent. */
const CRASH_TIMEOUT_MS = 2_000;

/** Wires Issues: classify → build the event → `beforeSend` → sender. */
export function createIssuePipeline(
  dsn: Dsn,
  config: TelemetryConfig,
  options: IssueOptions & { readonly captureUncaught?: boolean },
  report: Reporter,
): IssuePipeline {
  const sender = createIssueSender({ dsn, report });
  const sink = createIssueSink({
    send: (event) => sender.send(event),
    environment: {
      environment: config.environment,
      resource: config.resourceAttributes,
      ...(config.release === undefined ? undefined : { release: config.release }),
    },
    options,
    sampleRate: config.sampleRate,
    report,
  });
  const lastWords = { release: () => sink.release(), sendNow: () => sender.sendNow(CRASH_TIMEOUT_MS) };
  const stopWatching = options.captureUncaught === true ? captureUncaught(sink, lastWords) : undefined;

  return {
    sink,
    get status() {
      return sender.status;
    },
    flush: (timeoutMs) => Promise.all([sender.flush(timeoutMs), findSentrySdk()?.flush(timeoutMs)]),
    close() {
      stopWatching?.();
      sender.close();
    },
  };
}
