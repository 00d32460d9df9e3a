import {
  context as contextApi,
  diag,
  DiagConsoleLogger,
  DiagLogLevel,
  propagation,
  trace,
  type Attributes,
  type TextMapPropagator,
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
import { finishesWithin } from './deadline.ts';
import { createReporter, type Problem, type Reporter } from './diagnostics.ts';
import { createPipeline, type DestinationStatus, type Pipeline } from './export/pipeline.ts';
import { createStampProcessor } from './export/stamp-processor.ts';
import { createIssuePipeline, type IssuePipeline } from './issues/pipeline.ts';
import type { IssueStatus } from './issues/sender.ts';
import type { IssueOptions } from './issues/sink.ts';
import { findRegisteredProvider, joinProvider } from './export/registered-provider.ts';
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

/** What became of the spans that ended and the Issues that were captured since the last flush. */
export type FlushResult =
  | {
      readonly status: 'nothing' | 'delivered';
      /** Spans that were delivered. */
      readonly exported: number;
      /** Issues that were delivered. */
      readonly issues: number;
    }
  | {
      readonly status: 'failed' | 'timeout';
      readonly exported: number;
      readonly issues: number;
      /** Spans and Issues that were not accepted. */
      readonly failed: number;
      /** Spans and Issues whose fate is not known. */
      readonly pending: number;
      /** One sentence that says why. */
      readonly reason: string;
    };

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
let current: { readonly tracing: Tracing; readonly report: Reporter } | undefined;

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
  current = { tracing, report };
  return tracing;
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
  if (current?.tracing === tracing) current = undefined;
}

function startTracing(config: TelemetryConfig, options: SetupOptions, report: Reporter): Tracing {
  if (config.debug) diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.INFO);
  const pipelines = config.destinations.map((destination) => createPipeline(destination, config, report));
  const processors = [...(options.spanProcessors ?? []), ...pipelines.map(({ processor }) => processor)];
  const provision = provide(config, processors);
  if (provision === undefined) {
    const reason = 'another tracer provider is registered, and it takes no further span processors';
    report({
      key: 'join',
      message: `${reason}: nothing is sent; give it tracing.spanProcessor and set register: false`,
    });
    return tracingThatIsOff(reason);
  }
  const issues = config.dsn === undefined ? undefined : createIssuePipeline(config.dsn, config, options, report);
  const deactivate = activate({
    agentSpanName: config.spanNames === 'semconv' ? SEMCONV_AGENT_SPAN_NAME : OPERATIONS.agent.spanName,
    toolSpanParent: config.toolSpanParent,
    sendDefaultPii: config.sendDefaultPii,
    price: createPricing(config.pricing),
    ...(issues === undefined ? undefined : { issues: issues.sink }),
  });
  const delivery: Delivery = { pipelines, issues };
  const flush = createFlush(delivery);
  const withdrawExitHook = flushBeforeExit(delivery, flush, config.exitTimeoutMs);
  let closing: Promise<FlushResult> | undefined;

  const close = async (timeoutMs: number): Promise<FlushResult> => {
    issues?.sink.release();
    const result = await flush(timeoutMs);
    closeDelivery(delivery);
    withdrawExitHook();
    deactivate();
    provision.withdraw();
    forget(tracing);
    return result;
  };

  const tracing: Tracing = {
    get status(): TracingStatus {
      const destinations = pipelines.map(({ status }) => status);
      const status = { state: 'on', joined: provision.joined, destinations } as const;
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
function provide(config: TelemetryConfig, processors: readonly SpanProcessor[]): Provision | undefined {
  if (!config.register) return { joined: true, withdraw: () => {} };
  const registered = findRegisteredProvider();
  if (registered === undefined) return registerProvider(config, processors);
  const withdraw = joinProvider(registered, [createStampProcessor(stampFor(config, 'foreign')), ...processors]);
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

function registerProvider(config: TelemetryConfig, processors: readonly SpanProcessor[]): Provision | undefined {
  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(resourceFromAttributes(config.resourceAttributes)),
    sampler: createSampler(config.sampler),
    spanLimits: config.spanLimits,
    spanProcessors: [createStampProcessor(stampFor(config, 'own')), ...processors],
  });
  if (!trace.setGlobalTracerProvider(provider)) return undefined;
  const withdrawContext = registerContextManager();
  const propagator = createPropagator(config.propagators);
  const ownsPropagator = propagator !== undefined && propagation.setGlobalPropagator(propagator);
  return {
    joined: false,
    withdraw() {
      trace.disable();
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

/** Everything that sends. */
interface Delivery {
  readonly pipelines: readonly Pipeline[];
  readonly issues: IssuePipeline | undefined;
}

interface Tally {
  readonly exported: number;
  readonly issues: number;
  readonly failed: number;
  readonly pending: number;
}

function tally({ pipelines, issues }: Delivery): Tally {
  const statuses = pipelines.map(({ status }) => status);
  const sum = (count: 'exported' | 'failed' | 'pending'): number =>
    statuses.reduce((total, status) => total + status[count], 0);
  const issueStatus = issues?.status;
  // What a storm guard held back was meant to stay: its first Issues tell the same.
  const dropped = (issueStatus?.dropped.queue_full ?? 0) + (issueStatus?.dropped.closed ?? 0);
  return {
    exported: sum('exported'),
    issues: issueStatus?.sent ?? 0,
    failed: sum('failed') + (issueStatus?.failed ?? 0) + dropped,
    pending: sum('pending') + (issueStatus?.pending ?? 0),
  };
}

/** A flush that reports on what was sent since the one before it. */
function createFlush(delivery: Delivery): (timeoutMs: number) => Promise<FlushResult> {
  let before: Omit<Tally, 'pending'> = { exported: 0, issues: 0, failed: 0 };
  return async (timeoutMs) => {
    const { pipelines, issues } = delivery;
    const work = [...pipelines.map((pipeline) => pipeline.flush()), issues?.flush(timeoutMs)];
    const inTime = await finishesWithin(Promise.all(work), timeoutMs);
    const now = tally(delivery);
    const exported = now.exported - before.exported;
    const issuesSent = now.issues - before.issues;
    const failed = now.failed - before.failed;
    const { pending } = now;
    before = now;
    if (failed === 0 && pending === 0) {
      return { status: exported + issuesSent === 0 ? 'nothing' : 'delivered', exported, issues: issuesSent };
    }
    const errors = [...pipelines.map(({ status }) => status.lastError), issues?.status?.lastError];
    const lastError = errors.find((error) => error !== undefined);
    const reason = inTime ? (lastError ?? DROPPED) : `not everything was sent within ${timeoutMs} ms`;
    return { status: inTime ? 'failed' : 'timeout', exported, issues: issuesSent, failed, pending, reason };
  };
}

/** The batch processor keeps no count of what it drops, but a flush that finished leaves nothing pending. */
const DROPPED = 'the queue was full and spans were dropped; raise OTEL_BSP_MAX_QUEUE_SIZE';

function closeDelivery({ pipelines, issues }: Delivery): void {
  for (const pipeline of pipelines) pipeline.close();
  issues?.close();
}

/**
 * Sends what waits when the program has nothing left to do. `beforeExit` comes again after every piece of
 * work it starts, so it starts none when nothing waits or the time is used up. It changes neither the exit
 * code nor what other listeners do.
 */
function flushBeforeExit(
  delivery: Delivery,
  flush: (timeoutMs: number) => Promise<FlushResult>,
  timeoutMs: number,
): () => void {
  let gaveUp = timeoutMs === 0;
  const flushOnce = async (): Promise<void> => {
    const { status } = await flush(timeoutMs);
    if (status !== 'timeout' && status !== 'failed') return;
    gaveUp = true;
    closeDelivery(delivery);
  };
  const onBeforeExit = (): void => {
    delivery.issues?.sink.release();
    if (!gaveUp && tally(delivery).pending > 0) void flushOnce();
  };
  process.on('beforeExit', onBeforeExit);
  return () => process.off('beforeExit', onBeforeExit);
}
