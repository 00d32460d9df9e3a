import { gzipSync } from 'node:zlib';

import { BinaryReader } from '@bufbuild/protobuf/wire';
import { afterEach, describe, expect, test } from 'vitest';

import {
  FAKE_PUBLIC_KEY,
  rateLimited,
  startFakeSentry,
  type FakeSentry,
  type FakeSentryOptions,
} from '../../src/testing/fake-sentry.ts';
import { EXPORTERS, exportOnce } from '../receiver/exporters.ts';
import { jsonRequest, sampleSpans, serialized } from '../receiver/sample-spans.ts';
import { JSON_TYPE, PROTOBUF_TYPE, send, type Answered } from '../receiver/send.ts';
import { settled, watchRejections } from '../support/process-events.ts';

const KEY = FAKE_PUBLIC_KEY;
const AUTH = { 'x-sentry-auth': `sentry sentry_key=${KEY}` };
const TRACES = '/api/1/integration/otlp/v1/traces/';
const EMPTY = '{"resourceSpans":[]}';

const started: FakeSentry[] = [];

async function start(options?: FakeSentryOptions): Promise<FakeSentry> {
  const sentry = await startFakeSentry(options);
  started.push(sentry);
  return sentry;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((sentry) => sentry.close()));
});

const names = (spans: readonly { readonly name: string }[]): string[] => spans.map(({ name }) => name);

/** Sends one good trace request. */
function post(sentry: FakeSentry): Promise<Answered> {
  return send(`${sentry.origin}${TRACES}`, { headers: { ...AUTH, ...JSON_TYPE }, body: jsonRequest({}) });
}

/** Code and message of a google.rpc.Status in protobuf. */
function rpcStatus(body: string): readonly [code: number, message: string] {
  const reader = new BinaryReader(Buffer.from(body));
  reader.tag();
  const code = reader.int32();
  reader.tag();
  return [code, reader.string()];
}

describe('the conformance table', () => {
  test.each([
    '/api/1/integration/otlp/v1/traces',
    '/api/1/integration/otlp/v1/traces/',
    '/api/1/otlp/v1/traces',
    '/api/1/otlp/v1/traces/',
  ])('1: POST %s is 200', async (path) => {
    const sentry = await start();

    const answer = await send(`${sentry.origin}${path}`, { headers: { ...JSON_TYPE, ...AUTH }, body: EMPTY });

    expect(answer.status).toBe(200);
  });

  test.each<[string, Record<string, string>]>([
    ['2: x-sentry-auth with a lower-case prefix', { 'x-sentry-auth': `sentry sentry_key=${KEY}` }],
    ['3: x-sentry-auth in full', { 'X-Sentry-Auth': `Sentry sentry_version=7, sentry_key=${KEY}, sentry_client=a/1` }],
    ['x-sentry-auth in capitals', { 'X-Sentry-Auth': `SENTRY sentry_key=${KEY}` }],
    ['authorization with the prefix of Sentry', { authorization: `Sentry sentry_key=${KEY}` }],
    ['6: authorization: Basic', { authorization: `Basic ${Buffer.from(`${KEY}:`).toString('base64')}` }],
    [
      'authorization: Basic with a password',
      { authorization: `basic ${Buffer.from(`${KEY}:secret`).toString('base64')}` },
    ],
    ['x-sentry-auth beside a Bearer token, which is ignored', { ...AUTH, authorization: 'Bearer abc' }],
  ])('%s is 200', async (_what, headers) => {
    const sentry = await start();

    const answer = await send(`${sentry.origin}${TRACES}`, { headers: { ...JSON_TYPE, ...headers }, body: EMPTY });

    expect([answer.status, answer.text]).toEqual([200, '{}']);
  });

  test('7: the key in the query is 200', async () => {
    const sentry = await start();

    const answer = await send(`${sentry.origin}${TRACES}?sentry_version=7&sentry_key=${KEY}&sentry_client=a%2F1`, {
      headers: JSON_TYPE,
      body: EMPTY,
    });

    expect(answer.status).toBe(200);
  });

  test.each<[string, Record<string, string>, string, number, string]>([
    [
      '4: x-sentry-auth without its prefix',
      { 'x-sentry-auth': `sentry_key=${KEY}` },
      '',
      401,
      'missing authorization information',
    ],
    ['5: authorization: Bearer', { authorization: `Bearer ${KEY}` }, '', 401, 'missing authorization information'],
    ['no authorization', {}, '', 401, 'missing authorization information'],
    [
      'Basic without a user',
      { authorization: `Basic ${Buffer.from(':x').toString('base64')}` },
      '',
      401,
      'missing authorization information',
    ],
    ['8: a header and the query', AUTH, `?sentry_key=${KEY}`, 401, 'multiple authorization payloads detected'],
    [
      'two headers',
      { ...AUTH, authorization: `Basic ${Buffer.from(`${KEY}:`).toString('base64')}` },
      '',
      401,
      'multiple authorization payloads detected',
    ],
    ['a header cut at the comma', { 'x-sentry-auth': 'sentry sentry_version=7' }, '', 401, 'bad x-sentry-auth header'],
    [
      'a malformed header, noticed before the query,',
      { 'x-sentry-auth': 'sentry sentry_version=7' },
      `?sentry_key=${KEY}`,
      401,
      'bad x-sentry-auth header',
    ],
    [
      'a version that is no number',
      { 'x-sentry-auth': `sentry sentry_version=x, sentry_key=${KEY}` },
      '',
      401,
      'bad x-sentry-auth header',
    ],
    [
      'a version of the future',
      { 'x-sentry-auth': `sentry sentry_version=8, sentry_key=${KEY}` },
      '',
      400,
      'unsupported protocol version (8)',
    ],
    ['a key that is none', { 'x-sentry-auth': 'sentry sentry_key=abc' }, '', 400, 'bad sentry DSN public key'],
    [
      'a key nobody knows',
      { 'x-sentry-auth': `sentry sentry_key=${'0'.repeat(32)}` },
      '',
      403,
      'event submission rejected with_reason: ProjectId',
    ],
  ])('%s is refused in both formats', async (_what, headers, query, status, message) => {
    const sentry = await start();
    const code = { 400: 3, 401: 16, 403: 7 }[status];

    const toJson = await send(`${sentry.origin}${TRACES}${query}`, {
      headers: { ...JSON_TYPE, ...headers },
      body: jsonRequest({}),
    });
    const toProtobuf = await send(`${sentry.origin}${TRACES}${query}`, { headers: { ...PROTOBUF_TYPE, ...headers } });

    expect([toJson.status, toJson.json()]).toEqual([status, { code, message }]);
    expect([toProtobuf.status, toProtobuf.headers['content-type']]).toEqual([status, 'application/x-protobuf']);
    expect(rpcStatus(toProtobuf.text)).toEqual([code, message]);
    expect(sentry.spans).toEqual([]);
  });

  test('9: another content type is 415 with a JSON body, before anything else is looked at', async () => {
    const sentry = await start();

    const answer = await send(`${sentry.origin}${TRACES}`, { headers: { 'content-type': 'text/plain' }, body: EMPTY });

    expect([answer.status, answer.headers['content-type'], answer.json()]).toEqual([
      415,
      'application/json',
      { code: 3, message: 'unsupported content type: text/plain' },
    ]);
  });

  test('10: JSON with a charset is 200 with {}', async () => {
    const sentry = await start();

    const answer = await send(`${sentry.origin}${TRACES}`, {
      headers: { ...AUTH, 'content-type': 'application/json; charset=utf-8' },
      body: EMPTY,
    });

    expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([200, 'application/json', '{}']);
  });

  test('11: protobuf is 200 with an empty message', async () => {
    const sentry = await start();

    const answer = await send(`${sentry.origin}${TRACES}`, {
      headers: { ...AUTH, ...PROTOBUF_TYPE },
      body: serialized(await sampleSpans(), 'protobuf'),
    });

    expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([200, 'application/x-protobuf', '']);
    expect(sentry.spans).toHaveLength(3);
  });

  test.each([
    ['as sent', {}, ' '.repeat(3000)],
    ['unpacked', { 'content-encoding': 'gzip' }, gzipSync(' '.repeat(3000))],
  ])('12: a body over the limit %s is 413', async (_what, headers, body) => {
    const sentry = await start({ maxBodyBytes: 2000 });

    const answer = await send(`${sentry.origin}${TRACES}`, { headers: { ...AUTH, ...JSON_TYPE, ...headers }, body });

    expect([answer.status, answer.json()]).toEqual([
      413,
      { code: 8, message: 'unable to read body: the body is larger than 2000 bytes' },
    ]);
    expect(sentry.requests[0]).toMatchObject({ status: 413, body: new Uint8Array() });
  });

  test('13: a client over its quota gets 429 with both headers', async () => {
    const sentry = await start();
    sentry.answerNext(rateLimited(30));

    const answer = await send(`${sentry.origin}${TRACES}`, { headers: { ...AUTH, ...PROTOBUF_TYPE } });

    expect(answer.status).toBe(429);
    expect(answer.headers).toMatchObject({
      'retry-after': '30',
      'x-sentry-rate-limits': '30:span:organization:quota_exceeded',
      'content-type': 'application/x-protobuf',
    });
    expect(rpcStatus(answer.text)[0]).toBe(8);
  });

  test.each([
    ['JSON', JSON_TYPE],
    ['protobuf', PROTOBUF_TYPE],
  ])('14: garbage as %s is 200 and nothing is stored', async (_format, type) => {
    const sentry = await start();

    const answer = await send(`${sentry.origin}${TRACES}`, { headers: { ...AUTH, ...type }, body: 'garbage' });

    expect(answer.status).toBe(200);
    expect([sentry.spans, sentry.stored]).toEqual([[], []]);
    expect(sentry.discarded).toEqual([
      { reason: 'malformed', message: expect.stringMatching(/^Expected the request to be .*got 7 bytes/) },
    ]);
  });
});

describe('spans', () => {
  test.each(EXPORTERS)('of the official exporter over %s are accepted and stored', async (_name, create) => {
    const sentry = await start();
    const exporter = create({ url: `${sentry.origin}${TRACES}`, headers: AUTH });

    const [result, spans] = await Promise.all([exportOnce(exporter, await sampleSpans()), sentry.waitForSpans(3)]);

    expect(result).toEqual({ code: 0 });
    expect(names(spans)).toEqual(['chat gpt-x', 'execute_tool get_weather', 'agent.invoke helper']);
    expect(spans[1]?.events).toHaveLength(1);
    expect(sentry.stored[1]).toMatchObject({
      name: 'execute_tool get_weather',
      status: 'error',
      environment: 'staging',
    });
    expect(sentry.stored[1]).not.toHaveProperty('events');
  });

  test('are lost behind a 200 when their id comes twice, their name holds a slash or they end before they start', async () => {
    const sentry = await start();
    const body = jsonRequest(
      { name: 'kept', spanId: 'a'.repeat(16) },
      { name: 'twice', spanId: 'a'.repeat(16) },
      { name: 'chat meta/llama' },
      { name: 'backwards', startTimeUnixNano: '2', endTimeUnixNano: '1' },
    );

    const answer = await send(`${sentry.origin}${TRACES}`, { headers: { ...AUTH, ...JSON_TYPE }, body });

    expect([answer.status, answer.text]).toEqual([200, '{}']);
    expect(names(sentry.spans)).toEqual(['kept']);
    expect(names(sentry.stored)).toEqual(['kept']);
    expect(sentry.discarded.map((one) => [one.reason, 'span' in one ? one.span.name : ''])).toEqual([
      ['duplicate-span-id', 'twice'],
      ['slash-in-name', 'chat meta/llama'],
      ['ends-before-start', 'backwards'],
    ]);
  });

  test('with one id in two requests are both kept', async () => {
    const sentry = await start();
    const body = jsonRequest({ spanId: 'a'.repeat(16) });

    await send(`${sentry.origin}${TRACES}`, { headers: { ...AUTH, ...JSON_TYPE }, body });
    await send(`${sentry.origin}${TRACES}`, { headers: { ...AUTH, ...JSON_TYPE }, body });

    expect(sentry.spans).toHaveLength(2);
  });
});

describe('requests', () => {
  test('are recorded with the bytes as sent, the bytes as meant and the answer', async () => {
    const sentry = await start();
    const body = jsonRequest({});
    const raw = gzipSync(body);

    await send(`${sentry.origin}${TRACES}?a=b`, {
      headers: { ...AUTH, ...JSON_TYPE, 'content-encoding': 'gzip' },
      body: raw,
    });
    await send(`${sentry.origin}/nowhere`, { method: 'PUT', body: 'x' });

    const [first, second] = await sentry.waitForRequests(2);
    expect(first).toMatchObject({ method: 'POST', path: `${TRACES}?a=b`, status: 200, headers: AUTH });
    expect([Buffer.compare(first?.rawBody ?? raw, raw), Buffer.compare(first?.body ?? raw, body)]).toEqual([0, 0]);
    expect(second).toMatchObject({ method: 'PUT', path: '/nowhere', status: 404 });
  });

  test('to other methods, paths, projects and encodings are refused', async () => {
    const sentry = await start();
    const headers = { ...AUTH, ...JSON_TYPE };

    expect((await send(`${sentry.origin}${TRACES}`, { method: 'GET', headers })).headers).toMatchObject({
      allow: 'POST',
    });
    expect((await send(`${sentry.origin}/v1/traces`, { headers, body: EMPTY })).status).toBe(404);
    expect((await send(`${sentry.origin}/api/x/integration/otlp/v1/traces`, { headers, body: EMPTY })).json()).toEqual({
      code: 3,
      message: 'bad project path parameter',
    });
    expect((await send(`${sentry.origin}/api/2/integration/otlp/v1/traces`, { headers, body: EMPTY })).status).toBe(
      403,
    );
    expect(
      (await send(`${sentry.origin}${TRACES}`, { headers: { ...headers, 'content-encoding': 'zstd' }, body: EMPTY }))
        .status,
    ).toBe(415);
    expect(
      (await send(`${sentry.origin}${TRACES}`, { headers: { ...headers, 'content-encoding': 'gzip' }, body: EMPTY }))
        .status,
    ).toBe(400);
  });
});

describe('projects and prefix', () => {
  test('the DSN leads to the project, also behind a path prefix', async () => {
    const sentry = await start({
      pathPrefix: 'sentry/',
      projects: [
        { id: '7', publicKey: 'a'.repeat(32) },
        { id: '8', publicKey: 'b'.repeat(32) },
      ],
    });
    const { host } = new URL(sentry.origin);

    expect(sentry.dsn).toBe(`http://${'a'.repeat(32)}@${host}/sentry/7`);
    expect(sentry.dsnOf('8')).toBe(`http://${'b'.repeat(32)}@${host}/sentry/8`);
    const statusOf = async (path: string, key: string): Promise<number> =>
      (
        await send(`${sentry.origin}${path}`, {
          headers: { ...JSON_TYPE, 'x-sentry-auth': `sentry sentry_key=${key.repeat(32)}` },
          body: EMPTY,
        })
      ).status;
    expect(await statusOf('/sentry/api/7/integration/otlp/v1/traces/', 'a')).toBe(200);
    expect(await statusOf('/sentry/api/8/integration/otlp/v1/traces/', 'b')).toBe(200);
    expect(await statusOf('/sentry/api/8/integration/otlp/v1/traces/', 'a')).toBe(403);
    expect(await statusOf('/api/7/integration/otlp/v1/traces/', 'a')).toBe(404);
  });

  test('the DSN has no prefix by default', async () => {
    const sentry = await start();

    expect(sentry.dsn).toBe(`http://${KEY}@${new URL(sentry.origin).host}/1`);
  });

  test.each([
    [{ projects: [] }, 'Expected projects to hold at least one project, got none.'],
    [{ projects: [{ id: 'a', publicKey: KEY }] }, 'Expected the id of a project to be a number, got "a".'],
    [{ projects: [{ id: '1', publicKey: 'k' }] }, 'Expected the public key of project 1 to be 32 hex digits.'],
  ])('the options %j are refused', async (options, message) => {
    await expect(startFakeSentry(options)).rejects.toThrow(new RangeError(message));
  });
});

describe('answers of the test’s choosing', () => {
  test('come in the order they were asked for, then requests are accepted again', async () => {
    const sentry = await start();
    sentry.answerNext({ kind: 'status', status: 503 }, 2);
    sentry.answerNext({ kind: 'status', status: 400, headers: { 'content-type': 'text/html' }, body: '<p>proxy</p>' });

    const statuses = [(await post(sentry)).status, (await post(sentry)).status];
    const proxy = await post(sentry);
    const accepted = await post(sentry);

    expect(statuses).toEqual([503, 503]);
    expect([proxy.status, proxy.headers['content-type'], proxy.text]).toEqual([400, 'text/html', '<p>proxy</p>']);
    expect(accepted.status).toBe(200);
    expect(sentry.spans).toHaveLength(1);
    expect(sentry.requests.map(({ status }) => status)).toEqual([503, 503, 400, 200]);
  });

  test('may be a reset connection, and the request is recorded without a status', async () => {
    const sentry = await start();
    sentry.answerNext({ kind: 'reset' });

    await expect(post(sentry)).rejects.toThrow('ECONNRESET');

    expect((await sentry.waitForRequests(1))[0]).toMatchObject({ status: 0, path: TRACES });
  });

  test('may be silence, which close() ends', async () => {
    const sentry = await start();
    sentry.answerNext({ kind: 'hang' });
    const pending = post(sentry).catch((error: unknown) => error);
    await sentry.waitForRequests(1);

    await sentry.close();

    expect(await pending).toBeInstanceOf(Error);
    expect(sentry.spans).toEqual([]);
  });

  test('leave envelopes alone, which have answers of their own', async () => {
    const sentry = await start();
    const envelope = (): ReturnType<typeof send> =>
      send(`${sentry.origin}/api/1/envelope/`, {
        headers: { ...AUTH, 'content-type': 'application/x-sentry-envelope' },
        body: '{}\n',
      });
    sentry.answerNext({ kind: 'status', status: 500 });
    sentry.answerNextEnvelope({ kind: 'status', status: 429 });

    expect([(await envelope()).status, (await envelope()).status, (await post(sentry)).status]).toEqual([
      429, 200, 500,
    ]);
  });

  test('cannot be asked for less than once', async () => {
    const sentry = await start();

    expect(() => sentry.answerNext({ kind: 'hang' }, 0)).toThrow(
      new RangeError('Expected times to be at least 1, got 0.'),
    );
  });
});

describe('envelopes', () => {
  const EVENT = '{"event_id":"e1","sdk":{"name":"x"}}\n{"type":"event"}\n{"event_id":"e1","level":"error"}\n';
  const TYPE = { 'content-type': 'application/x-sentry-envelope' };

  test.each(['/api/1/envelope/', '/api/1/envelope'])(
    'posted to %s are recorded and answered with their id',
    async (path) => {
      const sentry = await start();

      const answer = await send(`${sentry.origin}${path}`, {
        headers: { ...AUTH, ...TYPE, 'content-encoding': 'gzip' },
        body: gzipSync(EVENT),
      });

      expect([answer.status, answer.json()]).toEqual([200, { id: 'e1' }]);
      const [envelope] = await sentry.waitForEnvelopes(1);
      expect(envelope).toMatchObject({
        projectId: '1',
        headers: { event_id: 'e1', sdk: { name: 'x' } },
        items: [{ type: 'event', headers: { type: 'event' }, payload: { event_id: 'e1', level: 'error' } }],
      });
    },
  );

  test('of a Sentry SDK are recorded, which says who it is in the query, and nothing of the content type', async () => {
    const sentry = await start();
    const key = new URL(sentry.dsn).username;

    const answer = await send(`${sentry.origin}/api/1/envelope/?sentry_version=7&sentry_key=${key}`, { body: EVENT });

    expect([answer.status, answer.json()]).toEqual([200, { id: 'e1' }]);
    expect(sentry.envelopes).toMatchObject([{ projectId: '1', headers: { event_id: 'e1' } }]);
  });

  test.each<[string, Record<string, string>, string, number, string]>([
    [
      'with another content type',
      { ...AUTH, ...JSON_TYPE },
      EVENT,
      415,
      'expected content type application/x-sentry-envelope, got application/json',
    ],
    ['without authorization', TYPE, EVENT, 401, 'missing authorization information'],
    [
      'that are none',
      { ...AUTH, ...TYPE },
      'x',
      400,
      'invalid event envelope: Expected the envelope headers to be a JSON object.',
    ],
    [
      'with an event over 1 MiB',
      { ...AUTH, ...TYPE },
      `{}\n{"type":"event"}\n${JSON.stringify({ message: 'x'.repeat(1024 * 1024) })}`,
      413,
      'an event item is larger than 1048576 bytes',
    ],
  ])('%s are refused', async (_what, headers, body, status, detail) => {
    const sentry = await start();

    const answer = await send(`${sentry.origin}/api/1/envelope/`, { headers, body });

    expect([answer.status, answer.json()]).toEqual([status, { detail, causes: [] }]);
    expect(sentry.envelopes).toEqual([]);
  });
});

describe('waiting', () => {
  test('resolves at once when enough has come, and when the last one comes', async () => {
    const sentry = await start();
    const two = sentry.waitForSpans(2);
    await send(`${sentry.origin}${TRACES}`, { headers: { ...AUTH, ...JSON_TYPE }, body: jsonRequest({ name: 'a' }) });
    await send(`${sentry.origin}${TRACES}`, { headers: { ...AUTH, ...JSON_TYPE }, body: jsonRequest({ name: 'b' }) });

    expect(names(await two)).toEqual(['a', 'b']);
    expect(names(await sentry.waitForSpans(1))).toEqual(['a', 'b']);
  });

  test('gives up with a sentence that says how many came and what else is known', async () => {
    const sentry = await start();

    await expect(sentry.waitForSpans(1, 1)).rejects.toThrow(
      new Error('Waited for 1 spans for 1 ms, and 0 came, no request at all.'),
    );

    await send(`${sentry.origin}${TRACES}`, {
      headers: { ...AUTH, ...JSON_TYPE },
      body: jsonRequest({ name: 'a' }, { name: 'b/c' }),
    });
    await expect(sentry.waitForSpans(2, 1)).rejects.toThrow(
      new Error(
        'Waited for 2 spans for 1 ms, and 1 came, the last request was answered with 200, 1 discarded (slash-in-name).',
      ),
    );
  });

  test('ends when the server is closed', async () => {
    const sentry = await start();
    const given = sentry.waitForEnvelopes(1).catch((error: unknown) => error);

    await sentry.close();
    await sentry.close();

    expect(await given).toEqual(
      new Error('Waited for 1 envelopes until the server was closed, and 0 came, no request at all.'),
    );
  });

  test('for what can no longer come ends at once', async () => {
    const sentry = await start();
    await sentry.close();

    await expect(sentry.waitForRequests(1)).rejects.toThrow('until the server was closed');
    expect(await sentry.waitForRequests(0)).toEqual([]);
  });

  test('that nobody looks at any more, as after an assertion that failed, ends in silence', async () => {
    const unhandled = watchRejections();
    const sentry = await start();
    void sentry.waitForSpans(1);
    void sentry.waitForRequests(1);

    await sentry.close();
    await settled();

    expect(unhandled).toEqual([]);
  });
});
