import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { describe, expect, it } from 'vitest';

import {
  createSpanQueue,
  QueuedSpan,
  type QueueLimits,
  type SpanQueue,
} from '../../../src/telemetry/export/span-queue.ts';
import { sizeOf } from '../../../src/telemetry/export/span-size.ts';

const memory = new InMemorySpanExporter();
const tracer = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] }).getTracer('test');

function queued(name: string, bytes = 100, ticket?: number): QueuedSpan {
  memory.reset();
  tracer.startSpan(name).end();
  const [span] = memory.getFinishedSpans();
  return new QueuedSpan(span!, bytes, ticket);
}

const names = (spans: readonly QueuedSpan[]): string[] => spans.map(({ span }) => span.name);

/** A queue, and the bounds for which it has given up spans. */
function queueOf(limits: QueueLimits): { readonly queue: SpanQueue; readonly dropped: readonly (keyof QueueLimits)[] } {
  const dropped: (keyof QueueLimits)[] = [];
  return { queue: createSpanQueue(limits, (reached) => dropped.push(reached)), dropped };
}

describe('the queue of spans', () => {
  it('gives them out oldest first, as many as fit', () => {
    const { queue, dropped } = queueOf({ maxCount: 10, maxBytes: 1_000 });
    for (const name of ['a', 'b', 'c']) queue.add(queued(name));
    expect(names(queue.take(10, 250))).toEqual(['a', 'b']);
    expect(names(queue.take(10, 250))).toEqual(['c']);
    expect(queue).toMatchObject({ count: 0, bytes: 0 });
    expect(dropped).toEqual([]);
  });

  it('gives out one that is larger than a request, alone', () => {
    const { queue } = queueOf({ maxCount: 10, maxBytes: 1_000 });
    queue.add(queued('large', 900));
    queue.add(queued('small'));
    expect(names(queue.take(10, 250))).toEqual(['large']);
  });

  it.each([
    ['count', 'maxCount', { maxCount: 2, maxBytes: 1_000 }],
    ['bytes', 'maxBytes', { maxCount: 10, maxBytes: 200 }],
  ] as const)('loses the oldest ones when it is full by %s, and says so of each', (_, reached, limits) => {
    const { queue, dropped } = queueOf(limits);
    for (const name of ['a', 'b', 'c', 'd']) queue.add(queued(name));
    expect(queue.count).toBe(2);
    expect(dropped).toEqual([reached, reached]);
    expect(names(queue.take(10, Infinity))).toEqual(['c', 'd']);
  });

  it('loses none the recorder has: they wait on disk', () => {
    const { queue, dropped } = queueOf({ maxCount: 2, maxBytes: 1_000 });
    for (const [index, name] of ['a', 'b', 'c', 'd'].entries()) queue.add(queued(name, 100, index));
    expect(queue).toMatchObject({ count: 2, onDisk: 2 });
    expect(dropped).toEqual([]);
    expect(queue.takeFromDisk(10)).toEqual([0, 1]);
  });

  it('leaves to the next start what the recorder has and is more than can wait', () => {
    const { queue, dropped } = queueOf({ maxCount: 2, maxBytes: 1_000 });
    queue.addFromDisk(Array.from({ length: 1_000_001 }, (_, index) => index));
    expect(queue).toMatchObject({ onDisk: 1_000_000, leftOnDisk: 1 });
    expect(dropped).toEqual([]);
    expect(queue.takeFromDisk(1)).toEqual([1]);
  });

  it('does not keep one that is larger than the whole queue', () => {
    const { queue, dropped } = queueOf({ maxCount: 2, maxBytes: 100 });
    queue.add(queued('huge', 101));
    expect(queue).toMatchObject({ count: 0, bytes: 0 });
    expect(dropped).toEqual(['maxBytes']);
  });

  it('gives up none of the others for one that is larger than all of it', () => {
    const { queue, dropped } = queueOf({ maxCount: 2, maxBytes: 200 });
    queue.add(queued('small'));
    queue.add(queued('huge', 201));
    expect(dropped).toEqual(['maxBytes']);
    expect(names(queue.take(10, Infinity))).toEqual(['small']);
  });

  it('stays in order over many more spans than it ever holds, however many these are by and by', () => {
    const { queue } = queueOf({ maxCount: 10_000, maxBytes: Infinity });
    const { span } = queued('span');
    const taken: number[] = [];
    for (const [added, left] of [
      [900, 400],
      [3_000, 50],
      [700, 650],
      [9_000, 20],
      [1_000, 0],
    ] as const) {
      for (let count = 0; count < added; count += 1) queue.add(new QueuedSpan(span, queue.progress.added));
      taken.push(...queue.take(queue.count - left, Infinity).map(({ bytes }) => bytes));
    }
    expect(taken).toEqual(Array.from({ length: 14_600 }, (_, index) => index));
    expect(queue.progress).toMatchObject({ added: 14_600, removed: 14_600 });
  });
});

describe('the size of a span', () => {
  it('grows with every text in it', () => {
    memory.reset();
    const span = tracer.startSpan('named', { attributes: { text: 'x'.repeat(1_000), list: ['y'.repeat(500), 'z'] } });
    span.addEvent('happened', { text: 'x'.repeat(2_000) });
    span.end();
    const [ended] = memory.getFinishedSpans();
    const bare = sizeOf(queued('named').span);
    expect(sizeOf(ended!) - bare).toBeGreaterThan(3_500);
    expect(sizeOf(ended!) - bare).toBeLessThan(4_500);
  });

  it.each([
    ['text whose letters take three bytes', '語'.repeat(1_000), 3_000],
    ['a list of such texts', ['語'.repeat(500), '語'.repeat(500)], 3_000],
    ['bytes', new Uint8Array(3_000), 3_000],
    ['a map of bytes and texts', { one: new Uint8Array(1_000), two: { three: 'x'.repeat(2_000) } }, 3_000],
  ])('counts %s as a request does', (_, value, bytes) => {
    const { span } = queued('named');
    const withValue = { ...span, attributes: { key: value } } as unknown as typeof span;
    const bare = sizeOf({ ...span, attributes: {} });
    expect(sizeOf(withValue) - bare).toBeGreaterThanOrEqual(bytes);
    expect(sizeOf(withValue) - bare).toBeLessThan(bytes + 200);
  });
});
