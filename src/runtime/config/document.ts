import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type Pair,
  type YAMLError,
} from 'yaml';

import type { ConfigPosition, ConfigProblem } from './config-error.ts';

/** Names and indexes that lead to a value. */
export type ConfigPath = readonly (string | number)[];

/** The text of a configuration file as plain values, each of which can be found again. */
export interface ConfigDocument {
  /** What is wrong with the text as YAML. The value is of no use when there is anything. */
  readonly problems: readonly ConfigProblem[];
  readonly value: unknown;
  /** Where a value starts, or the nearest one around it that is there. */
  positionOf(path: ConfigPath): ConfigPosition;
  /** Where a key stands. */
  positionOfKey(path: ConfigPath): ConfigPosition;
  /** The place of a character. */
  positionAt(offset: number): ConfigPosition;
}

/** What a parser makes of a text it has lost its way in says little. */
const MAX_SYNTAX_PROBLEMS = 10;

const START: ConfigPosition = { line: 1, column: 1 };

/** Reads YAML 1.2: `yes` and `on` are texts, keys are unique, aliases cannot grow beyond bounds. */
export function parseConfigDocument(text: string): ConfigDocument {
  const lineCounter = new LineCounter();
  const positionAt = (offset: number): ConfigPosition => {
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };
  const unusable = (problems: readonly ConfigProblem[]): ConfigDocument => ({
    problems,
    value: undefined,
    positionOf: () => START,
    positionOfKey: () => START,
    positionAt,
  });
  try {
    // Pretty errors and warnings would quote lines of the file, and with them whatever secret stands there.
    const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error' });
    // Of a text that begins with an exclamation mark the first word would be left out.
    const tags = document.warnings.filter(({ code }) => code === 'TAG_RESOLVE_FAILED');
    const errors = [...document.errors, ...tags];
    if (errors.length > 0) {
      return unusable(
        errors.slice(0, MAX_SYNTAX_PROBLEMS).map((error) => {
          const { line, column } = positionAt(error.pos[0]);
          return { line, column, message: syntaxMessage(error) };
        }),
      );
    }
    const unusableNodes = findUnusableNodes(document, positionAt);
    if (unusableNodes.length > 0) return unusable(unusableNodes);
    const start = (node: Node | undefined): ConfigPosition =>
      node?.range === undefined || node.range === null ? START : positionAt(node.range[0]);
    return {
      problems: [],
      value: document.toJS(),
      positionOf: (path) => start(findNode(document, path).node),
      positionOfKey: (path) => start(findNode(document, path).key),
      positionAt,
    };
  } catch (error) {
    // Aliases that grow beyond bounds, and nesting that goes deeper than the stack.
    const message = error instanceof Error ? error.message : String(error);
    return unusable([{ ...START, message: `not valid YAML: ${message}` }]);
  }
}

function syntaxMessage({ code, message }: YAMLError): string {
  // The parser's own words are for whoever called it.
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here: a configuration file is one';
  // Behind a colon it quotes the file, and with it whatever secret stands there; ` : ` is the sign itself.
  const said = QUOTING.get(code) ?? message.replace(/(?<! ): .*$/s, '');
  const hint = SYNTAX_HINTS.get(code);
  return `not valid YAML: ${said}${hint === undefined ? '' : `; ${hint}`}`;
}

/** What is said where the parser quotes the file in the middle of what it says. */
const QUOTING: ReadonlyMap<YAMLError['code'], string> = new Map([
  ['BAD_DIRECTIVE', 'Invalid directive'],
  ['BAD_DQ_ESCAPE', 'Invalid escape sequence'],
  ['TAG_RESOLVE_FAILED', 'Unresolved tag'],
]);

/** What is likely to be wrong, mostly a text that means something else to YAML. Its parser does not say so. */
const SYNTAX_HINTS: ReadonlyMap<YAMLError['code'], string> = new Map([
  ['BAD_ALIAS', 'put a text that begins with * or & in quotes'],
  ['BAD_DQ_ESCAPE', 'write a backslash in double quotes twice'],
  ['BAD_SCALAR_START', 'put a text that begins with it in quotes'],
  ['BLOCK_AS_IMPLICIT_KEY', 'look at the indentation, or put a text that has a colon and a space in it in quotes'],
  ['KEY_OVER_1024_CHARS', 'put a text that has a colon and a space in it in quotes'],
  ['TAG_RESOLVE_FAILED', 'put a text that begins with ! in quotes'],
]);

const LONE_MARK = 'the ! before this text would be left out; put a text that begins with ! in quotes';

const NO_ANCHOR = 'there is no anchor before this alias; put a text that begins with * in quotes';

const COLLECTION_AS_KEY =
  'a list or an object cannot be a key: is this a placeholder such as {{ NAME }} that nothing has filled in?';

/** Keys that YAML allows and no configuration can have. */
const UNUSABLE_KEYS: ReadonlyMap<unknown, string> = new Map([
  ['<<', 'merge keys (<<) are not supported: put what agents share into defaults'],
  // Validation passes over this one name, which is that of no ordinary property.
  ['__proto__', '__proto__ cannot be a key: choose another name'],
]);

/** What is valid YAML and no plain value. The parser would throw with words of the file, or make a text of it. */
function findUnusableNodes(document: Document, positionAt: ConfigDocument['positionAt']): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (node: Node, message: string): void => {
    problems.push({ ...positionAt(node.range?.[0] ?? 0), message });
  };
  const anchors = new Set<string | undefined>();
  visit(document, {
    Value: (_place, value) => {
      anchors.add(value.anchor);
      if (value.tag === '!') add(value, LONE_MARK);
    },
    Alias: (_place, alias) => {
      if (!anchors.has(alias.source)) add(alias, NO_ANCHOR);
    },
    Pair: (_place, { key }) => {
      if (!isNode(key)) return;
      const named = isAlias(key) ? key.resolve(document) : key;
      if (isCollection(named)) add(key, COLLECTION_AS_KEY);
      const message = isScalar(named) ? UNUSABLE_KEYS.get(named.value) : undefined;
      if (message !== undefined) add(key, message);
    },
  });
  return problems;
}

/** The value a path leads to, or `undefined`. */
export function valueAt(value: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>(
    (parent, segment) =>
      typeof parent === 'object' && parent !== null && Object.hasOwn(parent, segment)
        ? (parent as Record<string | number, unknown>)[segment]
        : undefined,
    value,
  );
}

/** A path as it is written in messages: `agents.helper.models[0]`. */
export function pathName(path: ConfigPath): string {
  if (path.length === 0) return 'the file';
  return path
    .map((segment, index) => (typeof segment === 'number' ? `[${segment}]` : `${index === 0 ? '' : '.'}${segment}`))
    .join('');
}

interface Found {
  /** The node of the value, or of the nearest one around it. */
  readonly node: Node | undefined;
  readonly key: Node | undefined;
}

function findNode(document: Document, path: ConfigPath): Found {
  let found: Found = { node: document.contents ?? undefined, key: undefined };
  for (const segment of path) {
    const parent = isAlias(found.node) ? found.node.resolve(document) : found.node;
    const next = isMap(parent) ? findPair(parent.items, segment) : isSeq(parent) ? findItem(parent.items, segment) : {};
    if (next.node === undefined && next.key === undefined) return found;
    found = { node: next.node ?? next.key, key: next.key ?? next.node };
  }
  return found;
}

function findPair(pairs: readonly Pair[], segment: string | number): Partial<Found> {
  const pair = pairs.find(({ key }) => isScalar(key) && String(key.value) === String(segment));
  return { key: pair?.key as Node | undefined, node: (pair?.value ?? undefined) as Node | undefined };
}

function findItem(items: readonly unknown[], segment: string | number): Partial<Found> {
  return { node: items[Number(segment)] as Node | undefined };
}
