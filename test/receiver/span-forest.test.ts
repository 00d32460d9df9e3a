import { expect, test } from 'vitest';

import { buildTrees, type SpanNode } from '../../src/receiver/span-forest.ts';
import { id, span } from './span.ts';
import { fc } from '../support/properties.ts';

interface Shape {
  readonly [name: string]: Shape;
}

function shape(nodes: readonly SpanNode[]): Shape {
  return Object.fromEntries(
    nodes.map((node) => [node.parentMissing ? `${node.span.name}?` : node.span.name, shape(node.children)]),
  );
}

const named = (name: string, parent?: string, start = 0): ReturnType<typeof span> =>
  span({
    name,
    spanId: id(name),
    startTimeUnixNano: BigInt(start),
    ...(parent === undefined ? {} : { parentSpanId: id(parent) }),
  });

test('children stand below their parent in the order they started, whatever the order they arrived', () => {
  const trees = buildTrees([
    named('third', 'root', 3),
    named('inner', 'first', 2),
    named('first', 'root', 1),
    named('root', undefined, 0),
  ]);

  expect(shape(trees)).toEqual({ root: { first: { inner: {} }, third: {} } });
  expect(trees[0]?.children.map((node) => node.span.name)).toEqual(['first', 'third']);
});

test('spans that started together stand in the order they arrived', () => {
  const trees = buildTrees([named('root'), named('b', 'root'), named('a', 'root')]);

  expect(trees[0]?.children.map((node) => node.span.name)).toEqual(['b', 'a']);
});

test('a child that started before its parent still stands below it', () => {
  expect(shape(buildTrees([named('child', 'parent', 1), named('parent', undefined, 2)]))).toEqual({
    parent: { child: {} },
  });
});

test('a span whose parent was not received is a root that says so', () => {
  expect(shape(buildTrees([named('orphan', 'gone'), named('child', 'orphan')]))).toEqual({ 'orphan?': { child: {} } });
});

test('the parent is looked for in the same trace only', () => {
  const elsewhere = { ...named('root'), traceId: 'a'.repeat(32) };

  expect(shape(buildTrees([elsewhere, named('child', 'root')]))).toEqual({ root: {}, 'child?': {} });
});

test('spans that are each other’s parent are cut where the circle starts', () => {
  expect(shape(buildTrees([named('self', 'self')]))).toEqual({ 'self?': {} });
  expect(shape(buildTrees([named('a', 'b', 1), named('b', 'a', 2), named('c', 'b', 3)]))).toEqual({
    'b?': { a: {}, c: {} },
  });
});

test('the roots of one trace stand side by side, traces in the order they began', () => {
  const other = (name: string, start: number): ReturnType<typeof span> => ({
    ...named(name, undefined, start),
    traceId: 'b'.repeat(32),
  });

  expect(
    buildTrees([named('1b', undefined, 4), other('2a', 2), named('1a', undefined, 1), other('2b', 3)]).map(
      (node) => node.span.name,
    ),
  ).toEqual(['1a', '1b', '2a', '2b']);
});

test('every span is in exactly one tree, whatever the parents', () => {
  const spans = fc.array(
    fc
      .record({
        spanId: fc.nat(8),
        parent: fc.option(fc.nat(9), { nil: undefined }),
        start: fc.nat(3),
        trace: fc.nat(1),
      })
      .map(({ spanId, parent, start, trace }) =>
        span({
          traceId: String(trace + 1).repeat(32),
          spanId: String(spanId).repeat(16),
          startTimeUnixNano: BigInt(start),
          ...(parent === undefined ? {} : { parentSpanId: String(parent).repeat(16) }),
        }),
      ),
    { maxLength: 12 },
  );
  const flat = (nodes: readonly SpanNode[]): unknown[] => nodes.flatMap((node) => [node.span, ...flat(node.children)]);

  fc.assert(
    fc.property(spans, (received) => {
      const found = flat(buildTrees(received));
      expect(found).toHaveLength(received.length);
      expect(new Set(found)).toEqual(new Set(received));
    }),
  );
});
