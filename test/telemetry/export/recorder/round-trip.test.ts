import { createTraceState, diag, SpanKind, SpanStatusCode, TraceFlags, type Attributes } from '@opentelemetry/api';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { describe, expect, test } from 'vitest';

import type { Recorder } from '../../../../src/telemetry/export/recorder/recorder.ts';
import { deadOwner, record, temporaryDirectory } from './recorded.ts';
import { fc } from '../../../support/properties.ts';

/** What leaves the process for a span, in both protocols. */
function exported(span: ReadableSpan | undefined): { readonly json: string; readonly protobuf: string } {
  const spans = span === undefined ? [] : [span];
  return {
    json: Buffer.from(JsonTraceSerializer.serializeRequest(spans) ?? []).toString('utf8'),
    protobuf: Buffer.from(ProtobufTraceSerializer.serializeRequest(spans) ?? []).toString('hex'),
  };
}

function readBack(recorder: Recorder, span: ReadableSpan): ReadableSpan | undefined {
  const ticket = recorder.ended(span);
  return ticket === undefined ? undefined : recorder.read(ticket);
}

const CONTEXT = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.SAMPLED,
};

/** With what other SDKs have besides. */
const SCOPE = {
  name: 'faultline',
  version: '1.2.3',
  schemaUrl: 'https://example.com/schema',
  attributes: { flavour: 'mild', weight: Number.NaN },
  droppedAttributesCount: 1,
};

const FULL_SPAN: ReadableSpan = {
  name: 'chat gpt-5-mini',
  kind: SpanKind.CLIENT,
  spanContext: () => ({ ...CONTEXT, traceState: createTraceState('vendor=1,other=two') }),
  parentSpanContext: { ...CONTEXT, spanId: '00f067aa0ba902b7', isRemote: true },
  startTime: [1_763_675_100, 123_456_789],
  endTime: [1_763_675_101, 5],
  duration: [0, 876_543_216],
  ended: true,
  status: { code: SpanStatusCode.ERROR, message: 'rate limited\nby the provider' },
  attributes: { 'gen_ai.usage.input_tokens': 12, 'gen_ai.response.finish_reasons': ['stop', null], nothing: '' },
  links: [
    { context: { ...CONTEXT, spanId: '00f067aa0ba902b8', isRemote: false }, attributes: { why: 'retry' } },
    { context: { ...CONTEXT, traceState: createTraceState('a=b') }, droppedAttributesCount: 3 },
  ],
  events: [
    { name: 'exception', time: [1_763_675_100, 5], attributes: { 'exception.type': 'E' }, droppedAttributesCount: 2 },
    { name: 'bare', time: [1_763_675_100, 6] },
  ],
  resource: resourceFromAttributes(
    { 'service.name': 'shop' },
    { schemaUrl: 'https://opentelemetry.io/schemas/1.37.0' },
  ),
  instrumentationScope: SCOPE,
  droppedAttributesCount: 4,
  droppedEventsCount: 5,
  droppedLinksCount: 6,
};

/** Values of attributes, also those that newer SDKs and careless callers put there. */
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 2 },
    fc.string({ unit: 'binary' }),
    // Half of a surrogate pair.
    fc.constant('\uD83D'),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.constant(undefined),
    fc.bigInt(),
    fc.date(),
    fc.uint8Array({ maxLength: 8 }),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.array(tie('any'), { maxLength: 2 }).map((array) => Object.assign(Array.from({ length: 3 }), array)),
    fc.dictionary(fc.string(), tie('any'), { maxKeys: 3 }),
  ),
})).any;

describe('a span that was recorded', () => {
  test('is exported as the live one, with everything it has', () => {
    const { recorder } = record({ directory: temporaryDirectory() });

    const back = readBack(recorder, FULL_SPAN);

    expect(exported(back)).toEqual(exported(FULL_SPAN));
    expect(back).toMatchObject({ duration: FULL_SPAN.duration, ended: true });
    expect(back?.instrumentationScope).toEqual(SCOPE);
  });

  test('is exported as the live one when another process reads it', async () => {
    const directory = temporaryDirectory();
    record({ directory, owner: deadOwner() }).recorder.ended(FULL_SPAN);
    const { recorder } = record({ directory });

    const { spans } = await recorder.recover();

    expect(exported(recorder.read(spans.get('one')?.[0] ?? 0))).toEqual(exported(FULL_SPAN));
  });

  test('is exported as the live one when the SDK made it', () => {
    const { recorder, tracer, spans, tickets } = record({ directory: temporaryDirectory() });
    const span = tracer.startSpan('tool', { kind: SpanKind.INTERNAL, links: [{ context: CONTEXT }] });
    span.setAttributes({ rate: Number.NaN, cost: Infinity, tags: ['é', '🎉'], ok: true });
    span.recordException(new Error('broken'));
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();

    expect(exported(recorder.read(tickets[0] ?? 0))).toEqual(exported(spans[0]));
  });

  test('keeps every attribute as well as OTLP can carry it', () => {
    const { recorder } = record({ directory: temporaryDirectory() });

    fc.assert(
      fc.property(fc.dictionary(fc.string(), value, { maxKeys: 4 }), (attributes) => {
        const span = { ...FULL_SPAN, attributes: attributes as Attributes };
        expect(exported(readBack(recorder, span))).toEqual(exported(span));
      }),
      { numRuns: 300 },
    );
  });

  test('keeps a number that JSON has no word for', () => {
    const { recorder } = record({ directory: temporaryDirectory() });
    const attributes = { nan: Number.NaN, most: Infinity, least: -Infinity, list: [1, Number.NaN] };

    expect(readBack(recorder, { ...FULL_SPAN, attributes })?.attributes).toEqual(attributes);
  });

  test('waits for a resource whose detectors are still at work, without asking it too early', async () => {
    const complaints: unknown[] = [];
    const complain = (message: string): unknown => complaints.push(message);
    diag.setLogger({ error: complain, warn: complain, info() {}, debug() {}, verbose() {} });
    const directory = temporaryDirectory();
    let detected: (host: string) => void = () => {};
    const resource = resourceFromAttributes({
      'service.name': 'shop',
      'host.id': new Promise<string>((resolve) => {
        detected = resolve;
      }),
    });
    const { recorder } = record({ directory, owner: deadOwner() });
    recorder.ended({ ...FULL_SPAN, resource });
    detected('h-1');
    await resource.waitForAsyncAttributes?.();
    recorder.ended({ ...FULL_SPAN, resource });
    const next = record({ directory }).recorder;

    const tickets = (await next.recover()).spans.get('one') ?? [];
    diag.disable();

    expect(complaints).toEqual([]);
    expect(tickets.map((ticket) => next.read(ticket)?.resource.attributes)).toEqual([
      { 'service.name': 'shop' },
      { 'service.name': 'shop', 'host.id': 'h-1' },
    ]);
  });
});
