import type { ReceivedSpan } from './received-span.ts';

/** A span and the spans below it, ordered by start, then by arrival. */
export interface SpanNode {
  readonly span: ReceivedSpan;
  readonly children: readonly SpanNode[];
  /** True on a root that names a parent which is not above it: not received, or part of a circle. */
  readonly parentMissing: boolean;
}

interface GrowingNode extends SpanNode {
  readonly children: GrowingNode[];
  parentMissing: boolean;
}

/**
 * Builds the trees of some spans: every span is in exactly one, those of one trace side by side.
 *
 * Traces come in the order of their first root, roots and children by start time, then by arrival.
 */
export function buildTrees(spans: readonly ReceivedSpan[]): readonly SpanNode[] {
  const nodes = spans
    .map((span): GrowingNode => ({ span, children: [], parentMissing: false }))
    .toSorted((a, b) => compare(a.span.startTimeUnixNano, b.span.startTimeUnixNano));
  const byId = new Map<string, GrowingNode>();
  for (const node of nodes) {
    const id = key(node.span.traceId, node.span.spanId);
    // A batch sent twice brings a span twice; its children belong to one of the two.
    if (!byId.has(id)) byId.set(id, node);
  }

  const parents = new Map<GrowingNode, GrowingNode>();
  const roots: GrowingNode[] = [];
  for (const node of nodes) {
    const { traceId, parentSpanId } = node.span;
    const parent = parentSpanId === undefined ? undefined : byId.get(key(traceId, parentSpanId));
    if (parent === undefined || closesCircle(node, parent, parents)) {
      node.parentMissing = parentSpanId !== undefined;
      roots.push(node);
    } else {
      parents.set(node, parent);
      parent.children.push(node);
    }
  }
  return [...groupByTrace(roots).values()].flat();
}

/** Parents known so far never form a circle, so the walk up ends. */
function closesCircle(node: GrowingNode, parent: GrowingNode, parents: ReadonlyMap<GrowingNode, GrowingNode>): boolean {
  // A node nothing was attached to cannot be above its parent.
  if (node.children.length === 0) return node === parent;
  for (let above: GrowingNode | undefined = parent; above !== undefined; above = parents.get(above)) {
    if (above === node) return true;
  }
  return false;
}

function groupByTrace(roots: readonly GrowingNode[]): Map<string, GrowingNode[]> {
  const traces = new Map<string, GrowingNode[]>();
  for (const root of roots) {
    const trace = traces.get(root.span.traceId);
    if (trace === undefined) traces.set(root.span.traceId, [root]);
    else trace.push(root);
  }
  return traces;
}

function key(traceId: string, spanId: string): string {
  return `${traceId}:${spanId}`;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A node on its way into a drawing: `head` stands before its own line, `body` before whatever else is said of it. */
export interface TreeRow {
  readonly node: SpanNode;
  readonly head: string;
  readonly body: string;
}

/**
 * The nodes of some trees from top to bottom, with the guides that lead to them. `dash` makes the guides wider.
 *
 * Walks with a list of its own instead of recursion, because a broken sender can nest spans deeper than the stack.
 */
export function* treeRows(trees: readonly SpanNode[], dash = ''): Generator<TreeRow> {
  const gap = ' '.repeat(dash.length + 1);
  const open = trees.map((node): TreeRow => ({ node, head: '', body: '' })).toReversed();
  for (let row = open.pop(); row !== undefined; row = open.pop()) {
    yield row;
    const { node, body } = row;
    const last = node.children.length - 1;
    // Reversed, because the list is taken from its end.
    for (const [index, child] of [...node.children.entries()].toReversed()) {
      open.push({
        node: child,
        head: `${body}${index === last ? '└' : '├'}${dash} `,
        body: `${body}${index === last ? ' ' : '│'}${gap}`,
      });
    }
  }
}
