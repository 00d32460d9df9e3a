import {
  DB_SYSTEM_NAME,
  GEN_AI_OPERATION_NAME,
  GEN_AI_PROVIDER_NAME,
  SENTRY_ENVIRONMENT,
  SENTRY_OP,
  SENTRY_RELEASE,
} from '../../telemetry/semconv.ts';
import {
  STATUS_CODE_ERROR,
  type AttributeValue,
  type ReceivedAttributes,
  type ReceivedSpan,
} from '../received-span.ts';

/** What Sentry would store of a span: no events, only flat attributes, and what Relay derives. */
export interface StoredSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** The client's `sentry.op`, or what Relay derives. */
  readonly op: string;
  /** How the agent dashboards count the span; undefined when they do not see it. */
  readonly operationType: AiOperationType | undefined;
  readonly status: 'ok' | 'error';
  readonly environment?: string;
  readonly release?: string;
  readonly isSegment: boolean;
  readonly attributes: Readonly<Record<string, StoredAttribute>>;
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes: Readonly<Record<string, StoredAttribute>>;
  }[];
}

export type AiOperationType = 'agent' | 'ai_client' | 'tool' | 'handoff';

export type StoredAttribute = string | boolean | number | bigint;

const OPERATION_TYPE = 'gen_ai.operation.type';
const PARENT_IS_REMOTE = 0x300;
const KINDS: readonly (string | undefined)[] = [undefined, 'internal', 'server', 'client', 'producer', 'consumer'];

/** Converts a span the way Relay's `otel_to_sentry_v2` and its normalization do, as far as this project depends on it. */
export function storedSpan(span: ReceivedSpan): StoredSpan {
  const attributes: Record<string, StoredAttribute> = {
    ...storedAttributes(span.resource, 'resource.'),
    'instrumentation.name': span.scope.name,
    'instrumentation.version': span.scope.version,
    'sentry.origin': 'auto.otlp.spans',
    ...storedAttributes(span.attributes),
  };
  const environment = text(
    attributes[SENTRY_ENVIRONMENT] ??
      attributes['resource.deployment.environment.name'] ??
      attributes['resource.deployment.environment'],
  );
  const release = text(attributes[SENTRY_RELEASE]);
  const op = text(attributes[SENTRY_OP]) ?? derivedOp(span, attributes);
  const operationType = aiOperationType(op, attributes);
  const kind = KINDS[span.kind];

  attributes[SENTRY_OP] = op;
  if (environment !== undefined) attributes[SENTRY_ENVIRONMENT] = environment;
  if (operationType !== undefined) attributes[OPERATION_TYPE] = operationType;
  if (kind !== undefined) attributes['sentry.kind'] = kind;
  if (span.status.message !== undefined) attributes['sentry.status.message'] = span.status.message;

  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
    name: span.name,
    op,
    operationType,
    status: span.status.code === STATUS_CODE_ERROR ? 'error' : 'ok',
    ...(environment === undefined ? {} : { environment }),
    ...(release === undefined ? {} : { release }),
    isSegment: span.parentSpanId === undefined || (span.flags & PARENT_IS_REMOTE) === PARENT_IS_REMOTE,
    attributes,
    links: span.links.map(({ traceId, spanId, attributes: own }) => ({
      traceId,
      spanId,
      attributes: storedAttributes(own),
    })),
  };
}

/** The first condition that holds decides, in Relay's order. */
function derivedOp(span: ReceivedSpan, attributes: Readonly<Record<string, StoredAttribute>>): string {
  if ('http.request.method' in attributes) {
    return span.kind === 2 ? 'http.server' : span.kind === 3 ? 'http.client' : 'http';
  }
  if (DB_SYSTEM_NAME in attributes) return 'db';
  const operation = text(attributes[GEN_AI_OPERATION_NAME]);
  if (operation !== undefined) return `gen_ai.${operation}`;
  if (GEN_AI_PROVIDER_NAME in attributes) return 'gen_ai';
  if ('rpc.service' in attributes) return 'rpc';
  if ('messaging.system' in attributes) return 'message';
  return text(attributes['faas.trigger']) ?? 'default';
}

const AGENT_OPERATIONS: ReadonlySet<string> = new Set([
  'invoke_agent',
  'create_agent',
  'gen_ai.invoke_agent',
  'gen_ai.create_agent',
  'ai.run.generateText',
  'ai.run.generateObject',
]);

/** Whatever is an AI span and is not named here counts as a model call: that is the trap for custom operation names. */
function aiOperationType(
  op: string,
  attributes: Readonly<Record<string, StoredAttribute>>,
): AiOperationType | undefined {
  const isAi =
    OPERATION_TYPE in attributes ||
    GEN_AI_OPERATION_NAME in attributes ||
    op.startsWith('gen_ai.') ||
    op.startsWith('ai.');
  if (!isAi) return undefined;
  const operation = text(attributes[GEN_AI_OPERATION_NAME]) ?? op;
  if (/^ai\..*\.do(?:Stream|Generate)/.test(operation)) return 'ai_client';
  if (AGENT_OPERATIONS.has(operation) || /^ai\.(?:pipeline\.|streamText|generateText|generateObject)/.test(operation)) {
    return 'agent';
  }
  if (operation === 'execute_tool' || operation === 'gen_ai.execute_tool' || operation.startsWith('ai.toolCall')) {
    return 'tool';
  }
  if (operation === 'handoff' || operation === 'gen_ai.handoff') return 'handoff';
  return 'ai_client';
}

function storedAttributes(attributes: ReceivedAttributes, prefix = ''): Record<string, StoredAttribute> {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([key, value]) => {
      const stored = storedAttribute(value);
      return stored === undefined ? [] : [[`${prefix}${key}`, stored]];
    }),
  );
}

/** Undefined when the attribute is not stored at all. */
function storedAttribute(value: AttributeValue): StoredAttribute | undefined {
  if (isList(value)) return `[${value.flatMap(elementJson).join()}]`;
  if (typeof value !== 'object') return value;
  if (value === null) return undefined;
  if (value instanceof Uint8Array) return utf8(value);
  const members = Object.entries(value).flatMap(([key, member]) =>
    elementJson(member).map((json) => `${JSON.stringify(key)}:${json}`),
  );
  return `{${members.join()}}`;
}

/** JSON of a list element or map member; nothing for what Relay removes: nested lists and maps, NaN, bytes that are no text. */
function elementJson(value: AttributeValue): readonly string[] {
  if (typeof value === 'bigint') return [String(value)];
  if (typeof value === 'number') return Number.isFinite(value) ? [String(value)] : [];
  if (typeof value !== 'object') return [JSON.stringify(value)];
  const decoded = value instanceof Uint8Array ? utf8(value) : undefined;
  return decoded === undefined ? [] : [JSON.stringify(decoded)];
}

function isList(value: AttributeValue): value is readonly AttributeValue[] {
  return Array.isArray(value);
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function text(value: StoredAttribute | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
