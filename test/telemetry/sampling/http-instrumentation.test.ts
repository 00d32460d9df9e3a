import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

import { SpanKind } from '@opentelemetry/api';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

import { dropRoutes } from '../../../src/telemetry/sampling/drop-routes.ts';
import { endStreamSpans } from '../../../src/telemetry/sampling/stream-spans.ts';
import { gate } from '../../runtime/support/agents.ts';
import { recordSpans } from '../../runtime/support/spans.ts';
import { ask, eventsOf, helper, serve } from '../../runtime/transports/serving.ts';

const EVENTS = { accept: 'text/event-stream' };
const TRACE_PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const recorder = recordSpans();
let instrumentation: HttpInstrumentation;
beforeAll(() => {
  instrumentation = new HttpInstrumentation({
    disableOutgoingRequestInstrumentation: true,
    ignoreIncomingRequestHook: dropRoutes(['/healthz', '/readyz']),
    responseHook: endStreamSpans,
  });
  // What loads the module is what gets it instrumented.
  createRequire(import.meta.url)('node:http');
});
afterAll(() => instrumentation.disable());

async function listen(listener: RequestListener) {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The server spans, as soon as there are so many: they end after the client has its answer. */
async function serverSpans(count: number): Promise<readonly ReadableSpan[]> {
  for (;;) {
    const spans = recorder.spans().filter((span) => span.kind === SpanKind.SERVER);
    if (spans.length >= count) return spans;
    await nextTurn();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

const endMs = ({ endTime: [seconds, nanoseconds] }: ReadableSpan) => seconds * 1e3 + nanoseconds / 1e6;

/** Answers in two parts with a few milliseconds between them, and says when the first one was sent. */
async function inTwoParts(begin: RequestListener) {
  const release = gate();
  let firstAt = 0;
  const origin = await listen(async (request, response) => {
    begin(request, response);
    response.flushHeaders();
    firstAt = Date.now();
    await release.opened;
    response.end('data: 1\n\n');
  });
  const response = await fetch(origin, { method: 'POST' });
  while (Date.now() < firstAt + 5) await nextTurn();
  release.open();
  await response.text();
  return firstAt;
}

test.each<[string, RequestListener]>([
  ['in an object', (_request, response) => void response.writeHead(200, { 'Content-Type': 'text/event-stream' })],
  ['in a list', (_request, response) => void response.writeHead(200, ['content-type', 'text/event-stream'])],
  ['before', (_request, response) => void response.setHeader('content-type', 'text/event-stream; charset=utf-8')],
])('the span of a stream whose type is given %s ends with the headers', async (_name, begin) => {
  const firstAt = await inTwoParts(begin);

  const [span] = await serverSpans(1);
  expect(endMs(span!)).toBeLessThanOrEqual(firstAt);
  expect(span!.attributes['http.response.status_code']).toBe(200);
});

test('the span of any other response ends with the response', async () => {
  const firstAt = await inTwoParts((_request, response) => void response.setHeader('content-type', 'text/plain'));

  const [span] = await serverSpans(1);
  expect(endMs(span!)).toBeGreaterThan(firstAt + 4);
});

test('a run below the server span continues the trace of the caller through it', async () => {
  const { origin } = await serve(helper('Hello.'));

  await eventsOf(await ask(origin, { input: 'hi' }, { headers: { ...EVENTS, traceparent: TRACE_PARENT } }));
  const [server] = await serverSpans(1);

  expect(recorder.tree()).toBe('POST\n  agent.invoke helper\n    chat scripted-model');
  expect(server!.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
});

test('health checks have no spans', async () => {
  const { origin } = await serve(helper('Hello.'));

  await fetch(`${origin}/healthz`);
  await fetch(`${origin}/readyz`);
  await fetch(`${origin}/openapi.json`);
  await serverSpans(1);

  expect(recorder.spans().map((span) => span.attributes['url.path'])).toEqual(['/openapi.json']);
});

test('a run that a dropped subscription asked for is traced, as part of the trace of the caller', async () => {
  const { origin } = await serve(helper('Hello.'), { eventSource: true });

  const response = await fetch(`${origin}/agents/helper/run?input=hi`, {
    headers: { ...EVENTS, traceparent: TRACE_PARENT },
  });
  await response.text();

  expect(recorder.tree()).toBe('agent.invoke helper\n  chat scripted-model');
  expect(recorder.only('agent.invoke helper').parentSpanContext?.spanId).toBe('b7ad6b7169203331');
});
