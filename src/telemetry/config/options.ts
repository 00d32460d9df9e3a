import type { Attributes } from '@opentelemetry/api';

import type { CaptureContent, ErrorMessages } from '../content/policy.ts';
import type { RedactionOptions } from '../content/redactor.ts';
import type { Environment } from './environment.ts';

/** Where spans can go: `sentry` is the project of the DSN, `otlp` is an explicit OTLP endpoint. */
export type DestinationName = 'sentry' | 'otlp';

/** Encoding of an OTLP request. gRPC is not offered: Sentry takes HTTP only. */
export type Protocol = 'http/json' | 'http/protobuf';

/** Compression of an OTLP request body. */
export type Compression = 'gzip' | 'none';

/** Which names a destination reads: Sentry's, or those of the newest OpenTelemetry conventions. */
export type Dialect = 'otel' | 'sentry';

/** How an agent run is called: `agent.invoke {agent}` or `invoke_agent {agent}`. */
export type SpanNames = 'faultline' | 'semconv';

/** Which span an `execute_tool` span hangs under: the chat that asked for it, or the agent beside that chat. */
export type ToolSpanParent = 'chat' | 'agent';

/** A W3C propagator Faultline can install. */
export type Propagator = 'tracecontext' | 'baggage';

/** Bounds of what waits in memory, named as in the OpenTelemetry batch span processor. */
export interface BatchOptions {
  /** Spans held before the oldest ones are dropped. Default 65536; `OTEL_BSP_MAX_QUEUE_SIZE`. */
  readonly maxQueueSize?: number | undefined;
  /** Bytes of spans held before the oldest ones are dropped. Default 16 MiB. */
  readonly maxQueueBytes?: number | undefined;
  /** Spans in one request, never more than the queue holds. Default 512; `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`. */
  readonly maxExportBatchSize?: number | undefined;
  /** Longest time a span waits for its batch to fill. Default 5000; `OTEL_BSP_SCHEDULE_DELAY`. */
  readonly scheduleDelayMs?: number | undefined;
  /** Longest time one attempt to send a batch may take, beside `timeoutMs`. Default 30000; `OTEL_BSP_EXPORT_TIMEOUT`. */
  readonly exportTimeoutMs?: number | undefined;
  /** Longest time a batch is tried again for while its destination is in trouble. Default 3600000, one hour. */
  readonly retryForMs?: number | undefined;
}

/** The flight recorder, which keeps spans and Issues on disk until they are delivered. */
export interface RecorderOptions {
  /** Directory of its files; off when unset. `FAULTLINE_RECORDER_DIR`. */
  readonly directory?: string | undefined;
  /**
   * Most bytes in the directory before the oldest spans are dropped, which is looked at whenever a file begins: each
   * process may exceed them by an eighth, and 4 MiB at most. Default 256 MiB.
   */
  readonly maxBytes?: number | undefined;
  /** Longest time a span is kept. Default 604800000, seven days. */
  readonly maxAgeMs?: number | undefined;
}

/** Bounds of one span, named as the OpenTelemetry SDK names them. */
export interface SpanLimits {
  /** Default 128; `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`. */
  readonly attributeCountLimit?: number | undefined;
  /** Characters. Default `Infinity`: a cut value is no longer JSON; `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`. */
  readonly attributeValueLengthLimit?: number | undefined;
  /** Default 128; `OTEL_SPAN_EVENT_COUNT_LIMIT`. */
  readonly eventCountLimit?: number | undefined;
  /** Default 128; `OTEL_SPAN_LINK_COUNT_LIMIT`. */
  readonly linkCountLimit?: number | undefined;
  /** Default 128; `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`. */
  readonly attributePerEventCountLimit?: number | undefined;
  /** Default 128; `OTEL_LINK_ATTRIBUTE_COUNT_LIMIT`. */
  readonly attributePerLinkCountLimit?: number | undefined;
}

/** What a model costs, in USD per million tokens. */
export interface ModelPrice {
  readonly input: number;
  readonly output: number;
  /** Price of input read from the provider's cache. Default: `input`. */
  readonly cacheRead?: number | undefined;
  /** Price of input written to the provider's cache. Default: `input`. */
  readonly cacheWrite?: number | undefined;
}

/**
 * Everything `setupTracing` can be told in code.
 *
 * Every field is optional. A setting is looked up here first, then in the process environment, in the
 * `.env` file, in `defaults`, and last among the built-in defaults. A wrong value here throws a
 * `TypeError`, as an option of another name does; a wrong value in the environment is reported once and
 * the next source is used. `undefined`, `null` and empty strings count as not set, so
 * `dsn: process.env.SENTRY_DSN` does what it says.
 */
export interface TracingOptions {
  // --- Where to send
  /** Sentry DSN; endpoint, region and key come from it. Nothing is sent without it or `endpoint`. `SENTRY_DSN`. */
  readonly dsn?: string | undefined;
  /** Full URL of an OTLP traces endpoint, used as is; wins over the DSN for traces. `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`. */
  readonly endpoint?: string | undefined;
  /** Request headers for `endpoint`, never for the DSN. `OTEL_EXPORTER_OTLP_TRACES_HEADERS`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Where spans go: `sentry`, `otlp` or both. Default: `otlp` when an endpoint is set, else `sentry` when a DSN is set.
   * `FAULTLINE_DESTINATIONS`.
   */
  readonly destinations?: readonly DestinationName[] | undefined;
  /** Encoding of requests, `http/json` or `http/protobuf`. Default `http/json`. `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL`. */
  readonly protocol?: Protocol | undefined;
  /** Of requests. Default `gzip` to Sentry, `none` elsewhere. `OTEL_EXPORTER_OTLP_TRACES_COMPRESSION`. */
  readonly compression?: Compression | undefined;
  /** Longest time for one request, in milliseconds. Default 10000. `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`. */
  readonly timeoutMs?: number | undefined;
  /**
   * Which names of attributes the `otlp` destination gets: Sentry's, or those of the newest conventions (`otel`). Default:
   * `sentry` when it is Sentry's own OTLP endpoint, else `otel`.
   */
  readonly dialect?: Dialect | undefined;
  /** `false` turns everything off, and so does `OTEL_SDK_DISABLED=true`. Default true. */
  readonly enabled?: boolean | undefined;

  // --- Who is sending
  /** `service.name`. Default: name of the npm package, else of the main script. `OTEL_SERVICE_NAME`. */
  readonly serviceName?: string | undefined;
  /** `service.version`. Default: version of the npm package. */
  readonly serviceVersion?: string | undefined;
  /** Environment of every span and Issue. Default `production`. `SENTRY_ENVIRONMENT`. */
  readonly environment?: string | undefined;
  /** Release of every span and Issue. Default: `name@version` of the npm package, else the git commit. `SENTRY_RELEASE`. */
  readonly release?: string | undefined;
  /** Further resource attributes, merged over `OTEL_RESOURCE_ATTRIBUTES`; the named options above win over them. */
  readonly resourceAttributes?: Attributes | undefined;

  // --- What to send
  /** Share of traces, 0 to 1. Default 1. `OTEL_TRACES_SAMPLER`, else `SENTRY_TRACES_SAMPLE_RATE`. */
  readonly tracesSampleRate?: number | undefined;
  /** Share of Issues, 0 to 1. Default 1. `SENTRY_SAMPLE_RATE`. */
  readonly sampleRate?: number | undefined;
  /** Lets e-mail, name and IP address of the user leave the process. Default false. `SENTRY_SEND_DEFAULT_PII`. */
  readonly sendDefaultPii?: boolean | undefined;
  /**
   * Records prompts, completions, tool arguments and results: all of them, or the kinds that are `true`. What is
   * recorded is redacted first. Default false. `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`.
   */
  readonly captureContent?: CaptureContent | undefined;
  /**
   * What is sent of an error message that may quote content: nothing, the redacted message, or that for the
   * classes of errors that are listed. Default `withheld`, and `redacted` when all content is recorded.
   * `FAULTLINE_ERROR_MESSAGES`.
   */
  readonly errorMessages?: ErrorMessages | undefined;
  /** What is taken out of everything that is sent. Default: everything `RedactionOptions` knows. */
  readonly redaction?: RedactionOptions | undefined;
  /** How agent spans are called: `agent.invoke {agent}` (`faultline`, the default) or `invoke_agent {agent}` (`semconv`). */
  readonly spanNames?: SpanNames | undefined;
  /** What a tool call hangs below: the model call that asked for it (`chat`, the default), or the agent beside that. */
  readonly toolSpanParent?: ToolSpanParent | undefined;
  /** Bounds of one span. */
  readonly spanLimits?: SpanLimits | undefined;
  /** Prices by model name, in USD per million tokens; they win over the built-in price list. */
  readonly pricing?: Readonly<Record<string, ModelPrice>> | undefined;

  // --- How to run
  /** Bounds of what waits in memory, and for how long it is tried again. */
  readonly batch?: BatchOptions | undefined;
  /** Keeps what is not delivered yet on disk, so that no outage and no crash loses it. */
  readonly recorder?: RecorderOptions | undefined;
  /** By which headers traces go on in other services. Default both; an empty list installs none. `OTEL_PROPAGATORS`. */
  readonly propagators?: readonly Propagator[] | undefined;
  /**
   * `false` registers no tracer provider: give `tracing.spanProcessor` to one you build yourself. Default true.
   */
  readonly register?: boolean | undefined;
  /**
   * Longest time the end of the process waits for what is still to be sent, in milliseconds. Default 10000; 0 does not
   * wait.
   * `FAULTLINE_EXIT_TIMEOUT`.
   */
  readonly exitTimeoutMs?: number | undefined;
  /** Shows what the OpenTelemetry SDK warns of, on the console. Default false. `SENTRY_DEBUG`. */
  readonly debug?: boolean | undefined;
  /** Receives every diagnostic line; by default it goes to standard error, beginning with `faultline:`. Must not throw. */
  readonly onDiagnostic?: ((message: string) => void) | undefined;

  // --- Where settings come from
  /** Replaces `process.env`, and with it the `.env` of the working directory; `envFile` brings a file back. */
  readonly env?: Environment | undefined;
  /** Path of the file of variables; `false` reads none. Default `.env` when there is one. */
  readonly envFile?: string | false | undefined;
  /** The same options, used where neither code nor environment says anything: the place of a configuration file. */
  readonly defaults?: DefaultOptions | undefined;
}

/** Options a configuration file may provide. */
type DefaultOptions = Omit<TracingOptions, 'defaults' | 'env' | 'onDiagnostic'>;
