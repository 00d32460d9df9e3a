/** A trace as an aligned tree for a terminal: what ran, how long, how many tokens, what it cost, what failed. */
import type { AttributeValue, ReceivedSpan } from '../receiver/received-span.ts';
import { STATUS_CODE_ERROR } from '../receiver/received-span.ts';
import { buildTrees, treeRows, type SpanNode } from '../receiver/span-forest.ts';
import {
  ERROR_TYPE,
  EXCEPTION_EVENT,
  FALLBACK_EVENT,
  FAULTLINE_COST_USD_TOTAL,
  FAULTLINE_FAILURE_POINT,
  FAULTLINE_FALLBACK_FROM,
  FAULTLINE_FALLBACK_REASON,
  FAULTLINE_OUTCOME,
  FAULTLINE_USAGE_INPUT_TOKENS,
  FAULTLINE_USAGE_OUTPUT_TOKENS,
  GEN_AI_COST_USD,
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_OUTPUT_TOKENS,
} from '../telemetry/semconv.ts';
import type { Paint } from './paint.ts';

/** How a tree is drawn. */
export interface TreeStyle {
  /** Columns of the terminal. */
  readonly width: number;
  readonly paint: Paint;
}

/** Widths of the columns after the name. Fixed, so that the columns of several trees stand below each other. */
const DURATION_WIDTH = 9;
const TOKENS_WIDTH = 15;
const COST_WIDTH = 11;
const NARROWEST_NAME = 24;
const WIDEST_NAME = 48;

const MOST_REMARK_LINES = 3;

/** Draws the trees of one trace, one line per span and one per remark below it. */
export function renderTrace(spans: readonly ReceivedSpan[], style: TreeStyle): string[] {
  const lines: string[] = [];
  for (const { node, head, body } of treeRows(buildTrees(spans), '─')) {
    const inner = `${body}${node.children.length > 0 ? '│' : ' '}  `;
    lines.push(spanLine(node, head, style));
    for (const { text, paint } of remarks(node.span)) {
      for (const line of wrap(text, style.width - inner.length)) {
        lines.push(style.paint('dim', inner) + style.paint(paint, line));
      }
    }
  }
  return lines;
}

function spanLine({ span, parentMissing }: SpanNode, head: string, { width, paint }: TreeStyle): string {
  const columns = DURATION_WIDTH + TOKENS_WIDTH + COST_WIDTH;
  const nameWidth = Math.min(WIDEST_NAME, Math.max(NARROWEST_NAME, width - columns));
  // A parent that was not received: most often it belongs to another program.
  const guide = parentMissing ? `${head}… ` : head;
  const name = cut(printable(span.name), nameWidth - guide.length);
  const failed = span.status.code === STATUS_CODE_ERROR;
  const padding = ' '.repeat(Math.max(0, nameWidth - guide.length - lengthOf(name)));
  const numbers =
    duration(span).padStart(DURATION_WIDTH) + tokens(span).padStart(TOKENS_WIDTH) + cost(span).padStart(COST_WIDTH);
  const painted = failed ? paint(['red', 'bold'], name) : guide === '' ? paint('bold', name) : name;
  return `${paint('dim', guide)}${painted}${padding}${numbers.trimEnd()}`;
}

interface Remark {
  readonly text: string;
  readonly paint: Parameters<Paint>[0];
}

/** What a reader has to know about a span beyond its numbers. */
function remarks(span: ReceivedSpan): Remark[] {
  const found: Remark[] = [];
  for (const event of span.events) {
    if (event.name !== FALLBACK_EVENT) continue;
    const from = text(event.attributes[FAULTLINE_FALLBACK_FROM]) ?? 'another model';
    const reason = text(event.attributes[FAULTLINE_FALLBACK_REASON]);
    found.push({ text: `↪ instead of ${from}${reason === undefined ? '' : `: ${reason}`}`, paint: 'yellow' });
  }
  if (span.status.code === STATUS_CODE_ERROR) found.push({ text: failure(span), paint: 'red' });
  if (span.attributes[FAULTLINE_OUTCOME] === 'aborted') found.push({ text: '■ aborted', paint: 'yellow' });
  for (const { traceId } of span.links) {
    found.push({ text: `↔ a run in flight: trace ${printable(traceId)}`, paint: 'dim' });
  }
  return found;
}

/** `✗ Type (failure point): message`; the message only where the failure happened, not on every span above. */
function failure(span: ReceivedSpan): string {
  const type = text(span.attributes[ERROR_TYPE]) ?? 'error';
  const point = text(span.attributes[FAULTLINE_FAILURE_POINT]);
  const recordedHere = span.events.some((event) => event.name === EXCEPTION_EVENT);
  const message = recordedHere ? printable(span.status.message ?? '') : '';
  return `✗ ${type}${point === undefined ? '' : ` (${point})`}${message === '' ? '' : `: ${message}`}`;
}

function duration({ startTimeUnixNano, endTimeUnixNano }: ReceivedSpan): string {
  const ms = Number(endTimeUnixNano - startTimeUnixNano) / 1e6;
  if (ms < 1) return '<1 ms';
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

function tokens({ attributes }: ReceivedSpan): string {
  const input = number(attributes[GEN_AI_USAGE_INPUT_TOKENS] ?? attributes[FAULTLINE_USAGE_INPUT_TOKENS]);
  const output = number(attributes[GEN_AI_USAGE_OUTPUT_TOKENS] ?? attributes[FAULTLINE_USAGE_OUTPUT_TOKENS]);
  return input === undefined && output === undefined ? '' : `${input ?? '?'} → ${output ?? '?'} tok`;
}

function cost({ attributes }: ReceivedSpan): string {
  const usd = number(attributes[GEN_AI_COST_USD] ?? attributes[FAULTLINE_COST_USD_TOTAL]);
  if (usd === undefined) return '';
  return `$${usd.toFixed(usd === 0 || usd >= 0.1 ? 2 : 5)}`;
}

function number(value: AttributeValue | undefined): number | undefined {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
}

function text(value: AttributeValue | undefined): string | undefined {
  return typeof value === 'string' ? printable(value) : undefined;
}

/** Text of another program may hold escape sequences that take over a terminal. */
export function printable(value: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return value.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ').trim();
}

/** Text in lines of at most `room` characters, the further ones indented, and not more of them than a reader wants. */
function wrap(value: string, room: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of printable(value).split(/ +/)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line === '' || lengthOf(longer) <= room) {
      line = longer;
      continue;
    }
    if (lines.length === MOST_REMARK_LINES - 1) {
      line = `${line} …`;
      break;
    }
    lines.push(line);
    line = `  ${word}`;
  }
  return [...lines, line].map((text) => cut(text, room));
}

function cut(value: string, room: number): string {
  const characters = Array.from(value);
  return characters.length <= room ? value : `${characters.slice(0, Math.max(0, room - 1)).join('')}…`;
}

function lengthOf(value: string): number {
  return Array.from(value).length;
}
