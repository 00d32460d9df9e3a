import { context, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';

import type { OtlpFormat } from '../../src/receiver/otlp.ts';

export const REMOTE_TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
export const REMOTE_SPAN_ID = 'b7ad6b7169203331';
export const START_SECONDS = 1_795_195_344;

/** Three spans of the real SDK that between them hold every kind of thing OTLP can say. */
export async function sampleSpans(): Promise<ReadableSpan[]> {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'trip-helper', 'deployment.environment.name': 'staging' }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('faultline', '1.2.3');
  const remote = trace.setSpanContext(context.active(), {
    traceId: REMOTE_TRACE_ID,
    spanId: REMOTE_SPAN_ID,
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });

  const agent = tracer.startSpan(
    'agent.invoke helper',
    { kind: SpanKind.INTERNAL, startTime: [START_SECONDS, 0] },
    remote,
  );
  const inAgent = trace.setSpan(remote, agent);
  const chat = tracer.startSpan(
    'chat gpt-x',
    {
      kind: SpanKind.CLIENT,
      startTime: [START_SECONDS, 1],
      attributes: {
        text: 'Grüße, 世界 🌍',
        empty: '',
        yes: true,
        no: false,
        whole: 42,
        negative: -7,
        large: 2 ** 53,
        fraction: 0.25,
        texts: ['a', 'b'],
        numbers: [1, 2.5, -3],
        none: [],
      },
      links: [
        {
          context: { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceFlags: TraceFlags.SAMPLED },
          attributes: { why: 'retry' },
        },
      ],
    },
    inAgent,
  );
  chat.end([START_SECONDS, 999_999_999]);
  const tool = tracer.startSpan(
    'execute_tool get_weather',
    { startTime: [START_SECONDS + 1, 0] },
    trace.setSpan(inAgent, chat),
  );
  tool.recordException(new TypeError('backend unavailable'), [START_SECONDS + 1, 5]);
  tool.setStatus({ code: SpanStatusCode.ERROR, message: 'backend unavailable' });
  tool.end([START_SECONDS + 2, 0]);
  agent.end([START_SECONDS + 3, 0]);

  await provider.forceFlush();
  return exporter.getFinishedSpans();
}

/** A request body as OpenTelemetry's own serializer writes it. */
export function serialized(spans: ReadableSpan[], format: OtlpFormat): Uint8Array {
  const bytes = (format === 'json' ? JsonTraceSerializer : ProtobufTraceSerializer).serializeRequest(spans);
  if (bytes === undefined) throw new Error('The serializer returned nothing.');
  return bytes;
}

export const TRACE_ID: string = '1'.repeat(32);

export interface JsonSpan {
  readonly [field: string]: unknown;
}

/** An OTLP JSON request with these spans, each completed with valid ids and times. */
export function jsonRequest(...spans: readonly JsonSpan[]): Uint8Array {
  return json({ resourceSpans: [{ scopeSpans: [{ spans: spans.map(completeSpan) }] }] });
}

function completeSpan(span: JsonSpan, index: number): JsonSpan {
  return {
    traceId: TRACE_ID,
    spanId: String(index + 1).padStart(16, '0'),
    name: `span ${index + 1}`,
    startTimeUnixNano: '1000',
    endTimeUnixNano: '2000',
    ...span,
  };
}

export function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
