import type { IncomingHttpHeaders } from 'node:http';

/** Who a request to Sentry says it is, read with the rules of Relay's `auth_from_parts`. */
export type RelayAuth =
  | { readonly kind: 'key'; readonly publicKey: string }
  | { readonly kind: 'refused'; readonly status: 400 | 401; readonly message: string };

const PROTOCOL_VERSION = 7;

/**
 * Reads the one authorization a request may carry.
 *
 * A header that does not start with `sentry ` counts as absent, not as wrong: that is why
 * `x-sentry-auth: sentry_key=…` ends as missing authorization.
 */
export function readRelayAuth(headers: IncomingHttpHeaders, query: string): RelayAuth {
  const found = [
    fromSentryHeader(singleHeader(headers['x-sentry-auth'])),
    fromSentryHeader(headers.authorization),
    fromBasicHeader(headers.authorization),
    // Any query that holds `sentry_` anywhere is taken for authorization.
    query.includes('sentry_') ? new Map(new URLSearchParams(query)) : undefined,
  ].filter((pairs) => pairs !== undefined);

  // A malformed payload is noticed before a second one is looked for.
  const [pairs, second] = found;
  if (pairs === undefined) return refused(401, 'missing authorization information');
  const auth = fromPairs(pairs);
  if (auth.kind === 'refused' && auth.status === 401) return auth;
  return second === undefined ? auth : refused(401, 'multiple authorization payloads detected');
}

type Pairs = ReadonlyMap<string, string>;

function fromPairs(pairs: Pairs): RelayAuth {
  const publicKey = pairs.get('sentry_key') ?? '';
  const version = pairs.get('sentry_version') ?? String(PROTOCOL_VERSION);
  const majorVersion = version.split('.', 1)[0] ?? '';
  if (publicKey === '' || !/^\d{1,5}$/.test(majorVersion)) return refused(401, 'bad x-sentry-auth header');
  if (!/^[0-9a-f]{32}$/i.test(publicKey)) return refused(400, 'bad sentry DSN public key');
  if (Number(majorVersion) > PROTOCOL_VERSION) return refused(400, `unsupported protocol version (${majorVersion})`);
  return { kind: 'key', publicKey };
}

function fromSentryHeader(header: string | undefined): Pairs | undefined {
  if (header?.slice(0, 7).toLowerCase() !== 'sentry ') return undefined;
  return new Map(
    header
      .slice(7)
      .split(',')
      .map((item) => item.split('='))
      .filter((parts) => parts.length > 1)
      .map(([key = '', value = '']) => [key.trim(), value.trim()] as const),
  );
}

function fromBasicHeader(header: string | undefined): Pairs | undefined {
  if (header?.slice(0, 6).toLowerCase() !== 'basic ') return undefined;
  const decoded = Buffer.from(header.slice(6), 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  // Without a user name the header counts as absent.
  return colon < 1 ? undefined : new Map([['sentry_key', decoded.slice(0, colon)]]);
}

function singleHeader(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function refused(status: 400 | 401, message: string): RelayAuth {
  return { kind: 'refused', status, message };
}
