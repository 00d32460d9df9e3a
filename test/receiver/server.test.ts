import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';

import { BinaryReader } from '@bufbuild/protobuf/wire';
import { afterEach, describe, expect, test } from 'vitest';

import { startReceiver, type Receiver, type ReceiverOptions } from '../../src/receiver/server.ts';
import type { ReceivedSpan } from '../../src/receiver/received-span.ts';
import { EXPORTERS, exportOnce } from './exporters.ts';
import { json, jsonRequest, sampleSpans, serialized } from './sample-spans.ts';
import { JSON_TYPE, PROTOBUF_TYPE, send } from './send.ts';
import { settled, watchRejections } from '../support/process-events.ts';
import { fc } from '../support/properties.ts';

const started: Receiver[] = [];

async function start(options?: ReceiverOptions): Promise<Receiver> {
  const receiver = await startReceiver(options);
  started.push(receiver);
  return receiver;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((receiver) => receiver.close()));
});

const names = (spans: readonly ReceivedSpan[]): string[] => spans.map(({ name }) => name);

describe('what exporters send', () => {
  test.each(EXPORTERS)('arrives from the official exporter over %s', async (_name, create) => {
    const receiver = await start();

    const result = await exportOnce(create({ url: receiver.tracesUrl }), await sampleSpans());

    expect(result).toEqual({ code: 0 });
    expect(names(receiver.spans)).toEqual(['chat gpt-x', 'execute_tool get_weather', 'agent.invoke helper']);
    expect(receiver.spans[1]?.events[0]?.name).toBe('exception');
  });

  test('is handed to onSpans, request by request, and never as an empty list', async () => {
    const batches: string[][] = [];
    const receiver = await start({ onSpans: (spans) => batches.push(names(spans)) });

    await send(receiver.tracesUrl, { headers: JSON_TYPE, body: jsonRequest({ name: 'a' }, { name: 'b' }) });
    await send(receiver.tracesUrl, { headers: JSON_TYPE, body: jsonRequest() });
    await send(receiver.tracesUrl, { headers: JSON_TYPE, body: jsonRequest({ name: 'c' }) });

    expect(batches).toEqual([['a', 'b'], ['c']]);
  });

  test('is accepted although onSpans throws, and the process is warned', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const receiver = await start({
      onSpans() {
        throw new Error('the viewer is broken');
      },
    });

    const answer = await send(receiver.tracesUrl, { headers: JSON_TYPE, body: jsonRequest({}) });

    expect(answer.status).toBe(200);
    expect((await warned).message).toBe('onSpans of the Faultline receiver threw: the viewer is broken');
    expect(receiver.spans).toHaveLength(1);
  });
});

describe('answers', () => {
  test('accept JSON with {} and protobuf with an empty message, each in its own content type', async () => {
    const receiver = await start();
    const spans = await sampleSpans();

    const toJson = await send(receiver.tracesUrl, {
      headers: { 'content-type': 'Application/JSON; charset=utf-8' },
      body: serialized(spans, 'json'),
    });
    const toProtobuf = await send(receiver.tracesUrl, { headers: PROTOBUF_TYPE, body: serialized(spans, 'protobuf') });

    expect([toJson.status, toJson.headers['content-type'], toJson.text]).toEqual([200, 'application/json', '{}']);
    expect([toProtobuf.status, toProtobuf.headers['content-type'], toProtobuf.text]).toEqual([
      200,
      'application/x-protobuf',
      '',
    ]);
    expect(toJson.headers['x-faultline-receiver']).toBe('1');
    expect(receiver.spans).toHaveLength(6);
  });

  test('refuse rubbish with 400 and a google.rpc.Status in the format of the request', async () => {
    const receiver = await start();

    const toJson = await send(receiver.tracesUrl, { headers: JSON_TYPE, body: '{"resourceSpans": 1}' });
    const toProtobuf = await send(receiver.tracesUrl, { headers: PROTOBUF_TYPE, body: 'rubbish' });

    expect([toJson.status, toJson.json()]).toEqual([
      400,
      { code: 3, message: 'Expected resourceSpans to be a list, got 1.' },
    ]);
    expect([toProtobuf.status, toProtobuf.headers['content-type']]).toEqual([400, 'application/x-protobuf']);
    const status = new BinaryReader(Buffer.from(toProtobuf.text));
    expect(status.tag()).toEqual([1, 0]);
    expect(status.int32()).toBe(3);
    expect(status.tag()).toEqual([2, 2]);
    expect(status.string()).toMatch(/^Expected the request to be a protobuf message, got 7 bytes that are not \(/);
    expect(receiver.spans).toEqual([]);
  });

  test.each([
    ['415 to another content type', { headers: { 'content-type': 'text/plain' } }, 415, 3],
    ['415 to no content type', {}, 415, 3],
    ['415 to an encoding it cannot undo', { headers: { ...JSON_TYPE, 'content-encoding': 'br' } }, 415, 3],
    [
      '415 to an encoding named like an object property',
      { headers: { ...JSON_TYPE, 'content-encoding': 'constructor' } },
      415,
      3,
    ],
    ['400 to gzip that is none', { headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, body: 'plain' }, 400, 3],
    [
      '400 to gzip cut short',
      { headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, body: gzipSync('{}').subarray(0, 12) },
      400,
      3,
    ],
    ['405 to PUT', { method: 'PUT', headers: JSON_TYPE }, 405, 2],
    ['405 to OPTIONS', { method: 'OPTIONS' }, 405, 2],
  ])('give %s', async (_what, request, status, code) => {
    const receiver = await start();

    const answer = await send(receiver.tracesUrl, request);

    expect(answer.status).toBe(status);
    expect(answer.json()).toEqual({ code, message: expect.any(String) });
    expect(answer.headers['x-faultline-receiver']).toBe('1');
  });

  test('give 404 to every other path', async () => {
    const receiver = await start();

    expect((await send(`${receiver.url}/v1/metrics`, { headers: JSON_TYPE, body: '{}' })).status).toBe(404);
    expect((await send(receiver.url, { method: 'GET' })).status).toBe(404);
  });

  test('name the methods there are in a 405 and the encodings in a 415', async () => {
    const receiver = await start();

    expect((await send(receiver.tracesUrl, { method: 'PATCH' })).headers.allow).toBe('GET, POST, DELETE');
    expect(
      (await send(receiver.tracesUrl, { headers: { ...JSON_TYPE, 'content-encoding': 'zstd' } })).headers[
        'accept-encoding'
      ],
    ).toBe('gzip, deflate, identity');
  });
});

describe('limits', () => {
  test('refuse a body that is too large as sent, and the connection goes on', async () => {
    const receiver = await start({ maxBodyBytes: 1000 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });

    const large = await send(receiver.tracesUrl, { agent, headers: JSON_TYPE, body: ' '.repeat(2_000_000) });
    const small = await send(receiver.tracesUrl, { agent, headers: JSON_TYPE, body: jsonRequest({}) });
    agent.destroy();

    expect([large.status, large.json()]).toEqual([413, { code: 8, message: 'the body is larger than 1000 bytes' }]);
    expect(small.status).toBe(200);
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('refuse a %s body that unpacks to too much', async (encoding, pack) => {
    const receiver = await start({ maxBodyBytes: 100_000 });
    const bomb = pack(Buffer.alloc(50_000_000, 0x20));
    expect(bomb.length).toBeLessThan(100_000);

    const answer = await send(receiver.tracesUrl, {
      headers: { ...JSON_TYPE, 'content-encoding': encoding },
      body: bomb,
    });

    expect(answer.status).toBe(413);
  });

  test('take a body of exactly the largest size', async () => {
    const body = jsonRequest({});
    const receiver = await start({ maxBodyBytes: body.length });

    expect((await send(receiver.tracesUrl, { headers: JSON_TYPE, body })).status).toBe(200);
    expect(
      (await send(receiver.tracesUrl, { headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, body: gzipSync(body) }))
        .status,
    ).toBe(200);
    expect(
      (
        await send(receiver.tracesUrl, {
          headers: { ...JSON_TYPE, 'content-encoding': 'deflate' },
          body: deflateSync(body),
        })
      ).status,
    ).toBe(200);
  });

  test('keep the newest spans and count the ones that made room', async () => {
    const receiver = await start({ maxSpans: 3 });

    await send(receiver.tracesUrl, { headers: JSON_TYPE, body: jsonRequest({ name: 'a' }, { name: 'b' }) });
    await send(receiver.tracesUrl, {
      headers: JSON_TYPE,
      body: jsonRequest({ name: 'c' }, { name: 'd' }, { name: 'e' }),
    });

    expect(names(receiver.spans)).toEqual(['c', 'd', 'e']);
    expect(receiver.dropped).toBe(2);
  });
});

describe('reading back', () => {
  test('gives the spans as JSON, integers of 64 bits as strings and bytes as base64', async () => {
    const receiver = await start();
    const attributes = [
      { key: 'huge', value: { intValue: '9223372036854775807' } },
      { key: 'bytes', value: { bytesValue: 'AQI=' } },
    ];
    await send(receiver.tracesUrl, { headers: JSON_TYPE, body: jsonRequest({ name: 'a', attributes }) });

    const answer = await send(receiver.tracesUrl, { method: 'GET' });

    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json()).toEqual({
      spans: [
        {
          traceId: '1'.repeat(32),
          spanId: '0000000000000001',
          name: 'a',
          kind: 0,
          startTimeUnixNano: '1000',
          endTimeUnixNano: '2000',
          attributes: { huge: '9223372036854775807', bytes: 'AQI=' },
          status: { code: 0 },
          events: [],
          links: [],
          flags: 0,
          resource: {},
          scope: { name: '', version: '' },
        },
      ],
      dropped: 0,
    });
  });

  test('finds nothing after DELETE or clear()', async () => {
    const receiver = await start({ maxSpans: 1 });
    const fill = (): Promise<unknown> => send(receiver.tracesUrl, { headers: JSON_TYPE, body: jsonRequest({}, {}) });

    await fill();
    const deleted = await send(receiver.tracesUrl, { method: 'DELETE' });
    expect([deleted.status, receiver.spans, receiver.dropped]).toEqual([200, [], 0]);

    await fill();
    receiver.clear();
    expect((await send(receiver.tracesUrl, { method: 'GET' })).json()).toEqual({ spans: [], dropped: 0 });
  });
});

describe('what a Sentry client sends', () => {
  const post = (receiver: Receiver, body: string | Uint8Array, headers = {}) => {
    const { origin, pathname } = new URL(receiver.dsn);
    return send(`${origin}/api${pathname}/envelope/`, { headers, body });
  };
  const event = (id: number): string => `{"type":"event"}\n{"event_id":"${id}"}\n`;

  test('is kept when it is an error event, and answered with its id', async () => {
    const receiver = await start();

    const answer = await post(receiver, `{"event_id":"a"}\n${event(1)}{"type":"session"}\n{"sid":"s"}\n`);
    await post(receiver, gzipSync(`{}\n${event(2)}`), { 'content-encoding': 'gzip' });

    expect([answer.status, answer.json()]).toEqual([200, { id: 'a' }]);
    expect(receiver.events).toEqual([{ event_id: '1' }, { event_id: '2' }]);
    receiver.clear();
    expect(receiver.events).toEqual([]);
  });

  test.each(['cut \\ud83d', '[]', '3', 'null'])('is no event when it holds %j in place of one', async (payload) => {
    const receiver = await start();

    const answer = await post(receiver, `{"event_id":"a"}\n{"type":"event"}\n${payload}\n${event(1)}`);

    expect(answer.status).toBe(200);
    expect(receiver.events).toEqual([{ event_id: '1' }]);
  });

  test('is refused when it is no envelope, or too large', async () => {
    const receiver = await start({ maxBodyBytes: 100 });

    expect((await post(receiver, 'rubbish')).json()).toEqual({
      code: 3,
      message: 'Expected the envelope headers to be a JSON object.',
    });
    expect((await post(receiver, ' '.repeat(101))).status).toBe(413);
  });

  test('makes room for what is newer', async () => {
    const receiver = await start();

    await post(receiver, `{}\n${Array.from({ length: 1_002 }, (_, index) => event(index)).join('')}`);

    expect(receiver.events).toHaveLength(1_000);
    expect(receiver.events[0]).toEqual({ event_id: '2' });
  });
});

describe('web pages', () => {
  test.each([
    'evil.example',
    'evil.example:4318',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '192.168.0.7',
    '[::ffff:192.168.0.7]',
    'user@127.0.0.1',
    '127.0.0.1/x',
  ])('that reach the receiver under the name %j get nothing', async (host) => {
    const receiver = await start();

    const answer = await send(receiver.tracesUrl, { method: 'GET', headers: { host } });

    expect(answer.status).toBe(421);
  });

  test.each([
    '127.0.0.1:4318',
    'localhost',
    'LOCALHOST:4318',
    'viewer.localhost',
    '[::1]:4318',
    '[::ffff:127.0.0.1]',
    '127.0.0.2',
  ])('may use the loopback name %j', async (host) => {
    const receiver = await start();

    expect((await send(receiver.tracesUrl, { method: 'GET', headers: { host } })).status).toBe(200);
  });

  test.each(['https://evil.example', 'http://localhost.evil.example', 'null', 'file://', 'chrome-extension://abc'])(
    'of the origin %j can neither write, read nor delete',
    async (origin) => {
      const receiver = await start();
      await send(receiver.tracesUrl, { headers: JSON_TYPE, body: jsonRequest({ name: 'mine' }) });

      const write = await send(receiver.tracesUrl, {
        headers: { ...JSON_TYPE, origin },
        body: jsonRequest({ name: 'theirs' }),
      });
      const read = await send(receiver.tracesUrl, { method: 'GET', headers: { origin } });
      const remove = await send(receiver.tracesUrl, { method: 'DELETE', headers: { origin } });

      expect([write.status, read.status, remove.status]).toEqual([403, 403, 403]);
      expect(names(receiver.spans)).toEqual(['mine']);
    },
  );

  test('of this machine may write', async () => {
    const receiver = await start();

    expect(
      (
        await send(receiver.tracesUrl, {
          headers: { ...JSON_TYPE, origin: 'http://localhost:3000' },
          body: jsonRequest({}),
        })
      ).status,
    ).toBe(200);
  });
});

describe('the server', () => {
  test('says in one sentence that its port is taken', async () => {
    const first = await start();
    const port = Number(new URL(first.url).port);

    await expect(startReceiver({ port })).rejects.toThrow(
      new Error(`Port ${port} on 127.0.0.1 is already in use: stop the program that has it, or choose another port.`),
    );
  });

  test.each([
    [{ port: 65_536 }, 'Expected port to be an integer from 0 to 65535, got 65536.'],
    [{ port: 1.5 }, 'Expected port to be an integer from 0 to 65535, got 1.5.'],
    [{ maxSpans: 0 }, 'Expected maxSpans to be a positive integer, got 0.'],
  ])('refuses the options %j', async (options, message) => {
    await expect(startReceiver(options)).rejects.toThrow(new RangeError(message));
  });

  test('listens on 127.0.0.1 only', async () => {
    const receiver = await start();

    expect(receiver.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(receiver.tracesUrl).toBe(`${receiver.url}/v1/traces`);
    await expect(send(receiver.tracesUrl.replace('127.0.0.1', '127.0.0.2'), { method: 'GET' })).rejects.toThrow(
      'ECONNREFUSED',
    );
  });

  test('closes although a connection is kept alive and a request is half sent, and may be closed twice', async () => {
    const receiver = await start();
    const agent = new Agent({ keepAlive: true });
    await send(receiver.tracesUrl, { agent, headers: JSON_TYPE, body: jsonRequest({}) });
    const half = request(receiver.tracesUrl, { method: 'POST', headers: { ...JSON_TYPE, expect: '100-continue' } });
    const failed = new Promise<Error>((resolve) => half.on('error', resolve));
    const going = new Promise((resolve) => half.on('continue', resolve));
    half.flushHeaders();
    await going;
    half.write('{"resource');

    await Promise.all([receiver.close(), receiver.close()]);
    await receiver.close();

    await failed;
    agent.destroy();
    await expect(send(receiver.tracesUrl, { method: 'GET' })).rejects.toThrow('ECONNREFUSED');
  });

  test('goes on after a sender that hangs up in the middle of a body', async () => {
    const receiver = await start();
    const { port } = new URL(receiver.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"half`,
    );
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.destroy();

    expect((await send(receiver.tracesUrl, { headers: JSON_TYPE, body: jsonRequest({}) })).status).toBe(200);
    expect(receiver.spans).toHaveLength(1);
  });

  test('answers 200 or 400 to any bytes and stays up', async () => {
    const receiver = await start();
    const agent = new Agent({ keepAlive: true });
    const unhandled = watchRejections();

    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('application/json', 'application/x-protobuf'),
        fc.constantFrom('identity', 'gzip', 'deflate'),
        async (body, contentType, encoding) => {
          const answer = await send(receiver.tracesUrl, {
            agent,
            headers: { 'content-type': contentType, 'content-encoding': encoding },
            body,
          });
          expect([200, 400]).toContain(answer.status);
        },
      ),
      { numRuns: 200 },
    );
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const answer = await send(receiver.tracesUrl, {
          agent,
          headers: JSON_TYPE,
          body: json({ resourceSpans: value }),
        });
        expect([200, 400]).toContain(answer.status);
      }),
      { numRuns: 100 },
    );

    agent.destroy();
    await settled();
    expect(unhandled).toEqual([]);
    expect((await send(receiver.tracesUrl, { headers: JSON_TYPE, body: jsonRequest({}) })).status).toBe(200);
  });
});
