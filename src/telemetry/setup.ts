import { AsyncLocalStorage } from 'node:async_hooks';

import { diag, DiagConsoleLogger, DiagLogLevel, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';

import { activate } from './active.ts';
import { createPricing } from './attributes/cost.ts';
import { describe, flag, isRecord } from './config/kinds.ts';
import { checkSdkObjects } from './config/sdk-objects.ts';
import { checkOptionNames } from './config/option-names.ts';
import type { TracingOptions } from './config/options.ts';
import { resolveConfig, type TelemetryConfig } from './config/resolve.ts';
import { createContentPolicy, type ContentPolicy } from './content/policy.ts';
import { createReporter, type Problem, type Reporter } from './diagnostics.ts';
import { withTokensOfCache } from './export/cached-tokens.ts';
import { createContentGuard } from './export/content-policy.ts';
import {
  closeDelivery,
  createFlush,
  sendingOf,
  startRecovery,
  type Delivery,
  type FlushResult,
} from './export/delivery.ts';
import { sendAtTheEnd, type EndingLimits } from './export/ending.ts';
import { createFurtherProcessors, type FurtherProcessors } from './export/further-processors.ts';
import { createPipeline, recorderAddress, shownUrl, type DestinationStatus, type Pipeline } from './export/pipeline.ts';
import { createInnerCallProcessor } from './export/inner-call-processor.ts';
import { createRunNamesProcessor } from './export/run-names-processor.ts';
import { foreignProcessors, provide, type ProvideOptions, type Provision } from './export/provision.ts';
import { createRecorder, type Recorder, type RecorderStatus } from './export/recorder/recorder.ts';
import {
  createSpanIntake,
  processorOf,
  type IntakeDropReason,
  type Served,
  type SpanIntake,
} from './export/span-intake.ts';
import { checkIssueOptions, type IssueOptions } from './issues/options.ts';
import { createIssuePipeline, type IssuePipeline } from './issues/pipeline.ts';
import type { IssueStatus } from './issues/sender.ts';
import { exporterUrls, findRegisteredProvider } from './export/registered-provider.ts';
import { guard } from './guard.ts';
import { observeDelivery } from './metrics.ts';
import { OPERATIONS, SEMCONV_AGENT_SPAN_NAME } from './semconv.ts';
import { untraced } from './untraced.ts';
import { acrossCopies } from './across-copies.ts';

/** Options of `setupTracing`: everything the configuration knows, and what only code can say. */
export interface SetupOptions extends TracingOptions, IssueOptions {
  /**
   * Further span processors for the provider, beside the one that sends to the destinations. They are flushed with it,
   * also when the process has nothing left to do; shutting them down is left to whoever made them.
   */
  readonly spanProcessors?: readonly SpanProcessor[] | undefined;
  /**
   * Makes an Issue of an uncaught exception or an unhandled rejection, without changing what Node does about it. Default
   * false. A rejection makes none when a listener for `unhandledRejection` takes it, or Node runs with
   * `--unhandled-rejections=warn`, `warn-with-error-code` or `none`.
   */
  readonly captureUncaught?: boolean | undefined;
  /** Where tracing shows how it fares, as metrics under `faultline.*`. Default: the registered meter provider. */
  readonly meterProvider?: MeterProvider | undefined;
}

const CODE_ONLY = Object.keys({
  spanProcessors: true,
  captureUncaught: true,
  meterProvider: true,
  ignoreErrors: true,
  classify: true,
  beforeSend: true,
} satisfies Record<Exclude<keyof SetupOptions, keyof TracingOptions>, true>);

/** What tracing is doing. */
export type TracingStatus =
  | {
      readonly state: 'off';
      /** One sentence that says why. */
      readonly reason: string;
    }
  | {
      readonly state: 'on';
      /** Whether the spans come from a provider the application registered. */
      readonly joined: boolean;
      /** One sentence that says why no spans come in. Absent while they do. */
      readonly reason?: string;
      readonly spans: SpanStatus;
      readonly destinations: readonly DestinationStatus[];
      /** Absent without a DSN. Where a Sentry SDK of the application sends the Issues, only those held back count. */
      readonly issues?: IssueStatus;
      /** Absent when the flight recorder is off. */
      readonly recorder?: RecorderStatus;
    };

/** What came in. */
export interface SpanStatus {
  /** Spans that began and were sampled. */
  readonly created: number;
  /** Those of them that have not ended. */
  readonly open: number;
  /** Spans the sampler turned down; 0 when the provider is the application's, whose sampler says nothing. */
  readonly sampledOut: number;
  /** Spans that ended and went to no destination, by reason. A reason that has not occurred is absent. */
  readonly dropped: Readonly<Partial<Record<IntakeDropReason, number>>>;
}

export type { FlushResult } from './export/delivery.ts';
export type { DestinationStatus } from './export/pipeline.ts';

/** Tracing as it was set up. */
export interface Tracing {
  /** What became of spans and Issues so far, counted anew whenever it is read. */
  readonly status: TracingStatus;
  /** For a provider the application builds itself, together with the option `register: false`. */
  readonly spanProcessor: SpanProcessor;
  /** Sends what waits. Settles within `timeoutMs` (default: `exitTimeoutMs`) and never rejects. */
  readonly flush: (timeoutMs?: number) => Promise<FlushResult>;
  /** Flushes, then takes everything back that was put in place. `setupTracing` starts anew then. Never rejects. */
  readonly shutdown: (timeoutMs?: number) => Promise<FlushResult>;
}

/** The tracing of this process, once it was set up, and who hears of its problems. */
interface SetUp {
  readonly tracing: Tracing;
  readonly report: Reporter;
}

const current = acrossCopies<{ setUp?: SetUp }>('tracing', () => ({}));

/**
 * Sets tracing up for this process: sends its spans, and its failures as Issues, where the options and the environment
 * say. Call it once, before anything is traced; `node --import faultline/register` does so by itself. A second call
 * returns the tracing of the first. With no destination configured nothing is built and nothing runs.
 *
 * A tracer provider the application has registered stays the global one and is joined: its spans are sent too.
 *
 * @throws TypeError when a value in `options` is wrong, or an option is unknown; a wrong value in the environment is
 *   reported in one line and falls back.
 */
export function setupTracing(options: SetupOptions = {}): Tracing {
  return setUp(optionsFrom(options));
}

/** Of a call from JavaScript, where `null` is how some say that there are none. */
function optionsFrom(given: unknown): SetupOptions {
  if (given === null) return {};
  if (!isRecord(given)) {
    throw new TypeError(`The options of setupTracing must be an object, but are ${describe(given)}.`);
  }
  return given;
}

function setUp(options: SetupOptions): Tracing {
  if (current.setUp !== undefined) {
    if (Object.keys(options).length > 0) current.setUp.report(SECOND_SETUP);
    return current.setUp.tracing;
  }
  const report = createReporter(options.onDiagnostic);
  checkOptionNames(options, CODE_ONLY);
  checkCaptureUncaught(options.captureUncaught);
  checkIssueOptions(options);
  checkSdkObjects(options);
  const isProvided = options.register === false || findRegisteredProvider() !== undefined;
  const config = resolveConfig(
    options,
    options.env ?? process.env,
    isProvided ? withoutThoseOfProvider(report) : report,
  );
  const tracing =
    config.destinations.length === 0 && config.dsn === undefined
      ? tracingThatIsOff(config.offReason ?? 'no destination is configured')
      : startTracing(config, options, report);
  current.setUp = { tracing, report };
  return tracing;
}

/** Beside a provider of the application, which obeys these and may know what ours does not, as `OTEL_PROPAGATORS=xray`. */
function withoutThoseOfProvider(report: Reporter): Reporter {
  return (problem) => {
    if (!OBEYED_BY_PROVIDER.has(problem.key)) report(problem);
  };
}

const OBEYED_BY_PROVIDER = new Set(['OTEL_PROPAGATORS', 'OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG']);

/** A text such as `'false'` of a variable would not do what it says. */
function checkCaptureUncaught(value: unknown): void {
  const { problem } = flag.fromCode(value ?? false);
  if (problem !== undefined) throw new TypeError(`captureUncaught ${problem}.`);
}

const SECOND_SETUP: Problem = {
  key: 'second-setup',
  message: 'setupTracing() was called before, so the options of this call have no effect; give them to the first call',
};

const NOTHING: FlushResult = { status: 'nothing', exported: 0, issues: 0 };

function tracingThatIsOff(reason: string): Tracing {
  const tracing: Tracing = {
    status: { state: 'off', reason },
    spanProcessor: combineProcessors([]),
    flush: () => Promise.resolve(NOTHING),
    shutdown() {
      forget(tracing);
      return Promise.resolve(NOTHING);
    },
  };
  return tracing;
}

/** The next `setupTracing` starts anew. */
function forget(tracing: Tracing): void {
  if (current.setUp?.tracing === tracing) delete current.setUp;
}

/** The tracing that was set up in this process, if it was. */
export function currentTracing(): Tracing | undefined {
  return current.setUp?.tracing;
}

function startTracing(config: TelemetryConfig, options: SetupOptions, report: Reporter): Tracing {
  if (config.debug) diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.INFO);
  if (isCloudflareWorker()) report(IN_CLOUDFLARE_WORKER);
  // First of all: patterns of the application may be wrong, and nothing is in place yet.
  const content = createContentPolicy({ ...config, ...config.spanLimits });
  const recorder = startRecorder(config, report);
  const way = createSpanWay({ config, options, report, content, recorder });
  const provision = provide(way.ending);
  const isCutOff = provision.problem !== undefined;
  if (provision.problem !== undefined && config.dsn === undefined) {
    recorder?.close();
    provision.withdraw();
    return tracingThatIsOff(provision.problem.message);
  }
  const issues =
    config.dsn === undefined ? undefined : createIssuePipeline(config.dsn, config, options, report, recorder);
  const deactivate = activateHelpers({ config, report, content, issues });
  const delivery: Delivery = {
    intake: way.intake,
    pipelines: isCutOff ? [] : way.pipelines,
    further: way.further,
    ...(issues === undefined ? undefined : { issues }),
    ...(recorder === undefined ? undefined : { recorder, recovery: startRecovery(recorder, way.pipelines, issues) }),
  };
  const flush = createFlush(delivery);
  const withdrawExitHooks = sendAtTheEnd(sendingOf(delivery, flush), endingLimits(config));
  const statusOf = (): StatusOfTracing => statusOfDelivery(delivery, provision);
  const withdrawMetrics = showMetrics(statusOf, options.meterProvider, report);

  const close = async (closed: Tracing, timeoutMs: number): Promise<FlushResult> => {
    issues?.sink.release();
    const result = await flush(timeoutMs, true);
    withdrawMetrics();
    closeDelivery(delivery);
    withdrawExitHooks();
    deactivate();
    provision.withdraw();
    forget(closed);
    return result;
  };

  let closing: Promise<FlushResult> | undefined;
  const tracing: Tracing = {
    get status() {
      return statusOf();
    },
    spanProcessor: combineProcessors(foreignProcessors(way.ending)),
    flush: (timeoutMs = config.exitTimeoutMs) => flush(timeoutMs),
    shutdown(timeoutMs = config.exitTimeoutMs) {
      closing ??= close(tracing, timeoutMs);
      return closing;
    },
  };
  return tracing;
}

/** @see https://developers.cloudflare.com/workers/runtime-apis/web-standards/#navigatoruseragent */
function isCloudflareWorker(): boolean {
  const global = globalThis as { readonly navigator?: { readonly userAgent?: unknown } };
  // An application may have put anything there.
  return guard(() => global.navigator?.userAgent) === 'Cloudflare-Workers';
}

const IN_CLOUDFLARE_WORKER: Problem = {
  key: 'cloudflare-worker',
  message:
    'a Cloudflare Worker sends the spans and Issues of its first request only, because no request can go on with what ' +
    'another one has begun there; run your agents on Node',
};

/** What the way of spans is made of. */
interface SpanWayParts {
  readonly config: TelemetryConfig;
  readonly options: SetupOptions;
  readonly report: Reporter;
  readonly content: ContentPolicy;
  readonly recorder: Recorder | undefined;
}

/** The way of spans to the destinations. */
interface SpanWay {
  readonly pipelines: readonly Pipeline[];
  readonly intake: SpanIntake;
  readonly further: FurtherProcessors;
  /** The end of it that a provider gets. */
  readonly ending: ProvideOptions;
}

function createSpanWay({ config, options, report, content, recorder }: SpanWayParts): SpanWay {
  const pipelines = config.destinations.map((destination) => createPipeline(destination, config, report, { recorder }));
  const contentGuard = createContentGuard(content);
  const further = createFurtherProcessors(options.spanProcessors ?? []);
  const intake = createSpanIntake({
    outlets: pipelines.map(({ outlet }) => outlet),
    allow: (span) => withTokensOfCache(contentGuard.allow(span), span),
    report,
    ...(recorder === undefined ? undefined : { recorder }),
  });
  const flushSpans = (): Promise<unknown> =>
    Promise.all(pipelines.map((pipeline) => pipeline.flush(config.exitTimeoutMs)));
  const processors = [
    createInnerCallProcessor(),
    createRunNamesProcessor(),
    ...further.processors,
    contentGuard.processor,
  ];
  const ending: ProvideOptions = {
    config,
    processorsFor: (theirs) => [...processors, processorOf(intake, flushSpans, servedBy(theirs, pipelines, report))],
    redactor: content.secretsRedactor,
    safeResource: contentGuard.resource,
    report,
  };
  return { pipelines, intake, further, ending };
}

/** The destinations a provider of the application's sends to already, which would get every span of it twice. */
function servedBy(theirs: TracerProvider | undefined, pipelines: readonly Pipeline[], report: Reporter): Served {
  const urls = new Set(theirs === undefined ? [] : exporterUrls(theirs).map(shownUrl));
  const served = pipelines.map(({ status }) => status.url).filter((url) => urls.has(url));
  for (const url of served) {
    report({
      key: `served:${url}`,
      message: `the application's own exporter sends to ${url} already, so Faultline does not send the same spans there`,
    });
  }
  return new Set(served);
}

/** What the helpers are told. */
interface HelperParts {
  readonly config: TelemetryConfig;
  readonly report: Reporter;
  readonly content: ContentPolicy;
  readonly issues: IssuePipeline | undefined;
}

/** Tells the helpers how to write spans, and where failures go. The function it returns takes that back. */
function activateHelpers({ config, report, content, issues }: HelperParts): () => void {
  return activate({
    agentSpanName: config.spanNames === 'semconv' ? SEMCONV_AGENT_SPAN_NAME : OPERATIONS.agent.spanName,
    toolSpanParent: config.toolSpanParent,
    sendDefaultPii: config.sendDefaultPii,
    content,
    apart: AsyncLocalStorage.snapshot(),
    price: createPricing(config.pricing, report),
    ...(issues === undefined ? undefined : { issues: issues.sink }),
  });
}

/** With a recorder nothing is lost, so nothing has to wait for long. */
function endingLimits({ exitTimeoutMs, recorder }: TelemetryConfig): EndingLimits {
  return {
    naturalMs: exitTimeoutMs,
    abruptMs: recorder === undefined ? exitTimeoutMs : Math.min(exitTimeoutMs, RECORDED_ABRUPT_MS),
  };
}

type StatusOfTracing = Extract<TracingStatus, { readonly state: 'on' }>;

function statusOfDelivery(delivery: Delivery, provision: Provision): StatusOfTracing {
  const { intake, pipelines, issues, recorder } = delivery;
  return {
    state: 'on',
    joined: provision.joined,
    ...(provision.problem === undefined ? undefined : { reason: provision.problem.message }),
    spans: {
      created: intake.started,
      open: intake.open,
      sampledOut: provision.sampledOut,
      dropped: intake.dropped,
    },
    destinations: pipelines.map(({ status }) => status),
    ...(issues?.status === undefined ? undefined : { issues: issues.status }),
    ...(recorder === undefined ? undefined : { recorder: recorder.status }),
  };
}

/** A meter provider is the application's, and by now all else is in place: one that throws costs the metrics only. */
function showMetrics(read: () => StatusOfTracing, provider: MeterProvider | undefined, report: Reporter): () => void {
  try {
    return observeDelivery(read, provider);
  } catch {
    report({ key: 'metrics', message: 'the meter provider threw an error, so Faultline shows no metrics' });
    return () => {};
  }
}

/** Longest an abrupt end waits when everything is on disk too. */
const RECORDED_ABRUPT_MS = 2_000;

function startRecorder(config: TelemetryConfig, report: Reporter): Recorder | undefined {
  if (config.recorder === undefined) return undefined;
  return untraced(createRecorder)({ ...config.recorder, ...recorderAddress(config), report });
}

/** One processor that is all of them, for a provider the application builds itself. */
function combineProcessors(processors: readonly SpanProcessor[]): SpanProcessor {
  return {
    onStart: (span, context) => {
      for (const processor of processors) processor.onStart(span, context);
    },
    onEnding: (span) => {
      for (const processor of processors) processor.onEnding?.(span);
    },
    onEnd: (span) => {
      for (const processor of processors) processor.onEnd(span);
    },
    forceFlush: async () => {
      await Promise.all(processors.map((processor) => processor.forceFlush()));
    },
    shutdown: async () => {
      await Promise.all(processors.map((processor) => processor.shutdown()));
    },
  };
}
