import { once } from 'node:events';
import { connect } from 'node:net';

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { describe, expect, onTestFinished, test } from 'vitest';

import { createAgent, createRuntime, superviseTransport } from '../../../src/runtime/index.ts';
import type { Runtime, Transport } from '../../../src/runtime/index.ts';
import { createRuntimeWith } from '../../../src/runtime/runtime.ts';
import { createEventStream } from '../../../src/runtime/transports/http-event-stream.ts';
import { httpTransport, httpTransportWith, type HttpTransportOptions } from '../../../src/runtime/transports/http.ts';
import { scriptedModel } from '../../../src/testing/scripted-model.ts';
import { startStubProvider, type StubTurn } from '../../../src/testing/stub-provider.ts';
import { settled, watchRejections, watchWarnings } from '../../support/process-events.ts';
import { echo, gate, rejection } from '../support/agents.ts';
import { manualTime } from '../support/manual-time.ts';
import { recordSpans } from '../support/spans.ts';
import { ask, eventsOf, helper, parseEvents, serve } from './serving.ts';

const recorder = recordSpans();

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const TRACE_PARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`;
const EVENTS = { accept: 'text/event-stream' };

/** An agent whose model is a loopback provider over real HTTP. */
async function remoteHelper(...turns: StubTurn[]) {
  const provider = await startStubProvider({ 'm-1': turns });
  onTestFinished(() => provider.close());
  const vendor = createOpenAICompatible({
    name: 'stub',
    baseURL: provider.baseUrl,
    apiKey: 'sk-test',
    includeUsage: true,
  });
  const agent = createAgent({ name: 'helper', models: [{ model: vendor('m-1'), maxRetries: 0 }] });
  return { provider, agent };
}

/** Requests without a server in between. */
function without(options: Partial<HttpTransportOptions> = {}) {
  const agent = helper('Hello.', 'Hello again.');
  const http = httpTransport({ agents: [agent], ...options });
  const runtime = createRuntime({ agents: [agent], transports: [{ transport: http, agent: 'helper' }] });
  const working = runtime.start();
  onTestFinished(async () => {
    await runtime.stop();
    await working;
  });
  const send = (path: string, init: RequestInit = {}) => http.fetch(new Request(`http://localhost${path}`, init));
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    send('/agents/helper/run', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { http, runtime, send, post };
}

async function problem(response: Response) {
  const { error } = (await response.json()) as { error: { type: string; message: string; traceId?: string } };
  return { status: response.status, ...error };
}

describe('a question', () => {
  test('is answered with all there is to say about it', async () => {
    const { origin } = await serve(helper('Hello Ada.'));

    const response = await ask(origin, { input: 'hi', conversationId: 'c-1' });

    const run = recorder.only('agent.invoke helper');
    const { traceId } = run.spanContext();
    expect(response.status).toBe(200);
    expect(response.headers.get('x-trace-id')).toBe(traceId);
    expect(await response.json()).toEqual({
      text: 'Hello Ada.',
      conversationId: 'c-1',
      runId: run.attributes['faultline.run.id'],
      traceId,
      agent: 'helper',
      model: 'scripted-model',
      finishReason: 'stop',
      turns: 1,
      usage: { inputTokens: 10, outputTokens: 5 },
    });
    expect(run.attributes).toMatchObject({ 'faultline.transport': 'http', 'gen_ai.conversation.id': 'c-1' });
    expect(recorder.tree()).toBe('agent.invoke helper\n  chat scripted-model');
  });

  test('without a conversation begins one, which the next can continue', async () => {
    const { post } = without();

    const first = (await (await post({ input: 'hi' })).json()) as { conversationId: string };
    const second = await (await post({ input: 'and?', conversationId: first.conversationId })).json();

    expect(first.conversationId).toMatch(/^[A-Za-z0-9_-]{1,128}$/);
    expect(second).toMatchObject({ text: 'Hello again.', conversationId: first.conversationId });
  });

  test.each([
    ['traceparent', { traceparent: TRACE_PARENT }],
    ['sentry-trace', { 'sentry-trace': `${TRACE_ID}-b7ad6b7169203331-1` }],
  ])('is part of the trace its %s names', async (_name, headers) => {
    const { origin } = await serve(helper('Hello.'));

    const response = await ask(origin, { input: 'hi' }, { headers });

    expect(await response.json()).toMatchObject({ traceId: TRACE_ID });
    const run = recorder.only('agent.invoke helper');
    expect([run.spanContext().traceId, run.parentSpanContext?.spanId]).toEqual([TRACE_ID, 'b7ad6b7169203331']);
  });

  test.each([
    ['text/event-stream;q=0, application/json', 'application/json'],
    ['text/event-stream; Q=0.000', 'application/json'],
    ['application/json, text/event-stream; q=0.5', 'text/event-stream'],
    ['text/event-stream;q=0.05', 'text/event-stream'],
  ])('with accept: %s is answered with %s', async (accept, type) => {
    const { post } = without();

    expect((await post({ input: 'hi' }, { accept })).headers.get('content-type')).toContain(type);
  });

  test('goes to the agent it names', async () => {
    const other = createAgent({ name: 'a b/c', models: [scriptedModel(['I am another.'])] });
    const agents = [helper('I help.'), other];
    const runtime = createRuntime({ agents, transports: [] });
    const http = httpTransport({ agents });
    const controller = new AbortController();
    const working = superviseTransport(http, {
      receive: (message) => runtime.handle(message.agent!, message),
      signal: controller.signal,
    });
    const textOf = async (name: string) => {
      const path = `/agents/${encodeURIComponent(name)}/run`;
      const response = await http.fetch(question({ path }));
      return ((await response.json()) as { text: string }).text;
    };

    expect([await textOf('helper'), await textOf('a b/c')]).toEqual(['I help.', 'I am another.']);
    controller.abort();
    await working;
  });
});

/** A question without a server in between. */
function question({ path = '/agents/helper/run', headers = {} }: { path?: string; headers?: Record<string, string> }) {
  return new Request(`http://localhost${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: '{"input":"hi"}',
  });
}

describe('a question that cannot be understood', () => {
  const CASES: readonly (readonly [string, number, string, RequestInit & { path?: string }])[] = [
    ['that is not JSON', 400, 'malformed_json', { body: '{"input": "hi"' }],
    ['that is empty', 400, 'malformed_json', { body: '' }],
    ['without a body', 400, 'malformed_json', { body: null }],
    ['that is not UTF-8', 400, 'malformed_json', { body: new Uint8Array([0x22, 0xff, 0x22]) }],
    ['that is a list', 400, 'invalid_request', { body: '["hi"]' }],
    ['that is null', 400, 'invalid_request', { body: 'null' }],
    ['that is a text', 400, 'invalid_request', { body: '"hi"' }],
    ['whose input is a number', 400, 'invalid_request', { body: '{"input": 1}' }],
    ['whose input is blank', 400, 'invalid_request', { body: '{"input": "  "}' }],
    ['whose conversation is a path', 400, 'invalid_request', { body: '{"input": "hi", "conversationId": "../x"}' }],
    ['with a typo', 400, 'invalid_request', { body: '{"input": "hi", "conversation_id": "c-1"}' }],
    ['of another type', 415, 'unsupported_media_type', { headers: { 'content-type': 'text/plain' } }],
    ['that is compressed', 415, 'unsupported_encoding', { headers: { 'content-encoding': 'gzip' } }],
    ['that is too large', 413, 'body_too_large', { body: JSON.stringify({ input: 'x'.repeat(2_000) }) }],
    ['for nobody', 404, 'unknown_agent', { path: '/agents/nobody/run' }],
    ['for a name that is none', 404, 'unknown_agent', { path: '/agents/%E0%A4%A/run' }],
    ['for no route', 404, 'unknown_route', { path: '/' }],
    ['with another method', 405, 'method_not_allowed', { method: 'PUT' }],
    ['with GET, unless that was allowed', 405, 'method_not_allowed', { method: 'GET' }],
  ];

  test.each(CASES)('%s is a %i, said in one sentence', async (_name, status, type, { path, ...init }) => {
    const { send } = without({ maxBodyBytes: 1_000 });
    const { headers, ...others } = init;
    const body = init.method === 'GET' ? {} : { body: '{"input":"hi"}' };

    const response = await send(path ?? '/agents/helper/run', {
      method: 'POST',
      ...body,
      ...others,
      headers: { 'content-type': 'application/json', ...(headers as Record<string, string>) },
    });

    expect(await problem(response)).toEqual({ status, type, message: expect.stringMatching(/^[^.].*\.$/s) as string });
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('allow')).toBe(status === 405 ? 'POST' : null);
    expect(recorder.spans()).toEqual([]);
  });

  test('that is endless is cut off where it is too large, and the server lives on', async () => {
    const { origin } = await serve(helper('Hello.'), { maxBodyBytes: 1_000 });
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(500)),
    });

    const response = await ask(origin, '', { body: endless, duplex: 'half' });

    expect(await problem(response)).toMatchObject({ status: 413, type: 'body_too_large' });
    expect(await (await ask(origin, { input: 'hi' })).json()).toMatchObject({ text: 'Hello.' });
  });

  test('that says it is too large is refused before any of it arrives', async () => {
    const { send } = without({ maxBodyBytes: 1_000 });
    const response = await send('/agents/helper/run', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '1001' },
      body: new ReadableStream(),
      duplex: 'half',
    });
    expect(await problem(response)).toMatchObject({ status: 413, type: 'body_too_large' });
  });

  test('that never arrives in full is given up on', async () => {
    const time = manualTime();
    const http = httpTransportWith(time, { agents: [{ name: 'helper' }], bodyTimeoutMs: 5_000 });
    void http.start(
      async () => {},
      new AbortController().signal,
      () => {},
    );
    const request = new Request('http://localhost/agents/helper/run', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{')) }),
      duplex: 'half',
    });

    const response = http.fetch(request);
    time.advance(await time.nextTimer());

    expect(await problem(await response)).toMatchObject({ status: 408, type: 'body_timeout' });
    expect(time.running).toBe(0);
    await http.drain();
  });

  test('whose upload breaks off leaves nothing behind', async () => {
    const { origin, http } = await serve(helper('Hello.'));
    const socket = connect(Number(new URL(origin).port), '127.0.0.1');
    const head = 'POST /agents/helper/run HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n';
    socket.write(`${head}content-length: 100\r\n\r\n{"input":`, () => socket.destroy());
    await once(socket, 'close');

    expect(await (await ask(origin, { input: 'hi' })).json()).toMatchObject({ text: 'Hello.' });
    await http.drain();
    expect(recorder.named('agent.invoke helper')).toHaveLength(1);
  });

  test.each([
    ['a request line that is none', 'NONSENSE\r\n\r\n', /^HTTP\/1.1 400 /],
    ['a host that is none', 'GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:x\r\n\r\n', /^HTTP\/1.1 4\d\d /],
    [
      'a path that is none',
      'GET \\\\evil HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n',
      /^HTTP\/1.1 4\d\d /,
    ],
  ])('because of %s is refused', async (_name, request, expected) => {
    const { origin } = await serve(helper());
    const socket = connect(Number(new URL(origin).port), '127.0.0.1');
    socket.setEncoding('utf8');
    socket.write(request);
    const [answer] = (await once(socket, 'data')) as [string];
    socket.destroy();

    expect(answer).toMatch(expected);
  });
});

describe('a run that fails', () => {
  test('is a 500 with the trace id, and says nothing of the error', async () => {
    const { origin } = await serve(helper({ error: new Error('sk-proj-1234567890 was refused') }));

    const response = await ask(origin, { input: 'hi' });

    const { traceId } = recorder.only('agent.invoke helper').spanContext();
    expect(response.headers.get('x-trace-id')).toBe(traceId);
    expect(await problem(response)).toEqual({
      status: 500,
      type: 'run_failed',
      message: 'Something went wrong and there is no answer.',
      traceId,
    });
  });

  /** The status of the answer, and what the process was warned of, where whoever takes the message refuses it. */
  async function refusedWith(reason: Error): Promise<{ status: number; warnings: readonly string[] }> {
    const warnings = watchWarnings();
    const http = httpTransport({ agents: [{ name: 'helper' }] });
    const stop = new AbortController();
    const working = http.start(
      () => Promise.reject(reason),
      stop.signal,
      () => {},
    );
    const { status } = await http.fetch(question({}));
    stop.abort();
    await working;
    await settled();
    return { status, warnings: warnings.map(({ message }) => message) };
  }

  test('leaves no secret in the warning about whoever takes its message', async () => {
    const key = ['sk-', 'proj-', 'Q7f3kP9xLm2vTz8R'].join('');
    expect(await refusedWith(new RangeError(`${key} was refused`))).toEqual({
      status: 500,
      warnings: ['a message could not be handed to agent helper: RangeError: [redacted] was refused'],
    });
  });

  test.each([
    ['is an object', { value: { code: 7 } }],
    ['is missing', { value: undefined }],
    [
      'cannot be read',
      {
        get: () => {
          throw new Error('nobody may read this');
        },
      },
    ],
  ])('because it was refused with an error whose message %s is answered like any other', async (_, message) => {
    const rejections = watchRejections();
    expect(await refusedWith(Object.defineProperty(new RangeError(), 'message', message))).toEqual({
      status: 500,
      warnings: ['a message could not be handed to agent helper: RangeError'],
    });
    expect(rejections).toEqual([]);
  });

  test('in a stream is its last event', async () => {
    const { origin } = await serve(helper({ error: new Error('sk-proj-1234567890 was refused') }));

    const response = await ask(origin, { input: 'hi' }, { headers: EVENTS });
    const text = await response.text();

    const { traceId } = recorder.only('agent.invoke helper').spanContext();
    expect(parseEvents(text).map(({ event }) => event)).toEqual(['run.start', 'run.error']);
    expect(parseEvents(text)[1]?.data).toEqual({
      error: { type: 'run_failed', message: 'Something went wrong and there is no answer.', traceId },
    });
    expect(text).not.toContain('sk-proj');
  });
});

describe('a stream', () => {
  test('says what happens as it happens, and nothing that is not for the outside', async () => {
    const agent = createAgent({
      name: 'helper',
      tools: [echo()],
      models: [
        scriptedModel([
          { reasoning: 'I think', text: 'Wait.', toolCalls: [{ name: 'echo', input: { text: 'secret' } }] },
          'Hello Ada.',
        ]),
      ],
    });
    const { origin } = await serve(agent);

    const response = await ask(origin, { input: 'hi', conversationId: 'c-1' }, { headers: EVENTS });
    const events = await eventsOf(response);

    const run = recorder.only('agent.invoke helper');
    const { traceId } = run.spanContext();
    const runId = run.attributes['faultline.run.id'];
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-trace-id': traceId,
    });
    expect(events[0]).toEqual({ event: 'run.start', id: runId, data: { runId, conversationId: 'c-1', traceId } });
    expect(events.at(-1)).toMatchObject({ event: 'run.end', data: { text: 'Hello Ada.', turns: 2, traceId } });
    const texts = events.flatMap(({ event, data }) => (event === 'text.delta' ? [data['text']] : []));
    expect(texts.join('')).toBe('Wait.Hello Ada.');
    const tools = events.filter(({ event }) => event.startsWith('tool.'));
    expect(tools.map(({ event, data }) => [event, data['name']])).toEqual([
      ['tool.start', 'echo'],
      ['tool.end', 'echo'],
    ]);
    expect(JSON.stringify(events)).not.toMatch(/secret|I think/);
  });

  test('says so while there is nothing to say', async () => {
    const time = manualTime();
    const done = gate();
    const asked = gate();
    const agent = helper(async () => {
      asked.open();
      await done.opened;
      return 'late';
    });
    const { origin } = await serve(agent, { time, heartbeatMs: 7_000 });

    const response = await ask(origin, { input: 'hi' }, { headers: EVENTS });
    await asked.opened;
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toMatch(/^event: run.start/);
    time.advance(7_000);
    const heartbeat = await reader.read();
    done.open();
    let rest = '';
    for (let read = await reader.read(); !read.done; read = await reader.read()) rest += read.value;

    expect(heartbeat.value).toBe(': still here\n\n');
    expect(rest).toContain('event: run.end');
  });

  test('says so again and again, but only to who reads, and no more once it has ended', async () => {
    const time = manualTime();
    const stream = createEventStream(time, { heartbeatMs: 7_000, maxWaiting: 1_000, onGone: () => {} });
    const reader = stream.body.getReader();
    const next = async (ms = 0): Promise<string> => {
      const reading = reader.read();
      await new Promise(setImmediate);
      time.advance(ms);
      return Buffer.from((await reading).value ?? []).toString();
    };
    expect([await next(7_000), await next(7_000)]).toEqual([': still here\n\n', ': still here\n\n']);

    time.advance(7_000);
    stream.sendText('Hello.');
    expect(await next()).toContain('Hello.');
    time.advance(7_000);
    expect(await next(7_000)).toBe(': still here\n\n');

    stream.end({ event: 'run.end', data: {} });
    expect(await next()).toContain('run.end');
    expect(await next()).toBe('');
    expect(time.running).toBe(0);
  });

  test('that nobody reads to its end says nothing more once it has ended', async () => {
    const time = manualTime();
    const stream = createEventStream(time, { heartbeatMs: 7_000, maxWaiting: 1_000, onGone: () => {} });
    stream.send({ event: 'run.start', data: {} });
    stream.end({ event: 'run.end', data: {} });
    await stream.body.getReader().read();

    expect(time.running).toBe(0);
  });

  test('that nobody reads says nothing more once it has ended, as when there is no room for its run', async () => {
    const time = manualTime();
    const room = gate();
    const agent = helper(async () => {
      await room.opened;
      return 'Hello.';
    });
    const http = httpTransportWith(time, { agents: [agent] });
    const runtime = createRuntime({ agents: [agent], transports: [{ transport: http }], maxActive: 1 });
    const working = runtime.start();
    const body = JSON.stringify({ input: 'hi' });
    const headers = { 'content-type': 'application/json', ...EVENTS };
    const send = () => http.fetch(new Request('http://localhost/agents/helper/run', { method: 'POST', headers, body }));

    const answer = await send();
    expect(await problem(await send())).toMatchObject({ status: 503, type: 'busy' });
    room.open();
    expect(await answer.text()).toContain('run.end');

    expect(time.running).toBe(0);
    await runtime.stop();
    await working;
  });

  test('for an EventSource comes with GET when that was allowed, and does not run twice', async () => {
    const { send } = without({ eventSource: true });
    const path = '/agents/helper/run?input=hi&conversationId=c-1';

    const events = await eventsOf(await send(path, { headers: EVENTS }));
    const again = await send(path, { headers: { ...EVENTS, 'last-event-id': events[0]!.id! } });

    expect(events.at(-1)).toMatchObject({ event: 'run.end', data: { text: 'Hello.', conversationId: 'c-1' } });
    expect(again.status).toBe(204);
    expect(await problem(await send(path))).toMatchObject({ status: 406 });
    expect(await problem(await send('/agents/helper/run', { headers: EVENTS }))).toMatchObject({ status: 400 });
    expect(recorder.named('agent.invoke helper')).toHaveLength(1);
  });

  test('gives a slow reader longer pieces, not more of them', async () => {
    const words = Array.from({ length: 500 }, (_, index) => `word${index}`).join(' ');
    const agent = helper(words);
    const http = httpTransport({ agents: [agent] });
    const runtime = createRuntime({ agents: [agent], transports: [{ transport: http, agent: 'helper' }] });
    const working = runtime.start();

    const response = await http.fetch(question({ headers: EVENTS }));
    await http.drain();
    const events = await eventsOf(response);
    await runtime.stop();
    await working;

    expect(events.map(({ event }) => event)).toEqual(['run.start', 'text.delta', 'run.end']);
    expect(events[1]?.data).toEqual({ text: words });
  });

  test('that is not read at all ends the run before it fills the memory', async () => {
    const asked = gate();
    const page = 'x'.repeat(400_000);
    const http = httpTransport({ agents: [{ name: 'helper' }] });
    let signal: AbortSignal | undefined;
    void http.start(
      async (message) => {
        ({ signal } = message);
        message.onEvent?.({ type: 'run.start', runId: 'aaaa0000' });
        for (let count = 0; count < 3; count += 1) message.onEvent?.({ type: 'text.delta', text: page });
        message.onEvent?.({ type: 'run.error', errorType: 'AbortError', aborted: true });
        asked.open();
      },
      new AbortController().signal,
      () => {},
    );

    const response = await http.fetch(question({ headers: EVENTS }));
    await asked.opened;

    expect(signal?.aborted).toBe(true);
    expect(signal?.reason).toMatchObject({ message: 'the client reads more slowly than anybody can wait for' });
    expect((await eventsOf(response)).map(({ event }) => event)).toEqual(['run.error']);
    await http.drain();
  });
});

describe('a client that leaves', () => {
  test.each([
    ['while it waits', {}],
    ['in the middle of a stream', EVENTS],
  ])('%s takes the call of the model with it', async (_name, headers) => {
    const { provider, agent } = await remoteHelper({ type: 'hang', text: 'Hel' });
    const { origin, http } = await serve(agent);
    const leaving = new AbortController();

    const answer = ask(origin, { input: 'hi' }, { headers, signal: leaving.signal });
    const read = answer.then((response) => response.text());
    await provider.waitForRequest();
    leaving.abort();

    expect(await rejection(read)).toMatchObject({ name: 'AbortError' });
    expect(await provider.waitForAbort()).toMatchObject({ abortedByClient: true });
    await http.drain();
    expect(recorder.tree('faultline.outcome')).toBe('agent.invoke helper outcome=aborted\n  chat m-1 outcome=aborted');
  });
});

describe('who may ask', () => {
  test('is who has the token, except for health checks', async () => {
    const { post, send } = without({ token: 'sesame' });
    const authorization = (token: string) => ({ authorization: `Bearer ${token}` });
    const message = 'Send authorization: Bearer and the token.';

    const refused = [
      await post({ input: 'hi' }),
      await post({ input: 'hi' }, authorization('sesam')),
      await post({ input: 'hi' }, { authorization: 'Basic sesame' }),
      await send('/agents/nobody/run', { method: 'POST' }),
      await send('/openapi.json'),
    ];

    expect(refused[0]?.headers.get('www-authenticate')).toBe('Bearer');
    const problems = await Promise.all(refused.map(problem));
    expect(problems).toEqual(refused.map(() => ({ status: 401, type: 'unauthorized', message })));
    expect((await send('/healthz')).status).toBe(200);
    expect(await (await send('/readyz')).json()).toEqual({ status: 'ready' });
    const ready = await send('/readyz', { headers: authorization('sesame') });
    expect(await ready.json()).toEqual({ status: 'ready', agents: ['helper'] });
  });

  test('is everybody with the right token', async () => {
    const { post } = without({ token: 'sesame' });

    expect((await post({ input: 'hi' }, { authorization: 'Bearer sesame' })).status).toBe(200);
    expect((await post({ input: 'hi' }, { authorization: 'bearer  sesame' })).status).toBe(200);
  });

  test.each([
    ['another site, as the browser says', { 'sec-fetch-site': 'cross-site', origin: 'http://localhost' }, 403],
    ['another origin, as an old browser says', { origin: 'https://evil.example' }, 403],
    ['a document without an origin', { origin: 'null' }, 403],
    ['the same origin', { 'sec-fetch-site': 'same-origin', origin: 'http://localhost' }, 200],
    ['the same host behind a proxy that speaks TLS', { origin: 'https://localhost' }, 200],
    ['no browser', {}, 200],
  ])('is not a page of %s', async (_name, headers, status) => {
    const { post } = without();

    expect((await post({ input: 'hi' }, headers as Record<string, string>)).status).toBe(status);
  });

  test('is a page of an origin that was let in, with its trace', async () => {
    const origin = 'https://app.example.com';
    const { post, send } = without({ corsOrigins: [origin] });

    const preflight = await send('/agents/helper/run', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'traceparent' },
    });
    const response = await post({ input: 'hi' }, { origin, 'sec-fetch-site': 'cross-site' });

    expect(preflight.status).toBe(204);
    expect(Object.fromEntries(preflight.headers)).toEqual({
      vary: 'origin',
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers':
        'authorization, content-type, last-event-id, traceparent, tracestate, baggage, sentry-trace',
      'access-control-expose-headers': 'x-trace-id, retry-after',
      'access-control-max-age': '600',
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    const foreign = await post({ input: 'hi' }, { origin: 'https://evil.example' });
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null]);
  });
});

describe('a server with enough to do', () => {
  test('asks to come back, and does when there is room again', async () => {
    const done = gate();
    const asked = gate();
    const agent = helper(async () => {
      asked.open();
      await done.opened;
      return 'first';
    }, 'second');
    const { origin } = await serve(agent, { maxActive: 1 });

    const first = ask(origin, { input: 'hi' });
    await asked.opened;
    const busy = await ask(origin, { input: 'hi' }, { headers: EVENTS });
    done.open();

    expect(busy.headers.get('retry-after')).toBe('1');
    expect(await problem(busy)).toMatchObject({ status: 503, type: 'busy' });
    expect(await (await first).json()).toMatchObject({ text: 'first' });
    expect(await (await ask(origin, { input: 'hi' })).json()).toMatchObject({ text: 'second' });
  });

  test.each([
    ['as JSON', {}],
    ['not as a stream that says nothing', EVENTS],
  ])('says so %s when it is the runtime that is full', async (_name, headers) => {
    const done = gate();
    const asked = gate();
    const agent = helper(async () => {
      asked.open();
      await done.opened;
      return 'first';
    });
    const http = httpTransport({ agents: [agent] });
    const runtime = createRuntime({
      agents: [agent],
      transports: [{ transport: http, agent: 'helper' }],
      maxActive: 1,
    });
    const working = runtime.start();

    const first = http.fetch(question({}));
    await asked.opened;
    const busy = await http.fetch(question({ headers }));
    done.open();
    await first;
    await runtime.stop();
    await working;

    expect(await problem(busy)).toMatchObject({ status: 503, type: 'busy' });
  });
});

describe('a burst of questions', () => {
  test('is answered when no more come at once than may be worked on', async () => {
    const agents = [helper(...Array.from({ length: 300 }, () => 'Hello.'))];
    const http = httpTransport({ agents, maxActive: 300 });
    const runtime = createRuntime({ agents, transports: [{ transport: http }], maxActive: 300 });
    const working = runtime.start();

    const responses = await Promise.all(Array.from({ length: 300 }, () => http.fetch(question({}))));
    await runtime.stop();
    await working;

    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
  });
});

/** A question of which the first byte has arrived. */
function halfAQuestion(): Request {
  return new Request('http://localhost/agents/helper/run', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{')) }),
    duplex: 'half',
  });
}

describe('half a question', () => {
  test('takes nobody’s place, and is told when the server stops', async () => {
    const http = httpTransport({ agents: [{ name: 'helper' }], maxActive: 2 });
    const stop = new AbortController();
    const others = gate();
    const answered: string[] = [];
    const working = http.start(
      async (message) => {
        answered.push(message.text);
        if (answered.length === 2) others.open();
        await others.opened;
        await message.reply('Hello.');
      },
      stop.signal,
      () => {},
    );

    const half = http.fetch(halfAQuestion());
    const first = http.fetch(question({}));
    await expect.poll(() => answered).toHaveLength(1);
    await http.fetch(question({}));
    await first;
    await http.drain();
    stop.abort();
    await working;

    expect(answered).toEqual(['hi', 'hi']);
    expect(await problem(await half)).toMatchObject({ status: 503, type: 'stopping' });
  });

  test('makes room for others when there are as many as questions may be worked on, the oldest first', async () => {
    const { http } = await serve(helper('Hello.'), { maxActive: 2 });

    const halves = [http.fetch(halfAQuestion()), http.fetch(halfAQuestion())];
    const whole = await http.fetch(question({}));
    expect(await problem(await halves[0]!)).toMatchObject({ status: 503, type: 'busy' });
    await http.drain();

    expect(await whole.json()).toMatchObject({ text: 'Hello.' });
    expect(await problem(await halves[1]!)).toMatchObject({ status: 503, type: 'stopping' });
  });

  test('does not hold up a server that stops', async () => {
    const { origin, runtime } = await serve(helper('Hello.'), { server: { closeGraceMs: 600_000 } });
    const socket = connect(Number(new URL(origin).port), '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const head = 'POST /agents/helper/run HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n';
    socket.write(`${head}expect: 100-continue\r\ncontent-length: 100\r\n\r\n`);
    await once(socket, 'data');
    const text = once(socket.setEncoding('utf8'), 'data');
    await runtime.stop({ timeoutMs: 600_000 });

    expect((await text)[0]).toMatch(/^HTTP\/1\.1 503 /);
  });
});

describe('a server that is stopped', () => {
  test('takes no more questions while it answers the last', async () => {
    const done = gate();
    const asked = gate();
    const agent = helper(async () => {
      asked.open();
      await done.opened;
      return 'the last';
    });
    const { origin, http } = await serve(agent);

    const last = ask(origin, { input: 'hi' });
    await asked.opened;
    const drained = http.drain();
    const late = await ask(origin, { input: 'hi' });
    const ready = await fetch(`${origin}/readyz`);
    done.open();
    await drained;

    expect(await problem(late)).toMatchObject({ status: 503, type: 'stopping' });
    expect([ready.status, await ready.json()]).toMatchObject([503, { status: 'stopped' }]);
    expect(await (await last).json()).toMatchObject({ text: 'the last' });
  });

  test.each([
    ['whoever waits', {}, 503],
    ['whoever reads a stream', EVENTS, 200],
  ])('tells %s which run it aborted', async (_name, headers, status) => {
    const asked = gate();
    const agent = helper(() => {
      asked.open();
      return { hang: '' };
    });
    const { origin, runtime, working } = await serve(agent);

    const response = ask(origin, { input: 'hi' }, { headers });
    await asked.opened;
    await runtime.stop();
    const text = await (await response).text();
    await working;

    const { traceId } = recorder.only('agent.invoke helper').spanContext();
    expect((await response).status).toBe(status);
    const body = status === 200 ? parseEvents(text).at(-1)?.data : (JSON.parse(text) as unknown);
    expect(body).toEqual({ error: { type: 'stopping', message: 'The server takes no questions now.', traceId } });
    expect(recorder.only('agent.invoke helper').attributes['faultline.outcome']).toBe('aborted');
  });

  test.each([
    ['whoever waits', {}],
    ['whoever reads a stream', EVENTS],
  ])('tells %s in line of a conversation that it stops', async (_name, headers) => {
    const http = httpTransport({ agents: [{ name: 'helper' }] });
    const inLine = gate();
    const itsTurn = gate();
    const stop = new AbortController();
    const working = http.start(
      () => {
        inLine.open();
        return itsTurn.opened;
      },
      stop.signal,
      () => {},
    );

    const response = http.fetch(question({ headers }));
    await inLine.opened;
    stop.abort();
    itsTurn.open();
    await working;

    expect(await (await response).text()).toContain('"type":"stopping"');
  });

  test('takes no more questions although its server is still closing', async () => {
    const closed = gate();
    const http = httpTransport({ agents: [{ name: 'helper' }], listen: () => closed.opened });
    const stop = new AbortController();
    const working = http.start(
      () => Promise.resolve(),
      stop.signal,
      () => {},
    );

    stop.abort();
    const late = await http.fetch(question({}));
    closed.open();
    await working;

    expect(await problem(late)).toMatchObject({ status: 503, type: 'stopping' });
  });

  test('has no spans of its own, whatever it was asked', async () => {
    const { origin } = await serve(helper('Hello.'));

    for (const path of ['/healthz', '/readyz', '/openapi.json', '/nothing']) await fetch(origin + path);
    await (await ask(origin, { input: 'hi' }, { headers: EVENTS })).text();

    expect(recorder.tree()).toBe('agent.invoke helper\n  chat scripted-model');
  });
});

describe('health', () => {
  test('is said with what the caller knows about the rest', async () => {
    const telemetry = { delivered: 3, dropped: 0 };
    const transports = [{ name: 'http', state: 'running' }] as const;
    const { send } = without({ status: () => ({ transports, telemetry }) });

    expect(await (await send('/readyz')).json()).toEqual({
      status: 'ready',
      agents: ['helper'],
      transports,
      telemetry,
    });
    expect(await (await send('/healthz')).json()).toMatchObject({ status: 'ok', agents: ['helper'] });
    const head = await send('/healthz', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('is that of every transport of the runtime, without a word about why', async () => {
    const time = manualTime();
    const agent = helper('Hello.');
    const slack: Transport = {
      name: 'slack',
      start: (_receive, signal) => {
        starts += 1;
        if (starts === 1) return Promise.reject(new Error('xoxb-1 was refused'));
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    };
    let starts = 0;
    const http = httpTransport({ agents: [agent], token: 'sesame', status: () => runtime.status() });
    const runtime: Runtime = createRuntimeWith(time, {
      agents: [agent],
      transports: [{ transport: http }, { transport: slack, agent: 'helper' }],
      onCrash: 'restart',
    });
    const working = runtime.start();
    onTestFinished(async () => {
      await runtime.stop();
      await working;
    });
    const get = async (path: string, headers: Record<string, string> = { authorization: 'Bearer sesame' }) => {
      const response = await http.fetch(new Request(`http://localhost${path}`, { headers }));
      return [response.status, await response.json()];
    };
    const states = (slack: object) => ({
      agents: ['helper'],
      transports: [
        { name: 'http', state: 'running' },
        { name: 'slack', agent: 'helper', ...slack },
      ],
    });

    const delayMs = await time.nextTimer();
    const restarting = states({ state: 'restarting', since: new Date(time.now()).toISOString() });
    expect(await get('/readyz')).toEqual([503, { status: 'unready', ...restarting }]);
    expect(await get('/readyz', {})).toEqual([503, { status: 'unready' }]);
    expect(await get('/healthz')).toEqual([200, { status: 'ok', ...restarting }]);
    time.advance(delayMs);
    await expect.poll(() => starts).toBe(2);

    expect(await get('/readyz')).toEqual([200, { status: 'ready', ...states({ state: 'running' }) }]);
    expect(await get('/readyz', {})).toEqual([200, { status: 'ready' }]);
  });

  test('is not good when the caller says so, and no worse when it cannot tell', async () => {
    const unready = without({ status: () => ({ ready: false, slack: 'invalid_auth' }) });
    const silent = without({
      status: () => {
        throw new Error('no idea');
      },
    });

    const response = await unready.send('/readyz');
    expect([response.status, await response.json()]).toEqual([
      503,
      { status: 'unready', agents: ['helper'], slack: 'invalid_auth' },
    ]);
    expect(await (await silent.send('/readyz')).json()).toEqual({ status: 'ready', agents: ['helper'] });
  });
});

describe('a transport', () => {
  test('crashes when it cannot listen, and the runtime says which', async () => {
    const { origin } = await serve(helper());
    const port = Number(new URL(origin).port);
    const second = await rejection(serve(helper(), { server: { port } }));

    expect(second).toMatchObject({ message: expect.stringContaining(`Port ${port} on 127.0.0.1 is already in use`) });
    expect(recorder.tree('faultline.failure.point')).toBe('transport.crash http ! x point=transport.crash');
  });

  test('has its routes where it was told', async () => {
    const { send } = without({ basePath: '/api/v1' });

    expect((await send('/api/v1/healthz')).status).toBe(200);
    expect(await problem(await send('/healthz'))).toMatchObject({
      status: 404,
      message:
        'There is nothing here: POST /api/v1/agents/{agent}/run, GET /api/v1/healthz, /api/v1/readyz or /api/v1/openapi.json.',
    });
    expect((await send('/api/v11/healthz')).status).toBe(404);
  });

  test('checks its options when it is created', () => {
    const agents = [{ name: 'helper' }];

    expect(() => httpTransport({ agents, token: '' })).toThrow('token must be one or more printable');
    expect(() => httpTransport({ agents, token: 'correct horse' })).toThrow(/; got another text$/);
    expect(() => httpTransport({ agents, corsOrigins: ['app.example.com'] })).toThrow(
      'an origin looks like https://app.example.com; got "app.example.com"',
    );
    expect(() => httpTransport({ agents, basePath: 'api/' })).toThrow('basePath must look like /api; got "api/"');
    expect(() => httpTransport({ agents, maxActive: 0 })).toThrow(
      'maxActive must be a whole number of at least 1; got 0',
    );
    expect(() => httpTransport({ agents, heartbeatMs: 0 })).toThrow('heartbeatMs must be more than 0');
  });
});
