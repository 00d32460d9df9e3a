import { beforeEach, describe, expect, it } from 'vitest';

import { bySpanId, sentSpans } from './support/arrived.ts';
import { runDemo } from './support/demo.ts';
import { startMockOtlpServer, type DecodedSpan, type MockOtlpServer } from './support/mock-otlp-server.ts';

/** Every attribute of the demo that is not text. */
const TYPES = {
  'faultline.attempt': 'intValue',
  'faultline.cost_usd.total': 'doubleValue',
  'faultline.depth': 'intValue',
  'faultline.fallbacks': 'intValue',
  'faultline.memory_failed': 'boolValue',
  'faultline.tool_errors': 'intValue',
  'faultline.transport.uptime_ms': 'intValue',
  'faultline.turns': 'intValue',
  'faultline.usage.cache_read.input_tokens': 'intValue',
  'faultline.usage.input_tokens': 'intValue',
  'faultline.usage.output_tokens': 'intValue',
  'faultline.usage.reasoning.output_tokens': 'intValue',
  'gen_ai.cost.input_tokens': 'doubleValue',
  'gen_ai.cost.output_tokens': 'doubleValue',
  'gen_ai.cost.total_tokens': 'doubleValue',
  'gen_ai.cost_usd': 'doubleValue',
  'gen_ai.memory.record.count': 'intValue',
  'gen_ai.request.stream': 'boolValue',
  'gen_ai.response.finish_reasons': 'arrayValue<stringValue>',
  'gen_ai.response.time_to_first_chunk': 'doubleValue',
  'gen_ai.tool.call.result.size': 'intValue',
  'gen_ai.usage.cache_read.input_tokens': 'intValue',
  'gen_ai.usage.input_tokens': 'intValue',
  'gen_ai.usage.output_tokens': 'intValue',
  'gen_ai.usage.reasoning.output_tokens': 'intValue',
  'server.port': 'intValue',
};

/** Sampled, and known to have no parent in another process. */
const SAMPLED_LOCAL = 0x101;

let server: MockOtlpServer;
beforeEach(async () => {
  server = await startMockOtlpServer();
  return server.close;
});

describe.each(['http/json', 'http/protobuf'])("Elastic's mockotlpserver, given the demo as %s", (protocol) => {
  it('decodes every span with its ids, its kind, its flags and the types of its attributes', async () => {
    const demo = await runDemo({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: server.tracesUrl,
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol,
    });
    expect(demo).toMatchObject({ code: 0, stderr: '', undelivered: 0 });

    const spans = bySpanId(await server.received(demo.delivered));

    expect(spans.map(identity)).toEqual(sentSpans(demo.traces));
    expect(typesOfAttributes(spans)).toEqual(TYPES);
    for (const { traceId, spanId, flags } of spans) {
      expect({ traceId, spanId, flags }).toEqual({
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
        spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
        flags: SAMPLED_LOCAL,
      });
    }
  });
});

function identity({ traceId, spanId, parentSpanId, name, kind, failed }: DecodedSpan): object {
  return { traceId, spanId, parentSpanId, name, kind, failed };
}

/** The type of each attribute that is not text; `a or b` when it is not the same on every span. */
function typesOfAttributes(spans: readonly DecodedSpan[]): Readonly<Record<string, string>> {
  const found = new Map<string, Set<string>>();
  for (const [key, type] of spans.flatMap(({ types }) => Object.entries(types))) {
    found.set(key, (found.get(key) ?? new Set()).add(type));
  }
  const types = [...found].map(([key, all]) => [key, [...all].join(' or ')] as const);
  return Object.fromEntries(types.filter(([, type]) => type !== 'stringValue'));
}
