import { AsyncResource } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { context, ROOT_CONTEXT, trace, TraceFlags, type SpanContext } from '@opentelemetry/api';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import type { ReceivedSpan } from '../../src/receiver/received-span.ts';
import { activate } from '../../src/telemetry/active.ts';
import { createPricing } from '../../src/telemetry/attributes/cost.ts';
import { createContentPolicy } from '../../src/telemetry/content/policy.ts';
import { getRunContext, withRunContext } from '../../src/telemetry/context.ts';
import {
  recordFailure,
  traceAgent,
  traceChat,
  traceMemory,
  traceTool,
  traceTransport,
  type ChatSpanOptions,
} from '../../src/telemetry/spans.ts';
import { inMemoryTelemetry, type InMemoryTelemetry } from '../../src/testing/in-memory-telemetry.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const GPT: ChatSpanOptions = { model: 'gpt-5-mini', provider: 'openai' };
const ERROR = 2;
const UNSET = 0;

let telemetry: InMemoryTelemetry;
beforeAll(() => {
  telemetry = inMemoryTelemetry();
});
// Each time, because some tests put decisions of their own in its place.
beforeEach(
  () => void activate({ price: createPricing(), content: createContentPolicy({ errorMessages: 'redacted' }) }),
);
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

function span(name: string): ReceivedSpan {
  const found = telemetry.spans.filter((candidate) => candidate.name === name);
  expect(found, `spans named ${name}`).toHaveLength(1);
  return found[0]!;
}

function activeSpanId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().spanId;
}

function exceptions(received: ReceivedSpan): ReceivedSpan['events'] {
  return received.events.filter(({ name }) => name === 'exception');
}

describe('an agent run', () => {
  it('is the tree agent.invoke → chat → execute_tool, with the attributes Sentry classifies spans by', async () => {
    await traceAgent(
      { name: 'helper', description: 'Answers.', conversationId: 'c-1', runId: 'aaaa0000' },
      async () => {
        await traceChat({ ...GPT, attempt: 1, server: { address: 'api.openai.com', port: 443 } }, async (chat) => {
          chat.record({
            id: 'chatcmpl-1',
            model: 'gpt-5-mini-2025-08-07',
            finishReasons: ['tool_call'],
            usage: { prompt_tokens: 100, completion_tokens: 30, prompt_tokens_details: { cached_tokens: 40 } },
          });
        });
        await traceTool({ name: 'get_weather', callId: 'call_1', description: 'Weather.' }, async (tool) => {
          tool.record({ resultBytes: 17 });
        });
        await traceMemory({ store: 'notes', system: 'sqlite' }, async (memory) => memory.record({ recordCount: 2 }));
      },
    );

    const agent = span('agent.invoke helper');
    const chat = span('chat gpt-5-mini');
    const tool = span('execute_tool get_weather');
    const memory = span('search_memory notes');
    const shared = {
      'gen_ai.agent.name': 'helper',
      'gen_ai.conversation.id': 'c-1',
      'faultline.run.id': 'aaaa0000',
      'faultline.depth': 0,
    };
    expect(agent.parentSpanId).toBeUndefined();
    expect(chat.parentSpanId).toBe(agent.spanId);
    expect(tool.parentSpanId).toBe(chat.spanId);
    expect(memory.parentSpanId).toBe(agent.spanId);
    expect([agent.kind, chat.kind, tool.kind, memory.kind]).toEqual([1, 3, 1, 1]);
    expect(new Set(telemetry.spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(chat.attributes).toEqual({
      ...shared,
      'gen_ai.operation.name': 'chat',
      'sentry.op': 'gen_ai.chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-5-mini',
      'faultline.attempt': 1,
      'server.address': 'api.openai.com',
      'server.port': 443,
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.model': 'gpt-5-mini-2025-08-07',
      'gen_ai.response.finish_reasons': ['tool_call'],
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 30,
      'gen_ai.usage.cache_read.input_tokens': 40,
      'gen_ai.cost.total_tokens': expect.closeTo(0.000076, 9),
      'gen_ai.cost_usd': expect.closeTo(0.000076, 9),
      'gen_ai.cost.input_tokens': expect.closeTo(0.000016, 9),
      'gen_ai.cost.output_tokens': expect.closeTo(0.00006, 9),
    });
    expect(tool.attributes).toEqual({
      ...shared,
      'gen_ai.operation.name': 'execute_tool',
      'sentry.op': 'gen_ai.execute_tool',
      'gen_ai.tool.name': 'get_weather',
      'gen_ai.tool.type': 'function',
      'gen_ai.tool.call.id': 'call_1',
      'gen_ai.tool.description': 'Weather.',
      'gen_ai.tool.call.result.size': 17,
    });
    expect(memory.attributes).toEqual({
      ...shared,
      'sentry.op': 'db.query',
      'gen_ai.memory.store.id': 'notes',
      'db.system.name': 'sqlite',
      'gen_ai.memory.record.count': 2,
    });
    expect(agent.attributes).toEqual({
      ...shared,
      'gen_ai.operation.name': 'invoke_agent',
      'sentry.op': 'gen_ai.invoke_agent',
      'gen_ai.agent.description': 'Answers.',
      'faultline.depth': 0,
      'faultline.turns': 1,
      'faultline.fallbacks': 0,
      'faultline.tool_errors': 0,
      'faultline.memory_failed': false,
      'faultline.usage.input_tokens': 100,
      'faultline.usage.output_tokens': 30,
      'faultline.usage.cache_read.input_tokens': 40,
      'faultline.cost_usd.total': expect.closeTo(0.000076, 9),
    });
    expect(telemetry.spans.map(({ status }) => status.code)).toEqual([UNSET, UNSET, UNSET, UNSET]);
  });

  it('costs what the caller knows that a call has cost, and by the price table where nothing is known', () => {
    const usage = { inputTokens: 1_000_000, outputTokens: 0 };
    traceAgent({ name: 'helper' }, () => {
      traceChat({ ...GPT, model: 'discounted' }, (chat) => chat.record({ model: 'gpt-5-mini', usage, costUsd: 0.125 }));
      traceChat({ ...GPT, model: 'given away' }, (chat) => chat.record({ model: 'gpt-5-mini', usage, costUsd: 0 }));
      traceChat(GPT, (chat) => chat.record({ usage }));
    });
    const costs = (name: string) =>
      Object.entries(span(name).attributes).filter(([attribute]) => attribute.includes('cost'));
    expect(costs('chat discounted')).toEqual([
      ['gen_ai.cost.total_tokens', 0.125],
      ['gen_ai.cost_usd', 0.125],
    ]);
    expect(costs('chat given away')).toEqual([
      ['gen_ai.cost.total_tokens', 0],
      ['gen_ai.cost_usd', 0],
    ]);
    expect(costs('agent.invoke helper')).toEqual([['faultline.cost_usd.total', 0.375]]);
  });

  it('nests a sub-agent below the tool that called it, one level deeper and with totals of its own', () => {
    traceAgent({ name: 'lead' }, () => {
      traceChat(GPT, (chat) => chat.record({ usage: { inputTokens: 5, outputTokens: 1 } }));
      traceTool({ name: 'ask_researcher' }, () =>
        traceAgent({ name: 'researcher' }, () => {
          traceChat(GPT, (chat) => chat.record({ usage: { inputTokens: 7, outputTokens: 2 } }));
        }),
      );
    });

    const lead = span('agent.invoke lead');
    const researcher = span('agent.invoke researcher');
    expect(researcher.parentSpanId).toBe(span('execute_tool ask_researcher').spanId);
    expect(researcher.attributes['faultline.run.id']).toBe(lead.attributes['faultline.run.id']);
    expect([lead, researcher].map(({ attributes }) => attributes['faultline.depth'])).toEqual([0, 1]);
    expect([lead, researcher].map(({ attributes }) => attributes['faultline.usage.input_tokens'])).toEqual([5, 7]);
    const ids = telemetry.spans
      .filter(({ name }) => name.startsWith('chat'))
      .map(({ attributes }) => attributes['gen_ai.agent.name']);
    expect(ids).toEqual(['lead', 'researcher']);
  });

  it('leaves a tool beside its chat when asked to, and below a span of the application', () => {
    const deactivate = activate({ toolSpanParent: 'agent', agentSpanName: 'invoke_agent' });
    traceAgent({ name: 'a' }, () => {
      traceChat(GPT, () => undefined);
      traceTool({ name: 'beside' }, () => undefined);
    });
    deactivate();
    traceAgent({ name: 'b' }, () => {
      traceChat(GPT, () => undefined);
      trace.getTracer('app').startActiveSpan('step', (step) => {
        traceTool({ name: 'below' }, () => undefined);
        step.end();
      });
    });
    expect(span('execute_tool beside').parentSpanId).toBe(span('invoke_agent a').spanId);
    expect(span('execute_tool below').parentSpanId).toBe(span('step').spanId);
  });

  it('lets its own names win over attributes of the caller, and keeps the others', () => {
    traceChat({ ...GPT, attributes: { 'gen_ai.operation.name': 'guardrail', team: 'search' } }, () => undefined);
    expect(span('chat gpt-5-mini').attributes).toMatchObject({ 'gen_ai.operation.name': 'chat', team: 'search' });
  });

  it('carries the surrounding run context on every span, across concurrent runs', async () => {
    const run = (name: string): Promise<void> =>
      withRunContext({ transport: 'slack', conversationId: name, user: { id: `user-${name}` } }, () =>
        traceAgent({ name }, async () => {
          await Promise.resolve();
          await traceTool({ name: `tool-${name}` }, async () => {
            await Promise.resolve();
            expect(getRunContext()).toMatchObject({ agent: name, conversationId: name, transport: 'slack', depth: 0 });
          });
        }),
      );
    await Promise.all([run('one'), run('two')]);
    for (const name of ['one', 'two']) {
      expect(span(`execute_tool tool-${name}`).attributes).toMatchObject({
        'gen_ai.agent.name': name,
        'gen_ai.conversation.id': name,
        'faultline.transport': 'slack',
        'user.id': `user-${name}`,
      });
    }
  });

  it('keeps of the surrounding run context what an inner one does not know', () => {
    const inner = { agent: 'helper', conversationId: null, transport: undefined };
    withRunContext({ transport: 'slack', conversationId: 'c-42' }, () =>
      withRunContext(inner as never, () => traceTool({ name: 'get_weather' }, () => undefined)),
    );
    expect(span('execute_tool get_weather').attributes).toMatchObject({
      'gen_ai.agent.name': 'helper',
      'gen_ai.conversation.id': 'c-42',
      'faultline.transport': 'slack',
    });
  });

  it('says which models of a fallback chain failed before the one that answered', () => {
    traceAgent({ name: 'helper' }, () => {
      expect(() =>
        traceChat(GPT, () => {
          throw Object.assign(new Error('slow down'), { statusCode: 429 });
        }),
      ).toThrow('slow down');
      traceChat({ model: 'claude-haiku-4-5', provider: 'anthropic' }, (chat) =>
        chat.fallback({
          from: 'gpt-5-mini',
          fromProvider: 'openai',
          to: 'claude-haiku-4-5',
          toProvider: 'anthropic',
          reason: '429',
        }),
      );
    });
    expect(span('chat gpt-5-mini').attributes['error.type']).toBe('429');
    expect(span('chat claude-haiku-4-5').events).toEqual([
      expect.objectContaining({
        name: 'gen_ai.chat.fallback',
        attributes: {
          'faultline.fallback.from': 'gpt-5-mini',
          'faultline.fallback.from_provider': 'openai',
          'faultline.fallback.to': 'claude-haiku-4-5',
          'faultline.fallback.to_provider': 'anthropic',
          'faultline.fallback.reason': '429',
        },
      }),
    ]);
    expect(span('agent.invoke helper').attributes).toMatchObject({ 'faultline.fallbacks': 1, 'faultline.turns': 1 });
    expect(span('agent.invoke helper').status.code).toBe(UNSET);
  });
});

describe('the ids of runs', () => {
  /** Those of a process, or of a worker, that has loaded Faultline at a moment. */
  async function idsOfCopy(loadedAtNs: bigint): Promise<readonly (string | undefined)[]> {
    vi.resetModules();
    const now = vi.spyOn(process.hrtime, 'bigint').mockReturnValue(loadedAtNs);
    const copy = await import('../../src/telemetry/spans.ts');
    now.mockRestore();
    return Array.from({ length: 1000 }, () => copy.traceAgent({ name: 'helper' }, () => getRunContext()?.runId));
  }

  it('are others in each process, also when all were started at once', async () => {
    const ids = [...(await idsOfCopy(40_000_000n)), ...(await idsOfCopy(40_000_100n))];

    expect(new Set(ids).size).toBe(2000);
  });
});

describe('work that is started in a run and outlives it', () => {
  type Consumer = (work: () => void) => void;
  const begin = (): Consumer => AsyncResource.bind((work: () => void) => work());

  /** Runs a function in the context of a run that has ended, as a consumer does that the first request began. */
  function afterARun(start: () => Consumer = begin): Consumer {
    return traceAgent({ name: 'first', conversationId: 'c-1' }, start);
  }

  it.each<[string, () => Consumer]>([
    ['the run', begin],
    ['a tool of it', () => traceTool({ name: 'subscribe' }, begin)],
    [
      'a span of the application in it',
      () =>
        trace.getTracer('app').startActiveSpan('subscribe', (subscribe) => {
          try {
            return begin();
          } finally {
            subscribe.end();
          }
        }),
    ],
  ])('has each agent as a run of its own, in a trace linked to the ended one, when %s has started it', (_, start) => {
    const consumer = afterARun(start);
    for (const name of ['job_a', 'job_b']) {
      consumer(() => traceAgent({ name }, () => traceTool({ name: `tool of ${name}` }, () => undefined)));
    }

    const first = span('agent.invoke first');
    const jobs = [span('agent.invoke job_a'), span('agent.invoke job_b')];
    expect(new Set([first, ...jobs].map(({ traceId }) => traceId)).size).toBe(3);
    expect(new Set([first, ...jobs].map(({ attributes }) => attributes['faultline.run.id'])).size).toBe(3);
    for (const { parentSpanId, attributes, links } of jobs) {
      expect([parentSpanId, attributes['faultline.depth']]).toEqual([undefined, 0]);
      expect(attributes['gen_ai.conversation.id']).toBe('c-1');
      expect(links).toEqual([expect.objectContaining({ traceId: first.traceId, spanId: first.spanId })]);
    }
    expect(span('execute_tool tool of job_a').parentSpanId).toBe(jobs[0]?.spanId);
  });

  it('stays below a span of the application, and keeps what a context around it says', () => {
    const consumer = afterARun();
    consumer(() =>
      trace.getTracer('app').startActiveSpan('poll of a job', (poll) => {
        withRunContext({ runId: 'job-7' }, () => traceAgent({ name: 'job' }, () => undefined));
        poll.end();
      }),
    );
    const job = span('agent.invoke job');
    expect([job.parentSpanId, job.links]).toEqual([span('poll of a job').spanId, []]);
    expect(job.attributes['faultline.run.id']).toBe('job-7');
  });

  it('is part of the run for as long as that goes on, although the sub-agent that started it has ended', () => {
    traceAgent({ name: 'lead' }, () => {
      const consumer = traceAgent({ name: 'starter' }, () => AsyncResource.bind((work: () => void) => work()));
      consumer(() => traceAgent({ name: 'helper' }, () => undefined));
    });
    const [lead, helper] = [span('agent.invoke lead'), span('agent.invoke helper')];
    expect(helper.traceId).toBe(lead.traceId);
    expect(helper.attributes['faultline.run.id']).toBe(lead.attributes['faultline.run.id']);
  });

  it('keeps nothing of what the models of the run were shown', async () => {
    const ask = (): WeakRef<object> => {
      const messages = [{ role: 'user', content: 'a long conversation' }];
      traceChat({ ...GPT, messages: () => messages }, () => 'hello');
      return new WeakRef(messages);
    };
    let shown: WeakRef<object> | undefined;
    const consumer = afterARun(() => {
      shown = ask();
      return begin();
    });

    await new Promise(setImmediate);
    collectGarbage();

    expect(shown?.deref()).toBeUndefined();
    consumer(() => expect(getRunContext()?.conversationId).toBe('c-1'));
  });

  it('is not aborted with the run', () => {
    const stop = new AbortController();
    const consumer = traceAgent({ name: 'first', signal: stop.signal }, () =>
      AsyncResource.bind((work: () => void) => work()),
    );
    stop.abort();
    consumer(() => {
      expect(() =>
        traceAgent({ name: 'job' }, () => {
          throw new Error('lost');
        }),
      ).toThrow('lost');
    });
    expect(span('agent.invoke job').status.code).toBe(ERROR);
  });
});

describe('a failure', () => {
  class WeatherError extends Error {}

  it('is recorded once, at the innermost span; the spans around it only say that they failed', async () => {
    const error = new WeatherError('no data');
    const run = traceAgent({ name: 'helper' }, () =>
      traceTool({ name: 'get_weather' }, async () => {
        throw error;
      }),
    );
    await expect(run).rejects.toBe(error);

    const tool = span('execute_tool get_weather');
    const agent = span('agent.invoke helper');
    expect(tool.status).toEqual({ code: ERROR, message: 'no data' });
    expect(tool.attributes).toMatchObject({
      'error.type': 'WeatherError',
      'faultline.failure.point': 'tool.execution',
    });
    expect(exceptions(tool)).toHaveLength(1);
    expect(agent.status.code).toBe(ERROR);
    expect(agent.attributes['error.type']).toBe('WeatherError');
    expect(exceptions(agent)).toEqual([]);
    expect(agent.attributes).not.toHaveProperty('faultline.failure.point');
  });

  it.each([
    ['an Error', () => new Error('boom'), 'conversation.unhandled'],
    [
      'an exhausted chain',
      () => Object.assign(new AggregateError([new Error('x')], 'all failed'), { name: 'AllModelsFailedError' }),
      'model.fallback_exhausted',
    ],
    ['a string', () => 'boom', 'conversation.unhandled'],
    ['undefined', () => undefined, 'conversation.unhandled'],
    ['null', () => null, 'conversation.unhandled'],
    ['a frozen object', () => Object.freeze({ code: 7 }), 'conversation.unhandled'],
    [
      'an object whose getters throw',
      () =>
        Object.defineProperty({}, 'name', {
          get() {
            throw new Error('no');
          },
        }),
      'conversation.unhandled',
    ],
  ])('that escapes an agent has its failure point, and comes out as it went in: %s', (_name, make, point) => {
    const thrown: unknown = make();
    let caught: unknown = 'nothing was thrown';
    try {
      traceAgent({ name: 'helper' }, () => {
        throw thrown;
      });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBe(thrown);
    expect(span('agent.invoke helper').attributes['faultline.failure.point']).toBe(point);
    expect(exceptions(span('agent.invoke helper'))).toHaveLength(1);
  });

  it('of a model call that nobody handles is recorded on the call and has its point on the agent', () => {
    expect(() =>
      traceAgent({ name: 'helper' }, () =>
        traceChat(GPT, () => {
          throw new TypeError('bad');
        }),
      ),
    ).toThrow('bad');
    expect(exceptions(span('chat gpt-5-mini'))).toHaveLength(1);
    expect(exceptions(span('agent.invoke helper'))).toEqual([]);
    expect(span('agent.invoke helper').attributes['faultline.failure.point']).toBe('conversation.unhandled');
  });

  it('that is a thrown string is also recorded once', () => {
    expect(() =>
      traceAgent({ name: 'helper' }, () =>
        traceTool({ name: 'outer' }, () =>
          traceTool({ name: 't' }, () => {
            throw 'plain';
          }),
        ),
      ),
    ).toThrow('plain');
    expect(exceptions(span('execute_tool t'))).toHaveLength(1);
    expect(exceptions(span('execute_tool outer'))).toEqual([]);
    expect(exceptions(span('agent.invoke helper'))).toEqual([]);
  });

  it('that happens again with the same error object is recorded again, in each run', () => {
    const constant = new WeatherError('no connection');
    trace.getTracer('app').startActiveSpan('request', (request) => {
      for (const name of ['one', 'two']) {
        expect(() =>
          traceAgent({ name }, () =>
            traceTool({ name: `tool of ${name}` }, () => {
              throw constant;
            }),
          ),
        ).toThrow(constant);
      }
      request.end();
    });
    for (const name of ['one', 'two']) {
      expect(span(`execute_tool tool of ${name}`).attributes['faultline.failure.point']).toBe('tool.execution');
      expect(exceptions(span(`execute_tool tool of ${name}`))).toHaveLength(1);
      expect(span(`agent.invoke ${name}`).attributes).not.toHaveProperty('faultline.failure.point');
      expect(exceptions(span(`agent.invoke ${name}`))).toEqual([]);
    }
  });

  it('with an error object that others fail with at the same time is recorded once, also where it leaves its run', () => {
    const constant = new WeatherError('no connection');
    const request = (others: number): void => {
      traceTool({ name: 'answer' }, () => {
        try {
          traceAgent({ name: 'helper' }, () =>
            traceTool({ name: 'get_weather' }, () => {
              throw constant;
            }),
          );
        } finally {
          if (others > 0) context.with(ROOT_CONTEXT, () => request(others - 1));
        }
      });
    };
    expect(() => request(39)).toThrow(constant);
    const answers = telemetry.spans.filter(({ name }) => name === 'execute_tool answer');
    expect(answers).toHaveLength(40);
    expect(answers.flatMap(exceptions)).toEqual([]);
  });

  it('has the class name of the error and the chain of its causes, not its code', () => {
    const cause = new RangeError('disk full');
    const error = Object.assign(new WeatherError('cannot read', { cause }), { code: 'SQLITE_FULL' });
    expect(() =>
      traceMemory({ store: 'notes' }, () => {
        throw error;
      }),
    ).toThrow(error);
    const [event] = exceptions(span('search_memory notes'));
    expect(event?.attributes).toMatchObject({ 'exception.type': 'WeatherError', 'exception.message': 'cannot read' });
    const stack = event?.attributes['exception.stacktrace'];
    expect(stack).toMatch(/^WeatherError: cannot read\n    at .*spans\.test\.ts/);
    expect(stack).toContain('Caused by: RangeError: disk full\n    at ');
    expect(span('search_memory notes').attributes).toMatchObject({
      'error.type': 'WeatherError',
      'faultline.failure.point': 'memory.search',
    });
  });

  it('can be marked on a span whose function returns normally', () => {
    const result = traceTool({ name: 'mcp_tool' }, (tool) => {
      tool.fail(new Error('isError'));
      return 'the result';
    });
    expect(result).toBe('the result');
    expect(span('execute_tool mcp_tool').status.code).toBe(ERROR);
  });

  it('after an abort is an outcome and no failure', async () => {
    const controller = new AbortController();
    const run = traceAgent({ name: 'helper', signal: controller.signal }, () =>
      traceChat(GPT, async () => {
        controller.abort(new Error('stop'));
        controller.signal.throwIfAborted();
      }),
    );
    await expect(run).rejects.toThrow('stop');
    for (const name of ['agent.invoke helper', 'chat gpt-5-mini']) {
      expect(span(name).status).toEqual({ code: UNSET });
      expect(span(name).attributes['faultline.outcome']).toBe('aborted');
      expect(exceptions(span(name))).toEqual([]);
    }
    expect(span('agent.invoke helper').attributes).not.toHaveProperty('error.type');
    expect(span('chat gpt-5-mini').attributes['error.type']).toBe('aborted');
  });

  describe('of what an agent waits for when its reader leaves', () => {
    /** A reader leaves an agent, whose sub-agent waits for a tool that fails then, or has left that behind. */
    async function leave(reason: Error, waits = true): Promise<void> {
      let stop = (): void => {};
      const look = (): Promise<never> => new Promise((_, reject) => (stop = () => reject(reason)));
      let work: Promise<never> | undefined;
      const answer = traceAgent({ name: 'helper' }, () => {
        void traceAgent({ name: 'scout' }, () => {
          work = traceTool({ name: 'look' }, look);
          return waits ? work : undefined;
        })?.catch(() => {});
        return new ReadableStream<string>({ start: (answers) => answers.enqueue('wait'), cancel: () => stop() });
      });
      const reader = answer.getReader();
      await reader.read();
      const [ended] = await Promise.allSettled([work, reader.cancel()]);
      expect(ended).toEqual({ status: 'rejected', reason });
    }

    it.each([
      ['the platform', new DOMException('This operation was aborted', 'AbortError')],
      ['OpenAI', new (class APIUserAbortError extends Error {})('Request was aborted.')],
      ['LangChain', Object.assign(new Error('Model invocation was aborted.'), { name: 'ModelAbortError' })],
    ])('is an outcome and no failure when it is aborted, as %s says that', async (_who, abort) => {
      await leave(abort);
      for (const name of ['agent.invoke helper', 'agent.invoke scout', 'execute_tool look']) {
        expect(span(name).status).toEqual({ code: UNSET });
        expect(span(name).attributes['faultline.outcome']).toBe('aborted');
        expect(exceptions(span(name))).toEqual([]);
      }
    });

    it('is an outcome and no failure of all below it, also when another agent has called it and goes on', async () => {
      await traceAgent({ name: 'desk' }, () => leave(new DOMException('This operation was aborted', 'AbortError')));
      for (const name of ['agent.invoke helper', 'agent.invoke scout', 'execute_tool look']) {
        expect(span(name).attributes['faultline.outcome']).toBe('aborted');
        expect(exceptions(span(name))).toEqual([]);
      }
      expect(span('agent.invoke desk').attributes).not.toHaveProperty('faultline.outcome');
    });

    it('is an outcome and no failure of what a sub-agent that has ended has left behind', async () => {
      await leave(new DOMException('This operation was aborted', 'AbortError'), false);
      expect(span('execute_tool look').attributes['faultline.outcome']).toBe('aborted');
      expect(span('agent.invoke scout').attributes).not.toHaveProperty('faultline.outcome');
    });

    it('is a failure for every other reason', async () => {
      await leave(new WeatherError('503'));
      expect(span('agent.invoke helper').status).toEqual({ code: UNSET });
      expect(span('execute_tool look').attributes).toMatchObject({ 'error.type': 'WeatherError' });
    });
  });

  /** As SvelteKit has them, which makes no errors of them. */
  class Redirect {
    readonly status = 303;
    readonly location = '/chat/7';
  }
  class HttpError {
    readonly status: number;
    readonly body = { message: 'no such chat' };
    constructor(status: number) {
      this.status = status;
    }
  }

  it.each([
    ['LangGraph', Object.create(new Error('[{"value":"approve?"}]'), { is_bubble_up: { get: () => true } }) as object],
    ['Genkit', Object.assign(new Error('undefined'), { name: 'ToolInterruptError' })],
    ['Strands', Object.assign(new Error('Interrupt raised: approve'), { name: 'InterruptError', interrupts: [{}] })],
    ['MCP', Object.assign(new Error('URL elicitation required'), { code: -32042, data: { elicitations: [{}] } })],
    ['BullMQ, at a rate limit,', Object.assign(new Error('bullmq:rateLimitExceeded'), { name: 'RateLimitError' })],
    ['BullMQ, of a job for later,', Object.assign(new Error('bullmq:movedToDelayed'), { name: 'DelayedError' })],
    ['Temporal, of an activity that others complete,', Object.assign(new Error(), { name: 'CompleteAsyncError' })],
    ['Next.js, to redirect,', Object.assign(new Error('NEXT_REDIRECT'), { digest: 'NEXT_REDIRECT;push;/chat/7;307;' })],
    ['Next.js, for a page that is not there,', Object.assign(new Error(), { digest: 'NEXT_HTTP_ERROR_FALLBACK;404' })],
    ['Next.js, which has prerendered,', Object.assign(new Error(), { digest: 'HANGING_PROMISE_REJECTION' })],
    ['Next.js, for a request,', Object.assign(new Error(), { digest: 'DYNAMIC_SERVER_USAGE', description: 'cookies' })],
    ['React Router, to redirect,', new Response(null, { status: 302, headers: { location: '/chat/7' } })],
    ['React Router, with data,', { type: 'DataWithResponseInit', data: 'no chat', init: { status: 404 } }],
    ['SvelteKit, to redirect,', new Redirect()],
    ['SvelteKit, for a page that is not there,', new HttpError(404)],
    ['TanStack, for a page that is not there,', { isNotFound: true }],
  ])('is none when %s throws to leave a run for now, and comes out as it went in', async (_framework, pause) => {
    const run = traceAgent({ name: 'helper' }, () => traceTool({ name: 'ask' }, () => Promise.reject(pause)));
    await expect(run).rejects.toBe(pause);
    for (const name of ['agent.invoke helper', 'execute_tool ask']) {
      expect(span(name).status).toEqual({ code: UNSET });
      expect(span(name).attributes).not.toHaveProperty('error.type');
      expect(span(name).events).toEqual([]);
    }
    expect(span('agent.invoke helper').attributes).toMatchObject({ 'faultline.tool_errors': 0 });
  });

  it('is one of a class that is only called as what Strands throws, and of a job of BullMQ that fails for good', async () => {
    for (const error of [
      Object.assign(new Error('no'), { name: 'InterruptError' }),
      Object.assign(new Error('bullmq:unrecoverable'), { name: 'UnrecoverableError' }),
    ]) {
      await expect(traceTool({ name: error.name }, () => Promise.reject(error))).rejects.toBe(error);
      expect(span(`execute_tool ${error.name}`).attributes['error.type']).toBe(error.name);
    }
  });

  it('is one of an answer that says the server has failed, and of one that was fetched', async () => {
    const answers = {
      made: new Response(null, { status: 500 }),
      fetched: await fetch('data:text/plain,no'),
      unreachable: Response.error(),
      data: { type: 'DataWithResponseInit', data: 'no', init: { status: 503 } },
      kit: new HttpError(500),
    };
    for (const [name, answer] of Object.entries(answers)) {
      await expect(traceTool({ name }, () => Promise.reject(answer))).rejects.toBe(answer);
      expect(span(`execute_tool ${name}`).status.code).toBe(ERROR);
    }
  });

  it('of a loop of your own is recorded on the active span', () => {
    trace.getTracer('app').startActiveSpan('turn', (turn) => {
      const error = new Error('every model failed');
      recordFailure('model.fallback_exhausted', error, { attributes: { team: 'search' } });
      recordFailure('conversation.unhandled', error);
      turn.end();
    });
    expect(span('turn').attributes).toMatchObject({
      'faultline.failure.point': 'model.fallback_exhausted',
      'error.type': 'Error',
      team: 'search',
    });
    expect(exceptions(span('turn'))).toHaveLength(1);
  });

  it.each([null as never, { span: undefined, attributes: undefined }])(
    'of a loop of your own is recorded without anything else said of it: %j',
    (said) => {
      trace.getTracer('app').startActiveSpan('turn', (turn) => {
        recordFailure('model.fallback_exhausted', new Error('every model failed'), said);
        turn.end();
      });
      expect(span('turn').attributes).toMatchObject({ 'faultline.failure.point': 'model.fallback_exhausted' });
    },
  );

  it('keeps keys and quoted input out of the recorded message', () => {
    expect(() =>
      traceChat(GPT, () => {
        throw new Error('Incorrect API key provided: sk-proj-abcd****wxyz. See docs.');
      }),
    ).toThrow('sk-proj');
    expect(() => traceTool({ name: 'parse' }, () => JSON.parse('{"prompt": my secret plan'))).toThrow('my secret');
    const bytes = JSON.stringify(telemetry.spans, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(bytes).toContain('Incorrect API key provided: [redacted:openai_key]. See docs.');
    expect(bytes).not.toContain('my secret');
    expect(bytes).not.toContain('wxyz');
  });

  it('says no more of an answer that refuses the request where middleware of LangChain repeats it', () => {
    const refusal = Object.assign(new Error('400 cannot read my secret plan'), { status: 400 });
    const error = Object.assign(new Error(refusal.message, { cause: refusal }), { '~brand': 'MiddlewareError' });
    expect(() =>
      traceAgent({ name: 'helper' }, () => {
        throw error;
      }),
    ).toThrow(error);
    expect(span('agent.invoke helper').status).toEqual({ code: ERROR, message: 'Bad Request' });
  });
});

/** A transport that connects when it is awaited, and tells meanwhile how it is. */
class Connection<T> extends Promise<T> {
  readonly #connect: () => Promise<T>;
  starts = 0;

  constructor(connect: () => Promise<T>) {
    super(() => {});
    this.#connect = connect;
  }
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }
  ready(): Promise<string> {
    return Promise.resolve('ready');
  }
  // oxlint-disable-next-line unicorn/no-thenable -- a lazy thenable is what is tested
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.starts += 1;
    return this.#connect().then(onFulfilled, onRejected);
  }
}

describe('a transport', () => {
  const runInFlight: SpanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED };

  it('that rejects is a crash: a trace of its own, linked to the runs in flight', async () => {
    const crash = traceAgent({ name: 'around' }, () =>
      traceTransport({ name: 'slack', runsInFlight: () => [runInFlight] }, () =>
        Promise.reject(new Error('socket closed')),
      ),
    );
    await expect(crash).rejects.toThrow('socket closed');
    const crashed = span('transport.crash slack');
    expect(crashed.parentSpanId).toBeUndefined();
    expect(crashed.traceId).not.toBe(span('agent.invoke around').traceId);
    expect(crashed.status.code).toBe(ERROR);
    expect(crashed.links).toEqual([
      expect.objectContaining({ traceId: runInFlight.traceId, spanId: runInFlight.spanId }),
    ]);
    expect(crashed.attributes).toEqual({
      'sentry.op': 'function',
      'faultline.transport': 'slack',
      'faultline.transport.uptime_ms': expect.any(Number),
      'error.type': 'Error',
      'faultline.failure.point': 'transport.crash',
    });
  });

  it('that crashes again with the same error object has crashed again, and not where a run has failed of it', async () => {
    const closed = new Error('socket closed');
    const crash = (name: string): Promise<void> =>
      expect(traceTransport({ name }, () => Promise.reject(closed))).rejects.toBe(closed);
    await crash('first');
    await crash('second');
    const carried = traceTransport({ name: 'third' }, async () => {
      await traceAgent({ name: 'helper' }, () => Promise.reject(closed));
    });
    await expect(carried).rejects.toBe(closed);
    const points = telemetry.spans.map(({ name, attributes }) => [name, attributes['faultline.failure.point']]);
    expect(points).toEqual([
      ['transport.crash first', 'transport.crash'],
      ['transport.crash second', 'transport.crash'],
      ['agent.invoke helper', 'conversation.unhandled'],
      ['transport.crash third', undefined],
    ]);
  });

  it('that returns before it was stopped is a crash, and one that was stopped is not', async () => {
    const controller = new AbortController();
    await expect(traceTransport({ name: 'early', signal: controller.signal }, async () => 'value')).resolves.toBe(
      'value',
    );
    expect(span('transport.crash early').attributes['error.type']).toBe('TransportExitedError');
    telemetry.reset();
    controller.abort();
    await traceTransport({ name: 'stopped', signal: controller.signal }, async () => undefined);
    await expect(
      traceTransport({ name: 'stopped', signal: controller.signal }, () => Promise.reject(new Error('aborted'))),
    ).rejects.toThrow('aborted');
    expect(telemetry.spans).toEqual([]);
  });

  it('keeps what was put on its promise, and has crashed once when that rejects', async () => {
    let close = (): void => {};
    const open = new Promise<never>((_, reject) => {
      close = () => reject(new Error('socket closed'));
    });
    const work = Object.assign(open, { stop: async () => 'stopping', close });
    const transport = traceTransport({ name: 'slack', signal: new AbortController().signal }, () => work);
    expect(await transport.stop()).toBe('stopping');
    expect(telemetry.spans).toEqual([]);
    transport.close();
    await expect(transport).rejects.toThrow('socket closed');
    await expect(transport).rejects.toThrow('socket closed');
    expect(span('transport.crash slack').attributes['error.type']).toBe('Error');
  });

  it('that is a lazy thenable starts once, when it is awaited, and its crash is no part of the run that awaits it', async () => {
    const connection = new Connection(() => Promise.reject(new Error('socket closed')));
    const transport = traceTransport({ name: 'slack', signal: new AbortController().signal }, () => connection);
    expect(connection.starts).toBe(0);
    await expect(traceAgent({ name: 'helper' }, () => transport)).rejects.toThrow('socket closed');
    expect(await transport.catch(() => 'caught')).toBe('caught');
    expect(connection.starts).toBe(1);
    expect(telemetry.spans.map(({ name, attributes }) => [name, attributes['faultline.failure.point']])).toEqual([
      ['transport.crash slack', 'transport.crash'],
      ['agent.invoke helper', 'conversation.unhandled'],
    ]);
  });

  it('has not ended when one of its methods tells that it has begun', async () => {
    const transport = traceTransport({ name: 'slack', signal: new AbortController().signal }, () => {
      return new Connection(async () => 'over');
    });
    expect(await transport.ready()).toBe('ready');
    expect(telemetry.spans).toEqual([]);
    expect(await transport).toBe('over');
    expect(span('transport.crash slack').attributes['error.type']).toBe('TransportExitedError');
  });

  it('that gives a stream gives it as it is: at once, and when it returns one', async () => {
    const stream = new ReadableStream();
    const options = { name: 'slack', signal: new AbortController().signal };
    expect(traceTransport(options, () => stream)).toBe(stream);
    expect(telemetry.spans).toEqual([]);
    expect(await traceTransport(options, async () => stream)).toBe(stream);
    expect(await traceTransport(options, () => new Connection(async () => stream))).toBe(stream);
    expect(telemetry.spans.map(({ attributes }) => attributes['error.type'])).toEqual([
      'TransportExitedError',
      'TransportExitedError',
    ]);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    [
      'options that throw when read',
      {
        get signal(): never {
          throw new Error('hostile');
        },
        get name(): never {
          throw new Error('hostile');
        },
      },
    ],
  ])('that is described by %s keeps its value and its error', async (_, options) => {
    const given = options as never;
    const error = new Error('socket closed');
    expect(traceTransport(given, () => 'value')).toBe('value');
    await expect(traceTransport(given, async () => 'value')).resolves.toBe('value');
    await expect(traceTransport(given, () => Promise.reject(error))).rejects.toBe(error);
    expect(() =>
      traceTransport(given, () => {
        throw error;
      }),
    ).toThrow(error);
  });
});

describe('the result of a traced function', () => {
  async function* numbers(seen: (string | undefined)[], onClose = () => {}): AsyncGenerator<number, string> {
    try {
      seen.push(activeSpanId());
      yield 1;
      await Promise.resolve();
      seen.push(activeSpanId());
      yield 2;
      return 'done';
    } finally {
      seen.push(activeSpanId());
      onClose();
    }
  }

  it('passes through as it is: values, functions, arrays and objects', () => {
    const object = { a: 1 };
    const list = [1, 2];
    const fn = (): number => 3;
    for (const value of [1, 'text', undefined, null, object, list, fn]) {
      expect(traceTool({ name: 't' }, () => value)).toBe(value);
    }
    expect(telemetry.spans).toHaveLength(7);
  });

  it('keeps the span active in an async generator and in nothing outside it, and ends it with the stream', async () => {
    const seen: (string | undefined)[] = [];
    const stream = traceChat({ ...GPT, stream: true }, () => numbers(seen));
    expect(telemetry.spans).toHaveLength(0);
    const received: number[] = [];
    for await (const value of stream) {
      expect(activeSpanId()).toBeUndefined();
      received.push(value);
    }
    const chat = span('chat gpt-5-mini');
    expect(received).toEqual([1, 2]);
    expect(seen).toEqual([chat.spanId, chat.spanId, chat.spanId]);
    expect(chat.attributes['gen_ai.response.time_to_first_chunk']).toEqual(expect.any(Number));
    expect(chat.attributes['gen_ai.request.stream']).toBe(true);
  });

  it('gives an async generator its return value and lets it be advanced by hand', async () => {
    const stream = traceChat(GPT, () => numbers([]));
    expect(await stream.next()).toEqual({ done: false, value: 1 });
    expect(await stream.next()).toEqual({ done: false, value: 2 });
    expect(await stream.next()).toEqual({ done: true, value: 'done' });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(telemetry.spans).toHaveLength(1);
  });

  it('ends the span after the cleanup of a generator its consumer breaks out of', async () => {
    const seen: (string | undefined)[] = [];
    let spansAtClose = -1;
    for await (const value of traceChat(GPT, () =>
      numbers(seen, () => {
        spansAtClose = telemetry.spans.length;
      }),
    )) {
      if (value === 1) break;
    }
    const chat = span('chat gpt-5-mini');
    expect(spansAtClose).toBe(0);
    expect(seen).toEqual([chat.spanId, chat.spanId]);
    expect(chat.attributes['faultline.outcome']).toBe('aborted');
    expect(chat.status.code).toBe(UNSET);
  });

  it('marks the span failed when the stream fails, and passes the error on', async () => {
    const error = new Error('connection cut');
    async function* broken(): AsyncGenerator<number> {
      yield 1;
      throw error;
    }
    const consume = async (): Promise<void> => {
      for await (const _ of traceChat(GPT, broken)) continue;
    };
    await expect(consume()).rejects.toBe(error);
    expect(span('chat gpt-5-mini').status.code).toBe(ERROR);
  });

  it('keeps the span open through a promise of a stream, and leaves the stream its own methods', async () => {
    class Stream {
      readonly #values = [1, 2];
      readonly controller = new AbortController();
      tee(): string {
        return `tee of ${this.#values.length}`;
      }
      async *[Symbol.asyncIterator](): AsyncGenerator<number> {
        yield* this.#values;
      }
    }
    const stream = await traceChat(GPT, async () => new Stream());
    expect(stream).toBeInstanceOf(Stream);
    expect(stream.tee()).toBe('tee of 2');
    expect(telemetry.spans).toHaveLength(0);
    const received: number[] = [];
    for await (const value of stream) received.push(value);
    expect(received).toEqual([1, 2]);
    expect(telemetry.spans).toHaveLength(1);
  });

  it('follows a web stream to its end, which a Response still accepts', async () => {
    const source = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('hello'));
          controller.close();
        },
      });
    const stream = traceChat(GPT, source);
    expect(telemetry.spans).toHaveLength(0);
    expect(await new Response(stream).text()).toBe('hello');
    expect(span('chat gpt-5-mini').attributes['gen_ai.response.time_to_first_chunk']).toEqual(expect.any(Number));
    telemetry.reset();
    await traceChat(GPT, source).cancel('enough');
    expect(span('chat gpt-5-mini').attributes['faultline.outcome']).toBe('aborted');
  });

  it('starts a lazy thenable only when it is used, once, inside the span', async () => {
    let starts = 0;
    let seen: string | undefined;
    class Request extends Promise<number> {
      readonly #id = 'request-1';
      static override get [Symbol.species](): PromiseConstructor {
        return Promise;
      }
      // oxlint-disable-next-line unicorn/no-thenable -- a lazy thenable is what is tested
      override then<A = number, B = never>(
        onFulfilled?: ((value: number) => A | PromiseLike<A>) | null,
        onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
      ): Promise<A | B> {
        starts += 1;
        seen = activeSpanId();
        return Promise.resolve(42).then(onFulfilled, onRejected);
      }
      withResponse(): string {
        return this.#id;
      }
    }
    const request = traceChat(GPT, () => new Request(() => {}));
    expect(request.withResponse()).toBe('request-1');
    await Promise.resolve();
    expect(starts).toBe(0);
    expect(await request).toBe(42);
    expect(await request.catch(() => 0)).toBe(42);
    expect(starts).toBe(1);
    expect(seen).toBe(span('chat gpt-5-mini').spanId);
  });

  it('leaves a rejection nobody handles to the process', async () => {
    const unhandled = new Promise((resolve) => process.once('unhandledRejection', resolve));
    const listeners = process.listeners('unhandledRejection').slice(0, -1);
    for (const listener of listeners) process.off('unhandledRejection', listener);
    void traceTool({ name: 't' }, () => Promise.reject(new Error('nobody cares')));
    expect(await unhandled).toMatchObject({ message: 'nobody cares' });
    for (const listener of listeners) process.on('unhandledRejection', listener);
  });
});

describe('a name that is none', () => {
  it('leaves a span that is named by what it does', () => {
    const nothing = undefined as never;
    traceAgent(nothing, () => {
      traceChat({ model: nothing, provider: nothing }, (chat) => chat.record({ usage: { inputTokens: 1 } }));
      traceTool({} as never, () => undefined);
      traceMemory({ store: {} } as never, () => undefined);
    });
    traceChat(nothing, (chat) => chat.record({ model: 'gpt-5-mini' }));
    traceTool(null as never, () => undefined);
    traceAgent({ name: null, description: {} } as never, () => undefined);
    const names = telemetry.spans.map(({ name }) => name);
    expect(names).toEqual([
      'chat',
      'execute_tool',
      'search_memory',
      'agent.invoke',
      'chat',
      'execute_tool',
      'agent.invoke',
    ]);
    expect(Object.keys(telemetry.spans[1]!.attributes)).not.toContain('gen_ai.tool.name');
    expect(telemetry.spans[3]!.attributes).toMatchObject({ 'faultline.turns': 1 });
  });

  it('is written as text where it is a number', () => {
    traceAgent({ name: 1 } as never, () => {
      traceChat({ model: 2, provider: 3 } as never, (chat) => chat.record({ id: 4, model: 5n } as never));
      traceTool({ name: 5, callId: 6, type: 7, description: 8 } as never, () => undefined);
      traceMemory({ store: 9, system: 10 } as never, () => undefined);
    });
    expect(telemetry.spans.map(({ name }) => name)).toEqual([
      'chat 2',
      'execute_tool 5',
      'search_memory 9',
      'agent.invoke 1',
    ]);
    expect(span('chat 2').attributes).toMatchObject({
      'gen_ai.agent.name': '1',
      'gen_ai.provider.name': '3',
      'gen_ai.response.id': '4',
      'gen_ai.response.model': '5',
    });
    expect(span('execute_tool 5').attributes).toMatchObject({ 'gen_ai.tool.name': '5', 'gen_ai.tool.call.id': '6' });
  });

  it('does not hide the crash of a transport', () => {
    expect(() =>
      traceTransport({ name: 5 } as never, () => {
        throw new Error('gone');
      }),
    ).toThrow('gone');
    expect(span('transport.crash 5').attributes).toMatchObject({ 'faultline.transport': '5' });
  });
});

describe('trouble inside telemetry', () => {
  it('never reaches the program: options that throw when read', () => {
    const hostile = new Proxy({} as ChatSpanOptions, {
      get() {
        throw new Error('hostile');
      },
    });
    expect(traceChat(hostile, () => 'value')).toBe('value');
  });

  it('never reaches the program: a price table that throws, usage that is nonsense', () => {
    const deactivate = activate({
      price: () => {
        throw new Error('no price');
      },
    });
    expect(traceChat(GPT, (chat) => (chat.record({ usage: { inputTokens: 1 } }), 'value'))).toBe('value');
    deactivate();
    expect(
      traceChat(GPT, (chat) => (chat.record({ usage: { inputTokens: Number.NaN, outputTokens: -4 } }), 'value')),
    ).toBe('value');
    expect(telemetry.spans).toHaveLength(2);
  });
});

describe('what a helper hands to the function it traces', () => {
  it('can be taken apart', async () => {
    const hop = { from: 'gpt-5', to: 'gpt-5-mini', reason: '429' };
    await traceAgent({ name: 'helper' }, async ({ record: recordRun }) => {
      await traceChat(GPT, async ({ span: own, record, firstChunk, fallback }) => {
        firstChunk();
        fallback(hop);
        record({ model: 'gpt-5-mini-2025-08-07' });
        own.setAttribute('app.own', true);
      });
      await traceTool({ name: 'get_weather' }, async ({ record }) => record({ resultBytes: 3 }));
      traceMemory({ store: 'notes' }, ({ record }) => record({ recordCount: 2 }));
      recordRun({ turns: 7 });
    });
    traceTool({ name: 'failing' }, ({ fail }) => fail(new Error('no such place')));

    const chat = span('chat gpt-5-mini');
    expect(chat.attributes).toMatchObject({ 'gen_ai.response.model': 'gpt-5-mini-2025-08-07', 'app.own': true });
    expect(chat.attributes).toHaveProperty('gen_ai.response.time_to_first_chunk');
    expect(chat.events).toHaveLength(1);
    expect(span('execute_tool get_weather').attributes).toMatchObject({ 'gen_ai.tool.call.result.size': 3 });
    expect(span('execute_tool get_weather').status.code).toBe(UNSET);
    expect(span('search_memory notes').attributes).toMatchObject({ 'gen_ai.memory.record.count': 2 });
    expect(span('agent.invoke helper').attributes).toMatchObject({ 'faultline.turns': 7, 'faultline.fallbacks': 1 });
    expect(span('execute_tool failing').status.code).toBe(ERROR);
  });

  it('adds what is recorded of a model call later to what is known of it, and forgets nothing for what is not', () => {
    traceChat(GPT, (chat) => {
      chat.record({ id: 'resp_1', model: 'gpt-5-mini-2025-08-07' });
      chat.record({ id: undefined, model: undefined, usage: { inputTokens: 5 } });
    });
    expect(span('chat gpt-5-mini').attributes).toMatchObject({
      'gen_ai.response.id': 'resp_1',
      'gen_ai.response.model': 'gpt-5-mini-2025-08-07',
      'gen_ai.usage.input_tokens': 5,
    });
  });

  it('records what is known of an answer beside what is not yet, as the chunks of a stream have it', () => {
    const stream = { model: 'gpt-5-mini', provider: 'openai', request: { stopSequences: 'END' } };
    traceChat(stream as never, (chat) => {
      chat.record(null as never);
      chat.record({ id: 'chatcmpl-1', usage: null, finishReasons: [null] } as never);
      chat.record({ usage: { prompt_tokens: 5, completion_tokens: 1 }, finishReasons: ['stop', null] } as never);
      chat.record({ id: null, model: null, usage: null, finishReasons: null, costUsd: null } as never);
    });
    traceChat({ ...GPT, model: 'other' }, (chat) =>
      chat.record({ usage: { inputTokens: 7 }, finishReasons: 'length' } as never),
    );
    expect(span('chat gpt-5-mini').attributes).toMatchObject({
      'gen_ai.request.stop_sequences': ['END'],
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 5,
      'gen_ai.usage.output_tokens': 1,
    });
    expect(span('chat other').attributes).toMatchObject({
      'gen_ai.response.finish_reasons': ['length'],
      'gen_ai.usage.input_tokens': 7,
    });
  });

  it('says what is asked of a model where parts of it are not set', () => {
    const request = { temperature: 0.5, stopSequences: null, reasoningLevel: null, outputType: null, seed: null };
    traceChat({ ...GPT, server: null, request } as never, () => {});
    const nothing = { request: null, attributes: null, parent: null };
    traceAgent({ name: 'helper' }, () => traceChat({ ...GPT, model: 'other', ...nothing } as never, () => {}));
    expect(span('chat other').parentSpanId).toBe(span('agent.invoke helper').spanId);
    expect(span('chat gpt-5-mini').attributes).toMatchObject({
      'gen_ai.request.model': 'gpt-5-mini',
      'gen_ai.request.temperature': 0.5,
    });
    expect(span('chat other').attributes).toMatchObject({ 'gen_ai.request.model': 'other' });
  });

  it('records what a call used also where it is told first that nothing is known', () => {
    traceChat(GPT, (chat) => chat.record({ id: 'r', usage: { inputTokens: 5 }, finishReasons: [null] } as never));
    const { attributes } = span('chat gpt-5-mini');
    expect(attributes).toMatchObject({ 'gen_ai.response.id': 'r', 'gen_ai.usage.input_tokens': 5 });
    expect(attributes).not.toHaveProperty('gen_ai.response.finish_reasons');
  });

  it('counts what Anthropic says as a stream begins, with what it says as it ends', () => {
    const before = { input_tokens: 50, cache_read_input_tokens: 40, cache_creation_input_tokens: 10, output_tokens: 1 };
    traceChat({ model: 'claude-sonnet-4-5', provider: 'anthropic' }, (chat) => {
      chat.record({ id: 'msg_1', usage: before });
      chat.record({ usage: { output_tokens: 30, input_tokens: null } });
    });
    const counts = Object.entries(span('chat claude-sonnet-4-5').attributes).filter(([key]) => /usage/.test(key));
    expect(Object.fromEntries(counts)).toEqual({
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 30,
      'gen_ai.usage.cache_read.input_tokens': 40,
      'gen_ai.usage.cache_write.input_tokens': 10,
    });
  });

  it('counts by what the provider says after an estimate in other words', () => {
    traceChat(GPT, (chat) => {
      chat.record({ usage: { inputTokens: 90, outputTokens: 20 } });
      chat.record({ usage: { prompt_tokens: 100, completion_tokens: 30 } });
      chat.record({ usage: {} });
    });
    expect(span('chat gpt-5-mini').attributes).toMatchObject({
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 30,
    });
  });

  it.each([
    [{ inputTokens: 90 }, { outputTokens: 30 }],
    [{ prompt_tokens: 90 }, { completion_tokens: 30 }],
    [{ input_tokens: 90 }, { output_tokens: 30 }],
    [
      { input_tokens: 90, output_tokens: 1 },
      { output_tokens: 30, input_tokens: null },
    ],
    [{ promptTokenCount: 90 }, { candidatesTokenCount: 30 }],
  ])('counts what went in and what came out where each is said for itself: %j, %j', (before, later) => {
    traceChat(GPT, (chat) => {
      chat.record({ usage: before });
      chat.record({ usage: later });
    });
    expect(span('chat gpt-5-mini').attributes).toMatchObject({
      'gen_ai.usage.input_tokens': 90,
      'gen_ai.usage.output_tokens': 30,
    });
  });

  const unreadable = new Proxy(
    {},
    {
      get(): never {
        throw new Error('hostile');
      },
      ownKeys(): never {
        throw new Error('hostile');
      },
    },
  );

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['what cannot be read', unreadable],
  ])('throws nothing when it is told %s', (_, told) => {
    const given = told as never;
    traceAgent({ name: 'helper' }, (agent) => {
      agent.record(given);
      traceChat(GPT, (chat) => {
        chat.record(given);
        chat.record(given);
        chat.fallback(given);
      });
      traceTool({ name: 'get_weather' }, (tool) => tool.record(given));
      traceMemory({ store: 'notes' }, (memory) => memory.record(given));
      traceTool({ name: 'failing' }, (tool) => tool.fail(given));
    });
    expect(telemetry.spans.filter(({ status }) => status.code === ERROR).map(({ name }) => name)).toEqual([
      'execute_tool failing',
    ]);
  });

  it.each(['3', Number.NaN, null, {}])('counts by itself when it is told %j for a number, or not at all', (given) => {
    const told = given as number;
    traceAgent({ name: 'helper' }, (agent) => {
      agent.record({ turns: told });
      traceChat(GPT, () => 'hello');
      traceTool({ name: 'get_weather' }, (tool) => tool.record({ resultBytes: told }));
      traceMemory({ store: 'notes' }, (memory) => memory.record({ recordCount: told }));
    });
    expect(span('agent.invoke helper').attributes).toMatchObject({ 'faultline.turns': 1 });
    expect(span('execute_tool get_weather').attributes).not.toHaveProperty(['gen_ai.tool.call.result.size']);
    expect(span('search_memory notes').attributes).not.toHaveProperty(['gen_ai.memory.record.count']);
  });
});

describe('content given to a helper', () => {
  it('is only read when the work fails, and is taken out of everything that is recorded of the failure', async () => {
    let reads = 0;
    const withhold = (): unknown => {
      reads += 1;
      return { city: 'Canary Wharf' };
    };
    traceTool({ name: 'fine', withhold }, () => 'Canary Wharf');
    expect(reads).toBe(0);

    const error = new Error('no weather for Canary Wharf', { cause: new Error('unknown place: Canary Wharf') });
    await expect(
      traceAgent({ name: 'helper' }, () =>
        traceTool({ name: 'get_weather', withhold }, async () => {
          throw error;
        }),
      ),
    ).rejects.toBe(error);
    expect(error.message).toBe('no weather for Canary Wharf');
    const bytes = JSON.stringify(telemetry.spans, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    expect(bytes).not.toContain('Canary');
    expect(span('agent.invoke helper').status.message).toBe('no weather for [content]');
    expect(bytes).toContain('Caused by: Error: unknown place: [content]');
  });

  const WEATHER = 'no weather for Canary Wharf';
  const CITY = { withhold: () => 'Canary Wharf' };
  const fail = (): never => {
    throw new Error(WEATHER);
  };
  it.each<[string, () => Promise<unknown>]>([
    [
      'fails inside of it',
      async () => traceAgent({ name: 'helper', ...CITY }, () => traceTool({ name: 'failing' }, fail)),
    ],
    [
      'fails inside of it after something else has ended',
      async () =>
        traceAgent({ name: 'helper', ...CITY }, () => {
          traceTool({ name: 'fine' }, () => 7);
          traceTool({ name: 'failing' }, fail);
        }),
    ],
    [
      'fails in its stream',
      async () => {
        const stream = traceAgent({ name: 'helper', ...CITY }, async function* () {
          yield 1;
          traceTool({ name: 'failing' }, fail);
        });
        for await (const _ of stream) void _;
      },
    ],
    [
      'fails of itself, in what knows more content than is compared',
      async () =>
        traceAgent({ name: 'helper', withhold: () => 'x'.repeat(300_000) }, () =>
          traceTool({ name: 'failing', ...CITY }, fail),
        ),
    ],
    [
      'is recorded inside of it',
      async () => traceTool({ name: 'failing', ...CITY }, () => recordFailure('tool.execution', new Error(WEATHER))),
    ],
    [
      'fails inside of a model call that has recorded it as its answer',
      async () =>
        traceChat(GPT, (chat) => {
          chat.record({ output: () => 'Canary Wharf' });
          chat.record({ id: 'r-1' });
          traceTool({ name: 'failing' }, fail);
        }),
    ],
    [
      'fails of itself after it has recorded it as its result',
      async () =>
        traceTool({ name: 'failing' }, (tool) => {
          tool.record({ result: () => ({ city: 'Canary Wharf' }) });
          fail();
        }),
    ],
    [
      'fails inside of a search that has recorded it, and of an agent whose answer cannot be given',
      async () =>
        traceAgent({ name: 'helper' }, (agent) => {
          agent.record({
            output: () => {
              throw new Error('no answer');
            },
          });
          return traceMemory({ store: 'notes' }, async (memory) => {
            memory.record({ records: () => ['Canary Wharf'] });
            traceTool({ name: 'failing' }, fail);
          });
        }),
    ],
    [
      'fails inside of an agent that has recorded it as its answer',
      async () =>
        traceAgent({ name: 'helper' }, (agent) => {
          agent.record({ output: () => 'Canary Wharf' });
          traceTool({ name: 'failing' }, fail);
        }),
    ],
  ])('is taken out of what is recorded of what %s', async (_, work) => {
    await work().catch(() => {});
    const { status, events } = span('execute_tool failing');
    expect(status.message).toBe('no weather for [content]');
    expect(JSON.stringify(events.map(({ attributes }) => attributes))).not.toContain('Canary');
  });

  it('is forgotten with the work it is of, however long that starts its like in turn', async () => {
    const texts: string[] = [];
    const next = (round: number): Promise<void> =>
      new Promise((resolve, reject) => {
        traceTool({ name: `round-${round}`, withhold: () => texts.push(`read ${round}`) }, () => {
          setImmediate(() => {
            if (round === 3) resolve();
            else next(round + 1).then(resolve, reject);
          });
          if (round === 3) recordFailure('tool.execution', new Error('failed'));
        });
      });
    await next(0);
    expect(texts).toEqual(['read 3']);
  });
});
