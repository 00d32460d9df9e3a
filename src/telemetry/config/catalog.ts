/**
 * Every setting there is, as data: its kind, its option in code, and its variables, most specific first.
 *
 * Each export is one setting; whoever resolves a setting takes it from here. Built-in defaults are where
 * the value is used. Variables named `OTEL_*` follow the OpenTelemetry specification:
 *
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
import type { AttributeValue } from '@opentelemetry/api';

import type { CaptureContent, ErrorMessages } from '../content/policy.ts';
import type { RedactionOptions } from '../content/redactor.ts';
import { captureContent, errorMessages, redaction } from './content.ts';
import { dsn, type Dsn } from './dsn.ts';
import { BASE_ENDPOINT_VARIABLE, endpoint } from './endpoint.ts';
import { headers, type Headers } from './headers.ts';
import {
  delay,
  fileOrNone,
  flag,
  limit,
  listOf,
  oneOf,
  openTelemetryFlag,
  positiveCount,
  rate,
  text,
  timeout,
} from './kinds.ts';
import type {
  Compression,
  DestinationName,
  Dialect,
  Propagator,
  Protocol,
  SpanNames,
  ToolSpanParent,
} from './options.ts';
import { pricing, type Pricing } from './pricing.ts';
import { resourceAttributes } from './resource-attributes.ts';
import type { Setting } from './settings.ts';

/** Values of `OTEL_TRACES_SAMPLER` that need nothing but the SDK. */
export type SamplerName = `${'' | 'parentbased_'}${'always_on' | 'always_off' | 'traceidratio'}`;

// --- Where to send
export const ENABLED: Setting<boolean> = { kind: flag, option: 'enabled' };
export const SDK_DISABLED: Setting<boolean> = { kind: openTelemetryFlag, variables: ['OTEL_SDK_DISABLED'] };
export const DSN: Setting<Dsn> = { kind: dsn, option: 'dsn', variables: ['SENTRY_DSN'] };
export const ENDPOINT: Setting<string> = {
  kind: endpoint,
  option: 'endpoint',
  variables: ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', BASE_ENDPOINT_VARIABLE],
};
export const DESTINATIONS: Setting<readonly DestinationName[]> = {
  kind: listOf(['sentry', 'otlp']),
  option: 'destinations',
  variables: ['FAULTLINE_DESTINATIONS'],
};
export const TRACES_EXPORTER: Setting<readonly ('otlp' | 'none')[]> = {
  kind: listOf(['otlp', 'none']),
  variables: ['OTEL_TRACES_EXPORTER'],
};

// --- How to send
export const HEADERS: Setting<Headers> = { kind: headers, option: 'headers', variables: otlpVariables('HEADERS') };
export const PROTOCOL: Setting<Protocol> = {
  kind: oneOf(['http/json', 'http/protobuf'], ' (OTLP over HTTP is usually on port 4318, gRPC on 4317)'),
  option: 'protocol',
  variables: otlpVariables('PROTOCOL'),
};
export const COMPRESSION: Setting<Compression> = {
  kind: oneOf(['gzip', 'none']),
  option: 'compression',
  variables: otlpVariables('COMPRESSION'),
};
export const TIMEOUT: Setting<number> = { kind: timeout, option: 'timeoutMs', variables: otlpVariables('TIMEOUT') };
export const DIALECT: Setting<Dialect> = { kind: oneOf(['otel', 'sentry']), option: 'dialect' };
export const CERTIFICATE: Setting<string> = { kind: text, variables: otlpVariables('CERTIFICATE') };
export const CLIENT_CERTIFICATE: Setting<string> = { kind: text, variables: otlpVariables('CLIENT_CERTIFICATE') };
export const CLIENT_KEY: Setting<string> = { kind: text, variables: otlpVariables('CLIENT_KEY') };

// --- Who is sending
export const SERVICE_NAME: Setting<string> = { kind: text, option: 'serviceName', variables: ['OTEL_SERVICE_NAME'] };
export const SERVICE_VERSION: Setting<string> = { kind: text, option: 'serviceVersion' };
export const ENVIRONMENT: Setting<string> = { kind: text, option: 'environment', variables: ['SENTRY_ENVIRONMENT'] };
export const RELEASE: Setting<string> = { kind: text, option: 'release', variables: ['SENTRY_RELEASE'] };
export const RESOURCE_ATTRIBUTES: Setting<Readonly<Record<string, AttributeValue>>> = {
  kind: resourceAttributes,
  option: 'resourceAttributes',
  variables: ['OTEL_RESOURCE_ATTRIBUTES'],
};

// --- What to send
export const TRACES_SAMPLER: Setting<SamplerName> = {
  kind: oneOf([
    'always_on',
    'always_off',
    'traceidratio',
    'parentbased_always_on',
    'parentbased_always_off',
    'parentbased_traceidratio',
  ]),
  variables: ['OTEL_TRACES_SAMPLER'],
};
export const TRACES_SAMPLER_ARG: Setting<number> = { kind: rate, variables: ['OTEL_TRACES_SAMPLER_ARG'] };
export const TRACES_SAMPLE_RATE: Setting<number> = {
  kind: rate,
  option: 'tracesSampleRate',
  variables: ['SENTRY_TRACES_SAMPLE_RATE'],
};
export const SAMPLE_RATE: Setting<number> = { kind: rate, option: 'sampleRate', variables: ['SENTRY_SAMPLE_RATE'] };
export const PROFILES_SAMPLE_RATE: Setting<number> = { kind: rate, variables: ['SENTRY_PROFILES_SAMPLE_RATE'] };
export const SEND_DEFAULT_PII: Setting<boolean> = {
  kind: flag,
  option: 'sendDefaultPii',
  variables: ['SENTRY_SEND_DEFAULT_PII'],
};
export const CAPTURE_CONTENT: Setting<CaptureContent> = {
  kind: captureContent,
  option: 'captureContent',
  variables: ['OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT'],
};
export const ERROR_MESSAGES: Setting<ErrorMessages> = {
  kind: errorMessages,
  option: 'errorMessages',
  variables: ['FAULTLINE_ERROR_MESSAGES'],
};
export const REDACTION: Setting<RedactionOptions> = { kind: redaction, option: 'redaction' };
export const SPAN_NAMES: Setting<SpanNames> = { kind: oneOf(['faultline', 'semconv']), option: 'spanNames' };
export const TOOL_SPAN_PARENT: Setting<ToolSpanParent> = { kind: oneOf(['chat', 'agent']), option: 'toolSpanParent' };
export const PRICING: Setting<Pricing> = { kind: pricing, option: 'pricing' };

// --- Limits of a span. The specification tries the model's own limit first, then the general one.
export const ATTRIBUTE_COUNT_LIMIT: Setting<number> = {
  kind: limit,
  option: 'spanLimits.attributeCountLimit',
  variables: ['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'],
};
export const ATTRIBUTE_VALUE_LENGTH_LIMIT: Setting<number> = {
  kind: limit,
  option: 'spanLimits.attributeValueLengthLimit',
  variables: ['OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT'],
};
export const EVENT_COUNT_LIMIT: Setting<number> = {
  kind: limit,
  option: 'spanLimits.eventCountLimit',
  variables: ['OTEL_SPAN_EVENT_COUNT_LIMIT'],
};
export const LINK_COUNT_LIMIT: Setting<number> = {
  kind: limit,
  option: 'spanLimits.linkCountLimit',
  variables: ['OTEL_SPAN_LINK_COUNT_LIMIT'],
};
export const EVENT_ATTRIBUTE_COUNT_LIMIT: Setting<number> = {
  kind: limit,
  option: 'spanLimits.attributePerEventCountLimit',
  variables: ['OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'],
};
export const LINK_ATTRIBUTE_COUNT_LIMIT: Setting<number> = {
  kind: limit,
  option: 'spanLimits.attributePerLinkCountLimit',
  variables: ['OTEL_LINK_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'],
};

// --- How to run
export const MAX_QUEUE_SIZE: Setting<number> = {
  kind: positiveCount,
  option: 'batch.maxQueueSize',
  variables: ['OTEL_BSP_MAX_QUEUE_SIZE'],
};
export const MAX_EXPORT_BATCH_SIZE: Setting<number> = {
  kind: positiveCount,
  option: 'batch.maxExportBatchSize',
  variables: ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE'],
};
export const SCHEDULE_DELAY: Setting<number> = {
  kind: delay,
  option: 'batch.scheduleDelayMs',
  variables: ['OTEL_BSP_SCHEDULE_DELAY'],
};
export const EXPORT_TIMEOUT: Setting<number> = {
  kind: timeout,
  option: 'batch.exportTimeoutMs',
  variables: ['OTEL_BSP_EXPORT_TIMEOUT'],
};
export const MAX_QUEUE_BYTES: Setting<number> = { kind: positiveCount, option: 'batch.maxQueueBytes' };
export const RETRY_FOR: Setting<number> = { kind: timeout, option: 'batch.retryForMs' };
export const RECORDER_DIRECTORY: Setting<string> = {
  kind: text,
  option: 'recorder.directory',
  variables: ['FAULTLINE_RECORDER_DIR'],
};
export const RECORDER_MAX_BYTES: Setting<number> = { kind: positiveCount, option: 'recorder.maxBytes' };
export const RECORDER_MAX_AGE: Setting<number> = { kind: positiveCount, option: 'recorder.maxAgeMs' };
export const PROPAGATORS: Setting<readonly (Propagator | 'none')[]> = {
  kind: listOf(['tracecontext', 'baggage', 'none']),
  option: 'propagators',
  variables: ['OTEL_PROPAGATORS'],
};
export const REGISTER: Setting<boolean> = { kind: flag, option: 'register' };
export const EXIT_TIMEOUT: Setting<number> = {
  kind: delay,
  option: 'exitTimeoutMs',
  variables: ['FAULTLINE_EXIT_TIMEOUT'],
};
export const DEBUG: Setting<boolean> = { kind: flag, option: 'debug', variables: ['SENTRY_DEBUG'] };

export const ENV_FILE: Setting<string | false> = { kind: fileOrNone, option: 'envFile' };

/** The variable for traces alone, then the one for all signals. */
function otlpVariables(name: string): readonly string[] {
  return [`OTEL_EXPORTER_OTLP_TRACES_${name}`, `OTEL_EXPORTER_OTLP_${name}`];
}
