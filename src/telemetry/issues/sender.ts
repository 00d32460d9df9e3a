import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { gzip, gzipSync } from 'node:zlib';

import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';

import { projectUrl, sentryAuth, type Dsn } from '../config/dsn.ts';
import { SENTRY_AUTH_HEADER } from '../config/headers.ts';
import { VERSION } from '../config/version.ts';
import type { Reporter } from '../diagnostics.ts';
import { createClosableAgent } from '../export/closable-agent.ts';
import type { Explanation } from '../export/explain-failure.ts';
import { systemClock, type Clock } from './clock.ts';
import { createEnvelope, encodeEvent } from './envelope.ts';
import { explainAnswer } from './explain.ts';
import { post, type Answer, type PostTarget } from './post.ts';
import { createFlushes } from './flushes.ts';
import { createPendingEvents, type PendingEvent } from './pending-events.ts';
import { askedPauseMs } from './rate-limits.ts';
import { backoffMs, isAccepted, isPassing, jittered, MAX_ATTEMPTS, RETRY_BUDGET_MS } from './retry.ts';
import { sendNow } from './send-now.ts';
import type { SentryEvent } from './sentry-event.ts';
import { createStormGuard, type StormGuard, type StormLimits } from './storm.ts';

/** Why an event was given up without Sentry having refused it. */
export type DropReason =
  /** More came than could be sent. */
  | 'queue_full'
  /** One kind of failure repeated too fast. */
  | 'held_back'
  /** The sender was closed before it was sent, or when it came. */
  | 'closed';

/** What became of the events. Every event given to the sender is in exactly one of the counts. */
export interface IssueStatus {
  /** Where the events go. It holds no credentials. */
  readonly url: string;
  /** Events Sentry accepted. */
  readonly sent: number;
  /** Events Sentry refused, or could not be brought to accept. */
  readonly failed: number;
  /** Events that wait, or whose answer is awaited. */
  readonly pending: number;
  /** Events given up, by reason. A reason that has not occurred is absent. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** The last failure in one sentence. */
  readonly lastError?: string;
}

/** The way from an event to Sentry. No function throws, and no promise rejects. */
export interface IssueSender {
  /** Takes an event to be sent soon. Later changes to the event have no effect. */
  send(event: SentryEvent): void;
  /**
   * Resolves when everything sent before is decided, and keeps the process alive until then.
   *
   * @param withinMs how long the caller can wait: when Sentry has asked for a longer pause than that, it
   *   resolves at once, and what is pending stays pending
   */
  flush(withinMs?: number): Promise<void>;
  /** Gives up everything under way at once, and takes nothing further. */
  close(): void;
  /**
   * Sends everything pending before it returns, or until the time is up: for a process that is about to die
   * and runs no further callbacks.
   */
  sendNow(timeoutMs: number): void;
  readonly status: IssueStatus;
}

export interface IssueSenderOptions {
  readonly dsn: Dsn;
  readonly report: Reporter;
  /** Most events that wait, beside the one under way. Default 100. */
  readonly maxPending?: number;
  /** Most bytes of events that wait. Default 8 MiB. */
  readonly maxPendingBytes?: number;
  /** Longest time for one request. Default 10 seconds. */
  readonly requestTimeoutMs?: number;
  readonly storm?: StormLimits;
  readonly clock?: Clock;
}

const gzipAsync = promisify(gzip);

/**
 * Creates the way from an event to Sentry: repeated failures held back → bounded queue → envelope → one
 * request at a time, tried again after passing failures. It keeps no process alive unless someone flushes.
 */
export function createIssueSender(options: IssueSenderOptions): IssueSender {
  const { dsn, report, maxPending = 100, maxPendingBytes = 8 * 1024 * 1024, requestTimeoutMs = 10_000 } = options;
  const { clock = systemClock } = options;
  const url = projectUrl(dsn, 'envelope');
  const { host, protocol } = new URL(url);
  const connections = createClosableAgent();
  const target: PostTarget = {
    url,
    headers: {
      [SENTRY_AUTH_HEADER]: sentryAuth(dsn, 'Sentry'),
      'content-type': 'application/x-sentry-envelope',
      'content-encoding': 'gzip',
      'user-agent': `faultline/${VERSION}`,
    },
    agent: connections.agentFor(protocol),
    timeoutMs: requestTimeoutMs,
  };
  const guard = createStormGuard(() => clock.now(), options.storm);
  const pending = createPendingEvents({ maxCount: maxPending, maxBytes: maxPendingBytes });
  const flushes = createFlushes(pending);
  let sent = 0;
  let failed = 0;
  const dropped: Partial<Record<DropReason, number>> = {};
  let lastError: string | undefined;

  let running = false;
  let closed = false;
  /** Sentry takes nothing before this. */
  let limitedUntilMs = -Infinity;
  /** The pause before the next attempt. */
  let rest: { readonly untilMs: number; readonly end: () => void } | undefined;

  const countDropped = (reason: DropReason, count = 1): void => {
    dropped[reason] = (dropped[reason] ?? 0) + count;
  };

  const sayUndelivered = (count: number, { kind, sentence }: Explanation): void => {
    lastError = sentence;
    report({ key: `issues:${kind}`, message: `${countIssues(count)} not delivered: ${sentence}` });
  };

  const sayHeldBack = (): void => {
    if (guard.untold === 0) return;
    report({
      key: 'issues:held_back',
      message: `${countIssues(guard.untold)} held back, because the same failure came again and again; Sentry has the first of them`,
    });
  };

  const checkFlushes = (): void => flushes.check(rest?.untilMs);

  const accepted = (event: PendingEvent): void => {
    if (pending.take(event)) sent += 1;
  };

  const refused = (event: PendingEvent, answer: Answer): void => {
    if (!pending.take(event)) return;
    failed += 1;
    sayUndelivered(1, explainAnswer(answer, url, requestTimeoutMs));
  };

  const restUntil = async (untilMs: number): Promise<void> => {
    const pauseMs = untilMs - clock.now();
    if (pauseMs <= 0) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        rest = undefined;
        cancel();
        resolve();
      };
      const cancel = clock.after(pauseMs, end);
      rest = { untilMs, end };
      checkFlushes();
    });
  };

  /** Tries until the event is decided, here or by somebody else. */
  const deliver = async (event: PendingEvent): Promise<void> => {
    let retryAtMs = -Infinity;
    let giveUpAtMs = Infinity;
    for (let attempt = 1; ; attempt += 1) {
      await restUntil(Math.max(retryAtMs, limitedUntilMs));
      if (attempt === 1) giveUpAtMs = clock.now() + RETRY_BUDGET_MS;
      const body = await gzipAsync(createEnvelope(event, new Date()));
      if (!pending.has(event)) return;
      // Not in the context of whatever failed: its baggage would travel along, and the request be traced.
      const answer = await context.with(suppressTracing(ROOT_CONTEXT), () => post(target, body));
      const pauseMs = jittered(answer.kind === 'answered' ? askedPauseMs(answer, Date.now()) : 0);
      if (pauseMs > 0) limitedUntilMs = clock.now() + pauseMs;
      if (isAccepted(answer)) return accepted(event);
      retryAtMs = clock.now() + (pauseMs > 0 ? pauseMs : backoffMs(attempt));
      giveUpAtMs += pauseMs;
      if (!isPassing(answer) || attempt === MAX_ATTEMPTS || retryAtMs > giveUpAtMs) return refused(event, answer);
      if (!pending.has(event)) return;
    }
  };

  const run = async (): Promise<void> => {
    for (let event = pending.next(); event !== undefined; event = pending.next()) {
      await deliver(event).catch((error: Error) => refused(event, { kind: 'broken', error }));
      checkFlushes();
    }
    running = false;
  };

  return {
    send(event) {
      if (closed) return countDropped('closed');
      const admitted = admit(guard, event);
      if (admitted === undefined) return countDropped('held_back');
      const gone = pending.add(encodeEvent(admitted));
      if (gone > 0) {
        countDropped('queue_full', gone);
        lastError = `more of them came than ${host} takes, and the oldest were dropped`;
        report({ key: 'issues:queue_full', message: `Issues are lost: ${lastError}` });
        checkFlushes();
      }
      if (running) return;
      running = true;
      // Not at once: the run that failed has its own work to finish first.
      setImmediate(() => void run());
    },
    flush(withinMs = Infinity) {
      sayHeldBack();
      const flushed = flushes.add(clock.now() + withinMs);
      checkFlushes();
      return flushed;
    },
    close() {
      if (closed) return;
      closed = true;
      sayHeldBack();
      const count = pending.clear();
      if (count > 0) {
        countDropped('closed', count);
        const sentence = `${host} did not take ${count === 1 ? 'it' : 'them'} before the time for it was over`;
        sayUndelivered(count, { kind: 'closed', sentence });
      }
      connections.abort();
      rest?.end();
      checkFlushes();
    },
    sendNow(timeoutMs) {
      const startedAtMs = performance.now();
      if (closed) return;
      sayHeldBack();
      if (pending.size === 0) return;
      if (limitedUntilMs > clock.now()) {
        const sentence = `${host} limits the rate (429), and the process ended before it took more`;
        return sayUndelivered(pending.size, { kind: 'crash', sentence });
      }
      // The newest one tells why the process dies, so it goes first.
      const events = [...pending].toReversed();
      const requests = events.map((event) => ({
        url,
        headers: target.headers,
        body: gzipSync(createEnvelope(event, new Date())),
      }));
      const statuses = sendNow(requests, timeoutMs - (performance.now() - startedAtMs));
      let left = 0;
      for (const [index, event] of events.entries()) {
        const answer: Answer = { kind: 'answered', status: statuses[index] ?? 0, headers: {} };
        if (isAccepted(answer)) accepted(event);
        else if (answer.status === 0 || isPassing(answer)) left += 1;
        else refused(event, answer);
      }
      if (left > 0) {
        const sentence = `${host} did not take ${left === 1 ? 'it' : 'them'} before the process ended`;
        sayUndelivered(left, { kind: 'crash', sentence });
      }
      // Should the process live on, what is left is tried again at once.
      rest?.end();
      checkFlushes();
    },
    get status() {
      const status = { url, sent, failed, pending: pending.size, dropped: { ...dropped } };
      return lastError === undefined ? status : { ...status, lastError };
    },
  };
}

/** The event as the guard lets it through. `beforeSend` may have made an event the guard cannot read. */
function admit(guard: StormGuard, event: SentryEvent): SentryEvent | undefined {
  try {
    return guard.admit(event);
  } catch {
    return event;
  }
}

function countIssues(count: number): string {
  return count === 1 ? 'an Issue was' : `${count} Issues were`;
}
