import type { Destination } from '../config/destinations.ts';
import { DeadlinePassedError } from './closable-agent.ts';

/** Why an export failed, in words for the person who can do something about it. */
export interface Explanation {
  /** Failures of one kind are said once. */
  readonly kind: string;
  /** Names the cause and the fix; never a header value. */
  readonly sentence: string;
}

/** What is said about a destination. */
export type FailedDestination = Pick<Destination, 'name' | 'url' | 'timeoutMs'>;

/** Explains the error an OTLP exporter ended with: an HTTP status in `code`, a system error code, or neither. */
export function explainFailure(error: Error, destination: FailedDestination): Explanation {
  const { code } = error as { code?: unknown };
  const host = new URL(destination.url).host;
  if (typeof code === 'number') return { kind: String(code), sentence: explainStatus(code, host, destination) };
  if (typeof code === 'string') return { kind: code, sentence: explainSystemError(code, host, destination) };
  if (error instanceof DeadlinePassedError) {
    return { kind: 'deadline', sentence: `${host} did not take them before the time for it was over` };
  }
  switch (error.message) {
    case 'Request timed out':
      return { kind: 'timeout', sentence: `${host} did not answer within ${destination.timeoutMs} ms` };
    case 'Export failed with retryable status':
      return {
        kind: 'overloaded',
        sentence: `${host} kept answering that it is busy or rate limited (429, 502, 503, 504)`,
      };
    default:
      return { kind: error.name, sentence: `sending to ${host} failed: ${error.name}` };
  }
}

function explainStatus(status: number, host: string, { name }: FailedDestination): string {
  switch (status) {
    case 401:
    case 403:
      return name === 'sentry'
        ? `${host} refused the key (${status}); copy the DSN whole from Project Settings > Client Keys`
        : `${host} refused the credentials (${status}); check OTEL_EXPORTER_OTLP_TRACES_HEADERS`;
    case 404:
      return name === 'sentry'
        ? `${host} has no OTLP endpoint (404); self-hosted Sentry needs Relay 26.4.2 or newer, or its OTLP feature flag`
        : `${host} has nothing at this path (404); OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is used as it is, most backends want it to end in /v1/traces`;
    case 413:
      return `${host} found the request too large (413); lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE`;
    case 415:
      return `${host} does not read this encoding (415); try OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf`;
    case 400:
      return `${host} could not read the request (400); many local receivers refuse gzip: OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=none`;
    default:
      return `${host} answered ${status}`;
  }
}

function explainSystemError(code: string, host: string, { name }: FailedDestination): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing is listening at ${host} (ECONNREFUSED)`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host of ${host} cannot be resolved (${code})`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `${host} broke the connection off (${code})`;
    default:
      if (!/^ERR_TLS|CERT|^UNABLE_TO_/.test(code)) return `sending to ${host} failed (${code})`;
      const variable = name === 'sentry' ? 'NODE_EXTRA_CA_CERTS' : 'OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE';
      return `the certificate of ${host} is not trusted (${code}); set ${variable} to its authority`;
  }
}
