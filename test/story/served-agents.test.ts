/**
 * Agents of a file, served by the real binary and asked by a real client: what the person gets, what the models
 * are asked, and what Sentry has of it.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import type { SentryEvent } from '../../src/index.ts';
import type { ReceivedSpan } from '../../src/receiver/received-span.ts';
import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { spanTree } from '../../src/testing/span-tree.ts';
import {
  startStubProvider,
  type StubProvider,
  type StubRequest,
  type StubTurn,
} from '../../src/testing/stub-provider.ts';
import { cli } from '../cli/cli.ts';
import { parseEvents } from '../runtime/transports/serving.ts';
import { curl, startCurl, type CurlAnswer } from './support/curl.ts';
import { serveFile, type ServingCli } from './support/serving.ts';

const AGENTS = fileURLToPath(new URL('../../examples/served-agents/faultline.yaml', import.meta.url));
const SECOND_MODEL = 'mistral-small-latest';
/** More than the buffers of a connection hold, less than the server lets wait. */
const LONG_ANSWER = 'x'.repeat(900_000);
/** What a model must not be able to say to the outside through a failure. */
const SECRET = 'sk-proj-1234567890abcdef';

const refusal: StubTurn = { type: 'status', status: 400, body: { error: { message: `${SECRET} was refused` } } };
const forecast = (city: string): StubTurn => ({
  type: 'toolCalls',
  calls: [{ name: 'get_forecast', arguments: { city } }],
});

/** What the models do, by what the person said; one entry per answer. */
const PLOTS: Readonly<Record<string, readonly StubTurn[]>> = {
  'What should I pack for Lisbon? I travel light.': [
    {
      type: 'toolCalls',
      calls: [
        { name: 'get_forecast', arguments: { city: 'Lisbon' } },
        { name: 'remember', arguments: { text: 'Likes to travel light.' } },
      ],
    },
    { type: 'toolCalls', calls: [{ name: 'ask_packer', arguments: { task: 'Pack for 24 °C.' } }] },
    { type: 'text', text: 'One shirt, and a hat.' },
  ],
  'Pack for 24 °C.': [{ type: 'text', text: 'A shirt.' }],
  'Do I travel light?': [{ type: 'text', text: 'You do.' }],
  'What about Oslo?': [forecast('Oslo'), { type: 'text', text: 'Take a coat.' }],
  'And Atlantis?': [forecast('Atlantis'), { type: 'text', text: 'I do not know.' }],
  'Say nothing.': [{ type: 'hang', text: 'Well…' }],
  'Say much.': [{ type: 'text', text: LONG_ANSWER }],
  'Fail.': [refusal],
  'Never stop.': Array.from({ length: 9 }, (): StubTurn => ({
    type: 'toolCalls',
    calls: [{ name: 'again', arguments: {} }],
  })),
  'Take your time.': [{ type: 'text', text: 'At last.', latencyMs: 300 }],
};

function play({ body: { model, messages } }: StubRequest): StubTurn {
  const asked = messages.findLastIndex(({ role }) => role === 'user');
  const said = String(messages[asked]?.content);
  if (said === 'What about Oslo?' && model !== SECOND_MODEL) return refusal;
  const turn = messages.slice(asked).filter(({ role }) => role === 'assistant').length;
  return PLOTS[said]?.[turn] ?? { type: 'status', status: 400 };
}

let sentry: FakeSentry;
let provider: StubProvider;
let serving: ServingCli;

beforeAll(async () => {
  sentry = await startFakeSentry();
  provider = await startStubProvider({ 'gpt-5-mini': play, [SECOND_MODEL]: play });
  serving = await serveFile(AGENTS, environment({ OTEL_BSP_SCHEDULE_DELAY: '20' }));
});

afterAll(async () => {
  serving.child.kill('SIGKILL');
  await serving.finished;
  await provider.close();
  await sentry.close();
});

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    OPENAI_API_KEY: 'k-1',
    OPENAI_BASE_URL: provider.baseUrl,
    MISTRAL_API_KEY: 'k-2',
    MISTRAL_BASE_URL: provider.baseUrl,
    SENTRY_DSN: sentry.dsn,
    ...more,
  };
}

function nextRequest(): Promise<StubRequest> {
  return provider.waitForRequest(provider.requests.length + 1);
}

function nextAbort(): Promise<StubRequest> {
  return provider.waitForAbort(provider.requests.filter(({ abortedByClient }) => abortedByClient).length + 1);
}

/** The trace of a caller, which a run is to continue. */
interface Caller {
  readonly traceId: string;
  readonly spanId: string;
  readonly headers: Readonly<Record<string, string>>;
}

function caller(): Caller {
  const traceId = randomBytes(16).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-01` } };
}

const STREAM = { accept: 'text/event-stream' };

function runOf(agent: string, { origin } = serving): string {
  return `${origin}/agents/${agent}/run`;
}

/** The spans of a trace, once all of them arrived: requests overtake each other, so no span is the last to come. */
async function spansOf({ traceId }: Caller, count: number): Promise<readonly ReceivedSpan[]> {
  const arrived = () => sentry.spans.filter((span) => span.traceId === traceId);
  while (arrived().length < count) await sentry.waitForSpans(sentry.spans.length + 1);
  return arrived();
}

/** One of them, once it arrived. */
async function spanOf({ traceId }: Caller, isIt: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan> {
  for (;;) {
    const arrived = sentry.spans.find((span) => span.traceId === traceId && isIt(span));
    if (arrived !== undefined) return arrived;
    await sentry.waitForSpans(sentry.spans.length + 1);
  }
}

/** The span of the run a caller asked for. */
function runSpanOf(from: Caller): Promise<ReceivedSpan> {
  return spanOf(from, ({ parentSpanId }) => parentSpanId === from.spanId);
}

/** The Issues there are of a trace, and of a failure point. */
function issuesOf({ traceId }: Pick<Caller, 'traceId'>, point?: string): readonly SentryEvent[] {
  return issues()
    .filter(({ contexts }) => contexts?.['trace']?.['trace_id'] === traceId)
    .filter(({ tags }) => point === undefined || tags?.['failure.point'] === point);
}

/** The same, once there is one. */
async function nextIssuesOf(from: Caller, point: string): Promise<readonly SentryEvent[]> {
  while (issuesOf(from, point).length === 0) await sentry.waitForEnvelopes(sentry.envelopes.length + 1);
  return issuesOf(from, point);
}

function issues(): readonly SentryEvent[] {
  return sentry.envelopes.flatMap(({ items }) => items.map(({ payload }) => payload as SentryEvent));
}

function problemOf({ headers, body }: CurlAnswer) {
  const isStream = headers['content-type']?.startsWith('text/event-stream') === true;
  const { error } = (isStream ? parseEvents(body).at(-1)!.data : JSON.parse(body)) as {
    error: { type: string; message: string; traceId?: string };
  };
  return error;
}

describe('a served agent', () => {
  test('tells what it does while it does it, in the trace of whoever asks', async () => {
    const from = caller();
    const { status, headers, body } = await curl(runOf('trip-helper'), {
      headers: { ...STREAM, ...from.headers },
      body: { input: 'What should I pack for Lisbon? I travel light.', conversationId: 'c-1' },
    });
    const events = parseEvents(body);
    const spans = await spansOf(from, 10);

    expect([status, headers['content-type'], headers['x-trace-id']]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
      from.traceId,
    ]);
    expect(
      events.filter(({ event }) => event === 'tool.end').map(({ data }) => [data['name'], data['isError']]),
    ).toEqual(
      expect.arrayContaining([
        ['get_forecast', false],
        ['remember', false],
        ['ask_packer', false],
      ]),
    );
    expect(events.filter(({ event }) => event === 'text.delta').length).toBeGreaterThan(0);
    expect(events.at(-1)).toMatchObject({
      event: 'run.end',
      data: { text: 'One shirt, and a hat.', conversationId: 'c-1', traceId: from.traceId, turns: 3 },
    });
    expect(spanTree(spans)).toBe(
      [
        'agent.invoke trip-helper  turns=3 (parent missing)',
        '├ search_memory in-process',
        '├ chat gpt-5-mini  finish=tool-calls in=10 out=5',
        '│ ├ execute_tool get_forecast',
        '│ └ execute_tool remember',
        '├ chat gpt-5-mini  finish=tool-calls in=10 out=5',
        '│ └ execute_tool ask_packer',
        '│   └ agent.invoke packer  turns=1',
        '│     └ chat gpt-5-mini  finish=stop in=10 out=5',
        '└ chat gpt-5-mini  finish=stop in=10 out=5',
      ].join('\n'),
    );
    expect(spans.find(({ parentSpanId }) => parentSpanId === from.spanId)?.name).toBe('agent.invoke trip-helper');
    expect(new Set(spans.map(({ attributes }) => attributes['gen_ai.conversation.id']))).toEqual(new Set(['c-1']));
    expect(new Set(spans.map(({ attributes }) => attributes['faultline.transport']))).toEqual(new Set(['http']));
  });

  test('knows in the next conversation what it was to remember', async () => {
    const from = caller();
    const { status, headers, body } = await curl(runOf('trip-helper'), {
      headers: from.headers,
      body: { input: 'Do I travel light?' },
    });
    const asked = provider.requests.at(-1)!.body.messages;
    const recalled = await spanOf(from, ({ name }) => name.startsWith('search_memory'));

    expect([status, headers['x-trace-id']]).toEqual([200, from.traceId]);
    expect(JSON.parse(body)).toMatchObject({ text: 'You do.', model: 'gpt-5-mini', traceId: from.traceId });
    expect(asked.filter(({ role }) => role === 'system').map(({ content }) => String(content))).toEqual([
      expect.stringContaining('Likes to travel light.'),
    ]);
    // Another conversation begins without what was said in the first one.
    expect(asked.filter(({ role }) => role === 'user')).toHaveLength(1);
    expect(recalled.attributes['gen_ai.memory.record.count']).toBe(1);
  });

  test('is answered by the next model when the first one fails', async () => {
    const from = caller();
    const { body } = await curl(runOf('trip-helper'), { headers: from.headers, body: { input: 'What about Oslo?' } });
    const chats = (await spansOf(from, 6)).filter(({ name }) => name.startsWith('chat'));

    expect(JSON.parse(body)).toMatchObject({ text: 'Take a coat.', model: SECOND_MODEL });
    expect(chats.map(({ name, status }) => [name, status.code])).toEqual([
      ['chat gpt-5-mini', 2],
      [`chat ${SECOND_MODEL}`, 0],
      [`chat ${SECOND_MODEL}`, 0],
    ]);
  });

  test('stops asking the model when the client is killed, which is nobody’s failure', async () => {
    const deserted = await serveFile(AGENTS, environment());
    onTestFinished(() => void deserted.child.kill('SIGKILL'));
    const from = caller();
    const client = startCurl(runOf('trip-helper', deserted), {
      headers: { ...STREAM, ...from.headers },
      body: { input: 'Say nothing.' },
    });
    const gone = nextAbort();
    await client.arrived('Well…');
    client.child.kill('SIGKILL');
    const { body } = await gone;
    deserted.child.kill('SIGTERM');
    await deserted.finished;

    expect(body.messages.at(-1)).toMatchObject({ content: 'Say nothing.' });
    expect(await runSpanOf(from)).toMatchObject({
      status: { code: 0 },
      attributes: { 'faultline.outcome': 'aborted' },
    });
    expect(issuesOf(from)).toEqual([]);
  });
});

describe('a failure of a served agent', () => {
  test.each([
    ['of every model', 'trip-helper', 'Fail.', 'model.fallback_exhausted', {}, 500],
    ['of every model, while it streams,', 'trip-helper', 'Fail.', 'model.fallback_exhausted', STREAM, 200],
    ['to come to an end', 'packer', 'Never stop.', 'conversation.unhandled', {}, 500],
  ])('%s is said by its trace alone, and is an Issue', async (_what, agent, input, point, headers, status) => {
    const from = caller();
    const answer = await curl(runOf(agent), { headers: { ...headers, ...from.headers }, body: { input } });
    const run = await runSpanOf(from);
    const found = await nextIssuesOf(from, point);

    expect([answer.status, answer.headers['x-trace-id']]).toEqual([status, from.traceId]);
    expect(problemOf(answer)).toEqual({
      type: 'run_failed',
      message: 'Something went wrong and there is no answer.',
      traceId: from.traceId,
    });
    expect(run).toMatchObject({ status: { code: 2 }, attributes: { 'faultline.failure.point': point } });
    expect(found).toMatchObject([{ contexts: { trace: { trace_id: from.traceId, span_id: run.spanId } } }]);
    expect(answer.body).not.toContain(SECRET);
  });

  test('of a tool is an Issue although the person gets an answer', async () => {
    const from = caller();
    const answer = await curl(runOf('trip-helper'), { headers: from.headers, body: { input: 'And Atlantis?' } });
    const tool = await spanOf(from, ({ name }) => name === 'execute_tool get_forecast');
    const [issue] = await nextIssuesOf(from, 'tool.execution');

    expect([answer.status, answer.headers['x-trace-id']]).toEqual([200, from.traceId]);
    expect(JSON.parse(answer.body)).toMatchObject({ text: 'I do not know.' });
    expect(tool).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'UnknownCityError' } });
    expect(issue).toMatchObject({
      tags: { 'failure.point': 'tool.execution', agent: 'trip-helper' },
      contexts: { trace: { span_id: tool.spanId } },
    });
  });
});

describe('a client that does not behave', () => {
  test.each([
    ['that sends no JSON', 'trip-helper', '{"input": ', 400, 'malformed_json'],
    ['that sends another type', 'trip-helper', { input: 7 }, 400, 'invalid_request'],
    ['that asks for nobody', 'nobody', { input: 'hi' }, 404, 'unknown_agent'],
  ])('%s is told so in one sentence', async (_what, agent, body, status, type) => {
    const before = provider.requests.length;
    const answer = await curl(runOf(agent), { body });

    expect([answer.status, problemOf(answer)]).toEqual([
      status,
      { type, message: expect.stringMatching(/^[^.].*\.$/s) as string },
    ]);
    expect(provider.requests.length).toBe(before);
  });

  test('that sends more than anybody reads is told so', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'faultline-story-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'question.json');
    writeFileSync(file, JSON.stringify({ input: 'x'.repeat(5_000_000) }));

    expect(problemOf(await curl(runOf('trip-helper'), { body: `@${file}` }))).toMatchObject({ type: 'body_too_large' });
  });

  test('that hangs up its side of the line has left', async () => {
    const gone = nextAbort();
    const arrived = nextRequest();
    const body = '{"input":"Say nothing."}';
    const socket = connect({ port: Number(new URL(serving.origin).port), host: '127.0.0.1', allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.write(
      `POST /agents/trip-helper/run HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    );
    await arrived;
    socket.end();

    expect((await gone).body.messages.at(-1)).toMatchObject({ content: 'Say nothing.' });
  });

  test('that reads slowly gets all there is, and nobody waits for it', async () => {
    const socket = connect(Number(new URL(serving.origin).port), '127.0.0.1').setEncoding('utf8');
    onTestFinished(() => void socket.destroy());
    const body = '{"input":"Say much."}';
    socket.write(
      `POST /agents/trip-helper/run HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
        `accept: text/event-stream\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    let read = '';
    const [first] = (await once(socket, 'data')) as [string];
    read += first;
    socket.pause();
    const other = await curl(runOf('trip-helper'), { body: { input: 'Do I travel light?' } });
    socket.on('data', (text) => (read += String(text)));
    socket.resume();
    await once(socket, 'close');

    expect(JSON.parse(other.body)).toMatchObject({ text: 'You do.' });
    expect(read).toContain('event: run.end');
    expect(read.split('x').length - 1).toBeGreaterThanOrEqual(2 * LONG_ANSWER.length);
  });
});

test('the server says how it is', async () => {
  const health = await curl(`${serving.origin}/healthz`);
  const readiness = await curl(`${serving.origin}/readyz`);

  const details = {
    agents: ['trip-helper', 'packer'],
    transports: [{ name: 'http', state: 'running' }],
    tracing: 'on',
  };
  expect([health.status, JSON.parse(health.body)]).toEqual([200, { ...details, status: 'ok' }]);
  expect([readiness.status, JSON.parse(readiness.body)]).toEqual([200, { ...details, status: 'ready' }]);
});

test('the server answers what it was asked, and delivers all of it, before it ends', async () => {
  // Sends nothing by itself for as long as this test takes.
  const stopping = await serveFile(AGENTS, environment({ OTEL_BSP_SCHEDULE_DELAY: '600000' }));
  onTestFinished(() => void stopping.child.kill('SIGKILL'));
  const from = caller();
  const failed = caller();
  await curl(runOf('trip-helper', stopping), { headers: failed.headers, body: { input: 'And Atlantis?' } });
  const arrived = nextRequest();
  const client = startCurl(runOf('trip-helper', stopping), {
    headers: { ...STREAM, ...from.headers },
    body: { input: 'Take your time.' },
  });
  await arrived;
  stopping.child.kill('SIGTERM');
  const answer = await client.finished;

  expect(parseEvents(answer.body).at(-1)).toMatchObject({ event: 'run.end', data: { text: 'At last.' } });
  expect(await stopping.finished).toMatchObject({ code: 0, stderr: '' });
  const arrivedOf = ({ traceId }: Caller) =>
    sentry.spans.filter((span) => span.traceId === traceId).map(({ name }) => name);
  expect(arrivedOf(from).toSorted()).toEqual([
    'agent.invoke trip-helper',
    'chat gpt-5-mini',
    'search_memory in-process',
  ]);
  expect(arrivedOf(failed)).toHaveLength(5);
  expect(issuesOf(failed, 'tool.execution')).toHaveLength(1);
  expect(sentry.discarded).toEqual([]);
});

test('a server that cannot listen says so to Sentry as well', async () => {
  const { port } = new URL(serving.origin);
  const { code, stderr } = await cli(['serve', '--config', AGENTS, '--port', port], environment());
  const issue = issues().find(({ tags }) => tags?.['failure.point'] === 'transport.crash');

  expect([code, stderr]).toEqual([1, expect.stringContaining(`Port ${port} on 127.0.0.1 is already in use`)]);
  expect(sentry.spans.map(({ name }) => name)).toContain('transport.crash http');
  expect(issue).toMatchObject({ tags: { transport: 'http' } });
});
