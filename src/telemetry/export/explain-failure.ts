import type { Destination } from '../config/destinations.ts';
import { explainBroken, explainTimeout, type Explanation, type Server } from '../http/explain-connection.ts';
import { redirectSentence, refusedKeySentence, statusSentence, unreadableSentence } from '../http/explain-status.ts';
import type { Proxy } from '../http/proxy.ts';

/** What is said about a destination. */
export interface FailedDestination extends Pick<Destination, 'name' | 'url' | 'timeoutMs' | 'compression'> {
  readonly proxy: Proxy | undefined;
}

/** Says why an answer never came: the connection broke off, could not be made, or took too long. */
export function explainMissingAnswer(error: Error | 'timeout', destination: FailedDestination): Explanation {
  const server = serverOf(destination);
  return error === 'timeout' ? explainTimeout(server) : explainBroken(error, server);
}

/**
 * Says what an HTTP status other than 2xx means for whoever set the destination up.
 *
 * @param said what the answer says itself, without secrets; empty when that is nothing
 */
export function explainStatus(status: number, destination: FailedDestination, said: string): Explanation {
  const sentence = sentenceOf(status, destination);
  return { cause: String(status), sentence: said === '' ? sentence : `${sentence}; it says: ${said}` };
}

/** Says that the endpoint is elsewhere. */
export function explainRedirect(
  status: number,
  location: string | undefined,
  destination: FailedDestination,
): Explanation {
  const fix = `set ${endpointSource(destination)} to where the spans must go`;
  return { cause: String(status), sentence: redirectSentence(status, location, destination.url, fix) };
}

/** Says that something accepted the request which is no OTLP endpoint. */
export function explainForeignAnswer(status: number, isPage: boolean, destination: FailedDestination): Explanation {
  const { host } = serverOf(destination);
  return {
    cause: isPage ? 'web page' : 'no OTLP answer',
    sentence: isPage
      ? `${host} answered with a web page (${status}), as a login page or proxy in between does; check ${endpointSource(destination)}`
      : `${host} answered with something that is no OTLP answer (${status}); check ${endpointSource(destination)}`,
  };
}

function serverOf(destination: FailedDestination): Server {
  const { name, url, timeoutMs, proxy } = destination;
  return {
    host: new URL(url).host,
    timeoutMs,
    proxy,
    endpointSource: endpointSource(destination),
    certificateVariable: name === 'sentry' ? 'NODE_EXTRA_CA_CERTS' : 'OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE',
  };
}

function endpointSource({ name }: FailedDestination): string {
  return name === 'sentry' ? 'the DSN' : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
}

/** A base URL gets the usual path appended, so that what ends otherwise was given whole. */
function endpointHint(destination: FailedDestination): string {
  return /\/v1\/traces\/?$/.test(new URL(destination.url).pathname)
    ? `check ${endpointSource(destination)}, or OTEL_EXPORTER_OTLP_ENDPOINT when that is set`
    : `${endpointSource(destination)} is used as it is, most backends want it to end in /v1/traces`;
}

const UNCOMPRESSED = 'OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=none';

function sentenceOf(status: number, destination: FailedDestination): string {
  const server = serverOf(destination);
  const { host } = server;
  const isSentry = destination.name === 'sentry';
  const isCompressed = destination.compression === 'gzip';
  switch (status) {
    case 401:
    case 403:
      return isSentry
        ? refusedKeySentence(status, server)
        : `${host} refused the credentials (${status}); check OTEL_EXPORTER_OTLP_TRACES_HEADERS`;
    case 404:
      return isSentry
        ? `${host} has no OTLP endpoint (404); self-hosted Sentry needs a Relay newer than 26.4.2, or its OTLP feature flag`
        : `${host} has nothing at this path (404); ${endpointHint(destination)}`;
    case 405:
      return `${host} takes no spans at this path (405); check ${endpointSource(destination)}`;
    case 415:
      return `${host} does not read this encoding (415); try OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf${isCompressed ? `, or ${UNCOMPRESSED}` : ''}`;
    case 400:
      if (isSentry) return unreadableSentence(status, server);
      return `${statusSentence(status, server)}${isCompressed ? `; many local receivers refuse gzip: ${UNCOMPRESSED}` : ''}`;
    case 429:
      return `${statusSentence(status, server)}${isSentry ? '; see the span quota of the project' : ''}`;
    default:
      return statusSentence(status, server);
  }
}
