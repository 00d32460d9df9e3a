import { once } from 'node:events';
import { lookup } from 'node:dns/promises';
import { connect, type Socket } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

import { expect, onTestFinished, test } from 'vitest';

import { serveHttp, type ServeHttpOptions } from '../../src/cli/serve-http.ts';
import { gate, rejection } from '../runtime/support/agents.ts';

/** Taken before anything here could have replaced them. */
const { Request: OwnRequest, Response: OwnResponse } = globalThis;

const hello = () => Promise.resolve(new Response('hello'));

/** Other ways to write an address of the loopback, as far as this machine has them. */
const LOOPBACK: readonly string[] = [
  'LOCALHOST',
  '127.1',
  ...(Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ family }) => family === 'IPv6'))
    ? ['::ffff:127.0.0.1']
    : []),
  // Debian gives the name of a machine one.
  ...(await lookup(hostname()).then(
    ({ address }) => (address.startsWith('127.') ? [hostname()] : []),
    () => [],
  )),
];

/** Serves on a free port until the test is over. */
async function start(options: Partial<ServeHttpOptions> = {}) {
  const stop = new AbortController();
  let listening!: (server: { readonly port: number; readonly origin: string }) => void;
  const server = new Promise<{ readonly port: number; readonly origin: string }>((resolve) => {
    listening = resolve;
  });
  const closed = serveHttp({
    fetch: hello,
    port: 0,
    signal: stop.signal,
    onListening: listening,
    // Whatever a server waits for when it is ended, a test would wait for.
    closeGraceMs: 600_000,
    ...options,
  });
  onTestFinished(async () => {
    stop.abort();
    await closed.catch(() => {});
  });
  const failed = closed.then(() => Promise.reject(new Error('the server ended before it listened')));
  return { ...(await Promise.race([server, failed])), closed, stop: () => stop.abort() };
}

/** A client of which the test holds the wire. */
function dial(port: number, request: string, host = '127.0.0.1'): Socket {
  const socket = connect(port, host);
  onTestFinished(() => void socket.destroy());
  socket.setEncoding('utf8');
  socket.on('error', () => {});
  socket.write(request);
  return socket;
}

const get = (host: string) => `GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`;

test('a server answers on this machine alone unless told otherwise', async () => {
  const { origin } = await start();

  expect(origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await (await fetch(origin)).text()).toBe('hello');
});

test('a client that does not read is let go, and one that waits is not', async () => {
  const release = gate();
  const arrived = gate();
  const letGo = gate();
  const { port, origin } = await start({
    stallTimeoutMs: 30,
    fetch: async (request) => {
      if (new URL(request.url).pathname === '/slow') {
        arrived.open();
        await release.opened;
        return new Response('at last');
      }
      const body = new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
        cancel: () => letGo.open(),
      });
      return new Response(body);
    },
  });

  const waiting = fetch(`${origin}/slow`);
  await arrived.opened;
  dial(port, get('127.0.0.1')).pause();
  await letGo.opened;
  release.open();

  expect(await (await waiting).text()).toBe('at last');
});

test('a reader sets the pace of what is made for it', async () => {
  let made = 0;
  const { port } = await start({
    fetch: () =>
      Promise.resolve(
        new Response(
          new ReadableStream({
            pull: (controller) => {
              made += 1;
              controller.enqueue(new Uint8Array(1_048_576));
            },
          }),
        ),
      ),
  });

  const socket = dial(port, get('127.0.0.1'));
  await once(socket, 'data');
  socket.pause();

  // What the kernel and the two ends hold, out of an endless stream.
  expect(made).toBeLessThan(32);
});

test.each(['evil.example', 'evil.example:80', '10.0.0.1'])(
  'a page that has its name %s pointed at this machine gets nothing',
  async (host) => {
    const { port } = await start();
    const [answer] = (await once(dial(port, get(host)), 'data')) as [string];

    expect(answer).toMatch(/^HTTP\/1.1 421 /);
    expect(answer).toContain('"type":"host_not_allowed"');
  },
);

test.each(LOOPBACK)('a page gets nothing either where the address is that of the loopback as %s', async (host) => {
  const { port } = await start({ host });
  const [answer] = (await once(dial(port, get('evil.example'), host), 'data')) as [string];

  expect(answer).toMatch(/^HTTP\/1.1 421 /);
});

test.each(LOOPBACK)('a server on %s answers where it says it is', async (host) => {
  const { origin } = await start({ host });

  expect(await (await fetch(origin)).text()).toBe('hello');
});

test.each(['app.example', 'APP.example:8080', 'localhost:1', '[::1]', '127.0.0.2'])(
  'a proxy may ask for %s',
  async (host) => {
    const { port } = await start({ allowedHosts: ['app.example'] });
    const [answer] = (await once(dial(port, get(host)), 'data')) as [string];

    expect(answer).toMatch(/^HTTP\/1.1 200 /);
  },
);

test('a port that cannot be had is said in one sentence', async () => {
  const { port } = await start();
  const signal = new AbortController().signal;

  expect(await rejection(serveHttp({ fetch: hello, port, signal }))).toMatchObject({
    message: `Port ${port} on 127.0.0.1 is already in use: stop the program that has it, or choose another port.`,
  });
  expect(await rejection(serveHttp({ fetch: hello, port: 0, host: '192.0.2.1', signal }))).toMatchObject({
    message: '192.0.2.1 is no address of this machine: 127.0.0.1 or 0.0.0.0 are.',
  });
  expect(await rejection(serveHttp({ fetch: hello, port: 65_536, signal }))).toMatchObject({
    message: 'Expected port to be an integer from 0 to 65535, got 65536.',
  });
});

test('a server that is ended closes what is idle at once', async () => {
  const { port, closed, stop } = await start();
  const socket = dial(port, get('127.0.0.1'));
  await once(socket, 'data');

  stop();
  await closed;

  expect(await once(socket, 'close')).toEqual([false]);
});

test('a server that is ended does not wait for a connection nobody has used', async () => {
  const used = await start();
  const unused = dial(used.port, '');
  await once(dial(used.port, get('127.0.0.1')), 'data');

  used.stop();
  await used.closed;

  expect(await once(unused, 'close')).toEqual([expect.any(Boolean)]);
});

test('a server that is ended does not wait for ever', async () => {
  const arrived = gate();
  const { origin, closed, stop } = await start({
    closeGraceMs: 1,
    fetch: () => {
      arrived.open();
      return new Promise(() => {});
    },
  });

  const never = fetch(origin);
  await arrived.opened;
  stop();

  expect(await rejection(never)).toMatchObject({ message: 'fetch failed' });
  await closed;
});

test('a server that is ended answers what is under way', async () => {
  const release = gate();
  const arrived = gate();
  const { origin, closed, stop } = await start({
    fetch: async () => {
      arrived.open();
      await release.opened;
      return new Response('the last');
    },
  });

  const last = fetch(origin);
  await arrived.opened;
  stop();
  release.open();

  expect(await (await last).text()).toBe('the last');
  await closed;
});

test("a server leaves the program's own Request and Response alone", async () => {
  await start();

  expect([globalThis.Request, globalThis.Response]).toEqual([OwnRequest, OwnResponse]);
});
