import { describe, expect, test } from 'vitest';

import { decodeTraceRequest, MalformedOtlpError, type OtlpFormat } from '../../src/receiver/otlp.ts';
import {
  json,
  REMOTE_SPAN_ID,
  REMOTE_TRACE_ID,
  sampleSpans,
  serialized,
  START_SECONDS,
  TRACE_ID,
} from './sample-spans.ts';
import { thrownBy } from './thrown-by.ts';
import { fc } from '../support/properties.ts';

const FORMATS: readonly OtlpFormat[] = ['json', 'protobuf'];

describe.each(FORMATS)('a request of the official %s serializer', (format) => {
  test('comes out as it went in, field by field', async () => {
    const sent = await sampleSpans();
    const [chatSent, toolSent, agentSent] = sent;

    const [chat, tool, agent] = decodeTraceRequest(serialized(sent, format), format);

    const resource = { 'service.name': 'trip-helper', 'deployment.environment.name': 'staging' };
    const scope = { name: 'faultline', version: '1.2.3' };
    const start = BigInt(START_SECONDS) * 1_000_000_000n;
    expect(chat).toEqual({
      traceId: REMOTE_TRACE_ID,
      spanId: chatSent?.spanContext().spanId,
      parentSpanId: agentSent?.spanContext().spanId,
      name: 'chat gpt-x',
      kind: 3,
      startTimeUnixNano: start + 1n,
      endTimeUnixNano: start + 999_999_999n,
      attributes: {
        text: 'Grüße, 世界 🌍',
        empty: '',
        yes: true,
        no: false,
        whole: 42,
        negative: -7,
        large: 9_007_199_254_740_992n,
        fraction: 0.25,
        texts: ['a', 'b'],
        numbers: [1, 2.5, -3],
        none: [],
      },
      status: { code: 0 },
      events: [],
      links: [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), attributes: { why: 'retry' } }],
      flags: 0x101,
      resource,
      scope,
    });
    expect(tool).toEqual({
      traceId: REMOTE_TRACE_ID,
      spanId: toolSent?.spanContext().spanId,
      parentSpanId: chatSent?.spanContext().spanId,
      name: 'execute_tool get_weather',
      kind: 1,
      startTimeUnixNano: start + 1_000_000_000n,
      endTimeUnixNano: start + 2_000_000_000n,
      attributes: {},
      status: { code: 2, message: 'backend unavailable' },
      events: [
        {
          name: 'exception',
          timeUnixNano: start + 1_000_000_005n,
          attributes: {
            'exception.type': 'TypeError',
            'exception.message': 'backend unavailable',
            'exception.stacktrace': expect.stringContaining('TypeError: backend unavailable'),
          },
        },
      ],
      links: [],
      flags: 0x101,
      resource,
      scope,
    });
    expect(agent).toMatchObject({ name: 'agent.invoke helper', parentSpanId: REMOTE_SPAN_ID, kind: 1, flags: 0x301 });
  });

  test('may be empty', () => {
    expect(decodeTraceRequest(serialized([], format), format)).toEqual([]);
  });
});

test('both formats of the same spans decode to the same result', async () => {
  const spans = await sampleSpans();

  const [fromJson, fromProtobuf] = FORMATS.map((format) => decodeTraceRequest(serialized(spans, format), format));

  expect(fromJson).toEqual(fromProtobuf);
});

/** Runs the decoder and returns what escaped it that should not have. */
const escapes = (body: Uint8Array, format: OtlpFormat): unknown => {
  const error = thrownBy(() => decodeTraceRequest(body, format));
  return error instanceof MalformedOtlpError ? undefined : error;
};

test.each(FORMATS)('random bytes as %s either decode or are malformed, never anything else', (format) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (body) => {
      expect(escapes(body, format)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

test.each(FORMATS)('a good %s request with bytes changed or cut off either decodes or is malformed', async (format) => {
  const good = serialized(await sampleSpans(), format);
  const change = fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255) });

  fc.assert(
    fc.property(fc.array(change, { maxLength: 5 }), fc.nat(good.length), (changes, length) => {
      const body = Uint8Array.from(good);
      for (const { at, to } of changes) body[at] = to;
      expect(escapes(body, format)).toBeUndefined();
      expect(escapes(body.subarray(0, length), format)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

test('any JSON in the place of any part of a request either decodes or is malformed', () => {
  const part = fc.jsonValue();
  fc.assert(
    fc.property(
      part,
      fc.constantFrom('spans', 'scope', 'resource', 'attributes', 'events', 'status', 'name', 'kind', 'value'),
      (value, where) => {
        const span = {
          traceId: TRACE_ID,
          spanId: '1'.repeat(16),
          [where]: value,
          attributes: where === 'value' ? [{ key: 'k', value }] : value,
        };
        const body = {
          resourceSpans: [
            {
              resource: where === 'resource' ? value : {},
              scopeSpans: [{ scope: value, spans: where === 'spans' ? value : [span] }],
            },
          ],
        };
        expect(escapes(json(body), 'json')).toBeUndefined();
        expect(escapes(json(value), 'json')).toBeUndefined();
      },
    ),
    { numRuns: 500 },
  );
});
