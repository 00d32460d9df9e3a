import type { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import type { Destination } from '../config/destinations.ts';
import type { Protocol } from '../config/options.ts';
import { guard } from '../guard.ts';
import { gzipNow } from '../http/compress.ts';
import type { Connection } from '../http/connection.ts';
import type { Answer } from '../http/post.ts';
import type { NowRequest } from '../http/send-now.ts';
import { requirePackage } from '../require-package.ts';
import type { DeliveringExporter, DeliveryFailure, Outcome } from './outcome.ts';
import { judgeAnswer, outcomeOf } from './otlp-answer.ts';
import { requestHeaders } from './request-headers.ts';
import { serializeAtOnce } from './serialize-spans.ts';

/** What writes spans, and reads answers, in each format: the official serializers. */
export type TraceSerializers = Readonly<Record<Protocol, typeof JsonTraceSerializer>>;

/** A request that is ready to go, and what its answer means for its spans. */
export interface LastRequest {
  readonly request: NowRequest;
  readonly outcomeOf: (answer: Answer) => Outcome;
}

/** The OTLP exporter of one destination. It sends every export once, in the words of the destination. */
export interface OtlpExporter extends DeliveringExporter {
  /**
   * Makes requests at once, for a process that cannot wait: see `sendNow`. `undefined` when it cannot: a bundled
   * application that dies before the packages are loaded has no files to load them from.
   */
  requestsNow(): ((spans: readonly ReadableSpan[]) => LastRequest) | undefined;
}

/**
 * Creates an OTLP exporter. The packages that speak OTLP are 125 files: they load while the program goes on, and
 * exports wait for them.
 */
export function createOtlpExporter(destination: Destination, connection: Connection): OtlpExporter {
  const { url, protocol, compression } = destination;
  let serializers: TraceSerializers | undefined;
  let loaded: DeliveringExporter | undefined;
  const load = async (): Promise<DeliveringExporter> => {
    try {
      const { createOfficialExporter, SERIALIZERS } = await import('./official-exporter.ts');
      serializers = SERIALIZERS;
      loaded = createOfficialExporter(destination, connection);
    } catch (error) {
      loaded = exporterThatCannot(error);
    }
    return loaded;
  };
  const loading = load();

  return {
    // Not by waiting once more for what is there: spans are written before the call returns.
    export: (spans) =>
      loaded === undefined ? loading.then((exporter) => exporter.export(spans)) : loaded.export(spans),
    requestsNow() {
      const official = serializers ?? serializersAtOnce();
      if (official === undefined) return undefined;
      const { proxy, tls } = connection;
      const answering = { ...destination, proxy };
      return (spans) => {
        const { body, unwritable } = serializeAtOnce(spans, destination, official[protocol]);
        return {
          request: {
            url,
            headers: requestHeaders(destination),
            body: compression === 'gzip' ? gzipNow(body) : body,
            tls,
            proxy,
          },
          outcomeOf: (answer) => outcomeOf(judgeAnswer(answer, answering, official), spans, unwritable),
        };
      };
    },
  };
}

function serializersAtOnce(): TraceSerializers | undefined {
  return guard(() => {
    const official = requirePackage(
      '@opentelemetry/otlp-transformer',
    ) as typeof import('@opentelemetry/otlp-transformer');
    return { 'http/json': official.JsonTraceSerializer, 'http/protobuf': official.ProtobufTraceSerializer };
  });
}

/** Stands in where the packages are missing: a bundler left them out, or the installation is damaged. */
function exporterThatCannot(error: unknown): DeliveringExporter {
  const reason = error instanceof Error && 'code' in error ? String(error.code) : 'they threw while loading';
  const failure: DeliveryFailure = {
    kind: 'misconfigured',
    cause: 'not loaded',
    sentence: `the packages that speak OTLP could not be loaded (${reason}); install @opentelemetry/exporter-trace-otlp-http`,
  };
  return { export: async (spans) => ({ undecided: spans, failure }) };
}
