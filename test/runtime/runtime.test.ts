import { describe, expect, test } from 'vitest';

import { createAgent, createRuntime, inProcessHistory } from '../../src/runtime/index.ts';
import type { Agent, ConversationHistory, Runtime, RuntimeOptions, Transport } from '../../src/runtime/index.ts';
import { createRuntimeWith } from '../../src/runtime/runtime.ts';
import { scriptedModel, type ScriptedTurn, type ScriptedTurnFunction } from '../../src/testing/scripted-model.ts';
import { gate, rejection } from './support/agents.ts';
import { mailbox, steady } from './support/mailbox.ts';
import { manualTime } from './support/manual-time.ts';
import { recordSpans } from './support/spans.ts';

const recorder = recordSpans();

type Turn = ScriptedTurn | ScriptedTurnFunction;

function agentNamed(name: string, ...turns: Turn[]): Agent {
  return createAgent({ name, models: [{ model: scriptedModel(turns), maxRetries: 0 }] });
}

function runtimeOf(agents: readonly Agent[], options: Partial<RuntimeOptions> = {}): Runtime {
  return createRuntime({ agents, transports: [], ...options });
}

/** A turn that is held back until it is let go. */
function held(answer: Turn = 'late') {
  const asked = gate();
  const release = gate();
  const turn: ScriptedTurnFunction = async (call) => {
    asked.open();
    await release.opened;
    return typeof answer === 'function' ? answer(call) : answer;
  };
  return { turn, asked: asked.opened, release: () => release.open() };
}

describe('the status of a runtime', () => {
  test('says of every transport how it is, and of the runtime whether it takes messages', async () => {
    const leaves = gate();
    const cli: Transport = { name: 'cli', start: (_receive, _signal, end) => leaves.opened.then(end) };
    const transports = [{ transport: steady('http') }, { transport: cli, agent: 'helper' }];
    const runtime = runtimeOf([agentNamed('helper')], { transports });
    const statusWith = (ready: boolean, ...states: string[]) => ({
      ready,
      transports: [
        { name: 'http', state: states[0] },
        { name: 'cli', agent: 'helper', state: states[1] },
      ],
    });

    expect(runtime.status()).toEqual(statusWith(false, 'stopped', 'stopped'));
    const ended = runtime.start();
    expect(runtime.status()).toEqual(statusWith(true, 'running', 'running'));
    leaves.open();
    await expect.poll(() => runtime.status()).toEqual(statusWith(true, 'running', 'done'));
    await runtime.drain();
    expect(runtime.status()).toEqual(statusWith(false, 'running', 'done'));
    await runtime.stop();
    await ended;
    expect(runtime.status()).toEqual(statusWith(false, 'stopped', 'done'));
  });

  test('is not good while a transport restarts, nor once one has crashed for good', async () => {
    const time = manualTime();
    const crashing: Transport = { name: 'slack', start: () => Promise.reject(new Error('no')) };
    const transports = [{ transport: crashing, agent: 'helper' }];
    const restarts = createRuntimeWith(time, { agents: [agentNamed('helper')], transports, onCrash: 'restart' });
    const stops = runtimeOf([agentNamed('helper')], { transports });

    const ended = restarts.start();
    await time.nextTimer();
    const slack = { name: 'slack', agent: 'helper' };
    const since = new Date(time.now()).toISOString();
    expect(restarts.status()).toEqual({ ready: false, transports: [{ ...slack, state: 'restarting', since }] });
    await restarts.stop();
    await ended;
    await rejection(stops.start());
    expect(stops.status()).toEqual({ ready: false, transports: [{ ...slack, state: 'stopped' }] });
  });
});

describe('the history of a conversation', () => {
  test('is not that of the same id over another transport', async () => {
    const model = scriptedModel(['The launch code is 1234.', 'Who are you?']);
    const runtime = runtimeOf([createAgent({ name: 'helper', models: [model] })]);

    await runtime.handle('helper', mailbox('slack').message('what is it?', { conversationId: 'T1-C1-1.0' }));
    await runtime.handle('helper', mailbox('http').message('go on', { conversationId: 'T1-C1-1.0' }));

    expect(model.calls[1]!.prompt).toHaveLength(1);
    expect(JSON.stringify(model.calls[1]!.prompt)).not.toContain('1234');
  });

  test('is not that of the same id with another agent', async () => {
    const model = scriptedModel(['The launch code is 1234.', 'Who are you?']);
    const agents = ['one', 'two'].map((name) => createAgent({ name, models: [model] }));
    const runtime = runtimeOf(agents);
    const { message } = mailbox();

    await runtime.handle('one', message('what is it?'));
    await runtime.handle('two', message('go on'));

    expect(model.calls[1]!.prompt).toHaveLength(1);
  });

  test('cannot be reached by an id that imitates another conversation', async () => {
    const keys: string[] = [];
    const kept = inProcessHistory();
    const history: ConversationHistory = {
      load: (conversation) => {
        keys.push(conversation);
        return kept.load(conversation);
      },
      save: (conversation, messages) => kept.save(conversation, messages),
    };
    const runtime = runtimeOf([agentNamed('helper', 'a', 'b')], { history });

    await runtime.handle('helper', mailbox('slack').message('hi', { conversationId: '1' }));
    await runtime.handle('helper', mailbox('http').message('hi', { conversationId: `","slack","1` }));

    expect(new Set(keys).size).toBe(2);
    expect(recorder.named('agent.invoke helper')[0]!.attributes['gen_ai.conversation.id']).toBe('1');
  });
});

describe('a message', () => {
  /** A transport that hands over one message and keeps what became of it. */
  function handing(fields: { readonly agent?: string; readonly stream?: boolean }, onEvent = false) {
    const { message, replies } = mailbox();
    const outcomes: unknown[] = [];
    const transport: Transport = {
      name: 'mail',
      start: async (receive, _signal, end) => {
        const handed = message('hi', { ...fields, ...(onEvent ? { onEvent: () => {} } : {}) });
        outcomes.push(
          await receive(handed).then(
            () => 'answered',
            (error: unknown) => error,
          ),
        );
        end();
      },
    };
    return { transport, replies, outcomes };
  }

  test('is answered by the agent it names', async () => {
    const { transport, replies } = handing({ agent: 'two' });
    const agents = [agentNamed('one', 'From one.'), agentNamed('two', 'From two.')];

    await runtimeOf(agents, { transports: [{ transport, agent: 'one' }] }).start();

    expect(replies).toEqual(['From two.']);
  });

  test('to an agent that is not there is the transport’s to explain', async () => {
    const { transport, replies, outcomes } = handing({ agent: 'three' });

    await runtimeOf([agentNamed('one')], { transports: [{ transport, agent: 'one' }] }).start();

    expect(outcomes).toMatchObject([
      { name: 'AgentNotFoundError', message: 'there is no agent three; expected one of one' },
    ]);
    expect(replies).toEqual([]);
    expect(recorder.spans()).toEqual([]);
  });

  test('that names no agent, over a transport that has none, is to nobody', async () => {
    const { transport, outcomes } = handing({});

    await runtimeOf([agentNamed('one')], { transports: [{ transport }] }).start();

    expect(outcomes).toMatchObject([{ message: 'the message names no agent; expected one of one' }]);
  });

  test.each([
    [{ stream: false }, true, undefined],
    [{ stream: true }, false, true],
    [{}, true, true],
    [{}, false, undefined],
  ])('with %j and a listener: %s asks the model for a stream: %s', async (fields, listens, expected) => {
    const { transport } = handing(fields, listens);

    await runtimeOf([agentNamed('one', 'Hello.')], { transports: [{ transport, agent: 'one' }] }).start();

    expect(recorder.only('chat scripted-model').attributes['gen_ai.request.stream']).toBe(expected);
  });
});

const SHUTTING_DOWN = 'I am shutting down. Please try again in a moment.';

describe('a runtime that is stopped with time to spare', () => {
  test('answers what is under way, and says to others that it is shutting down', async () => {
    const { turn, asked, release } = held();
    const runtime = runtimeOf([agentNamed('helper', turn)]);
    const { replies, message } = mailbox();

    const first = runtime.handle('helper', message('1'));
    await asked;
    const stopped = runtime.stop({ timeoutMs: 5_000 });
    await runtime.handle('helper', message('2'));
    release();
    await first;

    expect(await stopped).toEqual({ aborted: 0 });
    expect(replies).toEqual([SHUTTING_DOWN, 'late']);
    expect(recorder.named('agent.invoke helper')).toHaveLength(1);
  });

  test('aborts what is not over in time, and says how many that were', async () => {
    const time = manualTime();
    const { turn, asked, release } = held({ hang: '' });
    const runtime = createRuntimeWith(time, { agents: [agentNamed('helper', turn, 'quick')], transports: [] });
    const { replies, message } = mailbox();

    const handled = runtime.handle('helper', message('1'));
    await asked;
    release();
    await runtime.handle('helper', message('2', { conversationId: 'c-2' }));
    const stopped = runtime.stop({ timeoutMs: 5_000 });
    expect(await time.nextTimer()).toBe(4_000);
    time.advance(4_000);

    expect(await stopped).toEqual({ aborted: 1 });
    await handled;
    expect(replies).toEqual(['quick', SHUTTING_DOWN]);
    expect(time.running).toBe(0);
    const outcomes = recorder.named('agent.invoke helper').map((span) => span.attributes['faultline.outcome']);
    expect(outcomes.filter((outcome) => outcome === 'aborted')).toHaveLength(1);
  });

  test.each([
    [5_000, 4_000, 1_000],
    [500, 400, 100],
  ])('takes no longer than %i ms when words to whoever waits never get through', async (timeoutMs, runsMs, wordsMs) => {
    const time = manualTime();
    const { turn, asked, release } = held({ hang: '' });
    const runtime = createRuntimeWith(time, { agents: [agentNamed('helper', turn)], transports: [] });
    const replying = gate();
    const reply = (): Promise<void> => {
      replying.open();
      return new Promise(() => {});
    };

    const handled = runtime.handle('helper', mailbox().message('1', { reply }));
    await asked;
    release();
    const stopped = runtime.stop({ timeoutMs });
    expect(await time.nextTimer()).toBe(runsMs);
    time.advance(runsMs);
    await replying.opened;
    expect(await time.nextTimer()).toBe(wordsMs);
    time.advance(wordsMs);

    expect(await stopped).toEqual({ aborted: 1 });
    await handled;
    expect(time.running).toBe(0);
  });

  test('stops at once when it is asked again, and leaves no timer behind', async () => {
    const time = manualTime();
    const { turn, asked, release } = held({ hang: '' });
    const runtime = createRuntimeWith(time, { agents: [agentNamed('helper', turn)], transports: [] });

    const handled = runtime.handle('helper', mailbox().message('1'));
    await asked;
    release();
    const stopped = runtime.stop({ timeoutMs: 5_000 });
    await runtime.stop();
    await handled;

    expect(await stopped).toEqual({ aborted: 1 });
    expect(time.running).toBe(0);
  });

  test('has its transports turn messages away before it stops them', async () => {
    const order: string[] = [];
    const { turn, asked, release } = held();
    const { message, replies } = mailbox();
    const working = steady('mail');
    const transport: Transport = {
      ...working,
      start: (receive, signal, end) => {
        signal.addEventListener('abort', () => order.push('stopped'));
        void receive(message('hi'));
        return working.start(receive, signal, end);
      },
      drain: () => {
        order.push('draining');
        release();
        return Promise.reject(new Error('a transport that cannot'));
      },
    };
    const runtime = runtimeOf([agentNamed('helper', turn)], { transports: [{ transport, agent: 'helper' }] });

    const ended = runtime.start();
    await asked;
    await runtime.stop({ timeoutMs: 5_000 });
    await ended;

    expect(order).toEqual(['draining', 'stopped']);
    expect(replies).toEqual(['late']);
  });

  test('says so to those whose answer it cuts off, also when it is stopped at once', async () => {
    const { turn, asked, release } = held({ hang: 'Half of' });
    const runtime = runtimeOf([agentNamed('helper', turn)]);
    const { replies, message } = mailbox();

    const handled = [runtime.handle('helper', message('1')), runtime.handle('helper', message('in line'))];
    await asked;
    release();
    await runtime.stop();
    await Promise.all(handled);

    expect(replies).toEqual([SHUTTING_DOWN, SHUTTING_DOWN]);
  });

  test.each([
    ['lets an answer that is on its way be the last word', 'through', ['Hello.'], 0],
    ['says so when an answer that was on its way does not get through', 'lost', ['Hello.', SHUTTING_DOWN], 1],
  ])('%s', async (_, end, said, aborted) => {
    const runtime = runtimeOf([agentNamed('helper', 'Hello.')]);
    const [replying, arriving] = [gate(), gate()];
    const replies: string[] = [];
    const reply = async (text: string): Promise<void> => {
      replies.push(text);
      replying.open();
      await arriving.opened;
      if (text === 'Hello.' && end === 'lost') throw new Error('rate limited');
    };

    const handled = runtime.handle('helper', mailbox().message('hi', { reply }));
    await replying.opened;
    const stopped = runtime.stop();
    arriving.open();
    expect(await stopped).toEqual({ aborted });
    await handled;

    expect(replies).toEqual(said);
  });

  test('does not answer after all when its history was slow', async () => {
    const [saving, saved] = [gate(), gate()];
    let replied: Promise<void> | undefined;
    const history: ConversationHistory = {
      load: () => [],
      save: () => {
        saving.open();
        replied = saved.opened.then(() => new Promise(setImmediate));
        return saved.opened;
      },
    };
    const runtime = runtimeOf([agentNamed('helper', 'Hello.')], { history });
    const { replies, message } = mailbox();

    const handled = runtime.handle('helper', message('hi'));
    await saving.opened;
    await runtime.stop();
    await handled;
    saved.open();
    await replied;

    expect(replies).toEqual([SHUTTING_DOWN]);
  });

  test('says nothing to those who have left', async () => {
    const { turn, asked, release } = held({ hang: '' });
    const runtime = runtimeOf([agentNamed('helper', turn)]);
    const { replies, message } = mailbox();
    const left = new AbortController();

    const handled = runtime.handle('helper', message('1', { signal: left.signal }));
    await asked;
    release();
    left.abort();
    await runtime.stop();
    await handled;

    expect(replies).toEqual([]);
  });

  test('that stops because one transport has crashed tells the others’ people', async () => {
    const { turn, asked, release } = held({ hang: '' });
    const { replies, message, transport: working } = mailbox();
    const crashing: Transport = { name: 'broken', start: () => asked.then(() => Promise.reject(new Error('no'))) };
    const transport: Transport = {
      ...working,
      start: (receive, signal, end) => {
        void receive(message('hi'));
        return working.start(receive, signal, end);
      },
    };
    const transports = [transport, crashing].map((transport) => ({ transport, agent: 'helper' }));
    const runtime = runtimeOf([agentNamed('helper', turn)], { transports });

    const ended = rejection(runtime.start());
    release();

    expect(await ended).toMatchObject({ message: 'no' });
    expect(replies).toEqual([SHUTTING_DOWN]);
  });

  test('is not held up for more than a moment by words that never get through', async () => {
    const time = manualTime();
    const { turn, asked, release } = held({ hang: '' });
    const runtime = createRuntimeWith(time, { agents: [agentNamed('helper', turn)], transports: [] });
    const replying = gate();
    const reply = (): Promise<void> => {
      replying.open();
      return new Promise(() => {});
    };

    const { message } = mailbox();
    const handled = ['1', 'in line'].map((text) => runtime.handle('helper', message(text, { reply })));
    await asked;
    release();
    const stopped = runtime.stop();
    await replying.opened;
    expect(await time.nextTimer()).toBe(1_000);
    time.advance(1_000);
    expect(await time.nextTimer()).toBe(0);
    time.advance(0);

    expect(await stopped).toEqual({ aborted: 2 });
    await Promise.all(handled);
    expect(time.running).toBe(0);
  });

  test('is held up no longer by an apology that never gets through', async () => {
    const time = manualTime();
    const replying = gate();
    const agents = [agentNamed('helper', { error: new Error('no') })];
    const runtime = createRuntimeWith(time, { agents, transports: [] });
    const reply = (): Promise<void> => {
      replying.open();
      return new Promise(() => {});
    };

    const handled = runtime.handle('helper', mailbox().message('hi', { reply }));
    await replying.opened;
    const stopped = runtime.stop();
    expect(await time.nextTimer()).toBe(1_000);
    time.advance(1_000);
    await stopped;
    await handled;

    expect(recorder.only('agent.invoke helper').attributes['error.type']).toBe('AllModelsFailedError');
  });

  test('wants a time that timers can keep', async () => {
    expect(await rejection(runtimeOf([agentNamed('helper')]).stop({ timeoutMs: -1 }))).toMatchObject({
      name: 'RangeError',
    });
  });
});
