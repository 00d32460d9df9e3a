import { context, createTraceState, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  addBreadcrumb,
  captureMessage,
  recordFailure,
  setContext,
  setTag,
  setupTracing,
  setUser,
  traceAgent,
  traceChat,
  traceMemory,
  traceTool,
  traceTransport,
  withRunContext,
  type SentryEvent,
  type SetupOptions,
  type Tracing,
} from '../../src/index.ts';
import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';

const SECRET = 'Q7f3kP9xLm2vTz8R';
const KEY = ['sk-', 'proj-', SECRET].join('');
/** One that is known by its length. */
const TOKEN = ['ghp', '_', SECRET, SECRET, 'b5Wd'].join('');

let sentry: FakeSentry;
let tracing: Tracing | undefined;

beforeEach(async () => {
  sentry = await startFakeSentry();
});

afterEach(async () => {
  await tracing?.shutdown(1000);
  tracing = undefined;
  trace.disable();
  context.disable();
  propagation.disable();
  await sentry.close();
});

function setup(options: SetupOptions = {}): Tracing {
  tracing = setupTracing({ env: {}, dsn: sentry.dsn, onDiagnostic: () => {}, ...options });
  return tracing;
}

/** Every byte Sentry got. */
function bytes(): string {
  return sentry.requests.map(({ body }) => body.toString()).join('\n');
}

function events(): SentryEvent[] {
  return sentry.envelopes.flatMap(({ items }) => items.map(({ payload }) => payload as SentryEvent));
}

function spanOf(operation: string): FakeSentry['spans'][number] {
  const found = sentry.spans.find(({ name }) => name.startsWith(operation));
  expect(found).toBeDefined();
  return found!;
}

describe('what the application writes on a span of ours with the API alone', () => {
  it('loses its content where content is not recorded, and its secrets', async () => {
    const { flush } = setup();
    traceChat({ model: 'gpt-5-mini', provider: 'openai' }, () => {
      const span = trace.getActiveSpan()!;
      span.setAttributes({ note: `the key is ${KEY}`, 'gen_ai.input.messages': 'canary', 'output.value': 'canary' });
      span.addEvent(`asked with ${KEY}`, { key: KEY, 'input.value': 'canary' });
      span.addLink({ context: span.spanContext(), attributes: { note: KEY } });
      span.setAttribute(`of ${KEY}`, 1);
      span.setAttribute('db.password', 123_456);
      span.updateName(`chat with ${KEY}`);
    });
    await flush();
    expect(spanOf('chat').name).toBe('chat with [redacted:openai_key]');
    expect(spanOf('chat').attributes).toMatchObject({
      note: 'the key is [redacted:openai_key]',
      'of [redacted:openai_key]': 1,
      'db.password': '[redacted:password]',
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-5-mini',
    });
    expect(bytes()).not.toContain(SECRET);
    expect(bytes()).not.toContain('canary');
  });

  it('is redacted where content is recorded, once, beside what the helpers have redacted', async () => {
    const { flush } = setup({
      captureContent: true,
      redaction: { redact: (text) => text.replace('Lisbon', 'Lisbon!') },
    });
    traceTool({ name: 'get_weather', arguments: () => ({ city: 'Lisbon' }) }, () => {
      trace.getActiveSpan()?.setAttribute('input.value', `Lisbon with ${KEY}`);
    });
    await flush();
    expect(spanOf('execute_tool').attributes).toMatchObject({
      'gen_ai.tool.call.arguments': '{"city":"Lisbon!"}',
      'input.value': 'Lisbon! with [redacted:openai_key]',
    });
  });

  it('loses the values of a query and a trace state with a secret, also where content is recorded', async () => {
    const { flush } = setup({ captureContent: true });
    const [traceId, spanId] = ['4'.repeat(32), '4'.repeat(16)] as const;
    const context = { traceId, spanId, traceFlags: 1, traceState: createTraceState(`shop=${KEY}`) };
    traceTool({ name: 'get', parent: context }, (tool) => {
      tool.span.addLink({ context });
      trace.getActiveSpan()?.setAttribute('url.full', `https://shop.test/?mail=ada%40example.com&q=${SECRET}`);
    });
    await flush();
    expect(spanOf('execute_tool').attributes).toMatchObject({ 'url.full': 'https://shop.test/?mail=?&q=?' });
    expect(spanOf('execute_tool')).toMatchObject({ traceId, parentSpanId: spanId });
    expect(bytes()).not.toContain(SECRET);
  });

  it('obeys the run, also on the span of the agent that decided', async () => {
    const { flush } = setup({ captureContent: true });
    traceAgent({ name: 'doctor', captureContent: false }, () => {
      trace.getActiveSpan()?.setAttribute('gen_ai.input.messages', 'canary');
    });
    traceAgent({ name: 'open' }, () => trace.getActiveSpan()?.setAttribute('gen_ai.input.messages', 'shown'));
    await flush();
    expect(bytes()).not.toContain('canary');
    expect(bytes()).toContain('shown');
  });
});

describe('a field for a number', () => {
  it('is left out where something else was given, also for an exporter of your own', () => {
    const own = new InMemorySpanExporter();
    setup({ spanProcessors: [new SimpleSpanProcessor(own)] });
    const wrong = KEY as unknown as number;
    const request = {
      temperature: wrong,
      topP: wrong,
      topK: wrong,
      maxTokens: wrong,
      frequencyPenalty: wrong,
      presencePenalty: wrong,
      seed: wrong,
    };
    traceAgent({ name: 'helper' }, () => {
      const server = { address: 'api.example.com', port: wrong };
      traceChat({ model: 'm', provider: 'p', attempt: wrong, server, request }, (chat) =>
        chat.record({ costUsd: wrong }),
      );
      traceChat({ model: 'm', provider: 'p', attempt: Number.NaN, request: { seed: 7 } }, () => undefined);
    });
    const spans = own.getFinishedSpans();
    expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toContain(SECRET);
    expect(spans[1]?.attributes['gen_ai.request.seed']).toBe(7);
    expect(spans[1]?.attributes).not.toHaveProperty('faultline.attempt');
  });
});

/** Every helper, with this text wherever a name or an id can stand, and a failure. */
function everyHelper(text: string): void {
  withRunContext({ conversationId: text, transport: text, user: { id: text } }, () => {
    setTag('note', text);
    setUser({ id: text });
    const agent = { name: text, description: text, runId: text };
    expect(() =>
      traceAgent(agent, () => {
        const chat = {
          model: text,
          provider: text,
          server: { address: text },
          request: { stopSequences: [text], reasoningLevel: text, outputType: text },
        };
        traceChat(chat, (span) => {
          span.fallback({ from: text, fromProvider: text, to: text, toProvider: text, reason: text });
          span.record({ id: text, model: text, finishReasons: [text] });
        });
        traceMemory({ store: text, system: text }, () => []);
        traceTool({ name: text, type: text, callId: text, description: text }, () => {
          throw Object.assign(new Error('no'), { name: text });
        });
      }),
    ).toThrow('no');
    expect(() =>
      traceTransport({ name: text }, () => {
        throw new Error('down');
      }),
    ).toThrow('down');
  });
}

describe('a name or an id', () => {
  it('has no secret in it, on spans and Issues', async () => {
    const { flush } = setup();
    everyHelper(KEY);
    await flush();
    expect(sentry.spans.length).toBeGreaterThanOrEqual(5);
    expect(events().length).toBeGreaterThanOrEqual(2);
    expect(bytes()).not.toContain(SECRET);
    expect(spanOf('execute_tool').attributes['gen_ai.tool.call.id']).toBe('[redacted:openai_key]');
  });

  it('is redacted by patterns and the function of the application, too', async () => {
    const { flush } = setup({
      redaction: { patterns: [{ name: 'patient', pattern: /PAT-\d{6}/ }], redact: (text) => text.replace('Ada', 'A.') },
    });
    everyHelper('PAT-123456');
    traceAgent({ name: 'Ada' }, () => undefined);
    await flush();
    expect(bytes()).not.toContain('PAT-1');
    expect(bytes()).not.toContain('Ada');
    expect(sentry.spans.map(({ name }) => name)).toContain('agent.invoke A.');
    expect(sentry.spans.map(({ attributes }) => attributes['sentry.op'])).toContain('gen_ai.execute_tool');
  });

  it('is not sent when the function throws, and what the conventions name is', async () => {
    const { flush } = setup({
      redaction: {
        redact: () => {
          throw new Error('out of order');
        },
      },
    });
    traceChat({ model: 'canary', provider: 'canary' }, () => undefined);
    await flush();
    expect(bytes()).not.toContain('canary');
    expect(sentry.spans[0]?.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'sentry.op': 'gen_ai.chat',
      'gen_ai.request.model': '[redaction failed]',
    });
  });

  it.each([
    'chatcmpl-9fKq2RxT7bLmVwZpYcNdE3sG',
    'call_aBcDeFgHiJkLmNoPqRsTuVwX',
    'toolu_01A09q90qw90lq917835lq9',
    'resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b',
    'msg_01XFDUDYJgAACzvnptvVoYEL',
    'tooluse_kZJMlvQmRJ6eAyJE5GIl7Q',
    '550e8400-e29b-41d4-a716-446655440000',
    '01ARZ3NDEKTSV4RRFFQ69G5FAV',
    'C0123ABCD:1699999999.000100',
    'ada.lovelace@example.com',
    'auth0|5f7c8ec7c33c6c004bbafe82',
    'gpt-5-mini-2026-05-01',
    '+49 30 1234567',
    '203.0.113.9',
  ])('stays as it is when it is an ordinary one, the same on span and Issue: %s', async (id) => {
    const { flush } = setup();
    withRunContext({ conversationId: id }, () => {
      setTag('order', id);
      expect(() =>
        traceAgent({ name: 'helper', runId: id }, () =>
          traceTool({ name: 'get', callId: id }, () => {
            throw new Error('no');
          }),
        ),
      ).toThrow('no');
    });
    await flush();
    expect(spanOf('execute_tool').attributes).toMatchObject({
      'gen_ai.tool.call.id': id,
      'faultline.run.id': id,
      order: id,
    });
    for (const { tags } of events()) expect(tags).toMatchObject({ conversation_id: id, run_id: id, order: id });
  });

  it('says the same on span and Issue where something was taken out', async () => {
    const { flush } = setup();
    withRunContext({}, () => {
      setTag('session_token', 'abc def');
      setTag('note', `for ${KEY}`);
      traceTool({ name: 'get' }, (span) => span.fail(new Error('no')));
    });
    await flush();
    const expected = { session_token: '[redacted:token]', note: 'for [redacted:openai_key]' };
    expect(spanOf('execute_tool').attributes).toMatchObject(expected);
    expect(events()[0]?.tags).toMatchObject(expected);
  });
});

describe('a span as an exporter of the application sees it', () => {
  /** Sets up tracing with an exporter of the application's, which is handed the spans themselves. */
  function setupBeside(options: SetupOptions = {}): {
    readonly seen: () => string;
    readonly exporter: InMemorySpanExporter;
  } {
    const exporter = new InMemorySpanExporter();
    setup({ ...options, spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const seen = (): string =>
      JSON.stringify(
        exporter.getFinishedSpans().map(({ name, attributes, events: written, status, resource }) => ({
          name,
          attributes,
          events: written,
          status,
          resource: resource.attributes,
        })),
      );
    return { seen, exporter };
  }

  it('has no secret in a name, an id, a tag, an attribute or its resource', () => {
    const { seen, exporter } = setupBeside({
      release: `shop-${KEY}`,
      env: { OTEL_RESOURCE_ATTRIBUTES: `app.token=${SECRET},team=search` },
    });
    everyHelper(KEY);
    traceTool({ name: 'get', attributes: { [`of ${KEY}`]: 1, note: KEY, 'session.token': SECRET } }, () => {
      recordFailure('tool.execution', new Error('no'), { attributes: { more: KEY, 'db.password': SECRET } });
    });
    expect(exporter.getFinishedSpans().length).toBeGreaterThanOrEqual(6);
    expect(seen()).not.toContain(SECRET);
    expect(exporter.getFinishedSpans().at(-1)?.attributes).toMatchObject({
      note: '[redacted:openai_key]',
      more: '[redacted:openai_key]',
      'of [redacted:openai_key]': 1,
      'session.token': '[redacted:token]',
      'db.password': '[redacted:password]',
    });
  });

  it('went through the patterns and the function of the application, once, and is sent as it is', async () => {
    const { seen, exporter } = setupBeside({
      release: 'Ada',
      env: { OTEL_RESOURCE_ATTRIBUTES: 'team=Ada' },
      redaction: {
        patterns: [{ name: 'patient', pattern: /PAT-\d{6}/ }],
        redact: (text, { key }) => (key === 'team' ? 'no team' : text.replace('Ada', 'Adam')),
      },
    });
    everyHelper('PAT-123456 Ada');
    traceTool({ name: 'get', attributes: { note: 'Ada', list: ['Ada', 'Ada', 'x'] } }, () => undefined);
    await tracing?.flush();
    for (const text of [seen(), bytes()]) {
      expect(text).not.toContain('PAT-1');
      expect(text).not.toContain('Adamm');
      expect(text).not.toMatch(/Ada(?!m)/);
      expect(text).toContain('no team');
    }
    expect(sentry.spans.map(({ name }) => name)).toEqual(exporter.getFinishedSpans().map(({ name }) => name));
  });

  it('has the tags of the process as the tracing of today redacts them', async () => {
    setup();
    setTag('note', `for ${KEY} and PAT-123456`);
    await tracing?.shutdown(1000);
    trace.disable();
    context.disable();
    const { exporter } = setupBeside({ redaction: { patterns: [{ name: 'patient', pattern: /PAT-\d{6}/ }] } });
    traceTool({ name: 'get' }, () => undefined);
    expect(exporter.getFinishedSpans()[0]?.attributes['note']).toBe('for [redacted:openai_key] and [redacted:patient]');
    setTag('note', 'nothing');
  });
});

describe('where spans come from', () => {
  const LEAKY = {
    'service.name': 'shop',
    'process.command_args': ['node', 'shop.js', `--api-key=${SECRET}`, '--password', SECRET, '--port', '80'],
    'process.command_line': `node shop.js --api-key=${SECRET} --password ${SECRET}`,
    'deployment.api.key': SECRET,
    'db.url': `postgres://shop:${SECRET}@db/shop`,
  };

  /** Sends two spans of a provider of the application's. */
  async function joined(resource: Resource): Promise<string> {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const { spanProcessor, flush } = setup({ register: false });
    const provider = new NodeTracerProvider({ resource, spanProcessors: [spanProcessor] });
    const tracer = provider.getTracer('theirs');
    for (const name of ['one', 'two']) {
      tracer.startSpan(name).end();
      await resource.waitForAsyncAttributes?.();
    }
    await flush();
    return bytes();
  }

  it('is a resource without secrets, which stands in a request once and is not changed itself', async () => {
    const resource = resourceFromAttributes(LEAKY);
    const sent = await joined(resource);
    expect(sent).not.toContain(SECRET);
    expect(sent.split('"resourceSpans":[')[1]?.split('"scopeSpans"')).toHaveLength(2);
    expect(sentry.spans[0]?.resource).toMatchObject({ 'service.name': 'shop' });
    expect(sentry.spans[0]?.resource['process.command_args']).toContain('shop.js');
    expect(resource.attributes).toEqual(LEAKY);
  });

  it('is redacted also where it is found out later', async () => {
    const later = Promise.resolve(`node --token=${SECRET}`);
    const sent = await joined(resourceFromAttributes({ 'service.name': 'shop', 'process.command_line': later }));
    expect(sent).not.toContain(SECRET);
    expect(sent).toContain('node --token=[redacted:token]');
  });

  it('is redacted when it comes from the environment', async () => {
    const { flush } = setup({ env: { OTEL_RESOURCE_ATTRIBUTES: `app.token=${SECRET},team=search` } });
    traceAgent({ name: 'helper' }, () => undefined);
    captureMessage('hello');
    await flush();
    expect(bytes()).not.toContain(SECRET);
    expect(bytes()).toContain('search');
  });
});

describe('what people write into an Issue', () => {
  it('is redacted with their own patterns and function, once', async () => {
    const { flush } = setup({
      sendDefaultPii: true,
      errorMessages: 'redacted',
      redaction: {
        patterns: [{ name: 'patient', pattern: /PAT-\d{6}/ }],
        redact: (text) => text.replace('Ada', 'Ada!'),
      },
    });
    withRunContext({}, () => {
      setUser({ id: 'PAT-000001', name: 'PAT-000002' });
      setTag('note', 'PAT-000003');
      setContext('visit', { who: 'PAT-000004 Ada', ['PAT-000005']: { deep: ['PAT-000006'] } });
      addBreadcrumb({ category: 'PAT-000007', message: 'PAT-000008 Ada', data: { who: 'PAT-000009' } });
      captureMessage('PAT-000010 Ada', 'warning', { tags: { more: 'PAT-000011 Ada' } });
      traceTool({ name: 'get' }, (span) => span.fail(new Error(`${'x '.repeat(245)}PAT-000012 Ada`)));
    });
    await flush();
    expect(events()).toHaveLength(2);
    expect(bytes()).not.toContain('PAT-0');
    expect(events()[0]).toMatchObject({
      logentry: { formatted: '[redacted:patient] Ada!' },
      tags: { more: '[redacted:patient] Ada!' },
      contexts: { visit: { who: '[redacted:patient] Ada!' } },
    });
    expect(bytes()).not.toContain('Ada!!');
  });

  it('keeps what redaction is told to keep', async () => {
    const { flush } = setup({ redaction: { emails: false } });
    captureMessage('mail ada@example.com');
    await flush();
    expect(events()[0]?.logentry?.formatted).toBe('mail ada@example.com');
  });

  it('has no secret in the frames of a stack, nor has the span', async () => {
    const { flush } = setup();
    const error = new Error('no');
    error.stack = `Error: no\n    at load (https://ada:${SECRET}@files.test/app.js:1:2)`;
    traceTool({ name: 'get' }, (span) => span.fail(error));
    await flush();
    expect(events()).toHaveLength(1);
    expect(bytes()).not.toContain(SECRET);
    expect(bytes()).toContain('files.test/app.js');
  });

  it('has no part of a secret in a frame, nor has the span, wherever that would be cut', async () => {
    const { flush } = setup();
    for (const before of [225, 235, 245]) {
      const [error, path] = [new Error('no'), 'x'.repeat(before)];
      error.stack = `Error: no\n    at ${path}.${TOKEN} (/app/${path}/${TOKEN}/app.js:1:2)`;
      traceTool({ name: 'get' }, (span) => span.fail(error));
    }
    await flush();
    expect(events()).not.toHaveLength(0);
    expect(bytes()).not.toContain(TOKEN.slice(0, 8));
  });

  it('has no part of a secret in the class name of an error, nor has the span, wherever that would be cut', async () => {
    const { flush } = setup();
    for (let before = 80; before < 120; before += 1) {
      const error = Object.assign(new Error('no'), { name: `${'x'.repeat(before)}:${TOKEN}` });
      traceTool({ name: 'get' }, (span) => span.fail(error));
    }
    await flush();
    expect(sentry.spans).toHaveLength(40);
    expect(events()).not.toHaveLength(0);
    expect(bytes()).not.toContain(TOKEN.slice(0, 8));
  });

  it('is withheld where the run withholds it, also in an error among the facts', async () => {
    const { flush } = setup({ captureContent: true });
    withRunContext({ captureContent: false }, () => {
      setContext('last', { error: new Error('canary in an error') });
      captureMessage('hello');
    });
    await flush();
    expect(events()[0]?.contexts['last']).toEqual({ error: 'Error: [message withheld]' });
  });
});
