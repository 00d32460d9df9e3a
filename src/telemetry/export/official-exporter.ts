import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { createOtlpNetworkExportDelegate, ExporterMetrics, OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import {
  JsonTraceSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import type { Connection } from '../http/connection.ts';
import type { DeliveringExporter, Outcome } from './outcome.ts';
import { outcomeOf, type Verdict } from './otlp-answer.ts';
import type { TraceSerializers } from './otlp-exporter.ts';
import { createOtlpTransport } from './otlp-transport.ts';
import { serializeSpans, type SerializedSpans } from './serialize-spans.ts';

export const SERIALIZERS: TraceSerializers = {
  'http/json': JsonTraceSerializer,
  'http/protobuf': ProtobufTraceSerializer,
};

/** More than are ever sent at a time: it is for whoever calls to wait. */
const MAX_CONCURRENT = 30;
/** What OpenTelemetry calls exporters of this kind in its own metrics. */
const COMPONENT_TYPE = 'otlp_http_span_exporter';

/**
 * Creates the official OTLP exporter, with a transport of ours below it, and slices that are written before it is asked
 * to send them.
 */
export function createOfficialExporter(destination: Destination, connection: Connection): DeliveringExporter {
  const { url, timeoutMs, protocol, compression } = destination;
  const transport = createOtlpTransport(destination, connection, SERIALIZERS);
  const bodies = new WeakMap<readonly ReadableSpan[], Uint8Array>();
  const serializer = SERIALIZERS[protocol];
  const delegate = createOtlpNetworkExportDelegate<ReadableSpan[], unknown>(
    { timeoutMillis: timeoutMs, concurrencyLimit: MAX_CONCURRENT, compression },
    {
      serializeRequest: (spans) => bodies.get(spans),
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
  // Its own constructor would read OTEL_EXPORTER_OTLP_* once more, and send the key of one backend to every other. As
  // nothing but the class is used, its package may be of an older version than the rest: npm installs no second one
  // beside a library that names another as an optional peer, such as the SDK of Mistral.
  const official = Reflect.construct(OTLPExporterBase, [delegate], OTLPTraceExporter) as OTLPTraceExporter;

  const send = (spans: ReadableSpan[], { body, unwritable }: SerializedSpans): Promise<Outcome> =>
    new Promise((resolve) => {
      if (unwritable === spans.length) return resolve(outcomeOf(NOTHING_TO_SEND, spans, unwritable));
      bodies.set(spans, body);
      official.export(spans, ({ error }) => {
        // Not by itself: what has become old keeps its body until the whole heap is collected.
        bodies.delete(spans);
        resolve(outcomeOf(transport.takeVerdict(body) ?? notSent(error), spans, unwritable));
      });
    });

  return {
    async export(spans) {
      const serialized = serializeSpans(spans, destination, serializer);
      return send([...spans], serialized instanceof Promise ? await serialized : serialized);
    },
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
