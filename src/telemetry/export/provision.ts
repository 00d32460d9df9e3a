import {
  context as contextApi,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  trace,
  type Attributes,
  type ContextManager,
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

import type { Propagator } from '../config/options.ts';
import type { TelemetryConfig } from '../config/resolve.ts';
import type { SamplerDescription } from '../config/sampler.ts';
import type { Redactor } from '../content/redactor.ts';
import type { Problem, Reporter } from '../diagnostics.ts';
import { isLeftToUs } from '../propagation.ts';
import { SENTRY_CLIENT_SAMPLE_RATE, SENTRY_ENVIRONMENT, SENTRY_RELEASE } from '../semconv.ts';
import { createCallersRateProcessor } from './callers-rate-processor.ts';
import { createCountingSampler } from './counting-sampler.ts';
import { giveWay, holdPlace, registeredGlobal, type Withdraw } from './global-place.ts';
import { RANDOM_IDS } from './random-ids.ts';
import { hearRefusedProviders } from './refused-provider.ts';
import { findRegisteredProvider, joinProvider, takesProcessors } from './registered-provider.ts';
import { createStampProcessor } from './stamp-processor.ts';
import { yieldTracers } from './yielding-tracers.ts';

/** Where the spans come from, and how to take it back. */
export interface Provision {
  /** Whether the provider is the application's. */
  readonly joined: boolean;
  /** Why no spans come in. Absent while they do. It has been reported. */
  readonly problem?: Problem | undefined;
  /** Spans our sampler turned down; 0 where the provider is the application's. */
  readonly sampledOut: number;
  withdraw(): void;
}

export interface ProvideOptions {
  readonly config: TelemetryConfig;
  /** What a provider gets: one of the application's, or our own and one that is not known. */
  readonly processorsFor: (theirs: TracerProvider | undefined) => readonly SpanProcessor[];
  readonly redactor: Redactor;
  readonly safeResource: (resource: Resource) => Resource;
  readonly report: Reporter;
}

/** Issues are sent all the same: they need no provider. */
const NOT_JOINED: Problem = {
  key: 'join',
  message:
    'another tracer provider is registered and takes no further span processors, so no spans are sent: give it ' +
    'tracing.spanProcessor and set register: false, which takes the OpenTelemetry SDK 2 or newer, or, when it is the one of a Sentry SDK, ' +
    'set enableOpenTelemetrySetup: false (version 10: skipOpenTelemetrySetup: true) in Sentry.init',
};

const TWO_VERSIONS: Problem = {
  key: 'join',
  message:
    'two versions of @opentelemetry/api are in this process and the other one was used first, so no spans are sent: ' +
    'install a single one (npm ls @opentelemetry/api shows where they come from), or, unless the other one is of an ' +
    'older minor version, register your tracer provider before setupTracing() is called',
};

/** What is registered through a copy like that is out of reach of every newer one. */
const OLDER_MINOR: Problem = {
  key: 'join',
  message:
    'two versions of @opentelemetry/api are in this process, and the tracer provider was registered through the one ' +
    'of an older minor version, so it cannot be joined and no spans are sent: install a single one (npm ls ' +
    '@opentelemetry/api shows where they come from)',
};

const REPLACED: Problem = {
  key: 'replaced',
  message:
    'another agent has put its own tracer provider in the place of the one of the OpenTelemetry SDK, as dd-trace does with ' +
    'DD_TRACE_OTEL_ENABLED=true, so no spans are sent: load faultline/register before it (node --import faultline/register ' +
    '--import dd-trace/initialize.mjs), or leave that out',
};

const REFUSED: Problem = {
  key: 'refused',
  message:
    'a tracer provider was registered through another copy of @opentelemetry/api and refused, as the one of ' +
    'Faultline is in its place, so what it exports to gets no spans: install a single copy (npm ls ' +
    '@opentelemetry/api shows where they come from), or register it before setupTracing() is called',
};

/** Connects the processors to a source of spans: the registered provider, else one of our own. */
export function provide(options: ProvideOptions): Provision {
  if (!options.config.register) return { joined: true, sampledOut: 0, withdraw: () => {} };
  const registered = findRegisteredProvider();
  if (registered === undefined) return registerProvider(options);
  const joint = createJoint(options);
  joint.take(registered);
  if (joint.problem !== undefined) return withoutSpans(joint.problem);
  const stopTaking = giveWay<TracerProvider, 'setGlobalTracerProvider'>(trace, 'setGlobalTracerProvider', {
    isOurs: () => false,
    onTaken: joint.take,
  });
  // Without a context manager exporting would be traced, and nothing would have a parent.
  const withdrawContext = registerContextManager();
  return {
    get joined() {
      return joint.isJoined;
    },
    get problem() {
      return joint.problem;
    },
    sampledOut: 0,
    withdraw() {
      stopTaking();
      joint.withdraw();
      withdrawContext(false);
    },
  };
}

function withoutSpans(problem: Problem): Provision {
  return { joined: false, sampledOut: 0, problem, withdraw: () => {} };
}

/** The providers of the application's that have the processors. */
interface Joint {
  /** Joins a provider that was registered, unless it is already. */
  readonly take: (theirs: TracerProvider) => void;
  readonly isTaken: boolean;
  /** Whether the last one could be joined. */
  readonly isJoined: boolean;
  readonly problem: Problem | undefined;
  withdraw(): void;
}

/** One provider may follow another. Those before it stay joined: their tracers may still be in use. */
function createJoint(options: ProvideOptions): Joint {
  const withdrawals = new Map<TracerProvider, () => void>();
  let last: TracerProvider | undefined;
  const isJoined = (): boolean => last !== undefined && withdrawals.has(last);
  return {
    take(theirs) {
      last = theirs;
      if (isJoined()) return;
      const withdraw = joinProvider(theirs, foreignProcessors(options, theirs));
      if (withdraw === undefined) options.report(NOT_JOINED);
      else withdrawals.set(theirs, withdraw);
    },
    get isTaken() {
      return last !== undefined;
    },
    get isJoined() {
      return isJoined();
    },
    get problem() {
      return last === undefined || isJoined() ? undefined : NOT_JOINED;
    },
    withdraw() {
      for (const withdraw of withdrawals.values()) withdraw();
    },
  };
}

/** The processors as a provider of the application's gets them. It may not be known. */
export function foreignProcessors(
  { config, redactor, processorsFor }: ProvideOptions,
  theirs?: TracerProvider,
): readonly SpanProcessor[] {
  return [createStampProcessor(stampFor(config, 'foreign'), redactor), ...processorsFor(theirs)];
}

function registerProvider(options: ProvideOptions): Provision {
  const { config, redactor, processorsFor } = options;
  const sampler = createCountingSampler(createSampler(config.sampler));
  const provider = new NodeTracerProvider({
    resource: options.safeResource(defaultResource().merge(resourceFromAttributes(config.resourceAttributes))),
    sampler,
    idGenerator: RANDOM_IDS,
    spanLimits: config.spanLimits,
    spanProcessors: [
      createStampProcessor(stampFor(config, 'own'), redactor),
      ...(config.sampler.kind === 'parentbased' ? [createCallersRateProcessor()] : []),
      ...processorsFor(undefined),
    ],
  });
  if (!takesProcessors(provider)) {
    options.report(REPLACED);
    // Issues say which run they are of.
    const withdrawContext = registerContextManager();
    return { ...withoutSpans(REPLACED), withdraw: () => withdrawContext(false) };
  }
  const yieldTo = yieldTracers(provider);
  if (!trace.setGlobalTracerProvider(provider)) {
    const problem = whyRefused();
    options.report(problem);
    return withoutSpans(problem);
  }
  const joint = createJoint(options);
  const stopYielding = giveWay<TracerProvider, 'setGlobalTracerProvider'>(trace, 'setGlobalTracerProvider', {
    isOurs: () => findRegisteredProvider() === provider,
    onTaken(theirs) {
      yieldTo(theirs);
      joint.take(theirs);
    },
  });
  const stopHearing = hearRefusedProviders(() => {
    if (!joint.isTaken) options.report(REFUSED);
  });
  const withdrawContext = registerContextManager();
  const withdrawPropagator = registerPropagator(config.propagators);
  return {
    get joined() {
      return joint.isJoined;
    },
    get problem() {
      return joint.problem;
    },
    get sampledOut() {
      return sampler.sampledOut;
    },
    withdraw() {
      stopYielding();
      stopHearing();
      joint.withdraw();
      // What theirs found in place it may have left there: without it, their spans would lose their parents.
      const isKept = joint.isTaken;
      if (!isKept) trace.disable();
      withdrawContext(isKept);
      withdrawPropagator(isKept);
    },
  };
}

/** What another version of the API began it keeps to itself, also when no provider is in place. */
function whyRefused(): Problem {
  const registered = registeredGlobal('trace');
  if (registered === trace.getTracerProvider()) return NOT_JOINED;
  return registered === undefined ? TWO_VERSIONS : OLDER_MINOR;
}

/** Makes context follow asynchronous calls, unless the application has seen to that. */
function registerContextManager(): Withdraw {
  if (isContextManaged()) return () => {};
  const manager: ContextManager = new AsyncLocalStorageContextManager().enable();
  return holdPlace('context', contextApi, 'setGlobalContextManager', manager);
}

function registerPropagator(names: readonly Propagator[]): Withdraw {
  if (names.length === 0) return () => {};
  const propagator: TextMapPropagator = new CompositePropagator({
    propagators: names.map((name) => PROPAGATORS[name]()),
  });
  return holdPlace('propagation', propagation, 'setGlobalPropagator', propagator);
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
    case 'parentbased': {
      const root = createSampler(sampler.root);
      return new ParentBasedSampler({
        root,
        remoteParentSampled: createCallersSampler(root, new AlwaysOnSampler()),
        remoteParentNotSampled: createCallersSampler(root, new AlwaysOffSampler()),
      });
    }
  }
}

/** Follows a caller that has decided whether its trace is sampled, and decides for one that leaves it to us. */
function createCallersSampler(root: Sampler, follow: Sampler): Sampler {
  return {
    shouldSample: (context, ...span) => (isLeftToUs(context) ? root : follow).shouldSample(context, ...span),
    toString: () => root.toString(),
  };
}

const PROPAGATORS: Readonly<Record<Propagator, () => TextMapPropagator>> = {
  tracecontext: () => new W3CTraceContextPropagator(),
  baggage: () => new W3CBaggagePropagator(),
};
