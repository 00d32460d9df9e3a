import dns from 'node:dns';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type LookupFunction } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import type { Tls } from '../../../src/telemetry/config/destinations.ts';
import { createConnection, DeadlinePassedError, type Connection } from '../../../src/telemetry/http/connection.ts';
import { explainBroken } from '../../../src/telemetry/http/explain-connection.ts';
import { post, type Answer } from '../../../src/telemetry/http/post.ts';
import { ProxyError } from '../../../src/telemetry/http/proxy-error.ts';
import type { Proxy } from '../../../src/telemetry/http/proxy.ts';
import { listening } from '../../support/loopback.ts';
import { runScript } from '../../support/run-script.ts';
import { selfSigned, type SelfSigned } from './certificate.ts';
import { stoppedTimers } from './clocks.ts';
import { startProxy } from './loopback-proxy.ts';

const BODY = Buffer.from('spans');

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What a server was sent. */
interface Sent {
  readonly url: string | undefined;
  readonly host: string | undefined;
  readonly proxyAuthorization: string | undefined;
  readonly key: unknown;
  readonly body: string;
}

/** A server that answers `{"ok":true}`, and what it was sent. */
function answering(sent: Sent[]): RequestListener {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { host, 'proxy-authorization': proxyAuthorization, 'x-key': key } = request.headers;
    sent.push({ url: request.url, host, proxyAuthorization, key, body: await text(request) });
    response.end('{"ok":true}');
  };
  return (request, response) => void answer(request, response);
}

function connectionTo(url: string, options: { tls?: Tls; proxy?: Proxy } = {}): Connection {
  const connection = createConnection({ url, ...options });
  onTestFinished(() => connection.abort());
  return connection;
}

function send(connection: Connection, url: string, timeoutMs = 5_000): Promise<Answer> {
  return post({ url, headers: { 'x-key': 'secret' }, connection, timeoutMs }, BODY);
}

function textOf(answer: Answer): string {
  return answer.kind === 'answered' ? Buffer.from(answer.body).toString() : answer.kind;
}

/** Holds what Node asks a resolver for, until it is released or the test is over. */
function heldLookups(): { readonly count: number; release(): void } {
  const { lookup } = dns;
  let count = 0;
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  dns.lookup = ((...given: Parameters<LookupFunction>) => {
    count += 1;
    void released.then(() => lookup(given[0], given[1], given[2]));
  }) as typeof lookup;
  onTestFinished(() => {
    dns.lookup = lookup;
  });
  return {
    get count() {
      return count;
    },
    release,
  };
}

/** The sentence for an answer that never came. */
function sentenceOf(answer: Answer): string {
  if (answer.kind !== 'broken') return answer.kind;
  const server = {
    host: 'sentry.test',
    timeoutMs: 1,
    proxy: undefined,
    endpointSource: 'the DSN',
    certificateVariable: 'NODE_EXTRA_CA_CERTS',
  };
  return explainBroken(answer.error, server).sentence;
}

describe('a server that wants a client certificate', () => {
  it.each([
    [
      'TLSv1.2',
      /misses one, or has no version or cipher of TLS in common with this process \((?:EPROTO|ERR_SSL_\w+)\)/,
    ],
    ['TLSv1.3', /or misses one \(ERR_SSL_\w+\)/],
  ] as const)(
    'over %s is explained by what it wants, and its own certificate is not blamed',
    async (maxVersion, said) => {
      const own = selfSigned();
      const server = createHttpsServer(
        { ...own, maxVersion, ca: own.cert, requestCert: true, rejectUnauthorized: true },
        answering([]),
      );
      const url = `https://${await listening(server)}/`;
      const answer = await send(connectionTo(url, { tls: { ca: own.cert } }), url);
      const { sentence } = explainBroken(answer.kind === 'broken' ? answer.error : new Error('answered'), {
        host: 'collector.test',
        timeoutMs: 1,
        proxy: undefined,
        endpointSource: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
        certificateVariable: 'OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE',
      });
      expect(sentence).toMatch(/^collector\.test did not accept the client certificate, /);
      expect(sentence).toMatch(said);
      expect(sentence).toMatch(/OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY$/);
    },
  );
});

describe('a certificate that is trusted', () => {
  const sentenceFor = async (own: SelfSigned, host: string): Promise<string> => {
    const { port } = new URL(`https://${await listening(createHttpsServer(own, answering([])))}`);
    const url = `https://${host}:${port}/`;
    return sentenceOf(await send(connectionTo(url, { tls: { ca: own.cert } }), url));
  };

  it.each([
    ['no more', new Date('2020-01-01'), 'CERT_HAS_EXPIRED'],
    ['not yet', new Date('2045-01-01'), 'CERT_NOT_YET_VALID'],
  ])('and is valid %s is said to be, and no authority is asked for', async (_, validFrom, code) => {
    expect(await sentenceFor(selfSigned(validFrom), '127.0.0.1')).toBe(
      `the certificate of sentry.test is not valid at this time (${code}); renew it, or check the clock of this machine`,
    );
  });

  it('and is for another host is said to be, and no authority is asked for', async () => {
    expect(await sentenceFor(selfSigned(), 'localhost')).toBe(
      'the certificate of sentry.test is for other hosts (ERR_TLS_CERT_ALTNAME_INVALID); use the name it is for',
    );
  });
});

describe('a host name nobody resolves', () => {
  it('is looked up once at a time, however often something is sent to it', async () => {
    const host = await listening(createHttpServer(answering([])));
    const url = `http://localhost:${new URL(`http://${host}`).port}/`;
    const held = heldLookups();
    const connections = [connectionTo(url), connectionTo(url)];
    const answers = connections.flatMap((connection) => [send(connection, url), send(connection, url)]);
    await expect.poll(() => held.count).toBe(1);
    await new Promise(setImmediate);
    held.release();
    expect((await Promise.all(answers)).map(textOf)).toEqual(Array.from({ length: 4 }, () => '{"ok":true}'));
    expect(held.count).toBe(1);

    expect(textOf(await send(connectionTo(url), url))).toBe('{"ok":true}');
    expect(held.count).toBe(2);
  });
});

describe('an answer', () => {
  it('comes with its body', async () => {
    const sent: Sent[] = [];
    const url = `http://${await listening(createHttpServer(answering(sent)))}/v1/traces?x=1`;
    const answer = await send(connectionTo(url), url);
    expect(answer).toMatchObject({ kind: 'answered', status: 200, isComplete: true });
    expect(textOf(answer)).toBe('{"ok":true}');
    expect(sent).toMatchObject([{ url: '/v1/traces?x=1', body: 'spans' }]);
  });

  it('that ends with its connection is read to its end', async () => {
    const server = createTcpServer((socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        setImmediate(() => socket.end('{"ok":true}'.repeat(2_000)));
      }),
    );
    const url = `http://${await listening(server)}/`;
    const answer = await send(connectionTo(url), url);
    expect(answer).toMatchObject({ kind: 'answered', status: 200, isComplete: true });
    expect(textOf(answer)).toHaveLength(22_000);
  });

  it.each([
    ['without an end', Infinity],
    ['that is longer', 64 * 1024 + 1],
  ])('%s is read no further than 64 KiB', async (_, length) => {
    // It is over before the time for it is.
    stoppedTimers();
    const host = await listening(
      createHttpServer((request, response) => {
        request.resume();
        if (length < Infinity) return void response.end('x'.repeat(length));
        const pour = (): void => {
          while (!response.destroyed && response.write('x'.repeat(10_000)));
          response.once('drain', pour);
        };
        pour();
      }),
    );
    const answer = await send(connectionTo(`http://${host}/`), `http://${host}/`);
    expect(answer).toMatchObject({ kind: 'answered', status: 200, isComplete: false });
    expect(textOf(answer)).toHaveLength(64 * 1024);
  });

  it('that is there when the time for it is over counts, also where the process was busy and has not read it', async () => {
    const turn = stoppedTimers();
    const host = await listening(
      createHttpServer((request, response) => {
        request.resume();
        // It is on its way then, and nobody has looked for it.
        response.end('{"ok":true}', () => setImmediate(() => turn(400)));
      }),
    );
    const answer = await send(connectionTo(`http://${host}/`), `http://${host}/`, 400);
    expect(textOf(answer)).toBe('{"ok":true}');
  });

  it('that stops in the middle counts, and is known to be cut', async () => {
    const host = await listening(
      createHttpServer((request, response) => {
        request.resume();
        response.writeHead(200, { 'content-length': 100 });
        response.write('half', () => response.destroy());
      }),
    );
    const answer = await send(connectionTo(`http://${host}/`), `http://${host}/`);
    expect(answer).toMatchObject({ kind: 'answered', status: 200, isComplete: false });
    expect(textOf(answer)).toBe('half');
  });
});

describe('a connection that carries nothing', () => {
  it('is closed before the server closes it, which a request would learn too late', async () => {
    const server = createHttpServer(answering([]));
    // Node closes connections only once it is over by a second.
    server.keepAliveTimeout = 2_000;
    const closedFirst = new Promise<string>((resolve) => {
      server.on('connection', (socket) => {
        socket.on('end', () => resolve('here')).on('close', () => resolve('by the server'));
      });
    });
    const host = await listening(server);
    expect(await send(connectionTo(`http://${host}/`), `http://${host}/`)).toMatchObject({ status: 200 });
    expect(await closedFirst).toBe('here');
  });
});

describe('no answer', () => {
  it('is an upgrade nobody has asked for', async () => {
    const server = createTcpServer((socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: tea\r\n\r\n')),
    );
    const url = `http://${await listening(server)}/`;
    const answer = await send(connectionTo(url), url);
    expect(answer).toMatchObject({ kind: 'broken', error: { message: expect.stringContaining('without an answer') } });
  });

  it('in time gives the request up', async () => {
    let closed = false;
    const server = createHttpServer((request) => request.socket.on('close', () => (closed = true)));
    const url = `http://${await listening(server)}/`;
    expect(await send(connectionTo(url), url, 50)).toEqual({ kind: 'timeout' });
    await expect.poll(() => closed, { interval: 2 }).toBe(true);
  });
});

describe('through a proxy', () => {
  it('an http URL is asked for whole, with the credentials for the proxy alone', async () => {
    const sent: Sent[] = [];
    const host = await listening(createHttpServer(answering(sent)));
    const proxy = await startProxy({ authorization: 'Basic dTpw' });
    const url = `http://${host}/v1/traces?x=1`;
    const connection = connectionTo(url, { proxy });
    expect(textOf(await send(connection, url))).toBe('{"ok":true}');
    expect(textOf(await send(connection, url))).toBe('{"ok":true}');

    expect(proxy.asked).toEqual([`POST ${url}`, `POST ${url}`]);
    expect(sent[0]).toEqual({
      url: '/v1/traces?x=1',
      host,
      proxyAuthorization: undefined,
      key: 'secret',
      body: 'spans',
    });
    expect(proxy.open).toBe(1);
  });

  it('an https URL is reached in a tunnel, which is kept until the connection is given up', async () => {
    const { cert, key } = selfSigned();
    const sent: Sent[] = [];
    const host = await listening(createHttpsServer({ cert, key, keepAliveTimeout: 60_000 }, answering(sent)));
    const proxy = await startProxy({ authorization: 'Basic dTpw', leadsTo: host });
    // Only the proxy gets anywhere with it.
    const url = 'https://127.0.0.1:1/v1/traces';
    const connection = connectionTo(url, { proxy, tls: { ca: cert } });
    expect(textOf(await send(connection, url))).toBe('{"ok":true}');
    expect(textOf(await send(connection, url))).toBe('{"ok":true}');

    expect(proxy.asked).toEqual(['CONNECT 127.0.0.1:1']);
    expect(sent).toMatchObject([{ host: '127.0.0.1:1', proxyAuthorization: undefined }, { body: 'spans' }]);
    connection.abort();
    // Long before either side would close it by itself.
    await expect.poll(() => proxy.open, { interval: 2, timeout: 10_000 }).toBe(0);
  });

  it.each(['http', 'https'])('that is spoken to over TLS everything goes as well, for %s', async (protocol) => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const own = selfSigned();
    const server = protocol === 'https' ? createHttpsServer(own, answering([])) : createHttpServer(answering([]));
    const proxy = await startProxy({ tls: own, leadsTo: await listening(server) });
    const url = `${protocol}://sentry.test:1/`;
    // What is for the server is not for the proxy, and may be anything where no TLS is spoken to the server.
    const tls = protocol === 'https' ? {} : { cert: 'none' };
    expect(textOf(await send(connectionTo(url, { proxy, tls }), url))).toBe('{"ok":true}');
    expect(proxy.asked).toEqual([protocol === 'https' ? 'CONNECT sentry.test:1' : `POST ${url}`]);
    // It has a certificate for itself.
    expect(proxy.serverNames).toEqual([false]);
  });

  it('the certificate of the server is checked as it is without one', async () => {
    const { cert, key } = selfSigned();
    const host = await listening(createHttpsServer({ cert, key }, answering([])));
    const url = `https://${host}/`;
    const answer = await send(connectionTo(url, { proxy: await startProxy() }), url);
    expect(sentenceOf(answer)).toMatch(/certificate of sentry\.test is not trusted/);
  });

  it.each(['http', 'https'])('that wants other credentials is said, for %s', async (protocol) => {
    const proxy = await startProxy({ authorization: 'Basic dTpw' });
    const url = `${protocol}://127.0.0.1:1/`;
    const answer = await send(connectionTo(url, { proxy: { ...proxy, authorization: 'Basic wrong' } }), url);
    expect(sentenceOf(answer)).toBe(
      `the proxy ${proxy.host} wants other credentials (407); put user and password into HTTPS_PROXY`,
    );
  });

  it('that refuses a tunnel is said, and the request never goes to it in the open', async () => {
    const proxy = await startProxy({ refuseWith: 502 });
    const answer = await send(connectionTo('https://sentry.test/', { proxy }), 'https://sentry.test/');
    expect(sentenceOf(answer)).toBe(
      `the proxy ${proxy.host} of HTTPS_PROXY refused the connection to sentry.test (502); let it through, or add the host to NO_PROXY`,
    );
    expect(proxy.asked).toEqual(['CONNECT sentry.test:443']);
    await expect.poll(() => proxy.open, { interval: 2 }).toBe(0);
  });

  it('an address with colons is asked for in brackets', async () => {
    const proxy = await startProxy({ refuseWith: 502 });
    await send(connectionTo('https://[fd12::1]/', { proxy }), 'https://[fd12::1]/');
    expect(proxy.asked).toEqual(['CONNECT [fd12::1]:443']);
  });

  it.each(['http', 'https'])('that cannot be reached is said, for %s', async (protocol) => {
    const proxy: Proxy = { url: 'http://127.0.0.1:1', host: '127.0.0.1:1', variable: 'HTTP_PROXY' };
    const url = `${protocol}://sentry.test/`;
    const answer = await send(connectionTo(url, { proxy }), url);
    expect(answer).toMatchObject({ kind: 'broken', error: expect.any(ProxyError) });
    expect(sentenceOf(answer)).toBe(
      'the proxy 127.0.0.1:1 cannot be used (ECONNREFUSED); check HTTP_PROXY, or add sentry.test to NO_PROXY',
    );
  });

  it('that hangs up instead of answering is said', async () => {
    const server = createTcpServer((socket) => socket.once('data', () => socket.end()));
    const host = await listening(server);
    const proxy: Proxy = { url: `http://${host}`, host, variable: 'HTTPS_PROXY' };
    const answer = await send(connectionTo('https://sentry.test/', { proxy }), 'https://sentry.test/');
    expect(sentenceOf(answer)).toContain(`the proxy ${host} cannot be used (ECONNRESET); check HTTPS_PROXY`);
  });

  it('that says nothing is given up when the time for a request is over', async () => {
    const proxy = await startProxy({ isSilent: true });
    const answer = await send(connectionTo('https://sentry.test/', { proxy }), 'https://sentry.test/', 50);
    expect(answer).toEqual({ kind: 'timeout' });
  });

  it.each(['http', 'https'])('everything ends at once when the connection is given up, for %s', async (protocol) => {
    const proxy = await startProxy({ isSilent: true });
    const url = `${protocol}://sentry.test/`;
    const connection = connectionTo(url, { proxy });
    const answered = send(connection, url);
    await proxy.firstAsked;
    connection.abort();
    expect(await answered).toMatchObject({ kind: 'broken', error: expect.any(DeadlinePassedError) });
    expect(await send(connection, url)).toMatchObject({ kind: 'broken', error: expect.any(DeadlinePassedError) });
    await expect.poll(() => proxy.open, { interval: 2 }).toBe(0);
  });

  it('that says nothing keeps no process alive', async () => {
    const { url, host, variable } = await startProxy({ isSilent: true });
    const source = `
      import { createConnection } from 'DIST/telemetry/http/connection.js';
      import { post } from 'DIST/telemetry/http/post.js';
      const url = 'https://sentry.test/';
      const connection = createConnection({ url, proxy: JSON.parse(process.env.GIVEN) });
      post({ url, headers: {}, connection, timeoutMs: 600_000 }, Buffer.from('spans')).then(console.log);
      setTimeout(() => console.log('done'), 200);
    `;
    const ended = await runScript(source, {
      env: { GIVEN: JSON.stringify({ url, host, variable }) },
    });
    expect(ended).toMatchObject({ code: 0, stdout: 'done\n', stderr: '' });
  });
});
