import * as catalog from './catalog.ts';
import type { CaptureContent, ErrorMessages } from '../content/policy.ts';
import type { RedactionOptions } from '../content/redactor.ts';
import { resolveBatch, resolveRecorder, resolveSpanLimits } from './bounds.ts';
import { defined, overlay, type Decided } from './records.ts';
import { resolveDestinations, type Destination } from './destinations.ts';
import type { Dsn } from './dsn.ts';
import { readEnvironment, type Environment } from './environment.ts';
import { nodeHost, type Host } from './host.ts';
import { npmPackage } from './npm-package.ts';
import type {
  BatchOptions,
  Propagator,
  RecorderOptions,
  SpanLimits,
  SpanNames,
  ToolSpanParent,
  TracingOptions,
} from './options.ts';
import type { Pricing } from './pricing.ts';
import { resolveRelease } from './release.ts';
import {
  DEPLOYMENT_ENVIRONMENT_NAME,
  resolveApplication,
  resolveResource,
  type ResourceAttributes,
} from './resource.ts';
import { clientSampleRate, resolveSampler, type SamplerDescription } from './sampler.ts';
import { reportRefusedNames } from './sentry-names.ts';
import { selectDestinations } from './selection.ts';
import { createSettings, type Problem, type Reporter, type Settings } from './settings.ts';

/** The whole configuration of telemetry: complete, and frozen to its leaves. */
export interface TelemetryConfig {
  /** Where spans go; empty means that tracing is off. */
  readonly destinations: readonly Destination[];
  /** Why `destinations` is empty, as a sentence; present exactly then. */
  readonly offReason?: string;
  /** Where Issues go. Present also without a `sentry` destination; absent when telemetry is turned off as a whole. */
  readonly dsn?: Dsn;

  /** The same as `deployment.environment.name` among the resource attributes. */
  readonly environment: string;
  readonly release?: string;
  readonly resourceAttributes: ResourceAttributes;
  /** What tells this application from others that have the same settings. */
  readonly application: string;

  readonly sampler: SamplerDescription;
  /** Share of traces kept by the sampler, above 0 and below 1; absent when it keeps all or none. */
  readonly clientSampleRate?: number;
  /** Share of Issues, 0 to 1. */
  readonly sampleRate: number;
  readonly sendDefaultPii: boolean;
  readonly captureContent: CaptureContent;
  /** Absent when nobody has decided: then it follows from `captureContent`. */
  readonly errorMessages?: ErrorMessages;
  readonly redaction: RedactionOptions;
  readonly spanNames: SpanNames;
  readonly toolSpanParent: ToolSpanParent;
  readonly spanLimits: Decided<SpanLimits>;
  readonly pricing: Pricing;

  readonly batch: Decided<BatchOptions>;
  /** Absent when it is off. */
  readonly recorder?: Decided<RecorderOptions>;
  /** The variables that name proxies, as they are. */
  readonly proxyEnvironment: Environment;
  readonly propagators: readonly Propagator[];
  readonly register: boolean;
  readonly exitTimeoutMs: number;
  readonly debug: boolean;
}

/**
 * Merges code options, process environment, `.env`, `options.defaults` and built-in defaults.
 *
 * When nothing is to be sent, problems of variables that no longer matter are kept quiet: a process in
 * which nobody configured Faultline hears nothing from it. Code options are checked all the same, so that
 * a mistake shows on the first run and not in the one place that has a DSN.
 *
 * @param environment the process environment; `options.env` replaces it
 * @param report hears about each wrong value in the environment, once for each key
 * @throws {TypeError} when a value in code is wrong
 */
export function resolveConfig(
  options: TracingOptions,
  environment: Environment,
  report: Reporter,
  host: Host = nodeHost(),
): TelemetryConfig {
  const problems: Problem[] = [];
  const reportOnce: Reporter = (problem) => {
    if (problems.some(({ key }) => key === problem.key)) return;
    problems.push(problem);
    report(problem);
  };
  const code = createSettings(options, {}, reportOnce);
  code.checkCode(Object.values(catalog));

  // With an environment of its own a caller means that one alone, not a file that happens to lie around.
  const envFile = code.get(catalog.ENV_FILE) ?? (options.env === undefined ? undefined : false);
  const merged = readEnvironment(options.env ?? environment, envFile, host, reportOnce);
  const deciding = createSettings(options, merged, reportOnce);

  const selection = selectDestinations(deciding, problems);
  const isSilent = selection.destinations.length === 0 && selection.dsn === undefined;
  const settings = isSilent ? createSettings(options, merged, () => {}) : deciding;
  reportProfiles(settings);

  const program = npmPackage(merged, host);
  const resourceAttributes = resolveResource(settings, program, host);
  const environmentName = String(resourceAttributes[DEPLOYMENT_ENVIRONMENT_NAME]);
  const release = resolveRelease(settings, program, host);
  if (selection.dsn !== undefined) reportRefusedNames(release, environmentName, settings.report);
  const sampler = resolveSampler(settings);
  const config = defined({
    destinations: resolveDestinations(selection, settings, host),
    offReason: selection.offReason,
    dsn: selection.dsn,
    environment: environmentName,
    release,
    resourceAttributes,
    application: resolveApplication(settings, program, host),
    sampler,
    clientSampleRate: clientSampleRate(sampler),
    sampleRate: settings.get(catalog.SAMPLE_RATE) ?? 1,
    sendDefaultPii: settings.get(catalog.SEND_DEFAULT_PII) ?? false,
    captureContent: settings.get(catalog.CAPTURE_CONTENT) ?? false,
    errorMessages: settings.get(catalog.ERROR_MESSAGES),
    redaction: settings.get(catalog.REDACTION) ?? {},
    spanNames: settings.get(catalog.SPAN_NAMES) ?? 'faultline',
    toolSpanParent: settings.get(catalog.TOOL_SPAN_PARENT) ?? 'chat',
    spanLimits: resolveSpanLimits(settings),
    pricing: overlay([...settings.all(catalog.PRICING)].map(({ value }) => value)),
    batch: resolveBatch(settings),
    recorder: resolveRecorder(settings, host),
    proxyEnvironment: resolveProxyEnvironment(merged),
    propagators: resolvePropagators(settings),
    register: settings.get(catalog.REGISTER) ?? true,
    exitTimeoutMs: settings.get(catalog.EXIT_TIMEOUT) ?? 10_000,
    debug: settings.get(catalog.DEBUG) ?? false,
  });
  return frozen(config);
}

const PROXY_VARIABLES = ['https_proxy', 'http_proxy', 'all_proxy', 'no_proxy'];

function resolveProxyEnvironment(environment: Environment): Environment {
  const names = PROXY_VARIABLES.flatMap((name) => [name, name.toUpperCase()]);
  return Object.fromEntries(
    names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  );
}

function resolvePropagators(settings: Settings): readonly Propagator[] {
  const names = settings.get(catalog.PROPAGATORS) ?? ['tracecontext', 'baggage'];
  return names.includes('none') ? [] : names.filter((name) => name !== 'none');
}

function reportProfiles(settings: Settings): void {
  const share = settings.get(catalog.PROFILES_SAMPLE_RATE) ?? 0;
  if (share === 0) return;
  settings.report({
    key: 'SENTRY_PROFILES_SAMPLE_RATE',
    message: 'SENTRY_PROFILES_SAMPLE_RATE has no effect, because OTLP carries no profiles to Sentry: remove it.',
  });
}

/**
 * A copy that is frozen to its leaves: what the caller has given is the caller's. What is of a class is kept as it is: a
 * copy would lack what that brings, and a pattern that is frozen cannot be matched more than once.
 */
function frozen<T>(value: T): T {
  if (Array.isArray(value)) return Object.freeze(value.map(frozen)) as T;
  if (!isPlain(value)) return value;
  const copies = Object.entries(value).map(([name, part]) => [name, frozen(part)] as const);
  return Object.freeze(Object.fromEntries(copies)) as T;
}

/** Whether a value is an object without a class, of whichever realm. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
