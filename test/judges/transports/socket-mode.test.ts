/** `transport: { slack }` of a configuration file, on the real Bolt, against a loopback Slack. */
import { expect, onTestFinished, test } from 'vitest';

import { createAgent, type OnCrash, type Transport } from '../../../src/runtime/index.ts';
import { connectSlack } from '../../../src/runtime/config/slack-app.ts';
import { createRuntimeWith } from '../../../src/runtime/runtime.ts';
import { slackTransport } from '../../../src/runtime/transports/slack.ts';
import {
  scriptedModel,
  type ScriptedModel,
  type ScriptedTurn,
  type ScriptedTurnFunction,
} from '../../../src/testing/scripted-model.ts';
import { gate, rejection } from '../../runtime/support/agents.ts';
import { manualTime, type ManualTime } from '../../runtime/support/manual-time.ts';
import { boltAt } from './support/bolt.ts';
import { createSigns } from './support/signs.ts';
import { startSocketModeSlack, type SocketModeSlack } from './support/socket-mode.ts';

interface Bot {
  readonly slack: SocketModeSlack;
  readonly time: ManualTime;
  readonly model: ScriptedModel;
  /** Resolves when the run of this many messages is over. */
  readonly answered: (times: number) => Promise<void>;
  /** What the runtime ends with. */
  readonly working: Promise<void>;
}

type Turn = ScriptedTurn | ScriptedTurnFunction;

/** An agent at work in Slack, once it is connected. */
function connect(...turns: readonly Turn[]): Promise<Bot> {
  return connectWith('stop', turns);
}

async function connectWith(onCrash: OnCrash, turns: readonly Turn[]): Promise<Bot> {
  const slack = await startSocketModeSlack();
  const model = scriptedModel(turns);
  const agent = createAgent({ name: 'helper', models: [{ model, maxRetries: 0 }] });
  const tokens = { type: 'slack', botTokenEnv: 'BOT', appTokenEnv: 'APP', position: { line: 1, column: 1 } } as const;
  const environment = { BOT: 'xoxb-test', APP: 'xapp-test' };
  const connection = await connectSlack(tokens, environment, () => Promise.resolve(boltAt(slack.api.origin)));
  if (connection.status === 'failed') throw new Error(connection.why);
  const signs = createSigns();
  let runs = 0;
  const slackOnly = slackTransport(connection.options);
  const start: Transport['start'] = (receive, signal, end) =>
    slackOnly.start((message) => receive(message).finally(() => signs.give(`answered ${(runs += 1)}`)), signal, end);
  const transport = { ...slackOnly, start };
  const time = manualTime();
  const transports = [{ transport, agent: 'helper' }];
  const runtime = createRuntimeWith(time, { agents: [agent], transports, onCrash });
  const working = runtime.start();
  // Whoever waits for it has its rejection.
  working.catch(() => {});
  onTestFinished(async () => {
    await runtime.stop();
  });
  await slack.connected(1);
  return { slack, time, model, answered: (times) => signs.given(`answered ${times}`), working };
}

const mention = (text: string, ts: string) => ({
  type: 'app_mention',
  channel: 'C1',
  user: 'U1',
  ts,
  thread_ts: '1700000000.000100',
  text: `<@U0BOT> ${text}`,
});

/** Messages that were posted, with what they say in the end. */
function posted({ api }: SocketModeSlack): readonly string[] {
  const texts = new Map<string, string>();
  for (const [index, { method, args }] of api.calls.entries()) {
    texts.set(method === 'chat.postMessage' ? `1700000000.00000${index + 1}` : args['ts']!, args['text']!);
  }
  return [...texts.values()];
}

test('a message is acknowledged at once, and answered in its thread', async () => {
  const asked = gate();
  const { slack } = await connect(async () => {
    await asked.opened;
    return 'It is true.';
  });

  await slack.deliver({ id: 'e-1', eventId: 'Ev-1', event: mention('is it?', '1700000000.000100') });
  expect([slack.acknowledged, slack.api.calls]).toEqual([['e-1'], []]);
  asked.open();
  await slack.api.shows('It is true.');

  expect(slack.api.calls[0]).toMatchObject({
    method: 'chat.postMessage',
    args: { channel: 'C1', thread_ts: '1700000000.000100' },
  });
  expect(posted(slack)).toEqual(['It is true.']);
});

test('an event that is sent again is acknowledged again, and answered once', async () => {
  const { slack, model, answered } = await connect('First.', 'Second.');
  const event = mention('hello', '1700000000.000100');

  await slack.deliver({ id: 'e-1', eventId: 'Ev-1', event });
  await slack.deliver({ id: 'e-2', eventId: 'Ev-1', event, retryAttempt: 1 });
  await answered(1);
  await slack.deliver({ id: 'e-3', eventId: 'Ev-1', event, retryAttempt: 2 });
  await slack.deliver({ id: 'e-4', eventId: 'Ev-2', event: mention('and?', '1700000000.000200') });
  await slack.api.shows('Second.');

  expect(slack.acknowledged).toEqual(['e-1', 'e-2', 'e-3', 'e-4']);
  expect(posted(slack)).toEqual(['First.', 'Second.']);
  expect(model.calls).toHaveLength(2);
});

test('a stop word ends the answer that is being written', async () => {
  const { slack, model } = await connect({ hang: 'one' });

  await slack.deliver({ id: 'e-1', eventId: 'Ev-1', event: mention('count', '1700000000.000100') });
  await slack.api.shows('one …');
  await slack.deliver({ id: 'e-2', eventId: 'Ev-2', event: mention('stop', '1700000000.000200') });
  await slack.api.shows('Stopped.');

  expect(model.calls.map(({ abortSignal }) => abortSignal?.aborted)).toEqual([true]);
});

test.each(['refresh', 'drop'] as const)('after a %s of the connection the conversation goes on', async (end) => {
  const asked = gate();
  const answer = gate();
  const { slack, model, answered } = await connect(async () => {
    asked.open();
    await answer.opened;
    return 'First.';
  }, 'Second.');

  await slack.deliver({ id: 'e-1', eventId: 'Ev-1', event: mention('hello', '1700000000.000100') });
  await asked.opened;
  slack[end]();
  await slack.connected(2);
  answer.open();
  await answered(1);
  await slack.deliver({ id: 'e-2', eventId: 'Ev-2', event: mention('and?', '1700000000.000200') });
  await slack.api.shows('Second.');

  expect(posted(slack)).toEqual(['First.', 'Second.']);
  // What was said before the end of the first connection is known after it.
  expect(model.calls.map(({ prompt }) => prompt.length)).toEqual([1, 3]);
});

test('a connection that Slack does not renew is a crash of the transport', async () => {
  const { slack, working } = await connect();

  slack.revoke('invalid_auth');
  slack.refresh();

  expect(await rejection(working)).toMatchObject({ message: expect.stringContaining('invalid_auth') });
});

test('a transport that crashed is connected again once Slack lets it in', async () => {
  const { slack, time } = await connectWith('restart', ['Here again.']);

  slack.revoke('invalid_auth');
  slack.drop();
  const wait = await time.nextTimer();
  slack.revoke(undefined);
  time.advance(wait);
  await slack.connected(2);
  await slack.deliver({ id: 'e-1', eventId: 'Ev-1', event: mention('hello', '1700000000.000100') });
  await slack.api.shows('Here again.');

  expect(posted(slack)).toEqual(['Here again.']);
});
