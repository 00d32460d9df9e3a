import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import { afterAll, afterEach, beforeAll } from 'vitest';

/** Real tracing into memory. */
export interface SpanRecorder {
  /** Finished spans, by start time. */
  spans(): readonly ReadableSpan[];
  /** The spans with this name; fails the test when there are none. */
  named(name: string): readonly ReadableSpan[];
  /** The only span with this name. */
  only(name: string): ReadableSpan;
  /**
   * All traces as text: one line per span, children indented, `!` for ERROR, `x` for an exception event,
   * then the attributes asked for.
   */
  tree(...attributes: string[]): string;
}

/** Has the tests of this file, or of the `describe` it is called in, run with a real provider and context manager. */
export function recordSpans(): SpanRecorder {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  beforeAll(() => provider.register({ contextManager: new AsyncLocalStorageContextManager() }));
  afterEach(() => exporter.reset());
  afterAll(() => {
    trace.disable();
    context.disable();
    propagation.disable();
  });

  const spans = (): readonly ReadableSpan[] =>
    exporter.getFinishedSpans().toSorted((left, right) => compareTimes(left.startTime, right.startTime));
  const named = (name: string): readonly ReadableSpan[] => {
    const found = spans().filter((span) => span.name === name);
    if (found.length === 0) throw new Error(`no span is called ${name}:\n${spanTree(spans(), [])}`);
    return found;
  };
  return {
    spans,
    named,
    only: (name) => {
      const found = named(name);
      if (found.length !== 1) throw new Error(`${found.length} spans are called ${name}`);
      return found[0]!;
    },
    tree: (...attributes) => spanTree(spans(), attributes),
  };
}

function spanTree(spans: readonly ReadableSpan[], attributes: readonly string[]): string {
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  const childrenOf = (id: string | undefined): readonly ReadableSpan[] =>
    spans.filter((span) => {
      const parent = span.parentSpanContext?.spanId;
      return id === undefined ? parent === undefined || !ids.has(parent) : parent === id;
    });
  const lines = (id: string | undefined, depth: number): string[] =>
    childrenOf(id).flatMap((span) => [
      '  '.repeat(depth) + spanLine(span, attributes),
      ...lines(span.spanContext().spanId, depth + 1),
    ]);
  return lines(undefined, 0).join('\n');
}

function spanLine(span: ReadableSpan, attributes: readonly string[]): string {
  const marks = [
    ...(span.status.code === SpanStatusCode.ERROR ? ['!'] : []),
    ...(span.events.some((event) => event.name === 'exception') ? ['x'] : []),
  ];
  const values = attributes
    .filter((name) => span.attributes[name] !== undefined)
    .map((name) => `${name.split('.').at(-1)}=${String(span.attributes[name])}`);
  return [span.name, ...marks, ...values].join(' ');
}

function compareTimes(left: readonly [number, number], right: readonly [number, number]): number {
  return left[0] - right[0] || left[1] - right[1];
}
