/** A Node server for web-standard requests: what `faultline serve` listens with. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { listen } from '../receiver/listen.ts';
import { loopbackRefusal } from '../receiver/loopback-guard.ts';

export interface ServeHttpOptions {
  readonly fetch: (request: Request) => Promise<Response>;
  /** 0 takes a free one. */
  readonly port: number;
  /** Default: 127.0.0.1, which only this machine can reach. */
  readonly host?: string;
  /** Further names under which a server on a loopback address may be asked, such as that of a proxy before it. */
  readonly allowedHosts?: readonly string[];
  /** Ends the server: no new connections at once, no open ones after a moment. */
  readonly signal: AbortSignal;
  readonly onListening?: (server: { readonly port: number; readonly origin: string }) => void;
  /** Longest a client may take to read what was written to it. Default: 60 000. */
  readonly stallTimeoutMs?: number;
  /** How long what is under way when the server is ended may take. Default: 4 000, less than a transport is given. */
  readonly closeGraceMs?: number;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than load balancers keep an idle connection, or they would find it closed in their hands. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const CONNECTIONS_CHECK_MS = 5_000;
/** A client that vanished without a word is asked for by TCP, and its connection ends with the lack of an answer. */
const TCP_KEEP_ALIVE_MS = 30_000;

/** Serves until `signal` is aborted. Rejects with one sentence when the port cannot be had. */
export async function serveHttp(options: ServeHttpOptions): Promise<void> {
  const { fetch, port, host = '127.0.0.1', allowedHosts = [], signal, onListening } = options;
  const { stallTimeoutMs = 60_000, closeGraceMs = 4_000 } = options;
  const { getRequestListener } = await import('@hono/node-server');
  const listener = getRequestListener(fetch, {
    hostname: host,
    overrideGlobalObjects: false,
    errorHandler: badRequest,
  });
  let isGuarded = true;
  // What it listens on may be a name of the loopback that only this machine knows, as `/etc/hosts` has them.
  const allowed = new Set([host, ...allowedHosts].map((name) => name.toLowerCase()));

  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    },
    (request, response) => {
      endStalled(response, stallTimeoutMs);
      response.once('close', () => {
        // Its connection would otherwise be kept for a next request that will not be taken.
        if (!server.listening) server.closeIdleConnections();
      });
      if (
        isGuarded &&
        !allowed.has(hostName(request)) &&
        loopbackRefusal({ host: request.headers.host }) !== undefined
      ) {
        refuseHost(response);
        return;
      }
      void listener(request, response);
    },
  );
  const bound = await listen(server, port, host);
  isGuarded = isLoopback(bound.address);
  onListening?.({ port: bound.port, origin: `http://${host.includes(':') ? `[${host}]` : host}:${bound.port}` });
  await untilClosed(server, signal, closeGraceMs);
}

/**
 * Destroys a connection whose other end does not read: what was written to it has not moved for so long. A run
 * that takes its time before it says anything is nobody's stall.
 */
function endStalled(response: ServerResponse, stallTimeoutMs: number): void {
  const { socket } = response;
  response.setTimeout(stallTimeoutMs, () => {
    if (socket !== null && socket.writableLength > 0) socket.destroy();
  });
}

function badRequest(): Response {
  const error = { type: 'malformed_request', message: 'The request cannot be understood.' };
  return Response.json({ error }, { status: 400 });
}

/** A name that a foreign page may have pointed at this machine to get around its browser's rules. */
function refuseHost(response: ServerResponse): void {
  const message =
    'This server answers only to a loopback host name such as 127.0.0.1 or localhost, and to names it was told ' +
    '(runtime.http.allowed_hosts).';
  const body = JSON.stringify({ error: { type: 'host_not_allowed', message } });
  response.writeHead(421, { 'content-type': 'application/json', connection: 'close' });
  response.end(body);
}

function hostName(request: IncomingMessage): string {
  return (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
}

/** Whether only this machine reaches an address. A name tells less: `LOCALHOST` is one, and so are those of `/etc/hosts`. */
function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}

function untilClosed(server: Server, signal: AbortSignal, closeGraceMs: number): Promise<void> {
  const unused = unusedConnections(server);
  return new Promise((resolve, reject) => {
    let graceTimer: NodeJS.Timeout | undefined;
    const close = (): void => {
      server.close();
      for (const socket of unused) socket.destroy();
      graceTimer = setTimeout(() => server.closeAllConnections(), closeGraceMs);
    };
    server.once('close', () => {
      clearTimeout(graceTimer);
      signal.removeEventListener('abort', close);
      resolve();
    });
    server.once('error', reject);
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true });
  });
}

/** Clients open connections before they need them, and Node takes those for connections with a request to come. */
function unusedConnections(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', ({ socket }) => unused.delete(socket));
  return unused;
}
