import { expect, test } from 'vitest';

import type { ReceivedSpan } from '../../src/receiver/received-span.ts';
import { spanTree } from '../../src/testing/span-tree.ts';
import { id, span } from '../receiver/span.ts';

const named = (name: string, parent: string | undefined, fields: Partial<ReceivedSpan> = {}): ReceivedSpan =>
  span({ name, spanId: id(name), ...(parent === undefined ? {} : { parentSpanId: id(parent) }), ...fields });

const exception = { name: 'exception', timeUnixNano: 0n, attributes: {} };

test('a run reads as a tree with what happened on every line', () => {
  const text = spanTree([
    named('agent.invoke helper', undefined, { attributes: { 'faultline.turns': 2, 'faultline.fallbacks': 1 } }),
    named('chat a', 'agent.invoke helper', {
      startTimeUnixNano: 1n,
      status: { code: 2, message: 'slow down' },
      events: [exception],
      attributes: { 'error.type': '429', 'faultline.attempt': 1 },
    }),
    named('chat b', 'agent.invoke helper', {
      startTimeUnixNano: 2n,
      events: [{ name: 'gen_ai.chat.fallback', timeUnixNano: 0n, attributes: { 'faultline.fallback.from': 'a' } }],
      attributes: {
        'gen_ai.response.finish_reasons': ['tool_calls'],
        'gen_ai.usage.input_tokens': 100,
        'gen_ai.usage.output_tokens': 30,
        'faultline.attempt': 2,
      },
    }),
    named('execute_tool weather', 'chat b', {
      startTimeUnixNano: 3n,
      status: { code: 2 },
      events: [exception],
      attributes: { 'error.type': 'TypeError', 'faultline.failure.point': 'tool.execution' },
    }),
    named('execute_tool time', 'chat b', { startTimeUnixNano: 4n }),
    named('chat c', 'agent.invoke helper', {
      startTimeUnixNano: 5n,
      attributes: { 'gen_ai.response.finish_reasons': '["stop"]' },
    }),
  ]);

  expect(text).toBe(
    [
      'agent.invoke helper  turns=2 fallbacks=1',
      '├ chat a ! x  error.type=429',
      '├ chat b  attempt=2 finish=tool_calls in=100 out=30 fallback-from=a',
      '│ ├ execute_tool weather ! x  error.type=TypeError point=tool.execution',
      '│ └ execute_tool time',
      '└ chat c  finish=stop',
    ].join('\n'),
  );
});

test('what is usual is not worth a word', () => {
  expect(
    spanTree([
      named('agent.invoke a', undefined, { attributes: { 'faultline.fallbacks': 0, 'faultline.attempt': 1 } }),
    ]),
  ).toBe('agent.invoke a');
});

test('an abort is an outcome without an error mark', () => {
  expect(spanTree([named('agent.invoke a', undefined, { attributes: { 'faultline.outcome': 'aborted' } })])).toBe(
    'agent.invoke a  outcome=aborted',
  );
});

test('every trace is a block, and an orphan says that its parent is missing', () => {
  const crash = named('transport.crash cli', undefined, {
    traceId: 'f'.repeat(32),
    startTimeUnixNano: 9n,
    status: { code: 2 },
    events: [exception],
  });

  expect(spanTree([crash, named('chat a', 'gone'), named('execute_tool t', 'chat a')])).toBe(
    ['chat a  (parent missing)', '└ execute_tool t', '', 'transport.crash cli ! x'].join('\n'),
  );
});

test('no spans are an empty text', () => {
  expect(spanTree([])).toBe('');
});
