import { chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { Span } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';

import type { Ticket } from '../../../../src/telemetry/export/recorder/recorder.ts';
import { fc } from '../../../support/properties.ts';
import { deadOwner, filesIn, namesOf, record, temporaryDirectory } from './recorded.ts';
import { NOTHING } from '../../../support/nothing.ts';

describe('a recorder', () => {
  test('writes nothing before there is something to write', () => {
    const directory = temporaryDirectory();
    const { recorder } = record({ directory });
    recorder.close();

    expect(filesIn(directory)).toEqual([]);
  });

  test('reads spans back in any order', () => {
    const { recorder, trace } = record({ directory: temporaryDirectory() });
    const tickets = trace('a', 'b', 'c');

    expect(namesOf(recorder, tickets.toReversed())).toEqual(['c', 'b', 'a']);
    expect(recorder.status).toMatchObject({ spans: 3, issues: 0, dropped: NOTHING });
  });

  test('reads a long span back', () => {
    const { recorder, tracer, tickets, trace } = record({ directory: temporaryDirectory() });
    const prompt = 'naïve '.repeat(20_000);
    tracer.startSpan('long', { attributes: { prompt } }).end();
    trace('short');

    expect(recorder.read(tickets[0] ?? 0)?.attributes).toEqual({ prompt });
    expect(recorder.read(tickets[1] ?? 0)?.name).toBe('short');
  });

  test('makes its directory and files for the user of the process alone', () => {
    const directory = join(temporaryDirectory(), 'deep', 'down');
    const { trace, problems } = record({ directory });
    trace('a');

    expect(problems).toEqual([]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(filesIn(directory).map((file) => statSync(join(directory, file)).mode & 0o777)).toEqual([0o600]);
  });

  test('leaves the permissions of a directory that is there as they are', () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o755);
    record({ directory }).trace('a');

    expect(statSync(directory).mode & 0o777).toBe(0o755);
  });

  test('names the destinations and the format in its files, and holds nothing it was not given', () => {
    const directory = temporaryDirectory();
    record({ directory, destinations: ['sentry:https://host/api/1'] }).trace('a');

    const [header, ...lines] = readFileSync(join(directory, filesIn(directory)[0] ?? ''), 'utf8')
      .trimEnd()
      .split('\n');

    expect(JSON.parse(header ?? '')).toMatchObject({
      format: 'faultline-recorder',
      version: 1,
      destinations: ['sentry:https://host/api/1'],
    });
    expect(lines.map((line) => (JSON.parse(line) as string[])[0])).toEqual(['r', 'c', 's', 'e']);
  });

  test('removes its files at the end when every destination has settled everything', () => {
    const directory = temporaryDirectory();
    const { recorder, trace } = record({ directory, destinations: ['one', 'two'] });
    const tickets = trace('a', 'b');
    recorder.keepIssue('i', '{}');
    recorder.strike('one', tickets);
    recorder.strike('two', tickets);
    recorder.strikeIssue('i');
    recorder.close();

    expect(filesIn(directory)).toEqual([]);
  });

  test.each([
    ['a destination', (tickets: readonly number[]) => ({ one: tickets, two: tickets.slice(1) }), true],
    ['an Issue', (tickets: readonly number[]) => ({ one: tickets, two: tickets }), false],
  ])('keeps its files at the end when %s is not settled', (_, strikes, issueIsSettled) => {
    const directory = temporaryDirectory();
    const { recorder, trace } = record({ directory, destinations: ['one', 'two'] });
    recorder.keepIssue('i', '{}');
    const { one, two } = strikes(trace('a', 'b'));
    recorder.strike('one', one);
    recorder.strike('two', two);
    if (issueIsSettled) recorder.strikeIssue('i');
    recorder.close();

    expect(filesIn(directory)).toHaveLength(1);
  });

  test('counts what is left by the destination that has settled least', () => {
    const { recorder, trace } = record({ directory: temporaryDirectory(), destinations: ['one', 'two'] });
    const tickets = trace('a', 'b', 'c');
    recorder.strike('one', tickets);
    recorder.strike('two', tickets.slice(0, 1));
    recorder.keepIssue('i', '{}');

    expect(recorder.status).toMatchObject({ spans: 2, issues: 1 });
  });

  test('does nothing for a destination it does not know', () => {
    const { recorder, trace } = record({ directory: temporaryDirectory() });
    const tickets = trace('a');
    const { bytes } = recorder.status;
    recorder.strike('other', tickets);

    expect(recorder.status).toMatchObject({ spans: 1, bytes });
  });

  test('keeps an Issue once', () => {
    const { recorder } = record({ directory: temporaryDirectory() });
    recorder.keepIssue('i', '{}');
    const { bytes } = recorder.status;
    recorder.keepIssue('i', '{}');

    expect(recorder.status).toMatchObject({ issues: 1, bytes });
  });

  test('reads an Issue back until it is settled', () => {
    const { recorder } = record({ directory: temporaryDirectory() });
    expect(recorder.keepIssue('i', '{"text":"é"}')).toBe(true);
    expect(recorder.readIssue('i')).toBe('{"text":"é"}');
    recorder.strikeIssue('i');
    expect(recorder.readIssue('i')).toBeUndefined();
    expect(recorder.status.dropped).toEqual({});
  });

  test('says after the end what it left on disk', () => {
    const { recorder, trace } = record({ directory: temporaryDirectory() });
    recorder.strike('one', trace('a', 'b').slice(0, 1));
    recorder.keepIssue('i', '{}');
    const { spans, issues, bytes } = recorder.status;
    recorder.close();

    expect(recorder.status).toMatchObject({ spans: 1, issues: 1 });
    expect(recorder.status).toMatchObject({ spans, issues, bytes: expect.any(Number) });
    expect(recorder.status.bytes).toBeGreaterThanOrEqual(bytes);
  });

  test('does nothing after the end', () => {
    const directory = temporaryDirectory();
    const { recorder, trace } = record({ directory });
    const tickets = trace('a');
    recorder.close();
    trace('b');
    expect(recorder.keepIssue('i', '{}')).toBe(false);
    recorder.strike('one', tickets);
    recorder.strikeIssue('i');
    recorder.close();

    expect(recorder.read(tickets[0] ?? 0)).toBeUndefined();
    expect(recorder.status).toMatchObject({ spans: 1, issues: 0, dropped: NOTHING });
    expect(filesIn(directory)).toHaveLength(1);
  });
});

describe('a recorder that runs for long', () => {
  const SMALL = 128 * 1024;
  const CONTENT = { content: 'x'.repeat(1_000) };

  test('holds one small file while everything is settled as it comes', () => {
    const directory = temporaryDirectory();
    const { recorder, tracer, tickets } = record({ directory, maxBytes: SMALL });
    const sizes = Array.from({ length: 500 }, () => {
      tracer.startSpan('a', { attributes: CONTENT }).end();
      recorder.strike('one', [tickets.at(-1) ?? 0]);
      return recorder.status.bytes;
    });

    expect(Math.max(...sizes)).toBeLessThan(SMALL / 8);
    expect(filesIn(directory).length).toBeLessThan(2);
    expect(recorder.status.dropped).toEqual({});
  });

  test('takes the spans that are open along when it begins a file anew', async () => {
    const directory = temporaryDirectory();
    const { recorder, tracer, tickets } = record({ directory, maxBytes: SMALL });
    const run = tracer.startSpan('run');
    const first = filesIn(directory);
    for (let count = 0; count < 50; count += 1) {
      tracer.startSpan('a', { attributes: CONTENT }).end();
      recorder.strike('one', [tickets.at(-1) ?? 0]);
    }
    recorder.close();
    run.end();
    const next = record({ directory }).recorder;

    expect(filesIn(directory)).not.toEqual(first);
    const { spans } = await next.recover();
    expect(namesOf(next, spans.get('one'))).toEqual(['run']);
    expect(next.status.interrupted).toBe(1);
  });

  test('tells of no interrupted span that ended in a later file', async () => {
    const directory = temporaryDirectory();
    const { recorder, tracer, trace, tickets } = record({ directory, maxBytes: SMALL });
    const kept = trace('kept');
    const run = tracer.startSpan('run');
    for (let count = 0; count < 40; count += 1) tracer.startSpan('a', { attributes: CONTENT }).end();
    run.end();
    const rest = tickets.filter((ticket) => ticket !== undefined && !kept.includes(ticket));
    recorder.strike('one', rest as number[]);
    recorder.close();
    const next = record({ directory }).recorder;

    const { spans } = await next.recover();
    expect(namesOf(next, spans.get('one'))).toEqual(['kept']);
    expect(next.status.interrupted).toBe(0);
  });

  test('has every open span for the next start, also those too large to be taken along', async () => {
    const directory = temporaryDirectory();
    const { recorder, tracer, tickets } = record({ directory, maxBytes: SMALL, owner: deadOwner() });
    const roots = Array.from({ length: 12 }, (_, index) => `root ${index}`);
    for (const root of roots) tracer.startSpan(root, { attributes: { content: 'x'.repeat(5_000) } });
    for (let count = 0; count < 200; count += 1) {
      tracer.startSpan('a', { attributes: CONTENT }).end();
      recorder.strike('one', [tickets.at(-1) ?? 0]);
    }
    const next = record({ directory }).recorder;

    const { spans } = await next.recover();
    expect(new Set(namesOf(next, spans.get('one')))).toEqual(new Set(roots));
    const { interrupted, dropped } = next.status;
    expect({ interrupted, dropped }).toEqual({ interrupted: 12, dropped: {} });
  });

  test('removes a file in which open spans stand when they have ended', () => {
    const directory = temporaryDirectory();
    const { recorder, tracer, tickets } = record({ directory, maxBytes: SMALL });
    const large = { attributes: { content: 'x'.repeat(5_000) } };
    const roots = Array.from({ length: 12 }, () => tracer.startSpan('root', large));
    for (let count = 0; count < 10; count += 1) tracer.startSpan('a', { attributes: CONTENT }).end();
    recorder.strike('one', tickets as number[]);
    const whileOpen = filesIn(directory).length;
    for (const root of roots) root.end();
    recorder.strike('one', tickets.slice(10) as number[]);

    expect(whileOpen).toBeGreaterThan(2);
    expect(filesIn(directory).length).toBeLessThan(2);
  });

  test('takes an open span along out of a file that reaches the bound', async () => {
    const directory = temporaryDirectory();
    const { recorder, tracer } = record({ directory, maxBytes: SMALL, owner: deadOwner() });
    tracer.startSpan('run');
    for (let count = 0; count < 300; count += 1) tracer.startSpan('a', { attributes: CONTENT }).end();
    const next = record({ directory }).recorder;

    expect(recorder.status.dropped).toHaveProperty('bytes');
    expect(namesOf(next, (await next.recover()).spans.get('one'))).toContain('run');
  });

  test('exceeds its bound by no more than a file where half of its spans are taken along', () => {
    const { recorder, tracer } = record({ directory: temporaryDirectory(), maxBytes: SMALL });
    const sizes = Array.from({ length: 300 }, () => {
      tracer.startSpan('open', { attributes: { content: 'x'.repeat(600) } });
      tracer.startSpan('ended', { attributes: { content: 'x'.repeat(300) } }).end();
      return recorder.status.bytes;
    });

    expect(recorder.status.dropped).toHaveProperty('bytes');
    // The last span may be the one that fills it.
    expect(Math.max(...sizes)).toBeLessThan(SMALL + SMALL / 8 + 1_000);
  });

  test('has more open spans for the next start than it holds in memory', async () => {
    const directory = temporaryDirectory();
    const { tracer } = record({ directory, owner: deadOwner() });
    for (let count = 0; count < 10_500; count += 1) {
      tracer.startSpan('open', { attributes: { content: 'x'.repeat(300) } });
    }
    const next = record({ directory }).recorder;

    await next.recover();
    expect(next.status.interrupted).toBe(10_500);
  });

  test('is followed by one that has every span which is open or not settled, once, whatever happened before', async () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('start' as const), size: fc.constantFrom(10, 500, 2_500) }),
        fc.record({ kind: fc.constantFrom('end' as const, 'strike' as const), index: fc.nat() }),
      ),
      { minLength: 60, maxLength: 160 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const directory = temporaryDirectory();
        const { recorder, tracer, tickets } = record({ directory, maxBytes: 2 * SMALL, owner: deadOwner() });
        const open: { readonly name: string; readonly span: Span }[] = [];
        const ended: { readonly name: string; readonly ticket: Ticket }[] = [];
        for (const [number, step] of all.entries()) {
          if (step.kind === 'start') {
            const name = `span ${number}`;
            open.push({ name, span: tracer.startSpan(name, { attributes: { content: 'x'.repeat(step.size) } }) });
          } else if (step.kind === 'end') {
            for (const { name, span } of open.splice(step.index % (open.length + 1), 1)) {
              span.end();
              ended.push({ name, ticket: tickets.at(-1) ?? 0 });
            }
          } else {
            const struck = ended.splice(0, step.index % (ended.length + 1));
            recorder.strike(
              'one',
              struck.map(({ ticket }) => ticket),
            );
          }
        }
        const next = record({ directory }).recorder;

        const { spans } = await next.recover();
        const names = namesOf(next, spans.get('one'));
        const lost = recorder.status.dropped['bytes'] ?? 0;
        expect(next.status.interrupted).toBeLessThanOrEqual(open.length);
        expect(names).toHaveLength(open.length + ended.length - lost);
        expect(new Set(names).size).toBe(names.length);
        expect([...open, ...ended].map(({ name }) => name)).toEqual(expect.arrayContaining(names));
      }),
      { numRuns: 50 },
    );
  });

  test('counts open spans that it can neither hold nor take along, and says so', () => {
    const { recorder, tracer, trace, problems } = record({ directory: temporaryDirectory() });
    for (let count = 0; count < 10_499; count += 1) tracer.startSpan('open');
    recorder.strike('one', trace('a'));

    expect(recorder.status.dropped).toEqual({ forgotten: 500 });
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining('does every span end?')]);
  });

  test('gives up the oldest spans when it reaches its bound, counts them and says so once', () => {
    const directory = temporaryDirectory();
    const { recorder, tracer, tickets, problems } = record({ directory, maxBytes: SMALL });
    let most = 0;
    for (let count = 0; count < 300; count += 1) {
      tracer.startSpan(`span ${count}`, { attributes: CONTENT }).end();
      most = Math.max(most, recorder.status.bytes);
    }
    const names = namesOf(recorder, tickets as number[]);
    const lost = names.filter((name) => name === undefined).length;

    expect(lost).toBeGreaterThan(100);
    expect(names.slice(lost)).toEqual(Array.from({ length: 300 - lost }, (_, index) => `span ${lost + index}`));
    expect(recorder.status).toMatchObject({ spans: 300 - lost, dropped: { bytes: lost } });
    // What is over the bound goes whenever a file begins, so that the one being written may go beyond it.
    expect(most).toBeLessThanOrEqual(SMALL + SMALL / 4);
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/no longer has \d+ spans or Issues: it reached recorder\.maxBytes/),
    ]);
  });

  test('ignores a settled span whose file is gone', () => {
    const { recorder, tracer, tickets } = record({ directory: temporaryDirectory(), maxBytes: SMALL });
    for (let count = 0; count < 300; count += 1) tracer.startSpan('a', { attributes: CONTENT }).end();
    const { spans } = recorder.status;
    recorder.strike('one', [tickets[0] ?? 0]);

    expect(recorder.status.spans).toBe(spans);
  });

  test('gives up spans that are older than its bound', () => {
    const HOUR = 3_600_000;
    const { recorder, trace, clock } = record({ directory: temporaryDirectory(), maxAgeMs: 8 * HOUR });
    const [old = 0] = trace('old');
    for (let hour = 0; hour < 7; hour += 1) clock.turn(HOUR);
    const [young = 0] = trace('young');
    for (let hour = 0; hour < 2; hour += 1) clock.turn(HOUR);

    expect(recorder.read(old)).toBeUndefined();
    expect(recorder.read(young)?.name).toBe('young');
    expect(recorder.status).toMatchObject({ spans: 1, dropped: { age: 1 } });
  });

  test('does not believe a wall clock that jumps', () => {
    let wallTime = Date.now();
    const { recorder, trace, clock } = record({ directory: temporaryDirectory(), wallClock: () => wallTime });
    const tickets = [...trace('before')];
    wallTime += 400 * 24 * 3_600_000;
    clock.turn(60_000);
    tickets.push(...trace('after'));
    wallTime -= 800 * 24 * 3_600_000;
    clock.turn(60_000);

    expect(namesOf(recorder, tickets)).toEqual(['before', 'after']);
    expect(recorder.status.dropped).toEqual({});
  });

  test('removes its file while there is nothing to keep', () => {
    const directory = temporaryDirectory();
    const { recorder, trace, clock } = record({ directory });
    recorder.strike('one', trace('a'));
    clock.turn(60_000);

    expect(filesIn(directory)).toEqual([]);
    expect(namesOf(recorder, trace('b'))).toEqual(['b']);
  });

  test('keeps within its bound when nobody ends the spans', () => {
    const { recorder, tracer, trace } = record({ directory: temporaryDirectory(), maxBytes: SMALL });
    for (let count = 0; count < 2_000; count += 1) tracer.startSpan('leaked', { attributes: CONTENT });

    expect(recorder.status.bytes).toBeLessThanOrEqual(SMALL);
    expect(recorder.status.dropped['bytes']).toBeGreaterThan(1_800);
    expect(namesOf(recorder, trace('ended'))).toEqual(['ended']);
  });
});
