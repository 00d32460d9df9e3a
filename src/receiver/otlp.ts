import { describe, MalformedOtlpError } from './malformed-otlp-error.ts';
import { readJsonRequest } from './otlp-json.ts';
import type { LinkMessage, SpanMessage } from './otlp-message.ts';
import { readProtobufRequest } from './otlp-protobuf.ts';
import type { ReceivedAttributes, ReceivedLink, ReceivedSpan } from './received-span.ts';

export { MalformedOtlpError } from './malformed-otlp-error.ts';

/** The two encodings of OTLP over HTTP. */
export type OtlpFormat = 'json' | 'protobuf';

/**
 * Decodes an OTLP ExportTraceServiceRequest into its spans, in the order they were sent.
 *
 * A request is taken whole or not at all: the first thing wrong with it throws MalformedOtlpError.
 */
export function decodeTraceRequest(body: Uint8Array, format: OtlpFormat): ReceivedSpan[] {
  const request = format === 'json' ? readJsonRequest(body) : readProtobufRequest(body);
  return request.flatMap(({ resource, scopeSpans }, r) =>
    scopeSpans.flatMap(({ scope, spans }, s) =>
      spans.map((span, i) => receivedSpan(span, resource, scope, `resourceSpans[${r}].scopeSpans[${s}].spans[${i}]`)),
    ),
  );
}

function receivedSpan(
  message: SpanMessage,
  resource: ReceivedAttributes,
  scope: ReceivedSpan['scope'],
  at: string,
): ReceivedSpan {
  const { parentSpanId, status, links, ...rest } = message;
  return {
    ...rest,
    traceId: identifier(message.traceId, 16, `${at}.traceId`),
    spanId: identifier(message.spanId, 8, `${at}.spanId`),
    // Some senders write a root span's parent as zeros, and the Collector reads that as no parent.
    ...(/^0*$/.test(parentSpanId) ? {} : { parentSpanId: identifier(parentSpanId, 8, `${at}.parentSpanId`) }),
    status: status.message === '' ? { code: status.code } : status,
    links: links.map((link, i) => receivedLink(link, `${at}.links[${i}]`)),
    resource,
    scope,
  };
}

function receivedLink(message: LinkMessage, at: string): ReceivedLink {
  return {
    traceId: identifier(message.traceId, 16, `${at}.traceId`),
    spanId: identifier(message.spanId, 8, `${at}.spanId`),
    attributes: message.attributes,
  };
}

function identifier(hex: string, bytes: number, at: string): string {
  if (hex.length === bytes * 2 && /^[0-9a-f]+$/i.test(hex) && !/^0+$/.test(hex)) return hex.toLowerCase();
  throw new MalformedOtlpError(
    at,
    `${bytes} bytes (${bytes * 2} hex digits), not all zero`,
    hex === '' ? 'nothing' : describe(hex),
  );
}
