import { getEventListeners } from 'node:events';

import { describe, expect, test } from 'vitest';

import { createAgentWith } from '../../src/runtime/agent.ts';
import { createAgent, createRuntime } from '../../src/runtime/index.ts';
import type { Agent, Message, RuntimeOptions, Transport, TransportState } from '../../src/runtime/index.ts';
import { createRuntimeWith } from '../../src/runtime/runtime.ts';
import { superviseTransportWith, type SuperviseOptions } from '../../src/runtime/supervise.ts';
import { scriptedModel, type ScriptedTurn, type ScriptedTurnFunction } from '../../src/testing/scripted-model.ts';
import { gate, rejection } from './support/agents.ts';
import { mailbox, steady } from './support/mailbox.ts';
import { manualTime, type ManualTime } from './support/manual-time.ts';
import { recordSpans } from './support/spans.ts';

const recorder = recordSpans();

const receive = () => Promise.resolve();

function supervise(time: ManualTime, transport: Transport, options: Partial<SuperviseOptions> = {}) {
  const controller = new AbortController();
  const { signal } = controller;
  const done = superviseTransportWith(time, transport, { receive, signal, ...options });
  return { signal, done, stop: (reason?: unknown) => controller.abort(reason) };
}

describe('a supervised transport', () => {
  test('that is stopped leaves no trace', async () => {
    const time = manualTime();
    const { done, stop } = supervise(time, steady());
    stop();

    await done;

    expect(time.running).toBe(0);
    expect(recorder.spans()).toEqual([]);
  });

  test('that rejects has crashed', async () => {
    const crash = new RangeError('socket');
    const { done } = supervise(manualTime(), { name: 'slack', start: () => Promise.reject(crash) });

    expect(await rejection(done)).toBe(crash);
    expect(recorder.tree('error.type', 'faultline.failure.point')).toBe(
      'transport.crash slack ! x type=RangeError point=transport.crash',
    );
  });

  test('that throws has crashed too', async () => {
    const crash = new RangeError('socket');
    const transport: Transport = {
      name: 'slack',
      start: () => {
        throw crash;
      },
    };

    expect(await rejection(supervise(manualTime(), transport).done)).toBe(crash);
    expect(recorder.tree()).toBe('transport.crash slack ! x');
  });

  test('that returns early has crashed', async () => {
    const { done } = supervise(manualTime(), { name: 'slack', start: () => Promise.resolve() });

    expect(await rejection(done)).toMatchObject({ name: 'TransportExitedError' });
    expect(recorder.tree('error.type')).toBe('transport.crash slack ! x type=TransportExitedError');
  });

  test('that says it is done has not', async () => {
    const { done } = supervise(manualTime(), {
      name: 'cli',
      start: (_receive, _signal, end) => {
        end();
        return Promise.resolve();
      },
    });

    await done;

    expect(recorder.spans()).toEqual([]);
  });

  test('that fails while it is being stopped has not crashed', async () => {
    const transport: Transport = {
      name: 'slack',
      start: (_receive, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('closed')))),
    };
    const { done, stop } = supervise(manualTime(), transport);
    stop();

    await done;

    expect(recorder.spans()).toEqual([]);
  });

  test('that does not listen is left behind after a while', async () => {
    const time = manualTime();
    const { done, stop } = supervise(time, { name: 'deaf', start: () => new Promise(() => {}) });
    stop();
    expect(await time.nextTimer()).toBe(5_000);
    time.advance(5_000);

    await done;

    expect(time.running).toBe(0);
  });

  test('is started again after 1, 2, 4 and at most 60 seconds', async () => {
    const time = manualTime();
    const transport: Transport = { name: 'slack', start: () => Promise.reject(new Error('no')) };
    const { signal, done, stop } = supervise(time, transport, { onCrash: 'restart' });
    const delays: number[] = [];
    for (let crash = 0; crash < 8; crash += 1) {
      const delayMs = await time.nextTimer();
      // The pause is what listens; nothing that has crashed does any more.
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
      delays.push(delayMs);
      time.advance(delayMs);
    }
    stop();

    await done;

    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    expect(recorder.named('transport.crash slack').length).toBeGreaterThanOrEqual(8);
  });

  test('that worked for a minute starts over with its delays', async () => {
    const time = manualTime();
    const uptimes = [0, 0, 60_000, 0];
    const transport: Transport = {
      name: 'slack',
      start: () => {
        time.advance(uptimes.shift() ?? 0);
        return Promise.reject(new Error('no'));
      },
    };
    const { done, stop } = supervise(time, transport, { onCrash: 'restart' });
    const delays: number[] = [];
    for (let crash = 0; crash < 4; crash += 1) {
      const delayMs = await time.nextTimer();
      delays.push(delayMs);
      time.advance(delayMs);
    }
    stop();

    await done;

    expect(delays).toEqual([1_000, 2_000, 1_000, 2_000]);
  });
});

describe('how a supervised transport is', () => {
  const at = (time: ManualTime, ms = 0): string => new Date(time.now() + ms).toISOString();

  test('is running until it is stopped', async () => {
    const states: TransportState[] = [];
    const { done, stop } = supervise(manualTime(), steady(), { onState: (state) => states.push(state) });
    expect(states).toEqual([{ state: 'running' }]);
    stop();

    await done;

    expect(states.slice(1)).toEqual([{ state: 'stopped' }]);
  });

  test('is done once it says so', async () => {
    const states: TransportState[] = [];
    const transport: Transport = { name: 'cli', start: (_receive, _signal, end) => Promise.resolve(end()) };

    await supervise(manualTime(), transport, { onState: (state) => states.push(state) }).done;

    expect(states).toEqual([{ state: 'running' }, { state: 'done' }]);
  });

  test('is stopped once it has crashed for good, before anybody hears of the crash', async () => {
    const told: unknown[] = [];
    const transport: Transport = { name: 'slack', start: () => Promise.reject(new Error('no')) };

    await rejection(
      supervise(manualTime(), transport, {
        onState: ({ state }) => told.push(state),
        onCrashed: ({ crashes }) => told.push(crashes),
      }).done,
    );

    expect(told).toEqual(['running', 'stopped', 1]);
  });

  test('is restarting since it last worked for a while, and stopped when nobody waits for that', async () => {
    const time = manualTime();
    const states: TransportState[] = [];
    const uptimes = [0, 10, 60_000];
    const transport: Transport = {
      name: 'slack',
      start: () => {
        time.advance(uptimes.shift() ?? 0);
        return Promise.reject(new Error('no'));
      },
    };
    const first = at(time);
    const recovered = at(time, 1_000 + 10 + 2_000 + 60_000);

    const { done, stop } = supervise(time, transport, { onCrash: 'restart', onState: (state) => states.push(state) });
    for (let crash = 0; crash < 2; crash += 1) time.advance(await time.nextTimer());
    await time.nextTimer();
    stop();
    await done;

    expect(states).toEqual([
      { state: 'running' },
      { state: 'restarting', since: first },
      { state: 'running' },
      { state: 'restarting', since: first },
      { state: 'running' },
      { state: 'restarting', since: recovered },
      { state: 'stopped' },
    ]);
  });
});

function helper(...turns: (ScriptedTurn | ScriptedTurnFunction)[]): Agent {
  return createAgent({ name: 'helper', models: [{ model: scriptedModel(turns), maxRetries: 0 }] });
}

function runtimeOf(agent: Agent, options: Partial<RuntimeOptions> = {}) {
  return createRuntime({ agents: [agent], transports: [], ...options });
}

describe('a runtime', () => {
  test('answers a message inside one run that knows where it comes from', async () => {
    const { replies, message } = mailbox();

    await runtimeOf(helper('Hello Ada.')).handle('helper', message('hi'));

    expect(replies).toEqual(['Hello Ada.']);
    expect(recorder.only('agent.invoke helper').attributes).toMatchObject({
      'faultline.transport': 'mail',
      'gen_ai.conversation.id': 'c-1',
      'user.id': 'ada',
    });
  });

  test('remembers the conversation, and no other', async () => {
    const model = scriptedModel(['one', 'two', 'three']);
    const runtime = runtimeOf(createAgent({ name: 'helper', models: [model] }));
    const { message } = mailbox();

    await runtime.handle('helper', message('a'));
    await runtime.handle('helper', message('b'));
    await runtime.handle('helper', message('c', { conversationId: 'c-2' }));

    expect(model.calls.map((call) => call.prompt.length)).toEqual([1, 3, 1]);
  });

  test('answers the messages of one conversation one after the other, of two at the same time', async () => {
    const first = gate();
    const order: string[] = [];
    const agent = helper(
      async () => {
        await first.opened;
        return 'first';
      },
      'other',
      'second',
    );
    const runtime = runtimeOf(agent);
    const { message } = mailbox();
    const note = (text: string) => ({
      reply: () => {
        order.push(text);
        return Promise.resolve();
      },
    });

    const both = [
      runtime.handle('helper', message('1', note('first'))),
      runtime.handle('helper', message('2', note('second'))),
    ];
    await runtime.handle('helper', message('3', { conversationId: 'c-2', ...note('other') }));
    first.open();
    await Promise.all(both);

    expect(order).toEqual(['other', 'first', 'second']);
  });

  test('tells the person that it failed and by which trace, never why', async () => {
    const { replies, message } = mailbox();

    await runtimeOf(helper({ error: new Error('sk-proj-1234567890 was refused') })).handle('helper', message('hi'));

    const { traceId } = recorder.only('agent.invoke helper').spanContext();
    expect(replies).toEqual([
      `Something went wrong and I could not answer. If you report it, please mention ${traceId}.`,
    ]);
  });

  test('counts a reply that cannot be sent as a failure of the conversation', async () => {
    const { message } = mailbox();
    const reply = () => Promise.reject(new TypeError('the channel is archived'));

    await runtimeOf(helper('Hello.')).handle('helper', message('hi', { reply }));

    expect(recorder.tree('error.type', 'faultline.failure.point')).toBe(
      ['agent.invoke helper ! x type=TypeError point=conversation.unhandled', '  chat scripted-model'].join('\n'),
    );
  });

  test('counts a history that cannot be loaded as one too', async () => {
    const { replies, message } = mailbox();
    const history = {
      load: (): Message[] => {
        throw new TypeError('no database');
      },
      save: () => {},
    };

    await runtimeOf(helper('Hello.'), { history }).handle('helper', message('hi'));

    expect(recorder.tree('error.type')).toBe('agent.invoke helper ! x type=TypeError');
    expect(replies[0]).toMatch(/^Something went wrong/);
  });

  test('says something when the model says nothing', async () => {
    const { replies, message } = mailbox();

    await runtimeOf(helper('')).handle('helper', message('hi'));

    expect(replies).toEqual(['I have no answer to that.']);
  });

  test('asks to come back when it has enough to do', async () => {
    const done = gate();
    const runtime = runtimeOf(
      helper(async () => {
        await done.opened;
        return 'late';
      }),
      { maxActive: 1 },
    );
    const { replies, message } = mailbox();

    const first = runtime.handle('helper', message('1'));
    await runtime.handle('helper', message('2', { conversationId: 'c-2' }));
    done.open();
    await first;

    expect(replies).toEqual(['I am busy right now. Please try again in a moment.', 'late']);
  });

  test('drops the run of a message that is taken back, without a word', async () => {
    const asked = gate();
    const runtime = runtimeOf(
      helper(() => {
        asked.open();
        return { hang: '' };
      }),
    );
    const { replies, message } = mailbox();
    const controller = new AbortController();

    const handled = runtime.handle('helper', message('hi', { signal: controller.signal }));
    await asked.opened;
    controller.abort();
    await handled;

    expect(replies).toEqual([]);
    expect(recorder.tree('faultline.outcome')).toBe(
      ['agent.invoke helper outcome=aborted', '  chat scripted-model outcome=aborted'].join('\n'),
    );
  });

  test('streams to a transport that listens', async () => {
    const types: string[] = [];
    const { message } = mailbox();

    await runtimeOf(helper('one two')).handle('helper', message('hi', { onEvent: (event) => types.push(event.type) }));

    expect(types.filter((type) => type === 'text.delta')).toHaveLength(2);
    expect(recorder.only('chat scripted-model').attributes['gen_ai.request.stream']).toBe(true);
  });

  test('works until it is stopped', async () => {
    const { transport } = mailbox();
    const runtime = runtimeOf(helper(), { transports: [{ transport, agent: 'helper' }] });

    const working = runtime.start();
    await runtime.stop();

    await working;
    expect(recorder.spans()).toEqual([]);
    expect(await rejection(runtime.start())).toMatchObject({ message: 'a runtime is started once' });
  });

  test('is done when all of its transports are, and everything is answered', async () => {
    const { replies, message } = mailbox();
    const transport: Transport = {
      name: 'mail',
      start: (receive, _signal, end) => {
        void receive(message('hi'));
        end();
        return Promise.resolve();
      },
    };

    await runtimeOf(helper('Hello.'), { transports: [{ transport, agent: 'helper' }] }).start();

    expect(replies).toEqual(['Hello.']);
  });

  test('stops with the transport that crashed, whose crash links to the runs it was carrying', async () => {
    const asked = gate();
    const agent = helper({ hang: '' }, () => {
      asked.open();
      return { hang: '' };
    });
    const mail = mailbox('mail');
    const { message } = mailbox('slack');
    const crash = new RangeError('socket');
    const slack: Transport = {
      name: 'slack',
      start: async (receive) => {
        void receive(message('hi'));
        await asked.opened;
        throw crash;
      },
    };
    const runtime = runtimeOf(agent, {
      transports: [
        { transport: slack, agent: 'helper' },
        { transport: mail.transport, agent: 'helper' },
      ],
    });
    void runtime.handle('helper', mail.message('hello'));

    expect(await rejection(runtime.start())).toBe(crash);

    const runs = recorder.named('agent.invoke helper');
    const run = runs.find((span) => span.attributes['faultline.transport'] === 'slack')!;
    expect(runs.map((span) => span.attributes['faultline.outcome'])).toEqual(['aborted', 'aborted']);
    const span = recorder.only('transport.crash slack');
    expect(span.links.map((link) => link.context.spanId)).toEqual([run.spanContext().spanId]);
    expect(span.spanContext().traceId).not.toBe(run.spanContext().traceId);
  });

  test('starts a crashed transport again when told to, and keeps the runs it was carrying', async () => {
    const time = manualTime();
    const crashed = gate();
    const { replies, message } = mailbox('slack');
    const agent = createAgentWith(time, {
      name: 'helper',
      models: [
        scriptedModel([
          async () => {
            await crashed.opened;
            return 'Hello.';
          },
        ]),
      ],
    });
    let starts = 0;
    const slack: Transport = {
      name: 'slack',
      start: async (receive, _signal, end) => {
        starts += 1;
        if (starts > 1) {
          end();
          return;
        }
        void receive(message('hi'));
        throw new RangeError('socket');
      },
    };
    const runtime = createRuntimeWith(time, {
      agents: [agent],
      transports: [{ transport: slack, agent: 'helper' }],
      onCrash: 'restart',
    });

    const working = runtime.start();
    time.advance(await time.nextTimer());
    crashed.open();
    await working;

    expect(starts).toBe(2);
    expect(replies).toEqual(['Hello.']);
  });

  test('checks its options when it is created', () => {
    const agent = helper();
    const transports = [{ transport: steady(), agent: 'nobody' }];

    expect(() => runtimeOf(agent, { transports })).toThrow('there is no agent nobody; expected one of helper');
    expect(() => runtimeOf(agent, { agents: [agent, agent] })).toThrow('two agents are called helper');
    expect(() => runtimeOf(agent, { maxActive: 0 })).toThrow('maxActive must be a whole number of at least 1; got 0');
  });

  test.each<[string, object, string]>([
    [
      'a transport as it is',
      { transports: [steady()] },
      'the transport of transports[0] of a runtime must be an object',
    ],
    ['no list of transports', { transports: steady() }, 'transports of a runtime must be a list; got an object'],
    ['no transport', { transports: [undefined] }, 'transports[0] of a runtime must be an object; got undefined'],
    [
      'what is none',
      { transports: [{ transport: {} }] },
      'start of the transport of transports[0] of a runtime must be a function; got undefined',
    ],
    [
      'what is no agent',
      { agents: [{ name: 'helper' }] },
      'run of agents[0] of a runtime must be a function; got undefined',
    ],
    ['no list of agents', { agents: helper() }, 'agents of a runtime must be a list; got an object'],
  ])('says what stands where it cannot: %s', (_what, options, problem) => {
    const agent = helper();

    expect(() => runtimeOf(agent, options)).toThrow(problem);
  });
});
