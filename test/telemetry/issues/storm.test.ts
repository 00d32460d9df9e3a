import { describe, expect, it } from 'vitest';

import type { SentryEvent } from '../../../src/telemetry/issues/sentry-event.ts';
import { createStormGuard, withHeldBack, type StormGuard } from '../../../src/telemetry/issues/storm.ts';
import { turnedClock } from '../http/clocks.ts';
import { anEvent } from './sending.ts';
import { fc } from '../../support/properties.ts';

const MINUTE_MS = 60_000;

function guarded() {
  const clock = turnedClock();
  return { clock, guard: createStormGuard(clock) };
}

/** Has as many let through as are in a minute. */
function fill(guard: StormGuard, event: SentryEvent, detail?: string): void {
  for (let count = 0; count < 5; count += 1) expect(guard.admit(event, detail)).toBe(0);
}

describe('a failure that repeats', () => {
  const event = anEvent({ fingerprint: ['tool.execution', 'TypeError'], contexts: { faultline: { run_id: 'r' } } });

  it('is let through five times a minute, unchanged', () => {
    const { guard } = guarded();
    const admitted = Array.from({ length: 8 }, () => guard.admit(event));
    expect(admitted).toEqual([0, 0, 0, 0, 0, undefined, undefined, undefined]);
    expect(withHeldBack(event, 0)).toBe(event);
    expect(guard).toMatchObject({ heldBack: 3, untold: 3 });
  });

  it('says in the next window how often it was held back, once', () => {
    const { guard, clock } = guarded();
    fill(guard, event);
    guard.admit(event);
    guard.admit(event);
    clock.turn(MINUTE_MS);

    expect(guard.admit(event)).toBe(2);
    expect(guard.untold).toBe(0);
    clock.turn(MINUTE_MS);
    expect(guard.admit(event)).toBe(0);
    expect(withHeldBack(event, 2).contexts).toEqual({ faultline: { run_id: 'r', held_back: 2 } });
    expect(event.contexts).toEqual({ faultline: { run_id: 'r' } });
  });

  it('has as many places on disk as are let through, of which those of an earlier window take none', () => {
    const { guard, clock } = guarded();
    for (let count = 0; count < 4; count += 1) guard.admit(event);
    const first = guard.reserve(event);
    expect(guard.reserve(event)).toBeUndefined();
    first?.();
    const again = guard.reserve(event);
    expect(again).toBeDefined();

    clock.turn(MINUTE_MS);
    expect(Array.from({ length: 5 }, () => guard.reserve(event))).not.toContain(undefined);
    again?.();
    expect(guard.reserve(event)).toBeUndefined();
    fill(guard, event);
    expect(guard.admit(event)).toBeUndefined();
  });

  it('is still held back just before the window is over', () => {
    const { guard, clock } = guarded();
    fill(guard, event);
    clock.turn(MINUTE_MS - 1);
    expect(guard.admit(event)).toBeUndefined();
  });
});

describe('what counts as the same failure:', () => {
  const isSame = (one: SentryEvent, other: SentryEvent): boolean => {
    const { guard } = guarded();
    fill(guard, one);
    return guard.admit(other) === undefined;
  };
  const failingAt = (lineno: number): NonNullable<SentryEvent['exception']> => ({
    values: [
      {
        type: 'TypeError',
        value: 'boom',
        mechanism: { type: 'generic', handled: false, exception_id: 0 },
        stacktrace: { frames: [{ function: 'run', filename: 'app.js', lineno, in_app: true }] },
      },
    ],
  });

  it('one fingerprint, whatever the message', () => {
    const fingerprint = ['a'];
    expect(isSame(anEvent({ fingerprint }), anEvent({ fingerprint, exception: failingAt(1) }))).toBe(true);
    expect(isSame(anEvent({ fingerprint }), anEvent({ fingerprint: ['b'] }))).toBe(false);
  });

  it('not one with another detail', () => {
    const { guard } = guarded();
    const event = anEvent();
    fill(guard, event, '1:2:429');
    expect(guard.admit(event, '1:2:429')).toBeUndefined();
    fill(guard, event, '1:2:401');
    expect(guard.reserve(event, '1:2:401')).toBeUndefined();
    expect(guard.reserve(event, '3:4:429')).toBeDefined();
  });

  it('not one that was survived and one that ends the process', () => {
    const fingerprint = ['a'];
    expect(isSame(anEvent({ fingerprint }), anEvent({ fingerprint, level: 'fatal' }))).toBe(false);
  });

  it('class and place, where the grouping is left to Sentry', () => {
    for (const fingerprint of [[], ['{{ default }}', 'x'], undefined as unknown as string[]]) {
      const at = (lineno: number): SentryEvent => anEvent({ fingerprint, exception: failingAt(lineno) });
      expect(isSame(at(1), at(1))).toBe(true);
      expect(isSame(at(1), at(2))).toBe(false);
    }
  });

  it('the sentence of a message, where the grouping is left to Sentry', () => {
    const said = (formatted: string): SentryEvent => {
      const { exception: _, ...event } = anEvent({ fingerprint: [], logentry: { formatted } });
      return event;
    };
    expect(isSame(said('no seat left'), said('no seat left'))).toBe(true);
    expect(isSame(said('no seat left'), said('no table left'))).toBe(false);
  });
});

it('of more kinds than it can tell apart, the one not seen for longest is forgotten', () => {
  const { guard } = guarded();
  const kind = (name: string): SentryEvent => anEvent({ fingerprint: [name] });
  fill(guard, kind('a'));
  fill(guard, kind('b'));
  for (let other = 0; other < 498; other += 1) guard.admit(kind(`other ${other}`));
  expect(guard.admit(kind('a'))).toBeUndefined();
  guard.admit(kind('one more than it can tell apart'));

  expect(guard.admit(kind('b'))).toBeDefined();
  expect(guard.admit(kind('a'))).toBeUndefined();
  expect(guard.untold).toBe(2);
});

it('never lets more than the limit through, and tells of all it holds back', () => {
  const step = fc.record({ kind: fc.constantFrom('a', 'b', 'c'), passes: fc.integer({ min: 0, max: 7_000 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
      const { guard, clock } = guarded();
      const admittedAt: Record<string, number[]> = {};
      let heldBack = 0;
      let told = 0;
      for (const { kind, passes } of steps) {
        clock.turn(passes);
        const admitted = guard.admit(anEvent({ fingerprint: [kind] }));
        if (admitted === undefined) heldBack += 1;
        else (admittedAt[kind] ??= []).push(clock.now());
        told += admitted ?? 0;
      }
      expect(told + guard.untold).toBe(heldBack);
      expect(guard.heldBack).toBe(heldBack);
      // Five are let through in a minute, so of any eleven the first and the last are a whole minute apart.
      const spans = Object.values(admittedAt).flatMap((times) =>
        times.slice(10).map((time, index) => time - times[index]!),
      );
      expect(spans.filter((span) => span < MINUTE_MS)).toEqual([]);
    }),
  );
});
