import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

import { jsonAnswer, type HttpAnswer } from './http-answer.ts';
import type { OtlpFormat } from './otlp.ts';

const PROTOBUF_TYPE = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

/** The format a content type announces, parameters such as `; charset=utf-8` aside; undefined when OTLP knows no such type. */
export function otlpFormat(contentType: string | undefined): OtlpFormat | undefined {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === JSON_TYPE) return 'json';
  if (type === PROTOBUF_TYPE) return 'protobuf';
  return undefined;
}

/** The answer to a request that was taken whole: an ExportTraceServiceResponse with nothing in it, in the request's format. */
export function acceptedAnswer(format: OtlpFormat): HttpAnswer {
  return format === 'json'
    ? jsonAnswer(200, {})
    : { status: 200, headers: { 'content-type': PROTOBUF_TYPE }, body: new Uint8Array() };
}

/** A refusal: a google.rpc.Status in the request's format, its code derived from the HTTP status. */
export function statusAnswer(
  format: OtlpFormat,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  const code = rpcCode(status);
  if (format === 'json') return jsonAnswer(status, { code, message }, headers);
  const body = new BinaryWriter()
    .tag(1, WireType.Varint)
    .int32(code)
    .tag(2, WireType.LengthDelimited)
    .string(message)
    .finish();
  return { status, headers: { 'content-type': PROTOBUF_TYPE, ...headers }, body };
}

/** google.rpc.Code per HTTP status, as Sentry's Relay maps it. */
const RPC_CODES: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  413: 8,
  415: 3,
  429: 8,
  501: 12,
  502: 14,
  503: 14,
  504: 4,
};

function rpcCode(status: number): number {
  return RPC_CODES[status] ?? (status >= 500 ? 13 : 2);
}
