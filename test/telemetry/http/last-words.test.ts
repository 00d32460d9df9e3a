import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FAKE_PUBLIC_KEY, startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { runScript } from '../../support/run-script.ts';

// The thread that sends is blocked meanwhile, so every sender here is in a process of its own.

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry();
});
afterEach(() => sentry.close());

interface Told {
  /** What each word heard, in order: a status, or that it was given up. */
  readonly heard: readonly string[];
  readonly tookMs: number;
}

/** Sends words made by `word(name, next, pauseMs)`, where `next(status, itself)` says what is still to be sent. */
async function sendWords(words: string, timeoutMs: number | string = 5_000): Promise<Told> {
  const source = `
    import { sendLastWords } from 'DIST/telemetry/http/last-words.js';
    const { URL: url, KEY } = process.env;
    const headers = { 'x-sentry-auth': 'sentry sentry_key=' + KEY, 'content-type': 'application/x-sentry-envelope' };
    const heard = [];
    const word = (name, next = () => [], pauseMs = 0) => {
      const itself = {
        request: { url, headers, body: Buffer.from('{}\\n') },
        settle({ kind, status = kind }) {
          heard.push(name + ' ' + status);
          return { words: next(status, itself), pauseMs: status === 200 ? 0 : pauseMs };
        },
        giveUp: () => heard.push(name + ' given up'),
      };
      return itself;
    };
    const untilAccepted = (status, itself) => (status === 200 ? [] : [itself]);
    const startedAtMs = performance.now();
    sendLastWords([${words}], ${timeoutMs});
    console.log(JSON.stringify({ heard, tookMs: performance.now() - startedAtMs }));
  `;
  const env = { URL: `${sentry.origin}/api/1/envelope/`, KEY: FAKE_PUBLIC_KEY };
  const { code, stdout, stderr } = await runScript(source, { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Told;
}

const answer = (status: number, times?: number): void => sentry.answerNextEnvelope({ kind: 'status', status }, times);

describe('the last words of a process', () => {
  it('are sent before the call returns, and each hears its own answer', async () => {
    const { heard } = await sendWords(`word('a'), word('b')`);
    expect(heard).toEqual(['a 200', 'b 200']);
    expect(sentry.envelopes).toHaveLength(2);
  });

  it('are sent again as long as one wants it, and the others are not', async () => {
    answer(503, 2);
    const { heard, tookMs } = await sendWords(`word('a', untilAccepted), word('b')`);
    expect(heard).toEqual(['a 503', 'b 503', 'a 200']);
    expect(tookMs).toBeGreaterThanOrEqual(250);
  });

  it('are sent again after longer and longer waits, of a second at most', async () => {
    answer(503, 4);
    const { heard, tookMs } = await sendWords(`word('a', untilAccepted)`, 10_000);
    expect(heard).toEqual(['a 503', 'a 503', 'a 503', 'a 503', 'a 200']);
    // 250 + 500 + 1000 + 1000
    expect(tookMs).toBeGreaterThanOrEqual(2_750);
    expect(tookMs).toBeLessThan(5_000);
  });

  it('are sent in parts when one asks for that, and at once', async () => {
    answer(413);
    const { heard, tookMs } = await sendWords(`word('whole', () => [word('first half'), word('second half')])`);
    expect(heard).toEqual(['whole 413', 'first half 200', 'second half 200']);
    expect(tookMs).toBeLessThan(3_000);
  });

  it('wait as long as the server asks', async () => {
    answer(503);
    const { heard, tookMs } = await sendWords(`word('a', untilAccepted, 1_200)`);
    expect(heard).toEqual(['a 503', 'a 200']);
    expect(tookMs).toBeGreaterThanOrEqual(1_200);
  });

  it('are given up at once when the server asks for longer than there is time', async () => {
    answer(503, 2);
    const { heard, tookMs } = await sendWords(`word('a', untilAccepted, 60_000), word('b', untilAccepted, 60_000)`);
    expect(heard).toEqual(['a 503', 'b 503', 'a given up', 'b given up']);
    expect(tookMs).toBeLessThan(3_000);
  });

  it('wait out a pause the server asked for before, and one that is too long is no reason to wait', async () => {
    const paused = `{ ...word('a'), pauseMs: 700 }`;
    const { heard, tookMs } = await sendWords(paused);
    expect(heard).toEqual(['a 200']);
    expect(tookMs).toBeGreaterThanOrEqual(700);

    const late = await sendWords(`{ ...word('a'), pauseMs: 60_000 }`);
    expect(late.heard).toEqual(['a given up']);
    expect(late.tookMs).toBeLessThan(3_000);
  });

  it('to one server do not wait for another', async () => {
    answer(503);
    const elsewhere = `{ ...word('b', (status) => (status === 404 ? [word('c')] : [])), get request() { return { ...word().request, url: url + 'elsewhere' } } }`;
    const { heard } = await sendWords(`word('a', untilAccepted, 700), ${elsewhere}`);
    expect(heard).toEqual(['a 503', 'b 404', 'a 200', 'c 200']);
  });

  it('that nobody has answered hear of that, and of the end of the time', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' }, 10);
    const { heard, tookMs } = await sendWords(`word('a', untilAccepted), word('b')`, 500);
    expect(heard).toEqual(['a timeout', 'b timeout', 'a given up']);
    expect(tookMs).toBeGreaterThanOrEqual(495);
    expect(tookMs).toBeLessThan(3_000);
  });

  it('are given up when the time is over, although the server answers', async () => {
    answer(503, 100);
    const { heard, tookMs } = await sendWords(`word('a', untilAccepted)`, 600);
    expect(new Set(heard)).toEqual(new Set(['a 503', 'a given up']));
    expect(heard.at(-1)).toBe('a given up');
    expect(tookMs).toBeLessThan(3_000);
  });

  it.each([0, -1, 'Number.NaN'])('are given up at once when there is no time: %s ms', async (timeoutMs) => {
    expect((await sendWords(`word('a'), word('b')`, timeoutMs)).heard).toEqual(['a given up', 'b given up']);
    expect(sentry.requests).toEqual([]);
  });

  it('are nothing, and then nothing is done', async () => {
    expect(await sendWords('', 60_000)).toMatchObject({ heard: [] });
    expect(sentry.requests).toEqual([]);
  });
});
