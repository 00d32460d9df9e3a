import { projectUrl, sentryAuth, type Dsn } from '../config/dsn.ts';
import type { Environment } from '../config/environment.ts';
import { SENTRY_AUTH_HEADER } from '../config/headers.ts';
import { VERSION } from '../config/version.ts';
import type { Problem, Reporter } from '../diagnostics.ts';
import { backoffMs, jittered, SAID_AFTER_MS } from '../http/backoff.ts';
import { systemClock, type Clock } from '../http/clock.ts';
import { gzip, gzipNow } from '../http/compress.ts';
import { createConnection } from '../http/connection.ts';
import type { Explanation } from '../http/explain-connection.ts';
import { post, type Answer, type PostTarget } from '../http/post.ts';
import { proxyFor } from '../http/proxy.ts';
import { askedPauseMs } from '../http/rate-limits.ts';
import type { LastWord } from '../http/last-words.ts';
import { setImmediate } from '../real-time.ts';
import { untraced } from '../untraced.ts';
import { createEnvelope, encodeEvent, type EncodedEvent } from './envelope.ts';
import { explainAnswer } from './explain.ts';
import { createFlushes } from './flushes.ts';
import { createPendingEvents, type PendingEvent } from './pending-events.ts';
import {
  BACKOFF,
  FAILURES_IN_TURN,
  HURRIED_BACKOFF,
  isAboutTheEvent,
  isAccepted,
  isPassing,
  LONGEST_COUNTED_MS,
  RATE_LIMITS,
  RETRY_BUDGET_MS,
} from './retry.ts';
import type { SentryEvent } from './sentry-event.ts';

/** Why an event was given up without Sentry having refused it. */
export type DropReason =
  /** More came than could be sent. */
  | 'queue_full'
  /** One kind of failure repeated too fast. */
  | 'held_back'
  /** It waited on disk alone, and is gone from there. */
  | 'recorder'
  /** The sender was closed before it was sent, or when it came. */
  | 'closed';

/** What became of the events. Each is in exactly one of the counts. */
export interface IssueStatus {
  /** Where the events go. It holds no credentials. */
  readonly url: string;
  /** Events Sentry accepted. */
  readonly sent: number;
  /** Events Sentry refused, or could not be brought to accept. */
  readonly failed: number;
  /** Events that wait, in memory or on disk, or whose answer is awaited. */
  readonly pending: number;
  /** Events left on disk for the next start, because trying again now would change nothing. */
  readonly leftOnDisk: number;
  /** Events given up, by reason. A reason that has not occurred is absent. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** The last failure in one sentence, also of an attempt that is followed by others. */
  readonly lastError?: string;
}

/** The way from an event to Sentry. No function throws, and no promise rejects. */
export interface IssueSender {
  /** Takes an event to be sent soon. Later changes to the event have no effect. */
  send(event: SentryEvent): void;
  /**
   * Resolves when everything sent before is decided, and keeps the process alive until then. Meanwhile waits
   * between attempts are short, but for the pauses Sentry has asked for.
   *
   * @param withinMs how long the caller can wait. The process is kept alive no longer than that. When Sentry
   *   has asked for a longer pause, it resolves at once, and what is pending stays pending
   */
  flush(withinMs?: number): Promise<void>;
  /** Gives up everything under way at once, and takes nothing further. */
  close(): void;
  /** Takes events that the journal alone has, oldest first: those of an earlier process. */
  restore(ids: readonly string[]): void;
  /**
   * Everything pending as requests, for a process that is about to die and runs no further callbacks. Nothing when
   * Sentry asked for a pause that is longer than the time.
   */
  lastWords(withinMs: number): readonly LastWord[];
  /** Whether events wait because Sentry asked for a pause, or because an attempt has failed. */
  readonly isPaused: boolean;
  readonly status: IssueStatus;
}

/** Keeps events as JSON until they are delivered, beyond the end of the process. No function throws. */
export interface EventJournal {
  /** Answers whether it has the event. */
  keepIssue(id: string, payload: string): boolean;
  /** The event; `undefined` when it is gone. */
  readIssue(id: string): string | undefined;
  strikeIssue(id: string): void;
}

export interface IssueSenderOptions {
  readonly dsn: Dsn;
  readonly report: Reporter;
  /** Most events that wait in memory, beside the one under way. Default 100. */
  readonly maxPending?: number;
  /** Most bytes of events that wait in memory. Default 8 MiB. */
  readonly maxPendingBytes?: number;
  /** Longest time for one request. Default 10 seconds. */
  readonly requestTimeoutMs?: number;
  /** Names the proxies to go through. Default none. */
  readonly proxyEnvironment?: Environment;
  /** Has more room than the memory: what that does not hold waits there. */
  readonly journal?: EventJournal;
  readonly clock?: Clock;
}

/**
 * Creates the way from an event to Sentry: bounded queue → envelope → one request at a time, tried again after
 * passing failures. It keeps no process alive unless someone flushes.
 */
export function createIssueSender(options: IssueSenderOptions): IssueSender {
  const { dsn, report, maxPending = 100, maxPendingBytes = 8 * 1024 * 1024, requestTimeoutMs = 10_000 } = options;
  const { clock = systemClock, proxyEnvironment = {}, journal } = options;
  const url = projectUrl(dsn, 'envelope');
  const { host } = new URL(url);
  const connection = createConnection({ url, proxy: proxyFor(url, proxyEnvironment, report) });
  const target: PostTarget = {
    url,
    headers: {
      [SENTRY_AUTH_HEADER]: sentryAuth(dsn, 'Sentry'),
      'content-type': 'application/x-sentry-envelope',
      'content-encoding': 'gzip',
      'user-agent': `faultline/${VERSION}`,
    },
    connection,
    timeoutMs: requestTimeoutMs,
  };
  const pending = createPendingEvents(
    { maxCount: maxPending, maxBytes: maxPendingBytes },
    {
      read: (id) => journal?.readIssue(id),
      onGone() {
        countDropped('recorder');
        lastError = GONE_FROM_DISK;
      },
    },
  );
  const flushes = createFlushes(pending);
  let sent = 0;
  let failed = 0;
  const dropped: Partial<Record<DropReason, number>> = {};
  let leftOnDisk = 0;
  let lastError: string | undefined;

  let running = false;
  let closed = false;
  /** Sentry takes nothing before this. */
  let limitedUntilMs = -Infinity;
  /** How long it has asked for that in all. */
  let limitedForMs = 0;
  /** Nothing is tried before this, because something has failed. */
  let retryAtMs = -Infinity;
  /** Failures since an event was decided: those while nobody waited, and those while somebody did. */
  let backoff = { patient: 0, hurried: 0 };
  /** Since when something waits and nothing has been decided. */
  let troubledSinceMs: number | undefined;
  /** The pause before the next attempt. */
  let rest: { readonly untilMs: number; readonly isAskedFor: boolean; readonly end: () => void } | undefined;

  const countDropped = (reason: DropReason, count = 1): void => {
    dropped[reason] = (dropped[reason] ?? 0) + count;
  };

  const sayUndelivered = (count: number, { cause, sentence }: Explanation): void => {
    lastError = sentence;
    report({ key: `issues:${cause}`, message: `${countIssues(count)} not delivered: ${sentence}` });
  };

  /** Gives up events that the journal has. */
  const leaveOnDisk = (count: number, sentence: string): void => {
    leftOnDisk += count;
    lastError = sentence;
    report({ key: 'issues:left', message: `${countIssues(count)} left on disk for the next start: ${sentence}` });
  };

  /** Said with the first one, when nobody knows how many there will be. */
  const dropFromQueue = (events: readonly PendingEvent[]): void => {
    if (events.length === 0) return;
    countDropped('queue_full', events.length);
    report({
      key: 'issues:queue_full',
      message: `Issues were not delivered: more came than ${host} takes and memory holds, and the oldest had to go; status.issues.dropped.queue_full counts them`,
    });
    checkFlushes();
  };

  const checkFlushes = (): void => flushes.check(rest?.untilMs);

  const strike = ({ eventId }: PendingEvent): void => {
    if (eventId !== undefined) journal?.strikeIssue(eventId);
  };

  /** Somebody who waits has less time than an outage may take. */
  const nextBackoffMs = (): number => {
    if (!flushes.isWaiting) return jittered(backoffMs((backoff.patient += 1), BACKOFF));
    return jittered(backoffMs((backoff.hurried += 1), HURRIED_BACKOFF));
  };

  const endBackoff = (): void => {
    backoff = { patient: 0, hurried: 0 };
    retryAtMs = -Infinity;
  };

  /** Without the pauses Sentry has asked for. */
  const unlimitedMs = (): number => clock.now() - limitedForMs;

  const limit = (pauseMs: number): void => {
    if (pauseMs <= 0) return;
    limitedUntilMs = clock.now() + pauseMs;
    limitedForMs += pauseMs;
  };

  const noteFailure = ({ attempts }: PendingEvent, atMs: number): void => {
    const { last = { atMs, sent } } = attempts;
    attempts.isSuspect ||= sent > last.sent;
    // Where all that wait fail, the reason is none of them.
    const isAlone = sent > last.sent || pending.size === 1;
    if (isAlone) attempts.triedForMs += Math.min(atMs - last.atMs, LONGEST_COUNTED_MS);
    attempts.failures += 1;
    attempts.last = { atMs, sent };
  };

  const accepted = (event: PendingEvent): void => {
    if (!pending.take(event)) return;
    sent += 1;
    strike(event);
  };

  const refused = (event: PendingEvent, answer: Answer): void => {
    if (!pending.take(event)) return;
    const why = explainAnswer(answer, target);
    if (event.isKept && !isAboutTheEvent(answer)) return leaveOnDisk(1, why.sentence);
    failed += 1;
    strike(event);
    sayUndelivered(1, why);
  };

  const noteTrouble = ({ attempts }: PendingEvent, { sentence }: Explanation): void => {
    lastError = sentence;
    attempts.trouble = sentence;
  };

  /** Whoever waits is told in another way, and what fails while others are accepted says nothing of Sentry. */
  const sayTrouble = ({ attempts }: PendingEvent, { cause, sentence }: Explanation): void => {
    if (attempts.isSuspect) return;
    troubledSinceMs ??= clock.now();
    if (flushes.isWaiting || clock.now() - troubledSinceMs < SAID_AFTER_MS) return;
    const message = `Issues wait to be sent, because ${sentence}; they are kept and tried again`;
    report({ key: `issues:outage:${cause}`, message });
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
      rest = { untilMs, isAskedFor: limitedUntilMs >= untilMs, end };
      checkFlushes();
    });
  };

  /** Tries once. When that fails, the event stays under way, or it is the turn of others. */
  const attempt = async (event: PendingEvent): Promise<void> => {
    const { attempts, isKept } = event;
    attempts.last ??= { atMs: unlimitedMs(), sent };
    const body = await gzip(createEnvelope(event, new Date()));
    if (!pending.has(event)) return;
    // Not in the context of whatever failed: its baggage would travel along, and the request be traced.
    const answer = await untraced(post)(target, body);
    const answeredAtMs = unlimitedMs();
    const pauseMs = jittered(answer.kind === 'answered' ? askedPauseMs(answer, RATE_LIMITS, Date.now()) : 0);
    limit(pauseMs);
    if (!pending.has(event)) return;
    if (!isPassing(answer)) {
      endBackoff();
      troubledSinceMs = undefined;
      return isAccepted(answer) ? accepted(event) : refused(event, answer);
    }
    const wasKept = answer.kind === 'broken' && answer.wasKept === true;
    retryAtMs = pauseMs > 0 ? limitedUntilMs : clock.now() + (wasKept ? 0 : nextBackoffMs());
    noteFailure(event, answeredAtMs);
    if (attempts.triedForMs >= RETRY_BUDGET_MS && !isKept) return refused(event, answer);
    const why = explainAnswer(answer, target);
    noteTrouble(event, why);
    sayTrouble(event, why);
    if (attempts.failures >= FAILURES_IN_TURN) pending.putBehind(event);
  };

  const run = async (): Promise<void> => {
    while (pending.size > 0) {
      await restUntil(Math.max(retryAtMs, limitedUntilMs));
      const event = pending.next();
      if (event === undefined) break;
      await attempt(event).catch((error: Error) => refused(event, { kind: 'broken', error }));
      checkFlushes();
    }
    running = false;
    // Also when the last one was given up: what fails next may be another trouble.
    if (pending.size === 0) troubledSinceMs = undefined;
    checkFlushes();
  };

  const keep = ({ eventId, payload }: EncodedEvent): boolean =>
    eventId !== undefined && journal?.keepIssue(eventId, payload.toString()) === true;

  const start = (): void => {
    if (running) return;
    running = true;
    // Not at once: the run that failed has its own work to finish first.
    setImmediate(() => void run());
  };

  const lastWordOf = (event: PendingEvent, askedBeforeMs: number): LastWord => {
    const word: LastWord = {
      request: {
        url,
        headers: target.headers,
        proxy: connection.proxy,
        body: gzipNow(createEnvelope(event, new Date())),
      },
      pauseMs: askedBeforeMs,
      settle(answer) {
        const pauseMs = answer.kind === 'answered' ? askedPauseMs(answer, LAST_RATE_LIMITS, Date.now()) : 0;
        limit(pauseMs);
        if (isPassing(answer)) {
          // How long the answer may have taken was not the server's choice.
          if (answer.kind !== 'timeout') noteTrouble(event, explainAnswer(answer, target));
          return { words: [word], pauseMs };
        }
        if (isAccepted(answer)) accepted(event);
        else refused(event, answer);
        return { words: [], pauseMs };
      },
      // What is still pending is told when the sender is closed.
      giveUp() {},
    };
    return word;
  };

  return {
    send(event) {
      if (closed) {
        report(TOO_LATE);
        return countDropped('closed');
      }
      const encoded = encodeEvent(event);
      dropFromQueue(pending.add(encoded, keep(encoded)));
      start();
    },
    restore(ids) {
      if (closed || ids.length === 0) return;
      for (const id of ids) pending.addKept(id);
      start();
    },
    flush(withinMs = Infinity) {
      const flushed = flushes.add(clock.now(), withinMs);
      if (rest?.isAskedFor === false) rest.end();
      checkFlushes();
      return flushed;
    },
    close() {
      if (closed) return;
      closed = true;
      const { kept, unkept, trouble } = pending.clear();
      const them = kept + unkept === 1 ? 'it' : 'them';
      const sentence = trouble ?? `${host} did not take ${them} before the time for it was over`;
      if (kept > 0) leaveOnDisk(kept, sentence);
      if (unkept > 0) {
        countDropped('closed', unkept);
        sayUndelivered(unkept, { cause: 'closed', sentence });
      }
      connection.abort();
      rest?.end();
      checkFlushes();
    },
    lastWords(withinMs) {
      const pauseMs = Math.max(limitedUntilMs - clock.now(), 0);
      if (closed || pauseMs > withinMs) return [];
      // The newest one tells why the process dies, so it goes first.
      return [...pending].toReversed().map((event) => lastWordOf(event, pauseMs));
    },
    get isPaused() {
      return Math.max(retryAtMs, limitedUntilMs) > clock.now() && pending.size > 0;
    },
    get status() {
      const status = { url, sent, failed, pending: pending.size, leftOnDisk, dropped: { ...dropped } };
      return lastError === undefined ? status : { ...status, lastError };
    },
  };
}

/** The recorder has said why. */
const GONE_FROM_DISK = 'the flight recorder no longer has an Issue that waited there';

/** There is no later for a process that dies: without a time to wait in the answer, waits grow as after any failure. */
const LAST_RATE_LIMITS = { ...RATE_LIMITS, unsaidPauseMs: 0 };

const TOO_LATE: Problem = {
  key: 'issues:late',
  message:
    'an Issue was captured after the last ones were sent, so it was not delivered; capture it before shutdown(), and ' +
    "add an 'exit' listener that captures some before setupTracing() is called",
};

/** `an Issue was`, or how many were. */
export function countIssues(count: number): string {
  return count === 1 ? 'an Issue was' : `${count} Issues were`;
}
