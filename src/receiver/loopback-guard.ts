import type { IncomingHttpHeaders } from 'node:http';

/**
 * Why a request must not be served although it reached the loopback interface; undefined when it may.
 *
 * A web page can make the reader's own browser call 127.0.0.1. If its own name resolves to that address
 * (DNS rebinding), the Host header still says so; if it calls across origins, the Origin header does.
 */
export function loopbackRefusal(
  headers: IncomingHttpHeaders,
): { readonly status: 403 | 421; readonly message: string } | undefined {
  if (!isLoopback(`http://${headers.host ?? ''}`)) {
    return {
      status: 421,
      message: 'this receiver answers only to a loopback host name such as 127.0.0.1 or localhost',
    };
  }
  if (headers.origin !== undefined && !isLoopback(headers.origin)) {
    return { status: 403, message: 'this receiver does not serve pages of other origins' };
  }
  return undefined;
}

function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, username, pathname } = new URL(url);
  if (!/^https?:$/.test(protocol) || username !== '' || pathname !== '/') return false;
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    // The same in IPv6: how a URL writes `::ffff:127.0.0.1`.
    /^127(?:\.\d+){3}$|^\[::ffff:7f[\da-f]{2}:[\da-f]{1,4}\]$/.test(hostname)
  );
}
