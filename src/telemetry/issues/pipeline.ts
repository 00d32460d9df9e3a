import { active } from '../active.ts';
import type { Dsn } from '../config/dsn.ts';
import type { TelemetryConfig } from '../config/resolve.ts';
import type { Reporter } from '../diagnostics.ts';
import type { LastWord } from '../http/last-words.ts';
import type { IssueOptions } from './options.ts';
import { countIssues, createIssueSender, type EventJournal, type IssueStatus } from './sender.ts';
import { findSentrySdk } from './sentry-sdk.ts';
import { createIssueSink, type ReleasableSink } from './sink.ts';
import { createStormGuard } from './storm.ts';
import { captureUncaught } from './uncaught.ts';

/** The way from a failure to an Issue. */
export interface IssuePipeline {
  readonly sink: ReleasableSink;
  /**
   * What became of the Issues that were not left to a Sentry SDK of the application. `dropped.held_back` counts
   * those as well that were held back from it.
   */
  readonly status: IssueStatus;
  /** Whether Issues wait because Sentry asked for a pause, or because an attempt has failed. */
  readonly isPaused: boolean;
  /** Sends everything that waits. Settles when all of it is decided, and never rejects. */
  flush(timeoutMs: number): Promise<unknown>;
  /** Everything pending as requests, for a process that is about to die. Nothing when Sentry asked for a longer pause. */
  lastWords(withinMs: number): readonly LastWord[];
  /** Takes Issues that the journal has of an earlier process, oldest first. */
  restore(ids: readonly string[]): void;
  /** Gives up everything under way at once, and takes nothing further. */
  close(): void;
}

/** Wires Issues: classify → build the event → `beforeSend` → hold back repeated failures → sender. */
export function createIssuePipeline(
  dsn: Dsn,
  config: TelemetryConfig,
  options: IssueOptions & { readonly captureUncaught?: boolean | undefined },
  report: Reporter,
  journal: EventJournal | undefined,
): IssuePipeline {
  const sender = createIssueSender({
    dsn,
    report,
    proxyEnvironment: config.proxyEnvironment,
    ...(journal === undefined ? undefined : { journal }),
  });
  const guard = createStormGuard();
  const sink = createIssueSink({
    send: (event) => active().apart(() => sender.send(event)),
    guard,
    environment: {
      environment: config.environment,
      resource: config.resourceAttributes,
      ...(config.release === undefined ? undefined : { release: config.release }),
    },
    options,
    sampleRate: config.sampleRate,
    report,
    ...(journal === undefined ? undefined : { journal }),
  });
  const sayHeldBack = (): void => {
    if (guard.untold === 0) return;
    report({
      key: 'issues:held_back',
      message: `${countIssues(guard.untold)} held back, because the same failure came again and again; Sentry has the first of them`,
    });
  };
  const stopWatching = options.captureUncaught === true ? captureUncaught(sink) : undefined;

  return {
    sink,
    get status() {
      const { status } = sender;
      const { heldBack: held_back } = guard;
      return held_back === 0 ? status : { ...status, dropped: { ...status.dropped, held_back } };
    },
    get isPaused() {
      return sender.isPaused;
    },
    flush(timeoutMs) {
      sink.settleSurvived();
      sayHeldBack();
      return Promise.all([sender.flush(timeoutMs), findSentrySdk()?.flush(timeoutMs)]);
    },
    lastWords: (withinMs) => sender.lastWords(withinMs),
    restore: (ids) => sender.restore(ids),
    close() {
      stopWatching?.();
      sayHeldBack();
      sender.close();
    },
  };
}
