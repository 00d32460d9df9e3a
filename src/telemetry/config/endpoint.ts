import { describe, type Kind, type Reading } from './kinds.ts';

/** The variable that holds a base URL for all signals; every other source holds the URL of the traces endpoint. */
export const BASE_ENDPOINT_VARIABLE = 'OTEL_EXPORTER_OTLP_ENDPOINT';

/** Where an OpenTelemetry program sends traces when it is told to use OTLP but not where. */
export const DEFAULT_ENDPOINT = 'http://localhost:4318/v1/traces';

/** Both of Relay's routes for OTLP traces, below whatever prefix a self-hosted Sentry has. */
const SENTRY_TRACES_PATH = /\/api\/\d+\/(?:integration\/)?otlp\/v1\/traces\/?$/;

/**
 * URL of an OTLP traces endpoint, as it is; `/v1/traces` is appended to that of the base variable.
 *
 * A sentry.io address off Relay's routes is refused: some published recipes name such hosts, and none works.
 *
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp
 */
export const endpoint: Kind<string> = {
  fromText: readEndpoint,
  fromCode: (value) =>
    typeof value === 'string'
      ? readEndpoint(value.trim())
      : { problem: `must be a URL such as ${DEFAULT_ENDPOINT}, but is ${describe(value)}` },
};

/** Whether a URL is Sentry's own OTLP endpoint, hosted by anyone. */
export function isSentryTracesUrl(url: string): boolean {
  return SENTRY_TRACES_PATH.test(new URL(url).pathname);
}

function readEndpoint(text: string, variable?: string): Reading<string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isBase = variable === BASE_ENDPOINT_VARIABLE;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    const example = isBase ? new URL(DEFAULT_ENDPOINT).origin : DEFAULT_ENDPOINT;
    return { problem: `must be an http or https URL such as ${example}, but is not` };
  }
  if (isBase) url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  if (/(?:^|\.)sentry\.io$/.test(url.hostname) && !SENTRY_TRACES_PATH.test(url.pathname)) {
    return {
      problem:
        'is an address where Sentry takes no OTLP traces: remove it and set SENTRY_DSN, or use ' +
        'https://<host of your DSN>/api/<project id>/integration/otlp/v1/traces/',
    };
  }
  if (url.username === '' && url.password === '') return { value: url.href };
  url.username = '';
  url.password = '';
  return {
    value: url.href,
    problem: 'must not hold a user name or password, which are not sent: put them into an authorization header',
  };
}
