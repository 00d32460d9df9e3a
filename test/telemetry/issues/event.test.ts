import { hostname, release, type } from 'node:os';
import { runInNewContext } from 'node:vm';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AllModelsFailedError } from '../../../src/runtime/errors.ts';
import { activate } from '../../../src/telemetry/active.ts';
import { VERSION } from '../../../src/telemetry/config/version.ts';
import { createContentPolicy } from '../../../src/telemetry/content/policy.ts';
import type { CapturedFailure, CapturedMessage } from '../../../src/telemetry/captured.ts';
import { createEvent } from '../../../src/telemetry/issues/event.ts';
import type { SentryEvent } from '../../../src/telemetry/issues/sentry-event.ts';
import { fc } from '../../support/properties.ts';

let deactivate: () => void;
beforeAll(() => {
  deactivate = activate({ content: createContentPolicy({ errorMessages: 'redacted' }) });
});
afterAll(() => deactivate());

const environment = {
  release: 'shop@1.2.3',
  environment: 'production',
  resource: { 'service.name': 'shop', 'service.version': '1.2.3' },
};

const surroundings = {
  occurredAtMs: 1_795_195_344_729,
  level: 'error',
  tags: {},
  contexts: {},
  breadcrumbs: [],
} as const;

/** A failure of a tool, as the span helpers capture it. */
function captured(error: unknown, more: Partial<CapturedFailure> = {}): CapturedFailure {
  return {
    ...surroundings,
    error,
    point: 'tool.execution',
    handled: true,
    mechanism: 'faultline.tool.execution',
    ...more,
  };
}

/** An error whose stack is one line of the application. */
function errorAt(line: number, error: Error): Error {
  error.stack = `${error.name}: ${error.message}\n    at lookup (${process.cwd()}/src/tools.ts:${line}:7)`;
  return error;
}

function frameAt(line: number): object {
  return {
    function: 'lookup',
    filename: 'src/tools.ts',
    abs_path: `${process.cwd()}/src/tools.ts`,
    lineno: line,
    colno: 7,
    in_app: true,
  };
}

const contexts = {
  runtime: { name: 'node', version: process.version },
  os: { name: type(), version: release() },
  app: {
    app_start_time: new Date(performance.timeOrigin).toISOString(),
    app_memory: expect.any(Number) as number,
    app_name: 'shop',
    app_version: '1.2.3',
  },
};

/** What every event has, whatever happened. */
const common = {
  event_id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
  timestamp: 1_795_195_344.729,
  platform: 'node',
  level: 'error',
  logger: 'faultline',
  server_name: hostname(),
  release: 'shop@1.2.3',
  environment: 'production',
  tags: {},
  contexts,
  sdk: { name: 'faultline', version: VERSION },
};

describe('the event of a failure', () => {
  it('says what failed, where, for whom and on the way to what', () => {
    const failure = captured(errorAt(12, new TypeError('no order 7')), {
      level: 'warning',
      trace: {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        parentSpanId: '00f067aa0ba902b7',
        op: 'gen_ai.execute_tool',
        status: 'internal_error',
      },
      transaction: 'agent.invoke helper',
      tags: { agent: 'helper', tool: 'lookup', 'failure.point': 'tool.execution', run_id: '4f2a9c01' },
      user: { id: 'u1', email: 'ann@example.com', username: 'ann', ip_address: '192.0.2.1' },
      contexts: { order: { id: 7, express: true } },
      breadcrumbs: [
        { timestampMs: 1_795_195_344_000, category: 'agent.turn' },
        {
          timestampMs: 1_795_195_344_500,
          type: 'info',
          category: 'tool.start',
          message: 'lookup',
          level: 'info',
          data: { attempt: 1 },
        },
      ],
    });
    expect(createEvent(failure, environment)).toEqual({
      ...common,
      level: 'warning',
      transaction: 'agent.invoke helper',
      user: { id: 'u1', email: 'ann@example.com', username: 'ann', ip_address: '192.0.2.1' },
      tags: { agent: 'helper', tool: 'lookup', 'failure.point': 'tool.execution', run_id: '4f2a9c01' },
      contexts: {
        ...contexts,
        order: { id: 7, express: true },
        faultline: { failure_point: 'tool.execution', run_id: '4f2a9c01' },
        trace: {
          trace_id: '0af7651916cd43dd8448eb211c80319c',
          span_id: 'b7ad6b7169203331',
          parent_span_id: '00f067aa0ba902b7',
          op: 'gen_ai.execute_tool',
          status: 'internal_error',
        },
      },
      fingerprint: ['tool.execution', 'TypeError', 'lookup in src/tools.ts', 'agent:helper', 'tool:lookup'],
      exception: {
        values: [
          {
            type: 'TypeError',
            value: 'no order 7',
            mechanism: { type: 'faultline.tool.execution', handled: true, exception_id: 0 },
            stacktrace: { frames: [frameAt(12)] },
          },
        ],
      },
      breadcrumbs: {
        values: [
          { timestamp: 1_795_195_344, category: 'agent.turn' },
          {
            timestamp: 1_795_195_344.5,
            type: 'info',
            category: 'tool.start',
            message: 'lookup',
            level: 'info',
            data: { attempt: 1 },
          },
        ],
      },
    });
  });

  it('leaves out what nobody knows', () => {
    const { point: _, ...failure } = captured('out of stock', { mechanism: 'generic' });
    const { release: _release, ...always } = common;
    const { app_name: _app, app_version: _version, ...app } = contexts.app;
    expect(createEvent(failure, { environment: 'staging', resource: {} })).toEqual({
      ...always,
      environment: 'staging',
      contexts: { ...contexts, app },
      fingerprint: ['captured', 'string', 'out of stock'],
      exception: {
        values: [
          { type: 'string', value: 'out of stock', mechanism: { type: 'generic', handled: true, exception_id: 0 } },
        ],
      },
    });
  });

  it('takes the name of the machine from the resource', () => {
    const resource = { ...environment.resource, 'host.name': 'pod-7' };
    expect(createEvent(captured(new Error('x')), { ...environment, resource }).server_name).toBe('pod-7');
  });

  it('is another one every time', () => {
    const failure = captured(new Error('x'));
    expect(createEvent(failure, environment).event_id).not.toBe(createEvent(failure, environment).event_id);
  });

  it('has the newest hundred breadcrumbs', () => {
    const breadcrumbs = Array.from({ length: 130 }, (_, index) => ({
      timestampMs: index * 1000,
      category: `c${index}`,
    }));
    const { values } = createEvent(captured(new Error('x'), { breadcrumbs }), environment).breadcrumbs!;
    expect(values).toEqual(breadcrumbs.slice(30).map(({ category }, index) => ({ timestamp: 30 + index, category })));
  });
});

describe('the event of a message', () => {
  it('is the sentence, grouped without its ids', () => {
    const message: CapturedMessage = {
      ...surroundings,
      level: 'info',
      message: 'order 7 was late',
      tags: { agent: 'helper' },
    };
    expect(createEvent(message, environment)).toEqual({
      ...common,
      level: 'info',
      tags: { agent: 'helper' },
      fingerprint: ['message', 'order # was late', 'agent:helper'],
      logentry: { formatted: 'order 7 was late' },
    });
  });
});

describe('the errors of a failure', () => {
  function values(error: unknown): NonNullable<SentryEvent['exception']>['values'] {
    return createEvent(captured(error, { handled: false, mechanism: 'faultline.conversation.unhandled' }), environment)
      .exception!.values;
  }
  const thrown = { type: 'faultline.conversation.unhandled', handled: false, exception_id: 0 };
  const chained = { type: 'chained', handled: false };

  it('are a chain with the innermost cause first and the error that was thrown last', () => {
    const socket = errorAt(1, new Error('connect ECONNREFUSED'));
    const query = errorAt(2, new RangeError('query failed', { cause: socket }));
    expect(values(errorAt(3, new TypeError('lookup failed', { cause: query })))).toEqual([
      {
        type: 'Error',
        value: 'connect ECONNREFUSED',
        mechanism: { ...chained, exception_id: 2, parent_id: 1, source: 'cause' },
        stacktrace: { frames: [frameAt(1)] },
      },
      {
        type: 'RangeError',
        value: 'query failed',
        mechanism: { ...chained, exception_id: 1, parent_id: 0, source: 'cause' },
        stacktrace: { frames: [frameAt(2)] },
      },
      { type: 'TypeError', value: 'lookup failed', mechanism: thrown, stacktrace: { frames: [frameAt(3)] } },
    ]);
  });

  it('are a group with each member in its place', () => {
    const members = [errorAt(1, new Error('one')), errorAt(2, new Error('two'))];
    expect(values(errorAt(3, new AggregateError(members, 'all failed')))).toEqual([
      {
        type: 'Error',
        value: 'two',
        mechanism: { ...chained, exception_id: 2, parent_id: 0, source: 'errors[1]' },
        stacktrace: { frames: [frameAt(2)] },
      },
      {
        type: 'Error',
        value: 'one',
        mechanism: { ...chained, exception_id: 1, parent_id: 0, source: 'errors[0]' },
        stacktrace: { frames: [frameAt(1)] },
      },
      {
        type: 'AggregateError',
        value: 'all failed',
        mechanism: { ...thrown, is_exception_group: true },
        stacktrace: { frames: [frameAt(3)] },
      },
    ]);
  });

  it('are few where groups are in groups', () => {
    const group = (depth: number): Error =>
      new AggregateError(Array.from({ length: 8 }, () => (depth === 0 ? new Error('one') : group(depth - 1))));
    expect(values(group(2))).toHaveLength(10);
  });

  it.each([
    ['a validation', [{ code: 'invalid_type', message: 'Required', path: ['a'] }]],
    ['the answer of a GraphQL server', [{ message: 'not authorized', locations: [] }]],
    ['a list of texts', ['one', 'two']],
  ])('are errors and nothing else, unlike what %s lists', (_name, errors) => {
    const error = errorAt(1, Object.assign(new TypeError('no'), { errors, cause: { code: 'E1', detail: 'x' } }));
    expect(values(error)).toEqual([
      { type: 'TypeError', value: 'no', mechanism: thrown, stacktrace: { frames: [frameAt(1)] } },
    ]);
  });

  it('may be of another realm, or have nothing of an error but its stack', () => {
    const foreign: unknown = runInNewContext('new RangeError("foreign")');
    const withStack = { name: 'WasmError', message: 'trap', stack: 'WasmError: trap\n    at f (/srv/app/a.js:1:1)' };
    const types = values(new AggregateError([foreign, withStack, {}])).map(({ type }) => type);
    expect(types).toEqual(['WasmError', 'RangeError', 'AggregateError']);
  });

  it('hold what every model of an exhausted chain failed with', () => {
    const attempts = ['gpt-4.1', 'claude-sonnet-4-5', 'gemini-2.5-pro'].map((model, index) => ({
      model,
      provider: 'p',
      attempts: 1,
      reason: '503',
      error: new Error(`failure of model number ${index}`),
    }));
    const group = values(new AllModelsFailedError(attempts));
    expect(group.map(({ value }) => value).toSorted()).toEqual([
      'failure of model number 0',
      'failure of model number 1',
      'failure of model number 2',
      'no model answered: gpt-4.1 (503), claude-sonnet-4-5 (503), gemini-2.5-pro (503)',
    ]);
    expect(group.at(-1)!.mechanism).toEqual({ ...thrown, is_exception_group: true });
    expect(group.slice(0, -1).map(({ mechanism }) => mechanism.parent_id)).toEqual([0, 0, 0]);
  });

  it('are the same real error that Node would print', () => {
    const { stacktrace } = values(new Error('x')).at(-1)!;
    expect(stacktrace!.frames.at(-1)).toMatchObject({ filename: 'test/telemetry/issues/event.test.ts', in_app: true });
  });

  it('keep to ten, also when they cause each other', () => {
    const one = new Error('one');
    const two = new Error('two', { cause: one });
    one.cause = two;
    expect(values(two).map(({ value }) => value)).toEqual(['one', 'two']);
    let deep = new Error('0');
    for (let index = 1; index < 1_000; index += 1) deep = new Error(String(index), { cause: deep });
    expect(values(deep)).toHaveLength(10);
  });
});

describe('what an application adds', () => {
  it('is made to fit where it is a tag', () => {
    const tags = {
      'page locale': 'de',
      'größe/einheit': 'two\r\nlines ',
      long: 'x'.repeat(300),
      ['k'.repeat(300)]: 'v',
      empty: '',
      '': 'nameless',
      object: { toString: () => 'no' } as unknown as string,
      count: 3 as unknown as string,
    };
    expect(createEvent(captured(new Error('x'), { tags }), environment).tags).toEqual({
      page_locale: 'de',
      gr__e_einheit: 'two lines',
      long: 'x'.repeat(200),
      ['k'.repeat(200)]: 'v',
      count: '3',
    });
  });

  it('is as much of the name of its transaction as Sentry takes, and no half of a character', () => {
    const transaction = `agent.invoke ${'x'.repeat(186)}\u{1F4E6} and more`;
    expect(createEvent(captured(new Error('x'), { transaction }), environment).transaction).toBe(
      `agent.invoke ${'x'.repeat(186)}\uFFFD`,
    );
  });

  it('is copied as plain data where it is a context', () => {
    const loop: Record<string, unknown> = { name: 'loop' };
    loop['self'] = loop;
    const given = {
      order: {
        id: 7n,
        ratio: Number.NaN,
        at: new Date(0),
        never: new Date(Number.NaN),
        page: new URL('https://ada:pw1@x.test/'),
        pattern: /a+/g,
        // Letter by letter no key would be recognised.
        boxed: Object(`use ${['sk-', 'ant-api03-', 'Q7f3kP9xLm2vTz8R'].join('')}`) as unknown,
        items: [1, 'two', null, undefined],
        blob: Buffer.from('secret'),
        call: () => 'secret',
        nothing: undefined,
        error: Object.assign(new TypeError('broken'), { requestBodyValues: 'secret' }),
        foreign: runInNewContext('Object.assign(new TypeError("broken"), { requestBodyValues: "secret" })') as unknown,
        loop,
        get trap(): never {
          throw new Error('secret');
        },
      },
      list: [1] as unknown as Record<string, unknown>,
      ['__proto__']: { polluted: true },
    };
    const { contexts: copied } = createEvent(captured(new Error('x'), { contexts: given }), environment);
    expect(copied['order']).toEqual({
      id: '7',
      ratio: 'NaN',
      at: '1970-01-01T00:00:00.000Z',
      never: 'Invalid Date',
      page: 'https://[redacted:url_credentials]@x.test/',
      pattern: '/a+/g',
      boxed: 'use [redacted:anthropic_key]',
      items: [1, 'two', null, null],
      blob: '[binary: 6 bytes]',
      error: 'TypeError: broken',
      foreign: 'TypeError: broken',
      loop: { name: 'loop', self: { name: 'loop', self: '[object]' } },
      trap: '[unreadable]',
    });
    expect(copied['list']).toEqual({});
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(JSON.stringify(copied)).not.toContain('secret');
  });

  it('extends what is known of the process, and cannot move the failure to another trace', () => {
    const given = {
      app: { build: '77' },
      runtime: { flavor: 'edge' },
      os: { build: '6.1' },
      trace: { trace_id: 'f'.repeat(32) },
      faultline: { run_id: 'x', mine: 1 },
    };
    const event = createEvent(captured(new Error('x'), { contexts: given, tags: { run_id: '4f2a9c01' } }), environment);
    expect(event.contexts).toEqual({
      ...contexts,
      app: { ...contexts.app, build: '77' },
      runtime: { ...contexts.runtime, flavor: 'edge' },
      os: { ...contexts.os, build: '6.1' },
      faultline: { failure_point: 'tool.execution', run_id: '4f2a9c01', mine: 1 },
    });
  });

  it('is bounded', () => {
    const wide = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, 'x'.repeat(10_000)]));
    const tree = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`t${index}`, wide]));
    const event = createEvent(captured(new Error('x'), { contexts: { wide, tree } }), environment);
    expect(Object.keys(event.contexts['wide']!)).toHaveLength(50);
    expect(JSON.stringify(event).length).toBeLessThan(400_000);
  });

  it('loses no secret', () => {
    const key = 'sk-proj-aaaaaaaaaaaaaaaaaaaaaaaa';
    const event = createEvent(
      captured(new Error(`refused ${key}`, { cause: new Error(`Bearer ${key}`) }), {
        tags: { key },
        contexts: { request: { key, nested: [{ key }] } },
        breadcrumbs: [{ timestampMs: 0, category: 'http', message: `sent ${key}`, data: { key } }],
      }),
      environment,
    );
    expect(JSON.stringify(event)).not.toContain(key);
    expect(JSON.stringify(createEvent({ ...surroundings, message: `refused ${key}` }, environment))).not.toContain(key);
  });

  it('loses no secret that is in the path of a frame', () => {
    const key = 'sk-proj-aaaaaaaaaaaaaaaaaaaaaaaa';
    const error = new Error('refused');
    error.stack = `Error: refused\n    at f (${process.cwd()}/${key}/node_modules/${key}/x.js:1:2)`;
    const event = createEvent(captured(error), environment);
    expect(event.exception?.values[0]?.stacktrace?.frames).toMatchObject([
      {
        filename: '[redacted:openai_key]/node_modules/[redacted:openai_key]/x.js',
        abs_path: `${process.cwd()}/[redacted:openai_key]/node_modules/[redacted:openai_key]/x.js`,
        module: '[redacted:openai_key]',
      },
    ]);
  });

  it('has of the names in a frame as much as Sentry takes', () => {
    const error = new Error('refused');
    error.stack = `Error: refused\n    at ${'f'.repeat(300)} (/${'x'.repeat(300)}.js:1:2)`;
    const [frame] = createEvent(captured(error), environment).exception?.values[0]?.stacktrace?.frames ?? [];
    expect(frame).toMatchObject({ function: 'f'.repeat(256), filename: `/${'x'.repeat(255)}` });
  });
});

describe('an error that holds a conversation', () => {
  const CANARY = 'CANARY-the-user-said-this';

  /** Errors as providers and tools throw them, each with content in every place such errors have it. */
  const carriers: readonly [string, () => Error][] = [
    ['as the AI SDK does', () => Object.assign(new Error('Bad Request'), apiCallError())],
    ['in a cause', () => new Error('failed', { cause: Object.assign(new Error('inner'), apiCallError()) })],
    ['in a member', () => new AggregateError([Object.assign(new Error('inner'), apiCallError())], 'failed')],
    ['of an exhausted chain', exhausted],
    ['in its JSON', () => Object.assign(new Error('failed'), { toJSON: () => ({ prompt: CANARY }) })],
    ['in its class', () => Object.assign(new Error('failed'), { code: CANARY, constructor: { prompt: CANARY } })],
    ['in a message of a class that quotes its input', () => named('AI_JSONParseError', `Text: ${CANARY}`)],
    [
      'in a stack that only looks like one',
      () => withStack(`Error: x\n${CANARY}\n    at ${CANARY}\n    at f (/a.js:1:1)`),
    ],
  ];

  function apiCallError(): object {
    return {
      name: 'AI_APICallError',
      url: `https://api.example/v1?key=${CANARY}`,
      requestBodyValues: { messages: [{ role: 'user', content: CANARY }] },
      responseBody: CANARY,
      responseHeaders: { 'x-request': CANARY },
      data: { error: { message: CANARY } },
      [CANARY]: CANARY,
    };
  }

  function exhausted(): Error {
    const error = Object.assign(new Error('Bad Request'), apiCallError());
    return new AllModelsFailedError([{ model: 'm', provider: 'p', attempts: 1, reason: '400', error }]);
  }

  function named(name: string, message: string): Error {
    return Object.assign(new Error(message), { name });
  }

  function withStack(stack: string): Error {
    return Object.assign(new Error('x'), { stack });
  }

  it.each(carriers)('keeps it to itself when it holds it %s', (_, create) => {
    const event = createEvent(captured(create(), { contexts: { mine: { error: create() } } }), environment);
    expect(JSON.stringify(event)).not.toContain(CANARY);
    expect(event.exception!.values.length).toBeGreaterThan(0);
  });
});

describe('an error that fights back', () => {
  function throwing(): never {
    throw new Error('no');
  }
  const trap = new Proxy(new Error('x'), {
    get: throwing,
    has: throwing,
    ownKeys: throwing,
    getPrototypeOf: throwing,
    getOwnPropertyDescriptor: throwing,
  });
  const getter = Object.defineProperties(new Error('x'), {
    stack: { get: throwing },
    message: { get: throwing },
    cause: { get: throwing },
    name: { get: throwing },
  });

  it('still becomes an event', () => {
    for (const error of [
      trap,
      getter,
      null,
      undefined,
      Symbol('x'),
      1n,
      () => 1,
      Object.create(null),
      new AggregateError([trap]),
    ]) {
      const event = createEvent(captured(error, { contexts: { trap: trap as never, own: { trap } } }), environment);
      expect(event).toMatchObject({ platform: 'node', exception: { values: expect.any(Array) as unknown } });
      expect(() => structuredClone(event)).not.toThrow();
    }
  });

  it('is a text where it is the number of a user, and left out where it is no id at all', () => {
    const user = { id: 7, email: {}, username: null } as never;
    expect(createEvent(captured(new Error('x'), { user }), environment).user).toEqual({ id: '7' });
  });

  it('leaves the user out where nothing is known or may be said of one', () => {
    expect(createEvent(captured(new Error('x'), { user: {} }), environment)).not.toHaveProperty('user');
  });

  it('does not take the rest down when a breadcrumb or a tag does', () => {
    const breadcrumbs = [trap, { timestampMs: 0, category: 'a' }] as never;
    const event = createEvent(captured(new Error('x'), { breadcrumbs, tags: trap as never }), environment);
    expect(event.breadcrumbs).toEqual({ values: [{ timestamp: 0, category: 'a' }] });
    expect(event.tags).toEqual({});
  });

  it('may be anything at all', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withNullPrototype: true,
    });
    const error = fc.oneof(
      anything,
      fc
        .record(
          { name: anything, message: anything, stack: anything, cause: anything, errors: anything, attempts: anything },
          { requiredKeys: [] },
        )
        .map((fields) => Object.assign(new Error('x'), fields)),
    );
    fc.assert(
      fc.property(error, fc.dictionary(fc.string(), anything), (value, context) => {
        const event = createEvent(captured(value, { contexts: { context } }), environment);
        expect(Object.keys(event).toSorted()).toEqual(
          Object.keys({ ...common, fingerprint: 0, exception: 0 }).toSorted(),
        );
        JSON.stringify(event);
      }),
      { numRuns: 200 },
    );
  });

  it('may be huge', () => {
    const huge = new Error('x'.repeat(5_000_000));
    const endless = Object.assign(new Error('x'), { stack: `Error: x\n${'    at f (/a.js:1:1)\n'.repeat(100_000)}` });
    for (const error of [huge, endless, 'y'.repeat(5_000_000)]) {
      expect(JSON.stringify(createEvent(captured(error), environment)).length).toBeLessThan(20_000);
    }
  });
});
