import { randomUUID } from 'node:crypto';

import type { SentryEvent } from '../../../src/telemetry/issues/sentry-event.ts';
import type { EventJournal } from '../../../src/telemetry/issues/sender.ts';
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

/** Names without numbers in them, which would be one kind. */
export function letters(count: number): string {
  return String(count).replaceAll(/\d/g, (digit) => 'abcdefghij'[Number(digit)]!);
}

/** A journal in memory. */
export function aJournal(): EventJournal & { readonly kept: ReadonlyMap<string, string> } {
  const kept = new Map<string, string>();
  return {
    kept,
    keepIssue(id, payload) {
      kept.set(id, payload);
      return true;
    },
    readIssue: (id) => kept.get(id),
    strikeIssue: (id) => void kept.delete(id),
  };
}
