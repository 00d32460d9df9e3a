import { createRequire } from 'node:module';

import type { ArrivedSpan } from './arrived.ts';
import { fileOfPackage, MOCK_OTLP_SERVER_PACKAGE } from './judge.ts';

/** A span as the server decoded it. */
export interface DecodedSpan extends ArrivedSpan {
  readonly flags: number;
  /** Name of the `AnyValue` field each attribute came in: `intValue`, `arrayValue<stringValue>`. */
  readonly types: Readonly<Record<string, string>>;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Elastic's receiver, which decodes by the official proto files and keeps types. It takes no compression. */
export interface MockOtlpServer {
  readonly tracesUrl: string;
  /** Resolves with the spans received so far when there are `count` of them. */
  received(count: number): Promise<readonly DecodedSpan[]>;
  readonly close: () => Promise<void>;
}

/** What is used of the package, which has no types. */
interface ServerModule {
  readonly MockOtlpServer: new (options: {
    services: string[];
    httpHostname: string;
    httpPort: number;
    logLevel: string;
    onTrace(request: object): void;
  }) => { readonly httpUrl: string; start(): Promise<void>; close(): Promise<void> };
  /** Ids as hexadecimal digits, enums as names. */
  readonly normalizeTrace: (request: object) => TraceRequest<NormalSpan>;
}

interface TraceRequest<Span> {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
}

interface NormalSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: string;
  readonly flags: number;
  readonly status: { readonly code: string };
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface PlainSpan {
  readonly attributes: readonly { readonly key: string; readonly value: AnyValue }[];
}

type AnyValue = Readonly<Record<string, unknown>>;

export async function startMockOtlpServer(): Promise<MockOtlpServer> {
  const entry = fileOfPackage(MOCK_OTLP_SERVER_PACKAGE, 'lib/index.js');
  const { MockOtlpServer, normalizeTrace } = createRequire(import.meta.url)(entry) as ServerModule;
  const spans: DecodedSpan[] = [];
  let wake = (): void => {};
  const server = new MockOtlpServer({
    services: ['http'],
    httpHostname: '127.0.0.1',
    httpPort: 0,
    logLevel: 'warn',
    onTrace(request) {
      // First, because normalizing writes into the request.
      const plain = spansOf(JSON.parse(JSON.stringify(request)) as TraceRequest<PlainSpan>);
      const normal = spansOf(normalizeTrace(request));
      spans.push(...normal.map((span, index) => decodedSpan(span, plain[index]!)));
      wake();
    },
  });
  await server.start();
  return {
    tracesUrl: new URL('v1/traces', server.httpUrl).href,
    async received(count) {
      // It answers before it decodes, so the last spans may still be on their way.
      while (spans.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return spans;
    },
    close: () => server.close(),
  };
}

function spansOf<Span>({ resourceSpans }: TraceRequest<Span>): readonly Span[] {
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}

function decodedSpan(span: NormalSpan, { attributes }: PlainSpan): DecodedSpan {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? null,
    name: span.name,
    kind: span.kind.replace('SPAN_KIND_', '').toLowerCase(),
    failed: span.status.code === 'STATUS_CODE_ERROR',
    flags: span.flags,
    types: Object.fromEntries(attributes.map(({ key, value }) => [key, typeOf(value)])),
    attributes: span.attributes,
  };
}

function typeOf(value: AnyValue): string {
  const [type = 'none', ...others] = Object.keys(value);
  if (others.length > 0) return `several at once: ${type}, ${others.join(', ')}`;
  if (type !== 'arrayValue') return type;
  const { values } = value[type] as { readonly values: readonly AnyValue[] };
  return `arrayValue<${[...new Set(values.map(typeOf))].join('|')}>`;
}
