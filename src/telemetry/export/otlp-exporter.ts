import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { SpanExporter } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import { VERSION } from '../config/version.ts';
import type { ClosableAgent } from './closable-agent.ts';

type ExporterOptions = NonNullable<ConstructorParameters<typeof JsonExporter>[0]>;

/** The official OTLP exporter for a destination. */
export function createOtlpExporter(destination: Destination, agent: ClosableAgent): SpanExporter {
  const options: ExporterOptions = {
    url: destination.url,
    headers: { ...destination.headers },
    // The option is an enum of a package that is not ours to depend on; its values are these words.
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- see above
    compression: destination.compression as NonNullable<ExporterOptions['compression']>,
    timeoutMillis: destination.timeoutMs,
    userAgent: `faultline/${VERSION}`,
    httpAgentOptions: (protocol) => agent.agentFor(protocol),
  };
  const Exporter = destination.protocol === 'http/protobuf' ? ProtobufExporter : JsonExporter;
  return withoutExporterEnvironment(() => new Exporter(options));
}

/**
 * Hides `OTEL_EXPORTER_OTLP_*` from the exporter's constructor, which would merge those headers into every
 * destination's: the key of one backend would go to another. `config/` has read the variables already.
 */
function withoutExporterEnvironment<T>(construct: () => T): T {
  const hidden = Object.entries(process.env).filter(([name]) => name.startsWith('OTEL_EXPORTER_OTLP_'));
  for (const [name] of hidden) delete process.env[name];
  try {
    return construct();
  } finally {
    for (const [name, value] of hidden) process.env[name] = value;
  }
}
