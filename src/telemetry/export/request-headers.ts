import type { Destination } from '../config/destinations.ts';
import { VERSION } from '../config/version.ts';

/** The headers of every request to a destination. */
export function requestHeaders({ headers, protocol, compression }: Destination): Readonly<Record<string, string>> {
  return {
    'user-agent': `faultline/${VERSION}`,
    ...headers,
    'content-type': protocol === 'http/protobuf' ? 'application/x-protobuf' : 'application/json',
    ...(compression === 'gzip' ? { 'content-encoding': 'gzip' } : undefined),
  };
}
