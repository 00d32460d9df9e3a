import { AsyncResource } from 'node:async_hooks';
import { inspect } from 'node:util';

import { describe, expect, test } from 'vitest';

import { BudgetExceededError, createAgent, defineTool, MaxDepthError, MaxTurnsError } from '../../src/runtime/index.ts';
import type { Agent, AgentOptions, RunContext, RunLimits, Tool } from '../../src/runtime/index.ts';
import { withRunContext } from '../../src/telemetry/context.ts';
import { scriptedModel, type ScriptedTurn, type ScriptedTurnFunction } from '../../src/testing/scripted-model.ts';
import { z } from 'zod';
import { collect, echo, only, rejection } from './support/agents.ts';
import { settled, watchWarnings } from '../support/process-events.ts';
import { recordSpans } from './support/spans.ts';

type Turn = ScriptedTurn | ScriptedTurnFunction;

const PRICED = { modelId: 'gpt-5-mini', provider: 'openai' };

function agent(name: string, turns: readonly Turn[], options: Partial<AgentOptions> = {}): Agent {
  return createAgent({ name, models: [{ model: scriptedModel(turns, PRICED), maxRetries: 0 }], ...options });
}

/** A turn that asks for a tool and costs this many tokens. */
function asks(name: string, input: Readonly<Record<string, unknown>>, tokens = 100): ScriptedTurn {
  return { text: 'Let me see.', toolCalls: [{ name, input }], usage: { inputTokens: tokens, outputTokens: 0 } };
}

const echoes = (tokens?: number): ScriptedTurn => asks('echo', { text: 'a' }, tokens);
const delegates = (to: string, tokens?: number): ScriptedTurn => asks(`ask_${to}`, { task: 'look' }, tokens);

/** Has runs start one another, each by what a tool of the one before it has left behind when it ended. */
async function runsOfFollowUps(count: number): Promise<readonly RunContext[]> {
  const runs: RunContext[] = [];
  let next: (() => Promise<unknown>) | undefined;
  const later = defineTool({
    name: 'later',
    input: z.object({}),
    execute: (_input, { run }) => {
      runs.push(run);
      next = AsyncResource.bind(follow);
    },
  });
  const limits = { maxTotalTokens: 250, maxDepth: 2 };
  const follow = (): Promise<unknown> =>
    agent('follow', [asks('later', {}), 'done'], { tools: [later] }).run('go', limits);

  await follow();
  while (runs.length < count) await next!();
  return runs;
}

describe('the limits of a run', () => {
  const recorder = recordSpans();

  test('stop it when its tokens are spent, before tools nobody would see the results of', async () => {
    const calls: string[] = [];
    const tool: Tool = { ...echo(), execute: () => calls.push('echo') };
    const helper = agent('helper', [echoes(), echoes(), 'done'], { tools: [tool], maxTotalTokens: 150 });

    const error = await rejection(helper.run('hi'));

    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(error).toMatchObject({
      message: 'helper has spent 200 of 150 tokens',
      limit: 'tokens',
      allowed: 150,
      spent: 200,
    });
    expect(calls).toEqual(['echo']);
    expect(recorder.tree('error.type', 'faultline.failure.point')).toBe(
      [
        'agent.invoke helper ! x type=BudgetExceededError point=conversation.unhandled',
        '  chat gpt-5-mini',
        '    execute_tool echo',
        '  chat gpt-5-mini',
      ].join('\n'),
    );
  });

  test('let an answer through that is paid for already', async () => {
    const helper = agent('helper', [{ text: 'Hello.', usage: { inputTokens: 900, outputTokens: 9 } }]);

    expect(await helper.run('hi', { maxTotalTokens: 10 })).toMatchObject({ text: 'Hello.' });
  });

  test('stop it when its money is spent, by list price', async () => {
    const helper = agent('helper', [echoes(2_000_000), 'done'], { tools: [echo()], maxCostUsd: 0.4 });

    const error = await rejection(helper.run('hi'));

    expect(error).toMatchObject({ name: 'BudgetExceededError', limit: 'cost', allowed: 0.4, spent: 0.5 });
    expect(error).toMatchObject({ message: 'helper has spent $0.5 of $0.4' });
  });

  test.each([
    ['has no price', 'unheard-of-1', { maxCostUsd: 0.01 }, 'it has no known price: give setupTracing one in pricing'],
    ['reports no usage', 'silent-1', { maxTotalTokens: 1 }, 'its provider reports no usage'],
  ])('say once that the calls of a model that %s are not counted', async (_, modelId, limit, why) => {
    const warnings = watchWarnings();
    const usage = 'maxCostUsd' in limit ? { inputTokens: 9_000_000 } : {};
    const turns = [
      { toolCalls: [{ name: 'echo', input: { text: 'a' } }], usage },
      { text: 'done', usage },
    ];
    const warned = async (limits: RunLimits): Promise<readonly string[]> => {
      const model = scriptedModel(turns, { modelId, provider: 'gateway' });
      const helper = createAgent({ name: 'helper', models: [model], tools: [echo()], ...limits });
      expect(await helper.run('hi')).toMatchObject({ text: 'done' });
      await settled();
      return warnings.map(({ message }) => message).filter((text) => text.includes(modelId));
    };

    expect(await warned({})).toEqual([]);
    expect(await warned(limit)).toEqual([
      `${Object.keys(limit)[0]} does not count the calls of ${modelId}, because ${why}`,
    ]);
  });

  test('do not hold for runs that are started, once it has ended, by what a tool of it has begun', async () => {
    const runs = await runsOfFollowUps(12);

    expect(runs.map(({ depth }) => depth)).toEqual(runs.map(() => 0));
    const traces = recorder.named('agent.invoke follow').map((span) => span.spanContext().traceId);
    expect(new Set(traces).size).toBe(runs.length);
  });

  test('do not hold for such runs, while an id that was given around all of them does', async () => {
    const runs = await withRunContext({ runId: 'import-7' }, () => runsOfFollowUps(3));

    expect(runs.map(({ runId, depth }) => [runId, depth])).toEqual(runs.map(() => ['import-7', 0]));
    for (const { attributes } of recorder.named('agent.invoke follow')) {
      expect(attributes['faultline.run.id']).toBe('import-7');
    }
  });

  test('keep what there was of an answer, without showing it to whoever prints the error', async () => {
    const helper = agent('helper', [echoes(), echoes()], { tools: [echo()], maxTurns: 2 });

    const error = (await rejection(helper.run('my number is 555-0100'))) as MaxTurnsError;

    expect(error).toBeInstanceOf(MaxTurnsError);
    expect(error.partial).toMatchObject({ text: 'Let me see.', turns: 2, usage: { inputTokens: 200 } });
    expect(error.partial!.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect(inspect(error, { depth: 10 }) + JSON.stringify(error)).not.toContain('555-0100');
  });

  test('say in an event which one it was', async () => {
    const helper = agent('helper', [echoes(), 'done'], { tools: [echo()] });
    const run = helper.stream('hi', { maxTotalTokens: 100 });

    const events = await collect(run);
    await rejection(run.result);

    expect(only(events, 'run.limit', 'run.error')).toMatchObject([
      { type: 'run.limit', limit: 'tokens', allowed: 100, spent: 100 },
      { type: 'run.error', errorType: 'BudgetExceededError', aborted: false },
    ]);
  });

  test('hold for what its sub-agents spend, and it fails once', async () => {
    const child = agent('child', [echoes(), echoes(), 'found'], { tools: [echo()] });
    const helper = agent('helper', [delegates('child'), 'done'], { tools: [child.asTool()], maxTotalTokens: 250 });

    const error = await rejection(helper.run('hi'));

    expect(error).toMatchObject({ message: 'helper has spent 300 of 250 tokens' });
    expect(recorder.tree('error.type')).toBe(
      [
        'agent.invoke helper ! type=BudgetExceededError',
        '  chat gpt-5-mini',
        '    execute_tool ask_child ! type=BudgetExceededError',
        '      agent.invoke child ! x type=BudgetExceededError',
        '        chat gpt-5-mini',
        '          execute_tool echo',
        '        chat gpt-5-mini',
      ].join('\n'),
    );
  });

  test('of a sub-agent are its own: the agent that asked it goes on', async () => {
    const child = agent('child', [echoes(), 'found'], { tools: [echo()], maxTotalTokens: 50 });
    const helper = agent('helper', [delegates('child'), 'done'], { tools: [child.asTool()] });

    expect(await helper.run('hi')).toMatchObject({ text: 'done', toolErrors: 1 });
    expect(recorder.only('agent.invoke child').attributes['error.type']).toBe('BudgetExceededError');
    expect(recorder.only('agent.invoke helper').attributes['error.type']).toBeUndefined();
  });

  test('end agents that call each other in a circle', async () => {
    const around: ScriptedTurnFunction = ({ prompt }) =>
      JSON.stringify(prompt).includes('tool-result') ? 'giving up' : asks('again', {});
    const circle: Agent = agent(
      'circle',
      Array.from({ length: 20 }, () => around),
      {
        tools: [
          defineTool({
            name: 'again',
            input: z.object({}),
            execute: async (_input, { signal }) => (await circle.run('go on', { signal })).text,
          }),
        ],
        maxDepth: 2,
      },
    );

    expect(await circle.run('go')).toMatchObject({ text: 'giving up', toolErrors: 0 });
    expect(recorder.tree('faultline.depth', 'error.type')).toBe(
      [
        'agent.invoke circle depth=0',
        '  chat gpt-5-mini depth=0',
        '    execute_tool again depth=0',
        '      agent.invoke circle depth=1',
        '        chat gpt-5-mini depth=1',
        '          execute_tool again depth=1',
        '            agent.invoke circle depth=2',
        '              chat gpt-5-mini depth=2',
        '                execute_tool again ! depth=2 type=MaxDepthError',
        '                  agent.invoke circle ! x depth=3 type=MaxDepthError',
        '              chat gpt-5-mini depth=2',
        '        chat gpt-5-mini depth=1',
        '  chat gpt-5-mini depth=0',
      ].join('\n'),
    );
  });

  test('of one run go before those of the agent', async () => {
    const helper = agent('helper', [echoes(), echoes(), 'done'], { tools: [echo()], maxTurns: 1 });

    expect(await helper.run('hi', { maxTurns: 3 })).toMatchObject({ text: 'done', turns: 3 });
  });

  test.each([
    [{ maxTurns: 0 }, 'maxTurns of agent helper must be a whole number of at least 1; got 0'],
    [{ maxDepth: -1 }, 'maxDepth of agent helper must be a whole number of at least 0; got -1'],
    [{ maxTotalTokens: 1.5 }, 'maxTotalTokens of agent helper must be a whole number of at least 1; got 1.5'],
    [{ maxCostUsd: Number.NaN }, 'maxCostUsd of agent helper must be more than 0; got NaN'],
  ] satisfies [RunLimits, string][])('cannot be %j', async (limits, message) => {
    expect(() => agent('helper', [], limits)).toThrow(message);
    expect(await rejection(agent('helper', []).run('hi', limits))).toMatchObject({
      message: message.replace('agent', 'a run of agent'),
    });
  });
});

describe('without any tracing', () => {
  test('what sub-agents spend counts all the same', async () => {
    const child = agent('child', [echoes(), 'found'], { tools: [echo()] });
    const helper = agent('helper', [delegates('child'), 'done'], { tools: [child.asTool()], maxTotalTokens: 150 });

    expect(await rejection(helper.run('hi'))).toMatchObject({ message: 'helper has spent 200 of 150 tokens' });
  });

  test('agents know how deep they are, and in which run and conversation', async () => {
    const seen: unknown[] = [];
    const look = defineTool({
      name: 'look',
      input: z.object({}),
      execute: (_input, { run }) => {
        const { agent, depth, runId, conversationId } = run;
        seen.push([agent, depth, runId, conversationId]);
      },
    });
    const child = agent('child', [asks('look', {}), 'found'], { tools: [look] });
    const helper = agent('helper', [delegates('child'), asks('look', {}), 'done'], { tools: [child.asTool(), look] });

    const { runId } = await helper.run('hi', { conversationId: 'c-1' });

    expect(seen).toEqual([
      ['child', 1, runId, 'c-1'],
      ['helper', 0, runId, 'c-1'],
    ]);
  });

  test('runs that are started by what one has left behind at its end are runs of their own', async () => {
    const runs = await runsOfFollowUps(12);

    expect(runs.map(({ depth }) => depth)).toEqual(runs.map(() => 0));
    expect(new Set(runs.map(({ runId }) => runId)).size).toBe(runs.length);
  });

  test('what a sub-agent has left behind counts for as long as the run goes on', async () => {
    let later: (() => Promise<unknown>) | undefined;
    const leave = defineTool({
      name: 'leave',
      input: z.object({}),
      execute: () => {
        later = AsyncResource.bind(() => agent('late', [echoes(), 'found'], { tools: [echo()] }).run('go'));
      },
    });
    const wait = defineTool({ name: 'wait', input: z.object({}), execute: () => later!() });
    const child = agent('child', [asks('leave', {}), 'found'], { tools: [leave] });
    const turns = [delegates('child'), asks('wait', {}), 'done'];
    const helper = agent('helper', turns, { tools: [child.asTool(), wait], maxTotalTokens: 350 });

    expect(await rejection(helper.run('hi'))).toMatchObject({ message: 'helper has spent 415 of 350 tokens' });
  });

  test('an agent below the deepest there may be is refused', async () => {
    const child = agent('child', ['found']);
    const helper = agent('helper', [delegates('child'), 'done'], { tools: [child.asTool()], maxDepth: 0 });
    const outputs: string[] = [];

    const { messages } = await helper.run('hi');
    for (const message of messages) if (message.role === 'tool') outputs.push(JSON.stringify(message.content));

    expect(outputs).toHaveLength(1);
    expect(outputs[0]).toContain(`MaxDepthError: ${new MaxDepthError('child', 0).message}`);
  });
});
