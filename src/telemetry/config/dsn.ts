import { describe, WRAPPED_IN_QUOTES, type Kind, type Reading } from './kinds.ts';
import { VERSION } from './version.ts';

/** A Sentry DSN, without the secret half of its key: Relay needs the public half only. */
export interface Dsn {
  readonly publicKey: string;
  /** Scheme, host and port. The host is where the region is, so it is never replaced by another. */
  readonly origin: string;
  /** Path in front of `/api/`: empty, or starting with a slash and not ending with one. */
  readonly pathPrefix: string;
  /** Digits only. */
  readonly projectId: string;
}

const EXPECTED = 'https://<public key>@<host>/<project id>, as in Sentry under Project Settings > Client Keys (DSN)';

/**
 * The Sentry DSN: `{scheme}://{public key}[:{secret}]@{host}[:{port}][/{prefix}]/{project id}`.
 *
 * No problem ever quotes any part of what came. Even the scheme may be the key: in
 * `<key>:<secret>@host/1` that is what a URL parser takes it for.
 *
 * @see https://develop.sentry.dev/sdk/foundations/transport/authentication/#parsing-the-dsn
 */
export const dsn: Kind<Dsn> = {
  fromText: readDsn,
  fromCode: (value) =>
    typeof value === 'string' ? readDsn(value.trim()) : { problem: `must be ${EXPECTED}, but is ${describe(value)}` },
};

/** URL of a resource of the DSN's project, with the closing slash of Sentry's own SDKs. */
export function projectUrl({ origin, pathPrefix, projectId }: Dsn, resource: string): string {
  return `${origin}${pathPrefix}/api/${projectId}/${resource}/`;
}

/** URL that takes OTLP traces for the DSN's project. */
export function tracesUrl(to: Dsn): string {
  return projectUrl(to, 'integration/otlp/v1/traces');
}

/**
 * Value of `x-sentry-auth`.
 *
 * Relay ignores the header unless it starts with `sentry `, in any case; the other parts name protocol and
 * client. Sentry documents OTLP with a small letter, and trackers that speak its envelope protocol, such as
 * Bugsink, know only the capital one of its SDKs.
 */
export function sentryAuth({ publicKey }: Dsn, scheme: 'sentry' | 'Sentry' = 'sentry'): string {
  return `${scheme} sentry_key=${publicKey}, sentry_version=7, sentry_client=faultline/${VERSION}`;
}

function readDsn(text: string): Reading<Dsn> {
  if (/^["'`]|["'`]$/.test(text)) return { problem: WRAPPED_IN_QUOTES };
  // The URL parser drops tabs and line breaks in the middle, and would accept two lines glued together.
  if (/\s/.test(text)) return { problem: `holds a space or line break: it must be one piece, ${EXPECTED}` };
  if (!URL.canParse(text)) return { problem: `is not a URL: it must be ${EXPECTED}` };
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return { problem: `starts with neither https:// nor http://: it must be ${EXPECTED}` };
  }
  if (url.username === '') return { problem: `has no public key: it must be ${EXPECTED}` };
  if (!/^\w+$/.test(url.username)) {
    return { problem: `has a public key with characters no key has: it must be ${EXPECTED}` };
  }
  // The key of the second one would become a part of the path, which is shown.
  if (url.pathname.includes('@')) return { problem: `holds more than one DSN: it must be one, ${EXPECTED}` };
  const segments = url.pathname.split('/').filter((segment) => segment !== '');
  const projectId = segments.pop();
  if (projectId === undefined) return { problem: `has no project id: it must be ${EXPECTED}` };
  if (!/^\d+$/.test(projectId)) return { problem: `has a project id that is not a number: it must be ${EXPECTED}` };
  const pathPrefix = segments.map((segment) => `/${segment}`).join('');
  return { value: { publicKey: url.username, origin: url.origin, pathPrefix, projectId } };
}
