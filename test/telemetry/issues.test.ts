import { AsyncResource } from 'node:async_hooks';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { context, propagation, trace, type Attributes } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { suppressTracing } from '@opentelemetry/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';

import {
  addBreadcrumb,
  captureException,
  captureMessage,
  continueTrace,
  getRunContext,
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
import { createAgent, defineTool, type MemoryStore } from '../../src/runtime/index.ts';
import { startFakeSentry, type FakeSentry } from '../../src/testing/fake-sentry.ts';
import { scriptedModel } from '../../src/testing/scripted-model.ts';
import { prerender } from '../support/prerendered-page.ts';
import { letters, receivedEvents } from './issues/sending.ts';

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
  await sentry.close();
});

function setup(options: SetupOptions = {}): Tracing {
  tracing = setupTracing({
    env: {},
    dsn: sentry.dsn,
    release: 'app@1.2.3',
    environment: 'staging',
    errorMessages: 'redacted',
    onDiagnostic: (message) => lines.push(message),
    ...options,
  });
  return tracing;
}

/** The events Sentry got, in the order in which they came: what was survived waits a moment. */
function events(): SentryEvent[] {
  return receivedEvents(sentry);
}

function onlyEvent(): SentryEvent {
  expect(events()).toHaveLength(1);
  return events()[0]!;
}

class WeatherServiceError extends Error {
  override readonly name = 'WeatherServiceError';
}

const anAbort = (): Error => new DOMException('aborted', 'AbortError');

const operationalRange = (error: unknown): 'operational' | undefined =>
  error instanceof RangeError ? 'operational' : undefined;

/** What is said of a failure of a tool. */
function toolOf(name: string): { readonly attributes: Attributes } {
  return { attributes: { 'gen_ai.tool.name': name } };
}

/** An error as a framework makes one of its own of what was thrown. */
function handedOn(name: string, { message, stack }: Error, cause: unknown): Error {
  class FrameworkError extends Error {}
  return Object.assign(new FrameworkError(message, { cause }), { name, stack: stack! });
}

/** Runs a function that ends in whatever it throws. */
function quietly(run: () => unknown): void {
  try {
    run();
  } catch {
    // What was thrown is the test's own.
  }
}

/** A failure of a provider that may be asked again at once. */
function overloaded(message: string): Error {
  return Object.assign(new Error(message), {
    name: 'AI_APICallError',
    statusCode: 503,
    isRetryable: true,
    responseHeaders: { 'retry-after-ms': '1' },
  });
}

function failingTool(error: unknown = new WeatherServiceError('the service answered 503'), name = 'get_weather'): void {
  traceTool({ name, callId: 'call_1' }, () => {
    throw error;
  });
}

/** A tool that fails with a text, while others of its run do as well. */
function failingLater(name: string): Promise<never> {
  return traceTool({ name }, async () => {
    await new Promise(setImmediate);
    throw 'timeout';
  });
}

/** A run whose tool fails, and that goes on. */
function survive(error: unknown): void {
  traceAgent({ name: 'helper' }, () => quietly(() => failingTool(error)));
}

/** The messages of all errors in all Issues. */
function everythingTold(): readonly unknown[] {
  return events().flatMap(({ exception }) => exception?.values.map(({ value }) => value));
}

/** The first error, and each next one as the cause of the one before. */
function chainOf(errors: readonly unknown[]): unknown {
  for (const [index, error] of errors.entries()) Object.assign(error as object, { cause: errors[index + 1] });
  return errors[0];
}

describe('a failure becomes an Issue', () => {
  it('that a run recovered from is a handled warning, linked to the span it happened in', async () => {
    const { flush } = setup();
    withRunContext({ transport: 'slack', conversationId: 'c-1' }, () =>
      traceAgent({ name: 'helper', runId: 'aaaa0000' }, () => {
        traceChat({ model: 'gpt-5-mini', provider: 'openai' }, () => undefined);
        expect(() => failingTool()).toThrow(WeatherServiceError);
      }),
    );
    expect(await flush()).toEqual({ status: 'delivered', exported: 3, issues: 1 });

    const span = sentry.spans.find(({ name }) => name === 'execute_tool get_weather');
    const event = onlyEvent();
    expect(event).toMatchObject({
      level: 'warning',
      platform: 'node',
      release: 'app@1.2.3',
      environment: 'staging',
      transaction: 'agent.invoke helper',
      tags: {
        agent: 'helper',
        run_id: 'aaaa0000',
        conversation_id: 'c-1',
        transport: 'slack',
        tool: 'get_weather',
        'failure.point': 'tool.execution',
      },
      contexts: {
        trace: {
          trace_id: span?.traceId,
          span_id: span?.spanId,
          parent_span_id: span?.parentSpanId,
          op: 'gen_ai.execute_tool',
          status: 'internal_error',
        },
      },
    });
    const value = event.exception?.values.at(-1);
    expect(value).toMatchObject({
      type: 'WeatherServiceError',
      value: 'the service answered 503',
      mechanism: { type: 'faultline.tool.execution', handled: true },
    });
    expect(value?.stacktrace?.frames.at(-1)).toMatchObject({ function: 'failingTool', in_app: true });
    expect(event.breadcrumbs?.values.map(({ message }) => message)).toEqual([
      'agent.invoke helper',
      'chat gpt-5-mini',
      'chat gpt-5-mini: done',
      'execute_tool get_weather',
    ]);
  });

  it('that ended the run is an unhandled error, once, however many spans it crossed', async () => {
    const { flush } = setup();
    const error = new WeatherServiceError('no data');
    const run = traceTransport({ name: 'slack' }, async () => {
      traceAgent({ name: 'lead' }, () =>
        traceTool({ name: 'ask_researcher' }, () => traceAgent({ name: 'researcher' }, () => failingTool(error))),
      );
    });
    await expect(run).rejects.toBe(error);
    await flush();
    expect(onlyEvent()).toMatchObject({
      level: 'error',
      transaction: 'agent.invoke researcher',
      tags: { agent: 'researcher', tool: 'get_weather', 'failure.point': 'tool.execution' },
      exception: { values: [{ mechanism: { handled: false } }] },
    });
  });

  it('of a sub-agent that its caller got over is handled', async () => {
    const { flush } = setup();
    traceAgent({ name: 'lead' }, () => {
      expect(() =>
        traceTool({ name: 'ask_researcher' }, () =>
          traceAgent({ name: 'researcher' }, () => {
            throw new Error('lost');
          }),
        ),
      ).toThrow('lost');
    });
    await flush();
    expect(onlyEvent()).toMatchObject({
      level: 'error',
      tags: { agent: 'researcher', 'failure.point': 'conversation.unhandled' },
      exception: { values: [{ mechanism: { handled: true } }] },
    });
  });

  it('that became the cause of another one is told there and nowhere else', async () => {
    const { flush } = setup();
    const run = (): void =>
      traceAgent({ name: 'helper' }, () => {
        try {
          failingTool();
        } catch (cause) {
          throw new Error('cannot plan the trip', { cause });
        }
      });
    expect(run).toThrow('cannot plan the trip');
    await flush();
    const types = onlyEvent().exception?.values.map(({ type }) => type);
    expect(types).toEqual(['WeatherServiceError', 'Error']);
  });

  it('of an exhausted chain names every attempt', async () => {
    const { flush } = setup();
    const attempts = [new Error('429 from the first'), new TypeError('the second cannot be read')];
    const exhausted = Object.assign(new AggregateError(attempts, 'no model answered', { cause: attempts[1] }), {
      name: 'AllModelsFailedError',
    });
    const run = (): void =>
      traceAgent({ name: 'helper' }, () => {
        for (const [index, error] of attempts.entries()) {
          expect(() =>
            traceChat({ model: `m-${index}`, provider: 'openai' }, () => {
              throw error;
            }),
          ).toThrow(error);
        }
        throw exhausted;
      });
    expect(run).toThrow(exhausted);
    await flush();
    const event = onlyEvent();
    expect(event).toMatchObject({
      level: 'error',
      tags: { 'failure.point': 'model.fallback_exhausted', model: 'm-1', provider: 'openai' },
    });
    expect(new Set(event.exception?.values.map(({ value }) => value))).toEqual(
      new Set(['429 from the first', 'the second cannot be read', 'no model answered']),
    );
  });

  it('of a memory search and of a transport has its own point', async () => {
    const { flush } = setup();
    traceAgent({ name: 'helper' }, () => {
      expect(() =>
        traceMemory({ store: 'notes' }, () => {
          throw new Error('disk image is malformed');
        }),
      ).toThrow('malformed');
    });
    await expect(traceTransport({ name: 'slack' }, () => Promise.reject(new Error('socket closed')))).rejects.toThrow(
      'socket closed',
    );
    await flush();
    expect(
      events().map(({ level, tags }) => [level, tags['failure.point'], tags['memory_store'] ?? tags['transport']]),
    ).toEqual([
      ['error', 'transport.crash', 'slack'],
      ['warning', 'memory.search', 'notes'],
    ]);
  });

  it('of a tool outside of any run, once, also when it crashes a transport', async () => {
    const { flush } = setup();
    quietly(() =>
      traceTransport({ name: 'slack' }, () =>
        traceTool({ name: 'forecast' }, () => failingTool(new RangeError('503'))),
      ),
    );
    await flush();
    const { level, tags, exception } = onlyEvent();
    expect([level, tags]).toEqual([
      'error',
      expect.objectContaining({ 'failure.point': 'tool.execution', tool: 'get_weather', transport: 'slack' }),
    ]);
    expect(exception?.values[0]?.mechanism.handled).toBe(false);
  });

  it('that is told without delay when somebody flushes, and once more when it crashes a transport later', async () => {
    const { flush } = setup();
    const error = new RangeError('503');
    quietly(() => failingTool(error));
    expect(await flush()).toMatchObject({ issues: 1 });
    await expect(traceTransport({ name: 'slack' }, () => Promise.reject(error))).rejects.toBe(error);
    await flush();
    expect(events().map(({ level, tags }) => [level, tags['failure.point']])).toEqual([
      ['warning', 'tool.execution'],
      ['error', 'transport.crash'],
    ]);
  });

  it('that was survived arrives by itself, a moment later', async () => {
    setup();
    survive(new RangeError('503'));
    await expect.poll(() => events().length).toBe(1);
  });

  it('that became the cause of a crash is told there and nowhere else', async () => {
    const { flush } = setup();
    const cause = new RangeError('503');
    quietly(() =>
      traceTransport({ name: 'slack' }, () => {
        quietly(() => failingTool(cause));
        throw new Error('no answer', { cause });
      }),
    );
    await flush();
    expect(onlyEvent().exception?.values.map(({ type }) => type)).toEqual(['RangeError', 'Error']);
  });

  it('of a transport that crashes again, also with the same error', async () => {
    const { flush } = setup();
    const error = new Error('socket closed');
    for (const _attempt of [1, 2]) {
      await expect(traceTransport({ name: 'slack' }, () => Promise.reject(error))).rejects.toBe(error);
    }
    await flush();
    expect(events().map(({ tags }) => tags['failure.point'])).toEqual(['transport.crash', 'transport.crash']);
  });

  it.each<[string, (thrown: unknown) => Promise<unknown>]>([
    [
      'before it started',
      async (thrown) => {
        survive(thrown);
        await traceTransport({ name: 'slack' }, () => Promise.reject(thrown));
      },
    ],
    [
      'inside of it',
      (thrown) =>
        traceTransport({ name: 'slack' }, async () => {
          survive(thrown);
          throw thrown;
        }),
    ],
  ])('of a transport that crashes with an error a run had just survived %s, once', async (_name, crash) => {
    const { flush } = setup();
    for (const thrown of [new WeatherServiceError('no connection'), 'no connection']) {
      await expect(crash(thrown)).rejects.toBe(thrown);
    }
    await flush();
    const told = ({ tags, exception }: SentryEvent): unknown => [
      tags['failure.point'],
      exception?.values[0]?.value,
      exception?.values[0]?.mechanism.handled,
    ];
    expect(events().map(told)).toEqual([
      ['tool.execution', 'no connection', false],
      ['tool.execution', 'no connection', false],
    ]);
    const crashes = sentry.spans.filter(({ name }) => name === 'transport.crash slack');
    expect(crashes.map(({ attributes }) => attributes['faultline.failure.point'])).toEqual([
      'transport.crash',
      'transport.crash',
    ]);
  });

  it('although its trace was not sampled', async () => {
    const { flush } = setup({ tracesSampleRate: 0 });
    expect(() => traceAgent({ name: 'helper' }, () => failingTool())).toThrow(WeatherServiceError);
    expect(await flush()).toEqual({ status: 'delivered', exported: 0, issues: 1 });
    expect(sentry.spans).toEqual([]);
  });

  it('with the DSN while the traces go to another backend', async () => {
    const { flush } = setup({
      endpoint: `${sentry.origin}/api/1/integration/otlp/v1/traces`,
      headers: { 'x-sentry-auth': 'sentry sentry_key=0' },
    });
    expect(() => traceAgent({ name: 'helper' }, () => failingTool())).toThrow(WeatherServiceError);
    expect(await flush()).toMatchObject({ issues: 1 });
  });
});

describe('a page that Next.js prerenders', () => {
  const page = (): Promise<void> =>
    withRunContext({}, async () => {
      addBreadcrumb({ message: 'a page' });
      await traceTool({ name: 'get_price' }, async () => failingTool()).catch(() => {});
      await traceAgent({ name: 'helper' }, async () => {
        captureException(new RangeError('no such product'));
        failingTool();
      }).catch(() => {});
      captureMessage('a page is ready');
    });

  it('is given up by no failure in it: what tells of it asks for nothing on behalf of the page', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'faultline-page-'));
    const { flush } = setup({ tracesSampleRate: 0.5, sampleRate: 0.999, recorder: { directory } });
    const asked = await prerender(async () => {
      await page();
      await sentry.waitForEnvelopes(3);
    });
    expect(asked).toEqual([]);
    await flush();
    expect(events().map(({ logentry, tags }) => logentry?.formatted ?? tags['tool'] ?? 'captured')).toEqual([
      'captured',
      'get_weather',
      'a page is ready',
      'get_weather',
    ]);
    await rm(directory, { recursive: true });
  });

  it('is given up by no agent where nothing is set up', async () => {
    const helper = createAgent({ name: 'helper', models: [scriptedModel(['Hi.'])] });
    expect(await prerender(() => Promise.all([page(), helper.run('hi')]))).toEqual([]);
  });

  it('has agents each of whose runs has an id of its own', async () => {
    setup();
    const ids = new Set<string | undefined>();
    for (let run = 0; run < 1000; run += 1) traceAgent({ name: 'helper' }, () => ids.add(getRunContext()?.runId));
    expect(ids.size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}$/);
  });
});

describe('one failure is one Issue', () => {
  it.each<[string, () => unknown]>([
    ['a string', () => 'plain'],
    ['a number', () => 42],
    ['null', () => null],
    ['undefined', () => undefined],
    ['a symbol', () => Symbol('plain')],
    ['a function', () => () => {}],
    ['a revoked proxy', revokedProxy],
    ['an error whose properties throw', unreadableError],
    ['a frozen error', () => Object.freeze(new Error('frozen'))],
  ])('also when it is %s that crosses tool, agent and transport, and is captured at the end', async (_name, make) => {
    const { flush } = setup();
    const thrown = make();
    let caught: unknown = 'nothing';
    try {
      await traceTransport({ name: 'slack' }, async () => {
        await traceAgent({ name: 'helper' }, async () =>
          traceTool({ name: 'get_weather' }, () => {
            throw thrown;
          }),
        );
      });
    } catch (error) {
      caught = error;
      captureException(error);
    }
    expect(Object.is(caught, thrown)).toBe(true);
    await flush();
    expect(onlyEvent()).toMatchObject({
      tags: { 'failure.point': 'tool.execution' },
      exception: { values: [{ mechanism: { handled: false } }] },
    });
    expect(sentry.spans.map(({ status }) => status.code)).toEqual([2, 2, 2]);
  });

  it.each<[string, () => unknown]>([
    ['a revoked proxy', revokedProxy],
    ['an error whose properties throw', unreadableError],
  ])('also when it is %s that ends an agent', async (_name, make) => {
    const { flush } = setup();
    const thrown = make();
    quietly(() =>
      traceAgent({ name: 'helper' }, () => {
        throw thrown;
      }),
    );
    await flush();
    expect(onlyEvent().tags['failure.point']).toBe('conversation.unhandled');
    expect(sentry.spans[0]?.status.code).toBe(2);
  });

  it('that the application has captured before it ends the run', async () => {
    const { flush } = setup();
    quietly(() =>
      traceAgent({ name: 'helper' }, () => {
        const error = new RangeError('out of stock');
        captureException(error);
        throw error;
      }),
    );
    await flush();
    expect(onlyEvent().exception?.values[0]?.mechanism.type).toBe('generic');
    expect(sentry.spans[0]?.attributes['faultline.failure.point']).toBe('conversation.unhandled');
  });

  it('and an error that is thrown again in another run is another failure', async () => {
    const { flush } = setup();
    const unavailable = new WeatherServiceError('no connection');
    const connection = Promise.reject(unavailable);
    const run = (name: string): Promise<unknown> =>
      traceAgent({ name }, () => traceTool({ name: 'get_weather' }, () => connection)).catch(captureException);
    await Promise.all([run('one'), run('two')]);
    await run('three');
    await flush();
    expect(events().map(({ tags }) => tags['agent'])).toEqual(['one', 'two', 'three']);
    const points = sentry.spans.map(({ attributes }) => attributes['faultline.failure.point']);
    expect(points.filter((point) => point === 'tool.execution')).toHaveLength(3);
    expect(points.filter((point) => point === undefined)).toHaveLength(3);
  });

  it('that is a text, on its way through a run, and another one where a tool throws it that began later', async () => {
    const { flush } = setup();
    traceAgent({ name: 'survives' }, () => {
      quietly(() => failingTool('timeout', 'first'));
      quietly(() => failingTool('timeout', 'second'));
    });
    quietly(() =>
      traceAgent({ name: 'ends' }, () => {
        quietly(() => failingTool('timeout', 'third'));
        failingTool('timeout', 'fourth');
      }),
    );
    await flush();
    const told = events().map(({ tags, exception }) => [tags['tool'], exception?.values[0]?.mechanism.handled]);
    expect(told).toHaveLength(4);
    expect(Object.fromEntries(told)).toEqual({ first: true, second: true, third: true, fourth: false });
    const recorded = sentry.spans.filter(({ events: recordedOn }) =>
      recordedOn.some(({ name }) => name === 'exception'),
    );
    expect(recorded).toHaveLength(4);
  });

  it.each<[string, (names: readonly string[]) => Promise<unknown>]>([
    ['throw', (names) => Promise.allSettled(names.map((name) => failingLater(name)))],
    [
      'fail with it, by the word of their handle,',
      (names) => Promise.all(names.map((name) => traceTool({ name }, async (span) => span.fail('timeout')))),
    ],
    [
      'throw, each in a span of somebody else,',
      (names) =>
        Promise.allSettled(
          names.map((name) =>
            trace.getTracer('other').startActiveSpan('outer', (span) => failingLater(name).finally(() => span.end())),
          ),
        ),
    ],
    [
      'throw, each in its sub-agent, and out of it,',
      (names) =>
        Promise.allSettled(names.map((name) => traceAgent({ name: `agent ${name}` }, () => failingLater(name)))),
    ],
    [
      'throw, each in its sub-agent, one after the other,',
      async (names) => {
        for (const name of names) await traceAgent({ name: `agent ${name}` }, () => failingLater(name)).catch(() => {});
      },
    ],
  ])('that is a text which tools of one run %s is one of each of them', async (_, run) => {
    const { flush } = setup();
    const names = ['first', 'second', 'third'];
    await traceTransport({ name: 'slack' }, () =>
      traceAgent({ name: 'helper' }, async () => {
        traceChat({ model: 'gpt-5-mini', provider: 'openai' }, () => undefined);
        await run(names);
      }),
    );
    await flush();
    expect(events().map(({ tags }) => tags['tool'])).toEqual(names);
    const failed = sentry.spans.filter(({ attributes }) => attributes['faultline.failure.point'] !== undefined);
    expect(failed.map(({ name }) => name)).toEqual(names.map((name) => `execute_tool ${name}`));
    for (const span of failed) expect(span.events.map(({ name }) => name)).toEqual(['exception']);
  });

  it('that is a text, on its way through spans of a run, of its transport and of somebody else', async () => {
    const { flush } = setup();
    const inOther = <T>(run: () => Promise<T>): Promise<T> =>
      trace.getTracer('other').startActiveSpan('outer', (span) => run().finally(() => span.end()));
    const whole = traceTransport({ name: 'slack' }, () =>
      inOther(() =>
        traceAgent({ name: 'helper' }, async () => {
          traceChat({ model: 'gpt-5-mini', provider: 'openai' }, () => undefined);
          await traceTool({ name: 'ask' }, () =>
            inOther(() => inOther(() => traceAgent({ name: 'inner' }, () => inOther(() => failingLater('first'))))),
          );
        }),
      ),
    );
    await expect(whole).rejects.toBe('timeout');
    await flush();
    expect(onlyEvent()).toMatchObject({ level: 'error', tags: { tool: 'first' } });
    expect(sentry.spans.flatMap((span) => span.events).map(({ name }) => name)).toEqual(['exception']);
  });

  it('that is a text, told once for each span on which a loop of your own records it', async () => {
    const { flush } = setup();
    traceAgent({ name: 'helper' }, () => {
      for (const name of ['first', 'second'])
        trace.getTracer('other').startActiveSpan(name, (span) => {
          recordFailure('tool.execution', 'timeout', { attributes: { 'gen_ai.tool.name': name } });
          recordFailure('tool.execution', 'timeout', { attributes: { 'gen_ai.tool.name': name } });
          span.end();
        });
    });
    await flush();
    expect(events().map(({ tags }) => tags['tool'])).toEqual(['first', 'second']);
  });

  it('that the application has captured before it fails a run', async () => {
    const { flush } = setup();
    const error = new RangeError('out of stock');
    captureException(error);
    quietly(() =>
      traceAgent({ name: 'helper' }, () => {
        throw error;
      }),
    );
    await flush();
    expect(onlyEvent().exception?.values[0]?.mechanism.type).toBe('generic');
  });

  it('and another one wherever a tool outside of runs throws it again', async () => {
    const { flush } = setup();
    const error = new WeatherServiceError('503');
    for (const name of ['first', 'second']) quietly(() => failingTool(error, name));
    await flush();
    expect(events().map(({ tags }) => tags['tool'])).toEqual(['first', 'second']);
  });

  it.each<[string, (name: string) => void]>([
    ['as the application says', (name) => recordFailure('tool.execution', 'no connection', toolOf(name))],
    [
      'in a tool',
      (name) => context.with(suppressTracing(context.active()), () => quietly(() => failingTool('no answer', name))),
    ],
  ])('and another one when the same string is thrown again later outside of any trace, %s', async (_name, fail) => {
    const { flush } = setup();
    const now = performance.now.bind(performance);
    fail('first');
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 60_000);
    fail('second');
    vi.restoreAllMocks();
    await flush();
    expect(events().map(({ tags }) => tags['tool'])).toEqual(['first', 'second']);
  });

  it('and another one in another run, also where nothing is traced', async () => {
    const { flush } = setup();
    const error = new WeatherServiceError('503');
    context.with(suppressTracing(context.active()), () => {
      for (const id of ['alice', 'bob']) withRunContext({ user: { id } }, () => survive(error));
    });
    await flush();
    expect(events().map(({ user }) => user?.id)).toEqual(['alice', 'bob']);
  });

  it('and one that each of several runs captures and throws again is one in each of them', async () => {
    const { flush } = setup();
    const unavailable = new WeatherServiceError('no connection');
    for (const name of ['one', 'two', 'three']) {
      quietly(() =>
        traceAgent({ name }, () => {
          captureException(unavailable);
          throw unavailable;
        }),
      );
    }
    await flush();
    expect(events().map(({ tags }) => tags['agent'])).toEqual(['one', 'two', 'three']);
  });

  it.each<[string, unknown]>([
    ['error object', new WeatherServiceError('no connection')],
    ['string', 'no connection'],
  ])('in each of a hundred runs that fail with the same %s at once', async (_name, thrown) => {
    const { flush } = setup();
    const names = Array.from({ length: 100 }, (_, index) => `agent ${letters(index)}`);
    let release = (): void => {};
    const all = new Promise<void>((resolve) => (release = resolve));
    let failed = 0;
    const runs = names.map((name) =>
      traceAgent({ name }, async () => {
        try {
          failingTool(thrown);
        } catch (error) {
          failed += 1;
          if (failed === names.length) release();
          await all;
          throw error;
        }
      }),
    );
    await Promise.allSettled(runs);
    await flush();
    expect(events().map(({ tags, level }) => [tags['agent'], level])).toEqual(names.map((name) => [name, 'error']));
  });

  it('of an exhausted chain, with every attempt of every model, however many there were', async () => {
    const { flush } = setup();
    const models = ['a', 'b', 'c', 'd', 'e'].map((modelId) => {
      const turns = [1, 2, 3].map((attempt) => ({ error: overloaded(`model ${modelId}, attempt ${attempt}`) }));
      return scriptedModel(turns, { modelId });
    });
    await expect(createAgent({ name: 'helper', maxRetries: 2, models }).run('hi')).rejects.toThrow('no model answered');
    await flush();
    const said = onlyEvent().exception!.values.map(({ value }) => value);
    for (const modelId of ['a', 'b', 'c', 'd', 'e']) {
      for (const attempt of [1, 2, 3]) expect(said).toContain(`model ${modelId}, attempt ${attempt}`);
    }
  });

  it('of an error that ends the scope of a `using` which fails as well', async () => {
    const { flush } = setup();
    // As Node 24 throws it, and what compilers make of `using`.
    const suppressedBy = (error: Error, suppressed: unknown): Error =>
      Object.assign(new Error('An error was suppressed during disposal'), {
        name: 'SuppressedError',
        error,
        suppressed,
      });
    quietly(() =>
      traceAgent({ name: 'helper' }, () => {
        try {
          traceTool({ name: 'get_weather' }, () => {
            throw new WeatherServiceError('no weather');
          });
        } catch (error) {
          throw suppressedBy(new RangeError('the connection is closed'), error);
        }
      }),
    );
    await flush();
    expect(events()).toMatchObject([
      {
        level: 'error',
        exception: {
          values: [{ type: 'RangeError' }, { type: 'WeatherServiceError' }, { type: 'SuppressedError' }],
        },
      },
    ]);
  });

  it('of what fails at the end of a `using` after what was in it has thrown no error', async () => {
    const { flush } = setup();
    const suppressing = Object.assign(new Error('An error was suppressed during disposal'), {
      name: 'SuppressedError',
      error: new RangeError('the connection is closed'),
      suppressed: 'no weather',
    });
    quietly(() =>
      traceAgent({ name: 'helper' }, () => {
        throw suppressing;
      }),
    );
    await flush();
    expect(onlyEvent().exception!.values.map(({ type }) => type)).toEqual(['RangeError', 'SuppressedError']);
  });

  it('of a group whose members were failures of tools', async () => {
    const { flush } = setup();
    const errors = Array.from({ length: 60 }, (_, index) => new WeatherServiceError(`no weather in city ${index}`));
    quietly(() =>
      traceAgent({ name: 'helper' }, () => {
        for (const [index, error] of errors.entries()) {
          quietly(() =>
            traceTool({ name: `tool_${String.fromCodePoint(97 + index)}` }, () => {
              throw error;
            }),
          );
        }
        throw new AggregateError(errors, 'no city has weather');
      }),
    );
    await flush();
    expect(events().filter(({ level }) => level === 'error')).toMatchObject([
      { exception: { values: { length: 51 } } },
    ]);
    expect(new Set(everythingTold())).toEqual(
      new Set(['no city has weather', ...errors.map(({ message }) => message)]),
    );
  });

  it.each<[string, (errors: readonly unknown[]) => unknown, number]>([
    ['a group that is a cause', (errors) => new AggregateError(errors, 'a group'), 0],
    ['a long chain of causes', (errors) => chainOf(errors), 11],
    ['a cause that is no error', () => 'said no', 1],
  ])('or one of its own: none is lost behind %s', async (_name, join, own) => {
    const { flush } = setup();
    const errors =
      own === 1 ? ['said no'] : Array.from({ length: 20 }, (_, index) => new WeatherServiceError(letters(index)));
    quietly(() =>
      traceAgent({ name: 'helper' }, () => {
        for (const [index, error] of errors.entries()) quietly(() => failingTool(error, letters(index)));
        throw new Error('no weather', { cause: join(errors) });
      }),
    );
    await flush();
    const told = everythingTold();
    for (const error of errors) expect(told).toContain(error instanceof Error ? error.message : error);
    expect(events().filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(events().filter(({ level }) => level === 'warning')).toHaveLength(own);
  });

  it.each<[string, SetupOptions, () => Error]>([
    ['that ignoreErrors rules out', { ignoreErrors: ['RangeError'] }, () => new RangeError('not valid')],
    ['that classify rules out', { classify: operationalRange }, () => new RangeError('not valid')],
    ['that is an abort nobody wants to hear of', { ignoreErrors: ['AbortError'] }, anAbort],
  ])('or one of its own: none is lost behind an end of the run %s', async (_name, options, make) => {
    const { flush } = setup(options);
    const root = new WeatherServiceError('the service answered 503');
    quietly(() =>
      traceAgent({ name: 'helper' }, () => {
        quietly(() => failingTool(root));
        throw Object.defineProperty(make(), 'cause', { value: root });
      }),
    );
    await flush();
    expect(onlyEvent()).toMatchObject({ level: 'warning', tags: { 'failure.point': 'tool.execution' } });
  });

  it('of a cause, when the application has captured what ended the run', async () => {
    const { flush } = setup();
    const root = new WeatherServiceError('the service answered 503');
    quietly(() =>
      traceAgent({ name: 'helper' }, () => {
        quietly(() => failingTool(root));
        const end = new RangeError('no weather', { cause: root });
        captureException(end);
        throw end;
      }),
    );
    await flush();
    expect(onlyEvent().exception?.values).toHaveLength(2);
  });

  it('of an error that says it has a hundred million members', async () => {
    const { flush } = setup();
    const errors: Error[] = [];
    errors.length = 100_000_000;
    errors[1] = new Error('the second');
    quietly(() =>
      traceAgent({ name: 'helper' }, () => {
        quietly(() => failingTool());
        throw Object.assign(new Error('very many'), { errors });
      }),
    );
    await flush();
    const ended = events().find(({ level }) => level === 'error');
    expect(ended?.exception?.values.map(({ value }) => value)).toEqual(['the second', 'very many']);
  });
});

describe('what an Issue tells of the way to a failure', () => {
  /** Category and message of each breadcrumb. */
  const steps = ({ breadcrumbs }: SentryEvent): (string | undefined)[][] =>
    breadcrumbs?.values.map(({ category, message }) => [category, message]) ?? [];

  it.each([1, 0])('is what a run of the runtime did, with %d of its traces sampled', async (tracesSampleRate) => {
    const { flush } = setup({ tracesSampleRate });
    const store: MemoryStore = {
      id: 'notes',
      add: async () => {},
      search: async () => [],
      remove: async () => false,
    };
    const look = defineTool({ name: 'look', input: z.object({}), execute: () => 'sunny' });
    const first = scriptedModel(
      [{ error: overloaded('no') }, { toolCalls: [{ name: 'look', input: {} }] }, { error: new Error('gone') }],
      { modelId: 'first' },
    );
    const second = scriptedModel([{ error: new Error('gone, too') }], { modelId: 'second' });
    const agent = createAgent({
      name: 'helper',
      tools: [look],
      memory: { store },
      maxRetries: 1,
      models: [first, second],
    });
    const startedAt = Date.now() / 1000;
    await expect(agent.run('hi')).rejects.toThrow('no model answered');
    await flush();
    const event = onlyEvent();
    expect(steps(event)).toEqual([
      ['gen_ai.invoke_agent', 'agent.invoke helper'],
      ['db.query', 'search_memory notes'],
      ['db.query', 'search_memory notes: done'],
      ['agent.turn', 'turn 1'],
      ['gen_ai.chat', 'chat first'],
      ['gen_ai.chat', 'chat first: failed'],
      ['model.retry', 'first'],
      ['gen_ai.chat', 'chat first'],
      ['gen_ai.chat', 'chat first: done'],
      ['gen_ai.execute_tool', 'execute_tool look'],
      ['gen_ai.execute_tool', 'execute_tool look: done'],
      ['agent.turn', 'turn 2'],
      ['gen_ai.chat', 'chat first'],
      ['gen_ai.chat', 'chat first: failed'],
      ['model.fallback', 'second'],
      ['gen_ai.chat', 'chat second'],
      ['gen_ai.chat', 'chat second: failed'],
    ]);
    expect(event.breadcrumbs?.values[5]?.level).toBe('error');
    const timed = event.breadcrumbs!.values.filter(({ timestamp }) => timestamp !== undefined);
    // What went well asks no clock: where there are no spans that know, only failures and what they led to have a time.
    expect(timed.map(({ message }) => message)).toEqual(
      tracesSampleRate === 1
        ? steps(event).map(([, message]) => message)
        : ['chat first: failed', 'first', 'chat first: failed', 'second', 'chat second: failed'],
    );
    const times = timed.map(({ timestamp }) => timestamp!);
    // A millisecond for what the clocks of spans and breadcrumbs are apart.
    for (const [index, time] of times.entries()) expect(time).toBeGreaterThan((times[index - 1] ?? startedAt) - 0.002);
    expect(times.at(-1)).toBeLessThan(Date.now() / 1000 + 0.002);
  });

  it('has times in the order of the steps, also where many begin and end within a millisecond', async () => {
    const { flush } = setup();
    const failing = (): void =>
      traceAgent({ name: 'helper' }, () => {
        for (let count = 0; count < 40; count += 1) traceTool({ name: `look ${count}` }, () => 'sunny');
        failingTool();
      });
    expect(failing).toThrow('the service answered 503');
    await flush();
    const times = onlyEvent().breadcrumbs!.values.map(({ timestamp }) => timestamp!);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect(times.length).toBeGreaterThan(80);
  });

  it('names a fallback once, whoever records it', async () => {
    const { flush } = setup();
    traceAgent({ name: 'own loop' }, () => {
      traceChat({ model: 'second', provider: 'openai' }, (chat) =>
        chat.fallback({ from: 'first', to: 'second', reason: '429' }),
      );
      quietly(failingTool);
    });
    const models = [
      scriptedModel([{ error: new Error('gone') }], { modelId: 'first' }),
      scriptedModel(['hello'], { modelId: 'second' }),
    ];
    const fail = (): never => {
      throw new Error('cannot post');
    };
    await expect(createAgent({ name: 'helper', models }).run('hi', { deliver: fail })).rejects.toThrow('cannot post');
    await flush();
    expect(events()).toHaveLength(2);
    for (const event of events()) {
      const fallbacks = event.breadcrumbs?.values.filter(({ category }) => category === 'model.fallback');
      expect(fallbacks).toMatchObject([{ message: 'second', data: { from: 'first', reason: expect.any(String) } }]);
    }
  });

  it('ends with the newest hundred steps', async () => {
    const { flush } = setup();
    traceAgent({ name: 'helper' }, () => {
      for (let index = 0; index < 130; index += 1) traceTool({ name: `tool_${index}` }, () => undefined);
      traceTool({ name: 'outer' }, () => traceTool({ name: 'inner' }, () => quietly(failingTool)));
    });
    await flush();
    const told = steps(onlyEvent()).map(([, message]) => message);
    expect(told).toHaveLength(100);
    expect(told.slice(0, 2)).toEqual(['execute_tool tool_81: done', 'execute_tool tool_82']);
    expect(told.slice(-5)).toEqual([
      'execute_tool tool_129',
      'execute_tool tool_129: done',
      'execute_tool outer',
      'execute_tool inner',
      'execute_tool get_weather',
    ]);
  });

  it.each([0, 48])('tells how a step ended that had begun before very many others and %i came after', async (after) => {
    const { flush } = setup();
    await traceAgent({ name: 'helper' }, async () => {
      let finish = (): void => {};
      const quick = (): void => traceTool({ name: 'quick' }, () => undefined);
      const slow = traceTool({ name: 'slow' }, () => new Promise<void>((resolve) => (finish = resolve)));
      for (let count = 0; count < 448; count += 1) quick();
      finish();
      await slow;
      for (let count = 0; count < after; count += 1) quick();
      quietly(failingTool);
    });
    await flush();
    const told = steps(onlyEvent()).map(([, message]) => message);
    expect(told).toHaveLength(100);
    const expected = ['execute_tool quick: done', 'execute_tool slow: done'];
    expect(told.slice(-3 - 2 * after, -1 - 2 * after)).toEqual(expected);
    expect(told.at(-1)).toBe('execute_tool get_weather');
  });

  it.each([1, 0])(
    'is told once where a crash comes of a survived failure, with %d of the traces sampled',
    async (share) => {
      const { flush } = setup({ tracesSampleRate: share });
      const cause = new RangeError('503');
      const crash = (): unknown =>
        traceTransport({ name: 'slack' }, () => {
          addBreadcrumb({ category: 'app', message: 'connected' });
          traceTool({ name: 'prepare' }, () => undefined);
          traceAgent({ name: 'helper' }, () => quietly(() => failingTool(cause)));
          addBreadcrumb({ category: 'app', message: 'gives up' });
          throw new Error('no answer', { cause });
        });
      expect(() => withRunContext({ transport: 'slack' }, crash)).toThrow('no answer');
      await flush();
      expect(steps(onlyEvent())).toEqual([
        ['app', 'connected'],
        ['gen_ai.execute_tool', 'execute_tool prepare'],
        ['gen_ai.execute_tool', 'execute_tool prepare: done'],
        ['gen_ai.invoke_agent', 'agent.invoke helper'],
        ['gen_ai.execute_tool', 'execute_tool get_weather'],
        ['app', 'gives up'],
      ]);
    },
  );

  it.each([1, 0])(
    'is told as often as it was taken where a crash comes of a survived failure, with %d of the traces sampled',
    async (share) => {
      const { flush } = setup({ tracesSampleRate: share });
      const cause = new RangeError('503');
      const crash = (): unknown =>
        traceTransport({ name: 'slack' }, () => {
          traceTool({ name: 'prepare' }, () => undefined);
          traceAgent({ name: 'helper' }, () => quietly(() => failingTool(cause)));
          traceTool({ name: 'prepare' }, () => undefined);
          throw new Error('no answer', { cause });
        });
      expect(() => withRunContext({ transport: 'slack' }, crash)).toThrow('no answer');
      await flush();
      expect(steps(onlyEvent())).toEqual([
        ['gen_ai.execute_tool', 'execute_tool prepare'],
        ['gen_ai.execute_tool', 'execute_tool prepare: done'],
        ['gen_ai.invoke_agent', 'agent.invoke helper'],
        ['gen_ai.execute_tool', 'execute_tool get_weather'],
        ['gen_ai.execute_tool', 'execute_tool prepare'],
        ['gen_ai.execute_tool', 'execute_tool prepare: done'],
      ]);
    },
  );

  it('is in the order in which it happened, in whichever part of the run', async () => {
    const { flush } = setup();
    const say = (message: string): void => addBreadcrumb({ category: 'app', message });
    withRunContext({ transport: 'slack' }, () => {
      const around = context.active();
      traceAgent({ name: 'helper' }, () => {
        const ofTheRun = context.active();
        say('run: 1');
        withRunContext({ conversationId: 'c-1' }, () => {
          say('inside: 2');
          context.with(ofTheRun, () => say('run: 3'));
          context.with(around, () => say('around: 4'));
          say('inside: 5');
          quietly(failingTool);
        });
      });
    });
    await flush();
    expect(steps(onlyEvent()).map(([, message]) => message)).toEqual([
      'agent.invoke helper',
      'run: 1',
      'inside: 2',
      'run: 3',
      'around: 4',
      'inside: 5',
      'execute_tool get_weather',
    ]);
  });

  it('is the newest of it, however much was said before in a part of the run', async () => {
    const { flush } = setup();
    traceAgent({ name: 'helper' }, () => {
      const ofTheRun = context.active();
      withRunContext({ transport: 'slack' }, () => {
        for (let index = 0; index < 320; index += 1) addBreadcrumb({ category: 'app', message: `old: ${index}` });
        context.with(ofTheRun, () => addBreadcrumb({ category: 'app', message: 'new' }));
        quietly(failingTool);
      });
    });
    await flush();
    const told = steps(onlyEvent()).map(([, message]) => message);
    expect(told).toHaveLength(100);
    expect(told.slice(0, 2)).toEqual(['old: 222', 'old: 223']);
    expect(told.slice(-3)).toEqual(['old: 319', 'new', 'execute_tool get_weather']);
  });

  it('has the steps of the whole run, also of those parts of it that know more', async () => {
    const { flush } = setup();
    quietly(() =>
      traceAgent({ name: 'helper' }, () => {
        withRunContext({ transport: 'slack' }, () =>
          traceAgent({ name: 'researcher' }, () => traceTool({ name: 'look' }, () => undefined)),
        );
        throw new Error('cannot go on');
      }),
    );
    await flush();
    expect(steps(onlyEvent()).map(([, message]) => message)).toEqual([
      'agent.invoke helper',
      'agent.invoke researcher',
      'execute_tool look',
      'execute_tool look: done',
      'agent.invoke researcher: done',
    ]);
  });

  it('has a category, whatever was given for one', async () => {
    const { flush } = setup();
    traceAgent({ name: 'helper' }, () => {
      addBreadcrumb({ message: 'without one' });
      addBreadcrumb({ category: undefined, message: 'without one here either' });
      addBreadcrumb({ category: 7, message: 'a number' } as never);
      addBreadcrumb({ category: 'app', message: 7 } as never);
      quietly(failingTool);
    });
    await flush();
    expect(steps(onlyEvent()).slice(1, -1)).toEqual([
      ['default', 'without one'],
      ['default', 'without one here either'],
      ['7', 'a number'],
      ['app', '7'],
    ]);
  });

  it('has a level that Sentry takes, or none', async () => {
    const { flush } = setup();
    traceAgent({ name: 'helper' }, () => {
      for (const level of ['fatal', 'log', 'critical', 3, null]) {
        addBreadcrumb({ category: 'app', message: String(level), level } as never);
      }
      quietly(failingTool);
    });
    await flush();
    expect(onlyEvent().breadcrumbs?.values.slice(1, -1)).toEqual([
      expect.objectContaining({ message: 'fatal', level: 'fatal' }),
      expect.objectContaining({ message: 'log', level: 'info' }),
      ...['critical', '3', 'null'].map((message) => ({
        category: 'app',
        message,
        timestamp: expect.any(Number) as number,
      })),
    ]);
  });

  it('is nothing of what others do', async () => {
    const { flush } = setup();
    traceTool({ name: 'of_another_request' }, () => undefined);
    traceChat({ model: 'm', provider: 'p' }, (chat) => chat.fallback({ from: 'x', to: 'm', reason: '429' }));
    traceAgent({ name: 'helper' }, () => quietly(failingTool));
    await flush();
    expect(steps(onlyEvent()).map(([, message]) => message)).toEqual([
      'agent.invoke helper',
      'execute_tool get_weather',
    ]);
  });
});

describe('the tags of an Issue', () => {
  it('name the model of the run, whatever failed in it', async () => {
    const { flush } = setup();
    traceAgent({ name: 'helper' }, () => {
      traceChat({ model: 'gpt-5-mini', provider: 'openai' }, () => undefined);
      quietly(failingTool);
      quietly(() =>
        traceMemory({ store: 'notes' }, () => {
          throw new Error('malformed');
        }),
      );
      captureException(new Error('by hand'));
    });
    await flush();
    const models = events().map(({ tags }) => [tags['model'], tags['provider']]);
    expect(models).toEqual([1, 2, 3].map(() => ['gpt-5-mini', 'openai']));
  });

  it('name the model whose call has failed, also when another one was asked since', async () => {
    const { flush } = setup();
    const error = new WeatherServiceError('503');
    const calls = traceAgent({ name: 'helper' }, async () => {
      let fail = (): void => {};
      const first = traceChat(
        { model: 'gpt-5', provider: 'openai' },
        () => new Promise((_, reject) => (fail = () => reject(error))),
      );
      traceChat({ model: 'claude', provider: 'anthropic' }, () => undefined);
      fail();
      await first;
    });
    await expect(calls).rejects.toBe(error);
    traceAgent({ name: 'another' }, () => {
      traceChat({ model: 'claude', provider: 'anthropic' }, () => undefined);
      quietly(() => failingTool(error));
    });
    await flush();
    const told = events().map(({ tags }) => [tags['agent'], tags['model'], tags['provider']]);
    expect(told).toEqual([
      ['helper', 'gpt-5', 'openai'],
      ['another', 'claude', 'anthropic'],
    ]);
  });

  it('and the span of a failure in a loop of your own are what its attributes and its span say', async () => {
    const { flush } = setup();
    const tracer = trace.getTracer('app');
    tracer.startActiveSpan('request', (request) => {
      tracer.startActiveSpan('call', (call) => {
        const attributes = {
          'gen_ai.tool.name': 'get_weather',
          'gen_ai.request.model': 'gpt-5-mini',
          'gen_ai.provider.name': 'openai',
        };
        recordFailure('tool.execution', new WeatherServiceError('503'), { attributes });
        call.end();
      });
      request.end();
    });
    await flush();
    const call = sentry.spans.find(({ name }) => name === 'call')!;
    expect(onlyEvent()).toMatchObject({
      tags: { tool: 'get_weather', model: 'gpt-5-mini', provider: 'openai' },
      contexts: {
        trace: { span_id: call.spanId, parent_span_id: call.parentSpanId, op: 'gen_ai.execute_tool' },
      },
    });
  });

  it('come without a status of the span when nothing has failed', async () => {
    const { flush } = setup();
    traceAgent({ name: 'helper' }, () => captureMessage('the cache is cold'));
    await flush();
    const { trace } = onlyEvent().contexts;
    expect(trace).toMatchObject({ op: 'gen_ai.invoke_agent', span_id: sentry.spans[0]?.spanId });
    expect(trace).not.toHaveProperty('status');
  });
});

describe('no Issue is made', () => {
  it('of a success, of an abort, or without a DSN', async () => {
    const { flush } = setup();
    const controller = new AbortController();
    traceAgent({ name: 'fine' }, () => undefined);
    expect(() =>
      traceAgent({ name: 'stopped', signal: controller.signal }, () => {
        controller.abort();
        controller.signal.throwIfAborted();
      }),
    ).toThrow('aborted');
    expect(await flush()).toMatchObject({ issues: 0 });
    expect(events()).toEqual([]);
    await tracing?.shutdown();
    captureException(new Error('nobody listens'));
    setTag('left', 'over');
  });

  it('of the abort of a run, also where it is thrown in an agent that work it has left behind starts', async () => {
    const { flush } = setup();
    const controller = new AbortController();
    let startAgent: (name: string, error?: unknown) => unknown = () => undefined;
    const stopped = (): unknown =>
      traceAgent({ name: 'stopped', signal: controller.signal }, () => {
        startAgent = AsyncResource.bind((name: string, error?: unknown) =>
          traceAgent({ name }, () =>
            traceTool({ name: 'get_weather' }, () => {
              if (error !== undefined) throw error;
              controller.signal.throwIfAborted();
            }),
          ),
        );
        controller.abort();
        controller.signal.throwIfAborted();
      });
    expect(stopped).toThrow('aborted');
    expect(() => startAgent('same reason')).toThrow('aborted');
    expect(() => startAgent('an abort', anAbort())).toThrow('aborted');
    await flush();
    expect(events()).toEqual([]);
    expect(sentry.spans.map(({ attributes }) => attributes['faultline.outcome'])).toEqual(
      Array.from({ length: 5 }, () => 'aborted'),
    );

    expect(() => startAgent('fails', new WeatherServiceError('503'))).toThrow('503');
    await flush();
    expect(onlyEvent()).toMatchObject({ level: 'error', tags: { agent: 'fails' } });
  });

  it.each<[string, SetupOptions]>([
    ['by class name', { ignoreErrors: ['WeatherServiceError'] }],
    ['by pattern', { ignoreErrors: [/answered \d+/g] }],
    ['by status', { ignoreErrors: [404] }],
    ['by class of statuses', { ignoreErrors: ['4xx'] }],
    ['by the application', { classify: (error) => (error instanceof WeatherServiceError ? 'operational' : 'issue') }],
    ['by beforeSend', { beforeSend: () => null }],
    ['by the sampling rate', { sampleRate: 0 }],
  ])('of what is ruled out %s, while its span says that it failed', async (_name, options) => {
    const { flush } = setup(options);
    const error = Object.assign(new WeatherServiceError('the service answered 404'), { statusCode: 404 });
    for (let run = 0; run < 2; run += 1) {
      expect(() => traceAgent({ name: 'helper' }, () => failingTool(error))).toThrow(error);
    }
    await flush();
    expect(events()).toEqual([]);
    expect(sentry.stored.filter(({ status }) => status === 'error')).toHaveLength(4);
  });

  it.each<[string | number, readonly number[]]>([
    [404, [404]],
    ['4xx', [403, 404]],
    ['5xx', [503]],
    ['QuotaError', []],
  ])('of statuses that %j rules out, and one of each other status', async (pattern, ruledOut) => {
    const { flush } = setup({ ignoreErrors: [pattern] });
    const statuses = [403, 404, 503];
    for (const statusCode of statuses) {
      const error = Object.assign(new WeatherServiceError(`answered ${statusCode}`), { statusCode });
      quietly(() => traceAgent({ name: 'helper' }, () => failingTool(error)));
    }
    await flush();
    const expected = statuses.filter((status) => !ruledOut.includes(status)).map((status) => `answered ${status}`);
    expect(everythingTold()).toEqual(expected);
  });
});

describe('the application', () => {
  it('captures errors and messages by itself, linked to the active span', async () => {
    const { flush } = setup();
    const error = new RangeError('out of stock');
    traceAgent({ name: 'helper' }, () => {
      captureException(error, { tags: { shop: 'lisbon' } });
      captureException(error);
      captureMessage('the cache is cold', 'warning');
    });
    await flush();
    const agent = sentry.spans[0];
    expect(events()).toMatchObject([
      { level: 'error', tags: { shop: 'lisbon', agent: 'helper' }, contexts: { trace: { span_id: agent?.spanId } } },
      {
        level: 'warning',
        logentry: { formatted: 'the cache is cold' },
        contexts: { trace: { span_id: agent?.spanId } },
      },
    ]);
  });

  describe.each<[string, (error: Error) => Error]>([
    ['H3 and tRPC', (error) => handedOn('HTTPError', error, error)],
    ['H3 1', (error) => handedOn('H3Error', error, error.cause ?? error)],
    ['GraphQL 16', (error) => Object.assign(handedOn('GraphQLError', error, undefined), { originalError: error })],
    [
      'GraphQL an error of its own',
      (error) => {
        const located = new (error.constructor as ErrorConstructor)(error.message, { cause: error });
        return Object.assign(located, { stack: error.stack!, originalError: error });
      },
    ],
    ['H3 what tRPC has', (error) => handedOn('HTTPError', error, handedOn('TRPCError', error, error))],
  ])('whose errors a framework hands on as %s does, under another name with the stack they had', (_name, handOn) => {
    it.each([
      ['', () => new RangeError('out of stock')],
      [' with a cause', () => new RangeError('out of stock', { cause: new TypeError('no connection') })],
    ])('captures no failure%s again, and any other', async (_kind, create) => {
      const { flush } = setup();
      const error = create();
      quietly(() => traceAgent({ name: 'helper' }, () => failingTool(error)));
      captureException(handOn(error));
      await flush();
      expect(events()).toHaveLength(1);
      captureException(handOn(new URIError('of no agent')));
      captureException(new Error('no checkout', { cause: error }));
      await flush();
      expect(events()).toHaveLength(3);
    });
  });

  it('captures each of the errors of one class that have one cause and are thrown at one place', async () => {
    const { flush } = setup();
    const cause = new TypeError('no connection');
    const [first, second] = [1, 2].map(() => new RangeError('not ready', { cause }));
    quietly(() => traceAgent({ name: 'helper' }, () => failingTool(first)));
    captureException(second);
    await flush();
    expect(events()).toHaveLength(2);
  });

  it('captures a message with a level, with tags, or with both as a Sentry SDK takes them', async () => {
    const { flush } = setup();
    captureMessage('one');
    captureMessage('two', 'fatal', { tags: { shop: 'lisbon' } });
    captureMessage('three', { level: 'debug', tags: { shop: 'porto' } });
    captureMessage('four', { tags: { shop: 'faro' } });
    await flush();
    expect(events().map(({ level, tags, logentry }) => [logentry?.formatted, level, tags['shop']])).toEqual([
      ['one', 'info', undefined],
      ['two', 'fatal', 'lisbon'],
      ['three', 'debug', 'porto'],
      ['four', 'info', 'faro'],
    ]);
  });

  it('says of what it captures whom and what it is about, as a Sentry SDK takes it, and of nothing else', async () => {
    const { flush } = setup();
    setContext('order', { id: 1 });
    captureException(new RangeError('out of stock'), {
      user: { id: 'u-42', email: 'someone@example.com' },
      contexts: { order: { id: 7, password: 'hunter2' }, cart: { size: 3 } },
      extra: { attempt: 2, error: Object.assign(new Error('x'), { prompt: 'hunter2' }) },
      fingerprint: ['{{ default }}', 'stock', 7 as never, {} as never],
    });
    captureMessage('sold out', { fingerprint: ['stock'], user: { id: 'u-43' } });
    captureMessage('nothing said', {
      fingerprint: [],
      contexts: 'none' as never,
      user: 7 as never,
      extra: null as never,
    });
    await flush();
    const [error, message, nothing] = events();
    expect(error).toMatchObject({
      user: { id: 'u-42' },
      contexts: { order: { id: 7 }, cart: { size: 3 }, extra: { attempt: 2, error: 'Error: x' } },
      fingerprint: ['{{ default }}', 'stock', '7'],
    });
    expect(JSON.stringify(events())).not.toMatch(/hunter2|someone@example/);
    expect([message?.user, message?.fingerprint, message?.contexts['order']]).toEqual([
      { id: 'u-43' },
      ['stock'],
      { id: 1 },
    ]);
    expect(message?.contexts).not.toHaveProperty('cart');
    expect(nothing?.fingerprint).toEqual(['message', 'nothing said']);
  });

  it('says all it can of what it captures, also where a part of that cannot be read', async () => {
    const { flush } = setup();
    const unreadable = {
      get order(): never {
        throw new Error('no');
      },
      city: { id: 7 },
    };
    const extra = { attempt: 2 };
    captureException(new RangeError('no seat'), { user: { id: 'ada' }, contexts: unreadable, extra });
    captureException(new RangeError('no seat'), {
      user: { id: 'ada' },
      get contexts(): never {
        throw new Error('no');
      },
      extra,
    });
    await flush();
    expect(events()).toMatchObject([
      { user: { id: 'ada' }, contexts: { city: { id: 7 }, extra } },
      { user: { id: 'ada' }, contexts: { extra } },
    ]);
  });

  it('is heard where it gives an error for a message, as an error, once', async () => {
    const { flush } = setup();
    const error = new WeatherServiceError('503');
    captureMessage(error as never);
    captureException(error);
    captureMessage(new RangeError('late') as never, 'warning', { level: undefined, tags: { shop: 'lisbon' } });
    captureMessage(new TypeError('off') as never, { level: 'fatal' });
    captureMessage(new EvalError('odd') as never, 'warning', { level: 'fatal' });
    await flush();
    expect(events().map(({ level, exception }) => [level, exception?.values[0]?.type])).toEqual([
      ['error', 'WeatherServiceError'],
      ['warning', 'RangeError'],
      ['fatal', 'TypeError'],
      ['fatal', 'EvalError'],
    ]);
    expect(events()[1]?.tags['shop']).toBe('lisbon');
  });

  it('is heard where it gives anything else for a message, in a sentence that says nothing of it', async () => {
    const { flush } = setup();
    for (const message of [7, { prompt: 'secret' }, ['secret'], undefined, null, Symbol('secret')]) {
      captureMessage(message as never);
    }
    await flush();
    expect(events().map(({ logentry }) => logentry?.formatted)).toEqual([
      '7',
      'captureMessage was given no text but a value of the type object',
      'captureMessage was given no text but a value of the type object',
      'captureMessage was given no text but a value of the type undefined',
      'captureMessage was given no text but a value of the type null',
      'captureMessage was given no text but a value of the type symbol',
    ]);
  });

  it('is heard at a level Sentry knows, whatever it says', async () => {
    const { flush } = setup();
    const circle: Record<string, unknown> = {};
    circle['level'] = circle;
    const wrong: readonly unknown[] = [1n, circle, 'loud', Symbol('error'), null, 'log', ['error'], 'constructor'];
    for (const [index, level] of wrong.entries()) {
      // Letters, because numbers in a sentence do not tell two of them apart.
      const name = 'abcdefgh'[index];
      captureMessage(`second ${name}`, level as never);
      captureMessage(`third ${name}`, 'warning', { level: level as never });
      captureException(new RangeError('of an application'), { level: level as never, tags: { tool: `tool ${name}` } });
    }
    await flush();
    const levelsOf = (name: string): unknown[] =>
      events()
        .filter(({ logentry }) => logentry?.formatted.startsWith(name) ?? name === 'error')
        .map(({ level }) => level);
    expect(levelsOf('second')).toEqual(wrong.map(() => 'info'));
    expect(levelsOf('third')).toEqual(wrong.map((level) => (level === 'log' ? 'info' : 'warning')));
    expect(levelsOf('error')).toEqual(wrong.map((level) => (level === 'log' ? 'info' : 'error')));
  });

  it('sets user, tags, contexts and breadcrumbs for the run it is in, on spans and Issues, and for no other', async () => {
    const { flush } = setup();
    const run = async (name: string): Promise<void> => {
      await traceAgent({ name }, async () => {
        setUser({ id: `id-${name}`, email: `${name}@example.com`, name, ipAddress: '203.0.113.7' });
        setTag('tier', name);
        setContext('order', { number: name });
        addBreadcrumb({ category: 'app', message: `step of ${name}` });
        await Promise.resolve();
        await traceTool({ name: `tool-${name}` }, async () => {
          throw new Error(`from ${name}`);
        }).catch(() => {});
      });
    };
    await Promise.all([run('one'), run('two')]);
    await flush();
    for (const name of ['one', 'two']) {
      const event = events().find(({ tags }) => tags['agent'] === name)!;
      expect(event).toMatchObject({ tags: { tier: name }, contexts: { order: { number: name } } });
      expect(event.user).toEqual({ id: `id-${name}` });
      expect(event.breadcrumbs?.values.map(({ message }) => message)).toContain(`step of ${name}`);
      expect(JSON.stringify(event)).not.toContain(`step of ${name === 'one' ? 'two' : 'one'}`);
      const tool = sentry.stored.find((span) => span.name === `execute_tool tool-${name}`);
      expect(tool?.attributes).toMatchObject({ tier: name, 'user.id': `id-${name}` });
    }
    expect(JSON.stringify(events())).not.toContain('example.com');
    expect(
      JSON.stringify(
        sentry.stored.map(({ attributes }) => attributes),
        bigints,
      ),
    ).not.toContain('example.com');
  });

  it('sets them for one request, also before its agent starts, when the trace of the caller is continued', async () => {
    const { flush } = setup();
    const request = (id: string, headers: Record<string, string>): Promise<void> =>
      continueTrace(headers, async () => {
        setUser({ id });
        setTag('tier', id);
        addBreadcrumb({ category: 'app', message: `step of ${id}` });
        await Promise.resolve();
        survive(new WeatherServiceError(`from ${id}`));
      });
    await Promise.all([
      request('alice', { traceparent: `00-${'a'.repeat(32)}-${'a'.repeat(16)}-01` }),
      request('bob', {}),
    ]);
    captureMessage('of the process');
    await flush();
    const told = events().map(({ user, tags, breadcrumbs }) => [
      user?.id,
      tags['tier'],
      breadcrumbs?.values.filter(({ category }) => category === 'app').map(({ message }) => message),
    ]);
    expect(told).toEqual(
      expect.arrayContaining([
        ['alice', 'alice', ['step of alice']],
        ['bob', 'bob', ['step of bob']],
        [undefined, undefined, undefined],
      ]),
    );
  });

  it('sets them for each request also where each is started by the one before, of whose steps no later one tells', async () => {
    const { flush } = setup();
    let next = <T>(run: () => T): T => run();
    for (let request = 0; request < 100; request += 1) {
      const now = next;
      now(() =>
        continueTrace({}, () =>
          withRunContext({ transport: 'queue' }, () => {
            if (request === 0) setTag('region', 'eu');
            if (request === 0 || request > 97) addBreadcrumb({ category: 'queue', message: `takes ${request}` });
            setUser({ id: String(request) });
            next = AsyncResource.bind(<T>(run: () => T): T => run());
          }),
        ),
      );
    }
    next(() => captureException(new WeatherServiceError('503')));
    await flush();
    const { breadcrumbs, ...event } = onlyEvent();
    expect(event).toMatchObject({ user: { id: '99' }, tags: { region: 'eu' } });
    expect(breadcrumbs?.values.map(({ message }) => message)).toEqual(['takes 98', 'takes 99']);
  });

  it('sets them for each run also where the runs are started by work that outlives the first', async () => {
    const { flush } = setup();
    const closed = new Error('the pool is closed');
    const consumer = traceAgent({ name: 'first' }, () => {
      setTag('started', 'by the first');
      setTag('region', 'eu');
      setContext('pool', { size: 5 });
      setUser({ id: 'eve' });
      addBreadcrumb({ category: 'app', message: 'step of the first' });
      return AsyncResource.bind((work: () => unknown) => work());
    });
    const job = async (id: string): Promise<void> => {
      await traceAgent({ name: 'job' }, async () => {
        if (id !== 'eve') setUser({ id });
        addBreadcrumb({ category: 'app', message: `step of ${id}` });
        await Promise.resolve();
        quietly(() => failingTool(closed));
      });
    };
    await Promise.all(['alice', 'bob', 'eve'].map((id) => consumer(() => job(id))));
    await flush();
    expect(events().map(({ user }) => user)).toEqual([{ id: 'alice' }, { id: 'bob' }, { id: 'eve' }]);
    const tools = sentry.stored.filter(({ name }) => name === 'execute_tool get_weather');
    expect(tools.map(({ attributes }) => [attributes['user.id'], attributes['started']])).toEqual(
      events().map(({ user }) => [user?.id, 'by the first']),
    );
    for (const { user, tags, contexts, breadcrumbs } of events()) {
      expect(tags).toMatchObject({ agent: 'job', started: 'by the first', region: 'eu' });
      expect(contexts).toMatchObject({ pool: { size: 5 } });
      const said = breadcrumbs?.values.filter(({ category }) => category === 'app').map(({ message }) => message);
      expect(said).toEqual([`step of ${user?.id}`]);
    }
  });

  it('hears of a tool that fails in no run, because the one that started it has ended', async () => {
    const { flush } = setup();
    const later = traceAgent({ name: 'first' }, () => AsyncResource.bind(() => quietly(failingTool)));
    later();
    await flush();
    expect(onlyEvent().tags).toMatchObject({ tool: 'get_weather' });
  });

  it('sends e-mail, name and address of a user only when it says so', async () => {
    const { flush } = setup({ sendDefaultPii: true });
    withRunContext({ user: { id: 'u-1', email: 'ada@example.com', name: 'Ada', ipAddress: '203.0.113.7' } }, () => {
      expect(() => traceAgent({ name: 'helper' }, () => failingTool())).toThrow(WeatherServiceError);
    });
    await flush();
    expect(onlyEvent().user).toEqual({
      id: 'u-1',
      email: 'ada@example.com',
      username: 'Ada',
      ip_address: '203.0.113.7',
    });
    expect(sentry.stored[0]?.attributes).toMatchObject({
      'user.email': 'ada@example.com',
      'user.name': 'Ada',
      'user.ip_address': '203.0.113.7',
    });
  });

  it.each<[string, <T>(run: () => T) => T]>([
    ['the process is for', (run) => run()],
    ['a request is for', (run) => withRunContext({}, run)],
  ])('sends of a user %s what holds now, also when more could be sent before', async (_, within) => {
    const said = { 'user.id': 'u-1', 'user.email': 'ada@example.com', 'user.name': 'Ada', tier: 'gold' };
    const work = async ({ flush }: Tracing): Promise<unknown> => {
      traceTool({ name: 'look' }, () => undefined);
      await flush();
      const { attributes } = sentry.stored.at(-1)!;
      return Object.fromEntries(Object.keys(said).map((name) => [name, attributes[name]]));
    };
    // One of the application, in which a request goes on.
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    await within(async () => {
      const first = setup({ sendDefaultPii: true });
      setUser({ id: 'u-1', email: 'ada@example.com', name: 'Ada' });
      setTag('tier', 'gold');
      expect(await work(first)).toEqual(said);
      await first.shutdown(1000);
      const second = setup({ sendDefaultPii: false });
      const less = { 'user.id': 'u-1', 'user.email': undefined, 'user.name': undefined, tier: 'gold' };
      expect(await work(second)).toEqual(less);
      setUser(null);
    });
  });

  it('sends of a tag of the process what is redacted now', async () => {
    const { flush, shutdown } = setup();
    setTag('tier', 'gold');
    traceTool({ name: 'look' }, () => undefined);
    await flush();
    await shutdown(1000);
    const second = setup({ redaction: { redact: (text) => text.replaceAll('gold', '<metal>') } });
    traceTool({ name: 'look' }, () => undefined);
    await second.flush();
    expect(sentry.stored.map(({ attributes }) => attributes['tier'])).toEqual(['gold', '<metal>']);
  });

  it('keeps to a run what it says in it, also when its ids are numbers, or nothing that could be one', async () => {
    const { flush } = setup();
    const say = (name: string) => (): void => {
      setUser({ id: `user-of-${name}` });
      setTag('tenant', name);
      addBreadcrumb({ category: 'app', message: `step of ${name}` });
    };
    const unreadable = {
      get conversationId(): never {
        throw new Error('unreadable');
      },
    };
    traceAgent({ name: 'A', conversationId: 42 } as never, say('A'));
    traceAgent({ name: 'B', runId: 5n } as never, say('B'));
    traceAgent({ name: 'C', runId: { of: 'nothing' }, conversationId: null } as never, say('C'));
    traceAgent({ name: 'D', parent: 5n, attributes: null } as never, say('D'));
    traceAgent(unreadable as never, say('E'));
    traceAgent(undefined as never, say('F'));
    withRunContext({ conversationId: 42 } as never, say('G'));
    withRunContext(unreadable as never, say('H'));
    withRunContext(undefined as never, say('I'));
    quietly(() => traceAgent({ name: 'last' }, () => failingTool()));
    await flush();
    const event = onlyEvent();
    expect(event.user ?? {}).toEqual({});
    expect(event.tags['tenant']).toBeUndefined();
    expect(JSON.stringify(event.breadcrumbs)).not.toContain('step of');
  });

  it('may know a user, a conversation and a run by numbers', async () => {
    const { flush } = setup();
    withRunContext({ conversationId: 42, transport: 7n } as never, () =>
      traceAgent({ name: 'helper', runId: 5 } as never, () => {
        setUser({ id: 7, email: {} } as never);
        quietly(failingTool);
      }),
    );
    await flush();
    expect(onlyEvent()).toMatchObject({
      user: { id: '7' },
      tags: { conversation_id: '42', run_id: '5', transport: '7' },
    });
    const tool = sentry.stored.find(({ name }) => name === 'execute_tool get_weather');
    expect(tool?.attributes).toMatchObject({
      'user.id': '7',
      'gen_ai.conversation.id': '42',
      'faultline.run.id': '5',
      'faultline.transport': '7',
    });
  });

  it('is not troubled by what it hands over', async () => {
    const { flush } = setup();
    const unreadable = unreadableError() as never;
    const nothing = undefined as never;
    let runs = 0;
    const count = (): number => (runs += 1);
    setUser(unreadable);
    setUser(nothing);
    setTag('odd', Object.create(null) as never);
    setTag(nothing, nothing);
    setContext('odd', unreadable);
    setContext(nothing, nothing);
    addBreadcrumb(unreadable);
    addBreadcrumb(nothing);
    expect(withRunContext(nothing, count)).toBe(1);
    expect(withRunContext({ user: unreadable }, count)).toBe(2);
    expect(withRunContext(unreadable, count)).toBe(3);
    expect(continueTrace(nothing, count)).toBe(4);
    captureException(new Error('one'), null as never);
    captureException(new Error('two'), unreadable);
    captureException(new Error('three'), { tags: unreadable });
    captureMessage('four', nothing, null as never);
    captureMessage(nothing, nothing, unreadable);
    setUser(null);
    await flush();
    const said = events().map(({ exception, logentry }) => exception?.values[0]?.value ?? logentry?.formatted);
    expect(said.slice(0, 4)).toEqual(['one', 'two', 'three', 'four']);
  });

  it('changes an event in beforeSend; a hook that throws loses nothing but its change', async () => {
    const { flush } = setup({
      beforeSend(event) {
        const changed = Object.assign(event, { tags: { ...event.tags, team: 'search' } });
        if (event.level === 'warning') throw new Error('hook');
        return changed;
      },
    });
    traceAgent({ name: 'a' }, () => expect(() => failingTool()).toThrow(WeatherServiceError));
    expect(() => traceAgent({ name: 'b' }, () => failingTool())).toThrow(WeatherServiceError);
    await flush();
    expect(events().map(({ tags }) => [tags['agent'], tags['team']])).toEqual([
      ['b', 'search'],
      ['a', undefined],
    ]);
    expect(lines).toEqual([expect.stringContaining('beforeSend threw')]);
  });
});

describe('what an Issue may not say', () => {
  it.each<[string, (canary: string) => Promise<unknown>]>([
    [
      'a tool quotes its argument',
      (canary) => {
        const look = defineTool({
          name: 'look',
          input: z.object({ query: z.string() }),
          execute: ({ query }) => {
            throw new Error(`nothing for ${query}`);
          },
        });
        const model = scriptedModel([{ toolCalls: [{ name: 'look', input: { query: canary } }] }, 'sorry']);
        return createAgent({ name: 'helper', tools: [look], models: [model] }).run('hi');
      },
    ],
    [
      'a provider quotes the prompt',
      (canary) => {
        const model = scriptedModel([{ error: new Error(`bad prompt: ${canary}`) }]);
        return createAgent({ name: 'helper', maxRetries: 0, models: [model] }).run(canary);
      },
    ],
    [
      'a reply that cannot be delivered quotes the answer',
      (canary) =>
        createAgent({ name: 'helper', models: [scriptedModel([canary])] }).run('hi', {
          deliver: ({ text }) => {
            throw new Error(`cannot post ${text}`);
          },
        }),
    ],
  ])('stays in when, in a run of the runtime, %s', async (_name, run) => {
    const { flush } = setup();
    const canary = 'Patient Jane Roe has a fever since Monday';
    await run(canary).catch(() => {});
    await flush();
    expect(events()).toHaveLength(1);
    for (const { body } of sentry.requests) expect(Buffer.from(body).toString()).not.toContain('Jane Roe');
  });

  it('stays in, also when it is thrown as a string, stands in the message like a frame, or is a DSN', async () => {
    const { flush } = setup();
    const canary = 'CANARY-71aa';
    const withhold = (): unknown => [canary];
    const throws = (thrown: unknown): void => {
      expect(() =>
        traceAgent({ name: 'helper', withhold }, () => {
          throw thrown;
        }),
      ).toThrow(thrown instanceof Error ? thrown : String(thrown));
    };
    throws(`no answer to ${canary}`);
    throws(new Error(`refused\n    at ${canary} (prompt.txt:1:1)`));
    throws(new Error(`cannot reach https://${canary}@o1.ingest.sentry.io/42`));
    await flush();
    expect(events()).toHaveLength(3);
    for (const { body } of sentry.requests) expect(Buffer.from(body).toString()).not.toContain(canary);
  });

  it('stays in, also when the message is shortened on the way and had quoted a stack', async () => {
    const { flush } = setup({ errorMessages: 'withheld' });
    const quoted = '    at janeRoe (/home/fever.js:1:2)\n    at monday (/home/doctor.js:3:4)';
    // Far from the beginning of a turn V8 would keep as many frames as it may, and none of the quoted ones.
    const error = await new Promise<Error>((resolve) => {
      setImmediate(() => resolve(new WeatherServiceError(`not found\n${quoted}`)));
    });
    const run = (): void =>
      traceAgent({ name: 'helper' }, () => {
        try {
          failingTool(error);
        } catch {
          error.message = 'not found';
          throw error;
        }
      });
    expect(run).toThrow(error);
    await flush();
    const { function: thrower, filename } = onlyEvent().exception!.values[0]!.stacktrace!.frames.at(-1)!;
    expect([thrower, filename]).toEqual([expect.any(String), expect.stringContaining('issues.test.ts')]);
    for (const { body } of sentry.requests) expect(Buffer.from(body).toString()).not.toMatch(/janeRoe|fever|doctor/);
  });

  it.each<[string, string]>([
    ['another one', 'short'],
    ['its beginning', 'say hello'],
    ['nothing', ''],
  ])('stays in, also when the message is %s by now and the stack still has the old one', async (_name, message) => {
    const { flush } = setup();
    const error = new WeatherServiceError('say hello to Jane Roe\n    at Jane Roe has fever (prompt.txt:1:1)');
    void error.stack;
    error.message = message;
    expect(() => traceAgent({ name: 'helper' }, () => failingTool(error))).toThrow(error);
    await flush();
    const { function: thrower, filename } = onlyEvent().exception!.values[0]!.stacktrace!.frames.at(-1)!;
    expect([thrower, filename]).toEqual([expect.any(String), expect.stringContaining('issues.test.ts')]);
    expect(sentry.requests.length).toBeGreaterThan(1);
    for (const { body } of sentry.requests) expect(Buffer.from(body).toString()).not.toContain('Jane Roe');
  });

  it('stays in, also when the application captures by itself what fails around it, or after it', async () => {
    const { flush } = setup();
    const canary = 'CANARY-3b7d';
    const later = traceAgent({ name: 'helper', input: () => `tell me about ${canary}` }, () => {
      traceTool({ name: 'search', arguments: () => ({ query: canary }) }, () => {
        captureException(new Error(`no result for ${canary}`));
        captureException(`no answer to "tell me about ${canary}"`);
      });
      return AsyncResource.bind(() => captureException(new Error(`no log: tell me about ${canary}`)));
    });
    later();
    await flush();
    expect(events()).toHaveLength(3);
    for (const { body } of sentry.requests) expect(Buffer.from(body).toString()).not.toContain(canary);
  });

  it('stays in, also with errors that carry it on purpose', async () => {
    const { flush } = setup();
    const canary = 'CANARY-9f2c';
    const apiError = Object.assign(
      new Error(`Incorrect API key provided: sk-proj-${canary}. Prompt was: tell me about ${canary}`),
      {
        name: 'AI_APICallError',
        requestBodyValues: { messages: [{ role: 'user', content: `tell me about ${canary}` }] },
        responseBody: canary,
        responseHeaders: { 'x-request': canary },
        data: { canary },
      },
    );
    const withhold = (): unknown => [`tell me about ${canary}`];
    expect(() =>
      traceAgent({ name: 'helper', withhold }, () =>
        traceChat({ model: 'gpt-5-mini', provider: 'openai', withhold }, () => {
          throw apiError;
        }),
      ),
    ).toThrow(apiError);
    expect(() =>
      traceAgent({ name: 'helper' }, () =>
        traceTool({ name: 'search', withhold: () => ({ query: canary }) }, () => {
          throw new Error('search failed', { cause: new Error(`no result for ${canary}`) });
        }),
      ),
    ).toThrow('search failed');
    await flush();
    expect(events()).toHaveLength(2);
    for (const { body } of sentry.requests) expect(Buffer.from(body).toString()).not.toContain(canary);
  });
});

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** Whatever is read of an error. */
const PROPERTIES = ['stack', 'name', 'message', 'cause', 'errors', 'constructor', 'status'] as const;
/** Whatever is read of what an application says. */
const OPTIONS = ['level', 'tags', 'id', 'user', 'agent', 'category', 'traceparent'] as const;

/** An error of which nothing can be read. */
function unreadableError(): Error {
  const error = new Error('unread');
  for (const name of [...PROPERTIES, ...OPTIONS]) {
    const get = (): never => {
      throw new RangeError(`${name} cannot be read`);
    };
    Object.defineProperty(error, name, { get, enumerable: true });
  }
  return error;
}
