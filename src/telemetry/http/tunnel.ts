import type * as http from 'node:http';
import type { Socket } from 'node:net';
import type * as tls from 'node:tls';

import { lookupOnce } from './lookup-once.ts';
import { nodeModules } from './node-modules.ts';
import { ProxyError, unreachableProxy } from './proxy-error.ts';
import { proxyServerName, type Proxy } from './proxy.ts';

/** What a connection was opened with, as an https agent hands it on. */
export type TunnelOptions = tls.ConnectionOptions & { readonly host?: string; readonly port?: number | string };

/** Takes the connection, or the reason why there is none. */
export type OnTunnel = (error: Error | null, socket?: Socket) => void;

/** A proxy that has said nothing for this long says nothing at all. */
const SILENCE_MS = 10_000;

/**
 * Opens a TLS connection to `host` and `port` through a proxy, and calls back once. The request it returns is the one
 * to the proxy: destroying it with an error gives the connection up, with that error.
 *
 * It is made here and not by a library, because no library for this lets go of the connection to the proxy while the
 * proxy has not answered: it would keep the process alive, and could not be closed.
 */
export function openTunnel(proxy: Proxy, options: TunnelOptions, onTunnel: OnTunnel): http.ClientRequest {
  const { host = 'localhost', port = 443 } = options;
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const { request } = proxy.url.startsWith('https:') ? nodeModules.https : nodeModules.http;
  const connecting = request(proxy.url, {
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...proxyAuthorization(proxy) },
    agent: false,
    lookup: lookupOnce,
    servername: proxyServerName(proxy),
  });
  let settled = false;
  const settle: OnTunnel = (error, socket) => {
    if (settled) return;
    settled = true;
    onTunnel(error, socket);
  };
  connecting.on('socket', (socket) => socket.unref());
  connecting.setTimeout(SILENCE_MS, () => connecting.destroy(new ProxyError(proxy, { kind: 'silent' })));
  connecting.on('connect', ({ statusCode = 0 }, socket: Socket) => {
    if (statusCode >= 200 && statusCode < 300) {
      socket.setTimeout(0);
      return settle(null, nodeModules.tls.connect({ ...options, socket }));
    }
    socket.destroy();
    settle(new ProxyError(proxy, { kind: 'refused', status: statusCode }));
  });
  connecting.on('error', (error) => settle('code' in error ? unreachableProxy(proxy, error) : error));
  connecting.on('close', () => settle(new ProxyError(proxy, { kind: 'unreachable', code: undefined })));
  connecting.end();
  return connecting;
}

/** The header a proxy asks for, if it has been given credentials. */
export function proxyAuthorization({ authorization }: Proxy): Readonly<Record<string, string>> {
  return authorization === undefined ? {} : { 'proxy-authorization': authorization };
}
