import {
  context as contextApi,
  diag,
  DiagConsoleLogger,
  DiagLogLevel,
  propagation,
  trace,
  type Attributes,
  type TextMapPropagator,
  type TracerProvider,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
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
import type { Propagator, TracingOptions } from './config/options.ts';
import { resolveConfig, type TelemetryConfig } from './config/resolve.ts';
import type { SamplerDescription } from './config/sampler.ts';
import { createReporter, type Problem, type Reporter } from './diagnostics.ts';
import { closeDelivery, createFlush, flushBeforeExit, type Delivery, type FlushResult } from './export/delivery.ts';
import { createPipeline, type DestinationStatus, type Pipeline } from './export/pipeline.ts';
import { createStampProcessor } from './export/stamp-processor.ts';
import { createIssuePipeline } from './issues/pipeline.ts';
import type { IssueStatus } from './issues/sender.ts';
import type { IssueOptions } from './issues/sink.ts';
import {
  exporterUrls,
  findRegisteredProvider,
  joinProvider,
  yieldGlobalProvider,
} from './export/registered-provider.ts';
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
   * it. Default false.
   */
  readonly captureUncaught?: boolean;
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
      readonly destinations: readonly DestinationStatus[];
      /** Absent without a DSN, and when a Sentry SDK of the application sends the Issues. */
      readonly issues?: IssueStatus;
    };

export type { FlushResult } from './export/delivery.ts';

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
  const current = holder[SLOT];
  if (current !== undefined) {
    if (Object.keys(options).length > 0) current.report(SECOND_SETUP);
    return current.tracing;
  }
  const report = createReporter(options.onDiagnostic);
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

function startTracing(config: TelemetryConfig, options: SetupOptions, report: Reporter): Tracing {
  if (config.debug) diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.INFO);
  const pipelines = config.destinations.map((destination) => createPipeline(destination, config, report));
  const processors = [...(options.spanProcessors ?? []), ...pipelines.map(({ processor }) => processor)];
  /** What a provider of the application's still needs: a destination it sends to already would get every span twice. */
  const missingIn = (theirs: TracerProvider): readonly SpanProcessor[] => {
    const served = exporterUrls(theirs);
    const isServed = ({ status }: Pipeline): boolean => served.includes(status.url);
    for (const { status } of pipelines.filter(isServed)) {
      report({
        key: `served:${status.url}`,
        message: `the application's own exporter sends to ${status.url} already, so Faultline sends nothing there`,
      });
    }
    const missing = pipelines.filter((pipeline) => !isServed(pipeline));
    return [...(options.spanProcessors ?? []), ...missing.map(({ processor }) => processor)];
  };
  const provision = provide(config, processors, missingIn);
  if (provision === undefined) {
    report(NOT_JOINED);
    if (config.dsn === undefined) return tracingThatIsOff(NOT_JOINED.message);
  }
  const issues = config.dsn === undefined ? undefined : createIssuePipeline(config.dsn, config, options, report);
  const deactivate = activate({
    agentSpanName: config.spanNames === 'semconv' ? SEMCONV_AGENT_SPAN_NAME : OPERATIONS.agent.spanName,
    toolSpanParent: config.toolSpanParent,
    sendDefaultPii: config.sendDefaultPii,
    price: createPricing(config.pricing),
    ...(issues === undefined ? undefined : { issues: issues.sink }),
  });
  const delivery: Delivery = { pipelines: provision === undefined ? [] : pipelines, issues };
  const flush = createFlush(delivery);
  const withdrawExitHook = flushBeforeExit(delivery, flush, config.exitTimeoutMs);
  let closing: Promise<FlushResult> | undefined;

  const close = async (timeoutMs: number): Promise<FlushResult> => {
    issues?.sink.release();
    const result = await flush(timeoutMs);
    closeDelivery(delivery);
    withdrawExitHook();
    deactivate();
    provision?.withdraw();
    forget(tracing);
    return result;
  };

  const tracing: Tracing = {
    get status(): TracingStatus {
      const destinations = delivery.pipelines.map(({ status }) => status);
      const status = { state: 'on', joined: provision?.joined ?? false, destinations } as const;
      return issues?.status === undefined ? status : { ...status, issues: issues.status };
    },
    spanProcessor: combineProcessors([createStampProcessor(stampFor(config, 'foreign')), ...processors]),
    flush: (timeoutMs = config.exitTimeoutMs) => flush(timeoutMs),
    shutdown(timeoutMs = config.exitTimeoutMs) {
      closing ??= close(timeoutMs);
      return closing;
    },
  };
  return tracing;
}

/** Where the spans come from, and how to take it back. */
interface Provision {
  /** Whether the provider was there before. */
  readonly joined: boolean;
  withdraw(): void;
}

/** Connects the processors to a source of spans: the registered provider, else one of our own. */
function provide(
  config: TelemetryConfig,
  processors: readonly SpanProcessor[],
  missingIn: (theirs: TracerProvider) => readonly SpanProcessor[],
): Provision | undefined {
  if (!config.register) return { joined: true, withdraw: () => {} };
  const registered = findRegisteredProvider();
  if (registered === undefined) return registerProvider(config, processors, missingIn);
  const withdraw = joinProvider(registered, [
    createStampProcessor(stampFor(config, 'foreign')),
    ...missingIn(registered),
  ]);
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

function registerProvider(
  config: TelemetryConfig,
  processors: readonly SpanProcessor[],
  missingIn: (theirs: TracerProvider) => readonly SpanProcessor[],
): Provision | undefined {
  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(resourceFromAttributes(config.resourceAttributes)),
    sampler: createSampler(config.sampler),
    spanLimits: config.spanLimits,
    spanProcessors: [createStampProcessor(stampFor(config, 'own')), ...processors],
  });
  if (!trace.setGlobalTracerProvider(provider)) return undefined;
  let withdrawFromTheirs: (() => void) | undefined;
  const stopYielding = yieldGlobalProvider(provider, (theirs) => {
    withdrawFromTheirs = joinProvider(theirs, [
      createStampProcessor(stampFor(config, 'foreign')),
      ...missingIn(theirs),
    ]);
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
  const manager = new AsyncLocalStorageContextManager().enable();
  return contextApi.setGlobalContextManager(manager) ? () => contextApi.disable() : () => {};
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
