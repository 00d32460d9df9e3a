import { randomUUID } from 'node:crypto';

import type { Clock } from '../../../src/telemetry/issues/clock.ts';
import type { SentryEvent } from '../../../src/telemetry/issues/sentry-event.ts';
import type { FakeSentry } from '../../../src/testing/fake-sentry.ts';

/** An event of its own kind. */
export function anEvent(overrides: Partial<SentryEvent> = {}): SentryEvent {
  const id = randomUUID().replaceAll('-', '');
  return {
    event_id: id,
    timestamp: 1_795_195_344.729,
    platform: 'node',
    level: 'error',
    logger: 'faultline',
    environment: 'production',
    tags: { agent: 'helper' },
    contexts: { trace: { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) } },
    fingerprint: [id],
    exception: {
      values: [
        {
          type: 'TypeError',
          value: 'boom',
          mechanism: { type: 'generic', handled: false, exception_id: 0 },
          stacktrace: { frames: [{ function: 'run', filename: 'app.js', lineno: 24, colno: 103, in_app: true }] },
        },
      ],
    },
    sdk: { name: 'faultline', version: '0.0.0' },
    ...overrides,
  };
}

/** The events a fake Sentry has accepted. */
export function receivedEvents({ envelopes }: Pick<FakeSentry, 'envelopes'>): SentryEvent[] {
  return envelopes.flatMap(({ items }) => items.map(({ payload }) => payload as SentryEvent));
}

/** A clock that stands still until it is turned. */
export interface TurnedClock extends Clock {
  /** Lets time pass, and what waited for it happen. */
  turn(ms: number): void;
  /** What is waited for, in milliseconds from now. */
  readonly waits: readonly number[];
}

export function turnedClock(): TurnedClock {
  let nowMs = 1_000_000;
  const timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  return {
    now: () => nowMs,
    after(delayMs, run) {
      const timer = { atMs: nowMs + delayMs, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    turn(ms) {
      nowMs += ms;
      for (const timer of timers) {
        if (timer.atMs > nowMs) continue;
        timers.delete(timer);
        timer.run();
      }
    },
    get waits() {
      return [...timers].map(({ atMs }) => atMs - nowMs);
    },
  };
}

/** A clock on which every wait is over at once, which remembers how long each should have been. */
export interface HurriedClock extends Clock {
  readonly waited: readonly number[];
  /** Lets time pass. */
  turn(ms: number): void;
}

export function hurriedClock(): HurriedClock {
  let nowMs = 1_000_000;
  const waited: number[] = [];
  return {
    waited,
    now: () => nowMs,
    turn(ms) {
      nowMs += ms;
    },
    after(delayMs, run) {
      waited.push(delayMs);
      const timer = setImmediate(() => {
        nowMs += delayMs;
        run();
      });
      return () => clearImmediate(timer);
    },
  };
}
