import { describe, expect, test } from 'vitest';

import { createAgent } from '../../src/runtime/index.ts';
import { scriptedModel } from '../../src/testing/scripted-model.ts';
import { echo, rejection } from './support/agents.ts';

describe.each(['v2', 'v3', 'v4'] as const)('a scripted model of specification %s', (specificationVersion) => {
  test.each([false, true])('plays every kind of answer (stream: %s)', async (stream) => {
    const model = scriptedModel(
      [
        { toolCalls: [{ id: 'a', name: 'echo', input: { text: 'hi' } }] },
        {
          text: 'It says hi.',
          reasoning: 'easy',
          finishReason: 'length',
          usage: { inputTokens: 100, outputTokens: 30, cacheReadTokens: 40, reasoningTokens: 12 },
        },
      ],
      { specificationVersion, modelId: 'm', provider: 'openai.chat' },
    );
    const agent = createAgent({ name: 'helper', models: [model], tools: [echo()] });

    const result = await agent.run('go', { stream });

    expect(result).toMatchObject({
      text: 'It says hi.',
      finishReason: 'length',
      turns: 2,
      usage: { inputTokens: 110, outputTokens: 35, cacheReadTokens: 40, reasoningTokens: 12 },
    });
    expect(model.calls[1]?.prompt.at(-1)).toEqual({
      role: 'tool',
      content: [
        { type: 'tool-result', toolCallId: 'a', toolName: 'echo', output: { type: 'text', value: 'echo: hi' } },
      ],
    });
  });
});

test('a script that is over says how long it was', async () => {
  const model = scriptedModel(['only one'], { modelId: 'm' });
  const agent = createAgent({ name: 'helper', models: [model], maxRetries: 0 });
  await agent.run('go');

  expect(await rejection(agent.run('go'))).toMatchObject({
    cause: { message: 'the script of m has 1 turns, but was asked for turn 2' },
  });
});

test('a turn can be made from the call it answers', async () => {
  const model = scriptedModel([(call) => `You sent ${call.prompt.length} messages.`]);
  const agent = createAgent({ name: 'helper', models: [model], instructions: 'Count.' });

  expect(await agent.run('go')).toMatchObject({ text: 'You sent 2 messages.' });
});
