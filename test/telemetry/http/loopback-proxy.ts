import { createServer, request as forward, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { onTestFinished } from 'vitest';

import type { Proxy } from '../../../src/telemetry/http/proxy.ts';
import type { SelfSigned } from './certificate.ts';

export interface LoopbackProxy extends Proxy {
  /** Whom its certificate is asked to name in each connection over TLS; false for an address. */
  readonly serverNames: readonly (string | false)[];
  /** `CONNECT host:port` or `POST http://…` of every request, oldest first. */
  readonly asked: readonly string[];
  /** Sockets that are open now. */
  readonly open: number;
  /** Resolves when somebody has asked for something. */
  readonly firstAsked: Promise<void>;
}

export interface LoopbackProxyOptions {
  /** What is asked for: `Basic …`. Otherwise the answer is 407. */
  readonly authorization?: string;
  /** Answers everything with this status. */
  readonly refuseWith?: number;
  /** Where everything goes, whatever was asked for: `127.0.0.1:4318`. */
  readonly leadsTo?: string;
  /** Takes everything and says nothing. */
  readonly isSilent?: boolean;
  /** Is spoken to over TLS, and has this certificate. */
  readonly tls?: SelfSigned;
}

/** Starts an HTTP proxy for this test: for tunnels, and for http URLs. */
export async function startProxy(options: LoopbackProxyOptions = {}): Promise<LoopbackProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  let noteFirst: () => void = () => {};
  const firstAsked = new Promise<void>((resolve) => (noteFirst = resolve));
  const refusal = (request: IncomingMessage): number | undefined => {
    asked.push(`${request.method} ${request.url}`);
    noteFirst();
    const { authorization, refuseWith } = options;
    if (authorization !== undefined && request.headers['proxy-authorization'] !== authorization) return 407;
    // As strict ones do: it names where the request is to go.
    if (request.method === 'CONNECT' && request.headers.host !== request.url) return 400;
    return refuseWith;
  };
  const server = options.tls === undefined ? createServer() : createTlsServer(options.tls);
  server.on('request', (request, response) => {
    const status = refusal(request);
    if (options.isSilent === true) return;
    if (status !== undefined) return void request.resume().on('end', () => response.writeHead(status).end());
    const { 'proxy-authorization': _, ...headers } = request.headers;
    const { pathname, search, host } = new URL(request.url ?? '');
    const onward = forward(
      `http://${options.leadsTo ?? host}${pathname}${search}`,
      { method: request.method, headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.writeHead(502).end());
    request.pipe(onward);
  });
  const serverNames: (string | false)[] = [];
  server.on('secureConnection', ({ servername }: TLSSocket) => serverNames.push(servername ?? false));
  server.on('connect', (request, socket: Socket) => {
    const status = refusal(request);
    const hasNoOtherEnd = options.isSilent === true || status !== undefined;
    if (hasNoOtherEnd) socket.resume().on('end', () => socket.destroy());
    if (options.isSilent === true) return;
    if (status !== undefined) return void socket.write(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
    const { hostname, port } = new URL(`http://${options.leadsTo ?? request.url}`);
    const onward = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${host}`,
    host,
    variable: 'HTTPS_PROXY',
    asked,
    serverNames,
    firstAsked,
    get open() {
      return sockets.size;
    },
    ...(options.authorization === undefined ? undefined : { authorization: options.authorization }),
  };
}
