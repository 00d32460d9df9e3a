import { describe, expect, it } from 'vitest';

import { parseEnvelope } from '../../../src/receiver/envelope.ts';
import { createEnvelope, encodeEvent, MAX_EVENT_BYTES } from '../../../src/telemetry/issues/envelope.ts';
import type { SentryEvent, SentryFrame } from '../../../src/telemetry/issues/sentry-event.ts';
import { VERSION } from '../../../src/telemetry/config/version.ts';
import { anEvent } from './sending.ts';
import { fc } from '../../support/properties.ts';

const SENT_AT = new Date('2026-11-20T17:22:24.730Z');

/** The event as Sentry reads it. */
function received(event: SentryEvent): SentryEvent {
  return JSON.parse(encodeEvent(event).payload.toString()) as SentryEvent;
}

describe('an envelope', () => {
  it('is a line about itself, a line about the event, and the event, and nothing of the DSN', () => {
    const event = anEvent({ logentry: { formatted: 'a line\nand an ümläut 🎉' } });
    const bytes = Buffer.from(createEnvelope(encodeEvent(event), SENT_AT));
    const payload = Buffer.from(JSON.stringify(event));

    expect(bytes.toString().split('\n')).toEqual([
      `{"event_id":"${event.event_id}","sent_at":"2026-11-20T17:22:24.730Z","sdk":{"name":"faultline","version":"${VERSION}"}}`,
      `{"type":"event","content_type":"application/json","length":${payload.length}}`,
      payload.toString(),
      '',
    ]);
  });

  it('is read by a parser of envelopes', () => {
    const event = anEvent();
    const { items } = parseEnvelope(createEnvelope(encodeEvent(event), SENT_AT));
    expect(items).toMatchObject([{ type: 'event', payload: event }]);
  });

  it('leaves an id that is none to Sentry', () => {
    const event = anEvent({ event_id: 'not an id' });
    expect(parseEnvelope(createEnvelope(encodeEvent(event), SENT_AT)).headers).not.toHaveProperty('event_id');
  });
});

describe('an event larger than Sentry takes', () => {
  const breadcrumbs = (count: number, length: number): NonNullable<SentryEvent['breadcrumbs']> => ({
    values: Array.from({ length: count }, (_, index) => ({
      timestamp: index,
      category: 'tool',
      message: 'x'.repeat(length),
    })),
  });
  const stack = (count: number, length: number): NonNullable<SentryEvent['exception']> => {
    const frames = Array.from({ length: count }, (_, index): SentryFrame => ({
      function: `f${index}`,
      filename: 'x'.repeat(length),
      in_app: true,
    }));
    const mechanism = { type: 'generic', handled: false, exception_id: 0 };
    return { values: [{ type: 'Error', value: 'boom', mechanism, stacktrace: { frames } }] };
  };
  const frameNames = (event: SentryEvent): unknown =>
    event.exception?.values[0]?.stacktrace?.frames.map(({ function: name }) => name);

  it('of exactly the limit is sent as it is', () => {
    const event = anEvent();
    const left = MAX_EVENT_BYTES - encodeEvent({ ...event, server_name: '' }).payload.length;
    const { payload } = encodeEvent({ ...event, server_name: 'x'.repeat(left) });
    expect(payload.length).toBe(MAX_EVENT_BYTES);
    expect(received({ ...event, server_name: 'x'.repeat(left + 1) })).toHaveProperty('contexts.faultline.shortened');
  });

  it('loses its older breadcrumbs first', () => {
    const event = anEvent({ breadcrumbs: breadcrumbs(100, 20_000), exception: stack(50, 100) });
    const shorter = received(event);
    expect(shorter.breadcrumbs?.values.map(({ timestamp }) => timestamp)).toEqual([
      90, 91, 92, 93, 94, 95, 96, 97, 98, 99,
    ]);
    expect(shorter.exception).toEqual(event.exception);
    expect(shorter.contexts).toEqual({ ...event.contexts, faultline: { shortened: ['breadcrumbs'] } });
  });

  it('loses all breadcrumbs when a few are too many', () => {
    const shorter = received(anEvent({ breadcrumbs: breadcrumbs(100, 200_000), exception: stack(50, 100) }));
    expect(shorter).not.toHaveProperty('breadcrumbs');
    expect(shorter.exception).toEqual(stack(50, 100));
  });

  it('then loses the contexts of the application, and keeps its own, tags and frames', () => {
    const own = {
      trace: { trace_id: 'a' },
      runtime: { name: 'node' },
      os: { name: 'Linux' },
      app: { app_name: 'shop' },
    };
    const event = anEvent({ exception: stack(50, 100), tags: { tool: 'get_weather' } });
    const contexts = { ...own, cart: { items: 'x'.repeat(600_000) }, session: { state: 'x'.repeat(600_000) } };
    expect(received({ ...event, contexts })).toEqual({
      ...event,
      contexts: { ...own, faultline: { shortened: ['breadcrumbs', 'contexts'] } },
    });
  });

  it('then loses its outer frames, and keeps the crashing ones', () => {
    const contexts = { trace: { trace_id: 'a' }, faultline: { run_id: 'r' } };
    const { values } = stack(50, 50_000);
    const { stacktrace: _, ...withoutStack } = values[0]!;
    const shorter = received(anEvent({ exception: { values: [...values, withoutStack] }, contexts }));
    expect(shorter.exception?.values[1]).toEqual(withoutStack);
    expect(frameNames(shorter)).toEqual(Array.from({ length: 10 }, (_, index) => `f${index + 40}`));
    expect(shorter.contexts).toEqual({
      trace: { trace_id: 'a' },
      faultline: { run_id: 'r', shortened: ['breadcrumbs', 'contexts', 'frames'] },
    });
  });

  it('then loses all frames', () => {
    const shorter = received(anEvent({ exception: stack(50, 500_000) }));
    expect(shorter.exception?.values).toEqual([
      { type: 'Error', value: 'boom', mechanism: { type: 'generic', handled: false, exception_id: 0 } },
    ]);
  });

  it('at last keeps the error, its place in the trace and its grouping', () => {
    const event = anEvent({
      tags: { huge: 'x'.repeat(2_000_000) },
      release: 'app@1',
      transaction: 'agent.invoke helper',
    });
    const { tags: _, ...rest } = event;
    expect(received(event)).toEqual({
      ...rest,
      exception: { values: [{ type: 'TypeError', value: 'boom', mechanism: { type: 'generic', handled: false } }] },
      contexts: { trace: event.contexts['trace'], faultline: { shortened: ['everything but the error'] } },
      sdk: { name: 'faultline', version: VERSION },
    });
  });

  it('keeps the beginning of a grouping that is too large itself', () => {
    const fingerprint = Array.from({ length: 50 }, (_, index) => String(index).padEnd(12_000, '🎉'));
    // Sentry refuses a whole event for half of a surrogate pair.
    expect(received(anEvent({ fingerprint })).fingerprint).toEqual(
      fingerprint.slice(0, 10).map((part) => `${part.slice(0, 999)}\ufffd`),
    );
  });

  it('keeps its id', () => {
    const event = anEvent({ tags: { huge: 'x'.repeat(2_000_000) } });
    expect(encodeEvent(event).eventId).toBe(event.event_id);
    expect(received(event).event_id).toBe(event.event_id);
  });
});

describe('what JSON cannot write', () => {
  const contexts = (value: unknown): Pick<SentryEvent, 'contexts'> => ({ contexts: { mine: { value, beside: 1 } } });
  const throwing = {
    get secret(): string {
      throw new Error('no');
    },
    beside: 1,
  };
  const refusing = {
    toJSON(): never {
      throw new Error('no');
    },
  };
  const circular: Record<string, unknown> = { beside: 1 };
  circular['self'] = circular;
  let deep: unknown = 'bottom';
  for (let depth = 0; depth < 20_000; depth += 1) deep = [deep];

  it.each([
    ['a big number', 12n, '12'],
    ['a circle', circular, { beside: 1, self: '[circular]' }],
    ['a property that throws', throwing, { secret: '[unreadable]', beside: 1 }],
    ['a toJSON that throws', refusing, '[unreadable]'],
    ['a proxy that was revoked', revoked(), '[unreadable]'],
    [
      'half of a surrogate pair',
      { 'ab\ud83d': ['\udc00\\', '\\ud83d', '🎉'] },
      { 'ab\ufffd': ['\ufffd\\', '\\ud83d', '🎉'] },
    ],
    ['a function that says how to write it', Object.assign(() => {}, refusing), undefined],
  ])('is replaced, and all beside it is sent: %s', (_, value, expected) => {
    const event = anEvent(contexts(value));
    expect(received(event)).toEqual({ ...event, contexts: { mine: { value: expected, beside: 1 } } });
  });

  it('is cut where it is too deep', () => {
    expect(JSON.stringify(received(anEvent(contexts(deep))).contexts)).toContain('[cut]');
  });

  it('is cut where it has too many parts', () => {
    const row = Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [index, 0]));
    const { mine } = received(anEvent(contexts([circular, ...Array.from({ length: 1_000 }, () => row)]))).contexts;
    const rows = mine?.['value'] as readonly object[];
    expect(rows).toHaveLength(1_000);
    expect(Object.keys(rows[1]!)).toHaveLength(1_000);
    expect(rows.at(-1)).toBe('[cut]');
  });

  it('is cut where it is too long', () => {
    const event = anEvent(contexts([circular, ...Array.from({ length: 10 }, () => 'x'.repeat(1_000_000))]));
    expect(received(event)).toMatchObject({
      event_id: event.event_id,
      fingerprint: event.fingerprint,
      contexts: { faultline: { shortened: ['breadcrumbs', 'contexts'] } },
    });
  });

  it('does not take the shapes apart that beforeSend may have made of an event', () => {
    for (const spoilt of [null, undefined, 1, 'text', [], {}, { exception: 1, contexts: null, breadcrumbs: 7 }]) {
      expect(encodeEvent(spoilt as unknown as SentryEvent).payload.length).toBeGreaterThan(0);
    }
    const large = { exception: { values: [null] }, tags: 'x'.repeat(2_000_000), event_id: 7, fingerprint: 3 };
    expect(encodeEvent(large as unknown as SentryEvent).payload.length).toBeLessThanOrEqual(MAX_EVENT_BYTES);
  });
});

it('whatever an event holds, it is written in at most the size Sentry takes', () => {
  const text = fc.oneof(
    fc.string(),
    fc.integer({ min: 0, max: 1_500_000 }).map((length) => '☃'.repeat(length / 3)),
  );
  const event = fc.record(
    {
      event_id: fc.oneof(fc.constant('a'.repeat(32)), text),
      timestamp: fc.anything(),
      level: text,
      tags: fc.dictionary(fc.string(), text, { maxKeys: 3 }),
      contexts: fc.dictionary(fc.string(), fc.anything({ withBigInt: true }), { maxKeys: 3 }),
      fingerprint: fc.array(text, { maxLength: 3 }),
      transaction: text,
      exception: fc.record({
        values: fc.array(fc.record({ type: text, value: text, mechanism: fc.anything() }), { maxLength: 3 }),
      }),
      logentry: fc.record({ formatted: text }),
      breadcrumbs: fc.record({ values: fc.array(fc.record({ message: text }), { maxLength: 12 }) }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(event, (event) => {
      const encoded = encodeEvent(event as unknown as SentryEvent);
      expect(encoded.payload.length).toBeLessThanOrEqual(MAX_EVENT_BYTES);
      const { items } = parseEnvelope(createEnvelope(encoded, SENT_AT));
      expect(items).toHaveLength(1);
      expect(items[0]?.payload).toBeTypeOf('object');
    }),
    { numRuns: 25 },
  );
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
