import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';

import { context, type HrTime } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { isTracingSuppressed } from '@opentelemetry/core';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { decodeTraceRequest } from '../../../src/receiver/otlp.ts';
import type { Protocol } from '../../../src/telemetry/config/options.ts';
import { VERSION } from '../../../src/telemetry/config/version.ts';
import { createConnection } from '../../../src/telemetry/http/connection.ts';
import { createOtlpExporter } from '../../../src/telemetry/export/otlp-exporter.ts';
import { SERIALIZERS } from '../../../src/telemetry/export/official-exporter.ts';
import { serializeSpans } from '../../../src/telemetry/export/serialize-spans.ts';
import { FAKE_PUBLIC_KEY, rateLimited, startFakeSentry, type FakeSentry } from '../../../src/testing/fake-sentry.ts';
import { sampleSpans, serialized } from '../../receiver/sample-spans.ts';
import { listening } from '../../support/loopback.ts';
import { startProxy } from '../http/loopback-proxy.ts';
import { allAccepted, destinationAt, exported, exporterTo, reasonFor, someSpans, tracesUrlOf } from './exporting.ts';

let sentry: FakeSentry;
beforeEach(async () => {
  sentry = await startFakeSentry();
});
afterEach(() => sentry.close());

const PROTOCOLS: readonly Protocol[] = ['http/json', 'http/protobuf'];

async function startServer(listener: RequestListener): Promise<string> {
  return `http://${await listening(createServer(listener))}/v1/traces`;
}

/** A server that answers every request so, once it was read. */
function answering(status: number, headers: Readonly<Record<string, string>>, body: string | Uint8Array = '') {
  return startServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status, headers).end(body));
  });
}

describe('spans that are exported', () => {
  it.each(PROTOCOLS)('arrive over %s, compressed if asked for', async (protocol) => {
    for (const compression of ['none', 'gzip'] as const) {
      const spans = someSpans(3);
      const exporter = exporterTo(tracesUrlOf(sentry), { protocol, compression });
      expect(await exported(exporter, spans)).toEqual({ ...allAccepted(3), pauseMs: 0 });
      const request = sentry.requests.at(-1);
      expect(request?.headers).toMatchObject({
        'user-agent': `faultline/${VERSION}`,
        'content-type': protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
        'content-length': String(request?.rawBody.length),
        'x-sentry-auth': `sentry sentry_key=${FAKE_PUBLIC_KEY}`,
      });
      expect(request?.headers['content-encoding']).toBe(compression === 'gzip' ? 'gzip' : undefined);
    }
    expect(sentry.spans.map(({ name }) => name)).toEqual(['span 0', 'span 2', 'span 1', 'span 0', 'span 2', 'span 1']);
  });

  it.each(PROTOCOLS)('say in slices over %s what they say at once', async (protocol) => {
    const spans = [...someSpans(200, 4_000), ...(await sampleSpans()), ...someSpans(1, 300_000), ...someSpans(70)];
    const exporter = exporterTo(tracesUrlOf(sentry), { protocol });
    expect(await exported(exporter, spans)).toMatchObject(allAccepted(spans.length));

    const format = protocol === 'http/json' ? 'json' : 'protobuf';
    const atOnce = decodeTraceRequest(serialized(spans, format), format);
    const byId = <T extends { spanId: string }>(all: readonly T[]): T[] =>
      all.toSorted((a, b) => (a.spanId < b.spanId ? -1 : 1));
    expect(sentry.requests).toHaveLength(1);
    expect(byId(decodeTraceRequest(sentry.requests[0]?.body ?? new Uint8Array(), format))).toEqual(byId(atOnce));
  });

  it.each(PROTOCOLS)('leave the program its turn while many of them are written over %s', async (protocol) => {
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    await serializeSpans(someSpans(512, 40_000), { protocol, dialect: 'otel' }, SERIALIZERS[protocol]);
    clearImmediate(next);
    // More than 20 MB, which no machine writes in eight milliseconds.
    expect(turns).toBeGreaterThanOrEqual(8);
  });

  it('are written before the call returns when they are few', async () => {
    const exporter = exporterTo(tracesUrlOf(sentry));
    await exported(exporter, []);
    const spans = someSpans(30);
    const done = exported(exporter, spans);
    for (const { attributes } of spans) attributes['index'] = 'changed';
    await done;
    const written = sentry.spans.map(({ attributes }) => attributes['index'] as number);
    expect(written.toSorted((one, other) => one - other)).toEqual([...spans.keys()]);
    const { resourceSpans } = JSON.parse(Buffer.from(sentry.requests.at(-1)!.body).toString()) as Record<
      string,
      unknown
    >;
    expect(resourceSpans).toHaveLength(1);
  });

  it('speak the dialect of the destination', async () => {
    const exporter = exporterTo(tracesUrlOf(sentry), { dialect: 'sentry' });
    const [span] = someSpans(1) as [ReadableSpan];
    const slashed = Object.create(span, { name: { value: 'chat a/b' } }) as ReadableSpan;
    await exported(exporter, [slashed]);
    expect(sentry.spans).toMatchObject([{ name: 'chat a∕b' }]);
  });

  it('are sent without the one that cannot be written', async () => {
    const spans = someSpans(5);
    const broken = Object.create(spans[2] ?? null, {
      events: {
        get: () => {
          throw new Error('boom');
        },
      },
    }) as ReadableSpan;
    const result = await exported(exporterTo(tracesUrlOf(sentry)), spans.with(2, broken));
    expect(result).toMatchObject({ accepted: 4, rejected: 1, undecided: [], refusal: { kind: 'refused' } });
    expect(result.refusal?.sentence).toMatch(/^they cannot be written as OTLP; look for/);
    expect(sentry.spans).toHaveLength(4);
    expect(await exported(exporterTo(tracesUrlOf(sentry)), [broken])).toMatchObject({ accepted: 0, rejected: 1 });
  });

  it.each(PROTOCOLS)('arrive over %s beside one whose times OTLP does not have', async (protocol) => {
    const spans = someSpans(5);
    const at = (span: ReadableSpan, time: HrTime): ReadableSpan =>
      Object.create(span, {
        startTime: { value: time },
        endTime: { value: time },
        events: { value: [{ name: 'e', time }] },
      }) as ReadableSpan;
    const [before, after] = [at(spans[1]!, [-1, 999_999_999]), at(spans[3]!, [1.7e15, 0])];
    const result = await exported(exporterTo(tracesUrlOf(sentry), { protocol }), spans.with(1, before).with(3, after));
    expect(result).toMatchObject(allAccepted(5));
    expect(sentry.discarded).toEqual([]);
    const times = new Map(sentry.spans.map((span) => [span.name, [span.startTimeUnixNano, span.endTimeUnixNano]]));
    expect(times.get('span 1')).toEqual([0n, 0n]);
    expect(times.get('span 3')).toEqual([2n ** 34n * 1_000_000_000n, 2n ** 34n * 1_000_000_000n]);
  });

  it.each(PROTOCOLS)(
    'keep over %s a time written as nanoseconds before a second, as with a clock set back',
    async (p) => {
      const [span] = someSpans(1);
      const endTime: HrTime = [span!.startTime[0] + 5, -500_000_000];
      const written = Object.create(span!, { endTime: { value: endTime } }) as ReadableSpan;
      await exported(exporterTo(tracesUrlOf(sentry), { protocol: p }), [written]);
      expect(sentry.spans.map(({ endTimeUnixNano }) => endTimeUnixNano)).toEqual([
        BigInt(endTime[0]) * 1_000_000_000n - 500_000_000n,
      ]);
    },
  );

  it('may be none', async () => {
    expect(await exported(exporterTo(tracesUrlOf(sentry)), [])).toMatchObject(allAccepted(0));
    expect(sentry.requests).toEqual([]);
  });

  it('go without the trace, the baggage and the variables of the application', async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    onTestFinished(() => context.disable());
    process.env['OTEL_EXPORTER_OTLP_HEADERS'] = 'x-other-vendor=secret';
    onTestFinished(() => void delete process.env['OTEL_EXPORTER_OTLP_HEADERS']);
    const suppressed: boolean[] = [];
    const connection = createConnection({ url: tracesUrlOf(sentry) });
    onTestFinished(() => connection.abort());
    const { agent } = connection;
    const connect = agent.createConnection.bind(agent);
    agent.createConnection = (...args) => {
      suppressed.push(isTracingSuppressed(context.active()));
      return connect(...args);
    };
    await exported(createOtlpExporter(destinationAt(tracesUrlOf(sentry)), connection), someSpans(1));
    expect(suppressed).toEqual([true]);
    expect(sentry.requests[0]?.headers).not.toHaveProperty('x-other-vendor');
  });
});

describe('a request for a process that cannot wait', () => {
  it.each(PROTOCOLS)('is made at once over %s', async (protocol) => {
    const proxy = await startProxy();
    const url = tracesUrlOf(sentry);
    const tls = { ca: 'PEM' };
    const connection = createConnection({ url, proxy, tls });
    const destination = destinationAt(url, { protocol, compression: 'gzip' });
    const spans = someSpans(100, 4_000);
    const { request } = createOtlpExporter(destination, connection).requestsNow()!(spans);
    expect(request).toMatchObject({ url, tls, proxy, headers: { 'content-encoding': 'gzip' } });
    const format = protocol === 'http/json' ? 'json' : 'protobuf';
    expect(decodeTraceRequest(gunzipSync(request.body), format)).toHaveLength(100);
  });
});

describe('an answer', () => {
  it.each<[status: number, kind: string, cause: RegExp]>([
    [400, 'refused', /could not read the request \(400\)/],
    [401, 'misconfigured', /refused the credentials \(401\); check OTEL_EXPORTER_OTLP_TRACES_HEADERS/],
    [402, 'misconfigured', /answered 402/],
    [403, 'misconfigured', /refused the credentials \(403\)/],
    [
      404,
      'misconfigured',
      /nothing at this path \(404\); check OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT/,
    ],
    [405, 'misconfigured', /takes no spans at this path \(405\)/],
    [408, 'passing', /answered 408/],
    [413, 'too_large', /found the request too large \(413\)/],
    [415, 'refused', /does not read this encoding \(415\)/],
    [418, 'refused', /answered 418/],
    [429, 'passing', /kept limiting the rate \(429\)/],
    [500, 'passing', /in trouble \(500\)/],
    [501, 'refused', /answered 501/],
    [502, 'passing', /in trouble \(502\)/],
    [503, 'passing', /in trouble \(503\)/],
    [504, 'passing', /in trouble \(504\)/],
    [507, 'passing', /answered 507/],
  ])('%i is %s', async (status, kind, sentence) => {
    sentry.answerNext({ kind: 'status', status });
    const spans = someSpans(3);
    const result = await exported(exporterTo(tracesUrlOf(sentry)), spans);
    expect(result).toMatchObject({ accepted: 0, [kind === 'refused' ? 'refusal' : 'failure']: { kind } });
    const reason = result.failure ?? result.refusal;
    expect(reason?.sentence).toMatch(sentence);
    expect(reason?.sentence).toContain(new URL(sentry.origin).host);
    expect(result.rejected).toBe(kind === 'refused' ? 3 : 0);
    // The same objects, so that whoever keeps them knows them again.
    const undecided = kind === 'refused' ? [] : spans;
    expect(result.undecided.length).toBe(undecided.length);
    expect(result.undecided.every((span, index) => span === undecided[index])).toBe(true);
    expect(sentry.requests).toHaveLength(1);
  });

  it.each(['none', 'gzip'] as const)(
    '400 to a request compressed with %s blames gzip only for it',
    async (compression) => {
      sentry.answerNext({ kind: 'status', status: 400 });
      const failure = await reasonFor(exporterTo(tracesUrlOf(sentry), { compression }), someSpans(1));
      expect(failure?.sentence.includes('many local receivers refuse gzip')).toBe(compression === 'gzip');
    },
  );

  it('400 of Sentry blames the DSN, as for Issues, and not gzip, which Sentry takes', async () => {
    sentry.answerNext({ kind: 'status', status: 400 });
    const destination = { name: 'sentry', compression: 'gzip' } as const;
    const failure = await reasonFor(exporterTo(tracesUrlOf(sentry), destination), someSpans(1));
    expect(failure?.sentence).toMatch(/could not read the request \(400\); check that the DSN is whole/);
    expect(failure?.sentence).not.toMatch(/gzip/);
  });

  const REASON =
    'service.name is missing, without which nobody can tell which of all services the spans of this request are of, and whom to ask about them: ask me@example.com';
  it.each<[what: string, type: string, body: string | Uint8Array]>([
    ['JSON', 'application/json', JSON.stringify({ code: 3, message: REASON })],
    ['JSON of Sentry', 'application/json', JSON.stringify({ detail: REASON })],
    [
      'protobuf',
      'application/x-protobuf',
      new BinaryWriter().tag(1, WireType.Varint).int32(300).tag(2, WireType.LengthDelimited).string(REASON).finish(),
    ],
  ])('that refuses in %s is told in its own words, without what is personal', async (_, type, body) => {
    for (const status of [400, 422, 503]) {
      const url = await answering(status, { 'content-type': type }, body);
      const failure = await reasonFor(exporterTo(url), someSpans(1));
      expect(failure?.sentence).toMatch(/\(?\d{3}\)?; it says: service\.name is missing, .* ask \[redacted\]$/);
    }
  });

  it('that refuses is told in no more than 200 characters, and not at all when it may quote the key', async () => {
    const headers = { 'content-type': 'application/json' };
    const long = await answering(400, headers, JSON.stringify({ message: 'no '.repeat(5_000) }));
    const sentence = (await reasonFor(exporterTo(long), someSpans(1)))?.sentence ?? '';
    expect(sentence.slice(sentence.indexOf('it says: ')).length).toBeLessThanOrEqual(210);
    const quoting = await answering(401, headers, JSON.stringify({ message: 'unknown key abc' }));
    expect((await reasonFor(exporterTo(quoting), someSpans(1)))?.sentence).not.toContain('abc');
  });

  it.each<[what: string, headers: Readonly<Record<string, string>>, query: string, echo: string]>([
    ['a key made of words', { 'x-team-key': 'blue-horse-7731' }, '', 'no team for key blue-horse-7731 here'],
    ['a key after its scheme', { authorization: 'Bearer blue horse=7731' }, '', 'key 7731 of Blue, HORSE=7731'],
    ['a password', { authorization: `Basic ${btoa('bob:blue-horse')}` }, '', 'bob may not; bob:blue-horse, blue-horse'],
    ['a key in the query', {}, '?team=blue%20horse', 'unknown team blue horse or blue%20horse'],
    ['what is very short', { 'x-scope': '7' }, '', 'scope 7 is 77 days old'],
  ])('that refuses is told without %s', async (_, headers, query, echo) => {
    const body = JSON.stringify({ message: echo });
    const refusing = await answering(400, { 'content-type': 'application/json' }, body);
    const partial = JSON.stringify({ partialSuccess: { rejectedSpans: 1, errorMessage: echo } });
    const taking = await answering(200, { 'content-type': 'application/json' }, partial);
    for (const url of [refusing, taking]) {
      const failure = await reasonFor(exporterTo(`${url}${query}`, { headers }), someSpans(1));
      expect(failure?.sentence).toContain('[redacted]');
      expect(failure?.sentence.replace(new URL(url).host, '')).not.toMatch(/blue|horse|7731|bob| 7 /i);
    }
  });

  it.each([
    ['attribute gen_ai.prompt="tell me \\"this\\" now" is long', 'attribute gen_ai.prompt="…" is long'],
    ["can't read 'the user's prompt', don't resend", `can't read "…", don't resend`],
    ["can't read 'the users\\' prompt', don't resend", `can't read "…", don't resend`],
    ["can't decode b'the prompt', nor rb'it'", `can't decode "…", nor "…"`],
    ['no ‘prompt that isn’t short’, no „prompt“, no “prompt”', 'no "…", no "…", no "…"'],
    ['kein ‚Prompt‘, »Prompt« oder ›Prompt‹, ni «prompt» ni ‹prompt›', 'kein "…", "…" oder "…", ni "…" ni "…"'],
    ['kein ‚Prompt, der’s erklärt‘, ni ‘l’été’', 'kein "…", ni "…"'],
    ["ni 'l'été' ni l'été", `ni "…" ni l'été`],
    ["无效的值'提示'", '无效的值"…"'],
    ['value "of a prompt that is cut o', 'value "…"'],
    ['red \u001b[31m\u202Eabc\u2066\u0000d', 'red [31m abc d'],
  ])('that refuses with %j is told without what it quotes, in plain characters', async (message, told) => {
    const url = await answering(400, { 'content-type': 'application/json' }, JSON.stringify({ message }));
    const failure = await reasonFor(exporterTo(url), someSpans(1));
    expect(failure?.sentence.split('it says: ')[1]).toBe(told);
  });

  const REJECTION = '{"partialSuccess":{"rejectedSpans":"1"}}';
  const packedOften = gzipSync(gzipSync(gzipSync(gzipSync(REJECTION))));
  it.each([
    ['that is packed', gzipSync(REJECTION), 'gzip', 1],
    ['that is packed twice', brotliCompressSync(gzipSync(REJECTION)), 'GZIP, identity, br', 1],
    ['that is packed more often than anybody does', packedOften, 'gzip, gzip, gzip, gzip', 2],
    ['that says it is packed and is not, and rejects', Buffer.from(REJECTION), 'gzip', 1],
    ['that names a way nobody knows and is not packed, and rejects', Buffer.from(REJECTION), 'aws-chunked', 1],
    ['that is packed in a way nobody knows, whatever it holds', Buffer.from('(\xb5/\xfd', 'latin1'), 'zstd', 2],
    ['that is packed in a way nobody knows', Buffer.from('{}'), 'zstd', 2],
    ['that says it is packed and is not', Buffer.from('{}'), 'gzip', 2],
    ['that unpacks to too much', gzipSync('x'.repeat(1_000_000)), 'gzip', 2],
  ])('%s is read, or taken for a success', async (_, body, encoding, accepted) => {
    const url = await answering(200, { 'content-type': 'application/json', 'content-encoding': encoding }, body);
    expect(await exported(exporterTo(url), someSpans(2))).toMatchObject({ accepted, undecided: [] });
  });

  it('of a login page is no success, however it is packed', async () => {
    const headers = { 'content-type': 'text/html', 'content-encoding': 'gzip' };
    for (const body of [gzipSync('<html></html>'), gzipSync('x'.repeat(1_000_000)), Buffer.from('<html></html>')]) {
      const { accepted, failure } = await exported(exporterTo(await answering(200, headers, body)), someSpans(2));
      expect({ accepted, kind: failure?.kind }).toEqual({ accepted: 0, kind: 'passing' });
    }
  });

  it('says how an endpoint is read that does not end as most do', async () => {
    sentry.answerNext({ kind: 'status', status: 404 });
    const failure = await reasonFor(exporterTo(`${sentry.origin}/api`), someSpans(1));
    expect(failure?.sentence).toMatch(/OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is used as it is, most backends want it/);
  });

  it('of Sentry is explained with the DSN', async () => {
    sentry.answerNext({ kind: 'status', status: 401 });
    const failure = await reasonFor(exporterTo(tracesUrlOf(sentry), { name: 'sentry' }), someSpans(1));
    expect(failure?.sentence).toMatch(
      /refused the key \(401\); copy the DSN whole from Project Settings > Client Keys/,
    );
  });

  it('of a Sentry that is too old for OTLP says from which version on it takes that', async () => {
    sentry.answerNext({ kind: 'status', status: 404 });
    const failure = await reasonFor(exporterTo(tracesUrlOf(sentry), { name: 'sentry' }), someSpans(1));
    // Relay 26.4.2 itself does not, as its CHANGELOG.md has it.
    expect(failure?.sentence).toMatch(
      /no OTLP endpoint \(404\); self-hosted Sentry needs a Relay newer than 26\.4\.2, or its OTLP feature flag/,
    );
  });

  it('that redirects names the place without its query', async () => {
    const url = await answering(308, { location: 'https://user:pw@other.test/otlp?key=secret#x' });
    const { failure, undecided } = await exported(exporterTo(url), someSpans(1));
    expect(undecided).toHaveLength(1);
    expect(failure).toMatchObject({ kind: 'misconfigured' });
    expect(failure?.sentence).toContain(
      'redirects to https://other.test/otlp (308); set OTEL_EXPORTER_OTLP_TRACES_ENDPOINT to where',
    );
    const nowhere = await exported(exporterTo(await answering(302, { location: 'http://[' })), someSpans(1));
    expect(nowhere.failure?.sentence).toMatch(/redirects \(302\)/);
  });

  it.each<[what: string, headers: Readonly<Record<string, string>>, body: string]>([
    ['a web page', { 'content-type': 'text/html' }, '<html></html>'],
    ['something that is no OTLP answer', { 'content-type': 'text/plain' }, 'thanks'],
    ['something that is no OTLP answer', { 'content-type': 'application/json' }, '[]'],
    ['something that is no OTLP answer', { 'content-type': 'application/json' }, '{"ok":'],
  ])('200 with %s is no success', async (what, headers, body) => {
    for (const protocol of PROTOCOLS) {
      const result = await exported(exporterTo(await answering(200, headers, body), { protocol }), someSpans(2));
      expect(result).toMatchObject({ accepted: 0, failure: { kind: 'passing', mayHaveArrived: false } });
      expect(result.undecided).toHaveLength(2);
      expect(result.failure?.sentence).toContain(`answered with ${what}`);
    }
  });

  it.each<[headers: Readonly<Record<string, string>>, body: string]>([
    [{}, ''],
    [{ 'content-type': 'text/html' }, ''],
    [{ 'content-type': 'application/json; charset=utf-8' }, ' {}\n'],
    [{ 'content-type': 'application/json' }, '{"partialSuccess":null}'],
    [{ 'content-type': 'application/json' }, '{"partialSuccess":{"errorMessage":"slow down"}}'],
    [{ 'content-type': 'application/json' }, '{"partialSuccess":{"rejectedSpans":-4,"errorMessage":{}}}'],
    [{ 'content-type': 'application/json' }, '{"partialSuccess":{"rejectedSpans":0.5}}'],
  ])('200 with %o and "%s" is success in both protocols', async (headers, body) => {
    for (const protocol of PROTOCOLS) {
      const result = await exported(exporterTo(await answering(200, headers, body), { protocol }), someSpans(2));
      expect(result).toEqual({ ...allAccepted(2), pauseMs: 0 });
    }
  });

  it('200 that never ends counts all the same', async () => {
    const url = await startServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'application/json' }).write('{');
    });
    expect(await exported(exporterTo(url, { timeoutMs: 2_000 }), someSpans(2))).toMatchObject(allAccepted(2));
  });

  it.each<[protocol: Protocol, body: string | Uint8Array]>([
    ['http/json', '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no room,\\n token=abcdefgh1234"}}'],
    ['http/json', '{"partialSuccess":{"rejectedSpans":2,"errorMessage":"no room,\\n token=abcdefgh1234"}}'],
    ['http/protobuf', partialSuccess(2, 'no room,\n token=abcdefgh1234')],
  ])('of partial success over %s is counted, and its message shown without secrets', async (protocol, body) => {
    const type = protocol === 'http/json' ? 'application/json' : 'application/x-protobuf';
    const url = await answering(200, { 'content-type': type }, body);
    const result = await exported(exporterTo(url, { protocol }), someSpans(5));
    expect(result).toMatchObject({ accepted: 3, rejected: 2, undecided: [], refusal: { kind: 'refused' } });
    expect(result.refusal?.sentence).toContain(`${new URL(url).host} took the request without them: no room, `);
    expect(result.refusal?.sentence).toMatch(/\[redacted\]$/);
    expect(result.refusal?.sentence).not.toContain('abcdefgh1234');
  });

  it('that rejects more spans than there were rejects them all', async () => {
    const url = await answering(200, {}, '{"partialSuccess":{"rejectedSpans":99}}');
    expect(await exported(exporterTo(url), someSpans(5))).toMatchObject({ accepted: 0, rejected: 5 });
  });

  it('may ask for a pause, also when it accepts', async () => {
    sentry.answerNext(rateLimited(7));
    expect(await exported(exporterTo(tracesUrlOf(sentry)), someSpans(1))).toMatchObject({ pauseMs: 7_000 });
    sentry.answerNext({ kind: 'status', status: 200, headers: { 'x-sentry-rate-limits': '9:span:key' } });
    expect(await exported(exporterTo(tracesUrlOf(sentry)), someSpans(1))).toMatchObject({
      accepted: 1,
      pauseMs: 9_000,
    });
    sentry.answerNext({ kind: 'status', status: 200, headers: { 'x-sentry-rate-limits': '9:error:key' } });
    expect(await exported(exporterTo(tracesUrlOf(sentry)), someSpans(1))).toMatchObject({ pauseMs: 0 });
  });

  it('that never comes may mean that the spans arrived', async () => {
    sentry.answerNext({ kind: 'hang' });
    const late = await exported(exporterTo(tracesUrlOf(sentry), { timeoutMs: 50 }), someSpans(1));
    expect(late.failure).toMatchObject({ kind: 'passing', mayHaveArrived: true });
    expect(late.failure?.sentence).toMatch(/did not answer within 50 ms$/);
    sentry.answerNext({ kind: 'reset' });
    const broken = await exported(exporterTo(tracesUrlOf(sentry)), someSpans(1));
    expect(broken.failure).toMatchObject({ kind: 'passing', mayHaveArrived: true });
    expect(broken.failure?.sentence).toMatch(/broke the connection off \(ECONNRESET\)/);
  });

  it.each([
    ['http://127.0.0.1:1/v1/traces', /nothing is listening at 127\.0\.0\.1:1 \(ECONNREFUSED\)/],
    ['http://no-such-host.invalid/v1/traces', /cannot be resolved/],
  ])('that cannot come from %s means that they did not', async (url, sentence) => {
    const failure = await reasonFor(exporterTo(url), someSpans(1));
    expect(failure).toMatchObject({ kind: 'passing', mayHaveArrived: false });
    expect(failure?.sentence).toMatch(sentence);
  });

  /** Where a server is that answers with these bytes, whatever it is told. */
  function answeringBytes(bytes: readonly number[]): Promise<string> {
    return listening(createTcpServer((socket) => socket.on('data', () => socket.end(Buffer.from(bytes)))));
  }

  it('that is none of HTTP names the ports, as the one of gRPC is often taken', async () => {
    // The settings every connection of HTTP/2 begins with.
    const host = await answeringBytes([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const failure = await reasonFor(exporterTo(`http://${host}/v1/traces`), someSpans(1));
    expect(failure?.sentence).toBe(
      `${host} does not speak HTTP/1.1 at this port (HPE_INVALID_CONSTANT); OTLP over HTTP is usually on port 4318, gRPC on 4317`,
    );
  });

  it.each([
    ['the alert of', [0x15, 3, 3, 0, 2, 2, 70]],
    ['in', [0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2, ...Array.from({ length: 33 }, () => 0), 0, 0x2f, 0]],
  ])('that is %s another version of TLS says so, and not that there is none', async (_, bytes) => {
    const host = await answeringBytes(bytes);
    const failure = await reasonFor(exporterTo(`https://${host}/v1/traces`), someSpans(1));
    expect(failure?.sentence).toBe(`${host} has no version of TLS in common with this process (EPROTO)`);
  });

  it('that is none of TLS names what may have to be http', async () => {
    const host = await answeringBytes([...Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]);
    const failure = await reasonFor(exporterTo(`https://${host}/v1/traces`), someSpans(1));
    expect(failure?.sentence).toBe(
      `${host} does not speak TLS at this port (EPROTO); check whether OTEL_EXPORTER_OTLP_TRACES_ENDPOINT must start with http://`,
    );
  });

  it.each([
    [407, 'misconfigured'],
    [403, 'misconfigured'],
    [502, 'passing'],
  ])('of a proxy, %i, is %s', async (refuseWith, kind) => {
    const url = 'https://sentry.test/v1/traces';
    const connection = createConnection({ url, proxy: await startProxy({ refuseWith }) });
    onTestFinished(() => connection.abort());
    const failure = await reasonFor(createOtlpExporter(destinationAt(url), connection), someSpans(1));
    expect(failure).toMatchObject({ kind });
    expect(failure?.sentence).toContain('the proxy 127.0.0.1:');
    expect(failure?.sentence).toContain('HTTPS_PROXY');
  });
});

describe('an exporter', () => {
  it('whose connection was broken off sends nothing', async () => {
    const connection = createConnection({ url: tracesUrlOf(sentry) });
    const exporter = createOtlpExporter(destinationAt(tracesUrlOf(sentry)), connection);
    connection.abort();
    const result = await exported(exporter, someSpans(1));
    expect(result.undecided).toHaveLength(1);
    expect(result.failure?.sentence).toMatch(/did not take them before the time for it was over/);
    expect(sentry.requests).toEqual([]);
  });
});

function partialSuccess(rejected: number, message: string): Uint8Array {
  const inner = new BinaryWriter().tag(1, WireType.Varint).int64(rejected);
  inner.tag(2, WireType.LengthDelimited).string(message);
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(inner.finish()).finish();
}
