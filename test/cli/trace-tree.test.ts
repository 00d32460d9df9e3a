import { describe, expect, test } from 'vitest';

import { renderTrace, type TreeStyle } from '../../src/cli/trace-tree.ts';
import type { ReceivedSpan } from '../../src/receiver/received-span.ts';
import { span as anySpan } from '../receiver/span.ts';

const PLAIN: TreeStyle = { width: 80, paint: (_, text) => text };
const MS = 1_000_000n;

/** A span from `start` to `end` in milliseconds. */
function span(
  id: string,
  parent: string | undefined,
  name: string,
  [start, end]: readonly [number, number],
  rest: Partial<ReceivedSpan> = {},
): ReceivedSpan {
  return anySpan({
    spanId: id,
    ...(parent === undefined ? {} : { parentSpanId: parent }),
    name,
    startTimeUnixNano: BigInt(start) * MS,
    endTimeUnixNano: BigInt(end) * MS,
    ...rest,
  });
}

const EXCEPTION: ReceivedSpan['events'] = [{ name: 'exception', timeUnixNano: 0n, attributes: {} }];

describe('a trace tree', () => {
  test('aligns names, durations, tokens and cost, children below their parents by start', () => {
    const lines = renderTrace(
      [
        span('3', '2', 'execute_tool get_weather', [60, 60]),
        span('4', '1', 'chat gpt-5-mini', [100, 1340], {
          attributes: {
            'gen_ai.usage.input_tokens': 412,
            'gen_ai.usage.output_tokens': 38,
            'gen_ai.cost_usd': 0.000121,
          },
        }),
        span('2', '1', 'chat gpt-5-mini', [0, 60], {
          attributes: { 'gen_ai.usage.input_tokens': 286, 'gen_ai.usage.output_tokens': 24 },
        }),
        span('1', undefined, 'agent.invoke trip-helper', [0, 1340], {
          attributes: {
            'faultline.usage.input_tokens': 698,
            'faultline.usage.output_tokens': 62,
            'faultline.cost_usd.total': 0.25,
          },
        }),
      ],
      PLAIN,
    );

    expect(lines).toEqual([
      'agent.invoke trip-helper                        1.34 s   698 → 62 tok      $0.25',
      '├─ chat gpt-5-mini                               60 ms   286 → 24 tok',
      '│  └─ execute_tool get_weather                   <1 ms',
      '└─ chat gpt-5-mini                              1.24 s   412 → 38 tok   $0.00012',
    ]);
  });

  test('says what failed where it failed, and only the type above', () => {
    const lines = renderTrace(
      [
        span('1', undefined, 'agent.invoke trip-helper', [0, 30], {
          status: { code: 2, message: 'no model answered' },
          attributes: {
            'error.type': 'AllModelsFailedError',
            'faultline.failure.point': 'model.fallback_exhausted',
          },
          events: EXCEPTION,
        }),
        span('2', '1', 'chat gpt-5', [0, 10], {
          status: { code: 2, message: 'Rate limit reached for gpt-5.' },
          attributes: { 'error.type': '429' },
          events: EXCEPTION,
        }),
        span('3', '1', 'chat mistral-large', [10, 30], {
          status: { code: 2, message: 'said elsewhere' },
          attributes: { 'error.type': 'AI_APICallError' },
        }),
      ],
      PLAIN,
    );

    expect(lines).toEqual([
      'agent.invoke trip-helper                         30 ms',
      '│  ✗ AllModelsFailedError (model.fallback_exhausted): no model answered',
      '├─ chat gpt-5                                    10 ms',
      '│     ✗ 429: Rate limit reached for gpt-5.',
      '└─ chat mistral-large                            20 ms',
      '      ✗ AI_APICallError',
    ]);
  });

  test('says what was recovered, aborted or in flight', () => {
    const lines = renderTrace(
      [
        span('1', undefined, 'agent.invoke trip-helper', [0, 30], {
          attributes: { 'faultline.outcome': 'aborted' },
        }),
        span('2', '1', 'chat claude-haiku-4-5', [0, 10], {
          events: [
            {
              name: 'gen_ai.chat.fallback',
              timeUnixNano: 0n,
              attributes: { 'faultline.fallback.from': 'gpt-5', 'faultline.fallback.reason': '429' },
            },
          ],
        }),
        span('3', undefined, 'transport.crash slack', [40, 41], {
          links: [{ traceId: '00000000000000000000000000000abc', spanId: '1', attributes: {} }],
        }),
      ],
      PLAIN,
    );

    expect(lines).toEqual([
      'agent.invoke trip-helper                         30 ms',
      '│  ■ aborted',
      '└─ chat claude-haiku-4-5                         10 ms',
      '      ↪ instead of gpt-5: 429',
      'transport.crash slack                             1 ms',
      '   ↔ a run in flight: trace 00000000000000000000000000000abc',
    ]);
  });

  test('cuts names, wraps messages and marks a root whose parent is elsewhere', () => {
    const lines = renderTrace(
      [
        span('1', 'feed', `chat ${'m'.repeat(80)}`, [0, 10], {
          status: { code: 2, message: 'word '.repeat(60) },
          attributes: { 'error.type': 'Error' },
          events: EXCEPTION,
        }),
      ],
      PLAIN,
    );

    expect(lines).toEqual([
      `… chat ${'m'.repeat(37)}…    10 ms`,
      `   ✗ Error: ${'word '.repeat(13).trimEnd()}`,
      `     ${'word '.repeat(15).trimEnd()}`,
      `     ${'word '.repeat(14)}word…`,
    ]);
  });

  test('draws what a broken sender nests deeper than the stack', () => {
    const deep = Array.from({ length: 20_000 }, (_, index) =>
      span(`s${index}`, index === 0 ? undefined : `s${index - 1}`, 'loop', [index, index]),
    );

    expect(renderTrace(deep, PLAIN)).toHaveLength(20_000);
  });

  test('takes no control characters from another program to the terminal', () => {
    const evil = '\u001b[2J\u001b]0;owned\u0007\u202e';
    const lines = renderTrace(
      [
        span('1', undefined, `chat ${evil}`, [0, 10], {
          status: { code: 2, message: `first\nsecond ${evil}` },
          attributes: { 'error.type': `Error${evil}` },
          events: EXCEPTION,
        }),
      ],
      PLAIN,
    );

    expect(lines).toEqual([
      'chat  [2J ]0;owned                               10 ms',
      '   ✗ Error [2J ]0;owned: first second [2J ]0;owned',
    ]);
  });

  test('paints failures red and leaves the columns where they are', () => {
    const failed = span('1', undefined, 'chat gpt-5', [0, 10], {
      status: { code: 2 },
      attributes: { 'error.type': '401' },
    });
    const painted = renderTrace([failed], {
      width: 80,
      paint: (style, text) => `<${String(style)}:${text}>`,
    });

    expect(painted).toEqual([
      '<dim:><red,bold:chat gpt-5>                                       10 ms',
      '<dim:   ><red:✗ 401>',
    ]);
  });
});
