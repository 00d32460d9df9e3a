/** Where the demo's spans go, and what became of them: a receiver of our own, or the configured destination. */
import { startReceiver, type Receiver } from '../../receiver/server.ts';
import type { ReceivedSpan } from '../../receiver/received-span.ts';
import { resolveConfig } from '../../telemetry/config/resolve.ts';
import type { SentryEvent } from '../../telemetry/issues/sentry-event.ts';
import { setupTracing, type SetupOptions, type Tracing } from '../../telemetry/setup.ts';
import { summarizeIssue, type IssueSummary } from './issue-summary.ts';
import { createSpanCopy } from './span-copy.ts';

/** What became of the spans and Issues so far. */
export interface Totals {
  /** Spans that every destination has. */
  readonly delivered: number;
  /** Issues that Sentry, or the local receiver, has. */
  readonly issues: number;
  /** Spans that some destination does not have. */
  readonly undelivered: number;
  readonly undeliveredIssues: number;
  /** Why something was not delivered; absent when all was. */
  readonly reason?: string;
}

/** The way of the demo's spans out of the process. */
export interface Delivery {
  /** Where the spans go, in a sentence or two. Hosts only, never a key. */
  readonly headlines: readonly string[];
  /** Present when the spans go to a receiver in this process. */
  readonly receiver?: Receiver;
  /** The spans that ended since the last call, as received, or as sent when they go elsewhere, and the Issues made. */
  take(): Promise<{ readonly spans: readonly ReceivedSpan[]; readonly issues: readonly IssueSummary[] }>;
  /** Delivers what is left and says what became of everything. */
  finish(): Promise<Totals>;
  close(): Promise<void>;
}

export interface DeliveryOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Port of the local receiver. Default: OTLP's own, or any free one when that is taken. */
  readonly port: number | undefined;
  /** Spans that reach the local receiver from other programs. */
  onForeignSpans(spans: readonly ReceivedSpan[]): void;
  /** A problem of the configuration that does not stop the demo. */
  onProblem(message: string): void;
}

const OTLP_PORT = 4318;
const SERVICE_NAME = 'faultline-demo';
/** Runs end their spans before they settle; this is only for one that does not. */
const OPEN_SPANS_TIMEOUT_MS = 1_000;

/** Sends to the configured destination when there is one, else to a receiver started here. */
export async function startDelivery(options: DeliveryOptions): Promise<Delivery> {
  const problems: string[] = [];
  const { destinations, offReason } = resolveConfig({}, options.env, ({ message }) => problems.push(message));
  // A destination was meant, but what was said about it is wrong: not a reason to look somewhere else.
  if (offReason !== undefined && problems.includes(offReason)) throw new Error(offReason);
  for (const problem of problems) options.onProblem(problem);
  return offReason === undefined ? deliverElsewhere(destinations) : deliverHere(options, offReason);
}

function deliverElsewhere(destinations: readonly { readonly name: string; readonly url: string }[]): Delivery {
  const copy = createSpanCopy();
  const issues = collectIssues();
  const tracing = startTracing({
    beforeSend: issues.beforeSend,
    spanProcessors: [copy.processor],
    defaults: { serviceName: SERVICE_NAME },
    // What is wrong with the configuration was said before, and failed deliveries are summed up at the end.
    onDiagnostic: () => {},
  });
  const places = destinations.map(({ name, url }) => `${new URL(url).host} (${name})`);
  return {
    headlines: [`Spans go to ${places.join(' and ')}.`],
    take: async () => {
      const spans = await copy.take(OPEN_SPANS_TIMEOUT_MS);
      // What was survived waits for what may come of it, unless somebody flushes. The answers are awaited at the end.
      await tracing.flush(0);
      return { spans, issues: issues.take() };
    },
    finish: () => finish(tracing),
    close: async () => {
      await tracing.shutdown();
    },
  };
}

async function deliverHere(options: DeliveryOptions, why: string): Promise<Delivery> {
  const copy = createSpanCopy();
  const issues = collectIssues();
  const receiver = await startLocalReceiver(options, (spans) => {
    const foreign = spans.filter(({ traceId }) => !copy.traceIds.has(traceId));
    if (foreign.length > 0) options.onForeignSpans(foreign);
  });
  const tracing = startTracing({
    // Whatever the environment says was meant for another destination, if for anything.
    env: {},
    // The receiver stands in for Sentry too: spans by OTLP, Issues by envelope.
    dsn: receiver.dsn,
    endpoint: receiver.tracesUrl,
    protocol: 'http/json',
    serviceName: SERVICE_NAME,
    beforeSend: issues.beforeSend,
    spanProcessors: [copy.processor],
  });
  return {
    headlines: [localHeadline(receiver, options), why],
    receiver,
    take: async () => {
      const traces = new Set((await copy.take(OPEN_SPANS_TIMEOUT_MS)).map(({ traceId }) => traceId));
      await tracing.flush();
      return { spans: receiver.spans.filter(({ traceId }) => traces.has(traceId)), issues: issues.take() };
    },
    finish: () => finish(tracing),
    close: async () => {
      await tracing.shutdown();
      await receiver.close();
    },
  };
}

/** The errors the demo throws itself: their messages are constants, so they may be shown. */
const DEMO_ERRORS = ['WeatherServiceError', 'SqliteError', 'SocketClosedError'];

/** Sets tracing up. The demo is about nothing else, so it does not go on without. */
function startTracing(options: SetupOptions): Tracing {
  const tracing = setupTracing({ errorMessages: DEMO_ERRORS, ...options });
  if (tracing.status.state === 'off') throw new Error(tracing.status.reason);
  return tracing;
}

function localHeadline({ url }: Receiver, { port }: DeliveryOptions): string {
  const moved = port === undefined && Number(new URL(url).port) !== OTLP_PORT;
  return `Spans go to a receiver started here, ${url}.${moved ? ` Port ${OTLP_PORT} is not free.` : ''}`;
}

async function startLocalReceiver(
  { port }: DeliveryOptions,
  onSpans: (spans: readonly ReceivedSpan[]) => void,
): Promise<Receiver> {
  if (port !== undefined) return startReceiver({ port, onSpans });
  try {
    return await startReceiver({ port: OTLP_PORT, onSpans });
  } catch {
    // Most likely another receiver is running. Nobody asked for this port by name, so any other will do.
    return startReceiver({ onSpans });
  }
}

/** Sees every Issue on its way out. */
function collectIssues(): {
  readonly beforeSend: (event: SentryEvent) => SentryEvent;
  readonly take: () => readonly IssueSummary[];
} {
  let seen: IssueSummary[] = [];
  return {
    beforeSend(event) {
      seen.push(summarizeIssue(event));
      return event;
    },
    take() {
      const taken = seen;
      seen = [];
      return taken;
    },
  };
}

async function finish(tracing: Tracing): Promise<Totals> {
  const result = await tracing.flush();
  const { status } = tracing;
  const destinations = status.state === 'on' ? status.destinations : [];
  const issues = status.state === 'on' ? status.issues : undefined;
  // A span counts as delivered when every destination has it.
  const delivered = Math.min(...destinations.map(({ exported }) => exported));
  const undelivered = Math.max(...destinations.map(({ failed, pending }) => failed + pending));
  const undeliveredIssues = (issues?.failed ?? 0) + (issues?.pending ?? 0);
  const counts = { delivered, issues: issues?.sent ?? 0, undelivered, undeliveredIssues };
  if (undelivered + undeliveredIssues === 0) return counts;
  const lastErrors = [...destinations.map((destination) => destination.lastError), issues?.lastError];
  const lastError = lastErrors.find((error) => error !== undefined);
  return {
    ...counts,
    reason: lastError ?? ('reason' in result ? result.reason : 'the destination did not answer'),
  };
}
