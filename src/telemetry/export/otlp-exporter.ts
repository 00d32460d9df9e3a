import { createRequire } from 'node:module';

import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import type { Protocol } from '../config/options.ts';
import { gzipNow } from '../http/compress.ts';
import type { Connection } from '../http/connection.ts';
import type { NowRequest } from '../http/send-now.ts';
import { callBack, type DeliveringExporter, type DeliveryFailure } from './delivery-result.ts';
import { requestHeaders } from './request-headers.ts';
import { serializeAtOnce, type SpanSerializer } from './serialize-spans.ts';

/** The OTLP exporter of one destination. It sends every export once, in the words of the destination. */
export interface OtlpExporter extends DeliveringExporter {
  /**
   * Makes requests at once, for a process that cannot wait: see `sendNow`. `undefined` when it cannot: a bundled
   * application that dies before the packages are loaded has no files to load them from.
   */
  requestsNow(): ((spans: readonly ReadableSpan[]) => NowRequest) | undefined;
}

/**
 * Creates an OTLP exporter. The packages that speak OTLP are 125 files: they load while the program goes on, and
 * exports wait for them.
 */
export function createOtlpExporter(destination: Destination, connection: Connection): OtlpExporter {
  const { url, tls, protocol, compression } = destination;
  let serializer: SpanSerializer | undefined;
  let loaded: DeliveringExporter | undefined;
  const load = async (): Promise<DeliveringExporter> => {
    try {
      const { createOfficialExporter, serializerOf } = await import('./official-exporter.ts');
      serializer = serializerOf(protocol);
      loaded = createOfficialExporter(destination, connection);
    } catch (error) {
      loaded = exporterThatCannot(error);
    }
    return loaded;
  };
  const loading = load();

  return {
    export(spans, done) {
      if (loaded === undefined) void loading.then((exporter) => exporter.export(spans, done));
      else loaded.export(spans, done);
    },
    async forceFlush() {
      const exporter = await loading;
      await exporter.forceFlush();
    },
    async shutdown() {
      const exporter = await loading;
      await exporter.shutdown();
    },
    requestsNow() {
      const write = serializer ?? serializerAtOnce(protocol);
      if (write === undefined) return undefined;
      return (spans) => {
        const { body } = serializeAtOnce(spans, destination, write);
        return {
          url,
          headers: requestHeaders(destination),
          body: compression === 'gzip' ? gzipNow(body) : body,
          tls,
          proxy: connection.proxy,
        };
      };
    },
  };
}

function serializerAtOnce(protocol: Protocol): SpanSerializer | undefined {
  try {
    const require = createRequire(import.meta.url);
    const official = require('@opentelemetry/otlp-transformer') as typeof import('@opentelemetry/otlp-transformer');
    return protocol === 'http/protobuf' ? official.ProtobufTraceSerializer : official.JsonTraceSerializer;
  } catch {
    return undefined;
  }
}

/** Stands in where the packages are missing: a bundler left them out, or the installation is damaged. */
function exporterThatCannot(error: unknown): DeliveringExporter {
  const reason = error instanceof Error && 'code' in error ? String(error.code) : 'they threw while loading';
  const failure: DeliveryFailure = {
    kind: 'misconfigured',
    cause: 'not loaded',
    sentence: `the packages that speak OTLP could not be loaded (${reason}); install @opentelemetry/exporter-trace-otlp-http`,
  };
  return {
    export: (spans, done) => callBack(done, { undecided: spans, failure }),
    async forceFlush() {},
    async shutdown() {},
  };
}
