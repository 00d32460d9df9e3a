import type * as http from 'node:http';
import type * as https from 'node:https';
import type { Socket } from 'node:net';
import { urlToHttpOptions } from 'node:url';

import type { Tls } from '../config/destinations.ts';
import { lookupOnce } from './lookup-once.ts';
import { nodeModules } from './node-modules.ts';
import { proxyServerName, type Proxy } from './proxy.ts';
import { openTunnel, proxyAuthorization, type TunnelOptions } from './tunnel.ts';

/** What the connections are for. */
export interface ConnectionOptions {
  /** An http or https URL. */
  readonly url: string;
  readonly tls?: Tls | undefined;
  /** What of `tls` is another by now, asked for every socket. */
  readonly renewedTls?: (() => Tls | undefined) | undefined;
  /** The proxy everything goes through. */
  readonly proxy?: Proxy | undefined;
}

/** The way to one destination, which can be given up at once. */
export interface Connection {
  /** Keeps sockets between requests. */
  readonly agent: http.Agent;
  /** Certificates and key as they are now. */
  readonly tls: Tls;
  readonly proxy: Proxy | undefined;
  /** The proxy, when it is asked in place of the server: one for an http URL is. */
  readonly askedProxy: Proxy | undefined;
  /** Begins a POST to the URL. Throws when a header is none that HTTP allows. */
  request(headers: Readonly<Record<string, string>>): http.ClientRequest;
  /** Breaks off every request, and refuses further ones. */
  abort(): void;
}

/** Why a request was broken off. */
export class DeadlinePassedError extends Error {
  override readonly name = 'DeadlinePassedError';

  constructor() {
    super('the time to send is over');
  }
}

/**
 * Longest time a socket is kept that carries no request, or as long as the server says. Firewalls forget a connection
 * after some minutes without telling either side, and a request on it would be answered by nobody. Without this Node does
 * not heed what the server says either.
 */
const IDLE_MS = 30_000;

/** How an agent opens a connection: at once, or by calling back. */
type Connect = (
  options: TunnelOptions,
  callback: (error: Error | null, socket?: Socket) => void,
) => Socket | null | undefined;

/**
 * Creates the way to one destination: sockets are kept between requests, and keep no process alive.
 *
 * An https URL is reached through a tunnel a proxy makes, which sees nothing of what is sent; for an http URL the
 * sockets lead to the proxy itself.
 */
export function createConnection({ url, tls, renewedTls, proxy }: ConnectionOptions): Connection {
  const isTunnelled = proxy !== undefined && url.startsWith('https:');
  const askedProxy = isTunnelled ? undefined : proxy;
  const isSecure = (askedProxy?.url ?? url).startsWith('https:');
  const { options, headers: ownHeaders } = address(url, askedProxy);
  let usableTls = tls;
  const tlsNow = (): Tls => (usableTls = { ...usableTls, ...renewedTls?.() });
  const tunnels = new Set<http.ClientRequest>();
  let aborted = false;
  const connectThrough =
    (proxy: Proxy): Connect =>
    (options, callback) => {
      const tunnel = openTunnel(proxy, options, (error, socket) => {
        tunnels.delete(tunnel);
        callback(error, socket);
      });
      tunnels.add(tunnel);
      return undefined;
    };
  const createAgent = (): http.Agent => {
    const kept = { keepAlive: true, timeout: IDLE_MS, lookup: lookupOnce };
    // To a server that continues a session, the client is who it was when that began.
    const sessions = renewedTls === undefined ? {} : { maxCachedSessions: 0 };
    const agent = isSecure ? new nodeModules.https.Agent({ ...kept, ...sessions }) : new nodeModules.http.Agent(kept);
    const open = agent as unknown as { createConnection: Connect };
    const connect = isTunnelled ? connectThrough(proxy) : open.createConnection.bind(agent);
    open.createConnection = (options, callback) => {
      if (!aborted) return connect(askedProxy === undefined ? { ...options, ...tlsNow() } : options, callback);
      throw new DeadlinePassedError();
    };
    return agent;
  };
  let agent: http.Agent | undefined;
  // Made for the first request: a program should begin without waiting for Node to load what speaks TLS.
  const agentOfRequests = (): http.Agent => (agent ??= createAgent());

  return {
    get agent() {
      return agentOfRequests();
    },
    get tls() {
      return tlsNow();
    },
    proxy,
    askedProxy,
    request(headers) {
      const { request } = isSecure ? nodeModules.https : nodeModules.http;
      return request({
        ...options,
        method: 'POST',
        headers: { ...headers, ...ownHeaders },
        agent: agentOfRequests(),
      });
    },
    abort() {
      aborted = true;
      for (const tunnel of tunnels) tunnel.destroy(new DeadlinePassedError());
      if (agent === undefined) return;
      for (const socket of socketsOf(agent)) socket.destroy(new DeadlinePassedError());
      agent.destroy();
    },
  };
}

/** Where requests go, parsed once. A proxy that is asked itself is asked for the whole URL. */
function address(
  url: string,
  askedProxy: Proxy | undefined,
): { readonly options: https.RequestOptions; readonly headers: Readonly<Record<string, string>> } {
  const target = new URL(url);
  if (askedProxy === undefined) return { options: urlToHttpOptions(target), headers: {} };
  return {
    options: { ...urlToHttpOptions(new URL(askedProxy.url)), path: url, servername: proxyServerName(askedProxy) },
    headers: { host: target.host, ...proxyAuthorization(askedProxy) },
  };
}

function socketsOf(agent: http.Agent): Socket[] {
  return Object.values(agent.sockets).flatMap((sockets) => sockets ?? []);
}
