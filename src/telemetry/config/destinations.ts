import { resolve } from 'node:path';

import {
  CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  COMPRESSION,
  DIALECT,
  HEADERS,
  PROTOCOL,
  TIMEOUT,
} from './catalog.ts';
import { defined, overlay } from './records.ts';
import { sentryAuth, tracesUrl, type Dsn } from './dsn.ts';
import { isSentryTracesUrl } from './endpoint.ts';
import { SENTRY_AUTH_HEADER, type Headers } from './headers.ts';
import type { Host } from './host.ts';
import type { Compression, DestinationName, Dialect, Protocol } from './options.ts';
import type { Selection } from './selection.ts';
import type { Found, Reporter, Setting, Settings } from './settings.ts';

/** A place spans are sent to, with everything an exporter must know. */
export interface Destination {
  readonly name: DestinationName;
  /** Never holds a user name or password. */
  readonly url: string;
  readonly headers: Headers;
  readonly protocol: Protocol;
  readonly compression: Compression;
  readonly timeoutMs: number;
  readonly dialect: Dialect;
  readonly tls?: Tls;
  /** Reads the files of `tls` once more: they are replaced while a process lives. Absent without it. */
  readonly renewedTls?: () => Tls | undefined;
}

/** Certificates and key of a connection, as PEM text. */
export interface Tls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The selected destinations with all their details. */
export function resolveDestinations(selection: Selection, settings: Settings, host: Host): readonly Destination[] {
  return selection.destinations.map((name) =>
    name === 'sentry' && selection.dsn !== undefined
      ? sentryDestination(selection.dsn, settings)
      : otlpDestination(selection, settings, host),
  );
}

/**
 * The project of a DSN.
 *
 * Takes nothing from the OTLP headers and certificates: they may hold the keys of another vendor.
 */
function sentryDestination(dsn: Dsn, settings: Settings): Destination {
  return {
    name: 'sentry',
    url: tracesUrl(dsn),
    headers: { [SENTRY_AUTH_HEADER]: sentryAuth(dsn) },
    ...transport(settings, 'sentry'),
    dialect: 'sentry',
  };
}

/** An OTLP endpoint, which may be Sentry's own: then it is treated as Sentry. */
function otlpDestination({ endpoint, dsn }: Selection, settings: Settings, host: Host): Destination {
  const sources = [...settings.all(HEADERS)];
  const configured = overlay(sources.map(({ value }) => value));
  const headers = isSentryTracesUrl(endpoint)
    ? headersForSentry(endpoint, configured, sources, dsn, settings.report)
    : configured;
  // The header alone says so too: that is a relay or proxy in front of Sentry, under a path of its own.
  const receiver = isSentryTracesUrl(endpoint) || SENTRY_AUTH_HEADER in headers ? 'sentry' : 'otel';
  const tls = readTls(settings, host, endpoint);
  // What is wrong while they are replaced is right a moment later.
  const quiet = { ...settings, report: () => {} };
  return {
    name: 'otlp',
    url: endpoint,
    headers,
    ...transport(settings, receiver),
    dialect: settings.get(DIALECT) ?? receiver,
    ...(tls === undefined ? undefined : { tls, renewedTls: () => readTls(quiet, host, endpoint) }),
  };
}

/** Most local receivers refuse gzip; Sentry takes it and limits the size of a request. */
function transport(settings: Settings, receiver: Dialect): Pick<Destination, 'protocol' | 'compression' | 'timeoutMs'> {
  return {
    protocol: settings.get(PROTOCOL) ?? 'http/json',
    compression: settings.get(COMPRESSION) ?? (receiver === 'sentry' ? 'gzip' : 'none'),
    timeoutMs: settings.get(TIMEOUT) ?? 10_000,
  };
}

/** Headers with exactly one authentication: Relay answers 401 to none, and to two as well. */
function headersForSentry(
  url: string,
  configured: Headers,
  sources: readonly Found<Headers>[],
  dsn: Dsn | undefined,
  report: Reporter,
): Headers {
  const { authorization, ...headers }: Record<string, string> = configured;
  if (!(SENTRY_AUTH_HEADER in headers) && dsn !== undefined && isSameUrl(url, tracesUrl(dsn))) {
    headers[SENTRY_AUTH_HEADER] = sentryAuth(dsn);
  }
  if (SENTRY_AUTH_HEADER in headers) {
    const extra = sources.find(({ value }) => 'authorization' in value);
    if (extra !== undefined) {
      report({
        key: extra.key,
        message: `${extra.key} holds an authorization header, which Sentry refuses beside ${SENTRY_AUTH_HEADER}: it is not sent.`,
      });
    }
    return headers;
  }
  if (authorization === undefined && !new URL(url).searchParams.has('sentry_key')) {
    const key = 'OTEL_EXPORTER_OTLP_TRACES_HEADERS';
    report({
      key,
      message: `${key} must hold ${SENTRY_AUTH_HEADER}=sentry sentry_key=<public key> for Sentry's OTLP endpoint, but no authentication is set: add it, or set SENTRY_DSN instead of the endpoint.`,
    });
  }
  return configured;
}

function isSameUrl(one: string, other: string): boolean {
  return one.replace(/\/$/, '') === other.replace(/\/$/, '');
}

function readTls(settings: Settings, host: Host, endpoint: string): Tls | undefined {
  const ca = readPem(CERTIFICATE, settings, host);
  const cert = readPem(CLIENT_CERTIFICATE, settings, host);
  const key = readPem(CLIENT_KEY, settings, host);
  // Without TLS they have no effect, and may be anything.
  const isTls = endpoint.startsWith('https:');
  const client = isTls && !isUsableClient(cert, key, settings) ? {} : { cert: cert?.pem, key: key?.pem };
  const authority = isTls && !isUsableAuthority(ca, settings.report) ? {} : { ca: ca?.pem };
  const tls: Tls = defined({ ...authority, ...client });
  return Object.keys(tls).length === 0 ? undefined : tls;
}

interface Pem {
  /** The variable that names its file. */
  readonly key: string;
  readonly pem: string;
}

/** With any other file every connection would fail, and the server would be blamed. */
function isUsableAuthority(ca: Pem | undefined, report: Reporter): boolean {
  if (ca === undefined || isCertificate(ca.pem)) return true;
  report({ key: ca.key, message: `${ca.key} must name a file of PEM certificates, but holds none: it is not used.` });
  return false;
}

/** So it would with a certificate of a client and no key, or that of another. */
function isUsableClient(cert: Pem | undefined, key: Pem | undefined, settings: Settings): boolean {
  if (cert === undefined && key === undefined) return true;
  const names = [
    cert?.key ?? 'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE',
    key?.key ?? 'OTEL_EXPORTER_OTLP_CLIENT_KEY',
  ].join(' and ');
  const refuse = (why: string): false => {
    settings.report({ key: `${names}:pair`, message: `${names} ${why}: no client certificate is used.` });
    return false;
  };
  if (cert === undefined || key === undefined) {
    const areNamed = [CLIENT_CERTIFICATE, CLIENT_KEY].every((setting) => [...settings.all(setting)].length > 0);
    // One that cannot be read has been reported.
    return areNamed ? false : refuse('must both be set, but one is missing');
  }
  try {
    process.getBuiltinModule('node:tls').createSecureContext({ cert: cert.pem, key: key.pem });
    return true;
  } catch {
    return refuse('must name PEM files of a certificate and its own key without a passphrase, but do not');
  }
}

function isCertificate(pem: string): boolean {
  try {
    const { X509Certificate } = process.getBuiltinModule('node:crypto');
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** The path is not shown: a common mistake is to put the key itself there. */
function readPem(setting: Setting<string>, settings: Settings, host: Host): Pem | undefined {
  for (const { key, value: path } of settings.all(setting)) {
    const pem = host.readTextFile(resolve(host.workingDirectory, path));
    if (pem !== undefined) return { key, pem };
    settings.report({
      key,
      message: `${key} must be the path of a PEM file, but nothing can be read there: it is not used.`,
    });
  }
  return undefined;
}
