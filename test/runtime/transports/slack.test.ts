import { describe, expect, onTestFinished, test } from 'vitest';

import { createRuntime, type Agent } from '../../../src/runtime/index.ts';
import { createSlackAnswer, piecesOf } from '../../../src/runtime/transports/slack-answer.ts';
import { createRecentIds } from '../../../src/runtime/transports/recent-ids.ts';
import { slackTransportWith, type SlackTransportOptions } from '../../../src/runtime/transports/slack.ts';
import { gate, rejection } from '../support/agents.ts';
import { manualTime } from '../support/manual-time.ts';
import { recordSpans } from '../support/spans.ts';
import { helper } from './serving.ts';
import { BOT, direct, mention, workspace, type Workspace } from './slack-workspace.ts';

const recorder = recordSpans();

/** An agent at work in a workspace, on a clock that stands still. */
function connected(agent: Agent, options: Partial<SlackTransportOptions> = {}, slack: Workspace = workspace()) {
  const time = manualTime();
  const transport = slackTransportWith(time, { app: slack.app, ...options });
  const runtime = createRuntime({ agents: [agent], transports: [{ transport, agent: agent.name }] });
  const working = runtime.start();
  onTestFinished(async () => {
    await runtime.stop();
    await working.catch(() => {});
  });
  return { slack, time, runtime, working };
}

/** What everybody sees in the end. */
const shown = ({ messages }: Workspace) => messages.map(({ texts }) => texts.at(-1));

/** An agent that waits to be told before it answers. */
function waiting(...answers: string[]) {
  const asked = gate();
  const done = gate();
  const agent = helper(
    async () => {
      asked.open();
      await done.opened;
      return answers[0]!;
    },
    ...answers.slice(1),
  );
  return { agent, asked: asked.opened, answer: () => done.open() };
}

describe('the bot', () => {
  test('answers a mention in its thread, inside one run that knows where it comes from', async () => {
    const { slack } = connected(helper('Hello Ada.'));

    await slack.send(mention('who &amp; what is <https://example.com|this>?'));

    expect(slack.messages).toMatchObject([{ channel: 'C1', thread: '1700000000.000100' }]);
    expect(shown(slack)).toEqual(['Hello Ada.']);
    expect(recorder.only('agent.invoke helper').attributes).toMatchObject({
      'faultline.transport': 'slack',
      'gen_ai.conversation.id': 'T1-C1-1700000000_000100',
      'user.id': 'U1',
    });
  });

  test.each([
    [
      mention('who &amp; what is <https://example.com|this>, &lt;b&gt; &amp;lt;?'),
      'who & what is https://example.com, <b> &lt;?',
    ],
    [direct('write to <mailto:ada@example.com|Ada>'), 'write to mailto:ada@example.com'],
    [direct(`does <@U7> know <@${BOT}>?`), 'does <@U7> know  ?'],
  ])('asks the agent what a person typed, without its own name: %o', async (event, text) => {
    let asked: unknown;
    const agent = helper(({ prompt }) => {
      asked = prompt.at(-1);
      return 'Well.';
    });
    await connected(agent).slack.send(event);
    expect(asked).toMatchObject({ role: 'user', content: [{ type: 'text', text }] });
  });

  test('answers a direct message where it was written', async () => {
    const { slack } = connected(helper('Hello Ada.', 'In a thread.'));

    await slack.send(direct('hi'));
    await slack.send(direct('hi', { thread_ts: '1600000000.000001' }));

    expect(slack.messages.map(({ channel, thread }) => [channel, thread])).toEqual([
      ['D1', undefined],
      ['D1', '1600000000.000001'],
    ]);
    const ids = recorder.named('agent.invoke helper').map((run) => run.attributes['gen_ai.conversation.id']);
    expect(ids).toEqual(['T1-D1', 'T1-D1-1600000000_000001']);
  });

  test.each([
    ['a bot', direct('hi', { bot_id: 'B1' })],
    ['itself', direct('hi', { user: BOT })],
    ['an edit', direct('hi', { subtype: 'message_changed' })],
    ['a channel that does not name it', direct('hi', { channel_type: 'channel' })],
    ['a mention without a word', mention('  ')],
    ['an event nobody understands', { type: 'message', channel_type: 'im' }],
  ])('does not answer %s', async (_name, event) => {
    const { slack } = connected(helper());

    await slack.send(event);

    expect(slack.messages).toEqual([]);
    expect(recorder.spans()).toEqual([]);
  });

  test('answers an event once, however often Slack sends it, until it is an old story', async () => {
    const { slack, time } = connected(helper('one', 'two', 'three'));
    const first = direct('hi', { ts: '1.1' });

    await slack.send(first, 'Ev-1');
    await slack.send(first, 'Ev-1');
    time.advance(5 * 60_000);
    await slack.send(first, 'Ev-1');
    await slack.send(direct('hi', { ts: '1.2' }), 'Ev-1');
    expect(shown(slack)).toEqual(['one']);

    time.advance(60_000);
    await slack.send(first, 'Ev-1');
    expect(shown(slack)).toEqual(['one', 'two']);
  });

  test('answers one message once when Slack tells it as two events', async () => {
    const { slack } = connected(helper('one', 'two'));

    await slack.send(mention('hi', { client_msg_id: 'm-1' }), 'Ev-1');
    await slack.send(mention('hi', { client_msg_id: 'm-1', ts: '1700000000.000200' }), 'Ev-2');

    expect(shown(slack)).toEqual(['one']);
  });

  test('does not let a model call everybody', async () => {
    const { slack } = connected(helper('<!channel> & <@U1>'), { stream: false });

    await slack.send(direct('hi'));

    expect(shown(slack)).toEqual(['&lt;!channel&gt; &amp; &lt;@U1&gt;']);
  });
});

test('the ids of events are remembered for a while, and no more than so many of them', () => {
  const time = manualTime();
  const recent = createRecentIds(time, 1_000, 3);
  expect(recent.areNew(['a', 'b'])).toBe(true);
  time.advance(999);
  expect(recent.areNew(['b', 'c'])).toBe(false);
  expect(recent.areNew(['d'])).toBe(true);
  expect(recent.areNew(['b'])).toBe(false);
  expect(recent.areNew(['a'])).toBe(true);
  time.advance(1_000);
  expect(recent.areNew(['d'])).toBe(true);
});

describe('a conversation', () => {
  test('has one run at a time, and says so', async () => {
    const { agent, asked, answer } = waiting('the answer');
    const { slack } = connected(agent);

    const first = slack.send(direct('a question'));
    await asked;
    await slack.send(direct('and?'));
    answer();
    await first;

    expect(shown(slack)).toEqual(['I am still working on your last message. Say `stop` to end that.', 'the answer']);
    expect(recorder.named('agent.invoke helper')).toHaveLength(1);
  });

  test.each(['stop', 'Cancel', 'STOP!'])('ends its run with %s', async (word) => {
    const asked = gate();
    const agent = helper(() => {
      asked.open();
      return { hang: '' };
    }, 'later');
    const { slack } = connected(agent);

    const first = slack.send(direct('a question'));
    await asked.opened;
    await slack.send(direct(word));
    await first;
    await slack.send(direct('another question'));

    expect(shown(slack)).toEqual(['Stopped.', 'later']);
    const outcomes = recorder.named('agent.invoke helper').map((run) => run.attributes['faultline.outcome']);
    expect(outcomes).toEqual(['aborted', undefined]);
  });

  test('is not ended from another one, or when it is over', async () => {
    const { agent, asked, answer } = waiting('the answer');
    const { slack } = connected(agent);

    const first = slack.send(direct('a question'));
    await asked;
    await slack.send(mention('stop'));
    answer();
    await first;

    expect(shown(slack)).toEqual(['There is nothing to stop.', 'the answer']);
  });

  test('is asked to come back when there are enough of them', async () => {
    const { agent, asked, answer } = waiting('the answer');
    const { slack } = connected(agent, { maxActive: 1 });

    const first = slack.send(direct('a question'));
    await asked;
    await slack.send(mention('me too'));
    answer();
    await first;

    expect(shown(slack)).toEqual(['I am busy right now. Please try again in a moment.', 'the answer']);
  });
});

describe('an answer', () => {
  test('grows in its message, no faster than Slack allows', async () => {
    const done = gate();
    const { slack, time } = connected(
      helper(async () => {
        await done.opened;
        return 'one two three';
      }),
      { updateIntervalMs: 1_500 },
    );

    const answered = slack.send(direct('hi'));
    done.open();
    await answered;

    const [message] = slack.messages;
    expect(slack.messages).toHaveLength(1);
    expect(message!.texts[0]).toMatch(/^one.* …$/);
    expect(message!.texts.at(-1)).toBe('one two three');
    expect(message!.texts.length).toBeLessThanOrEqual(2);
    expect(time.running).toBe(0);
  });

  test('that takes time shows what there is of it', async () => {
    const agent = helper({ hang: 'one two' });
    const { slack, time } = connected(agent, { updateIntervalMs: 1_500 });

    const answering = slack.send(direct('hi'));
    await slack.says('one …');
    time.advance(await time.nextTimer());
    await slack.says('one two …');
    await slack.send(direct('stop'));
    await answering;

    expect(slack.messages[0]!.texts.at(-1)).toBe('one two …');
    expect(shown(slack).at(-1)).toBe('Stopped.');
  });

  test('is not overtaken by a change that is still on its way', async () => {
    const posted = gate();
    const calls: string[] = [];
    const thread = {
      post: async (text: string) => {
        await posted.opened;
        calls.push(`post ${text}`);
        return '1';
      },
      update: (ts: string, text: string) => {
        calls.push(`update ${ts} ${text}`);
        return Promise.resolve();
      },
    };
    const answer = createSlackAnswer(manualTime(), thread, 1_000);

    answer.onEvent({ type: 'text.delta', text: 'one' });
    const replied = answer.reply('one two');
    posted.open();
    await replied;

    expect(calls).toEqual(['post one …', 'update 1 one two']);
  });

  test('comes all the same when a change of it was refused', async () => {
    const texts: string[] = [];
    const thread = {
      post: (text: string) => {
        texts.push(text);
        return texts.length === 1 ? Promise.reject(new Error('ratelimited')) : Promise.resolve('1');
      },
      update: () => Promise.reject(new Error('there is nothing to change')),
    };
    const answer = createSlackAnswer(manualTime(), thread, 1_000);

    answer.onEvent({ type: 'text.delta', text: 'one' });
    await answer.reply('one two');

    expect(texts).toEqual(['one …', 'one two']);
  });

  test('comes in pieces Slack takes when it is long', async () => {
    const lines = Array.from({ length: 400 }, (_, index) => `line ${index} & more`).join('\n');
    const { slack } = connected(helper(lines));

    await slack.send(mention('hi'));

    const pieces = shown(slack).map((text) => text!);
    expect(pieces.length).toBe(3);
    expect(pieces.every((piece) => piece.length <= 3_900 && piece.startsWith('line '))).toBe(true);
    expect(pieces.join('\n')).toBe(lines.replaceAll('&', '&amp;'));
    expect(new Set(slack.messages.map(({ thread }) => thread))).toEqual(new Set(['1700000000.000100']));
  });

  test.each([
    ['&amp;', '&amp;'.repeat(2_000)],
    ['an emoji', '\u{1F600}'.repeat(4_000)],
    ['nothing', 'x'.repeat(9_000)],
  ])('is never cut inside %s', (_name, text) => {
    const pieces = piecesOf(text);

    expect(pieces.join('')).toBe(text);
    expect(pieces.every((piece) => piece.length <= 3_900 && piece.isWellFormed() && !/&[a-z]*$/.test(piece))).toBe(
      true,
    );
  });
});

describe('a failure', () => {
  test('is told by its trace id, never by its text, in place of what was shown', async () => {
    const { slack } = connected(helper({ error: new Error('xoxb-1234567890 was refused') }));

    await slack.send(direct('hi'));

    const { traceId } = recorder.only('agent.invoke helper').spanContext();
    expect(shown(slack)).toEqual([
      `Something went wrong and I could not answer. If you report it, please mention ${traceId}.`,
    ]);
  });

  test('to come to an end before the server does is told in place of what was shown', async () => {
    const { slack, runtime } = connected(helper({ hang: 'Half' }));

    const answering = slack.send(direct('hi'));
    await slack.says('Half …');
    await runtime.stop();
    await answering;

    expect(shown(slack)).toEqual(['I am shutting down. Please try again in a moment.']);
  });

  test('to deliver the answer is one of the conversation', async () => {
    const { agent, asked, answer } = waiting('the answer');
    const { slack } = connected(agent);

    const answering = slack.send(direct('hi'));
    await asked;
    slack.archive();
    answer();
    await answering;

    expect(recorder.tree('error.type', 'faultline.failure.point')).toBe(
      'agent.invoke helper ! x type=Error point=conversation.unhandled\n  chat scripted-model',
    );
  });
});

describe('the transport', () => {
  test('crashes when Slack does not let the app in', async () => {
    const refused = new Error('An API error occurred: invalid_auth');
    const { working, slack } = connected(
      helper(),
      {},
      workspace(() => Promise.reject(refused)),
    );

    expect(await rejection(working)).toBe(refused);
    expect(slack.stops).toBe(1);
    expect(recorder.tree('faultline.failure.point')).toBe('transport.crash slack ! x point=transport.crash');
  });

  test.each([
    ['with an error', new Error('socket'), 'Error'],
    ['without one', undefined, 'TransportExitedError'],
  ])('crashes when the connection is lost %s', async (_name, error, type) => {
    const { working } = connected(helper(), { onStart: (lost) => lost(error) });

    expect(await rejection(working)).toMatchObject({ name: type });
    expect(recorder.tree('error.type')).toBe(`transport.crash slack ! x type=${type}`);
  });

  test('listens once, however often it is started again', async () => {
    const time = manualTime();
    const slack = workspace();
    const transport = slackTransportWith(time, { app: slack.app });
    const received: string[] = [];
    const startAgain = async () => {
      const controller = new AbortController();
      const working = transport.start(
        (message) => {
          received.push(message.text);
          return Promise.resolve();
        },
        controller.signal,
        () => {},
      );
      return { stop: () => controller.abort(), working };
    };

    for (const text of ['first', 'second']) {
      const { stop, working } = await startAgain();
      await slack.send(direct(text));
      stop();
      await working;
    }
    await slack.send(direct('nobody is there'));

    expect(received).toEqual(['first', 'second']);
    expect([slack.starts, slack.stops, slack.listeners]).toEqual([2, 2, 2]);
  });

  test('that is stopped while it starts does not stay connected', async () => {
    const connecting = gate();
    const { slack, runtime } = connected(
      helper(),
      {},
      workspace(() => connecting.opened),
    );

    await runtime.stop();
    expect(slack.stops).toBe(1);
    connecting.open();
    await connecting.opened;
    await Promise.resolve();

    expect(slack.stops).toBe(2);
    expect(recorder.spans()).toEqual([]);
  });
});
