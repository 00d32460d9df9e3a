import { describe, expect, it } from 'vitest';

import type { HeldFailure } from '../../../src/telemetry/active.ts';
import type { Breadcrumb, CapturedFailure } from '../../../src/telemetry/captured.ts';
import { createContentPolicy } from '../../../src/telemetry/content/policy.ts';
import type { SentryEvent } from '../../../src/telemetry/issues/sentry-event.ts';
import { createIssueSink, type IssueSinkParts, type ReleasableSink } from '../../../src/telemetry/issues/sink.ts';
import { createStormGuard, type StormGuard } from '../../../src/telemetry/issues/storm.ts';
import { turnedClock, type TurnedClock } from '../http/clocks.ts';
import { aJournal, letters } from './sending.ts';

interface Given {
  readonly sink: ReleasableSink;
  /** What was sent. */
  readonly events: readonly SentryEvent[];
  readonly guard: StormGuard;
  readonly clock: TurnedClock;
}

function createSink(parts: Partial<IssueSinkParts> = {}): Given {
  const clock = turnedClock();
  const guard = createStormGuard(clock);
  const events: SentryEvent[] = [];
  const sink = createIssueSink({
    send: (event) => events.push(event),
    guard,
    environment: { environment: 'test', resource: {} },
    options: {},
    sampleRate: 1,
    report: () => {},
    ...parts,
  });
  return { sink, events, guard, clock };
}

/** A failure of its own: the same one as all others, and not the same error. */
function aFailure(error: Error = new TypeError('boom')): CapturedFailure {
  return {
    error,
    point: 'tool.execution',
    handled: true,
    mechanism: 'faultline.tool.execution',
    occurredAtMs: 1_795_195_344_729,
    level: 'warning',
    tags: { tool: 'get_weather' },
    contexts: {},
    breadcrumbs: [],
  };
}

/** The same where nobody goes on from it. */
function anEnd(): CapturedFailure {
  return { ...aFailure(), handled: false };
}

/** Says what is written of it, and holds nothing else anybody could read. */
class ClosedReport {
  readonly #event: SentryEvent;
  constructor(event: SentryEvent) {
    this.#event = event;
  }
  toJSON(): SentryEvent {
    return this.#event;
  }
}

/** Says that a copy is written of it, which has its function as well. */
function openReport(event: SentryEvent): SentryEvent {
  const report = { ...event, toJSON: (): SentryEvent => ({ ...report }) };
  return report;
}

describe('one failure that repeats', () => {
  it.each([undefined, (event: SentryEvent) => ({ ...event })])(
    'is held back after the fifth, and told of with the first of the next minute, which says all else as well',
    (beforeSend) => {
      const { sink, events, guard, clock } = createSink({ options: { beforeSend } });
      for (let count = 0; count < 12; count += 1) sink.capture(anEnd());
      expect(events).toHaveLength(5);
      expect(guard).toMatchObject({ heldBack: 7, untold: 7 });

      clock.turn(60_000);
      sink.capture(anEnd());
      const { level, tags, contexts } = events[0]!;
      expect(events.at(-1)).toMatchObject({ level, tags, contexts: { runtime: contexts['runtime'] } });
      expect(events.map((event) => event.contexts['faultline']?.['held_back'])).toEqual([
        ...Array.from({ length: 5 }, () => undefined),
        7,
      ]);
      expect(guard).toMatchObject({ heldBack: 7, untold: 0 });
    },
  );

  it('is held back also with a code that has an id in it, another one each time', () => {
    const { sink, events } = createSink();
    const fail = (error: Error, id: number): void =>
      sink.capture({
        ...aFailure(Object.assign(error, { code: `REQ_${id.toString(16).toUpperCase()}` })),
        handled: false,
      });
    for (let count = 0; count < 12; count += 1) fail(new Error('refused'), 0x8f_3a_2b_10 + count * 7_919);
    expect(events).toHaveLength(5);
  });

  it('is told a second after it was survived', () => {
    const clock = turnedClock();
    const { sink, events } = createSink({ clock });
    sink.capture(aFailure());
    clock.turn(999);
    expect(events).toHaveLength(0);
    clock.turn(1);
    expect(events).toHaveLength(1);
  });

  it('hides no other one of its group: of another line, or with another status', () => {
    const refused = (status: number, isElsewhere = false): Error => {
      const error = isElsewhere ? new Error('refused elsewhere') : new Error('refused');
      return Object.assign(error, { status });
    };
    for (const options of [{}, { beforeSend: (event: SentryEvent) => ({ ...event }) }]) {
      const { sink, events } = createSink({ options });
      const fail = (error: Error): void => sink.capture({ ...aFailure(error), handled: false });
      for (let count = 0; count < 20; count += 1) fail(refused(429));
      expect(events).toHaveLength(5);
      fail(refused(401));
      expect(events).toHaveLength(6);
      fail(refused(429, true));
      expect(events).toHaveLength(7);
      expect(new Set(events.map(({ fingerprint }) => JSON.stringify(fingerprint)))).toHaveProperty('size', 1);
    }
  });

  it('is what beforeSend says is one, and what it drops does not count', () => {
    let count = 0;
    const beforeSend = (event: SentryEvent): SentryEvent | null => {
      count += 1;
      return count <= 10 ? null : { ...event, fingerprint: [`kind ${count % 2}`] };
    };
    const { sink, events, guard } = createSink({ options: { beforeSend } });
    for (let failures = 0; failures < 22; failures += 1) {
      sink.capture({ ...anEnd(), error: Object.assign(new Error('refused'), { status: 400 + failures }) });
    }
    expect(events).toHaveLength(10);
    expect(guard.heldBack).toBe(2);
  });

  it.each([
    ['holds it alone', (event: SentryEvent) => new ClosedReport(event) as unknown as SentryEvent],
    ['is one itself', openReport],
  ])('is what beforeSend says is one, also by an object that says how it is written and %s', (_, beforeSend) => {
    const { sink, events, clock } = createSink({ options: { beforeSend } });
    for (let count = 0; count < 7; count += 1) sink.capture(anEnd());
    sink.capture({ ...anEnd(), tags: { tool: 'book' } });
    clock.turn(60_000);
    sink.capture(anEnd());
    const written = JSON.parse(JSON.stringify(events)) as SentryEvent[];
    expect(written.slice(4).map(({ tags, contexts }) => [tags?.['tool'], contexts?.['faultline']])).toEqual([
      ['get_weather', { failure_point: 'tool.execution' }],
      ['book', { failure_point: 'tool.execution' }],
      ['get_weather', { failure_point: 'tool.execution', held_back: 2 }],
    ]);
  });

  it('is sent although what captured it gave a level that cannot be read', () => {
    const { sink, events } = createSink();
    sink.capture({ ...anEnd(), level: 1n as never });
    expect(events).toHaveLength(1);
  });

  it('is sent although beforeSend has made an event of it that cannot be read', () => {
    const fingerprint: unknown[] = [];
    fingerprint.push(fingerprint);
    const { sink, events } = createSink({
      options: { beforeSend: (event) => ({ ...event, fingerprint }) as SentryEvent },
    });
    sink.capture(anEnd());
    expect(events).toHaveLength(1);
  });
});

describe('a failure whose run is not over', () => {
  const held = (): Given & { readonly failure: HeldFailure; readonly kept: ReadonlyMap<string, string> } => {
    const journal = aJournal();
    const given = createSink({ journal });
    return { ...given, failure: given.sink.hold(aFailure()), kept: journal.kept };
  };

  it('is kept in the journal, in the words it would have now', () => {
    const { events, kept } = held();
    expect(events).toEqual([]);
    expect([...kept.values()].map((payload) => JSON.parse(payload) as unknown)).toEqual([
      expect.objectContaining({ level: 'warning', tags: { tool: 'get_weather' } }),
    ]);
  });

  it('is struck and sent as it turned out when the run decides', () => {
    const { events, kept, failure } = held();
    failure.decide({ ...failure.failure, level: 'error', handled: false });
    expect(kept.size).toBe(0);
    expect(events).toMatchObject([{ level: 'error' }]);
  });

  it('waits for a minute at most, and is sent then as one the run went on from', () => {
    const clock = turnedClock();
    const { sink, events } = createSink({ clock });
    const survived = sink.hold(aFailure());
    const fatal = sink.hold({ ...aFailure(), tags: { tool: 'book' } });
    clock.turn(59_999);
    sink.settleSurvived();
    expect(events).toEqual([]);

    clock.turn(1);
    sink.settleSurvived();
    expect(events).toMatchObject([{ level: 'warning' }, { level: 'warning', tags: { tool: 'book' } }]);

    survived.decide({ ...survived.failure, handled: true });
    fatal.decide({ ...fatal.failure, level: 'error', handled: false });
    expect(events.slice(2)).toMatchObject([{ level: 'error', tags: { tool: 'book' } }]);
    expect(clock.waits).toEqual([]);
  });

  it('waits no longer once its run has ended', () => {
    const clock = turnedClock();
    const { sink } = createSink({ clock });
    const { failure, decide } = sink.hold(aFailure());
    expect(clock.waits).toEqual([60_000]);
    decide(failure);
    // For what may come of it.
    expect(clock.waits).toEqual([1_000]);
  });

  it('is struck when it became part of another one', () => {
    const { events, kept, failure } = held();
    failure.decide('dropped');
    expect(kept.size).toBe(0);
    expect(events).toEqual([]);
  });

  it('is struck and sent as it is when no run will decide any more', () => {
    const { sink, events, kept } = held();
    sink.release();
    expect(kept.size).toBe(0);
    expect(events).toMatchObject([{ level: 'warning' }]);
  });

  it('is not kept when it is no Issue, is sampled out, or beforeSend drops it', () => {
    const journal = aJournal();
    for (const parts of [
      { options: { ignoreErrors: ['TypeError'] } },
      { sampleRate: 0 },
      { options: { beforeSend: () => null } },
    ]) {
      createSink({ journal, ...parts }).sink.hold(aFailure());
    }
    expect(journal.kept.size).toBe(0);
  });

  it('is kept five times in a minute at most, and sent all the same as often as without a journal', () => {
    const journal = aJournal();
    const { sink, events, guard, clock } = createSink({ journal });
    const waiting = Array.from({ length: 12 }, () => sink.hold(aFailure()));
    expect(journal.kept.size).toBe(5);
    expect(guard.heldBack).toBe(0);

    clock.turn(60_000);
    waiting.push(sink.hold(aFailure()));
    expect(journal.kept.size).toBe(6);

    for (const { failure, decide } of waiting) decide(failure);
    sink.settleSurvived();
    expect(journal.kept.size).toBe(0);
    expect(events).toHaveLength(5);
    expect(guard.heldBack).toBe(8);
  });

  it('makes room in the journal for others of its kind when it became part of another one', () => {
    const journal = aJournal();
    const { sink, events } = createSink({ journal });
    for (let count = 0; count < 20; count += 1) {
      const failure = sink.hold(aFailure());
      expect(journal.kept.size).toBe(1);
      failure.decide('dropped');
    }
    sink.capture(anEnd());
    expect(events).toHaveLength(1);
  });

  it('is kept although beforeSend has made an event of it that cannot be judged', () => {
    const fingerprint: unknown[] = [];
    fingerprint.push(fingerprint);
    const beforeSend = (event: SentryEvent): SentryEvent => ({ ...event, fingerprint }) as SentryEvent;
    const journal = aJournal();
    const { sink, events } = createSink({ journal, options: { beforeSend } });
    const { failure, decide } = sink.hold(aFailure());
    expect(journal.kept.size).toBe(1);
    decide(failure);
    sink.settleSurvived();
    expect(journal.kept.size).toBe(0);
    expect(events).toHaveLength(1);
  });

  it('is shown to beforeSend once, and once more when it turned out otherwise', () => {
    const seen: string[] = [];
    const beforeSend = (event: SentryEvent): SentryEvent => {
      seen.push(`${event.level} ${event.tags['tool']}`);
      return { ...event, release: `seen ${seen.length} times` };
    };
    const { sink, events } = createSink({ journal: aJournal(), options: { beforeSend } });
    const survived = sink.hold(aFailure());
    survived.decide({ ...survived.failure, handled: true });
    sink.settleSurvived();
    expect(seen).toEqual(['warning get_weather']);

    const fatal = sink.hold(aFailure());
    fatal.decide({ ...fatal.failure, handled: false, level: 'error' });
    expect(seen.slice(1)).toEqual(['warning get_weather', 'error get_weather']);
    expect(events.map(({ level, release }) => [level, release])).toEqual([
      ['warning', 'seen 1 times'],
      ['error', 'seen 3 times'],
    ]);
  });

  it('is sampled once', () => {
    let asked = 0;
    const beforeSend = (event: SentryEvent): SentryEvent => {
      asked += 1;
      return event;
    };
    const journal = aJournal();
    const { sink, events } = createSink({ journal, sampleRate: 0.5, options: { beforeSend } });
    for (let count = 0; count < 40; count += 1) {
      const { failure, decide } = sink.hold({ ...aFailure(), tags: { tool: 'abcdefgh'.slice(count % 8) } });
      const kept = journal.kept.size;
      const sent = events.length;
      decide(failure);
      sink.settleSurvived();
      expect(events.length - sent).toBe(kept);
      expect(journal.kept.size).toBe(0);
    }
    expect(asked).toBe(events.length);
  });
});

describe('a failure that was survived', () => {
  it('stays in the journal until it is told', () => {
    const journal = aJournal();
    const { sink, events } = createSink({ journal });
    sink.capture(aFailure());
    expect(journal.kept.size).toBe(1);
    expect(events).toEqual([]);
    sink.settleSurvived();
    expect(journal.kept.size).toBe(0);
    expect(events).toMatchObject([{ level: 'warning' }]);
  });

  it('is told as what came of it, and leaves nothing in the journal', () => {
    const journal = aJournal();
    const { sink, events } = createSink({ journal });
    const failure = aFailure();
    sink.capture(failure);
    const { point: _, ...uncaught } = { ...failure, handled: false, level: 'fatal', mechanism: 'onuncaught' } as const;
    sink.crash(uncaught);
    sink.release();
    expect(journal.kept.size).toBe(0);
    expect(events).toMatchObject([{ level: 'fatal', tags: { tool: 'get_weather' } }]);
  });

  it('is told as the cause of what ends the process, also where it was an agent inside of another one that failed', () => {
    const { sink, events } = createSink();
    const { failure, decide } = sink.hold({ ...anEnd(), point: 'conversation.unhandled', level: 'error' });
    decide({ ...failure, handled: true });
    const { point: _, ...crash } = { ...anEnd(), level: 'fatal' as const };
    sink.crash({ ...crash, error: new Error('job failed', { cause: failure.error }) });
    sink.release();
    expect(events.map(({ level }) => level)).toEqual(['fatal']);
  });

  it('keeps its own way where it became the cause of a crash before which very much had happened', () => {
    const { sink, events } = createSink();
    const failure = aFailure();
    const saidAt = (timestampMs: number): Breadcrumb => ({
      timestampMs,
      category: 'app',
      message: String(timestampMs),
    });
    const breadcrumbs = Array.from({ length: 100 }, (_, count) => saidAt(1_000 + count));
    sink.capture({ ...failure, breadcrumbs });
    const crash = {
      ...anEnd(),
      error: new Error('no answer', { cause: failure.error }),
      point: 'transport.crash',
    } as const;
    sink.capture({ ...crash, breadcrumbs: [saidAt(998), saidAt(999), saidAt(2_000)] });
    expect(events).toHaveLength(1);
    const told = events[0]?.breadcrumbs?.values.map(({ message }) => message);
    expect(told?.at(0)).toBe('1001');
    expect(told?.slice(-2)).toEqual(['1099', '2000']);
  });

  it('is told at once where more than a hundred wait', () => {
    const { sink, events } = createSink();
    for (let count = 0; count < 103; count += 1) sink.capture({ ...aFailure(), tags: { tool: letters(count) } });
    expect(events.map(({ tags }) => tags['tool'])).toEqual(['a', 'b', 'c']);
  });
});

describe('one error object', () => {
  const inRun = (run: string, failure = aFailure(sameError)): CapturedFailure => ({
    ...failure,
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) },
    tags: { ...failure.tags, run_id: run },
  });
  const sameError = new TypeError('always the same');

  it('is sent once in a run, once more in another one, and not again when the application captures it or it fails outside', () => {
    const { sink, events } = createSink();
    const failed = (run: string): CapturedFailure => ({ ...inRun(run), handled: false });
    const { point: _, ...captured } = inRun('2');
    for (const failure of [
      failed('1'),
      failed('1'),
      failed('2'),
      captured,
      { ...aFailure(sameError), handled: false },
      { ...failed('3'), point: 'transport.crash' },
    ]) {
      sink.capture(failure as CapturedFailure);
    }
    expect(events.map(({ tags }) => tags['run_id'])).toEqual(['1', '2']);
  });

  it.each(['survived', 'ended by it'])('that ends the process is sent once more where the run has %s', (end) => {
    const { sink, events } = createSink();
    const { failure, decide } = sink.hold(inRun('1'));
    decide({ ...failure, handled: end === 'survived' });
    sink.settleSurvived();
    const { point: _, ...uncaught } = { ...inRun('1'), handled: false, level: 'fatal' as const };
    sink.crash(uncaught);
    sink.crash(uncaught);
    expect(events.map(({ level }) => level)).toEqual(end === 'survived' ? ['warning', 'fatal'] : ['warning']);
    expect(new Set(events.map(({ fingerprint }) => fingerprint.join())).size).toBe(1);
  });

  it('that ends the process is a failure of the run that survived it last', () => {
    const { sink, events } = createSink();
    for (const run of ['1', '2']) sink.capture(inRun(run));
    const { point: _, ...uncaught } = { ...inRun('3'), handled: false, level: 'fatal' as const };
    sink.crash(uncaught);
    sink.release();
    expect(events.map(({ level, tags }) => [level, tags['run_id']])).toEqual([
      ['fatal', '2'],
      ['warning', '1'],
    ]);
  });

  it('that crashes a transport after it was survived is the same Issue, whatever a redaction makes of its own words', () => {
    const { sink, events } = createSink();
    const redact = (text: string): string => text.replaceAll('weather', '<weather>');
    const policy = createContentPolicy({ redaction: { redact } });
    sink.capture({ ...inRun('1'), policy });
    sink.settleSurvived();
    sink.capture({ ...inRun('2'), policy, point: 'transport.crash', handled: false });
    expect(events[0]?.fingerprint).toContain('tool:get_<weather>');
    expect(events[1]?.fingerprint).toEqual(events[0]?.fingerprint);
  });

  it.each([undefined, (event: SentryEvent) => event])(
    'that crashes a transport after it was survived and told is the same Issue again',
    (beforeSend) => {
      const { sink, events } = createSink({ options: { ...(beforeSend && { beforeSend }) } });
      sink.capture(inRun('1'));
      sink.settleSurvived();
      sink.capture({ ...inRun('2'), point: 'transport.crash', handled: false, tags: { transport: 'http' } });
      expect(events.map(({ tags }) => tags)).toMatchObject([{ tool: 'get_weather' }, { transport: 'http' }]);
      expect(events[1]?.fingerprint).toEqual(events[0]?.fingerprint);
    },
  );
});
