import type { Level } from '../captured.ts';

/**
 * An event of Sentry's error monitoring, as far as Faultline fills it in.
 *
 * The fields can be written, because `beforeSend` may change them: it is given a copy.
 *
 * @see https://github.com/getsentry/sentry-data-schemas/blob/main/relay/event.schema.json
 */
export interface SentryEvent {
  /** 32 lowercase hexadecimal digits. */
  event_id: string;
  /** Seconds since the epoch. */
  timestamp: number;
  platform: 'node';
  level: Level;
  logger: string;
  /** Name of the span of the agent it happened in. */
  transaction?: string;
  server_name?: string;
  release?: string;
  environment: string;
  user?: SentryUser;
  tags: Record<string, string>;
  contexts: Record<string, Record<string, unknown>>;
  fingerprint: string[];
  exception?: { values: SentryException[] };
  /** Of a captured message. The older `message` beside it is not part of the schema. */
  logentry?: { formatted: string };
  breadcrumbs?: { values: SentryBreadcrumb[] };
  sdk: { name: string; version: string };
}

export interface SentryUser {
  id?: string;
  email?: string;
  username?: string;
  ip_address?: string;
}

/** One error of a chain or group of errors. */
export interface SentryException {
  type: string;
  value: string;
  mechanism: SentryMechanism;
  stacktrace?: { frames: SentryFrame[] };
}

/**
 * How an error came to be captured, and its place among the errors it is linked to.
 *
 * @see https://github.com/getsentry/rfcs/blob/main/text/0079-exception-groups.md
 */
export interface SentryMechanism {
  type: string;
  handled: boolean;
  /** 0 for the error that was thrown. */
  exception_id: number;
  parent_id?: number;
  /** Property of the parent this error was found in. */
  source?: string;
  is_exception_group?: true;
}

/** One line of a stack. */
export interface SentryFrame {
  function: string;
  /** Relative to the working directory where it can be, with forward slashes. */
  filename: string;
  /** Where the file is on this machine, when that is not what `filename` says. */
  abs_path?: string;
  /** The npm package the file is part of. */
  module?: string;
  /** From 1 on. */
  lineno?: number;
  /** From 1 on. */
  colno?: number;
  /** Whether this is code of the application, and not of Node, a package or Faultline. */
  in_app: boolean;
}

export interface SentryBreadcrumb {
  /** Seconds since the epoch. Sentry shows breadcrumbs in their order, with or without a time. */
  timestamp?: number;
  type?: string;
  category: string;
  message?: string;
  level?: Level;
  data?: Record<string, unknown>;
}
