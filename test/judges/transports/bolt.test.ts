import { createHmac } from 'node:crypto';

import { expect, onTestFinished, test } from 'vitest';

import { createAgent, createRuntime } from '../../../src/runtime/index.ts';
import { slackTransport, type SlackApp } from '../../../src/runtime/transports/slack.ts';
import { scriptedModel, type ScriptedTurn } from '../../../src/testing/scripted-model.ts';
import { gate, rejection } from '../../runtime/support/agents.ts';
import { closedPort } from '../../support/loopback.ts';
import { boltApp } from './support/bolt.ts';
import { startWebApi } from './support/web-api.ts';

const RECEIVER = { init: () => {}, start: () => Promise.resolve(), stop: () => Promise.resolve() };
const SIGNING_SECRET = 'signing secret';

function work(app: SlackApp, turns: readonly ScriptedTurn[], onAnswered = () => {}) {
  const agent = createAgent({ name: 'helper', models: [scriptedModel(turns)] });
  const transport = slackTransport({ app });
  const answering = {
    ...transport,
    start: ((receive, signal, end) =>
      transport.start((message) => receive(message).finally(onAnswered), signal, end)) as typeof transport.start,
  };
  const runtime = createRuntime({ agents: [agent], transports: [{ transport: answering, agent: 'helper' }] });
  const working = runtime.start();
  onTestFinished(async () => {
    await runtime.stop();
    await working.catch(() => {});
  });
  return { runtime, working };
}

function envelope(event: object, eventId = 'Ev-1') {
  return { type: 'event_callback', team_id: 'T1', api_app_id: 'A1', event_id: eventId, event_time: 1, event };
}

const MENTION = {
  type: 'app_mention',
  channel: 'C1',
  user: 'U1',
  ts: '1700000000.000100',
  text: '<@U0BOT> what is 1 &lt; 2?',
};
const DIRECT = { type: 'message', channel: 'D1', channel_type: 'im', user: 'U1', ts: '1700000000.000200', text: 'hi' };

test("Bolt's app takes the transport's listeners, and its client the transport's messages", async () => {
  const { origin, calls } = await startWebApi();
  const app = boltApp(origin, { receiver: RECEIVER });
  work(app, ['It is true.', 'Hello Ada.']);
  const ack = () => Promise.resolve();

  await app.processEvent({ body: envelope(MENTION), ack });
  await app.processEvent({ body: envelope(MENTION), ack, retryNum: 1 });
  await app.processEvent({ body: envelope(DIRECT, 'Ev-2'), ack });
  await app.processEvent({ body: envelope({ ...DIRECT, ts: '2.1', bot_id: 'B0BOT' }, 'Ev-3'), ack });

  const shown = calls.map(({ method, args }) => [method, args['channel'], args['thread_ts'], args['text']]);
  expect(
    shown.filter(([method]) => method === 'chat.postMessage').map(([, channel, thread]) => [channel, thread]),
  ).toEqual([
    ['C1', '1700000000.000100'],
    ['D1', undefined],
  ]);
  expect(shown.filter(([method]) => method === 'chat.update').map((call) => call.at(-1))).toEqual([
    'It is true.',
    'Hello Ada.',
  ]);
});

test("Bolt's own HTTP receiver hands the transport signed events, and starts and stops with it", async () => {
  const { origin, calls } = await startWebApi();
  const port = await closedPort();
  const answered = gate();
  const { runtime } = work(boltApp(origin, { signingSecret: SIGNING_SECRET, port }), ['Hello Ada.'], () =>
    answered.open(),
  );
  const body = JSON.stringify(envelope(DIRECT));

  const response = await retryUntilListening(() =>
    fetch(`http://127.0.0.1:${port}/slack/events`, { method: 'POST', body, headers: signed(body) }),
  );
  await answered.opened;
  await runtime.stop();

  expect(response.status).toBe(200);
  expect(calls.at(-1)).toMatchObject({ args: { channel: 'D1', text: 'Hello Ada.' } });
  expect(await rejection(fetch(`http://127.0.0.1:${port}/`))).toMatchObject({ message: 'fetch failed' });
});

test('an app that Slack does not let in is a crash of the transport', async () => {
  const { origin } = await startWebApi(() => ({ ok: false, error: 'invalid_auth' }));
  const { working } = work(boltApp(origin, { appToken: 'xapp-test', socketMode: true }), []);

  expect(await rejection(working)).toMatchObject({ message: expect.stringContaining('invalid_auth') });
});

function signed(body: string): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac('sha256', SIGNING_SECRET).update(`v0:${timestamp}:${body}`).digest('hex');
  return {
    'content-type': 'application/json',
    'x-slack-request-timestamp': timestamp,
    'x-slack-signature': `v0=${signature}`,
  };
}

/** Bolt says that it is listening to whoever started it, which is the transport. */
async function retryUntilListening(send: () => Promise<Response>): Promise<Response> {
  for (;;) {
    try {
      return await send();
    } catch {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }
}
