import type { Attributes, AttributeValue } from '@opentelemetry/api';

import { MAX_ATTRIBUTE_BYTES } from '../../content/policy.ts';
import {
  GEN_AI_CONVERSATION_ID,
  GEN_AI_INPUT_MESSAGES,
  GEN_AI_REQUEST_SEED,
  GEN_AI_REQUEST_STREAM,
  GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  SCOPE_NAME,
} from '../../semconv.ts';
import type { Dialect } from './dialect.ts';
import { foreignAttributes } from './foreign-spans.ts';

const SENTRY_DESCRIPTION = 'sentry.description';
const GEN_AI_RESPONSE_STREAMING = 'gen_ai.response.streaming';

/** Sentry answers 200 and drops spans whose name holds a slash (getsentry/sentry issue 121417). */
const SLASH = '/';
const DIVISION_SLASH = '\u2215';

/** A conversation id is a segment of a URL in Sentry; anything else breaks the view. */
const NOT_IN_CONVERSATION_ID = /[^A-Za-z0-9_-]/g;

/** Names and types as Sentry's ingestion stores and its AI views query them. */
export const sentryDialect: Dialect = (span) => {
  const attributes: Attributes = {};
  const isOurs = span.instrumentationScope.name === SCOPE_NAME;
  const given = isOurs ? span.attributes : foreignAttributes(span);
  for (const [key, value] of Object.entries(given)) translate(attributes, key, value);
  if (!span.name.includes(SLASH)) return { name: span.name, attributes };
  attributes[SENTRY_DESCRIPTION] ??= span.name;
  return { name: span.name.replaceAll(SLASH, DIVISION_SLASH), attributes };
};

function translate(attributes: Attributes, key: string, value: AttributeValue | undefined): void {
  if (value === undefined) return;
  switch (key) {
    case GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS:
      attributes[GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS] = value;
      break;
    case GEN_AI_REQUEST_STREAM:
      attributes[key] = value;
      attributes[GEN_AI_RESPONSE_STREAMING] = value;
      break;
    case GEN_AI_REQUEST_SEED:
      attributes[key] = String(value);
      break;
    case GEN_AI_CONVERSATION_ID:
      attributes[key] = String(value).replaceAll(NOT_IN_CONVERSATION_ID, '_');
      break;
    case GEN_AI_INPUT_MESSAGES:
      attributes[key] = typeof value === 'string' ? withResults(value) : JSON.stringify(value);
      break;
    default:
      // Sentry keeps an array as unsearchable text and loses what is nested in it.
      attributes[key] = typeof value === 'object' ? JSON.stringify(value) : value;
  }
}

const TOOL_RESPONSE = 'tool_call_response';

/**
 * The conventions have a tool's answer under `response`, Sentry's views read it from `result`. It has both where
 * they are not too much for an attribute, and what is read where they are.
 */
function withResults(messages: string): string {
  if (!messages.includes(TOOL_RESPONSE)) return messages;
  try {
    const both = JSON.stringify(JSON.parse(messages, addResult));
    if (Buffer.byteLength(both) <= MAX_ATTRIBUTE_BYTES) return both;
    return JSON.stringify(JSON.parse(messages, renameResponse));
  } catch {
    // Not ours, and no JSON.
    return messages;
  }
}

function addResult(_key: string, value: unknown): unknown {
  return isResponseOnly(value) ? { ...value, result: value.response } : value;
}

function renameResponse(_key: string, value: unknown): unknown {
  if (!isResponseOnly(value)) return value;
  const { response, ...others } = value;
  return { ...others, result: response };
}

function isResponseOnly(value: unknown): value is { readonly response: unknown } {
  if (typeof value !== 'object' || value === null || !('response' in value) || 'result' in value) return false;
  return (value as { readonly type?: unknown }).type === TOOL_RESPONSE;
}
