import {
  context,
  createContextKey,
  diag,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  TraceFlags,
  type Baggage,
  type MeterProvider,
  type Span,
  type TextMapPropagator,
  type Tracer,
  type TracerProvider,
  type TraceState,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  BatchSpanProcessor,
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type Span as SpanOfSdk,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { startReceiver } from '../../src/receiver/server.ts';
import { captureException } from '../../src/telemetry/capture.ts';
import { withRunContext } from '../../src/telemetry/context.ts';
import { setContext } from '../../src/telemetry/current-scope.ts';
import { continueTrace, traceHeaders } from '../../src/telemetry/propagation.ts';
import { findRegisteredProvider } from '../../src/telemetry/export/registered-provider.ts';
import { setupTracing, type SetupOptions, type Tracing } from '../../src/telemetry/setup.ts';
import { traceAgent, traceChat, traceMemory, traceTool } from '../../src/telemetry/spans.ts';
import { FAKE_PUBLIC_KEY, rateLimited, startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';

let sentry: FakeSentry;
let tracing: Tracing | undefined;
let lines: string[];

beforeEach(async () => {
  sentry = await startFakeSentry();
  lines = [];
});

afterEach(async () => {
  await tracing?.shutdown(1000);
  tracing = undefined;
  trace.disable();
  context.disable();
  propagation.disable();
  diag.disable();
  await sentry.close();
});

/** Sets up with nothing from the environment of the test run. */
function setup(options: SetupOptions = {}): Tracing {
  tracing = setupTracing({ env: {}, onDiagnostic: (message) => lines.push(message), ...options });
  return tracing;
}

function runAgent(): void {
  traceAgent({ name: 'helper', conversationId: 'user/42' }, () => {
    traceChat({ model: 'meta-llama/llama-3', provider: 'openrouter', stream: true, request: { seed: 7 } }, (chat) => {
      chat.record({ finishReasons: ['stop'], usage: { inputTokens: 9, outputTokens: 1, cacheWriteTokens: 4 } });
    });
    traceTool({ name: 'get_weather' }, () => undefined);
    traceMemory({ store: 'notes', system: 'sqlite' }, () => undefined);
  });
}

describe('a DSN', () => {
  it('is enough: the tree arrives at Sentry, classified, with release and environment on every span', async () => {
    const { flush } = setup({ dsn: sentry.dsn, release: 'app@1.2.3', environment: 'staging' });
    runAgent();
    expect(await flush()).toEqual({ status: 'delivered', exported: 4, issues: 0 });

    expect(sentry.discarded).toEqual([]);
    expect(Object.fromEntries(sentry.stored.map((span) => [span.name, [span.op, span.operationType]]))).toEqual({
      'agent.invoke helper': ['gen_ai.invoke_agent', 'agent'],
      'chat meta-llama∕llama-3': ['gen_ai.chat', 'ai_client'],
      'execute_tool get_weather': ['gen_ai.execute_tool', 'tool'],
      'search_memory notes': ['db.query', undefined],
    });
    for (const span of sentry.stored) {
      expect(span).toMatchObject({ release: 'app@1.2.3', environment: 'staging' });
      expect(span.attributes['gen_ai.conversation.id']).toBe('user_42');
    }
    const [request] = sentry.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/api/1/integration/otlp/v1/traces/', status: 200 });
    expect(request?.headers['x-sentry-auth']).toMatch(new RegExp(`^sentry sentry_key=${FAKE_PUBLIC_KEY}(,|$)`));
    expect(request?.headers['content-encoding']).toBe('gzip');
    expect(request?.headers).not.toHaveProperty('authorization');
  });

  it('brings the names and types Sentry reads', async () => {
    const { flush } = setup({ dsn: sentry.dsn });
    runAgent();
    await flush();
    const chat = sentry.stored.find(({ op }) => op === 'gen_ai.chat');
    expect(chat?.attributes).toMatchObject({
      'sentry.description': 'chat meta-llama/llama-3',
      'gen_ai.request.model': 'meta-llama/llama-3',
      'gen_ai.response.finish_reasons': '["stop"]',
      'gen_ai.response.streaming': true,
      'gen_ai.usage.cache_creation.input_tokens': 4,
      'gen_ai.request.seed': '7',
    });
    expect(chat?.attributes).not.toHaveProperty('gen_ai.usage.cache_write.input_tokens');
  });

  it('works over protobuf as well', async () => {
    const { flush } = setup({ dsn: sentry.dsn, protocol: 'http/protobuf' });
    runAgent();
    expect(await flush()).toEqual({ status: 'delivered', exported: 4, issues: 0 });
    expect(sentry.requests[0]?.headers['content-type']).toBe('application/x-protobuf');
    expect(sentry.stored).toHaveLength(4);
  });

  it('never gets the headers of another backend', async () => {
    process.env['OTEL_EXPORTER_OTLP_HEADERS'] = 'x-honeycomb-team=other-key';
    try {
      const { flush } = setup({ dsn: sentry.dsn, env: { OTEL_EXPORTER_OTLP_HEADERS: 'x-honeycomb-team=other-key' } });
      expect(process.env['OTEL_EXPORTER_OTLP_HEADERS']).toBe('x-honeycomb-team=other-key');
      runAgent();
      await flush();
    } finally {
      delete process.env['OTEL_EXPORTER_OTLP_HEADERS'];
    }
    expect(sentry.requests[0]?.headers).not.toHaveProperty('x-honeycomb-team');
  });

  it('stamps the sampling rate when only a share of the traces is kept', async () => {
    const { flush } = setup({ dsn: sentry.dsn, tracesSampleRate: 0.5 });
    for (let run = 0; run < 40; run += 1) runAgent();
    await flush();
    expect(sentry.stored.length % 4).toBe(0);
    expect(sentry.stored.length).toBeGreaterThan(0);
    expect(sentry.stored.length).toBeLessThan(160);
    for (const { attributes } of sentry.stored) expect(attributes['sentry.client_sample_rate']).toBe(0.5);
  });
});

describe('a text that is cut in the middle of a character', () => {
  /** Sentry answers 200 to JSON that holds half of a surrogate pair, and drops all of it. */
  const requests = (): string => sentry.requests.map(({ body }) => Buffer.from(body).toString()).join('\n');

  it.each([499, 500])('arrives without half of it: an error message of %i characters and an emoji', async (length) => {
    const { flush } = setup({ dsn: sentry.dsn, errorMessages: 'redacted' });
    const message = `${'x'.repeat(length)}🚀`;
    withRunContext({}, () => {
      setContext('question', { message });
      captureException(new Error(message));
    });
    expect(() =>
      traceTool({ name: 'get_weather' }, () => {
        throw new Error(message);
      }),
    ).toThrow(message);
    await flush();
    expect(sentry.requests).toHaveLength(3);
    expect(requests()).not.toMatch(/\\ud[89a-f]/);
  });

  it.each(['', 'x'])(
    'arrives without half of it: a stack of long causes in a folder of emojis, "%s"',
    async (before) => {
      const { flush } = setup({ dsn: sentry.dsn });
      const stack = `Error\n${`    at run (/app/${'🚀'.repeat(95)}.js:1:1)\n`.repeat(10)}`;
      let error = new Error();
      for (let depth = 0; depth < 10; depth += 1) error = Object.assign(new Error('', { cause: error }), { stack });
      error.stack = `Error\n    at ${before}run (/app/a.js:1:1)`;
      expect(() =>
        traceTool({ name: 'get_weather' }, () => {
          throw error;
        }),
      ).toThrow(error);
      await flush();
      const trace = sentry.requests.find(({ path }) => path.endsWith('/traces/'));
      expect(Buffer.from(trace!.body).toString()).toMatch(/Caused by: .*🚀/);
      expect(requests()).not.toMatch(/\\ud[89a-f]/);
    },
  );
});

describe('an OTLP endpoint', () => {
  it.each(['http/json', 'http/protobuf'])(
    'wins over the DSN and gets the same tree in the newest names, over %s',
    async (protocol) => {
      const receiver = await startReceiver();
      const { flush, status } = setup({
        env: {
          SENTRY_DSN: sentry.dsn,
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: receiver.tracesUrl,
          OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol,
          OTEL_SERVICE_NAME: 'shop',
          OTEL_RESOURCE_ATTRIBUTES: 'team=search',
        },
      });
      expect(status).toMatchObject({
        state: 'on',
        joined: false,
        destinations: [{ name: 'otlp', url: receiver.tracesUrl }],
      });
      runAgent();
      expect(await flush()).toEqual({ status: 'delivered', exported: 4, issues: 0 });
      await receiver.close();

      expect(sentry.requests).toEqual([]);
      const [chat, tool, memory, agent] = receiver.spans;
      expect([chat, tool, memory, agent].map((span) => span?.name)).toEqual([
        'chat meta-llama/llama-3',
        'execute_tool get_weather',
        'search_memory notes',
        'agent.invoke helper',
      ]);
      expect(tool?.parentSpanId).toBe(chat?.spanId);
      expect([chat?.parentSpanId, memory?.parentSpanId]).toEqual([agent?.spanId, agent?.spanId]);
      expect(chat?.attributes).toMatchObject({
        'gen_ai.usage.cache_write.input_tokens': 4,
        'gen_ai.usage.cache_creation.input_tokens': 4,
        'gen_ai.response.finish_reasons': ['stop'],
      });
      expect(memory?.attributes['gen_ai.operation.name']).toBe('search_memory');
      expect(agent?.resource).toMatchObject({
        'service.name': 'shop',
        team: 'search',
        'telemetry.sdk.language': 'nodejs',
      });
    },
  );

  it('and a DSN both get everything when both are asked for, each in its own words', async () => {
    const receiver = await startReceiver();
    const { flush } = setup({ dsn: sentry.dsn, endpoint: receiver.tracesUrl, destinations: ['sentry', 'otlp'] });
    runAgent();
    expect(await flush()).toEqual({ status: 'delivered', exported: 8, issues: 0 });
    await receiver.close();
    expect(receiver.spans.map(({ spanId }) => spanId)).toEqual(sentry.spans.map(({ spanId }) => spanId));
    expect(receiver.spans[0]?.name).toBe('chat meta-llama/llama-3');
    expect(sentry.spans[0]?.name).toBe('chat meta-llama∕llama-3');
  });
});

describe('setupTracing', () => {
  it('is idempotent, and starts anew after a shutdown', async () => {
    const first = setup({ dsn: sentry.dsn });
    expect(setupTracing()).toBe(first);
    expect(lines).toEqual([]);
    expect(setupTracing({ dsn: 'https://other@example.com/2' })).toBe(first);
    expect(lines).toEqual([expect.stringContaining('was called before')]);
    await first.shutdown();
    const second = setup({ dsn: sentry.dsn });
    expect(second).not.toBe(first);
    runAgent();
    expect(await second.flush()).toEqual({ status: 'delivered', exported: 4, issues: 0 });
  });

  it('says once that a Cloudflare Worker sends nothing after its first request', () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    onTestFinished(() => void vi.unstubAllGlobals());
    setup({ dsn: sentry.dsn });
    expect(lines).toEqual([expect.stringContaining('Cloudflare Worker')]);
  });

  it('starts where the application lets nobody ask for a navigator', () => {
    const navigator = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
    onTestFinished(() => {
      if (navigator === undefined) Reflect.deleteProperty(globalThis, 'navigator');
      else Object.defineProperty(globalThis, 'navigator', navigator);
    });
    Object.defineProperty(globalThis, 'navigator', {
      configurable: true,
      get: () => {
        throw new TypeError('there is no navigator on a server');
      },
    });
    expect(setup({ dsn: sentry.dsn }).status.state).toBe('on');
    expect(lines).toEqual([]);
  });

  it('draws none of the random numbers of a program, which may have made them all the same', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.5);
    onTestFinished(() => random.mockRestore());
    sentry.answerNext({ kind: 'status', status: 503 });
    const { flush } = setup({ dsn: sentry.dsn });
    runAgent();
    captureException(new RangeError('no seat left'));
    expect(await flush()).toEqual({ status: 'delivered', exported: 4, issues: 1 });
    expect(sentry.discarded).toEqual([]);
    expect(random).not.toHaveBeenCalled();
  });

  it('sends while a test has stopped the timers and the clock', async () => {
    const { flush } = setup({ dsn: sentry.dsn });
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    runAgent();
    captureException(new RangeError('no seat left'));
    expect(await flush()).toEqual({ status: 'delivered', exported: 4, issues: 1 });
  });

  it('loses no span where a test has stopped the clock at its first moment, as sinon and `node:test` do', async () => {
    const { flush } = setup({ dsn: sentry.dsn });
    runAgent();
    vi.useFakeTimers({ now: 0 });
    onTestFinished(() => void vi.useRealTimers());
    runAgent();
    expect(await flush()).toEqual({ status: 'delivered', exported: 8, issues: 0 });
    expect(sentry.discarded).toEqual([]);
    expect(sentry.stored).toHaveLength(8);
  });

  it('leaves no listener on the process once it was shut down', async () => {
    const events = ['beforeExit', 'exit', 'uncaughtExceptionMonitor', 'SIGTERM', 'SIGINT', 'SIGHUP'];
    const listeners = (): readonly number[] => events.map((event) => process.listenerCount(event));
    const before = listeners();
    const tracing = setup({ dsn: sentry.dsn });
    expect(listeners()).toEqual(before.map((count) => count + 1));
    await tracing.shutdown();
    expect(listeners()).toEqual(before);
  });

  it('is a no-op without a destination', async () => {
    const before = process.listenerCount('beforeExit');
    const off = setup();
    expect(off.status).toEqual({ state: 'off', reason: expect.any(String) });
    runAgent();
    expect(await off.flush()).toEqual({ status: 'nothing', exported: 0, issues: 0 });
    expect(traceHeaders()).toEqual({});
    expect(process.listenerCount('beforeExit')).toBe(before);
    expect(lines).toEqual([]);
  });

  it('joins the provider the application registered, and leaves it as it was', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
    const joined = setup({ dsn: sentry.dsn, release: 'app@1', environment: 'staging' });
    expect(joined.status).toMatchObject({ state: 'on', joined: true });
    trace.getTracer('app').startActiveSpan('request', (request) => {
      runAgent();
      request.end();
    });
    expect(await joined.shutdown()).toEqual({ status: 'delivered', exported: 5, issues: 0 });
    expect(exporter.getFinishedSpans()).toHaveLength(5);
    expect(sentry.stored.map(({ release, environment }) => [release, environment])).toEqual(
      Array.from({ length: 5 }, () => ['app@1', 'staging']),
    );
    const request = sentry.stored.find(({ name }) => name === 'request');
    expect(sentry.stored.find(({ name }) => name === 'agent.invoke helper')?.parentSpanId).toBe(request?.spanId);

    runAgent();
    expect(exporter.getFinishedSpans()).toHaveLength(9);
    expect(sentry.spans).toHaveLength(5);
  });

  it.each(['is joined', 'gets the span processor', 'is missing'])(
    'leaves propagators and samplers it does not know to a provider of the application: where it %s',
    (how) => {
      if (how === 'is joined') new NodeTracerProvider().register();
      const env = { OTEL_PROPAGATORS: 'xray', OTEL_TRACES_SAMPLER: 'xray', OTEL_TRACES_SAMPLER_ARG: 'endpoint=a' };
      setup({ dsn: sentry.dsn, env, register: how !== 'gets the span processor' });
      expect(lines.map((line) => line.split(' ', 1)[0])).toEqual(
        how === 'is missing' ? ['OTEL_TRACES_SAMPLER', 'OTEL_PROPAGATORS'] : [],
      );
    },
  );

  it('hands out a processor for a provider the application builds itself', async () => {
    const { spanProcessor, flush } = setup({ dsn: sentry.dsn, register: false });
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const provider = new NodeTracerProvider({ spanProcessors: [spanProcessor] });
    provider.getTracer('app').startSpan('own').end();
    expect(await flush()).toEqual({ status: 'delivered', exported: 1, issues: 0 });
    expect(sentry.spans.map(({ name }) => name)).toEqual(['own']);
  });

  it('hands out a processor that knows the spans of others that say late what they are', async () => {
    const { spanProcessor, flush } = setup({ dsn: sentry.dsn, register: false });
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(new NodeTracerProvider({ spanProcessors: [spanProcessor] }));
    traceAgent({ name: 'helper' }, () => {
      trace.getTracer('theirs').startSpan('LLM').setAttribute('openinference.span.kind', 'LLM').end();
    });
    await flush();
    expect(sentry.stored[0]?.attributes).toMatchObject({ 'gen_ai.agent.name': 'helper' });
  });

  it('counts the spans it cannot read, says so once, and reports them with the next flush', async () => {
    const { spanProcessor, flush } = setup({ dsn: sentry.dsn, register: false });
    const provider = new NodeTracerProvider();
    for (const name of ['old', 'older']) {
      const span = provider.getTracer('app').startSpan(name) as unknown as SpanOfSdk;
      // As SDK 1.x has it.
      const ofSdk1 = Object.create(span, {
        instrumentationScope: { value: undefined },
        instrumentationLibrary: { value: span.instrumentationScope },
      }) as SpanOfSdk;
      spanProcessor.onStart(ofSdk1, context.active());
      spanProcessor.onEnd(ofSdk1);
    }

    expect(lines).toEqual([expect.stringContaining('SDK 2')]);
    expect(tracing?.status).toMatchObject({ spans: { created: 2, open: 0, dropped: { unreadable: 2 } } });
    expect(await flush()).toEqual({
      status: 'failed',
      exported: 0,
      issues: 0,
      failed: 2,
      pending: 0,
      reason: lines[0],
    });
    expect(await flush()).toEqual({ status: 'nothing', exported: 0, issues: 0 });
  });

  it('says so once when the registered provider takes no processors', () => {
    trace.setGlobalTracerProvider({ getTracer: () => trace.getTracer('none'), shutdown: () => {} } as never);
    expect(setup({ dsn: sentry.dsn }).status).toMatchObject({ state: 'on', destinations: [] });
    expect(lines).toEqual([expect.stringContaining('register: false')]);
    expect(tracing?.status).toMatchObject({ reason: lines[0] });
  });

  it('adds processors of the application to its own provider', async () => {
    const exporter = new InMemorySpanExporter();
    const { flush } = setup({ dsn: sentry.dsn, spanProcessors: [new SimpleSpanProcessor(exporter)] });
    runAgent();
    await flush();
    expect(exporter.getFinishedSpans()).toHaveLength(4);
  });

  it('flushes processors of the application with its own', async () => {
    const exporter = new InMemorySpanExporter();
    const { flush } = setup({ dsn: sentry.dsn, spanProcessors: [new BatchSpanProcessor(exporter)] });
    runAgent();
    expect(await flush()).toEqual({ status: 'delivered', exported: 4, issues: 0 });
    expect(exporter.getFinishedSpans()).toHaveLength(4);
  });

  it('lets Sentry continue a trace and continues one of its own', async () => {
    const { flush } = setup({ dsn: sentry.dsn });
    const caller = { 'sentry-trace': `${'a'.repeat(32)}-${'b'.repeat(16)}-1`, baggage: 'sentry-environment=prod' };
    let outgoing: Record<string, string> = {};
    continueTrace(caller, () =>
      traceAgent({ name: 'helper' }, () => {
        outgoing = traceHeaders();
      }),
    );
    await flush();
    const [agent] = sentry.spans;
    expect(agent).toMatchObject({ traceId: 'a'.repeat(32), parentSpanId: 'b'.repeat(16) });
    expect(agent!.flags & 0x300).toBe(0x300);
    expect(outgoing).toEqual({
      traceparent: `00-${'a'.repeat(32)}-${agent!.spanId}-01`,
      'sentry-trace': `${'a'.repeat(32)}-${agent!.spanId}-1`,
      baggage: 'sentry-environment=prod',
    });
  });

  it('continues traces of Sentry, and lets Sentry continue them, also where the propagator of the application throws', () => {
    const no = (): never => {
      throw new Error('no');
    };
    propagation.setGlobalPropagator({ inject: no, extract: no, fields: no });
    setup({ dsn: sentry.dsn });
    const traceId = 'a'.repeat(32);
    for (const decision of ['-1', '']) {
      const headers = continueTrace({ 'sentry-trace': `${traceId}-${'b'.repeat(16)}${decision}` }, () =>
        traceTool({ name: 'ask' }, () => traceHeaders()),
      );
      expect(headers).toEqual({ 'sentry-trace': expect.stringMatching(new RegExp(`^${traceId}-[0-9a-f]{16}-1$`)) });
    }
  });

  it('prefers traceparent, and ignores headers that are no trace', async () => {
    const { flush } = setup({ dsn: sentry.dsn });
    const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
    const headers = new Headers({ traceparent, 'sentry-trace': `${'a'.repeat(32)}-${'b'.repeat(16)}` });
    continueTrace(headers, runAgent);
    continueTrace({ traceparent: 'nonsense', 'sentry-trace': `${'0'.repeat(32)}-${'0'.repeat(16)}` }, runAgent);
    await flush();
    const roots = sentry.spans.filter(({ name }) => name === 'agent.invoke helper');
    expect(roots[0]).toMatchObject({ traceId: 'c'.repeat(32), parentSpanId: 'd'.repeat(16) });
    expect(roots[1]).not.toHaveProperty('parentSpanId');
  });
});

describe('a Sentry SDK as the caller', () => {
  const traceId = 'a'.repeat(32);
  const undecided = `${traceId}-${'b'.repeat(16)}`;

  it('has its runs traced when it traces nothing itself, also with a traceparent', async () => {
    const { flush } = setup({ dsn: sentry.dsn });
    // So says `propagateTraceparent` of a decision nobody has made.
    continueTrace({ traceparent: `00-${traceId}-${'d'.repeat(16)}-00`, 'sentry-trace': undecided }, runAgent);
    await flush();
    expect(sentry.spans).toHaveLength(4);
    expect(sentry.spans.at(-1)).toMatchObject({ traceId, parentSpanId: 'd'.repeat(16) });
  });

  it.each([
    ['of its own', { traceparent: `00-${traceId}-${'d'.repeat(16)}-00`, 'sentry-trace': `${undecided}-0` }],
    ['for another trace', { traceparent: `00-${'c'.repeat(32)}-${'d'.repeat(16)}-00`, 'sentry-trace': undecided }],
    ['beside a state that is none', { traceparent: `00-${undecided}-00`, tracestate: 'Shop.Cart=1' }],
  ])('has a decision %s followed', async (_, headers) => {
    const { flush } = setup({ dsn: sentry.dsn });
    continueTrace(headers, runAgent);
    await flush();
    expect(sentry.spans).toEqual([]);
  });

  it('leaves a decision it has not made to the rate that is set here', async () => {
    const { flush } = setup({ dsn: sentry.dsn, tracesSampleRate: 0 });
    continueTrace({ 'sentry-trace': undecided }, runAgent);
    continueTrace({ 'sentry-trace': `${undecided}-1` }, () => traceAgent({ name: 'decided' }, () => undefined));
    await flush();
    expect(sentry.spans.map(({ name }) => name)).toEqual(['agent.invoke decided']);
  });

  /** What `@sentry/opentelemetry` 10 says its decisions in. It takes names that no `tracestate` may have. */
  function sentryState(entries: Readonly<Record<string, string>>): TraceState {
    return {
      get: (key) => entries[key],
      set: (key, value) => sentryState({ ...entries, [key]: value }),
      unset: () => expect.fail('is never done'),
      serialize: () => Object.entries(entries).join(','),
    };
  }

  it.each<[string, number, TraceFlags, Readonly<Record<string, string>>, boolean]>([
    ['a decision for the trace', 0, TraceFlags.SAMPLED, {}, true],
    ['one for it with facts', 0, TraceFlags.SAMPLED, { 'sentry.dsc': 'sentry-sampled=true' }, true],
    ['one against it', 1, TraceFlags.NONE, { 'sentry.sampled_not_recording': '1' }, false],
    [
      'one against it beside facts',
      1,
      TraceFlags.NONE,
      { 'sentry.dsc': 'sentry-environment=production', 'sentry.sampled_not_recording': '1' },
      false,
    ],
    ['one against it in its facts', 1, TraceFlags.NONE, { 'sentry.dsc': 'sentry-sampled=false' }, false],
    ['that of another caller', 1, TraceFlags.NONE, { congo: 't61rcWkgMzE' }, false],
    ['the lack of a decision', 1, TraceFlags.NONE, {}, true],
    [
      'the rate that is set here where it has made none',
      0,
      TraceFlags.NONE,
      { 'sentry.dsc': 'sentry-environment=production' },
      false,
    ],
  ])('that continues traces itself has %s followed', async (_, tracesSampleRate, traceFlags, entries, isTraced) => {
    const { flush } = setup({ dsn: sentry.dsn, tracesSampleRate });
    const caller = { traceId, spanId: 'b'.repeat(16), traceFlags, isRemote: true, traceState: sentryState(entries) };
    context.with(trace.setSpanContext(context.active(), caller), runAgent);
    await flush();
    expect(sentry.spans.length > 0).toBe(isTraced);
  });

  it.each([
    ['its own rate for the spans of a trace it has decided on', traceId, 0.25],
    ['ours for another one', 'c'.repeat(32), 0.5],
  ])('has Sentry extrapolate by %s', async (_, ratedTraceId, rate) => {
    const { flush } = setup({ dsn: sentry.dsn, tracesSampleRate: 0.5 });
    const baggage = `sentry-trace_id=${ratedTraceId},sentry-sample_rate=0.25,sentry-sampled=true`;
    continueTrace({ 'sentry-trace': `${undecided}-1`, baggage }, runAgent);
    await flush();
    expect(sentry.stored.map(({ attributes }) => attributes['sentry.client_sample_rate'])).toEqual(
      Array.from({ length: 4 }, () => rate),
    );
  });

  it.each(['0', '1.5', 'x', ''])('that tells a rate that is none (%j) is followed without it', async (rate) => {
    const { flush } = setup({ dsn: sentry.dsn });
    const baggage = `sentry-trace_id=${traceId},sentry-sample_rate=${rate}`;
    continueTrace({ 'sentry-trace': `${undecided}-1`, baggage }, runAgent);
    await flush();
    expect(sentry.stored).toHaveLength(4);
    expect(sentry.stored[0]?.attributes).not.toHaveProperty('sentry.client_sample_rate');
  });

  it('has a span begun also where its baggage is of a kind that nobody can read', () => {
    setup({ dsn: sentry.dsn });
    // As versions of the API before 1.0 leave it.
    const baggage = { 'sentry-trace_id': { value: traceId } } as unknown as Baggage;
    const span = trace.getTracer('mine').startSpan('mine', {}, propagation.setBaggage(ROOT_CONTEXT, baggage));
    expect(span.isRecording()).toBe(true);
  });

  it('is followed where another trace was continued around it', async () => {
    const { flush } = setup({ dsn: sentry.dsn });
    continueTrace({ 'sentry-trace': `${'c'.repeat(32)}-${'d'.repeat(16)}-1` }, () =>
      continueTrace({ 'sentry-trace': `${undecided}-1` }, runAgent),
    );
    await flush();
    expect(sentry.spans.at(-1)).toMatchObject({ traceId, parentSpanId: 'b'.repeat(16) });
  });

  it('may write its ids in capital letters, and no other service is told them so', () => {
    setup({ dsn: sentry.dsn });
    expect(continueTrace({ 'Sentry-Trace': `${undecided}-1`.toUpperCase() }, traceHeaders)).toEqual({
      traceparent: `00-${undecided}-01`,
      'sentry-trace': `${undecided}-1`,
    });
  });

  it.each<[string, unknown]>([
    ['no headers', undefined],
    ['headers that cannot be read', new Proxy({}, { ownKeys: () => expect.fail('no') })],
  ])('is followed also around a call with %s', async (_, headers) => {
    const { flush } = setup({ dsn: sentry.dsn });
    continueTrace({ 'sentry-trace': `${undecided}-1` }, () => continueTrace(headers as never, runAgent));
    await flush();
    expect(sentry.spans.at(-1)).toMatchObject({ traceId, parentSpanId: 'b'.repeat(16) });
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['a message of MCP', { progressToken: 7, traceparent: `00-${traceId}-${'b'.repeat(16)}-01` }],
    ['a message of RabbitMQ', { 'x-death': [{ count: 1 }], 'x-delay': 5, 'sentry-trace': `${undecided}-1` }],
    ['a message of Kafka', { traceparent: Buffer.from(`00-${traceId}-${'b'.repeat(16)}-01`) }],
    ['a message with something unreadable', { x: [Object.create(null)], 'sentry-trace': `${undecided}-1` }],
  ])('is continued from %s', async (_, headers) => {
    const { flush } = setup({ dsn: sentry.dsn });
    continueTrace(headers, runAgent);
    await flush();
    expect(sentry.spans.at(-1)).toMatchObject({ traceId, parentSpanId: 'b'.repeat(16) });
  });

  it('is never told of a span that is none', () => {
    setup({ dsn: sentry.dsn });
    const noSpan = trace.wrapSpanContext({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 });
    expect(context.with(trace.setSpan(context.active(), noSpan), traceHeaders)).toEqual({});
  });
});

describe('a span that cannot be read when it ends', () => {
  it.each<[what: string, spoil: (span: Span) => void]>([
    ['name is no text', (span) => span.updateName(undefined as never)],
    ['link leads nowhere', (span) => span.addLink({} as never)],
  ])('because its %s is said without blaming the SDK, also after another failure', async (_, spoil) => {
    const { flush } = setup({ dsn: sentry.dsn });
    sentry.answerNext({ kind: 'status', status: 400 });
    trace.getTracer('app').startSpan('refused').end();
    expect(await flush()).toMatchObject({ failed: 1, reason: expect.stringContaining('(400)') });
    const span = trace.getTracer('app').startSpan('spoiled');
    spoil(span);
    span.end();

    expect(await flush()).toMatchObject({ failed: 1, reason: expect.stringContaining('could not be read') });
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/could not be read when it ended.* a name that is no text, or a link without/);
    expect(lines[1]).not.toContain('SDK');
  });
});

describe('a provider the application registers after Faultline', () => {
  /** Writes a header of its own, as B3 and those of vendors do. */
  const propagator: TextMapPropagator = {
    inject: (given, carrier, setter) => setter.set(carrier, 'x-trace', trace.getSpanContext(given)?.traceId ?? 'none'),
    extract: (given) => given,
    fields: () => ['x-trace'],
  };

  function injected(): unknown {
    const carrier = {};
    propagation.inject(context.active(), carrier);
    return carrier;
  }

  /** Names of the headers a call inside a span would have, and whether a span in it has a parent after an await. */
  async function behaviour(exporter: InMemorySpanExporter): Promise<object> {
    exporter.reset();
    const headers = await trace.getTracer('app').startActiveSpan('outer', async (outer) => {
      await Promise.resolve();
      trace.getTracer('app').startSpan('inner').end();
      outer.end();
      return injected();
    });
    const inner = exporter.getFinishedSpans().find(({ name }) => name === 'inner');
    return { headers: Object.keys(headers as object), hasParent: inner?.parentSpanContext !== undefined };
  }

  it('brings its propagator and its context manager, and keeps them when Faultline is shut down', async () => {
    const exporter = new InMemorySpanExporter();
    const manager = new AsyncLocalStorageContextManager();
    const { shutdown } = setup({ dsn: sentry.dsn });
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register({ propagator, contextManager: manager });

    expect(await behaviour(exporter)).toEqual({ headers: ['x-trace'], hasParent: true });
    const seen = manager.with(context.active().setValue(Symbol.for('seen'), 1), () => context.active());
    expect(seen.getValue(Symbol.for('seen'))).toBe(1);
    expect(await shutdown()).toMatchObject({ status: 'delivered', exported: 2 });
    expect(await behaviour(exporter)).toEqual({ headers: ['x-trace'], hasParent: true });
  });

  it.each(['after', 'before'])('is joined when it replaces one registered %s Faultline', async (order) => {
    const first = new NodeTracerProvider();
    if (order === 'before') trace.setGlobalTracerProvider(first);
    const { flush, shutdown } = setup({ dsn: sentry.dsn });
    if (order === 'after') trace.setGlobalTracerProvider(first);
    const second = new NodeTracerProvider();
    trace.disable();
    trace.setGlobalTracerProvider(second);
    trace.disable();
    trace.setGlobalTracerProvider(second);
    for (const provider of [first, second, trace]) provider.getTracer('app').startSpan('own').end();

    expect(await flush()).toEqual({ status: 'delivered', exported: 3, issues: 0 });
    await shutdown();
    for (const provider of [first, second, trace]) provider.getTracer('app').startSpan('own').end();
    trace.disable();
    trace.setGlobalTracerProvider(new NodeTracerProvider());
    trace.getTracer('app').startSpan('own').end();
    expect(sentry.spans).toHaveLength(3);
    expect(lines).toEqual([]);
  });

  it('keeps what it had of ours when it brings neither', async () => {
    const exporter = new InMemorySpanExporter();
    const { shutdown } = setup({ dsn: sentry.dsn });
    trace.setGlobalTracerProvider(new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
    await shutdown();

    expect(await behaviour(exporter)).toEqual({ headers: ['traceparent'], hasParent: true });
  });

  it('is served by Faultline when it sends nowhere and replaces one that sends to the same place', async () => {
    const url = `${sentry.origin}/api/1/integration/otlp/v1/traces/`;
    const exporter = new OTLPTraceExporter({
      url,
      headers: { 'x-sentry-auth': `sentry sentry_key=${FAKE_PUBLIC_KEY}` },
    });
    const sending = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const silent = new NodeTracerProvider();
    const on = setup({ dsn: sentry.dsn });
    const replaceBy = (provider: NodeTracerProvider): void => {
      trace.disable();
      trace.setGlobalTracerProvider(provider);
      trace.getTracer('app').startSpan('own').end();
    };
    replaceBy(sending);
    await sending.forceFlush();
    expect(on.status).toMatchObject({ destinations: [{ servedByApplication: 1, exported: 0 }] });
    replaceBy(silent);
    expect(await on.flush()).toMatchObject({ status: 'delivered', exported: 1 });
    replaceBy(sending);
    expect(await on.flush()).toMatchObject({ status: 'nothing' });
    await sending.shutdown();

    expect(sentry.spans).toHaveLength(3);
    expect(lines).toEqual([expect.stringContaining("the application's own exporter sends to")]);
  });

  it('that sends to the same place has its spans to itself, also those of a tracer that was there before it', async () => {
    const exporter = new OTLPTraceExporter({
      url: `${sentry.origin}/api/1/integration/otlp/v1/traces/`,
      headers: { 'x-sentry-auth': `sentry sentry_key=${FAKE_PUBLIC_KEY}` },
    });
    const sending = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const on = setup({ dsn: sentry.dsn });
    // As a library has it that asks for one when it is loaded.
    const early = trace.getTracer('library');
    trace.setGlobalTracerProvider(sending);
    early.startSpan('theirs').end();
    trace.getTracer('app').startSpan('own').end();
    expect(await on.flush()).toMatchObject({ status: 'nothing' });
    expect(on.status).toMatchObject({ destinations: [{ servedByApplication: 2, exported: 0 }] });
    await sending.shutdown();

    expect(sentry.spans.map(({ name }) => name).toSorted()).toEqual(['own', 'theirs']);
  });

  it.each(['is joined', 'is not joined'])(
    'has the spans of tracers that were there before it when it %s',
    async (how) => {
      const exporter = new InMemorySpanExporter();
      const { flush, shutdown } = setup({ dsn: sentry.dsn });
      // As a NodeSDK gives them to its instrumentations, before it registers its provider.
      const early = trace.getTracer('instrumentation-http');
      early.startActiveSpan('before', (span) => span.end());
      const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
      const closed = { getTracer: (name: string) => provider.getTracer(name), shutdown: () => provider.shutdown() };
      trace.setGlobalTracerProvider(how === 'is joined' ? provider : closed);
      const request = (name: string): void => {
        early.startActiveSpan(name, { kind: SpanKind.SERVER }, (span) => {
          trace.getTracer('app').startSpan(`inside ${name}`).end();
          span.end();
        });
      };
      request('GET');
      await flush();
      await shutdown();
      request('GET later');

      const names = exporter.getFinishedSpans().map(({ name }) => name);
      expect(names).toEqual(['inside GET', 'GET', 'inside GET later', 'GET later']);
      const [inside, outside] = exporter.getFinishedSpans();
      expect(inside?.parentSpanContext?.spanId).toBe(outside?.spanContext().spanId);
      expect(outside?.instrumentationScope.name).toBe('instrumentation-http');
      const sent = sentry.spans.map(({ name }) => name);
      expect(sent).toEqual(how === 'is joined' ? ['before', 'inside GET', 'GET'] : ['before']);
    },
  );

  it('may be one around that of Faultline', async () => {
    const { flush } = setup({ dsn: sentry.dsn });
    const early = trace.getTracer('library');
    const inner = trace.getTracerProvider();
    const around = (own: () => Tracer): Tracer =>
      ({ startSpan: (name, ...rest) => own().startSpan(`around ${name}`, ...rest) }) as Tracer;
    const register = (getTracer: TracerProvider['getTracer']): void => {
      trace.disable();
      trace.setGlobalTracerProvider({ getTracer });
    };
    register((name) => {
      const own = inner.getTracer(name);
      return around(() => own);
    });
    for (const tracer of [early, trace.getTracer('app')]) tracer.startSpan('span').end();
    register((name) => around(() => inner.getTracer(name)));
    early.startSpan('late').end();
    await flush();

    expect(sentry.spans.map(({ name }) => name).toSorted()).toEqual(['around late', 'around span', 'span']);
  });

  it('makes spans active in its own way, also those of a tracer that was there before it', () => {
    setup({ dsn: sentry.dsn });
    const early = trace.getTracer('library');
    const scope = createContextKey('scope');
    const provider = new NodeTracerProvider();
    // As the one of @sentry/node 11, which forks its scope.
    const getTracer = (name: string): Tracer => {
      const tracer = provider.getTracer(name);
      const startActiveSpan = tracer.startActiveSpan.bind(tracer) as (...given: readonly unknown[]) => unknown;
      return Object.assign(Object.create(tracer) as Tracer, {
        startActiveSpan: (...given: readonly unknown[]) =>
          context.with(context.active().setValue(scope, given.length), () => startActiveSpan(...given)),
      });
    };
    trace.setGlobalTracerProvider({ getTracer });
    const seen = (span: Span): unknown[] => [
      context.active().getValue(scope),
      trace.getActiveSpan() === span,
      early.startActiveSpan('inside', () => context.active().getValue(scope)),
    ];

    expect(early.startActiveSpan('GET', seen)).toEqual([2, true, 2]);
    expect(early.startActiveSpan('GET', { kind: SpanKind.CLIENT }, seen)).toEqual([3, true, 2]);
    expect(early.startActiveSpan('GET', {}, ROOT_CONTEXT, (span) => trace.getActiveSpan() === span)).toBe(true);
  });

  it('leaves nothing of Faultline in the functions of the API once that is shut down', async () => {
    const functions = (): readonly unknown[] => [
      Reflect.get(trace, 'setGlobalTracerProvider'),
      Reflect.get(context, 'setGlobalContextManager'),
      Reflect.get(propagation, 'setGlobalPropagator'),
      Reflect.get(diag, 'setLogger'),
    ];
    const before = functions();
    const { shutdown } = setup({ dsn: sentry.dsn });
    trace.setGlobalTracerProvider(new NodeTracerProvider());
    expect(functions()).not.toEqual(before);
    await shutdown();

    expect(functions().map((one, index) => one === before[index])).toEqual([true, true, true, true]);
  });

  it('finds every place of the API free once Faultline is shut down', async () => {
    const told: unknown[] = [];
    const tell = (message: string): void => void told.push(message);
    await setup({ dsn: sentry.dsn }).shutdown();

    expect(trace.setGlobalTracerProvider(new NodeTracerProvider())).toBe(true);
    expect(context.setGlobalContextManager(new AsyncLocalStorageContextManager())).toBe(true);
    expect(propagation.setGlobalPropagator(propagator)).toBe(true);
    expect(diag.setLogger({ error: tell, warn: tell, info: tell, debug: tell, verbose: tell })).toBe(true);
    expect(told).toEqual([]);
  });

  it('and takes no processors is said once and shown, and keeps its place when Faultline is shut down', async () => {
    const on = setup({ dsn: sentry.dsn });
    runAgent();
    const refusing = { getTracer: () => trace.wrapSpanContext, shutdown: () => {} } as never;
    expect(trace.setGlobalTracerProvider(refusing)).toBe(true);

    expect(lines).toEqual([expect.stringContaining('register: false')]);
    expect(on.status).toMatchObject({ state: 'on', joined: false, reason: lines[0], spans: { created: 4 } });
    expect(await on.shutdown()).toEqual({ status: 'delivered', exported: 4, issues: 0 });
    expect(findRegisteredProvider()).toBe(refusing);
  });

  it('is not needed for a propagator of its own', async () => {
    const { shutdown } = setup({ dsn: sentry.dsn });
    expect(propagation.setGlobalPropagator(propagator)).toBe(true);
    expect(injected()).toEqual({ 'x-trace': 'none' });
    await shutdown();

    expect(injected()).toEqual({ 'x-trace': 'none' });
    expect(propagation.setGlobalPropagator(propagator)).toBe(false);
  });

  it('is not needed for a logger of its own, which is told of nothing it replaces and stays', async () => {
    const told: unknown[] = [];
    const tell = (message: string): void => void told.push(message);
    const { shutdown } = setup({ dsn: sentry.dsn });
    expect(diag.setLogger({ error: tell, warn: tell, info: tell, debug: tell, verbose: tell })).toBe(true);
    await shutdown();
    diag.error('still here');

    expect(told).toEqual(['still here']);
  });

  it('gets nothing but its own back once it has disabled ours', async () => {
    const { shutdown } = setup({ dsn: sentry.dsn });
    propagation.disable();
    expect(propagation.setGlobalPropagator(propagator)).toBe(true);
    expect(propagation.setGlobalPropagator(propagator)).toBe(false);
    await shutdown();

    expect(injected()).toEqual({ 'x-trace': 'none' });
  });
});

describe('trouble on the way', () => {
  it('is said once, in one line that names the cause and the fix and no key', async () => {
    const { flush } = setup({ dsn: sentry.dsn.replace(FAKE_PUBLIC_KEY, '0'.repeat(32)) });
    for (let run = 0; run < 2; run += 1) {
      runAgent();
      expect(await flush()).toMatchObject({ status: 'failed', exported: 0, failed: 4, pending: 0 });
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^4 spans were not delivered: 127\.0\.0\.1:\d+ refused the (key|credentials) \(40[13]\)/);
    expect(lines[0]).not.toContain('0000000');
  });

  it('that passes is waited out: a busy server gets the spans later', async () => {
    const { flush, status } = setup({ dsn: sentry.dsn });
    sentry.answerNext({ kind: 'status', status: 503, headers: { 'retry-after': '1' } });
    runAgent();
    expect(await flush()).toEqual({ status: 'delivered', exported: 4, issues: 0 });
    expect(status).toMatchObject({ state: 'on' });
    expect(lines).toEqual([]);
  });

  it('ends a flush at its deadline when the server hangs, and the next one reports the rest', async () => {
    const { flush, shutdown } = setup({ dsn: sentry.dsn });
    sentry.answerNext({ kind: 'hang' });
    runAgent();
    expect(await flush(100)).toEqual({
      status: 'timeout',
      exported: 0,
      issues: 0,
      failed: 0,
      pending: 4,
      reason: 'not everything was sent within 100 ms',
    });
    expect(await shutdown(50)).toMatchObject({ status: 'timeout', pending: 4 });
    expect(await shutdown(50)).toMatchObject({ status: 'timeout', pending: 4 });
  });

  it('waits for a batch that was under way before the flush', async () => {
    const { flush } = setup({ dsn: sentry.dsn, batch: { maxExportBatchSize: 1 } });
    sentry.answerNext(rateLimited(1));
    traceTool({ name: 'first' }, () => undefined);
    await sentry.waitForRequests(1);
    expect(await flush()).toEqual({ status: 'delivered', exported: 1, issues: 0 });
  });

  it.each([Infinity, 2 ** 31, 1e10])('is waited for by a flush without a bound: %d ms', async (timeoutMs) => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): unknown => warnings.push(name);
    process.on('warning', onWarning);
    const { flush } = setup({ dsn: sentry.dsn });
    sentry.answerNext({ kind: 'status', status: 503 });
    runAgent();
    expect(await flush(timeoutMs)).toEqual({ status: 'delivered', exported: 4, issues: 0 });
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it.each([Number.NaN, -1, -Infinity])('is not waited for by a flush that has no time: %d ms', async (timeoutMs) => {
    const { flush } = setup({ dsn: sentry.dsn });
    sentry.answerNext({ kind: 'hang' });
    runAgent();
    expect(await flush(timeoutMs)).toMatchObject({
      status: 'timeout',
      pending: 4,
      reason: 'not everything was sent within 0 ms',
    });
  });

  it('is no trouble when Issues are captured while a flush runs: the next one reports them', async () => {
    const { flush } = setup({ dsn: sentry.dsn });
    class FirstError extends Error {}
    class SecondError extends Error {}
    captureException(new FirstError('first'));
    const flushed = flush();
    await sentry.waitForEnvelopes(1);
    captureException(new SecondError('second'));
    expect(await flushed).toEqual({ status: 'delivered', exported: 0, issues: 1 });
    expect(await flush()).toEqual({ status: 'delivered', exported: 0, issues: 1 });
  });

  it('is a pause when a backend takes no Issues for longer than a flush has time, and is said so', async () => {
    const { flush } = setup({ dsn: sentry.dsn });
    sentry.answerNextEnvelope({
      kind: 'status',
      status: 200,
      headers: { 'x-sentry-rate-limits': '60:error:organization' },
    });
    class FirstError extends Error {}
    class SecondError extends Error {}
    captureException(new FirstError('first'));
    expect(await flush()).toEqual({ status: 'delivered', exported: 0, issues: 1 });
    captureException(new SecondError('second'));
    expect(await flush(30_000)).toMatchObject({
      status: 'failed',
      pending: 1,
      reason: expect.stringContaining('pause'),
    });
  });

  it('does not lose count of what a full queue drops', async () => {
    const { flush } = setup({
      dsn: sentry.dsn,
      batch: { maxQueueSize: 4, maxExportBatchSize: 4, scheduleDelayMs: 60_000 },
    });
    for (let index = 0; index < 20; index += 1) traceTool({ name: `t${index}` }, () => undefined);
    const result = await flush();
    expect(result).toMatchObject({ status: 'failed', reason: expect.stringContaining('OTEL_BSP_MAX_QUEUE_SIZE') });
    expect(result.status === 'failed' && result.exported + result.failed).toBe(20);
  });
});

/** Options as they come from code nobody has checked. */
function setupUnchecked(options: object): Tracing {
  return setup({ dsn: sentry.dsn, ...options });
}

const WHOLE: SpanProcessor = {
  onStart() {},
  onEnd() {},
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

describe('an option that must be an object of the SDK', () => {
  it.each([
    [{ meterProvider: {} }, 'meterProvider must be a meter provider, but has no getMeter.'],
    [{ meterProvider: 5 }, 'meterProvider must be a meter provider, but is 5.'],
    [{ spanProcessors: 5 }, 'spanProcessors must be a list of span processors, but is 5.'],
    [{ spanProcessors: WHOLE }, 'spanProcessors must be a list of span processors, but is of type object.'],
    [{ spanProcessors: [null] }, 'spanProcessors[0] must be a span processor, but is nothing.'],
    [{ spanProcessors: [WHOLE, 'x'] }, 'spanProcessors[1] must be a span processor, but is "x".'],
    [{ spanProcessors: [{ onEnd() {} }] }, 'spanProcessors[0] must be a span processor, but has no onStart.'],
    [
      { spanProcessors: [{ ...WHOLE, shutdown: 1 }] },
      'spanProcessors[0] must be a span processor, but has no shutdown.',
    ],
  ])('and is none is refused before anything is in place: %o', async (wrong, message) => {
    expect(() => setupUnchecked(wrong)).toThrow(new TypeError(message));
    expect(() => setupUnchecked({ ...wrong, dsn: undefined })).toThrow(new TypeError(message));

    const { status, flush } = setupUnchecked({});
    expect(status).toMatchObject({ state: 'on', joined: false });
    traceTool({ name: 'get_weather' }, () => undefined);
    expect(await flush()).toMatchObject({ status: 'delivered', exported: 1 });
    expect(sentry.stored).toHaveLength(1);
  });

  it('and is null counts as not set', async () => {
    const { flush } = setupUnchecked({ meterProvider: null, spanProcessors: null });
    traceTool({ name: 'get_weather' }, () => undefined);
    expect(await flush()).toMatchObject({ status: 'delivered', exported: 1 });
    expect(lines).toEqual([]);
  });
});

describe('a meter provider that throws', () => {
  it('is said once, and spans go out without metrics', async () => {
    const meterProvider: MeterProvider = {
      getMeter() {
        throw new Error('no meters today');
      },
    };
    const { flush, shutdown } = setupUnchecked({ meterProvider });
    traceTool({ name: 'get_weather' }, () => undefined);
    expect(await flush()).toMatchObject({ status: 'delivered', exported: 1 });
    expect(lines).toEqual([expect.stringMatching(/^the meter provider .* no metrics/)]);
    await shutdown();
    expect(setupUnchecked({}).status).toMatchObject({ state: 'on', joined: false });
  });
});

describe('an option nobody knows', () => {
  it.each([
    [{ captureUncaugt: true }, 'setupTracing has no option "captureUncaugt": see SetupOptions.'],
    [{ redact: () => '' }, 'setupTracing has no option "redact": see SetupOptions.'],
    [{ defaults: { sample_rate: 1 } }, 'defaults of setupTracing have no option "sample_rate": see SetupOptions.'],
    [{ defaults: { env: {} } }, 'defaults of setupTracing have no option "env": see SetupOptions.'],
  ])('is refused, because it would have no effect: %o', (wrong, message) => {
    expect(() => setupUnchecked(wrong)).toThrow(new TypeError(message));
    expect(() => setupUnchecked({ ...wrong, dsn: undefined })).toThrow(new TypeError(message));
    expect(setupUnchecked({}).status).toMatchObject({ state: 'on' });
  });
});

describe('defaults', () => {
  it.each([
    ['./faultline.yaml', 'defaults must be an object of options, but is "./faultline.yaml".'],
    [[], 'defaults must be an object of options, but is a list.'],
  ])('are refused when they are no options: %o', (defaults, message) => {
    expect(() => setupUnchecked({ defaults })).toThrow(new TypeError(message));
    expect(setupUnchecked({ defaults: null }).status).toMatchObject({ state: 'on' });
  });
});

describe('captureUncaught', () => {
  it('is refused when it is neither true nor false', () => {
    expect(() => setupUnchecked({ captureUncaught: 'yes' })).toThrow(
      new TypeError('captureUncaught must be true or false, but is "yes".'),
    );
    expect(setupUnchecked({ captureUncaught: null }).status).toMatchObject({ state: 'on' });
  });
});

describe('options as a whole', () => {
  it('that are null count as none', () => {
    process.env['SENTRY_DSN'] = sentry.dsn;
    try {
      tracing = setupTracing(null as never);
      expect(tracing.status).toMatchObject({ state: 'on', destinations: [{ name: 'sentry' }] });
      expect(setupTracing(null as never)).toBe(tracing);
    } finally {
      delete process.env['SENTRY_DSN'];
    }
  });

  it.each([
    [5, 'The options of setupTracing must be an object, but are 5.'],
    [['x'], 'The options of setupTracing must be an object, but are a list.'],
  ])('that are none are refused: %o', (wrong, message) => {
    expect(() => setupTracing(wrong as never)).toThrow(new TypeError(message));
    tracing = undefined;
  });
});
