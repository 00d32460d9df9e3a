import { describe, expect, it } from 'vitest';

import type { SentryEvent } from '../../../src/telemetry/issues/sentry-event.ts';
import { createStormGuard, withHeldBack, type StormLimits } from '../../../src/telemetry/issues/storm.ts';
import { turnedClock } from '../http/clocks.ts';
import { anEvent } from './sending.ts';
import { fc } from '../../support/properties.ts';

function guarded(limits?: StormLimits) {
  const clock = turnedClock();
  return { clock, guard: createStormGuard(() => clock.now(), limits) };
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
    const { guard, clock } = guarded({ maxPerWindow: 1, windowMs: 1_000 });
    guard.admit(event);
    guard.admit(event);
    guard.admit(event);
    clock.turn(1_000);

    expect(guard.admit(event)).toBe(2);
    expect(guard.untold).toBe(0);
    clock.turn(1_000);
    expect(guard.admit(event)).toBe(0);
    expect(withHeldBack(event, 2).contexts).toEqual({ faultline: { run_id: 'r', held_back: 2 } });
    expect(event.contexts).toEqual({ faultline: { run_id: 'r' } });
  });

  it('has as many places on disk as are let through, of which those of an earlier window take none', () => {
    const { guard, clock } = guarded({ maxPerWindow: 2, windowMs: 1_000 });
    guard.admit(event);
    const first = guard.reserve(event);
    expect(guard.reserve(event)).toBeUndefined();
    first?.();
    const again = guard.reserve(event);
    expect(again).toBeDefined();

    clock.turn(1_000);
    expect([guard.reserve(event), guard.reserve(event)]).not.toContain(undefined);
    again?.();
    expect(guard.reserve(event)).toBeUndefined();
    expect([guard.admit(event), guard.admit(event), guard.admit(event)]).toEqual([0, 0, undefined]);
  });

  it('is still held back just before the window is over', () => {
    const { guard, clock } = guarded({ maxPerWindow: 1 });
    guard.admit(event);
    clock.turn(59_999);
    expect(guard.admit(event)).toBeUndefined();
  });
});

describe('what counts as the same failure:', () => {
  const isSame = (one: SentryEvent, other: SentryEvent): boolean => {
    const { guard } = guarded({ maxPerWindow: 1 });
    guard.admit(one);
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
    const { guard } = guarded({ maxPerWindow: 1 });
    const event = anEvent();
    expect([guard.admit(event, '1:2:429'), guard.admit(event, '1:2:429')]).toEqual([0, undefined]);
    expect(guard.admit(event, '1:2:401')).toBe(0);
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
  const { guard } = guarded({ maxPerWindow: 1, maxKinds: 2 });
  const kind = (name: string): SentryEvent => anEvent({ fingerprint: [name] });
  guard.admit(kind('a'));
  guard.admit(kind('b'));
  expect(guard.admit(kind('a'))).toBeUndefined();
  guard.admit(kind('c'));

  expect(guard.admit(kind('a'))).toBeUndefined();
  expect(guard.admit(kind('b'))).toBeDefined();
  expect(guard.untold).toBe(2);
});

it('never lets more than the limit through, and tells of all it holds back', () => {
  const step = fc.record({ kind: fc.constantFrom('a', 'b', 'c'), passes: fc.integer({ min: 0, max: 700 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { guard, clock } = guarded({ maxPerWindow: 2, windowMs: 1_000 });
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
      // Two are let through per window, so of any five the first and the last are a whole window apart.
      const spans = Object.values(admittedAt).flatMap((times) =>
        times.slice(4).map((time, index) => time - times[index]!),
      );
      expect(spans.filter((span) => span < 1_000)).toEqual([]);
    }),
  );
});
