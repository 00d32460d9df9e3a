import type { OTLPExporterNodeConfigBase } from '@opentelemetry/otlp-exporter-base';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';

/** The four ways the official exporters send. */
export const EXPORTERS: readonly (readonly [
  name: string,
  create: (config: OTLPExporterNodeConfigBase) => SpanExporter,
])[] = [
  ['JSON', (config) => new JsonExporter({ compression: CompressionAlgorithm.NONE, ...config })],
  ['JSON with gzip', (config) => new JsonExporter({ compression: CompressionAlgorithm.GZIP, ...config })],
  ['protobuf', (config) => new ProtobufExporter({ compression: CompressionAlgorithm.NONE, ...config })],
  ['protobuf with gzip', (config) => new ProtobufExporter({ compression: CompressionAlgorithm.GZIP, ...config })],
];

/** Exports once, shuts the exporter down and gives back what it reported. */
export async function exportOnce(
  exporter: SpanExporter,
  spans: ReadableSpan[],
): Promise<{ code: number; error?: Error }> {
  const result = await new Promise<{ code: number; error?: Error }>((resolve) => exporter.export(spans, resolve));
  await exporter.shutdown();
  return result;
}
