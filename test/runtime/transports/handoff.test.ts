import { PassThrough } from 'node:stream';

import { describe, expect, test } from 'vitest';

import { cliTransport, createAgent, createRuntime, httpTransport, type Agent } from '../../../src/runtime/index.ts';
import type { Transport } from '../../../src/runtime/index.ts';
import { slackTransport } from '../../../src/runtime/transports/slack.ts';
import { scriptedModel, type ScriptedTurn } from '../../../src/testing/scripted-model.ts';
import { mention, workspace } from './slack-workspace.ts';

/** A front desk and billing, who hand over to each other; every model call is kept with what it was told. */
function desks(script: Readonly<Record<'front' | 'billing', readonly ScriptedTurn[]>>) {
  const models = { front: scriptedModel(script.front), billing: scriptedModel(script.billing) };
  const agents: Agent[] = [];
  for (const [name, model] of Object.entries(models)) {
    const handoffs = (): readonly Agent[] => agents.filter((agent) => agent.name !== name);
    agents.push(createAgent({ name, models: [model], handoffs }));
  }
  return { models, agents };
}

const handsTo = (agent: string): ScriptedTurn => ({ toolCalls: [{ name: `transfer_to_${agent}`, input: {} }] });

/** Billing is asked for, stays for a second question, and hands back; the last answer is of the front desk. */
const THERE_AND_BACK = {
  front: [handsTo('billing'), 'The front desk again.', 'Still the front desk.'],
  billing: ['You owe nothing.', 'Yes, I am sure.', handsTo('front')],
} as const;
const QUESTIONS = ['what do I owe?', 'sure?', 'the front desk, please', 'thanks'];
const ANSWERS = ['You owe nothing.', 'Yes, I am sure.', 'The front desk again.', 'Still the front desk.'];

/** The turns of one conversation, asked one after the other, over each transport. */
const CONVERSATIONS: Readonly<Record<string, (agents: readonly Agent[]) => Promise<readonly string[]>>> = {
  'in a Slack thread': async (agents) => {
    const slack = workspace();
    const stop = start(agents, slackTransport({ app: slack.app }));
    for (const [index, text] of QUESTIONS.entries()) {
      await slack.send(mention(text, { ts: `1700000000.00010${index}`, thread_ts: '1700000000.000100' }));
    }
    await stop();
    return slack.messages.map(({ texts }) => texts.at(-1)!);
  },
  'on the command line': async (agents) => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const transport = cliTransport({ input, output });
    const runtime = createRuntime({ agents, transports: [{ transport, agent: 'front' }] });
    input.end(`${QUESTIONS.join('\n')}\n`);
    await runtime.start();
    return String(output.read()).trimEnd().split('\n');
  },
  'over HTTP, when the client goes on with the agent it is told': async (agents) => {
    const http = httpTransport({ agents });
    const stop = start(agents, http);
    const answers: string[] = [];
    let agent = 'front';
    for (const input of QUESTIONS) {
      const response = await http.fetch(question(agent, input));
      const answer = (await response.json()) as { readonly text: string; readonly agent: string };
      answers.push(answer.text);
      ({ agent } = answer);
    }
    await stop();
    return answers;
  },
};

function start(agents: readonly Agent[], transport: Transport): () => Promise<void> {
  const runtime = createRuntime({ agents, transports: [{ transport, agent: 'front' }] });
  const working = runtime.start();
  return async () => {
    await runtime.stop();
    await working;
  };
}

function question(agent: string, input: string, conversationId = 'c-1'): Request {
  return new Request(`http://localhost/agents/${agent}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input, conversationId }),
  });
}

/** How many messages of the person a model was told. */
const questionsIn = (prompt: readonly unknown[]): number =>
  prompt.filter((message) => (message as { readonly role: string }).role === 'user').length;

describe.each(Object.entries(CONVERSATIONS))('a conversation %s', (_name, converse) => {
  test('stays with the agent it was handed to until that one hands it back', async () => {
    const both = desks(THERE_AND_BACK);

    expect(await converse(both.agents)).toEqual(ANSWERS);

    const { front, billing } = both.models;
    // Each of them knows everything that was said, also to the other one.
    expect([front, billing].map(({ calls }) => calls.map(({ prompt }) => questionsIn(prompt)))).toEqual([
      [1, 3, 4],
      [1, 2, 3],
    ]);
  });
});

describe('a conversation that was handed over', () => {
  test('is not that of somebody else, who begins with the agent that is asked first', async () => {
    const slack = workspace();
    const { agents } = desks({ front: [handsTo('billing'), 'What can I do?'], billing: ['You owe nothing.'] });
    const stop = start(agents, slackTransport({ app: slack.app }));

    await slack.send(mention('what do I owe?', { ts: '1.1' }));
    await slack.send(mention('hello', { ts: '2.1' }));
    await stop();

    expect(slack.messages.map(({ texts }) => texts.at(-1))).toEqual(['You owe nothing.', 'What can I do?']);
  });

  test('is answered over HTTP by the agent the client names, who knows what the other one has said', async () => {
    const both = desks({ front: [handsTo('billing'), 'As they said.'], billing: ['You owe nothing.'] });
    const http = httpTransport({ agents: both.agents });
    const stop = start(both.agents, http);

    const first = await http.fetch(question('front', 'what do I owe?'));
    const second = await http.fetch(question('front', 'sure?'));
    await stop();

    expect([await first.json(), await second.json()]).toMatchObject([
      { text: 'You owe nothing.', agent: 'billing' },
      { text: 'As they said.', agent: 'front' },
    ]);
    expect(JSON.stringify(both.models.front.calls.at(-1)!.prompt)).toContain('You owe nothing.');
  });

  test('says in the last event of a stream who has it', async () => {
    const { agents } = desks({ front: [handsTo('billing')], billing: ['You owe nothing.'] });
    const http = httpTransport({ agents });
    const stop = start(agents, http);
    const asked = question('front', 'what do I owe?');
    asked.headers.set('accept', 'text/event-stream');

    const events = await (await http.fetch(asked)).text();
    await stop();

    expect(events).toMatch(/event: run\.end\ndata: .*"agent":"billing"/);
  });

  test('goes back to the agent that is asked first when too many others were handed over since', async () => {
    const slack = workspace();
    const both = desks({
      front: [...Array.from({ length: 1_001 }, () => handsTo('billing')), 'What can I do?'],
      billing: Array.from({ length: 1_002 }, () => 'You owe nothing.'),
    });
    const stop = start(both.agents, slackTransport({ app: slack.app, stream: false }));

    for (let thread = 0; thread <= 1_000; thread += 1) await slack.send(mention('owe?', { ts: `${thread}.1` }));
    await slack.send(mention('still you?', { ts: '1000.2', thread_ts: '1000.1' }));
    await slack.send(mention('and here?', { ts: '0.2', thread_ts: '0.1' }));
    await stop();

    expect(slack.messages.slice(-2).map(({ texts }) => texts.at(-1))).toEqual(['You owe nothing.', 'What can I do?']);
  });
});
