import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';

import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { FAKE_PUBLIC_KEY, startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import type { NowRequest } from '../../../src/telemetry/http/send-now.ts';
import { SEND_NOW_PROGRAM } from '../../../src/telemetry/http/send-now-program.ts';
import { listening } from '../../support/loopback.ts';
import { PERMISSION } from '../../support/permission.ts';
import { runScript, type Ended } from '../../support/run-script.ts';
import { selfSigned, type SelfSigned } from './certificate.ts';
import { startProxy } from './loopback-proxy.ts';

// The thread that sends is blocked meanwhile, so every sender here is in a process of its own.

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry();
});
afterEach(() => sentry.close());

/** Where a request goes, and through what. */
type Target = Pick<NowRequest, 'url' | 'tls' | 'proxy'>;

interface Told extends Ended {
  readonly answers: unknown;
  /** Of every answer the status, or why there is none. */
  readonly statuses: unknown;
  /** Of every request without an answer what is said besides. */
  readonly messages: unknown;
  readonly bodies: unknown;
  /** How long it waited. */
  readonly tookMs: number;
}

/** Sends requests to the targets. By default there is no end to the time for it: who waits for that is killed. */
async function sendNowTo(
  targets: readonly (string | Target)[],
  timeoutMs: number | string = 600_000,
  env: Readonly<Record<string, string>> = {},
  before = '',
): Promise<Told> {
  const source = `
    ${before}
    import { sendNow } from 'DIST/telemetry/http/send-now.js';
    const { TARGETS, KEY } = process.env;
    const headers = { 'x-sentry-auth': 'sentry sentry_key=' + KEY, 'content-type': 'application/x-sentry-envelope' };
    const body = Buffer.from('{}\\n');
    const startedAt = performance.now();
    const answers = sendNow(JSON.parse(TARGETS).map((target) => ({ ...target, headers, body })), ${timeoutMs});
    const tookMs = performance.now() - startedAt;
    const statuses = answers.map(({ kind, status, error }) => status ?? error?.problem?.kind ?? error?.code ?? kind);
    const messages = answers.map(({ error }) => error?.message);
    const bodies = answers.map(({ body }) => body && Buffer.from(body).toString());
    console.log(JSON.stringify({ answers, statuses, messages, bodies, tookMs }));
  `;
  const given = targets.map((target) => (typeof target === 'string' ? { url: target } : target));
  const ended = await runScript(source, { env: { TARGETS: JSON.stringify(given), KEY: FAKE_PUBLIC_KEY, ...env } });
  return { ...ended, ...(JSON.parse(ended.stdout || '{}') as Omit<Told, keyof Ended>) };
}

/** A server whose certificate nobody vouches for but itself, which is also in a file. */
async function startSecureServer(): Promise<{ url: string; cert: string; authority: string }> {
  const { own, authority } = await selfSignedFile();
  const server = createHttpsServer({ ...own }, (request, response) => {
    request.resume().on('end', () => response.end('{}'));
  });
  return { url: `https://${await listening(server)}/`, cert: own.cert, authority };
}

/** A certificate that vouches for itself, which is also in a file. */
async function selfSignedFile(): Promise<{ own: SelfSigned; authority: string }> {
  const own = selfSigned();
  const directory = await mkdtemp(join(tmpdir(), 'faultline-authority-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const authority = join(directory, 'authority.pem');
  await writeFile(authority, own.cert);
  return { own, authority };
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

  it.skipIf(process.platform === 'win32')('are sent also where the working directory is gone', async () => {
    const removed = `
      import { mkdtempSync, rmdirSync } from 'node:fs';
      process.chdir(mkdtempSync('gone-'));
      rmdirSync(process.cwd());
    `;
    const ended = await sendNowTo([envelopeUrl()], 20_000, {}, removed);
    expect(ended).toMatchObject({ code: 0, stderr: '', statuses: [200] });
  });

  it('go over TLS as well, to an authority this process trusts', async () => {
    const { url, authority } = await startSecureServer();
    expect(await sendNowTo([url])).toMatchObject({ code: 0, stderr: '', statuses: ['DEPTH_ZERO_SELF_SIGNED_CERT'] });
    expect(await sendNowTo([url], undefined, { NODE_EXTRA_CA_CERTS: authority })).toMatchObject({ statuses: [200] });
  });

  describe.each(['a worker', 'a process of its own'])('of %s', (sender) => {
    const env: Readonly<Record<string, string>> =
      sender === 'a worker'
        ? {}
        : { NODE_OPTIONS: `${PERMISSION} --allow-fs-read=* --allow-child-process --no-warnings` };

    it('go to an authority of OpenSSL, where the process takes those', async () => {
      const { url, authority } = await startSecureServer();
      const ofOpenssl = { NODE_OPTIONS: `${env['NODE_OPTIONS'] ?? ''} --use-openssl-ca`, SSL_CERT_FILE: authority };
      expect(await sendNowTo([url], undefined, ofOpenssl)).toMatchObject({ code: 0, stderr: '', statuses: [200] });
    });

    it.skipIf(!('setDefaultCACertificates' in tls))(
      'go to an authority that the application has chosen while it ran, and to no other',
      async () => {
        const { url, cert, authority } = await startSecureServer();
        const choosing = (authorities: string): string => {
          const source = `import tls from 'node:tls'; tls.setDefaultCACertificates(${authorities});`;
          return `${env['NODE_OPTIONS'] ?? ''} --import=data:text/javascript,${encodeURIComponent(source)}`;
        };
        const chosen = { NODE_OPTIONS: choosing('[process.env.AUTHORITY]'), AUTHORITY: cert };
        expect(await sendNowTo([url], undefined, chosen)).toMatchObject({ code: 0, stderr: '', statuses: [200] });

        const others = {
          NODE_OPTIONS: `${choosing('tls.rootCertificates')} --use-openssl-ca`,
          SSL_CERT_FILE: authority,
        };
        expect(await sendNowTo([url], undefined, others)).toMatchObject({ statuses: ['DEPTH_ZERO_SELF_SIGNED_CERT'] });
      },
    );

    it('tell what TLS says, where one code stands for all of it', async () => {
      // The alert of a server that does not know who vouches for the certificate of its client.
      const server = createTcpServer((socket) => {
        socket.once('data', () => socket.write(Buffer.from([0x15, 3, 3, 0, 2, 2, 48]))).on('error', () => {});
      });
      const url = `https://${await listening(server)}/`;
      const ended = await sendNowTo([url], undefined, env);
      expect(ended).toMatchObject({ statuses: ['EPROTO'], messages: [expect.stringContaining('SSL alert number 48')] });
    });

    it('tell the whole answer, of an endless one its start', async () => {
      const server = createServer((request, response) => {
        if (request.url === '/endless') return void response.writeHead(200).write('x'.repeat(100_000));
        response.writeHead(429, { 'retry-after': '60', 'content-type': 'text/plain' }).end('wait, é');
      });
      const origin = `http://${await listening(server)}`;
      const ended = await sendNowTo([`${origin}/`, `${origin}/endless`], undefined, env);
      expect(ended).toMatchObject({
        code: 0,
        stderr: '',
        answers: [
          { status: 429, headers: { 'retry-after': '60', 'content-type': 'text/plain' }, isComplete: true },
          { status: 200, isComplete: false },
        ],
        bodies: ['wait, é', 'x'.repeat(64 * 1024)],
      });
    });

    it('go through a proxy: in tunnels to https URLs, and whole to http URLs', async () => {
      const { cert, key } = selfSigned();
      const server = createHttpsServer({ cert, key }, (request, response) => {
        request.resume().on('end', () => response.writeHead(201).end('{}'));
      });
      const secure = `https://${await listening(server)}/`;
      const { url, host, variable, authorization, asked } = await startProxy({ authorization: 'Basic dTpw' });
      const proxy = { url, host, variable, ...(authorization === undefined ? {} : { authorization }) };

      const ended = await sendNowTo(
        [
          { url: secure, tls: { ca: cert }, proxy },
          { url: envelopeUrl(), proxy },
          { url: secure, tls: { ca: cert }, proxy: { ...proxy, authorization: 'Basic wrong' } },
          { url: secure, proxy },
        ],
        undefined,
        env,
      );
      expect(ended).toMatchObject({
        code: 0,
        stderr: '',
        statuses: [201, 200, 'refused', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
      });
      const connect = `CONNECT ${new URL(secure).host}`;
      expect(asked.toSorted()).toEqual([connect, connect, connect, `POST ${envelopeUrl()}`]);
      expect(sentry.requests).toMatchObject([{ path: '/api/1/envelope/', status: 200 }]);
      expect(sentry.requests[0]?.headers).not.toHaveProperty('proxy-authorization');
    });
  });

  it('trust a proxy that is spoken to over TLS for what its certificate names', async () => {
    const { own, authority } = await selfSignedFile();
    const { url, host, variable, asked } = await startProxy({ tls: own, leadsTo: new URL(sentry.origin).host });
    const proxy = { url, host, variable };
    const target = `http://sentry.test${new URL(envelopeUrl()).pathname}`;
    const ended = await sendNowTo(
      [
        { url: target, proxy },
        { url: 'https://sentry.test/', proxy },
      ],
      20_000,
      { NODE_EXTRA_CA_CERTS: authority },
    );
    expect(asked.toSorted()).toEqual(['CONNECT sentry.test:443', `POST ${target}`]);
    expect(ended).toMatchObject({ code: 0, stderr: '', statuses: [200, expect.any(String)] });
  });

  it('through a proxy that says nothing are given up at the deadline', async () => {
    const { url, host, variable } = await startProxy({ isSilent: true });
    const ended = await sendNowTo([{ url: 'https://sentry.test/', proxy: { url, host, variable } }], 1_000);
    expect(ended).toMatchObject({ code: 0, stderr: '', statuses: ['timeout'] });
  });

  it('are given up at the deadline, and what was answered until then counts', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' });
    const ended = await sendNowTo([envelopeUrl(), `${sentry.origin}/elsewhere`], 4_000);
    expect(ended).toMatchObject({ code: 0, stderr: '', statuses: ['timeout', 404] });
    expect(ended.tookMs).toBeGreaterThanOrEqual(3_995);
  });

  it('are given up at the deadline by nobody else, also on a machine that is busy', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' });
    const late = `
      const { wait } = Atomics;
      Atomics.wait = (...given) => {
        const outcome = wait(...given);
        wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
        return outcome;
      };
    `;
    expect(await sendNowTo([envelopeUrl()], 500, {}, late)).toMatchObject({ code: 0, statuses: ['timeout'] });
  });

  it('need not be waited for when nothing listens, or the URL is none', async () => {
    await sentry.close();
    expect(await sendNowTo([envelopeUrl(), 'no url'])).toMatchObject({
      code: 0,
      stderr: '',
      statuses: ['ECONNREFUSED', 'broken'],
    });
  });

  it.each([0, -1, 'Number.NaN'])('are not sent in no time: %s ms', async (timeoutMs) => {
    expect(await sendNowTo([envelopeUrl()], timeoutMs)).toMatchObject({ code: 0, statuses: ['timeout'] });
    expect(sentry.requests).toEqual([]);
  });

  it('do not load what the process preloads a second time', async () => {
    const ended = await sendNowTo([envelopeUrl()], undefined, {
      NODE_OPTIONS: '--import data:text/javascript,console.error(1)',
    });
    expect(ended).toMatchObject({ code: 0, stderr: '1\n', statuses: [200] });
  });

  it('are given up at the deadline by a process of its own also when whoever started it is gone', async () => {
    sentry.answerNextEnvelope({ kind: 'hang' });
    const sender = spawn(process.execPath, ['-e', SEND_NOW_PROGRAM], { stdio: ['pipe', 'ignore', 'inherit'] });
    onTestFinished(() => void sender.kill('SIGKILL'));
    sender.stdin.end(JSON.stringify({ requests: [{ url: envelopeUrl(), headers: {}, body: '' }], timeoutMs: 500 }));
    expect(await once(sender, 'exit')).toEqual([0, null]);
  });

  it('are not sent where there may be neither, and the process goes on', async () => {
    const ended = await sendNowTo([envelopeUrl()], undefined, {
      NODE_OPTIONS: `${PERMISSION} --allow-fs-read=* --no-warnings`,
    });
    expect(ended).toMatchObject({ code: 0, stderr: '', statuses: ['ERR_ACCESS_DENIED'] });
  });
});
