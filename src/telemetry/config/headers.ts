import { isFieldValue } from './field-value.ts';
import { describe, isRecord, type Kind, type Reading } from './kinds.ts';
import { percentDecode, splitKeyValueList, type Entry } from './key-value-list.ts';

/** Request headers by lower-case name. */
export type Headers = Readonly<Record<string, string>>;

/** The header Sentry authenticates by. */
export const SENTRY_AUTH_HEADER = 'x-sentry-auth';

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;

/**
 * Headers of an OTLP request: a list such as `api-key=abc,x-tenant=1` in the environment, a record in code.
 *
 * The specification takes the list from W3C Baggage without its properties, so `;` is part of a value.
 * Values are percent-decoded, but one with a stray `%` is kept as it is: API keys do hold them, and the
 * OpenTelemetry SDK for JavaScript silently loses such a header. No problem ever quotes a value.
 *
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables
 */
export const headers: Kind<Headers> = {
  fromText: (text) =>
    readHeaders(
      rejoinSentryAuth(splitKeyValueList(text)).map(({ position, key, value }) => ({
        // What has no name, or an impossible one, is often a value: it is told by its place.
        label: `entry ${position}`,
        name: key,
        value: percentDecode(value) ?? value,
      })),
    ),
  fromCode: (value) =>
    isRecord(value)
      ? readHeaders(Object.entries(value).map(([name, given]) => ({ label: describe(name), name, value: given })))
      : { problem: `must be a record of header names and values, but is ${describe(value)}` },
};

/** They say how a body is sent: another value cuts every one, or makes it unreadable. */
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'content-encoding', 'transfer-encoding']);

function readHeaders(entries: readonly { label: string; name: string; value: unknown }[]): Reading<Headers> {
  const good = new Map<string, string>();
  const problems: string[] = [];
  for (const { label, name, value } of entries) {
    if (!TOKEN.test(name)) {
      problems.push(`must give every header as a name and a value, which ${label} is not`);
    } else if (typeof value !== 'string' || !isFieldValue(value)) {
      problems.push(`must hold values an HTTP header can carry, which that of ${describe(name)} is not`);
    } else if (FRAMING.has(name.toLowerCase())) {
      problems.push(`must not name ${describe(name)}, which is Faultline's own`);
    } else if (name.toLowerCase() === SENTRY_AUTH_HEADER) {
      const auth = readSentryAuth(value);
      good.set(SENTRY_AUTH_HEADER, auth.value ?? value);
      if (auth.problem !== undefined) problems.push(auth.problem);
    } else {
      good.set(name.toLowerCase(), value);
    }
  }
  const value = Object.fromEntries(good);
  return problems.length === 0 ? { value } : { value, problem: problems.join('; it ') };
}

/**
 * Puts `x-sentry-auth=sentry sentry_version=7, sentry_key=abc` together again.
 *
 * The commas belong to Sentry's header, but to the list they are the end of it.
 */
function rejoinSentryAuth(entries: readonly Entry[]): Entry[] {
  const joined: Entry[] = [];
  for (const entry of entries) {
    const before = joined.at(-1);
    if (before?.key.toLowerCase() === SENTRY_AUTH_HEADER && entry.key.startsWith('sentry_')) {
      joined[joined.length - 1] = { ...before, value: `${before.value}, ${entry.key}=${entry.value}` };
    } else {
      joined.push(entry);
    }
  }
  return joined;
}

/** Relay looks at the header only if it starts with `sentry `, and answers 401 as if there were none. */
function readSentryAuth(value: string): Reading<string> {
  if (!value.includes('sentry_key=')) {
    return {
      problem: `must give ${SENTRY_AUTH_HEADER} as "sentry sentry_key=<public key>", but has no sentry_key in it`,
    };
  }
  if (/^sentry /i.test(value)) return { value };
  return {
    value: `sentry ${value}`,
    problem: `must give ${SENTRY_AUTH_HEADER} as "sentry sentry_key=<public key>", but has it without the first "sentry"`,
  };
}
