import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';

import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { captureException } from '../../src/telemetry/capture.ts';
import { flushAfter } from '../../src/telemetry/flush-after.ts';
import { setupTracing, type DestinationStatus, type SetupOptions, type Tracing } from '../../src/telemetry/setup.ts';
import { traceAgent, traceTool } from '../../src/telemetry/spans.ts';
import { rateLimited, startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { listening } from '../support/loopback.ts';
import { prerender } from '../support/prerendered-page.ts';
import { temporaryDirectory } from './export/recorder/recorded.ts';
import { selfSigned, type SelfSigned } from './http/certificate.ts';
import { NOTHING } from '../support/nothing.ts';

let sentry: FakeSentry;
let tracing: Tracing | undefined;
let lines: string[];

beforeEach(async () => {
  sentry = await startFakeSentry();
  lines = [];
});

afterEach(async () => {
  await tracing?.shutdown(1_000);
  tracing = undefined;
  trace.disable();
  context.disable();
  propagation.disable();
  metrics.disable();
  await sentry.close();
});

function setup(options: SetupOptions = {}): Tracing {
  tracing = setupTracing({ env: {}, dsn: sentry.dsn, onDiagnostic: (message) => lines.push(message), ...options });
  return tracing;
}

function endSpans(count: number, attributes: Readonly<Record<string, string>> = {}): string[] {
  const tracer = trace.getTracer('test');
  return Array.from({ length: count }, (_, index) => {
    const span = tracer.startSpan(`span ${index}`, { attributes });
    span.end();
    return span.spanContext().spanId;
  });
}

function destination(): DestinationStatus {
  const { status } = tracing!;
  if (status.state === 'off') throw new Error(status.reason);
  return status.destinations[0]!;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const arrived = (): string[] => sentry.spans.map(({ spanId }) => spanId);

describe('spans that end', () => {
  it('arrive whole when five thousand do in one turn', async () => {
    const { flush } = setup();
    const ids = endSpans(5_000);
    expect(await flush()).toMatchObject({ status: 'delivered', exported: 5_000 });
    expect(new Set(arrived())).toEqual(new Set(ids));
    expect(arrived()).toHaveLength(5_000);
  });

  it('arrive with those that hold whole numbers larger than OTLP has room for, which are texts', async () => {
    const { flush } = setup();
    endSpans(1);
    const numbers = { wei: 2 ** 63, least: -(2 ** 63), most: Number.MAX_VALUE, list: [1, 2 ** 64] };
    traceTool({ name: 'pay', attributes: numbers }, () => {
      const span = trace.getActiveSpan()!;
      span.setAttribute('later', -Number.MAX_VALUE);
      span.addEvent('paid', numbers);
      span.addLink({ context: span.spanContext(), attributes: numbers });
    });
    await flush();
    const texts = {
      wei: '9223372036854776000',
      least: '-9223372036854776000',
      most: '1.7976931348623157e+308',
      list: ['1', '18446744073709552000'],
    };
    const [, { attributes, events, links } = expect.fail()] = sentry.spans;
    // Sentry gets lists as JSON.
    const list = JSON.stringify(texts.list);
    expect(attributes).toMatchObject({ ...texts, list, later: '-1.7976931348623157e+308' });
    expect(events[0]?.attributes).toEqual(texts);
    expect(links[0]?.attributes).toEqual(texts);
  });

  it('arrive with those that hold numbers JSON has no room for, which are texts', async () => {
    const { flush } = setup();
    traceTool({ name: 'divide', attributes: { none: Number.NaN, most: Infinity, least: -Infinity } }, () => {
      trace.getActiveSpan()?.addEvent('divided', { ratios: [0.5, null, Number.NaN] });
    });
    await flush();
    const [{ attributes, events } = expect.fail()] = sentry.spans;
    expect(attributes).toMatchObject({ none: 'NaN', most: 'Infinity', least: '-Infinity' });
    expect(events[0]?.attributes).toEqual({ ratios: ['0.5', null, 'NaN'] });
  });

  it('arrive from a process whose resource holds numbers larger than OTLP has room for', async () => {
    const { flush } = setup({ resourceAttributes: { wei: 2 ** 64, list: [1, 2 ** 64] } });
    endSpans(1);
    await flush();
    expect(sentry.spans[0]?.resource).toMatchObject({
      wei: '18446744073709552000',
      list: ['1', '18446744073709552000'],
    });
  });

  it('are sent in requests of no more spans than was asked for', async () => {
    const { flush } = setup({ batch: { maxExportBatchSize: 100 } });
    endSpans(250);
    await flush();
    expect(sentry.requests).toHaveLength(3);
  });

  it('are sent in requests of about half a megabyte at most, as far as one span is not larger', async () => {
    const { flush } = setup({ compression: 'none' });
    endSpans(100, { text: 'x'.repeat(30_000) });
    await flush();
    const sizes = sentry.requests.map(({ rawBody }) => rawBody.length);
    expect(sizes).toHaveLength(6);
    expect(Math.max(...sizes)).toBeLessThan(550_000);
  });

  it('are never sent before end() returns', async () => {
    setup({ batch: { maxExportBatchSize: 1 } });
    endSpans(10);
    expect(destination()).toMatchObject({ pending: 10, exported: 0 });
    await tracing!.flush();
    expect(destination()).toMatchObject({ pending: 0, exported: 10 });
  });

  it('are dropped oldest first when memory is full, which is counted and said once', async () => {
    setup({ batch: { maxQueueBytes: 100_000 } });
    endSpans(50, { text: 'x'.repeat(10_000) });
    const { pending, queuedBytes, dropped } = destination();
    expect(queuedBytes).toBeLessThanOrEqual(100_000);
    expect(dropped).toEqual({ queue_full: 50 - pending });
    await tracing!.flush();
    expect(sentry.spans.at(-1)?.name).toBe('span 49');
    expect(lines).toEqual([expect.stringMatching(/more came than 127\.0\.0\.1:\d+ takes and memory holds/)]);
    expect(lines[0]).toMatch(/, or raise batch\.maxQueueBytes$/);
  });

  it('are said to be too much, and not to be the oldest, when one is larger than all of memory', async () => {
    const { flush } = setup({ batch: { maxQueueBytes: 10_000 } });
    endSpans(1);
    endSpans(1, { text: 'x'.repeat(10_000) });
    await flush();
    expect(destination()).toMatchObject({ exported: 1, dropped: { queue_full: 1 } });
    const { host } = new URL(sentry.origin);
    expect(lines).toEqual([
      `spans were not delivered: more came than ${host} takes and memory holds; set FAULTLINE_RECORDER_DIR to keep them on disk, or raise batch.maxQueueBytes`,
    ]);
  });

  it('are not said to need a recorder where there is one that cannot write', async () => {
    setup({ batch: { maxQueueBytes: 100_000 }, recorder: { directory: '/dev/null/recorder' } });
    endSpans(50, { text: 'x'.repeat(10_000) });
    await tracing!.flush();
    expect(lines[1]).toMatch(
      /takes and memory holds, and the flight recorder could not keep them; raise batch\.maxQueueBytes$/,
    );
  });

  it('names the bound on their number when that was the one', async () => {
    sentry.answerNext({ kind: 'hang' }, 10);
    const { shutdown } = setup({ batch: { maxQueueSize: 10 } });
    endSpans(50);
    await shutdown(0);
    expect(lines[0]).toMatch(/, or raise OTEL_BSP_MAX_QUEUE_SIZE$/);
  });

  it('while tracing is shut down arrive, as do failures, also those of a run that goes on', async () => {
    const { shutdown } = setup();
    endSpans(1);
    const isDown = shutdown();
    await sentry.waitForRequests(1);
    endSpans(1);
    captureException(new RangeError('no seat left'));
    void traceAgent({ name: 'helper' }, async () => {
      await expect(traceTool({ name: 'book' }, () => Promise.reject(new TypeError('no date')))).rejects.toThrow(
        'no date',
      );
      return new Promise(() => {});
    });
    expect(await isDown).toEqual({ status: 'delivered', exported: 3, issues: 2 });
    expect(sentry.spans).toHaveLength(3);
    expect(lines).toEqual([]);
  });

  it('of four megabytes each arrive, in requests the backend takes', async () => {
    setup();
    const ids = endSpans(3, { text: 'x'.repeat(4_000_000) });
    expect(await tracing!.flush()).toMatchObject({ status: 'delivered', exported: 3 });
    expect(arrived().toSorted()).toEqual(ids.toSorted());
    expect(destination()).toMatchObject({ dropped: NOTHING, rejected: 0 });
  });
});

describe('a backend in every kind of trouble, one after the other', () => {
  it('gets each of ten thousand spans in the end, and memory stays within its bound', async () => {
    const maxQueueBytes = 64 * 1024 * 1024;
    const { flush } = setup({ timeoutMs: 2_000, batch: { maxQueueBytes } });
    sentry.answerNext({ kind: 'status', status: 500 }, 2);
    sentry.answerNext(rateLimited(1));
    sentry.answerNext({ kind: 'reset' }, 2);
    sentry.answerNext({ kind: 'hang' });

    const ids: string[] = [];
    let mostBytes = 0;
    for (let round = 0; round < 100; round += 1) {
      ids.push(...endSpans(100));
      mostBytes = Math.max(mostBytes, destination().queuedBytes);
      await nextTurn();
    }
    let result = await flush(25_000);
    if (result.status !== 'delivered') result = await flush(25_000);

    const counts = new Map<string, number>();
    for (const id of arrived()) counts.set(id, (counts.get(id) ?? 0) + 1);
    expect(ids.filter((id) => !counts.has(id))).toEqual([]);
    const duplicates = arrived().length - counts.size;
    expect(duplicates).toBeLessThanOrEqual(destination().possibleDuplicates);
    expect(destination()).toMatchObject({ exported: 10_000, failed: 0, pending: 0 });
    expect(destination().retried).toBeGreaterThan(0);
    expect(mostBytes).toBeLessThanOrEqual(maxQueueBytes);
  });
});

describe('a page that Next.js prerenders', () => {
  it('is not given up by the requests with its spans, which are answered while it goes on', async () => {
    setup({ batch: { scheduleDelayMs: 1 } });
    // The backend is in trouble at first, and the next attempt is drawn by lot.
    sentry.answerNext({ kind: 'status', status: 503 });
    const asked = await prerender(async () => {
      endSpans(1);
      while (destination().lastError === undefined) await nextTurn();
      await tracing!.flush();
    });
    expect(asked).toEqual([]);
    expect(destination()).toMatchObject({ exported: 1, retried: 1 });
  });
});

describe('a backend whose certificate nobody vouches for', () => {
  it.each([
    ['Sentry', 'NODE_EXTRA_CA_CERTS', (host: string): SetupOptions => ({ dsn: `https://public@${host}/1` })],
    [
      'a collector',
      'OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE',
      (host: string): SetupOptions => ({ dsn: '', endpoint: `https://${host}/v1/traces` }),
    ],
  ])('is not sent to, and where it is %s, %s is named to trust it', async (_, variable, options) => {
    const server = createServer(selfSigned(), (_request, response) => response.end('{}'));
    const { flush } = setup(options(await listening(server)));
    endSpans(1);
    void flush();
    while (destination().lastError === undefined) await nextTurn();
    expect(destination()).toMatchObject({
      exported: 0,
      lastError: expect.stringMatching(
        new RegExp(`^the certificate of 127\\.0\\.0\\.1:\\d+ is not trusted .*; set ${variable} to its authority$`),
      ),
    });
  });
});

describe('certificates that are replaced while a process lives', () => {
  it('are used for the next connection, also by a server that knows the client, and those before while what is there is none', async () => {
    const directory = temporaryDirectory();
    const [file, cert, key] = ['ca', 'cert', 'key'].map((name) => join(directory, name)) as [string, string, string];
    const [first, second, third] = [selfSigned(), selfSigned(), selfSigned()];
    const clients: (string | undefined)[] = [];
    const server = createServer({ ...first, requestCert: true, rejectUnauthorized: false }, (request, response) => {
      clients.push((request.socket as TLSSocket).getPeerCertificate().fingerprint256);
      request.resume().on('end', () => response.writeHead(200, { connection: 'close' }).end('{}'));
    });
    const put = (ca: string, client: SelfSigned): void => {
      writeFileSync(file, ca);
      writeFileSync(cert, client.cert);
      writeFileSync(key, client.key);
    };
    put(first.cert, first);
    const { flush } = setup({
      dsn: '',
      endpoint: `https://${await listening(server)}/v1/traces`,
      env: {
        OTEL_EXPORTER_OTLP_CERTIFICATE: file,
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: cert,
        OTEL_EXPORTER_OTLP_CLIENT_KEY: key,
      },
    });
    const sendOne = async (): Promise<void> => {
      endSpans(1);
      expect(await flush()).toMatchObject({ status: 'delivered', exported: 1 });
    };
    await sendOne();
    put('half a file', { ...first, key: second.key });
    await sendOne();
    put(second.cert, second);
    server.setSecureContext({ ...second });
    await sendOne();
    put('half a file', { ...second, key: first.key });
    await sendOne();
    put(second.cert, third);
    await sendOne();
    const fingerprint = ({ cert }: SelfSigned): string => new X509Certificate(cert).fingerprint256;
    expect(clients).toEqual([first, first, second, second, third].map(fingerprint));
    expect(lines).toEqual([]);
  });
});

describe('a flush', () => {
  it('waits for what is under way already', async () => {
    const { flush } = setup({ batch: { maxExportBatchSize: 10 } });
    endSpans(10);
    await sentry.waitForRequests(0);
    await nextTurn();
    endSpans(1);
    expect(await flush()).toMatchObject({ status: 'delivered' });
    expect(sentry.spans).toHaveLength(11);
  });

  it('settles at once when the backend asks for a longer pause than it has time', async () => {
    const { flush } = setup();
    sentry.answerNext(rateLimited(3_600));
    endSpans(1);
    expect(await flush(20_000)).toMatchObject({ status: 'failed', exported: 0, pending: 1 });
  });

  it('that has no time to try an Issue again says that it waits, whatever else was delivered', async () => {
    const { flush } = setup();
    sentry.answerNextEnvelope({ kind: 'status', status: 200 });
    sentry.answerNextEnvelope({ kind: 'status', status: 503 }, 3);
    for (const name of ['one', 'two']) captureException(new Error(name), { fingerprint: [name] });
    expect(await flush(1_500)).toMatchObject({
      status: expect.stringMatching(/^(failed|timeout)$/) as string,
      issues: 1,
      failed: 0,
      pending: 1,
    });
    expect(await flush()).toMatchObject({ status: 'delivered', issues: 1 });
  });

  it('does not wait for spans that end after it began', async () => {
    setup();
    endSpans(1);
    const flushed = tracing!.flush();
    endSpans(1);
    expect(await flushed).toMatchObject({ status: 'delivered' });
  });
});

describe('the status', () => {
  it('accounts for every span', async () => {
    const { flush } = setup({ tracesSampleRate: 0.5 });
    sentry.answerNext({ kind: 'status', status: 503 });
    endSpans(1_000);
    traceTool({ name: 'still_open' }, () => tracing);
    await flush();
    const { status } = tracing!;
    if (status.state === 'off') throw new Error(status.reason);
    const { created, sampledOut, open } = status.spans;
    expect(created + sampledOut).toBe(1_001);
    expect(open).toBe(0);
    expect(destination()).toMatchObject({ exported: created, pending: 0, failed: 0, lastError: expect.any(String) });
    expect(destination().retried).toBeGreaterThan(0);
    expect(destination().lastSuccessAtMs).toBeLessThanOrEqual(Date.now());
  });

  it('is shown as metrics of the meter provider of the application', async () => {
    const { MeterProvider, InMemoryMetricExporter, PeriodicExportingMetricReader, AggregationTemporality } =
      await import('@opentelemetry/sdk-metrics');
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const meterProvider = new MeterProvider({ readers: [reader] });
    const { flush } = setup({ meterProvider });
    endSpans(3);
    await flush();
    await reader.forceFlush();
    const shown = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics: all }) => all))
      .map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints.map(({ value }) => value)]);
    expect(Object.fromEntries(shown)).toMatchObject({
      'faultline.spans.created': [3],
      'faultline.spans.exported': [3],
      'faultline.spans.pending': [0],
      'faultline.issues.sent': [0],
    });
    await meterProvider.shutdown();
  });
});

describe('a serverless function', () => {
  it('has its spans sent before its answer goes out', async () => {
    setup();
    const answer = await flushAfter(traceTool({ name: 'work' }, async () => 'done'));
    expect(answer).toBe('done');
    expect(sentry.spans).toHaveLength(1);
  });

  it('answers at once where the platform waits for the rest', async () => {
    setup();
    const waiting: Promise<unknown>[] = [];
    const answer = await flushAfter(
      traceTool({ name: 'work' }, async () => 'done'),
      { waitUntil: (work) => waiting.push(work) },
    );
    expect(answer).toBe('done');
    await Promise.all(waiting);
    expect(sentry.spans).toHaveLength(1);
  });

  it('has its spans sent, and its own error, when it fails', async () => {
    setup();
    const error = new RangeError('no such place');
    const failing = flushAfter(traceTool({ name: 'work' }, () => Promise.reject(error)));
    await expect(failing).rejects.toBe(error);
    expect(sentry.spans).toHaveLength(1);
  });

  it('that streams has every chunk go out as it comes, and its spans sent at the end', async () => {
    setup();
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const response = await flushAfter(new Response(readable, { status: 202, headers: { 'x-kind': 'stream' } }));
    expect(response).toMatchObject({ status: 202 });
    expect(response.headers.get('x-kind')).toBe('stream');
    const reader = response.body!.getReader();
    const writer = writable.getWriter();
    const first = reader.read();
    await writer.write(Buffer.from('one'));
    expect(Buffer.from((await first).value ?? '').toString()).toBe('one');
    traceTool({ name: 'during_the_stream' }, () => 21);
    await Promise.all([writer.close(), reader.read()]);
    expect(sentry.spans.map(({ name }) => name)).toEqual(['execute_tool during_the_stream']);
  });

  it('that answers without anybody reading the body has its spans sent', async () => {
    setup();
    const waiting: Promise<unknown>[] = [];
    const answer = traceTool({ name: 'work' }, () => new Response('answer'));
    await flushAfter(answer, { waitUntil: (work) => waiting.push(work) });
    await Promise.all(waiting);
    expect(sentry.spans).toHaveLength(1);
  });

  it.each([
    ['locked', (response: Response) => response.body?.getReader()],
    ['used up', (response: Response) => response.text()],
  ])('that answers with a body that is %s gets its answer as it is, and its spans sent', async (_, touch) => {
    setup();
    const response = traceTool({ name: 'work' }, () => new Response('answer'));
    await touch(response);
    expect(await flushAfter(response)).toBe(response);
    expect(sentry.spans).toHaveLength(1);
  });

  it('that answers with a class of its own keeps it', async () => {
    class PageResponse extends Response {
      readonly cookies = ['a'];
    }
    setup();
    const response = traceTool({ name: 'work' }, () => new PageResponse('answer'));
    expect(await flushAfter(response)).toBe(response);
    expect(sentry.spans).toHaveLength(1);
  });

  it('keeps its answer and its error when the platform takes no work', async () => {
    setup();
    const options = {
      waitUntil(): never {
        throw new Error('no request is under way');
      },
    };
    const error = new RangeError('no such place');
    expect(
      await flushAfter(
        traceTool({ name: 'work' }, () => 'done'),
        options,
      ),
    ).toBe('done');
    expect(sentry.spans).toHaveLength(1);
    await expect(flushAfter(Promise.reject(error), options)).rejects.toBe(error);
    const response = await flushAfter(
      traceTool({ name: 'stream' }, () => new Response('answer')),
      options,
    );
    expect(await response.text()).toBe('answer');
    expect(sentry.spans).toHaveLength(2);
  });

  it('keeps its answer and its error when it is given null for options', async () => {
    setup();
    const work = traceTool({ name: 'work' }, async () => 'done');
    expect(await flushAfter(work, null as never)).toBe('done');
    expect(sentry.spans).toHaveLength(1);
    const error = new RangeError('no such place');
    await expect(flushAfter(Promise.reject(error), null as never)).rejects.toBe(error);
  });

  it('is left as it is where nobody set tracing up', async () => {
    const response = new Response('answer');
    expect(await (await flushAfter(response)).text()).toBe('answer');
  });
});

describe('a backend that fails on a certain span', () => {
  it('is said to have the others by a flush, which does not wait for that one any more once it is certain', async () => {
    const server = createHttpServer((request, response) => {
      const answer = (body: string): void =>
        void response.writeHead(body.includes('"bad"') ? 500 : 200, { 'content-type': 'application/json' }).end('{}');
      void text(request).then(answer, () => {});
    });
    const endpoint = `http://${await listening(server)}/v1/traces`;
    const { flush } = (tracing = setupTracing({ env: {}, endpoint, onDiagnostic: () => {} }));
    trace.getTracer('test').startSpan('bad').end();
    let flushed = await flush(200);
    while (flushed.status === 'timeout') {
      endSpans(1);
      flushed = await flush(200);
    }
    expect(flushed).toMatchObject({ status: 'failed', failed: 0, pending: 1, reason: expect.stringMatching(/500/) });
  });
});
