import { createServer as createHttpServer } from 'node:http';
import { gunzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { parseEnvelope } from '../../../src/receiver/envelope.ts';
import {
  FAKE_PUBLIC_KEY,
  startFakeSentry,
  type FakeAnswer,
  type FakeSentry,
} from '../../../src/testing/fake-sentry.ts';
import { listening } from '../../support/loopback.ts';
import { runScript, type Ended } from '../../support/run-script.ts';
import { anEvent, receivedEvents } from './sending.ts';

// The thread that sends is blocked meanwhile, so every sender here is in a process of its own.

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry();
});
afterEach(() => sentry.close());

describe('a sender in a process that dies', () => {
  const sender = (body: string, options = ''): string => `
    import { createIssueSender } from 'DIST/telemetry/issues/sender.js';
    import { dsn } from 'DIST/telemetry/config/dsn.js';
    import { sendLastWords } from 'DIST/telemetry/http/last-words.js';
    const report = ({ message }) => console.error('faultline: ' + message);
    const kept = new Set();
    const journal = { keepIssue: (id) => kept.add(id).has(id), strikeIssue: (id) => kept.delete(id) };
    const sender = createIssueSender({ dsn: dsn.fromText(process.env.DSN).value, report, ${options} });
    const event = (server_name) => {
      const event = ${JSON.stringify(anEvent())};
      const id = crypto.randomUUID().replaceAll('-', '');
      return { ...event, event_id: id, fingerprint: [id], server_name };
    };
    const say = () => {
      const { sent, failed, pending } = sender.status;
      console.log(JSON.stringify({ sent, failed, pending }));
    };
    const sayLastWordsWithin = (timeoutMs) => {
      sendLastWords(sender.lastWords(timeoutMs), timeoutMs);
      say();
    };
    // Far more time than any of this may take: who waits for its end is killed.
    const sayLastWords = () => sayLastWordsWithin(600_000);
    ${body}
  `;
  const arrived = (): unknown[] => receivedEvents(sentry).map(({ server_name: name }) => name);
  const run = (body: string, options?: string): Promise<Ended> =>
    runScript(sender(body, options), { env: { DSN: sentry.dsn } });

  it('of an uncaught exception sends everything, and Node says and does what it always does', async () => {
    const crash = `setTimeout(() => { throw new Error('the end'); }, 1);`;
    const bare = await run(crash);
    const ended = await run(`
      process.on('uncaughtExceptionMonitor', () => {
        sender.send(event('last'));
        sayLastWords();
      });
      sender.send(event('first'));
      sender.send(event('second'));
      ${crash}
    `);
    expect(ended).toMatchObject({ code: 1, signal: null, stdout: '{"sent":3,"failed":0,"pending":0}\n' });
    expect(withoutPlace(ended.stderr)).toBe(withoutPlace(bare.stderr));
    expect(new Set(arrived())).toEqual(new Set(['first', 'second', 'last']));
  });

  it.each([
    [
      'an unhandled rejection',
      `process.on('uncaughtExceptionMonitor', sayLastWords); Promise.reject(new Error('the end'));`,
      1,
    ],
    ['too deep a recursion', `process.on('uncaughtExceptionMonitor', sayLastWords); const f = () => f() + 1; f();`, 1],
    ['process.exit', `process.on('exit', sayLastWords); process.exit(7);`, 7],
    [
      'a signal',
      `process.on('SIGTERM', () => { sayLastWords(); process.exit(3); }); process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 9_000);`,
      3,
    ],
  ])('of %s sends everything', async (_, death, code) => {
    const ended = await run(`sender.send(event('only')); ${death}`);
    expect(ended).toMatchObject({ code, stdout: '{"sent":1,"failed":0,"pending":0}\n' });
    // What was under way already is sent once more.
    expect(new Set(arrived())).toEqual(new Set(['only']));
  });

  it('sends what is under way once more: Sentry knows it by its id', async () => {
    const bodies: unknown[] = [];
    let underWay = (): void => {};
    const isUnderWay = new Promise<void>((resolve) => (underWay = resolve));
    const server = createHttpServer((request, response) => {
      if (request.method === 'GET') return void isUnderWay.then(() => response.end());
      const chunks: Uint8Array[] = [];
      request
        .on('data', (chunk: Uint8Array) => chunks.push(chunk))
        .on('end', () => {
          bodies.push(parseEnvelope(gunzipSync(Buffer.concat(chunks))).items[0]?.payload);
          if (bodies.length > 1) response.end('{}');
          underWay();
        });
    });
    const host = await listening(server);

    const source = sender(`
      sender.send(event('under way'));
      process.on('uncaughtExceptionMonitor', sayLastWords);
      await fetch(new URL('/', process.env.DSN.replace(/\\w+@/, '')));
      throw new Error('the end');
    `);
    const ended = await runScript(source, { env: { DSN: `http://${FAKE_PUBLIC_KEY}@${host}/1` } });
    expect(ended).toMatchObject({ code: 1, stdout: '{"sent":1,"failed":0,"pending":0}\n' });
    expect(bodies).toEqual([expect.objectContaining({ server_name: 'under way' }), bodies[0]]);
  });

  it('sends the newest first when there is no time for all', async () => {
    const ended = await run(`
      for (let count = 0; count < 20; count += 1) sender.send(event(String(count)));
      sayLastWords();
      process.exit();
    `);
    expect(ended).toMatchObject({ code: 0, stdout: '{"sent":20,"failed":0,"pending":0}\n' });
    // Six connections at a time, so the order is only nearly that of the requests.
    expect(
      arrived()
        .slice(0, 6)
        .map(Number)
        .every((number) => number >= 8),
    ).toBe(true);
  });

  it('says what was refused, and at the end what was not taken in time', async () => {
    sentry.answerNextEnvelope({ kind: 'status', status: 403 });
    sentry.answerNextEnvelope({ kind: 'status', status: 503 }, 100);
    const ended = await run(`
      sender.send(event('a'));
      sender.send(event('b'));
      sayLastWordsWithin(3_000);
      sender.close();
      console.log(JSON.stringify(sender.status.dropped));
      process.exit();
    `);
    expect(ended.stdout).toBe('{"sent":0,"failed":1,"pending":1}\n{"closed":1}\n');
    expect(ended.stderr.replaceAll(new URL(sentry.origin).host, 'HOST').split('\n')).toEqual([
      'faultline: an Issue was not delivered: HOST refused the key (403); copy the DSN whole from Project Settings > Client Keys',
      'faultline: an Issue was not delivered: HOST kept answering that it is in trouble (503)',
      '',
    ]);
  });

  it.each<[string, FakeAnswer]>([
    ['503', { kind: 'status', status: 503 }],
    ['429', { kind: 'status', status: 429 }],
    ['408', { kind: 'status', status: 408 }],
    ['a reset', { kind: 'reset' }],
  ])('tries again what may still be accepted: %s', async (_, answer) => {
    sentry.answerNextEnvelope(answer, 2);
    const ended = await run(`sender.send(event('only')); sayLastWords(); process.exit();`);
    expect(ended).toMatchObject({ code: 0, stdout: '{"sent":1,"failed":0,"pending":0}\n', stderr: '' });
    expect(arrived()).toEqual(['only']);
  });

  it('leaves a server alone that limits the rate, and says so once at the end', async () => {
    sentry.answerNextEnvelope({ kind: 'status', status: 429, headers: { 'retry-after': '3600' } });
    const ended = await run(
      `sender.send(event('a')); await sender.flush(600_000); sayLastWords(); sender.close(); process.exit();`,
    );
    expect(ended.stdout).toBe('{"sent":0,"failed":0,"pending":1}\n');
    expect(ended.stderr).toMatch(/^faultline: an Issue was not delivered: \S+ kept limiting the rate \(429\);.*\n$/);
    expect(sentry.requests).toHaveLength(1);
  });

  it.each([
    ['asks for a pause first when the process is about to die', `sayLastWords();`],
    ['asked for a pause before', `await sender.flush(600_000); sayLastWords();`],
  ])('does not wait for a server that %s', async (_, end) => {
    const headers = { 'retry-after': '3600', 'x-sentry-rate-limits': '3600:error;transaction:key' };
    sentry.answerNextEnvelope({ kind: 'status', status: 429, headers });
    const ended = await run(`
      sender.send(event('a'));
      ${end}
      process.exit();
    `);
    expect(ended.stdout).toBe('{"sent":0,"failed":0,"pending":1}\n');
    expect(sentry.requests).toHaveLength(1);
  });

  it.each([
    [429, 3],
    [200, 2],
  ])('waits out a short pause it was asked for before with a %i', async (status, requests) => {
    const headers = { 'x-sentry-rate-limits': '4:error:organization' };
    sentry.answerNextEnvelope({ kind: 'status', status, headers });
    const ended = await run(`
      sender.send(event('first'));
      await sender.flush(3_500);
      sender.send(event('last'));
      sayLastWords();
      process.exit();
    `);
    expect(ended).toMatchObject({ code: 0, stdout: '{"sent":2,"failed":0,"pending":0}\n', stderr: '' });
    expect(sentry.requests).toHaveLength(requests);
  });

  it('does not take a login page for Sentry, and leaves the event in the journal', async () => {
    const headers = { 'content-type': 'text/html' };
    sentry.answerNextEnvelope({ kind: 'status', status: 200, headers });
    const ended = await run(
      `sender.send(event('a')); sayLastWords(); console.log(sender.status.leftOnDisk, kept.size); process.exit();`,
      'journal',
    );
    expect(ended.stdout).toBe('{"sent":0,"failed":0,"pending":0}\n1 1\n');
    expect(ended.stderr).toMatch(
      /^faultline: an Issue was left on disk for the next start: \S+ answered with a web page/,
    );
  });

  it('strikes from the journal what was taken, and leaves what was not', async () => {
    sentry.answerNextEnvelope({ kind: 'status', status: 403 });
    const ended = await run(
      `
      sender.send(event('a'));
      sender.send(event('b'));
      sayLastWords();
      sender.close();
      console.log(sender.status.leftOnDisk, kept.size);
      process.exit();
    `,
      'journal',
    );
    expect(ended.stdout).toBe('{"sent":1,"failed":0,"pending":0}\n1 1\n');
    expect(ended.stderr).toMatch(/^faultline: an Issue was left on disk for the next start: \S+ refused the key .*\n$/);
  });

  it('goes on as before when the process lives after all', async () => {
    sentry.answerNextEnvelope({ kind: 'status', status: 503 }, 5);
    const ended = await run(`
      sender.send(event('a'));
      sayLastWordsWithin(300);
      sender.send(event('b'));
      await sender.flush();
      say();
    `);
    expect(ended.stdout).toBe('{"sent":0,"failed":0,"pending":1}\n{"sent":2,"failed":0,"pending":0}\n');
    expect(new Set(arrived())).toEqual(new Set(['a', 'b']));
  });
});

/** What Node prints of a crash, without the place of the script. */
function withoutPlace(stderr: string): string {
  return stderr.replaceAll(/(?:file:\/\/)?\/\S*\/script\.mjs:\d+(?::\d+)?/g, 'PLACE').replaceAll(/^ +/gm, '');
}
