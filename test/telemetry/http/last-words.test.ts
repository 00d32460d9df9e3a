import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FAKE_PUBLIC_KEY, startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { runScript } from '../../support/run-script.ts';
import { TURNED_TIME } from '../../support/turned-time.ts';

// The thread that sends is blocked meanwhile, so every sender here is in a process of its own.

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry();
});
afterEach(() => sentry.close());

interface Told {
  /** What each word heard, in order: a status, or that it was given up. */
  readonly heard: readonly string[];
  /** How long each wait was, for the end of a pause or for answers that never came. */
  readonly waits: readonly number[];
}

/**
 * Sends words made by `word(name, next, pauseMs)`, where `next(status, itself)` says what is still to be sent. By
 * default there is far more time than any of them may take: who waits for its end is killed.
 */
async function sendWords(words: string, timeoutMs: number | string = 600_000): Promise<Told> {
  const source = `
    ${TURNED_TIME}
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
    sendLastWords([${words}], ${timeoutMs});
    console.log(JSON.stringify({ heard, waits }));
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
    const { heard, waits } = await sendWords(`word('a', untilAccepted), word('b')`);
    expect(heard).toEqual(['a 503', 'b 503', 'a 200']);
    expect(waits).toEqual([250]);
  });

  it('are sent again after longer and longer waits, of a second at most', async () => {
    answer(503, 4);
    const { heard, waits } = await sendWords(`word('a', untilAccepted)`);
    expect(heard).toEqual(['a 503', 'a 503', 'a 503', 'a 503', 'a 200']);
    expect(waits).toEqual([250, 500, 1_000, 1_000]);
  });

  it('are sent in parts when one asks for that, and at once', async () => {
    answer(413);
    const { heard, waits } = await sendWords(`word('whole', () => [word('first half'), word('second half')])`);
    expect(heard).toEqual(['whole 413', 'first half 200', 'second half 200']);
    expect(waits).toEqual([]);
  });

  it('wait as long as the server asks', async () => {
    answer(503);
    const { heard, waits } = await sendWords(`word('a', untilAccepted, 1_200)`);
    expect(heard).toEqual(['a 503', 'a 200']);
    expect(waits).toEqual([1_200]);
  });

  it('are given up at once when the server asks for longer than there is time', async () => {
    answer(503, 2);
    const { heard, waits } = await sendWords(`word('a', untilAccepted, 600_001), word('b', untilAccepted, 600_001)`);
    expect(heard).toEqual(['a 503', 'b 503', 'a given up', 'b given up']);
    expect(waits).toEqual([]);
  });

  it('wait out a pause the server asked for before, and one that is too long is no reason to wait', async () => {
    expect(await sendWords(`{ ...word('a'), pauseMs: 700 }`)).toEqual({ heard: ['a 200'], waits: [700] });
    expect(await sendWords(`{ ...word('a'), pauseMs: 600_001 }`)).toEqual({ heard: ['a given up'], waits: [] });
  });

  it('to one server do not wait for another', async () => {
    answer(503);
    const elsewhere = `{ ...word('b', (status) => (status === 404 ? [word('c')] : [])), get request() { return { ...word().request, url: url + 'elsewhere' } } }`;
    const { heard } = await sendWords(`word('a', untilAccepted, 700), ${elsewhere}`);
    expect(heard).toEqual(['a 503', 'b 404', 'a 200', 'c 200']);
  });

  it('that nobody has answered hear of that, and of the end of the time', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' }, 10);
    const { heard, waits } = await sendWords(`word('a', untilAccepted), word('b')`, 500);
    expect(heard).toEqual(['a timeout', 'b timeout', 'a given up']);
    expect(waits).toEqual([500]);
  });

  it('are given up when the time is over, although the server answers', async () => {
    answer(503, 100);
    const later = `(status, itself) => { turn(400_000); return untilAccepted(status, itself); }`;
    const { heard, waits } = await sendWords(`word('a', ${later})`);
    expect(heard).toEqual(['a 503', 'a 503', 'a given up']);
    expect(waits).toEqual([250]);
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
