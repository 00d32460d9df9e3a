import {
  context as contextApi,
  createContextKey,
  diag,
  DiagConsoleLogger,
  DiagLogLevel,
  propagation,
  ROOT_CONTEXT,
  trace,
  type Attributes,
  type MeterProvider,
  type TextMapPropagator,
  type TracerProvider,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { defaultResource, resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  NodeTracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';

import { activate } from './active.ts';
import { createPricing } from './attributes/cost.ts';
import { describe, isRecord } from './config/kinds.ts';
import { checkSdkObjects } from './config/sdk-objects.ts';
import type { Propagator, TracingOptions } from './config/options.ts';
import { resolveConfig, type TelemetryConfig } from './config/resolve.ts';
import type { SamplerDescription } from './config/sampler.ts';
import { createContentPolicy } from './content/policy.ts';
import type { Redactor } from './content/redactor.ts';
import { createReporter, type Problem, type Reporter } from './diagnostics.ts';
import { createContentGuard } from './export/content-policy.ts';
import { createCountingSampler, type CountingSampler } from './export/counting-sampler.ts';
import {
  closeDelivery,
  createFlush,
  sendingOf,
  startRecovery,
  type Delivery,
  type FlushResult,
} from './export/delivery.ts';
import { sendAtTheEnd } from './export/ending.ts';
import { createPipeline, destinationKey, shownUrl, type DestinationStatus } from './export/pipeline.ts';
import { createRecorder, type Recorder, type RecorderStatus } from './export/recorder/recorder.ts';
import { createSpanIntake, processorOf } from './export/span-intake.ts';
import { createStampProcessor } from './export/stamp-processor.ts';
import { checkIssueOptions, type IssueOptions } from './issues/options.ts';
import { createIssuePipeline } from './issues/pipeline.ts';
import type { IssueStatus } from './issues/sender.ts';
import {
  exporterUrls,
  findRegisteredProvider,
  joinProvider,
  yieldGlobalProvider,
} from './export/registered-provider.ts';
import { observeDelivery, type SelfNumbers } from './metrics.ts';
import {
  OPERATIONS,
  SEMCONV_AGENT_SPAN_NAME,
  SENTRY_CLIENT_SAMPLE_RATE,
  SENTRY_ENVIRONMENT,
  SENTRY_RELEASE,
} from './semconv.ts';

/** Options of `setupTracing`: everything the configuration knows, and what only code can say. */
export interface SetupOptions extends TracingOptions, IssueOptions {
  /** Further span processors for the provider, beside the one that sends to the destinations. */
  readonly spanProcessors?: readonly SpanProcessor[];
  /**
   * Makes an Issue of an uncaught exception or an unhandled rejection, without changing what Node does about
   * it. A rejection that Node was told to warn of at most, or that a listener takes, makes none. Default false.
   */
  readonly captureUncaught?: boolean;
  /** Where tracing shows how it fares, as metrics under `faultline.*`. Default: the registered meter provider. */
  readonly meterProvider?: MeterProvider;
}

/** What tracing is doing. */
export type TracingStatus =
  | {
      readonly state: 'off';
      /** One sentence that says why. */
      readonly reason: string;
    }
  | {
      readonly state: 'on';
      /** Whether the spans come from a provider the application registered before. */
      readonly joined: boolean;
      readonly spans: SpanStatus;
      readonly destinations: readonly DestinationStatus[];
      /** Absent without a DSN. Of Issues left to a Sentry SDK of the application it counts those held back only. */
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
}

export type { FlushResult } from './export/delivery.ts';
export type { DestinationStatus } from './export/pipeline.ts';

/** Tracing as it was set up. */
export interface Tracing {
  readonly status: TracingStatus;
  /** For a provider the application builds itself, together with the option `register: false`. */
  readonly spanProcessor: SpanProcessor;
  /** Sends what waits. Settles within `timeoutMs` (default: `exitTimeoutMs`) and never rejects. */
  readonly flush: (timeoutMs?: number) => Promise<FlushResult>;
  /** Flushes, then takes everything back that `setupTracing` put in place. Never rejects. */
  readonly shutdown: (timeoutMs?: number) => Promise<FlushResult>;
}

/** The tracing of this process, once it was set up, and who hears of its problems. */
interface Current {
  readonly tracing: Tracing;
  readonly report: Reporter;
}

/** On the global object for the reason `active.ts` gives: two copies of this package are one setup. */
const SLOT = Symbol.for('faultline.tracing.v1');
const holder = globalThis as { [SLOT]?: Current };

/**
 * Sends the spans of this process where the options and the environment say. Idempotent: a second call
 * returns the tracing of the first. With no destination configured nothing is built and nothing runs.
 *
 * A provider the application registered before stays the global one and is joined: its spans are sent to
 * our destinations too.
 *
 * @throws TypeError when a value in `options` is wrong; a wrong value in the environment is reported in one
 *   line and falls back.
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
  const current = holder[SLOT];
  if (current !== undefined) {
    if (Object.keys(options).length > 0) current.report(SECOND_SETUP);
    return current.tracing;
  }
  const report = createReporter(options.onDiagnostic);
  checkIssueOptions(options);
  checkSdkObjects(options);
  const config = resolveConfig(options, options.env ?? process.env, report);
  const tracing =
    config.destinations.length === 0 && config.dsn === undefined
      ? tracingThatIsOff(config.offReason ?? 'no destination is configured')
      : startTracing(config, options, report);
  holder[SLOT] = { tracing, report };
  return tracing;
}

const SECOND_SETUP: Problem = {
  key: 'second-setup',
  message: 'setupTracing() was called before, so the options of this call have no effect; give them to the first call',
};

/** Issues are sent all the same: they need no provider. */
const NOT_JOINED: Problem = {
  key: 'join',
  message:
    'another tracer provider is registered and takes no further span processors, so no spans are sent: give it ' +
    'tracing.spanProcessor and set register: false, or, when it is the one of @sentry/node, set ' +
    'skipOpenTelemetrySetup: true in Sentry.init',
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
  if (holder[SLOT]?.tracing === tracing) delete holder[SLOT];
}

/** The tracing that was set up in this process, if it was. */
export function currentTracing(): Tracing | undefined {
  return holder[SLOT]?.tracing;
}

function startTracing(config: TelemetryConfig, options: SetupOptions, report: Reporter): Tracing {
  if (config.debug) diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.INFO);
  // First of all: patterns of the application may be wrong, and nothing is in place yet.
  const content = createContentPolicy({ ...config, ...config.spanLimits });
  const recorder = startRecorder(config, report);
  const pipelines = config.destinations.map((destination) => createPipeline(destination, config, report, { recorder }));
  const guard = createContentGuard(content);
  const intake = createSpanIntake({
    outlets: pipelines.map(({ outlet }) => outlet),
    allow: guard.allow,
    report,
    ...(recorder === undefined ? undefined : { recorder }),
  });
  const flushSpans = (): Promise<unknown> =>
    Promise.all(pipelines.map((pipeline) => pipeline.flush(config.exitTimeoutMs)));
  const processors = [...(options.spanProcessors ?? []), guard.processor, processorOf(intake, flushSpans)];
  /** Excludes what a provider of the application's sends to already, which would get every span twice. */
  const excludeServed = (theirs: TracerProvider): void => {
    const served = new Set(exporterUrls(theirs).map(shownUrl));
    for (const pipeline of pipelines.filter(({ status }) => served.has(status.url))) {
      pipeline.exclude();
      report({
        key: `served:${pipeline.status.url}`,
        message: `the application's own exporter sends to ${pipeline.status.url} already, so Faultline sends nothing there`,
      });
    }
  };
  const sampler = createCountingSampler(createSampler(config.sampler));
  const { secretsRedactor } = content;
  const provision = provide({
    config,
    processors,
    sampler,
    redactor: secretsRedactor,
    safeResource: guard.resource,
    onJoin: excludeServed,
  });
  if (provision === undefined) {
    report(NOT_JOINED);
    if (config.dsn === undefined) {
      recorder?.close();
      return tracingThatIsOff(NOT_JOINED.message);
    }
  }
  const issues =
    config.dsn === undefined ? undefined : createIssuePipeline(config.dsn, config, options, report, recorder);
  const deactivate = activate({
    agentSpanName: config.spanNames === 'semconv' ? SEMCONV_AGENT_SPAN_NAME : OPERATIONS.agent.spanName,
    toolSpanParent: config.toolSpanParent,
    sendDefaultPii: config.sendDefaultPii,
    content,
    price: createPricing(config.pricing, report),
    ...(issues === undefined ? undefined : { issues: issues.sink }),
  });
  const delivery: Delivery = {
    intake,
    pipelines: provision === undefined ? [] : pipelines,
    ...(issues === undefined ? undefined : { issues }),
    ...(recorder === undefined ? undefined : { recorder, recovery: startRecovery(recorder, pipelines, issues) }),
  };
  const flush = createFlush(delivery);
  const withdrawExitHooks = sendAtTheEnd(sendingOf(delivery, flush), {
    naturalMs: config.exitTimeoutMs,
    // With a recorder nothing is lost, so nothing has to wait for long.
    abruptMs: recorder === undefined ? config.exitTimeoutMs : Math.min(config.exitTimeoutMs, RECORDED_ABRUPT_MS),
  });
  let closing: Promise<FlushResult> | undefined;

  const close = async (timeoutMs: number): Promise<FlushResult> => {
    issues?.sink.release();
    const result = await flush(timeoutMs);
    withdrawMetrics();
    closeDelivery(delivery);
    withdrawExitHooks();
    deactivate();
    provision?.withdraw();
    forget(tracing);
    return result;
  };

  const statusOf = (): TracingStatus & { readonly state: 'on' } => ({
    state: 'on',
    joined: provision?.joined ?? false,
    spans: { created: intake.started, open: intake.open, sampledOut: sampler.sampledOut },
    destinations: delivery.pipelines.map(({ status }) => status),
    ...(issues?.status === undefined ? undefined : { issues: issues.status }),
    ...(recorder === undefined ? undefined : { recorder: recorder.status }),
  });

  const tracing: Tracing = {
    get status() {
      return statusOf();
    },
    spanProcessor: combineProcessors([
      createStampProcessor(stampFor(config, 'foreign'), secretsRedactor),
      ...processors,
    ]),
    flush: (timeoutMs = config.exitTimeoutMs) => flush(timeoutMs),
    shutdown(timeoutMs = config.exitTimeoutMs) {
      closing ??= close(timeoutMs);
      return closing;
    },
  };
  const withdrawMetrics = showMetrics(() => numbersOf(statusOf()), options.meterProvider, report);
  return tracing;
}

/** A meter provider is the application's, and by now all else is in place: one that throws costs the metrics only. */
function showMetrics(read: () => SelfNumbers, provider: MeterProvider | undefined, report: Reporter): () => void {
  try {
    return observeDelivery(read, provider);
  } catch {
    report({ key: 'metrics', message: 'the meter provider threw an error, so Faultline shows no metrics' });
    return () => {};
  }
}

/** Longest an abrupt end waits when everything is on disk too. */
const RECORDED_ABRUPT_MS = 2_000;

function startRecorder({ recorder, destinations }: TelemetryConfig, report: Reporter): Recorder | undefined {
  if (recorder === undefined) return undefined;
  return createRecorder({ ...recorder, destinations: destinations.map(destinationKey), report });
}

function numbersOf({ spans, destinations, issues, recorder }: TracingStatus & { readonly state: 'on' }): SelfNumbers {
  return {
    ...spans,
    destinations,
    ...(issues === undefined ? undefined : { issues }),
    ...(recorder === undefined ? undefined : { onDisk: recorder }),
  };
}

/** Where the spans come from, and how to take it back. */
interface Provision {
  /** Whether the provider was there before. */
  readonly joined: boolean;
  withdraw(): void;
}

interface ProvideOptions {
  readonly config: TelemetryConfig;
  readonly processors: readonly SpanProcessor[];
  readonly sampler: CountingSampler;
  readonly redactor: Redactor;
  readonly safeResource: (resource: Resource) => Resource;
  /** Hears of the provider of the application's that is joined, now or later. */
  readonly onJoin: (theirs: TracerProvider) => void;
}

/** Connects the processors to a source of spans: the registered provider, else one of our own. */
function provide(options: ProvideOptions): Provision | undefined {
  if (!options.config.register) return { joined: true, withdraw: () => {} };
  const registered = findRegisteredProvider();
  if (registered === undefined) return registerProvider(options);
  const withdraw = join(registered, options);
  if (withdraw === undefined) return undefined;
  // Without a context manager exporting would be traced, and nothing would have a parent.
  const withdrawContext = registerContextManager();
  return {
    joined: true,
    withdraw() {
      withdraw();
      withdrawContext();
    },
  };
}

function join(theirs: TracerProvider, options: ProvideOptions): (() => void) | undefined {
  const { config, redactor, processors, onJoin } = options;
  onJoin(theirs);
  return joinProvider(theirs, [createStampProcessor(stampFor(config, 'foreign'), redactor), ...processors]);
}

function registerProvider(options: ProvideOptions): Provision | undefined {
  const { config, redactor, processors, sampler } = options;
  const provider = new NodeTracerProvider({
    resource: options.safeResource(defaultResource().merge(resourceFromAttributes(config.resourceAttributes))),
    sampler,
    spanLimits: config.spanLimits,
    spanProcessors: [createStampProcessor(stampFor(config, 'own'), redactor), ...processors],
  });
  if (!trace.setGlobalTracerProvider(provider)) return undefined;
  let withdrawFromTheirs: (() => void) | undefined;
  const stopYielding = yieldGlobalProvider(provider, (theirs) => {
    withdrawFromTheirs = join(theirs, options);
  });
  const withdrawContext = registerContextManager();
  const propagator = createPropagator(config.propagators);
  const ownsPropagator = propagator !== undefined && propagation.setGlobalPropagator(propagator);
  return {
    get joined() {
      return withdrawFromTheirs !== undefined;
    },
    withdraw() {
      stopYielding();
      if (withdrawFromTheirs === undefined) trace.disable();
      else withdrawFromTheirs();
      withdrawContext();
      if (ownsPropagator) propagation.disable();
    },
  };
}

/** Makes context follow asynchronous calls, unless the application has seen to that. */
function registerContextManager(): () => void {
  if (isContextManaged()) return () => {};
  const manager = new AsyncLocalStorageContextManager().enable();
  return contextApi.setGlobalContextManager(manager) ? () => contextApi.disable() : () => {};
}

/** Asked this way because the API tells in no other, and calls a second registration an error. */
function isContextManaged(): boolean {
  const probe = createContextKey('faultline.probe');
  return contextApi.with(ROOT_CONTEXT.setValue(probe, true), () => contextApi.active().getValue(probe) === true);
}

/**
 * What is written on every span. A provider of our own has the environment in its resource and samples by
 * our rate; of a foreign one neither is known.
 */
function stampFor(config: TelemetryConfig, provider: 'own' | 'foreign'): Attributes {
  return {
    ...(config.release === undefined ? undefined : { [SENTRY_RELEASE]: config.release }),
    ...(provider === 'foreign' ? { [SENTRY_ENVIRONMENT]: config.environment } : undefined),
    ...(provider === 'own' && config.clientSampleRate !== undefined
      ? { [SENTRY_CLIENT_SAMPLE_RATE]: config.clientSampleRate }
      : undefined),
  };
}

function createSampler(sampler: SamplerDescription): Sampler {
  switch (sampler.kind) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(sampler.ratio);
    case 'parentbased':
      return new ParentBasedSampler({ root: createSampler(sampler.root) });
  }
}

const PROPAGATORS: Readonly<Record<Propagator, () => TextMapPropagator>> = {
  tracecontext: () => new W3CTraceContextPropagator(),
  baggage: () => new W3CBaggagePropagator(),
};

function createPropagator(names: readonly Propagator[]): TextMapPropagator | undefined {
  if (names.length === 0) return undefined;
  return new CompositePropagator({ propagators: names.map((name) => PROPAGATORS[name]()) });
}

/** One processor that is all of them, for a provider the application builds itself. */
function combineProcessors(processors: readonly SpanProcessor[]): SpanProcessor {
  return {
    onStart: (span, context) => {
      for (const processor of processors) processor.onStart(span, context);
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
