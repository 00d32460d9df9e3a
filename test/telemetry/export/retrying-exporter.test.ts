import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createRetryingExporter, type RetryingExporter } from '../../../src/telemetry/export/retrying-exporter.ts';
import { createSplittingExporter } from '../../../src/telemetry/export/splitting-exporter.ts';
import type { Clock } from '../../../src/telemetry/http/clock.ts';
import { rateLimited, startFakeSentry, type FakeAnswer, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { hurriedClock, stoppedTimers, turnedClock } from '../http/clocks.ts';
import { allAccepted, exported, exporterTo, sent, someSpans, tracesUrlOf, type WholeOutcome } from './exporting.ts';

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry();
});
afterEach(() => sentry.close());

const status = (code: number, headers: Readonly<Record<string, string>> = {}): FakeAnswer => ({
  kind: 'status',
  status: code,
  headers,
});

interface Setup {
  readonly clock: Clock;
  readonly retryForMs?: number;
  readonly timeoutMs?: number;
  readonly onChange?: () => void;
  readonly onTrouble?: () => void;
}

function retrying({ clock, retryForMs = 300_000, timeoutMs = 5_000, ...told }: Setup): RetryingExporter {
  const split = createSplittingExporter(exporterTo(tracesUrlOf(sentry), { timeoutMs }));
  return createRetryingExporter(split, { retryForMs, clock, ...told });
}

/** Resolves when a condition holds. */
const until = (condition: () => boolean): Promise<void> => expect.poll(condition, { interval: 2 }).toBe(true);

const between = (low: number, high: number): unknown => ({
  asymmetricMatch: (value: number) => value >= low && value <= high,
  toString: () => `between ${low} and ${high}`,
});

describe('a failure that may pass', () => {
  it('is followed by another attempt with what is undecided, and longer and longer waits', async () => {
    sentry.answerNext(status(503), 7);
    const clock = hurriedClock();
    const exporter = retrying({ clock });
    const startedAtMs = Date.now();
    const result = await sent(exporter, someSpans(3));
    expect(result).toEqual({ ...allAccepted(3), pauseMs: 0 });
    expect(clock.waited).toEqual([
      between(500, 1_000),
      between(1_000, 2_000),
      between(2_000, 4_000),
      between(4_000, 8_000),
      between(8_000, 16_000),
      between(15_000, 30_000),
      between(15_000, 30_000),
    ]);
    expect(exporter.history).toMatchObject({ retried: 21, possibleDuplicates: 0 });
    expect(exporter.history.lastError).toMatch(/in trouble \(503\)/);
    expect(exporter.history.lastSuccessAtMs).toBeGreaterThanOrEqual(startedAtMs);
    expect(exporter.history.lastSuccessAtMs).toBeLessThanOrEqual(Date.now());
  });

  it('counts what the backend may have had already', async () => {
    sentry.answerNext({ kind: 'reset' });
    sentry.answerNext({ kind: 'hang' });
    const turn = stoppedTimers();
    const exporter = retrying({ clock: hurriedClock(), timeoutMs: 400 });
    const result = sent(exporter, someSpans(3));
    await sentry.waitForRequests(2);
    turn(400);
    expect(await result).toMatchObject(allAccepted(3));
    expect(exporter.history).toMatchObject({ retried: 6, possibleDuplicates: 6 });
  });

  it('is followed by another attempt at once where a connection was kept and is gone by now', async () => {
    const clock = hurriedClock();
    const exporter = retrying({ clock });
    await sent(exporter, someSpans(1));
    sentry.answerNext({ kind: 'reset' });
    expect(await sent(exporter, someSpans(3))).toMatchObject(allAccepted(3));
    expect(clock.waited).toEqual([]);
    expect(exporter.history).toMatchObject({ retried: 3, possibleDuplicates: 3 });
  });

  it('is followed by longer and longer waits, also where the backend drops every connection it has said so on', async () => {
    const [drops, busy]: FakeAnswer[] = [{ kind: 'reset' }, status(503)];
    for (const answer of [busy!, drops!, busy!, drops!, busy!, drops!]) sentry.answerNext(answer);
    const clock = hurriedClock();
    expect(await sent(retrying({ clock }), someSpans(3))).toMatchObject(allAccepted(3));
    expect(clock.waited).toEqual([between(500, 1_000), between(1_000, 2_000), between(2_000, 4_000)]);
  });

  it('is followed by a short wait again when something was accepted meanwhile', async () => {
    sentry.answerNext(status(503), 3);
    const clock = hurriedClock();
    const exporter = retrying({ clock });
    await sent(exporter, someSpans(1));
    sentry.answerNext(status(503));
    await sent(exporter, someSpans(1));
    expect(clock.waited).toHaveLength(4);
    expect(clock.waited[3]).toEqual(between(500, 1_000));
  });

  it('is followed by a wait where a new connection breaks off', async () => {
    sentry.answerNext({ kind: 'reset' });
    const clock = hurriedClock();
    expect(await sent(retrying({ clock }), someSpans(3))).toMatchObject(allAccepted(3));
    expect(clock.waited).toEqual([between(500, 1_000)]);
  });

  it('is not tried for longer than the time for it', async () => {
    sentry.answerNext(status(500), 1_000);
    const clock = hurriedClock();
    const startedAtMs = clock.now();
    const spans = someSpans(2);
    const result = await sent(retrying({ clock, retryForMs: 20_000 }), spans);
    expect(result).toMatchObject({ accepted: 0, rejected: 0, failure: { kind: 'passing', cause: '500' } });
    expect(new Set(result.undecided)).toEqual(new Set(spans));
    expect(clock.now() - startedAtMs).toBeLessThanOrEqual(20_000);
    expect(sentry.requests.length).toBeGreaterThan(4);
  });

  it('loses nothing when it passes, however often the backend has failed on each span alone', async () => {
    sentry.answerNext(status(500), 100);
    const clock = turnedClock();
    const exporter = retrying({ clock, retryForMs: Infinity });
    const results: WholeOutcome[] = [];
    void sent(exporter, someSpans(3)).then((result) => results.push(result));
    while (results.length === 0) {
      clock.turn(10_000);
      await new Promise(setImmediate);
    }
    expect(results).toMatchObject([allAccepted(3)]);
    expect(exporter.history.possibleDuplicates).toBe(0);
  });

  it('counts once what the backend may have had of an export that goes on in parts', async () => {
    sentry.answerNext({ kind: 'reset' }, 4);
    sentry.answerNext(status(500));
    const exporter = retrying({ clock: hurriedClock() });
    expect(await sent(exporter, someSpans(16))).toMatchObject(allAccepted(16));
    // All of them four times, then in eighths, of which the first one failed once more.
    expect(exporter.history).toMatchObject({ retried: 66, possibleDuplicates: 64 });
  });

  it('goes on in one request again as soon as the backend has taken a part it failed on before', async () => {
    // All of them four times, then each of the eighths, of which the last ones are divided once more.
    sentry.answerNext(status(500), 12);
    const exporter = retrying({ clock: hurriedClock() });
    expect(await sent(exporter, someSpans(16))).toMatchObject(allAccepted(16));
    // The first eighth, and everything else.
    expect(sentry.requests).toHaveLength(14);
  });

  it.each([400, 401, 404, 501])('is not one: %i is not asked for twice', async (code) => {
    sentry.answerNext(status(code));
    const clock = hurriedClock();
    const exporter = retrying({ clock });
    const result = await sent(exporter, someSpans(2));
    expect(result.rejected + result.undecided.length).toBe(2);
    expect(exporter.history.lastError).toContain(String(code));
    expect(exporter.history.lastSuccessAtMs).toBeUndefined();
    expect(sentry.requests).toHaveLength(1);
    expect(clock.waited).toEqual([]);
  });

  it('keeps what others of the same export were told', async () => {
    sentry.answerNext(status(413));
    sentry.answerNext({ kind: 'status', status: 200, body: '{"partialSuccess":{"rejectedSpans":1}}' });
    sentry.answerNext(status(503));
    const exporter = retrying({ clock: hurriedClock() });
    const result = await sent(exporter, someSpans(4, 4_000));
    expect(result).toMatchObject({ accepted: 3, rejected: 1, undecided: [], refusal: { kind: 'refused' } });
    expect(exporter.history.retried).toBe(2);
  });
});

describe('while the backend is in trouble', () => {
  it('one export probes and the others wait, first those that have failed least often', async () => {
    sentry.answerNext(status(503), 3);
    const clock = turnedClock();
    const exporter = retrying({ clock });
    const results = [2, 3, 4].map((count) => sent(exporter, someSpans(count)));
    // All of these were under way together.
    await until(() => sentry.requests.length === 3 && clock.waits.length === 1);
    expect(clock.waits).toEqual([between(0, 1_000)]);

    sentry.answerNext(status(503));
    clock.turn(1_000);
    // While the probe is out, the others only wait for their own time to be over.
    await until(() => sentry.requests.length === 4 && clock.waits.some((ms) => ms <= 2_000));
    expect(clock.waits).toEqual([between(0, 2_000)]);
    const late = sent(exporter, someSpans(1));
    clock.turn(2_000);
    const all = await Promise.all([...results, late]);
    expect(all.map(({ accepted }) => accepted)).toEqual([2, 3, 4, 1]);
    expect(sentry.requests.map(({ status: code }) => code)).toEqual([503, 503, 503, 503, 200, 200, 200, 200]);
    // The oldest one went first, and then the one that had not failed yet, before those that had once.
    expect(sentry.spans.map(({ name }) => name).slice(0, 2)).toEqual(['span 0', 'span 0']);
    expect(sentry.spans.map(({ name }) => name).slice(-2)).toEqual(['span 0', 'span 1']);
  });

  it('an export that waits for the probe of another is not kept beyond its own time', async () => {
    sentry.answerNext(status(503), 2);
    sentry.answerNext({ kind: 'hang' });
    const clock = turnedClock();
    const exporter = retrying({ clock, retryForMs: 10_000 });
    const first = sent(exporter, someSpans(1));
    const second = sent(exporter, someSpans(2));
    await until(() => sentry.requests.length === 2 && clock.waits.length === 1);
    clock.turn(1_000);
    await until(() => sentry.requests.length === 3);
    clock.turn(9_000);
    expect(await second).toMatchObject({ failure: { cause: '503' } });
    exporter.close();
    expect((await first).undecided).toHaveLength(1);
  });
});

describe('spans the backend seems to fail on', () => {
  it('hold up no others, and are tried one at a time, at once when somebody waits', async () => {
    const clock = turnedClock();
    const exporter = retrying({ clock });
    const isAccepted = async (): Promise<void> =>
      expect(await sent(exporter, someSpans(1))).toMatchObject(allAccepted(1));
    const haveFailed = (count: number): Promise<void> =>
      until(() => {
        const all = [...exporter.sentBefore.values()];
        return all.length === count && !all.some(({ mayHaveArrived }) => mayHaveArrived);
      });
    // Each fails, and again when another span was accepted. The first one then fails while no further ones are.
    for (const count of [1, 2]) {
      sentry.answerNext(status(500));
      void sent(exporter, someSpans(1));
      await haveFailed(count);
      const other = isAccepted();
      sentry.answerNext({ kind: 'status', status: 200 });
      sentry.answerNext(status(500), count);
      clock.turn(1_000);
      await other;
      await until(() => exporter.busy === 0);
      await haveFailed(count);
    }
    await isAccepted();

    const requests = sentry.requests.length;
    sentry.answerNext({ kind: 'hang' });
    exporter.hurry(clock.now() + 5_000);
    await until(() => sentry.requests.length === requests + 1);
    await isAccepted();
    expect(sentry.requests).toHaveLength(requests + 2);
    exporter.close();
  });
});

describe('a pause the backend asks for', () => {
  it.each([
    ['beside a refusal', rateLimited(30), false],
    ['beside accepting everything', status(200, { 'x-sentry-rate-limits': '30:span:key' }), true],
  ])('%s is kept by every export, and known', async (_, answer, isAccepted) => {
    sentry.answerNext(answer);
    const clock = turnedClock();
    let isTold = false;
    const exporter = retrying({ clock, onChange: () => (isTold ||= exporter.pausedUntilMs > clock.now()) });
    expect(exporter.pausedUntilMs).toBe(-Infinity);
    let isDone = false;
    const first = sent(exporter, someSpans(1)).finally(() => (isDone = true));
    await until(() => isTold);
    expect(exporter.pausedUntilMs - clock.now()).toEqual(between(30_000, 36_000));
    await new Promise(setImmediate);
    expect(isDone).toBe(isAccepted);

    const second = sent(exporter, someSpans(1));
    clock.turn(29_999);
    exporter.hurry(clock.now() + 5);
    await new Promise(setImmediate);
    expect(sentry.requests).toHaveLength(1);
    clock.turn(6_001);
    expect(await first).toMatchObject(allAccepted(1));
    expect(await second).toMatchObject(allAccepted(1));
    expect(exporter.pausedUntilMs).toBe(-Infinity);
  });

  it('of hours is an hour, and no part of the time an export is tried for', async () => {
    sentry.answerNext(rateLimited(86_400));
    const clock = turnedClock();
    const exporter = retrying({ clock, retryForMs: 60_000 });
    const result = sent(exporter, someSpans(1));
    await until(() => clock.waits.length === 1);
    expect(exporter.pausedUntilMs - clock.now()).toEqual(between(3_600_000, 4_320_000));
    // The longest wait is an hour, so there are two of them.
    clock.turn(3_600_000);
    clock.turn(720_000);
    expect(await result).toMatchObject(allAccepted(1));
  });

  it.each(['0', '-1', 'soon', 'Thu, 01 Jan 1970 00:00:00 GMT'])('of "%s" is no reason to hammer', async (value) => {
    sentry.answerNext(status(429, { 'retry-after': value }), 3);
    const clock = hurriedClock();
    expect(await sent(retrying({ clock }), someSpans(1))).toMatchObject({ accepted: 1 });
    expect(clock.waited).toHaveLength(3);
    expect(Math.min(...clock.waited)).toBeGreaterThanOrEqual(500);
  });
});

describe('when somebody waits', () => {
  it('waits of our own end at once, and are a second at most', async () => {
    sentry.answerNext(status(503), 6);
    const clock = turnedClock();
    const exporter = retrying({ clock });
    const result = sent(exporter, someSpans(1));
    for (const requests of [1, 2, 3, 4]) {
      await until(() => sentry.requests.length === requests && clock.waits.length === 1);
      if (requests < 4) clock.turn(10_000);
    }
    expect(clock.waits).toEqual([between(4_000, 8_000)]);

    exporter.hurry(clock.now() + 5_000);
    await until(() => sentry.requests.length === 5 && clock.waits.length === 1);
    expect(clock.waits).toEqual([between(500, 1_000)]);
    clock.turn(1_000);
    await until(() => sentry.requests.length === 6 && clock.waits.length === 1);
    exporter.hurry(undefined);
    clock.turn(1_000);
    expect(await result).toMatchObject({ accepted: 1 });
  });

  it('no longer, waits grow again', async () => {
    sentry.answerNext(status(503), 5);
    const clock = hurriedClock();
    const exporter = retrying({ clock });
    exporter.hurry(clock.now() + 1);
    exporter.hurry(undefined);
    await sent(exporter, someSpans(1));
    expect(clock.waited[4]).toEqual(between(8_000, 16_000));
  });

  it('is told of trouble in another way, and of no other trouble', async () => {
    sentry.answerNext(status(503), 3);
    const clock = turnedClock();
    const told: number[] = [];
    const exporter = retrying({ clock, onTrouble: () => told.push(sentry.requests.length) });
    const result = sent(exporter, someSpans(1));
    for (const requests of [1, 2, 3]) {
      await until(() => sentry.requests.length === requests && clock.waits.length === 1);
      exporter.hurry(requests === 1 ? clock.now() + 60_000 : undefined);
      if (requests > 1) clock.turn(30_000);
    }
    expect(await result).toMatchObject({ accepted: 1 });
    expect(told).toEqual([1, 3]);
  });
});

describe('an exporter that is closed', () => {
  it('sends nothing of what it was given just before, which is undecided', async () => {
    const exporter = retrying({ clock: turnedClock() });
    const result = sent(exporter, someSpans(1));
    exporter.close();
    expect((await result).undecided).toHaveLength(1);
    expect(exporter.sentBefore.size).toBe(0);
    // Whoever is asked later is asked alone.
    await sent(retrying({ clock: turnedClock() }), someSpans(2));
    expect(sentry.spans).toHaveLength(2);
  });

  it('ends what is under way, what waits and what comes, undecided, before close returns', async () => {
    sentry.answerNext({ kind: 'hang' }, 2);
    const clock = turnedClock();
    const exporter = retrying({ clock });
    const ended: number[] = [];
    exporter.send(someSpans(1), (_, { undecided = [] }) => ended.push(undecided.length));
    exporter.send(someSpans(2), (_, { undecided = [] }) => ended.push(undecided.length));
    await until(() => sentry.requests.length === 2);
    exporter.close();
    expect(ended).toEqual([1, 2]);

    const late = await sent(exporter, someSpans(3));
    expect(late).toMatchObject({ accepted: 0, rejected: 0, failure: undefined });
    expect(late.undecided).toHaveLength(3);
    expect(clock.waits).toEqual([]);

    // What was under way fails by now, which nobody is told again.
    await sentry.close();
    await exported(exporterTo(tracesUrlOf(sentry)), someSpans(1));
    expect(ended).toEqual([1, 2]);
  });

  it('says the failure that was last', async () => {
    sentry.answerNext(status(503));
    const clock = turnedClock();
    const exporter = retrying({ clock });
    const result = sent(exporter, someSpans(1));
    await until(() => clock.waits.length === 1);
    exporter.close();
    expect(await result).toMatchObject({ failure: { cause: '503' } });
    expect(clock.waits).toEqual([]);
  });
});
