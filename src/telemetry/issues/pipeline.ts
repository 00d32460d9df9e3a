import type { Dsn } from '../config/dsn.ts';
import type { TelemetryConfig } from '../config/resolve.ts';
import type { Reporter } from '../diagnostics.ts';
import { createIssueSender, type IssueSender, type IssueStatus } from './sender.ts';
import { findSentrySdk } from './sentry-sdk.ts';
import { createIssueSink, type IssueOptions, type IssueOutlet, type ReleasableSink } from './sink.ts';
import { captureUncaught } from './uncaught.ts';

/** The way from a failure to an Issue. */
export interface IssuePipeline {
  readonly sink: ReleasableSink;
  /** Absent while a Sentry SDK of the application sends the Issues: its account is not ours. */
  readonly status: IssueStatus | undefined;
  /** Sends everything that waits. Settles when all of it is decided, and never rejects. */
  flush(timeoutMs: number): Promise<unknown>;
  /** Gives up everything under way at once, and takes nothing further. */
  close(): void;
}

/** Longest a crashing process waits for its Issue to be sent. */
const CRASH_TIMEOUT_MS = 2_000;

/**
 * Wires Issues: classify → build the event → `beforeSend` → sender. When `@sentry/node` is initialised in
 * this process, it gets the failures instead: a second client would make two Issues of one failure.
 */
export function createIssuePipeline(
  dsn: Dsn,
  config: TelemetryConfig,
  options: IssueOptions & { readonly captureUncaught?: boolean },
  report: Reporter,
): IssuePipeline {
  const sdk = findSentrySdk();
  const sender: IssueSender | undefined = sdk === undefined ? createIssueSender({ dsn, report }) : undefined;
  const sink = createIssueSink({
    outlet:
      sender === undefined ? { kind: 'sdk', capture: (captured) => sdk?.capture(captured) } : outletTo(sender, config),
    options,
    // The SDK of the application samples by itself.
    sampleRate: sender === undefined ? 1 : config.sampleRate,
    report,
  });
  // The SDK of the application has handlers of its own for these.
  const watchesUncaught = options.captureUncaught === true && sender !== undefined;
  const stopWatching = watchesUncaught
    ? captureUncaught(sink, () => {
        sink.release();
        sender.sendNow(CRASH_TIMEOUT_MS);
      })
    : () => {};

  return {
    sink,
    get status() {
      return sender?.status;
    },
    flush: (timeoutMs) => sender?.flush(timeoutMs) ?? sdk?.flush(timeoutMs) ?? Promise.resolve(),
    close() {
      stopWatching();
      sender?.close();
    },
  };
}

function outletTo(sender: IssueSender, config: TelemetryConfig): IssueOutlet {
  return {
    kind: 'sender',
    send: (event) => sender.send(event),
    environment: {
      environment: config.environment,
      resource: config.resourceAttributes,
      ...(config.release === undefined ? undefined : { release: config.release }),
    },
  };
}
