import { STATUS_CODE_ERROR, type ReceivedSpan } from '../receiver/received-span.ts';
import { buildTrees, treeRows, type SpanNode } from '../receiver/span-forest.ts';
import {
  ERROR_TYPE,
  EXCEPTION_EVENT,
  FALLBACK_EVENT,
  FAULTLINE_ATTEMPT,
  FAULTLINE_FAILURE_POINT,
  FAULTLINE_FALLBACK_FROM,
  FAULTLINE_FALLBACKS,
  FAULTLINE_OUTCOME,
  FAULTLINE_TURNS,
  GEN_AI_RESPONSE_FINISH_REASONS,
  GEN_AI_USAGE_INPUT_TOKENS,
  GEN_AI_USAGE_OUTPUT_TOKENS,
} from '../telemetry/semconv.ts';

/**
 * The text of some spans as trees, one block per trace: readable, and the same in every run.
 *
 * `!` marks status ERROR, `x` an exception event, `(parent missing)` a root whose parent was not received.
 * Ids and times are left out; of the attributes only those that tell what happened.
 */
export function spanTree(spans: readonly ReceivedSpan[]): string {
  const lines: string[] = [];
  let traceId: string | undefined;
  for (const { node, head } of treeRows(buildTrees(spans))) {
    if (traceId !== undefined && node.span.traceId !== traceId) lines.push('');
    traceId = node.span.traceId;
    lines.push(`${head}${label(node)}`);
  }
  return lines.join('\n');
}

function label({ span, parentMissing }: SpanNode): string {
  const failed = span.status.code === STATUS_CODE_ERROR ? ' !' : '';
  const threw = span.events.some((event) => event.name === EXCEPTION_EVENT) ? ' x' : '';
  const details = DETAILS.flatMap(([word, attribute, usual]) => {
    const shown = detail(span.attributes[attribute]);
    return shown === '' || shown === usual ? [] : [`${word}=${shown}`];
  });
  const hops = span.events
    .filter((event) => event.name === FALLBACK_EVENT)
    .map((event) => `fallback-from=${detail(event.attributes[FAULTLINE_FALLBACK_FROM])}`);
  const tail = [...details, ...hops, ...(parentMissing ? ['(parent missing)'] : [])].join(' ');
  return `${span.name}${failed}${threw}${tail === '' ? '' : `  ${tail}`}`;
}

/** What is shown, and the value that is so usual that it is not. */
const DETAILS: readonly (readonly [word: string, attribute: string, usual?: string])[] = [
  ['turns', FAULTLINE_TURNS],
  ['attempt', FAULTLINE_ATTEMPT, '1'],
  ['finish', GEN_AI_RESPONSE_FINISH_REASONS],
  ['in', GEN_AI_USAGE_INPUT_TOKENS],
  ['out', GEN_AI_USAGE_OUTPUT_TOKENS],
  ['error.type', ERROR_TYPE],
  ['point', FAULTLINE_FAILURE_POINT],
  ['fallbacks', FAULTLINE_FALLBACKS, '0'],
  ['outcome', FAULTLINE_OUTCOME],
];

function detail(value: unknown): string {
  if (Array.isArray(value)) return value.map(detail).join(',');
  if (typeof value === 'string') return listInText(value) ?? value;
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' ? String(value) : '';
}

/** A list that travelled as JSON text, as the Sentry dialect sends it. */
function listInText(value: string): string | undefined {
  if (!value.startsWith('[')) return undefined;
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) ? detail(list) : undefined;
  } catch {
    return undefined;
  }
}
