import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { expect, it } from 'vitest';

import { otelDialect } from '../../../src/telemetry/export/dialects/otel.ts';
import { sentryDialect } from '../../../src/telemetry/export/dialects/sentry.ts';

const MESSAGES = [
  { role: 'user', parts: [{ type: 'text', content: 'What does "tool_call_response" mean?' }] },
  { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c1', response: { celsius: 19 } }] },
];

/** The messages as a destination gets them. */
function translated(dialect: typeof sentryDialect, messages: string): unknown {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider
    .getTracer('test')
    .startSpan('chat', { attributes: { 'gen_ai.input.messages': messages } })
    .end();
  return dialect(exporter.getFinishedSpans()[0]!).attributes['gen_ai.input.messages'];
}

it('a tool response has both names for Sentry, whose views read the older one', () => {
  const [question] = MESSAGES;
  expect(JSON.parse(translated(sentryDialect, JSON.stringify(MESSAGES)) as string)).toEqual([
    question,
    {
      role: 'tool',
      parts: [{ type: 'tool_call_response', id: 'c1', response: { celsius: 19 }, result: { celsius: 19 } }],
    },
  ]);
});

it('a tool response has the name of the conventions for everybody else', () => {
  const messages = JSON.stringify(MESSAGES);
  expect(translated(otelDialect, messages)).toBe(messages);
});

it('messages that are no JSON stay as they are', () => {
  expect(translated(sentryDialect, '[{"type":"tool_call_response"')).toBe('[{"type":"tool_call_response"');
});
