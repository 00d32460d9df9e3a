import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  createOtlpNetworkExportDelegate,
  ExporterMetrics,
  OTLPExporterBase,
  type IOtlpExportDelegate,
} from '@opentelemetry/otlp-exporter-base';
import {
  JsonTraceSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import type { Connection } from '../http/connection.ts';
import { callBackWith, type DeliveringExporter, type Outcome } from './delivery-result.ts';
import { outcomeOf, type Verdict } from './otlp-answer.ts';
import type { TraceSerializers } from './otlp-exporter.ts';
import { createOtlpTransport, type OtlpTransport } from './otlp-transport.ts';
import { serializeSpans, type SerializedSpans } from './serialize-spans.ts';

type SpanDelegate = IOtlpExportDelegate<ReadableSpan[]>;

/** Creates the official OTLP exporter, with a transport and slices of ours below it. */
export function createOfficialExporter(destination: Destination, connection: Connection): DeliveringExporter {
  const delegate = createDelegate(destination, createOtlpTransport(destination, connection, SERIALIZERS));
  // Its own constructor would read OTEL_EXPORTER_OTLP_* once more, and send the key of one backend to every other. As
  // nothing but the class is used, its package may be of an older version than the rest: npm installs no second one
  // beside a library that names another as an optional peer, such as the SDK of Mistral.
  const official = Reflect.construct(OTLPExporterBase, [delegate], OTLPTraceExporter) as OTLPTraceExporter;
  return {
    // The results are those of the delegate, which are delivery results.
    export: (spans, done) => official.export(spans, done as Parameters<typeof official.export>[1]),
  };
}

export const SERIALIZERS: TraceSerializers = {
  'http/json': JsonTraceSerializer,
  'http/protobuf': ProtobufTraceSerializer,
};

/** More than are ever sent at a time: it is for whoever calls to wait. */
const MAX_CONCURRENT = 30;
/** What OpenTelemetry calls exporters of this kind in its own metrics. */
const COMPONENT_TYPE = 'otlp_http_span_exporter';

/** Writes the spans, hands them to the official delegate, and tells what became of them. */
function createDelegate(destination: Destination, transport: OtlpTransport): SpanDelegate {
  const { url, timeoutMs, protocol, compression } = destination;
  const bodies = new WeakMap<readonly ReadableSpan[], Uint8Array>();
  const serializer = SERIALIZERS[protocol];
  const network: SpanDelegate = createOtlpNetworkExportDelegate(
    { timeoutMillis: timeoutMs, concurrencyLimit: MAX_CONCURRENT, compression },
    {
      serializeRequest: (spans: ReadableSpan[]) => bodies.get(spans),
      deserializeResponse: (data) => serializer.deserializeResponse(data),
    },
    new ExporterMetrics<ReadableSpan[]>({
      componentType: COMPONENT_TYPE,
      metricsHelper: TraceExporterMetricsHelper,
      url,
      meterProvider: undefined,
      responseAttributesFromError: () => ({}),
    }),
    transport,
  );

  const send = (spans: ReadableSpan[], { body, unwritable }: SerializedSpans): Promise<Outcome> =>
    new Promise((resolve) => {
      if (unwritable === spans.length) return resolve(outcomeOf(NOTHING_TO_SEND, spans, unwritable));
      bodies.set(spans, body);
      network.export(spans, ({ error }) => {
        // Not by itself: what has become old keeps its body until the whole heap is collected.
        bodies.delete(spans);
        resolve(outcomeOf(transport.takeVerdict(body) ?? notSent(error), spans, unwritable));
      });
    });

  const exportAll = async (spans: ReadableSpan[]): Promise<Outcome> => {
    const serialized = serializeSpans(spans, destination, serializer);
    return send(spans, serialized instanceof Promise ? await serialized : serialized);
  };

  return {
    export(spans, done) {
      void callBackWith(done, spans, () => exportAll(spans));
    },
    // The official exporter asks for these, and nobody asks it for them.
    async forceFlush() {},
    async shutdown() {},
    setMetrics: (metrics) => network.setMetrics(metrics),
  };
}

const NOTHING_TO_SEND: Verdict = { kind: 'accepted', rejected: 0, pauseMs: 0 };

/** Nothing went out. The official delegate says so in words alone. */
function notSent(error: Error | undefined): Verdict {
  const sentence = `they could not be sent (${error?.message ?? 'no reason was given'})`;
  return {
    kind: 'failed',
    failure: { kind: 'passing', cause: 'not sent', sentence, mayHaveArrived: false },
    pauseMs: 0,
  };
}
