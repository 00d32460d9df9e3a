import { describe, expect, test } from 'vitest';

import type { AttributeValue, ReceivedAttributes } from '../../../src/receiver/received-span.ts';
import { storedSpan } from '../../../src/receiver/relay/stored-span.ts';
import { span } from '../span.ts';

test('a span is stored flat, without its events, with resource and scope as attributes', () => {
  const received = span({
    parentSpanId: '3'.repeat(16),
    name: 'chat gpt-x',
    kind: 3,
    attributes: { 'gen_ai.operation.name': 'chat', 'sentry.release': 'app@1' },
    status: { code: 2, message: 'boom' },
    events: [{ name: 'exception', timeUnixNano: 1n, attributes: {} }],
    links: [{ traceId: '4'.repeat(32), spanId: '5'.repeat(16), attributes: { why: ['retry'] } }],
    resource: { 'deployment.environment.name': 'prod', 'service.version': '1' },
    scope: { name: 'faultline', version: '1.0' },
  });

  expect(storedSpan(received)).toEqual({
    traceId: '1'.repeat(32),
    spanId: '2'.repeat(16),
    parentSpanId: '3'.repeat(16),
    name: 'chat gpt-x',
    op: 'gen_ai.chat',
    operationType: 'ai_client',
    status: 'error',
    environment: 'prod',
    release: 'app@1',
    isSegment: false,
    attributes: {
      'resource.deployment.environment.name': 'prod',
      'resource.service.version': '1',
      'instrumentation.name': 'faultline',
      'instrumentation.version': '1.0',
      'sentry.origin': 'auto.otlp.spans',
      'gen_ai.operation.name': 'chat',
      'sentry.release': 'app@1',
      'sentry.op': 'gen_ai.chat',
      'sentry.environment': 'prod',
      'gen_ai.operation.type': 'ai_client',
      'sentry.kind': 'client',
      'sentry.status.message': 'boom',
    },
    links: [{ traceId: '4'.repeat(32), spanId: '5'.repeat(16), attributes: { why: '["retry"]' } }],
  });
});

test.each<[string, AttributeValue, unknown]>([
  ['a list as JSON text', ['stop', 1, true, 2n ** 60n], `["stop",1,true,${2n ** 60n}]`],
  ['a list without its nested members', ['a', ['b'], { c: 1 }, null, Number.NaN], '["a"]'],
  [
    'a map as JSON text without its nested members',
    { a: 'x', b: { c: 1 }, d: new Uint8Array([104, 105]) },
    '{"a":"x","d":"hi"}',
  ],
  ['JSON text verbatim', '[ "stop" ]', '[ "stop" ]'],
  ['bytes that are text as text', new Uint8Array([104, 105]), 'hi'],
  ['bytes that are no text not at all', new Uint8Array([255]), undefined],
  ['an empty value not at all', null, undefined],
  ['a number as it is', 0.5, 0.5],
])('an attribute is stored: %s', (_what, value, stored) => {
  expect(storedSpan(span({ attributes: { k: value } })).attributes['k']).toBe(stored);
});

describe('a status', () => {
  test.each([
    [0, 'ok'],
    [1, 'ok'],
    [2, 'error'],
  ])('with the code %i is stored as %s', (code, status) => {
    expect(storedSpan(span({ status: { code } })).status).toBe(status);
  });
});

test.each<[string, Parameters<typeof span>[0], boolean]>([
  ['without a parent', {}, true],
  ['with a remote parent', { parentSpanId: '3'.repeat(16), flags: 0x301 }, true],
  ['with a local parent', { parentSpanId: '3'.repeat(16), flags: 0x101 }, false],
])('a span %s is a segment: %s', (_what, fields, isSegment) => {
  expect(storedSpan(span(fields)).isSegment).toBe(isSegment);
});

test.each<[ReceivedAttributes, string, string | undefined]>([
  [{ 'gen_ai.operation.name': 'invoke_agent' }, 'gen_ai.invoke_agent', 'agent'],
  [{ 'gen_ai.operation.name': 'create_agent' }, 'gen_ai.create_agent', 'agent'],
  [{ 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai' }, 'gen_ai.chat', 'ai_client'],
  [{ 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'x' }, 'gen_ai.execute_tool', 'tool'],
  [{ 'gen_ai.operation.name': 'handoff' }, 'gen_ai.handoff', 'handoff'],
  [{ 'gen_ai.operation.name': 'guardrail' }, 'gen_ai.guardrail', 'ai_client'],
  [{ 'gen_ai.operation.name': 'chat', 'gen_ai.operation.type': 'tool' }, 'gen_ai.chat', 'ai_client'],
  [{ 'gen_ai.operation.name': 'invoke_agent', 'http.request.method': 'POST' }, 'http', 'agent'],
  [{ 'gen_ai.provider.name': 'openai' }, 'gen_ai', undefined],
  [{ 'sentry.op': 'gen_ai.invoke_agent' }, 'gen_ai.invoke_agent', 'agent'],
  [{ 'sentry.op': 'gen_ai' }, 'gen_ai', undefined],
  [{ 'sentry.op': 'ai.pipeline.generate' }, 'ai.pipeline.generate', 'agent'],
  [{ 'sentry.op': 'ai.streamText' }, 'ai.streamText', 'agent'],
  [{ 'sentry.op': 'ai.streamText.doStream' }, 'ai.streamText.doStream', 'ai_client'],
  [{ 'sentry.op': 'ai.toolCall' }, 'ai.toolCall', 'tool'],
  [{ 'sentry.op': 'db.query', 'db.system.name': 'sqlite' }, 'db.query', undefined],
  [{ 'db.system.name': 'sqlite' }, 'db', undefined],
  [{ 'rpc.service': 's' }, 'rpc', undefined],
  [{ 'messaging.system': 'kafka' }, 'message', undefined],
  [{ 'faas.trigger': 'timer' }, 'timer', undefined],
  [{}, 'default', undefined],
])('a span with %j has the op %s and counts as %s', (attributes, op, operationType) => {
  const stored = storedSpan(span({ attributes }));

  expect([stored.op, stored.operationType]).toEqual([op, operationType]);
  expect(stored.attributes['gen_ai.operation.type']).toBe(operationType);
});

test.each([
  [2, 'http.server'],
  [3, 'http.client'],
  [1, 'http'],
])('an HTTP span of the kind %i has the op %s', (kind, op) => {
  expect(storedSpan(span({ kind, attributes: { 'http.request.method': 'GET' } })).op).toBe(op);
});

test('a release comes from the span only, an environment from span or resource', () => {
  expect(storedSpan(span({ resource: { 'service.version': '1', 'sentry.release': 'app@1' } })).release).toBeUndefined();
  expect(storedSpan(span({ resource: { 'deployment.environment': 'old' } })).environment).toBe('old');
  expect(
    storedSpan(
      span({ attributes: { 'sentry.environment': 'span' }, resource: { 'deployment.environment.name': 'resource' } }),
    ).environment,
  ).toBe('span');
  expect(storedSpan(span()).environment).toBeUndefined();
});
