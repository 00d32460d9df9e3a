import { DeadlinePassedError } from './connection.ts';
import { ProxyError } from './proxy-error.ts';
import type { Proxy } from './proxy.ts';
import { CannotSendError } from './send-now.ts';

/** Why something was not delivered, in words for the person who can do something about it. */
export interface Explanation {
  /** Failures of one cause are said once. */
  readonly cause: string;
  /** One sentence that names the cause and the fix; never a credential. */
  readonly sentence: string;
}

/** The server a request was for. */
export interface Server {
  readonly host: string;
  readonly timeoutMs: number;
  readonly proxy: Proxy | undefined;
  /** What says where it is: the name of a variable, or "the DSN". */
  readonly endpointSource: string;
  /** The variable that names the authorities its certificate may come from. */
  readonly certificateVariable: string;
}

/** Says that no answer came in time. */
export function explainTimeout({ host, timeoutMs, proxy }: Server): Explanation {
  return { cause: 'timeout', sentence: `${host} did not answer within ${timeoutMs} ms${through(proxy)}` };
}

/** Says that whatever answered is no telemetry server. */
export function explainWebPage({ host }: Pick<Server, 'host'>): Explanation {
  return { cause: 'web page', sentence: `${host} answered with a web page, as a proxy or login page in between does` };
}

/** Says why a connection could not be made, or broke off. */
export function explainBroken(error: Error, server: Server): Explanation {
  const { host } = server;
  if (error instanceof DeadlinePassedError) {
    return { cause: 'deadline', sentence: `${host} did not take them before the time for it was over` };
  }
  if (error instanceof CannotSendError) return explainCannotSend(error);
  if (error instanceof ProxyError) return explainProxy(error, host);
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'string') return { cause: code, sentence: explainSystemError(code, error, server) };
  return { cause: error.name, sentence: `sending to ${host} failed: ${error.name}` };
}

function explainCannotSend({ code }: CannotSendError): Explanation {
  const fix = code === 'ERR_ACCESS_DENIED' ? '; start Node with --allow-worker' : '';
  return {
    cause: 'cannot send',
    sentence: `the process ended, and neither a thread nor a process could be started to send what was left (${code})${fix}`,
  };
}

/** Names the proxy that may be the one that answered. */
export function through(proxy: Proxy | undefined): string {
  return proxy === undefined ? '' : ` (through the proxy ${proxy.host} of ${proxy.variable})`;
}

function explainProxy({ proxy, problem }: ProxyError, host: string): Explanation {
  const { variable } = proxy;
  switch (problem.kind) {
    case 'refused':
      return {
        cause: `proxy ${problem.status}`,
        sentence:
          problem.status === 407
            ? `the proxy ${proxy.host} wants other credentials (407); put user and password into ${variable}`
            : `the proxy ${proxy.host} of ${variable} refused the connection to ${host} (${problem.status}); let it through, or add the host to NO_PROXY`,
      };
    case 'unreachable':
      return {
        cause: 'proxy unreachable',
        sentence: `the proxy ${proxy.host} cannot be used (${problem.code ?? 'it closed the connection'}); check ${variable}, or add ${host} to NO_PROXY`,
      };
    case 'silent':
      return {
        cause: 'proxy silent',
        sentence: `the proxy ${proxy.host} of ${variable} did not answer; check ${variable}, or add ${host} to NO_PROXY`,
      };
  }
}

function explainSystemError(code: string, { message }: Error, server: Server): string {
  const { host, certificateVariable, endpointSource } = server;
  const isOtlp = certificateVariable.startsWith('OTEL_');
  // What goes wrong in TLS has a code of its own, or EPROTO, which stands for all of it.
  const said = `${code} ${message}`;
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing is listening at ${host} (ECONNREFUSED)`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host of ${host} cannot be resolved (${code})`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `${host} broke the connection off (${code})`;
    case 'HPE_INVALID_CONSTANT':
      return `${host} does not speak HTTP/1.1 at this port (${code}); ${isOtlp ? OTLP_PORTS : `check whether ${endpointSource} must start with https://`}`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${host} is for other hosts (${code}); use the name it is for`;
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return `the certificate of ${host} is not valid at this time (${code}); renew it, or check the clock of this machine`;
    default:
      if (CLIENT_REFUSED.test(code) || CLIENT_ALERT.test(message)) {
        const hint = isOtlp ? CLIENT_HINT : '';
        const isHandshake = HANDSHAKE_FAILURE.test(said);
        return `${host} did not accept the client certificate, ${isHandshake ? HANDSHAKE_FAILED : 'or misses one'} (${code})${hint}`;
      }
      if (OTHER_VERSION.test(said)) return `${host} has no version of TLS in common with this process (${code})`;
      if (NO_TLS.test(said)) {
        return `${host} does not speak TLS at this port (${code}); check whether ${endpointSource} must start with http://`;
      }
      return /^ERR_TLS|CERT|^UNABLE_TO_/.test(code)
        ? `the certificate of ${host} is not trusted (${code}); set ${certificateVariable} to its authority`
        : `sending to ${host} failed (${code})`;
  }
}

const OTLP_PORTS = 'OTLP over HTTP is usually on port 4318, gRPC on 4317';

/** What a server says of the certificate of its client, and TLS of an alert that may be about it. */
const CLIENT_REFUSED = /_ALERT_(?:\w*CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)|CERTIFICATE_REQUIRED/;
/** The same where Node has one code for all of TLS: 40 is a failed handshake, the others are about certificates. */
const CLIENT_ALERT = /SSL alert number (?:4[0-689]|116)\b/;
const HANDSHAKE_FAILURE = /HANDSHAKE_FAILURE|SSL alert number 40\b/;
const HANDSHAKE_FAILED = 'misses one, or has no version or cipher of TLS in common with this process';
/** The server says so, or answers in a version this process does not take. */
const OTHER_VERSION = /SSL alert number 70\b|unsupported.protocol/i;
/** What OpenSSL says of an answer that does not begin as one of TLS does. */
const NO_TLS = /wrong.version.number/i;
const CLIENT_HINT = '; check OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY';
