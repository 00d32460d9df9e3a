import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { parseEnvelope } from '../../../src/receiver/envelope.ts';
import { FAKE_PUBLIC_KEY, startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { runScript, type Ended } from '../../support/run-script.ts';
import { selfSigned } from './certificate.ts';
import { anEvent, receivedEvents } from './sending.ts';

// The thread that sends is blocked meanwhile, so every sender here is in a process of its own.

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry();
});
afterEach(() => sentry.close());

/** Sends requests to the URLs, and prints the statuses and whether the time was kept. */
async function sendNowTo(
  urls: readonly string[],
  timeoutMs: number | string = 5_000,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended & { readonly statuses: unknown; readonly tookMs: number }> {
  const source = `
    import { sendNow } from 'DIST/telemetry/issues/send-now.js';
    const { URLS, KEY } = process.env;
    const headers = { 'x-sentry-auth': 'sentry sentry_key=' + KEY, 'content-type': 'application/x-sentry-envelope' };
    const body = Buffer.from('{}\\n');
    const startedAt = performance.now();
    const statuses = sendNow(JSON.parse(URLS).map((url) => ({ url, headers, body })), ${timeoutMs});
    console.log(JSON.stringify({ statuses, tookMs: performance.now() - startedAt }));
  `;
  const ended = await runScript(source, { env: { URLS: JSON.stringify(urls), KEY: FAKE_PUBLIC_KEY, ...env } });
  return { ...ended, ...(JSON.parse(ended.stdout || '{}') as { statuses: unknown; tookMs: number }) };
}

const envelopeUrl = (): string => `${sentry.origin}/api/1/envelope/`;
const refusedUrl = (): string => `${sentry.origin}/api/404/envelope/`;

describe('requests of a process that cannot wait', () => {
  it('are answered before the call returns, each with its own status', async () => {
    const ended = await sendNowTo([envelopeUrl(), refusedUrl(), `${sentry.origin}/elsewhere`]);
    expect(ended).toMatchObject({ code: 0, stderr: '', statuses: [200, 403, 404] });
    expect(sentry.requests.filter(({ status }) => status === 200)).toMatchObject([
      { method: 'POST', headers: { 'content-type': 'application/x-sentry-envelope', 'content-length': '3' } },
    ]);
  });

  it('are many, over a few connections', async () => {
    const ended = await sendNowTo(Array.from({ length: 100 }, envelopeUrl));
    expect(ended.statuses).toEqual(Array.from({ length: 100 }, () => 200));
  });

  it('go over TLS as well, to an authority this process trusts', async () => {
    const { cert, key } = selfSigned();
    const server = createHttpsServer({ cert, key }, (request, response) => {
      request.resume().on('end', () => response.end('{}'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const directory = await mkdtemp(join(tmpdir(), 'faultline-authority-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const authority = join(directory, 'authority.pem');
    await writeFile(authority, cert);
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;

    expect(await sendNowTo([url])).toMatchObject({ code: 0, stderr: '', statuses: [0] });
    expect(await sendNowTo([url], 5_000, { NODE_EXTRA_CA_CERTS: authority })).toMatchObject({ statuses: [200] });
  });

  it('are given up at the deadline, and what was answered until then counts', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' });
    const ended = await sendNowTo([envelopeUrl(), `${sentry.origin}/elsewhere`], 1_500);
    expect(ended).toMatchObject({ code: 0, stderr: '', statuses: [0, 404] });
    expect(ended.tookMs).toBeGreaterThanOrEqual(1_495);
    expect(ended.tookMs).toBeLessThan(4_000);
  });

  it('need not be waited for when nothing listens, or the URL is none', async () => {
    await sentry.close();
    expect(await sendNowTo([envelopeUrl(), 'no url'])).toMatchObject({ code: 0, stderr: '', statuses: [0, 0] });
  });

  it.each([0, -1, 'Number.NaN'])('are not sent in no time: %s ms', async (timeoutMs) => {
    expect(await sendNowTo([envelopeUrl()], timeoutMs)).toMatchObject({ code: 0, statuses: [0] });
    expect(sentry.requests).toEqual([]);
  });

  it('do not load what the process preloads a second time', async () => {
    const ended = await sendNowTo([envelopeUrl()], 5_000, {
      NODE_OPTIONS: '--import data:text/javascript,console.error(1)',
    });
    expect(ended).toMatchObject({ code: 0, stderr: '1\n', statuses: [200] });
  });

  it('are sent by a process of its own where there may be no worker', async () => {
    const permission = process.allowedNodeEnvironmentFlags.has('--permission')
      ? '--permission'
      : '--experimental-permission';
    const ended = await sendNowTo([refusedUrl(), envelopeUrl()], 5_000, {
      NODE_OPTIONS: `${permission} --allow-fs-read=* --allow-child-process --no-warnings`,
    });
    expect(ended).toMatchObject({ code: 0, stderr: '', statuses: [403, 200] });
  });

  it('are not sent where there may be neither, and the process goes on', async () => {
    const permission = process.allowedNodeEnvironmentFlags.has('--permission')
      ? '--permission'
      : '--experimental-permission';
    const ended = await sendNowTo([envelopeUrl()], 5_000, {
      NODE_OPTIONS: `${permission} --allow-fs-read=* --no-warnings`,
    });
    expect(ended).toMatchObject({ code: 0, stderr: '', statuses: [0] });
  });
});

describe('a sender in a process that dies', () => {
  const sender = (body: string): string => `
    import { createIssueSender } from 'DIST/telemetry/issues/sender.js';
    import { dsn } from 'DIST/telemetry/config/dsn.js';
    const report = ({ message }) => console.error('faultline: ' + message);
    const sender = createIssueSender({ dsn: dsn.fromText(process.env.DSN).value, report });
    const event = (server_name) => {
      const event = ${JSON.stringify(anEvent())};
      const id = crypto.randomUUID().replaceAll('-', '');
      return { ...event, event_id: id, fingerprint: [id], server_name };
    };
    const sendNow = () => {
      sender.sendNow(5_000);
      const { sent, failed, pending } = sender.status;
      console.log(JSON.stringify({ sent, failed, pending }));
    };
    ${body}
  `;
  const arrived = (): unknown[] => receivedEvents(sentry).map(({ server_name: name }) => name);
  const run = (body: string): Promise<Ended> => runScript(sender(body), { env: { DSN: sentry.dsn } });

  it('of an uncaught exception sends everything, and Node says and does what it always does', async () => {
    const crash = `setTimeout(() => { throw new Error('the end'); }, 1);`;
    const bare = await run(crash);
    const ended = await run(`
      process.on('uncaughtExceptionMonitor', () => {
        sender.send(event('last'));
        sendNow();
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
      `process.on('uncaughtExceptionMonitor', sendNow); Promise.reject(new Error('the end'));`,
      1,
    ],
    ['too deep a recursion', `process.on('uncaughtExceptionMonitor', sendNow); const f = () => f() + 1; f();`, 1],
    ['process.exit', `process.on('exit', sendNow); process.exit(7);`, 7],
    [
      'a signal',
      `process.on('SIGTERM', () => { sendNow(); process.exit(3); }); process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 9_000);`,
      3,
    ],
  ])('of %s sends everything', async (_, death, code) => {
    const ended = await run(`sender.send(event('only')); ${death}`);
    expect(ended).toMatchObject({ code, stdout: '{"sent":1,"failed":0,"pending":0}\n' });
    expect(arrived()).toEqual(['only']);
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
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => server.closeAllConnections());
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;

    const source = sender(`
      sender.send(event('under way'));
      process.on('uncaughtExceptionMonitor', sendNow);
      await fetch(new URL('/', process.env.DSN.replace(/\\w+@/, '')));
      throw new Error('the end');
    `);
    const ended = await runScript(source, { env: { DSN: `http://${FAKE_PUBLIC_KEY}@127.0.0.1:${port}/1` } });
    expect(ended).toMatchObject({ code: 1, stdout: '{"sent":1,"failed":0,"pending":0}\n' });
    expect(bodies).toEqual([expect.objectContaining({ server_name: 'under way' }), bodies[0]]);
  });

  it('sends the newest first when there is no time for all', async () => {
    const ended = await run(`
      for (let count = 0; count < 20; count += 1) sender.send(event(String(count)));
      sendNow();
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

  it('says what was refused, and what was not taken in time', async () => {
    sentry.answerNextEnvelope({ kind: 'status', status: 503 });
    sentry.answerNextEnvelope({ kind: 'status', status: 403 });
    const ended = await run(`sender.send(event('a')); sender.send(event('b')); sendNow(); process.exit();`);
    expect(ended.stdout).toBe('{"sent":0,"failed":1,"pending":1}\n');
    expect(ended.stderr.replaceAll(new URL(sentry.origin).host, 'HOST').split('\n').toSorted()).toEqual([
      '',
      'faultline: an Issue was not delivered: HOST did not take it before the process ended',
      'faultline: an Issue was not delivered: HOST refused the key (403); copy the DSN whole from Project Settings > Client Keys',
    ]);
  });

  it('says how much of a failure that repeats was held back', async () => {
    const same = `{ ...event('same'), fingerprint: ['same'] }`;
    const ended = await run(
      `for (let count = 0; count < 8; count += 1) sender.send(${same}); sendNow(); process.exit();`,
    );
    expect(ended.stdout).toBe('{"sent":5,"failed":0,"pending":0}\n');
    expect(ended.stderr).toMatch(/^faultline: 3 Issues were held back, .*\n$/);
  });

  it('leaves a server alone that limits the rate', async () => {
    sentry.answerNextEnvelope({ kind: 'status', status: 429, headers: { 'retry-after': '60' } });
    const ended = await run(`sender.send(event('a')); await sender.flush(100); sendNow(); process.exit();`);
    expect(ended.stdout).toBe('{"sent":0,"failed":0,"pending":1}\n');
    expect(ended.stderr).toMatch(/^faultline: an Issue was not delivered: \S+ limits the rate \(429\), .*\n$/);
    expect(sentry.requests).toHaveLength(1);
  });

  it('goes on as before when the process lives after all', async () => {
    sentry.answerNextEnvelope({ kind: 'status', status: 503 }, 2);
    const ended = await run(`
      sender.send(event('a'));
      await sender.flush(100);
      sendNow();
      sender.send(event('b'));
      await sender.flush(100);
      console.log(sender.status.sent);
    `);
    expect(ended.stdout).toBe('{"sent":0,"failed":0,"pending":1}\n2\n');
    expect(arrived()).toEqual(['a', 'b']);
  });
});

/** What Node prints of a crash, without the place of the script. */
function withoutPlace(stderr: string): string {
  return stderr.replaceAll(/(?:file:\/\/)?\/\S*\/script\.mjs:\d+(?::\d+)?/g, 'PLACE').replaceAll(/^ +/gm, '');
}
