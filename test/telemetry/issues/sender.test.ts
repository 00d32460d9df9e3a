import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { parseEnvelope } from '../../../src/receiver/envelope.ts';
import { dsn as dsnKind, type Dsn } from '../../../src/telemetry/config/dsn.ts';
import { VERSION } from '../../../src/telemetry/config/version.ts';
import { createReporter } from '../../../src/telemetry/diagnostics.ts';
import type { Clock } from '../../../src/telemetry/http/clock.ts';
import {
  createIssueSender,
  type IssueSender,
  type IssueSenderOptions,
  type IssueStatus,
} from '../../../src/telemetry/issues/sender.ts';
import {
  FAKE_PUBLIC_KEY,
  startFakeSentry,
  type FakeAnswer,
  type FakeSentry,
} from '../../../src/testing/fake-sentry.ts';
import { listening } from '../../support/loopback.ts';
import { NOTHING } from '../../support/nothing.ts';
import { ONLY_SHORT_WAITS } from '../../support/only-short-waits.ts';
import { settled, watchRejections } from '../../support/process-events.ts';
import { runScript } from '../../support/run-script.ts';
import { selfSigned } from '../http/certificate.ts';
import { answered } from '../http/answers.ts';
import { hurriedClock, stoppedTimers, turnedClock } from '../http/clocks.ts';
import { aJournal, anEvent, receivedEvents } from './sending.ts';
import { fc } from '../../support/properties.ts';

const MINUTE_MS = 60_000;

let sentry: FakeSentry;
let lines: string[];
beforeEach(async () => {
  sentry = await startFakeSentry();
  lines = [];
});
afterEach(() => sentry.close());

/** A sender to the fake Sentry, or to the DSN given. */
function createSender({ dsn = sentry.dsn, ...options }: SenderOptions = {}): IssueSender {
  const report = createReporter((line) => lines.push(line));
  const sender = createIssueSender({ dsn: readDsn(dsn), report, ...options });
  onTestFinished(() => sender.close());
  return sender;
}

type SenderOptions = Partial<Omit<IssueSenderOptions, 'dsn'>> & { readonly dsn?: string };

function readDsn(text: string): Dsn {
  const { value, problem } = dsnKind.fromText(text, 'dsn');
  if (value === undefined) throw new Error(problem);
  return value;
}

/** Events given to a sender, each of which must be in exactly one count. */
function accountedFor({ sent, failed, pending, leftOnDisk, dropped }: IssueStatus): number {
  return [sent, failed, pending, leftOnDisk, ...Object.values(dropped)].reduce((sum, count) => sum + count, 0);
}

const status = (code: number, headers?: Readonly<Record<string, string>>): FakeAnswer => ({
  kind: 'status',
  status: code,
  ...(headers === undefined ? undefined : { headers }),
});
const receivedIds = (): unknown[] => sentry.envelopes.map(({ headers }) => headers['event_id']);
const host = (): string => new URL(sentry.origin).host;

describe('an event', () => {
  it('arrives as one envelope, with the headers Sentry wants and no others of ours', async () => {
    const sender = createSender();
    const event = anEvent();
    sender.send(event);
    await sender.flush();

    expect(sentry.envelopes).toMatchObject([{ projectId: '1', items: [{ type: 'event', payload: event }] }]);
    const [request] = sentry.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/api/1/envelope/', status: 200 });
    expect(request?.headers).toEqual({
      'x-sentry-auth': `Sentry sentry_key=${FAKE_PUBLIC_KEY}, sentry_version=7, sentry_client=faultline/${VERSION}`,
      'content-type': 'application/x-sentry-envelope',
      'content-encoding': 'gzip',
      'content-length': String(request?.rawBody.length),
      'user-agent': `faultline/${VERSION}`,
      host: host(),
      connection: 'keep-alive',
    });
    expect(sender.status).toEqual({
      url: `${sentry.origin}/api/1/envelope/`,
      sent: 1,
      failed: 0,
      pending: 0,
      leftOnDisk: 0,
      dropped: {},
    });
    expect(lines).toEqual([]);
  });

  it('goes below the path of the DSN', async () => {
    const prefixed = await startFakeSentry({ pathPrefix: '/sentry' });
    onTestFinished(() => prefixed.close());
    const sender = createSender({ dsn: prefixed.dsn });
    sender.send(anEvent());
    await sender.flush();
    expect(prefixed.requests).toMatchObject([{ path: '/sentry/api/1/envelope/', status: 200 }]);
  });

  it('is sent as it was when it was given', async () => {
    const sender = createSender();
    const event = anEvent({ tags: { agent: 'before' } });
    sender.send(event);
    event.tags['agent'] = 'after';
    await sender.flush();
    expect(sentry.envelopes[0]?.items[0]?.payload).toMatchObject({ tags: { agent: 'before' } });
  });

  it('is pending until it is answered', async () => {
    const sender = createSender();
    sender.send(anEvent());
    expect(sender.status).toMatchObject({ pending: 1, sent: 0 });
    await sender.flush();
    expect(sender.status).toMatchObject({ pending: 0, sent: 1 });
  });
});

describe('several events', () => {
  it('arrive in their order, one request at a time, on one connection', async () => {
    let open = 0;
    let mostOpen = 0;
    const sockets = new Set<Socket>();
    const ids: unknown[] = [];
    const server = await startServer((request, response) => {
      open += 1;
      mostOpen = Math.max(mostOpen, open);
      sockets.add(request.socket);
      const chunks: Uint8Array[] = [];
      request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
      request.on('end', () => {
        ids.push(parseEnvelope(gunzipSync(Buffer.concat(chunks))).headers['event_id']);
        setImmediate(() => {
          open -= 1;
          response.end('{}');
        });
      });
    });
    const sender = createSender({ dsn: server.dsn });
    const events = Array.from({ length: 5 }, () => anEvent());
    for (const event of events) sender.send(event);
    await sender.flush();

    expect(ids).toEqual(events.map(({ event_id: id }) => id));
    expect({ mostOpen, connections: sockets.size }).toEqual({ mostOpen: 1, connections: 1 });
  });

  it('that come while others are sent are sent too, and a flush waits for what came before it only', async () => {
    const sender = createSender();
    sender.send(anEvent());
    const flushed = sender.flush();
    sender.send(anEvent());
    await flushed;
    expect(sender.status.sent).toBeGreaterThanOrEqual(1);
    await sender.flush();
    expect(sender.status).toMatchObject({ sent: 2, pending: 0 });
  });
});

describe('an answer that means no', () => {
  it.each([
    [400, /could not read the request \(400\); check that the DSN is whole/],
    [401, /refused the key \(401\); copy the DSN whole from Project Settings > Client Keys/],
    [403, /refused the key \(403\); copy the DSN whole/],
    [404, /takes no Issues for this project \(404\); copy the DSN whole/],
    [413, /found the request too large \(413\); put less into setContext/],
    [302, /redirects \(302\); set the DSN to where the Issues must go/],
    [418, /answered 418/],
  ])('%i is not asked for twice, and said once', async (code, sentence) => {
    sentry.answerNextEnvelope(status(code), 2);
    const clock = hurriedClock();
    const sender = createSender({ clock });
    sender.send(anEvent());
    sender.send(anEvent());
    sender.send(anEvent());
    await sender.flush();

    expect(sender.status).toMatchObject({ failed: 2, sent: 1, pending: 0, dropped: NOTHING });
    expect(sender.status.lastError).toMatch(sentence);
    expect(sender.status.lastError).toContain(host());
    expect(lines).toEqual([`an Issue was not delivered: ${sender.status.lastError}`]);
    expect(clock.waited).toEqual([]);
    expect(sentry.requests).toHaveLength(3);
  });

  it('is a web page, which no error server answers with', async () => {
    sentry.answerNextEnvelope({
      ...status(200, { 'content-type': 'text/html; charset=utf-8' }),
      body: '<html>',
    } as FakeAnswer);
    const sender = createSender();
    sender.send(anEvent());
    await sender.flush();
    expect(sender.status).toMatchObject({ failed: 1, sent: 0 });
    expect(lines).toEqual([
      `an Issue was not delivered: ${host()} answered with a web page, as a proxy or login page in between does`,
    ]);
  });

  it('is a redirect, said with where it leads to and without what may be secret there', async () => {
    const location = 'https://elsewhere.example/api/1/envelope/?sentry_key=hidden';
    sentry.answerNextEnvelope(status(301, { 'content-type': 'text/html', location }));
    const sender = createSender();
    sender.send(anEvent());
    await sender.flush();
    expect(lines).toEqual([
      `an Issue was not delivered: ${host()} redirects to https://elsewhere.example/api/1/envelope/ (301); set the DSN to where the Issues must go`,
    ]);
  });

  it.each([
    [413, /found the request too large \(413\); put less into setContext/],
    [502, /kept answering that it is in trouble \(502\)/],
  ])(
    'is said as what it is where a server in front of Sentry has a page of its own for it: %i',
    async (code, sentence) => {
      sentry.answerNextEnvelope(status(code, { 'content-type': 'text/html' }));
      const sender = createSender({ clock: hurriedClock() });
      sender.send(anEvent());
      await sender.flush();
      expect(sender.status.lastError).toMatch(sentence);
    },
  );

  it('is never said with the key', async () => {
    sentry.answerNextEnvelope(status(401));
    const sender = createSender();
    sender.send(anEvent());
    await sender.flush();
    expect(JSON.stringify([lines, sender.status])).not.toContain(FAKE_PUBLIC_KEY);
  });
});

describe('a failure that may pass', () => {
  it.each<[string, FakeAnswer]>([
    ['408', status(408)],
    ['500', status(500)],
    ['502', status(502)],
    ['503', status(503)],
    ['504', status(504)],
    ['522, as a proxy answers whose server is away', status(522)],
    ['a connection that is reset', { kind: 'reset' }],
  ])('is tried again: %s', async (_, answer) => {
    sentry.answerNextEnvelope(answer, 2);
    const sender = createSender({ clock: hurriedClock() });
    const event = anEvent();
    sender.send(event);
    await sender.flush();

    expect(receivedIds()).toEqual([event.event_id]);
    expect(sender.status).toMatchObject({ sent: 1, failed: 0, pending: 0 });
    expect(lines).toEqual([]);
  });

  it('is tried again when no answer comes in time', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' }, 2);
    const turn = stoppedTimers();
    const sender = createSender({ clock: hurriedClock(), requestTimeoutMs: 300 });
    const event = anEvent();
    sender.send(event);
    const flushed = sender.flush();
    for (const count of [1, 2]) {
      await sentry.waitForRequests(count);
      turn(300);
    }
    await flushed;

    expect(receivedIds()).toEqual([event.event_id]);
    expect(sender.status).toMatchObject({ sent: 1, failed: 0, pending: 0 });
    expect(lines).toEqual([]);
  });

  it('is tried again after waits that grow to half a minute', async () => {
    sentry.answerNextEnvelope(status(503), 6);
    const clock = hurriedClock();
    createSender({ clock }).send(anEvent());
    await sentry.waitForEnvelopes(1);
    expect(clock.waited).toEqual([
      between(1_000, 1_200),
      between(3_000, 3_600),
      between(9_000, 10_800),
      between(27_000, 32_400),
      between(30_000, 36_000),
      between(30_000, 36_000),
    ]);
  });

  it('is said once for each cause when it lasts, and not when it is over in some seconds', async () => {
    const clock = turnedClock();
    const sender = createSender({ clock });
    let events = 0;
    /** Answers so to the next Issue, for as many attempts, and lets time pass until it is accepted. */
    const fail = async (code: number, attempts: number): Promise<void> => {
      sentry.answerNextEnvelope(status(code), attempts);
      sender.send(anEvent());
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        await expect.poll(() => clock.waits.some((ms) => ms > 0)).toBe(true);
        clock.turn(2 * MINUTE_MS);
      }
      events += 1;
      await sentry.waitForEnvelopes(events);
      await expect.poll(() => sender.status.pending).toBe(0);
    };

    await fail(503, 1);
    // Minutes later, when the first one is long over.
    await fail(503, 1);
    expect(lines).toEqual([]);
    await fail(503, 3);
    await fail(503, 3);
    const line = `Issues wait to be sent, because ${host()} kept answering that it is in trouble (503); they are kept and tried again`;
    expect(lines).toEqual([line]);
    await fail(429, 3);
    expect(lines).toEqual([line, expect.stringMatching(/^Issues wait to be sent, because .*\(429\)/)]);
  });

  it('is over when an Issue was given up, so that a short one long after it is not said', async () => {
    const clock = hurriedClock();
    const answers = [...Array.from({ length: 6 }, () => 503), 429, 200];
    const server = await startServer((request, response) => {
      const code = answers.shift()!;
      clock.turn(code === 503 ? 20 * MINUTE_MS : 0);
      request.resume().on('end', () => response.writeHead(code).end());
    });
    const sender = createSender({ dsn: server.dsn, clock });
    sender.send(anEvent());
    await expect.poll(() => sender.status.failed).toBe(1);
    const said = [...lines];
    clock.turn(24 * 60 * MINUTE_MS);
    sender.send(anEvent());
    await expect.poll(() => sender.status.sent).toBe(1);
    expect(answers).toEqual([]);
    expect(lines).toEqual(said);
  });

  it('is over when an Issue was accepted, also while others wait', async () => {
    const clock = hurriedClock();
    const answers = [503, 200, 503, 200];
    const server = await startServer((request, response) => {
      const code = answers.shift()!;
      clock.turn(code === 200 ? 20 * MINUTE_MS : 0);
      request.resume().on('end', () => response.writeHead(code).end());
    });
    const sender = createSender({ dsn: server.dsn, clock });
    sender.send(anEvent());
    sender.send(anEvent());
    await expect.poll(() => sender.status.sent).toBe(2);
    expect(answers).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('is tried again after a short wait when others were accepted meanwhile', async () => {
    sentry.answerNextEnvelope(status(503), 3);
    const clock = hurriedClock();
    const sender = createSender({ clock });
    sender.send(anEvent());
    await sentry.waitForEnvelopes(1);
    sentry.answerNextEnvelope(status(503));
    sender.send(anEvent());
    await sentry.waitForEnvelopes(2);
    expect(clock.waited.at(-1)).toEqual(between(1_000, 1_200));
  });

  it('is tried again at once where a connection was kept and is gone by now', async () => {
    const clock = hurriedClock();
    const sender = createSender({ clock });
    sender.send(anEvent());
    await sender.flush();
    sentry.answerNextEnvelope({ kind: 'reset' });
    sender.send(anEvent());
    await sender.flush();
    expect(clock.waited).toEqual([]);
    expect(sender.status).toMatchObject({ sent: 2, failed: 0 });
  });

  it('is tried again after a second at most while somebody flushes', async () => {
    sentry.answerNextEnvelope(status(503), 4);
    const clock = hurriedClock();
    const sender = createSender({ clock });
    sender.send(anEvent());
    await sender.flush();
    expect(clock.waited).toEqual([between(250, 300), between(500, 600), between(1_000, 1_200), between(1_000, 1_200)]);
  });

  it('is tried again at once when somebody begins to flush', async () => {
    sentry.answerNextEnvelope(status(503));
    const still = turnedClock();
    let beginWaiting = (): void => {};
    const isWaiting = new Promise<void>((resolve) => (beginWaiting = resolve));
    const clock: Clock = {
      now: () => still.now(),
      after(delayMs, run) {
        beginWaiting();
        return still.after(delayMs, run);
      },
    };
    const sender = createSender({ clock });
    sender.send(anEvent());
    sender.send(anEvent());
    await isWaiting;
    expect(sender.status).toMatchObject({ sent: 0, pending: 2 });
    await sender.flush();
    expect(sender.status).toMatchObject({ sent: 2, pending: 0 });
  });

  it.each<[string, (response: ServerResponse, turn: (ms: number) => void) => void, RegExp]>([
    ['503', (response) => response.writeHead(503).end(), /kept answering that it is in trouble \(503\)$/],
    [
      '429',
      (response) => response.writeHead(429, { 'retry-after': '1' }).end(),
      /kept limiting the rate \(429\); see the quota/,
    ],
    ['a reset', (response) => response.socket?.resetAndDestroy(), /broke the connection off \(\w+\)$/],
    ['silence', (_, turn) => turn(50), /did not answer within 50 ms$/],
  ])('is given up after an hour, and said once: %s', async (_, answer, sentence) => {
    const clock = hurriedClock();
    const turn = stoppedTimers();
    let requests = 0;
    const server = await startServer((request, response) => {
      clock.turn(15 * MINUTE_MS);
      requests += 1;
      request.resume().on('end', () => answer(response, turn));
    });
    const sender = createSender({ dsn: server.dsn, clock, requestTimeoutMs: 50 });
    for (let event = 0; event < 2; event += 1) {
      sender.send(anEvent());
      await sender.flush();
    }

    expect(requests).toBe(12);
    expect(sender.status).toMatchObject({ sent: 0, failed: 2, pending: 0 });
    expect(sender.status.lastError).toMatch(sentence);
    expect(lines).toEqual([`an Issue was not delivered: ${sender.status.lastError}`]);
  });

  it('is given up after an hour without the pauses the server has asked for', async () => {
    const clock = hurriedClock();
    let answers = [429, 429, 429, 429, 429, 429, 503, 200];
    const server = await startServer((request, response) => {
      const code = answers.shift()!;
      clock.turn(code === 429 ? MINUTE_MS : 20 * MINUTE_MS);
      request.resume().on('end', () => response.writeHead(code, code === 429 ? { 'retry-after': '3600' } : {}).end());
    });
    const sender = createSender({ dsn: server.dsn, clock });
    sender.send(anEvent());
    await sender.flush();
    expect(sender.status).toMatchObject({ sent: 1, failed: 0 });

    answers = [502, 502, 502, 502, 502, 502, 200];
    sender.send(anEvent());
    await sender.flush();
    expect(sender.status).toMatchObject({ sent: 1, failed: 1 });
    expect(answers).toEqual([200]);
  });

  it('of one event, whenever it comes, holds up no others, and it is given up after an hour', async () => {
    const clock = hurriedClock();
    const asked: unknown[] = [];
    const server = await failingOnBad((name) => asked.push(name));
    const sender = createSender({ dsn: server.dsn, clock });
    for (const name of ['bad', 'a', 'b']) sender.send(anEvent({ server_name: name }));
    await expect.poll(() => asked).toContain('b');
    sender.send(anEvent({ server_name: 'c' }));
    await expect.poll(() => sender.status.pending).toBe(0);

    expect(asked.slice(0, 5)).toEqual(['bad', 'bad', 'bad', 'a', 'b']);
    expect(sender.status).toMatchObject({ sent: 3, failed: 1 });
    expect(sum(clock.waited)).toBeGreaterThan(50 * MINUTE_MS);
    expect(lines).toEqual([`an Issue was not delivered: ${sender.status.lastError}`]);
  });

  it('of many events, whenever they come, holds up no others', async () => {
    const clock = hurriedClock();
    const asked: unknown[] = [];
    const server = await failingOnBad((name) => asked.push(name));
    const sendLater: Clock = {
      now: () => clock.now(),
      after(delayMs, run) {
        if (asked.length === 20) sender.send(anEvent({ server_name: 'good' }));
        return clock.after(delayMs, run);
      },
    };
    const sender = createSender({ dsn: server.dsn, clock: sendLater });
    for (let event = 0; event < 5; event += 1) sender.send(anEvent({ server_name: 'bad' }));
    await expect.poll(() => sender.status.sent).toBe(1);
    expect(asked.indexOf('good')).toBe(20);
  });

  it('of some events, whenever they come, is the end of each of them where others are accepted now and then', async () => {
    const asked: unknown[] = [];
    const server = await failingOnBad((name) => {
      asked.push(name);
      if (asked.length % 9 === 0) sender.send(anEvent({ server_name: 'good' }));
    });
    const sender = createSender({ dsn: server.dsn, clock: hurriedClock() });
    for (let event = 0; event < 3; event += 1) sender.send(anEvent({ server_name: 'bad' }));
    await expect.poll(() => sender.status.failed).toBe(3);
  });

  it('of one event ends it after an hour without the pauses that were asked for in answer to others', async () => {
    const clock = hurriedClock();
    let goodAsked = 0;
    const server = await startServer((request, response) => {
      void nameOf(request).then((name) => {
        if (name === 'bad') return response.writeHead(500).end('{}');
        goodAsked += 1;
        return response.writeHead(goodAsked === 1 ? 429 : 200, { 'retry-after': goodAsked === 1 ? '3600' : '0' }).end();
      });
    });
    const sender = createSender({ dsn: server.dsn, clock });
    for (const name of ['bad', 'good']) sender.send(anEvent({ server_name: name }));
    await expect.poll(() => sender.status).toMatchObject({ sent: 1, failed: 1 });
    expect(sum(clock.waited.filter((waitMs) => waitMs < 60 * MINUTE_MS))).toBeGreaterThan(50 * MINUTE_MS);
  });

  it('leaves the newest event the first that a process which dies sends', async () => {
    const asked: unknown[] = [];
    const lastNames = (): unknown[] =>
      sender.lastWords(1_000).map(({ request }) => eventOf(Buffer.from(request.body)).server_name);
    let names: unknown[] | undefined;
    const server = await startServer((request, response) => {
      void nameOf(request).then((name) => {
        asked.push(name);
        if (name === 'new') names ??= lastNames();
        return response.writeHead(names === undefined ? 500 : 200).end('{}');
      });
    });
    const sender = createSender({ dsn: server.dsn, clock: hurriedClock() });
    for (const name of ['old', 'new']) sender.send(anEvent({ server_name: name }));
    await sender.flush();
    expect(asked).toEqual(['old', 'old', 'old', 'new', 'old']);
    expect(names).toEqual(['new', 'old']);
  });

  it('of all events that wait is no reason to give one of them up', async () => {
    const clock = hurriedClock();
    sentry.answerNextEnvelope(status(500), 300);
    const sender = createSender({ clock });
    sender.send(anEvent());
    sender.send(anEvent());
    await expect.poll(() => sender.status.pending).toBe(0);
    expect(sum(clock.waited)).toBeGreaterThan(120 * MINUTE_MS);
    expect(sender.status).toMatchObject({ sent: 2, failed: 0 });
  });

  it('of one event after hours in which it was not tried is no reason to give it up', async () => {
    const clock = hurriedClock();
    let asked = 0;
    const server = await startServer((request, response) => {
      asked += 1;
      // Both have failed three times. The first one is accepted then, and the second one fails once more.
      if (asked === 7) clock.turn(120 * MINUTE_MS);
      const code = asked === 7 || asked > 8 ? 200 : 503;
      request.resume().on('end', () => response.writeHead(code).end('{}'));
    });
    const sender = createSender({ dsn: server.dsn, clock });
    for (let event = 0; event < 2; event += 1) sender.send(anEvent());
    await expect.poll(() => sender.status.pending).toBe(0);
    expect(sender.status).toMatchObject({ sent: 2, failed: 0 });
  });

  it('of one event before and after hours in which the process was frozen is no reason to give it up', async () => {
    const clock = hurriedClock();
    const answers = [503, 503, 200];
    const server = await startServer((request, response) => {
      if (answers.length === 2) clock.turn(120 * MINUTE_MS);
      const code = answers.shift()!;
      request.resume().on('end', () => response.writeHead(code).end('{}'));
    });
    const sender = createSender({ dsn: server.dsn, clock });
    sender.send(anEvent());
    await sender.flush();
    expect(sender.status).toMatchObject({ sent: 1, failed: 0 });
  });

  it('is told in the status while it lasts, and said at the end', async () => {
    sentry.answerNextEnvelope(status(503));
    const sender = createSender({ clock: turnedClock() });
    sender.send(anEvent());
    await sender.flush(100);
    expect(sender.status).toMatchObject({ pending: 1, lastError: expect.stringContaining('in trouble (503)') });
    expect(lines).toEqual([]);
    sender.close();
    expect(lines).toEqual([`an Issue was not delivered: ${sender.status.lastError}`]);
  });

  it('is said when nothing listens', async () => {
    const server = createHttpServer();
    const dsn = await dsnOf(server);
    await new Promise((resolve) => server.close(resolve));
    const sender = createSender({ dsn, clock: turnedClock() });
    sender.send(anEvent());
    await sender.flush(100);
    sender.close();
    expect(lines).toEqual([`an Issue was not delivered: nothing is listening at ${new URL(dsn).host} (ECONNREFUSED)`]);
  });

  it('is said when the server does not speak TLS', async () => {
    const sender = createSender({ dsn: sentry.dsn.replace('http:', 'https:'), clock: turnedClock() });
    sender.send(anEvent());
    await sender.flush(100);
    sender.close();
    expect(lines).toEqual([expect.stringMatching(/does not speak TLS at this port|broke the connection off/)]);
  });
});

describe('a server that limits the rate', () => {
  it('is left alone for as long as it says, also for events that come later', async () => {
    sentry.answerNextEnvelope(status(429, { 'x-sentry-rate-limits': '60:error:organization:quota_exceeded' }));
    const clock = turnedClock();
    const sender = createSender({ clock });
    const events = [anEvent(), anEvent()];
    sender.send(events[0]!);
    await sender.flush(1_000);
    sender.send(events[1]!);
    await sender.flush(1_000);
    expect(clock.waits).toEqual([between(60_000, 72_000)]);
    // Time enough for a request of the one that waits to arrive as well.
    const other = createSender();
    const othersEvent = anEvent();
    other.send(othersEvent);
    await other.flush();
    expect(sender.status).toMatchObject({ sent: 0, failed: 0, pending: 2 });
    expect(sentry.requests).toHaveLength(2);

    clock.turn(72_000);
    await sender.flush();
    expect(receivedIds()).toEqual([othersEvent, ...events].map(({ event_id: id }) => id));
    expect(sender.status).toMatchObject({ sent: 2, pending: 0 });
    expect(lines).toEqual([]);
  });

  it('is left alone however often somebody flushes, and while time goes on', async () => {
    sentry.answerNextEnvelope(status(429, { 'retry-after': '60' }));
    const clock = turnedClock();
    let looks = 0;
    const sender = createSender({ clock: { ...clock, now: () => clock.now() + (looks += 1) } });
    sender.send(anEvent());
    for (let times = 0; times < 3; times += 1) await sender.flush(200);
    expect(sentry.requests).toHaveLength(1);
    expect(sender.status).toMatchObject({ sent: 0, pending: 1 });
  });

  it('is left alone after a 200 that says so', async () => {
    sentry.answerNextEnvelope(status(200, { 'x-sentry-rate-limits': '30:error:key' }));
    const clock = turnedClock();
    const sender = createSender({ clock });
    sender.send(anEvent());
    sender.send(anEvent());
    await sender.flush(1_000);
    expect(sender.status).toMatchObject({ sent: 1, pending: 1 });
    expect(clock.waits).toEqual([between(30_000, 36_000)]);
  });

  it('that limits other data only gets the event after a short while', async () => {
    sentry.answerNextEnvelope(status(429, { 'x-sentry-rate-limits': '600:span:organization' }));
    const clock = hurriedClock();
    const sender = createSender({ clock });
    sender.send(anEvent());
    await sender.flush();
    expect(sender.status).toMatchObject({ sent: 1 });
    expect(clock.waited).toEqual([between(250, 300)]);
  });
});

describe('a server that misbehaves', () => {
  const raw = async (
    answer: (socket: Socket) => void,
  ): Promise<{ readonly dsn: string; readonly sockets: Socket[] }> => {
    const sockets: Socket[] = [];
    const server = createTcpServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {}).once('data', () => answer(socket));
    });
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    return { dsn: await dsnOf(server), sockets };
  };

  it('by dripping its answer is given up when the time for a request is over', async () => {
    const clock = hurriedClock();
    const { dsn } = await raw((socket) => {
      clock.turn(60 * MINUTE_MS);
      const drip = setInterval(() => socket.write('a'), 10);
      socket.on('close', () => clearInterval(drip)).write('HTTP/1.1 200 OK\r\nx-dripping: ');
    });
    const sender = createSender({ dsn, requestTimeoutMs: 60, clock });
    sender.send(anEvent());
    await sender.flush();
    expect(sender.status).toMatchObject({ failed: 1, lastError: expect.stringMatching(/did not answer within 60 ms/) });
  });

  it('by an answer without end has accepted the event all the same', async () => {
    const { dsn, sockets } = await raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      const more = (): void => {
        while (!socket.destroyed && socket.write(`4000\r\n${'x'.repeat(0x4000)}\r\n`));
      };
      socket.on('drain', more);
      more();
    });
    const sender = createSender({ dsn });
    sender.send(anEvent());
    await sender.flush();
    expect(sender.status).toMatchObject({ sent: 1, failed: 0 });
    await closed(sockets[0]!);
  });

  it('by an answer that stops halfway has accepted the event, once the time is over', async () => {
    const { dsn } = await raw((socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'));
    const sender = createSender({ dsn, requestTimeoutMs: 2_000 });
    sender.send(anEvent());
    await sender.flush();
    expect(sender.status).toMatchObject({ sent: 1, failed: 0 });
  });

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n'],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'],
    ['headers that are too large', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`],
  ])('by answering %s is given up', async (_, text) => {
    const clock = hurriedClock();
    const { dsn } = await raw((socket) => {
      clock.turn(60 * MINUTE_MS);
      socket.end(text);
    });
    const sender = createSender({ dsn, clock });
    sender.send(anEvent());
    await sender.flush();
    expect(sender.status).toMatchObject({ sent: 0, failed: 1, pending: 0 });
    expect(lines).toHaveLength(1);
  });
});

describe('more events than can be sent', () => {
  it('are bounded: the oldest that wait are dropped, counted and said once', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' });
    const turn = stoppedTimers();
    const sender = createSender({ maxPending: 3, requestTimeoutMs: 300, clock: hurriedClock() });
    const events = Array.from({ length: 8 }, () => anEvent());
    sender.send(events[0]!);
    await sentry.waitForRequests(1);
    for (const event of events.slice(1)) sender.send(event);
    expect(sender.status).toMatchObject({ pending: 4, dropped: { queue_full: 4 } });

    const flushed = sender.flush();
    turn(300);
    await flushed;
    expect(receivedIds()).toEqual([events[0], ...events.slice(5)].map((event) => event?.event_id));
    expect(accountedFor(sender.status)).toBe(8);
    expect(lines).toEqual([
      `Issues were not delivered: more came than ${host()} takes and memory holds, and the oldest had to go; status.issues.dropped.queue_full counts them`,
    ]);
  });

  it('are bounded in bytes beside the one under way, and the newest one is always kept', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' });
    const turn = stoppedTimers();
    const sender = createSender({ maxPendingBytes: 10_000, requestTimeoutMs: 300, clock: hurriedClock() });
    const large = (): ReturnType<typeof anEvent> => anEvent({ server_name: 'x'.repeat(4_000) });
    const events = [large(), large(), large(), large(), anEvent({ server_name: 'x'.repeat(20_000) })];
    sender.send(events[0]!);
    await sentry.waitForRequests(1);
    for (const event of events.slice(1, 4)) sender.send(event);
    expect(sender.status).toMatchObject({ pending: 3, dropped: { queue_full: 1 } });
    sender.send(events[4]!);
    expect(sender.status).toMatchObject({ pending: 2, dropped: { queue_full: 3 } });

    const flushed = sender.flush();
    turn(300);
    await flushed;
    expect(receivedIds()).toEqual([events[0], events[4]].map((event) => event?.event_id));
  });
});

describe('events that are kept in a journal', () => {
  it('are kept before they are sent, and struck when Sentry has accepted them', async () => {
    const journal = aJournal();
    const sender = createSender({ journal });
    const event = anEvent();
    sender.send(event);
    expect([...journal.kept].map(([id, payload]) => [id, JSON.parse(payload)])).toEqual([[event.event_id, event]]);
    await sender.flush();
    expect(journal.kept.size).toBe(0);
    expect(sender.status).toMatchObject({ sent: 1, leftOnDisk: 0 });
  });

  it.each([400, 413, 422])('are struck when Sentry has refused them for what they are: %i', async (code) => {
    sentry.answerNextEnvelope(status(code));
    const journal = aJournal();
    const sender = createSender({ journal });
    sender.send(anEvent());
    await sender.flush();
    expect(journal.kept.size).toBe(0);
    expect(sender.status).toMatchObject({ failed: 1, leftOnDisk: 0 });
    expect(lines).toEqual([`an Issue was not delivered: ${sender.status.lastError}`]);
  });

  it.each<[string, FakeAnswer]>([
    ['401', status(401)],
    ['403', status(403)],
    ['404', status(404)],
    ['407', status(407)],
    ['302', status(302)],
    ['a web page', status(200, { 'content-type': 'text/html' })],
  ])('are left for the next start when the set-up is wrong, which is said once: %s', async (_, answer) => {
    sentry.answerNextEnvelope(answer, 2);
    const journal = aJournal();
    const sender = createSender({ journal });
    const events = [anEvent(), anEvent()];
    for (const event of events) sender.send(event);
    await sender.flush();
    expect([...journal.kept.keys()]).toEqual(events.map(({ event_id: id }) => id));
    expect(sender.status).toMatchObject({ sent: 0, failed: 0, pending: 0, leftOnDisk: 2, dropped: NOTHING });
    expect(lines).toEqual([`an Issue was left on disk for the next start: ${sender.status.lastError}`]);
  });

  it('let others have their turn after some failures, and are tried again after them', async () => {
    const asked: unknown[] = [];
    const server = await startServer((request, response) => {
      void nameOf(request).then((name) => {
        asked.push(name);
        return response.writeHead(asked.length <= 3 ? 503 : 200).end('{}');
      });
    });
    const journal = aJournal();
    const sender = createSender({ dsn: server.dsn, clock: hurriedClock(), journal });
    sender.send(anEvent({ server_name: 'a' }));
    sender.send(anEvent({ server_name: 'b' }));
    await sender.flush();
    expect(asked).toEqual(['a', 'a', 'a', 'b', 'a']);
    expect(journal.kept.size).toBe(0);
    expect(sender.status).toMatchObject({ sent: 2, failed: 0, pending: 0, leftOnDisk: 0 });
    expect(lines).toEqual([]);
  });

  it('have their turn also when one that fails could not be kept', async () => {
    const asked: unknown[] = [];
    const server = await failingOnBad((name) => asked.push(name));
    const journal = aJournal();
    const events = ['a', 'b'].map((name) => anEvent({ server_name: name }));
    for (const event of events) journal.keepIssue(event.event_id, JSON.stringify(event));
    const sender = createSender({
      dsn: server.dsn,
      clock: hurriedClock(),
      journal: { ...journal, keepIssue: () => false },
    });
    sender.restore(events.map(({ event_id: id }) => id));
    sender.send(anEvent({ server_name: 'bad' }));
    await expect.poll(() => sender.status.sent).toBe(2);
    expect(asked.slice(0, 5)).toEqual(['bad', 'bad', 'bad', 'a', 'b']);
  });

  it('are left with why they were not accepted, also when others were since', async () => {
    const server = await failingOnBad(() => {});
    const clock = turnedClock();
    const sender = createSender({ dsn: server.dsn, clock, journal: aJournal() });
    for (const name of ['bad', 'good']) sender.send(anEvent({ server_name: name }));
    for (let failed = 1; failed <= 3; failed += 1) {
      await expect.poll(() => clock.waits).toHaveLength(1);
      // In less time than an outage that is said.
      if (failed < 3) clock.turn(clock.waits[0]!);
    }
    for (const { settle } of sender.lastWords(1_000)) settle(answered(200));
    sender.close();
    expect(sender.status).toMatchObject({ sent: 1, leftOnDisk: 1, pending: 0 });
    expect(lines).toEqual([expect.stringMatching(/^an Issue was left on disk .* in trouble \(500\)$/)]);
  });

  it('are left with why the last requests of a process did not deliver them, also when they did others', async () => {
    const sender = createSender({ clock: turnedClock(), journal: aJournal() });
    for (const name of ['older', 'newest']) sender.send(anEvent({ server_name: name }));
    const [newest, older] = sender.lastWords(1_000);
    newest?.settle(answered(429));
    older?.settle(answered(200));
    sender.close();
    expect(sender.status).toMatchObject({ sent: 1, leftOnDisk: 1, pending: 0 });
    expect(lines).toEqual([expect.stringMatching(/^an Issue was left on disk .* kept limiting the rate \(429\);/)]);
  });

  it('are left for the next start when the sender is closed', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' });
    const journal = aJournal();
    const sender = createSender({ journal });
    sender.send(anEvent());
    sender.send(anEvent());
    await sentry.waitForRequests(1);
    sender.close();
    expect(journal.kept.size).toBe(2);
    expect(sender.status).toMatchObject({ pending: 0, leftOnDisk: 2, dropped: NOTHING });
    expect(lines).toEqual([
      `2 Issues were left on disk for the next start: ${host()} did not take them before the time for it was over`,
    ]);
  });

  it('wait there when memory does not hold them, and a flush waits for them', async () => {
    const journal = aJournal();
    const sender = createSender({ journal, maxPending: 1 });
    const events = [anEvent(), anEvent(), anEvent()];
    for (const event of events) sender.send(event);
    expect(sender.status).toMatchObject({ pending: 3, leftOnDisk: 0, dropped: NOTHING });
    await sender.flush();
    expect(receivedIds()).toEqual([events[2], events[0], events[1]].map((event) => event?.event_id));
    expect(journal.kept.size).toBe(0);
    expect(sender.status).toMatchObject({ sent: 3, pending: 0, leftOnDisk: 0, dropped: NOTHING });
    expect(lines).toEqual([]);
  });

  it('and leave the memory while somebody flushes are waited for', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' });
    const journal = aJournal();
    const turn = stoppedTimers();
    const sender = createSender({ journal, maxPending: 1, requestTimeoutMs: 300, clock: hurriedClock() });
    const events = [anEvent(), anEvent(), anEvent()];
    sender.send(events[0]!);
    await sentry.waitForRequests(1);
    sender.send(events[1]!);
    const flushed = sender.flush();
    sender.send(events[2]!);
    turn(300);
    await flushed;
    expect(receivedIds()).toContain(events[1]?.event_id);
  });

  it('and have no id that can be found again are lost with the process, and counted so', () => {
    const journal = aJournal();
    const sender = createSender({ journal });
    sender.send(anEvent({ event_id: 'spoilt' }));
    sender.send(anEvent());
    sender.close();
    expect(journal.kept.size).toBe(1);
    expect(sender.status).toMatchObject({ leftOnDisk: 1, dropped: { closed: 1 } });
    expect(lines).toEqual([
      expect.stringMatching(/^an Issue was left on disk/),
      expect.stringMatching(/^an Issue was not delivered/),
    ]);
  });

  it('by an earlier process are sent as they are, not kept a second time, and struck', async () => {
    const event = anEvent({ server_name: 'of an earlier process' });
    const journal = aJournal();
    const payload = JSON.stringify(event);
    const sender = createSender({
      journal: { ...journal, keepIssue: () => expect.unreachable('it is on disk already') },
    });
    journal.keepIssue(event.event_id, payload);
    sender.restore([event.event_id]);
    await sender.flush();
    expect(receivedEvents(sentry)).toEqual([event]);
    expect(sentry.envelopes[0]?.headers).toMatchObject({ event_id: event.event_id });
    expect(journal.kept.size).toBe(0);
    expect(sender.status).toMatchObject({ sent: 1, pending: 0 });
  });

  it('by an earlier process stay there when the sender is closed already', () => {
    const sender = createSender({ journal: aJournal() });
    sender.close();
    sender.restore(['a'.repeat(32)]);
    expect(accountedFor(sender.status)).toBe(0);
  });

  it('by an earlier process are all sent, oldest first, of which one at a time is in memory', async () => {
    const journal = aJournal();
    const events = Array.from({ length: 30 }, () => anEvent());
    for (const event of events) journal.keepIssue(event.event_id, JSON.stringify(event));
    let mostRead = 0;
    const readIssue = (id: string): string | undefined => {
      mostRead = Math.max(mostRead, 1 + events.length - journal.kept.size - sentry.envelopes.length);
      return journal.readIssue(id);
    };
    const sender = createSender({ journal: { ...journal, readIssue }, maxPending: 3 });
    sender.restore(events.map(({ event_id: id }) => id));
    expect(sender.status).toMatchObject({ pending: 30 });
    await sender.flush();
    expect(receivedIds()).toEqual(events.map(({ event_id: id }) => id));
    expect(mostRead).toBe(1);
    expect(accountedFor(sender.status)).toBe(30);
  });

  it('and are gone from there when their turn comes are counted, and hold up nobody', async () => {
    const journal = aJournal();
    const sender = createSender({ journal });
    const event = anEvent();
    journal.keepIssue(event.event_id, JSON.stringify(event));
    sender.restore(['a'.repeat(32), event.event_id, 'b'.repeat(32)]);
    await sender.flush();
    expect(receivedIds()).toEqual([event.event_id]);
    expect(sender.status).toMatchObject({ sent: 1, pending: 0, dropped: { recorder: 2 } });
    expect(sender.status.lastError).toMatch(/^the flight recorder no longer has/);
  });

  it('and could not be kept are dropped like others when memory does not hold them', async () => {
    const journal = { ...aJournal(), keepIssue: () => false };
    const sender = createSender({ journal, maxPending: 1 });
    const events = [anEvent(), anEvent()];
    for (const event of events) sender.send(event);
    expect(sender.status).toMatchObject({ pending: 1, dropped: { queue_full: 1 } });
    sender.close();
    expect(sender.status).toMatchObject({ leftOnDisk: 0, dropped: { queue_full: 1, closed: 1 } });
  });
});

describe('a sender that is closed', () => {
  it('breaks off what is under way, counts it, and lets go whoever flushes', async () => {
    // What has passed is not why.
    sentry.answerNextEnvelope(status(503));
    const sender = createSender({ clock: hurriedClock() });
    sender.send(anEvent());
    await sender.flush();
    sentry.answerNextEnvelope({ kind: 'hang' });
    sender.send(anEvent());
    sender.send(anEvent());
    await sentry.waitForRequests(3);
    const flushed = sender.flush();
    sender.close();
    await flushed;

    expect(sender.status).toMatchObject({ sent: 1, failed: 0, pending: 0, dropped: { closed: 2 } });
    expect(lines).toEqual([`2 Issues were not delivered: ${host()} did not take them before the time for it was over`]);
    expect(sentry.requests).toHaveLength(3);
  });

  it('does not go on after a pause', async () => {
    sentry.answerNextEnvelope(status(429, { 'retry-after': '60' }));
    const clock = turnedClock();
    const sender = createSender({ clock });
    sender.send(anEvent());
    await sender.flush(100);
    const flushed = sender.flush();
    sender.close();
    await flushed;
    expect(clock.waits).toEqual([]);
    expect(sender.status).toMatchObject({ pending: 0, dropped: { closed: 1 } });
  });

  it('takes nothing further, and can be closed and flushed again', async () => {
    const sender = createSender();
    sender.close();
    sender.close();
    sender.send(anEvent());
    sender.send(anEvent());
    expect(sender.lastWords(1_000)).toEqual([]);
    await sender.flush();
    expect(sender.status).toMatchObject({ sent: 0, pending: 0, dropped: { closed: 2 } });
    expect(lines).toEqual([expect.stringMatching(/^an Issue was captured after the last ones were sent/)]);
    expect(sentry.requests).toEqual([]);
  });
});

describe('a process', () => {
  const SENDER = `
    ${ONLY_SHORT_WAITS}
    import { createIssueSender } from 'DIST/telemetry/issues/sender.js';
    import { dsn } from 'DIST/telemetry/config/dsn.js';
    const sender = createIssueSender({ dsn: dsn.fromText(process.env.DSN).value, report: ({ message }) => console.error(message) });
    const event = () => (${JSON.stringify(anEvent())});
  `;

  it('is not kept alive by an answer that never comes', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' });
    const source = `${SENDER} sender.send(event()); process.on('beforeExit', () => console.log(sender.status.pending));`;
    const ended = await runScript(source, { env: { DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: '1\n', stderr: '' });
  });

  it('is not kept alive by the pause before the next attempt, nor by a connection that is kept', async () => {
    sentry.answerNextEnvelope(status(429, { 'retry-after': '3600' }));
    const source = `${SENDER} sender.send(event()); await sender.flush(60_000); console.log(sender.status.pending);`;
    const ended = await runScript(source, { env: { DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: '1\n', stderr: '' });
  });

  it('is kept alive by a flush no longer than its caller can wait', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' });
    const source = `${SENDER} sender.send(event()); process.on('exit', () => console.log(sender.status.pending)); void sender.flush(100);`;
    const ended = await runScript(source, { env: { DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: '1\n', stderr: '' });
  });

  it('is kept alive by a flush until everything is decided', async () => {
    sentry.answerNextEnvelope(status(503));
    const source = `${SENDER} sender.send(event()); await sender.flush(); console.log(sender.status.sent);`;
    const ended = await runScript(source, { env: { DSN: sentry.dsn } });
    expect(ended).toEqual({ code: 0, signal: null, stdout: '1\n', stderr: '' });
    expect(sentry.envelopes).toHaveLength(1);
  });

  it('reaches a server over TLS when it trusts its authority, and says what to set when it does not', async () => {
    const { cert, key } = selfSigned();
    const dsn = await dsnOf(
      createHttpsServer({ cert, key }, (request, response) => {
        request.resume().on('end', () => response.end('{}'));
      }),
    );
    const directory = await mkdtemp(join(tmpdir(), 'faultline-authority-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const authority = join(directory, 'authority.pem');
    await writeFile(authority, cert);
    const env = { DSN: dsn.replace('http:', 'https:') };
    const source = `${SENDER} sender.send(event()); await sender.flush(); console.log(sender.status.sent);`;
    // An hour passes with every look at it.
    const hurried = `let nowMs = 0; const clock = { now: () => (nowMs += 3_600_000), after: (delayMs, run) => { setImmediate(run); return () => {}; } };`;

    const trusting = await runScript(source, { env: { ...env, NODE_EXTRA_CA_CERTS: authority } });
    expect(trusting).toEqual({ code: 0, signal: null, stdout: '1\n', stderr: '' });
    const doubting = await runScript(hurried + source.replace('report:', 'clock, report:'), { env });
    expect(doubting).toMatchObject({ code: 0, stdout: '0\n' });
    expect(doubting.stderr).toMatch(
      /^an Issue was not delivered: the certificate of \S+ is not trusted \(\w+\); set NODE_EXTRA_CA_CERTS to its authority\n$/,
    );
  });

  it('that traces its requests does not trace these, nor tell them of a trace', async () => {
    const source = `
      import { createRequire } from 'node:module';
      const require = createRequire('DIST/');
      const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
      new HttpInstrumentation().enable();
      const http = require('node:http');
      const { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');
      const { createIssueSender } = await import('DIST/telemetry/issues/sender.js');
      const { dsn } = await import('DIST/telemetry/config/dsn.js');
      const exporter = new InMemorySpanExporter();
      const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
      provider.register();
      const sender = createIssueSender({ dsn: dsn.fromText(process.env.DSN).value, report: () => {} });
      await provider.getTracer('app').startActiveSpan('run', async (span) => {
        sender.send(${JSON.stringify(anEvent())});
        await sender.flush();
        await new Promise((done) => http.get(process.env.PAGE, (answer) => answer.resume().on('end', done)));
        span.end();
      });
      console.log(exporter.getFinishedSpans().map(({ name }) => name).join());
    `;
    const env = { DSN: sentry.dsn, PAGE: `${sentry.origin}/page` };
    expect(await runScript(source, { env })).toEqual({ code: 0, signal: null, stdout: 'GET,run\n', stderr: '' });
    const [envelope, page] = sentry.requests;
    expect(envelope?.headers).not.toHaveProperty('traceparent');
    expect(page?.headers).toHaveProperty('traceparent');
  });
});

describe('whatever a server does', () => {
  type Behaviour =
    | {
        readonly kind: 'answer';
        readonly code: number;
        readonly headers: Record<string, string>;
        readonly body: string;
      }
    | { readonly kind: 'reset' | 'garbage' | 'early' };

  const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
    fc.record({
      kind: fc.constant('answer' as const),
      code: fc.constantFrom(200, 201, 202, 204, 301, 400, 401, 403, 404, 408, 413, 418, 429, 500, 502, 503, 504, 599),
      headers: fc.constantFrom<Record<string, string>>(
        {},
        { 'retry-after': '0' },
        { 'retry-after': '-7' },
        { 'retry-after': 'Fri, 20 Nov 2026 12:00:00 GMT' },
        { 'x-sentry-rate-limits': '5:error:key' },
        { 'x-sentry-rate-limits': '::::, ,60:span' },
        { 'content-type': 'text/html' },
      ),
      body: fc.constantFrom('', '{}', '<html>', 'x'.repeat(100_000)),
    }),
    fc.record({ kind: fc.constantFrom('reset' as const, 'garbage' as const, 'early' as const) }),
  );
  const isAccepted = (answer: Behaviour): boolean =>
    answer.kind === 'answer' && answer.code < 300 && answer.headers['content-type'] === undefined;

  const behaviours = fc.array(behaviour, { maxLength: 25 });
  const acts = fc.array(fc.constantFrom('send', 'send', 'send', 'turn', 'flush', 'close'), { maxLength: 25 });

  it('every event is decided once, nothing is thrown, and every flush settles', async () => {
    const rejections = watchRejections();
    let planned: Behaviour[] = [];
    let accepted = 0;
    const server = await startServer((request, response) => {
      const next = planned.shift() ?? { kind: 'answer', code: 200, headers: {}, body: '{}' };
      if (isAccepted(next)) accepted += 1;
      if (next.kind === 'early') return void request.socket.destroy();
      request
        .on('error', () => {})
        .resume()
        .on('end', () => {
          if (next.kind === 'answer')
            response.writeHead(next.code, next.headers).end(next.code === 204 ? '' : next.body);
          if (next.kind === 'reset') request.socket.resetAndDestroy();
          if (next.kind === 'garbage') request.socket.end('\u0000 garbage\r\n\r\n');
        });
    });

    await fc.assert(
      fc.asyncProperty(behaviours, acts, fc.boolean(), async (plan, acts, isKept) => {
        planned = [...plan];
        accepted = 0;
        const clock = hurriedClock();
        const sender = createSender({
          dsn: server.dsn,
          clock,
          maxPending: 4,
          ...(isKept ? { journal: aJournal() } : {}),
        });
        const flushes: Promise<void>[] = [];
        let given = 0;
        for (const step of acts) {
          if (step === 'send') {
            sender.send(anEvent());
            given += 1;
          }
          if (step === 'turn') await new Promise((resolve) => setImmediate(resolve));
          if (step === 'flush') flushes.push(sender.flush(given * 100));
          if (step === 'close') sender.close();
          expect(accountedFor(sender.status)).toBe(given);
        }
        await Promise.all([...flushes, sender.flush()]);

        expect(sender.status.pending).toBe(0);
        expect(accountedFor(sender.status)).toBe(given);
        const least = acts.includes('close') ? 0 : accepted;
        expect(sender.status.sent).toBeGreaterThanOrEqual(least);
        expect(sender.status.sent).toBeLessThanOrEqual(accepted);
        sender.close();
        expect(sender.status).toMatchObject({ pending: 0 });
      }),
      { numRuns: 150 },
    );
    await settled();
    expect(rejections).toEqual([]);
  });
});

function between(min: number, max: number): unknown {
  return {
    asymmetricMatch: (value: unknown) => typeof value === 'number' && value >= min && value <= max,
    toString: () => `between ${min} and ${max}`,
  };
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });
}

async function startServer(listener: RequestListener): Promise<{ readonly dsn: string }> {
  return { dsn: await dsnOf(createHttpServer(listener)) };
}

/** Starts a server that fails on whatever comes from the server `bad`, and takes everything else. */
function failingOnBad(onAsked: (name: unknown) => void): ReturnType<typeof startServer> {
  return startServer((request, response) => {
    void nameOf(request).then((name) => {
      onAsked(name);
      return response.writeHead(name === 'bad' ? 500 : 200).end('{}');
    });
  });
}

/** The name of the server an event was sent with. */
async function nameOf(request: IncomingMessage): Promise<unknown> {
  return eventOf(await buffer(request)).server_name;
}

function eventOf(body: Uint8Array): ReturnType<typeof anEvent> {
  return parseEnvelope(gunzipSync(body)).items[0]?.payload as ReturnType<typeof anEvent>;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Has a server listen. Answers the DSN of a project there. */
async function dsnOf(server: Server): Promise<string> {
  return `http://${FAKE_PUBLIC_KEY}@${await listening(server)}/1`;
}
