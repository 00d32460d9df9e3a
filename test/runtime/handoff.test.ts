import { describe, expect, test } from 'vitest';

import { createAgent, createRuntime, inProcessMemory, MaxTurnsError } from '../../src/runtime/index.ts';
import type { Agent, AgentOptions } from '../../src/runtime/index.ts';
import { scriptedModel, type ScriptedModel, type ScriptedTurn } from '../../src/testing/scripted-model.ts';
import { collect, echo, only, rejection } from './support/agents.ts';
import { mailbox } from './support/mailbox.ts';
import { recordSpans } from './support/spans.ts';

const recorder = recordSpans();

const transfer = (to: string): { readonly name: string; readonly input: object & Record<string, unknown> } => ({
  name: `transfer_to_${to}`,
  input: {},
});
const hands = (to: string): ScriptedTurn => ({ toolCalls: [transfer(to)] });

function agent(name: string, turns: readonly ScriptedTurn[], options: Partial<AgentOptions> = {}) {
  const model: ScriptedModel = scriptedModel(turns, { modelId: `${name}-model` });
  return { model, agent: createAgent({ name, models: [{ model, maxRetries: 0 }], ...options }) };
}

describe('a conversation that is handed over', () => {
  test('is answered by the other agent, who knows what was said', async () => {
    const billing = agent('Billing desk', ['You owe nothing.'], { instructions: 'Know the bills.' });
    const model = scriptedModel([hands('billing_desk')]);
    const models = [{ model: scriptedModel([{ error: new Error('down') }]), maxRetries: 0 }, model];
    const memory = { ...inProcessMemory(), search: () => Promise.reject(new Error('gone')) };
    const front = agent('front', [], { models, memory, handoffs: [billing.agent] });

    const result = await front.agent.run('what do I owe?');

    expect(result).toMatchObject({
      text: 'You owe nothing.',
      agent: 'Billing desk',
      model: 'Billing desk-model',
      turns: 2,
      usage: { inputTokens: 20, outputTokens: 10 },
      fallbacks: 1,
      memoryFailed: true,
    });
    expect(result.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect(billing.model.calls[0]!.prompt).toMatchObject([
      { role: 'system', content: 'Know the bills.' },
      { role: 'user' },
      { role: 'assistant' },
      { role: 'tool' },
    ]);
  });

  test('is a tool call that passes control, and a run of its own in the trace', async () => {
    const billing = agent('billing', ['Nothing.']);
    const front = agent('front', [hands('billing')], { handoffs: [billing.agent] });

    await front.agent.run('hi');

    expect(recorder.tree('gen_ai.transfer.target.name', 'gen_ai.transfer.mode', 'faultline.depth')).toBe(
      [
        'agent.invoke front depth=0',
        '  chat front-model depth=0',
        '    execute_tool transfer_to_billing name=billing mode=pass_control depth=0',
        '  agent.invoke billing depth=1',
        '    chat billing-model depth=1',
      ].join('\n'),
    );
    expect(recorder.only('execute_tool transfer_to_billing').attributes['gen_ai.agent.name']).toBe('front');
  });

  test('is one run to whoever listens', async () => {
    const billing = agent('billing', ['Nothing at all.']);
    const front = agent('front', [hands('billing')], { handoffs: [billing.agent] });

    const events = await collect(front.agent.stream('hi'));

    expect(only(events, 'run.start', 'handoff', 'run.end').map(({ type }) => type)).toEqual([
      'run.start',
      'handoff',
      'run.end',
    ]);
    expect(only(events, 'handoff')).toEqual([{ type: 'handoff', from: 'front', to: 'billing' }]);
    expect(only(events, 'text.delta').length).toBeGreaterThan(1);
    expect(recorder.only('chat billing-model').attributes['gen_ai.request.stream']).toBe(true);
  });

  test('goes to the first of two the model names at once', async () => {
    const desks = ['billing', 'sales'].map((name) => agent(name, [`From ${name}.`]).agent);
    const front = agent('front', [{ toolCalls: [transfer('sales'), transfer('billing')] }], {
      handoffs: desks,
      toolConcurrency: 1,
    });

    expect(await front.agent.run('hi')).toMatchObject({ text: 'From sales.', toolErrors: 1 });
    expect(recorder.only('execute_tool transfer_to_billing').attributes['error.type']).toBe('HandoffTakenError');
  });

  test('and handed back ends with the depth there may be', async () => {
    const pair: Agent[] = [];
    const other = (name: string): readonly Agent[] => pair.filter((agent) => agent.name !== name);
    for (const [name, to] of [
      ['ping', 'pong'],
      ['pong', 'ping'],
    ] as const) {
      const turns = Array.from({ length: 5 }, () => hands(to));
      pair.push(agent(name, turns, { handoffs: () => other(name), maxDepth: 3 }).agent);
    }

    const error = await rejection(pair[0]!.run('hi'));

    // The last one has come to nothing.
    expect(error).toMatchObject({ name: 'MaxDepthError', partial: { turns: 1 } });
    const runs = recorder.spans().filter(({ name }) => name.startsWith('agent.invoke'));
    expect(runs).toHaveLength(5);
    expect(runs.filter(({ events }) => events.some(({ name }) => name === 'exception'))).toHaveLength(1);
  });

  test('fails as the other agent does, with what that one had come to', async () => {
    const asks = { text: 'One moment.', toolCalls: [{ name: 'echo', input: { text: 'a' } }] };
    const billing = agent('billing', [asks], { tools: [echo()], maxTurns: 1 });
    const front = agent('front', [hands('billing')], { handoffs: [billing.agent] });

    const error = (await rejection(front.agent.run('hi'))) as MaxTurnsError;

    expect(error).toBeInstanceOf(MaxTurnsError);
    expect(error.partial?.text).toBe('One moment.');
    expect(recorder.only('agent.invoke front').attributes['error.type']).toBe('MaxTurnsError');
  });

  test('may be so in the last turn its agent may take, because the other one answers', async () => {
    const billing = agent('billing', ['You owe nothing.'], { maxTurns: 1 });
    const front = agent('front', [hands('billing')], { handoffs: [billing.agent], maxTurns: 1 });

    expect(await front.agent.run('what do I owe?')).toMatchObject({ text: 'You owe nothing.', turns: 2 });
  });

  test('is not in the last turn when the call cannot be read', async () => {
    const asks = { toolCalls: [{ name: 'transfer_to_billing', input: '{"to"' }] };
    const billing = agent('billing', ['You owe nothing.']);
    const front = agent('front', [asks, 'Never said.'], { handoffs: [billing.agent], maxTurns: 1 });

    expect(await rejection(front.agent.run('what do I owe?'))).toBeInstanceOf(MaxTurnsError);
    expect(front.model.calls).toHaveLength(1);
  });

  test('spends the budget of the agent that was asked', async () => {
    const billing = agent('billing', ['Nothing.']);
    const front = agent('front', [hands('billing')], { handoffs: [billing.agent], maxTotalTokens: 16 });

    expect(await front.agent.run('hi')).toMatchObject({ text: 'Nothing.' });
    const second = agent('front', [hands('billing')], { handoffs: [billing.agent] });
    expect(await rejection(second.agent.run('hi', { maxTotalTokens: 15 }))).toMatchObject({
      message: 'front has spent 15 of 15 tokens',
    });
    expect(billing.model.calls).toHaveLength(1);
  });

  test('is aborted with the run it is part of', async () => {
    const controller = new AbortController();
    const billing = createAgent({
      name: 'billing',
      models: [
        scriptedModel([
          () => {
            controller.abort(new Error('enough'));
            return { hang: '' };
          },
        ]),
      ],
    });
    const front = agent('front', [hands('billing')], { handoffs: [billing] });

    expect(await rejection(front.agent.run('hi', { signal: controller.signal }))).toMatchObject({ message: 'enough' });
    expect(recorder.only('agent.invoke billing').attributes['faultline.outcome']).toBe('aborted');
    expect(recorder.only('agent.invoke front').attributes['faultline.outcome']).toBe('aborted');
  });

  test('is remembered by the agent that was asked', async () => {
    const billing = agent('billing', ['Nothing.']);
    const front = agent('front', [hands('billing'), 'As they said.'], { handoffs: [billing.agent] });
    const runtime = createRuntime({ agents: [front.agent], transports: [] });
    const { replies, message } = mailbox();

    await runtime.handle('front', message('what do I owe?'));
    await runtime.handle('front', message('sure?'));

    expect(replies).toEqual(['Nothing.', 'As they said.']);
    expect(JSON.stringify(front.model.calls[1]!.prompt)).toContain('Nothing.');
  });

  test('needs a name of its own among the tools', () => {
    const billing = agent('billing', []).agent;

    expect(() => agent('front', [], { handoffs: [billing], tools: [echo('transfer_to_billing')] })).toThrow(
      'agent front has two tools called transfer_to_billing',
    );
  });
});
