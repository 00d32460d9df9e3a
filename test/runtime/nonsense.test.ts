/** What models and tools of other people do that they should not: one clear failure each, and the run is not held up. */
import { describe, expect, test } from 'vitest';

import { createAgentWith } from '../../src/runtime/agent.ts';
import { createAgent, inProcessMemory, memoryTools } from '../../src/runtime/index.ts';
import type {
  Agent,
  AgentOptions,
  InputMessage,
  MemoryStore,
  ModelLike,
  RunInput,
  Tool,
} from '../../src/runtime/index.ts';
import { scriptedModel } from '../../src/testing/scripted-model.ts';
import { echo, gate, rejection } from './support/agents.ts';
import { manualTime } from './support/manual-time.ts';
import { settled, watchRejections } from '../support/process-events.ts';
import { recordSpans } from './support/spans.ts';

const recorder = recordSpans();

describe('a tool that throws', () => {
  const throws = (value: unknown): Tool => ({
    ...echo('odd'),
    execute: () => {
      // oxlint-disable-next-line typescript/only-throw-error -- that is what is tested
      throw value;
    },
  });
  const frozen = Object.freeze(new RangeError('frozen'));
  const hostile = new Proxy(new Error('hidden'), {
    get: () => {
      throw new Error('trap');
    },
  });
  const speechless = Object.defineProperty(new Error(''), 'message', {
    get: () => {
      throw new Error('trap');
    },
  });

  test.each([
    ['undefined', undefined, /undefined/],
    ['null', null, /null/],
    ['a text', 'no luck', /no luck/],
    ['a number', 7, /7/],
    ['a symbol', Symbol('odd'), /Symbol\(odd\)/],
    ['a frozen error', frozen, /^RangeError: frozen$/],
    ['an object without a prototype', Object.create(null), /cannot be written as text/],
    ['an error whose message cannot be read', speechless, /cannot be written as text/],
    ['a proxy that throws', hostile, /cannot be written as text/],
    ['a promise', Promise.resolve('later'), /\[object Promise\]/],
  ])('%s has failed, and the run goes on', async (_what, value, told) => {
    const rejections = watchRejections();
    const asks = { toolCalls: [{ name: 'odd', input: { text: 'a' } }] };
    const helper = createAgent({ name: 'helper', models: [scriptedModel([asks, 'done'])], tools: [throws(value)] });

    const { text, toolErrors, messages } = await helper.run('hi');
    await settled();

    expect({ text, toolErrors }).toEqual({ text: 'done', toolErrors: 1 });
    const result = messages.find(({ role }) => role === 'tool')!.content[0] as { output: { value: string } };
    expect(result.output.value).toMatch(told);
    expect(recorder.tree('faultline.failure.point')).toBe(
      [
        'agent.invoke helper',
        '  chat scripted-model',
        '    execute_tool odd ! x point=tool.execution',
        '  chat scripted-model',
      ].join('\n'),
    );
    expect(rejections).toEqual([]);
  });
});

describe('a tool that does not return', () => {
  test('has failed after five minutes, whatever it does later, and the run goes on', async () => {
    const rejections = watchRejections();
    const time = manualTime();
    const asked = gate();
    const late = gate();
    const tool: Tool = {
      ...echo('deaf'),
      execute: async () => {
        asked.open();
        await late.opened;
        throw new Error('late');
      },
    };
    const asks = { toolCalls: [{ name: 'deaf', input: { text: 'a' } }] };
    const models = [scriptedModel([asks, 'done'])];

    const run = createAgentWith(time, { name: 'helper', models, tools: [tool] }).run('hi');
    await asked.opened;
    expect(await time.nextTimer()).toBe(300_000);
    time.advance(300_000);
    const { text, toolErrors, messages } = await run;
    late.open();
    await settled();

    expect({ text, toolErrors, running: time.running }).toEqual({ text: 'done', toolErrors: 1, running: 0 });
    expect(messages[2]).toMatchObject({
      content: [{ output: { type: 'error-text', value: 'ToolTimeoutError: deaf took longer than 300000 ms' } }],
    });
    expect(recorder.tree('error.type', 'faultline.failure.point')).toBe(
      [
        'agent.invoke helper',
        '  chat scripted-model',
        '    execute_tool deaf ! x type=ToolTimeoutError point=tool.execution',
        '  chat scripted-model',
      ].join('\n'),
    );
    expect(rejections).toEqual([]);
  });
});

describe('a caller that passes', () => {
  const options = (): AgentOptions => ({
    name: 'helper',
    models: [scriptedModel(['done'])],
    memory: inProcessMemory(),
  });
  const input = 'the input of a run must be a text or a list of messages';
  const contents = 'must be a text or a list of text parts';
  const message = (fields: object): unknown => [{ role: 'user', content: 'hi' }, fields];

  test.each<[string, unknown, string]>([
    ['nothing', undefined, `${input}; got undefined`],
    ['a number', 5, `${input}; got a number`],
    ['one message', { role: 'user', content: 'secret' }, `${input}; got an object`],
    ['a list of texts', ['secret'], 'message 1 of the input must have a role and a content; got a string'],
    [
      'a message of nobody',
      message({ role: 'secret', content: 'hi' }),
      'the role of message 2 of the input must be system, user, assistant or tool',
    ],
    [
      'a message of the UI',
      message({ role: 'user', parts: [] }),
      `the content of message 2 of the input ${contents}; got undefined`,
    ],
    [
      'an image',
      message({ role: 'user', content: [{ type: 'image', image: 'secret' }] }),
      `the content of message 2 of the input ${contents}; part 1 is none`,
    ],
    [
      'a system message in parts',
      message({ role: 'system', content: [{ type: 'text', text: 'hi' }] }),
      'the content of message 2 of the input must be a text; got a list',
    ],
    [
      'an answer without a text',
      message({ role: 'assistant', content: null }),
      'the content of message 2 of the input must be a text or a list of parts; got null',
    ],
    [
      'a result that is no list',
      message({ role: 'tool', content: 'secret' }),
      'the content of message 2 of the input must be a list of parts; got a string',
    ],
    [
      'an answer of nothing',
      message({ role: 'assistant', content: [{ type: 'text', text: 'hm' }, null] }),
      'the content of message 2 of the input must be a text or a list of parts; part 2 is none',
    ],
    [
      'an answer in a part without a text',
      message({ role: 'assistant', content: [{ type: 'text', value: 'secret' }] }),
      'the content of message 2 of the input must be a text or a list of parts; part 1 is none',
    ],
    [
      'a call of no tool',
      message({ role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'a', input: {} }] }),
      'the content of message 2 of the input must be a text or a list of parts; part 1 is none',
    ],
    [
      'a call without an id',
      message({ role: 'assistant', content: [{ type: 'tool-call', toolName: 'look', input: {} }] }),
      'the content of message 2 of the input must be a text or a list of parts; part 1 is none',
    ],
    [
      'a result without the id of its call',
      message({
        role: 'tool',
        content: [{ type: 'tool-result', toolName: 'look', output: { type: 'json', value: 1 } }],
      }),
      'the content of message 2 of the input must be a list of parts; part 1 is none',
    ],
    [
      'a result of no tool',
      message({
        role: 'tool',
        content: [{ type: 'tool-result', toolCallId: 'a', output: { type: 'json', value: 1 } }],
      }),
      'the content of message 2 of the input must be a list of parts; part 1 is none',
    ],
    [
      'results that are texts',
      message({ role: 'tool', content: ['secret'] }),
      'the content of message 2 of the input must be a list of parts; part 1 is none',
    ],
    [
      'a result without an output',
      message({
        role: 'tool',
        content: [{ type: 'tool-result', toolCallId: 'a', toolName: 'look', result: 'secret' }],
      }),
      'the content of message 2 of the input must be a list of parts; part 1 is none',
    ],
  ])('%s is told what was expected and what came', async (_what, passed, said) => {
    const error = await rejection(createAgent(options()).run(passed as RunInput));

    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ name: 'RunInputError', message: said });
    expect(recorder.only('agent.invoke helper').status.message).toBe(said);
  });

  test.each<[string, unknown]>([
    ['a history that is no list', null],
    ['a history that loads as none', () => Promise.resolve(undefined)],
  ])('%s is told so as well', async (_what, history) => {
    const error = await rejection(createAgent(options()).run('hi', { history: history as readonly InputMessage[] }));

    const got = history === null ? 'null' : 'undefined';
    expect(error).toMatchObject({ message: `the history of a run must be a list of messages; got ${got}` });
  });

  test('parts of an answer that only a provider understands gives them to it as they are', async () => {
    const model = scriptedModel(['done']);
    const parts = [{ type: 'file', mediaType: 'image/png', data: 'AA==' }];

    await createAgent({ ...options(), models: [model] }).run(
      message({ role: 'assistant', content: parts }) as RunInput,
    );

    expect(model.calls[0]?.prompt).toMatchObject([{ role: 'user' }, { role: 'assistant', content: parts }]);
  });

  test('the text parts of the AI SDK is understood', async () => {
    const model = scriptedModel(['done']);
    const content = [
      { type: 'text', text: 'tea' },
      { type: 'text', text: 'for Ada?' },
    ] as const;

    const { messages } = await createAgent({ ...options(), models: [model] }).run([{ role: 'user', content }]);

    expect(messages[0]).toEqual({ role: 'user', content: 'tea\nfor Ada?' });
    expect(model.calls[0]?.prompt).toMatchObject([
      { role: 'user', content: [{ type: 'text', text: 'tea\nfor Ada?' }] },
    ]);
  });
});

describe('a memory that answers', () => {
  const unreadable = {
    id: '1',
    get text(): string {
      throw new RangeError('trap');
    },
  };
  const expected = 'the memory notes must find a list of records with a text';

  test.each<[string, unknown, string]>([
    ['nothing', undefined, `MemoryResultError: ${expected}; got undefined`],
    ['an object', { secret: 1 }, `MemoryResultError: ${expected}; got an object`],
    ['a text', 'secret', `MemoryResultError: ${expected}; got a string`],
    ['a list of nothing', [null], `MemoryResultError: ${expected}; record 1 is null`],
    ['a list of texts', ['secret'], `MemoryResultError: ${expected}; record 1 is a string`],
    [
      'a record without a text',
      [
        { id: '1', text: 'tea' },
        { id: '2', score: 1 },
      ],
      `MemoryResultError: ${expected}; the text of record 2 is undefined`,
    ],
    ['a record that cannot be read', [unreadable], 'RangeError: trap'],
  ])('%s has failed, and the run goes on without it', async (_what, found, said) => {
    const store = { ...inProcessMemory({ id: 'notes' }), search: () => Promise.resolve(found) } as MemoryStore;
    const asks = { toolCalls: [{ name: 'search_memory', input: { query: 'tea' } }] };
    const tools = memoryTools(store);
    const helper = createAgent({ name: 'helper', models: [scriptedModel([asks, 'done'])], tools, memory: store });

    const { text, toolErrors, memoryFailed, messages } = await helper.run('hi');

    expect({ text, toolErrors, memoryFailed }).toEqual({ text: 'done', toolErrors: 1, memoryFailed: true });
    expect(messages[2]).toMatchObject({ content: [{ output: { type: 'error-text', value: said } }] });
    expect(recorder.tree('faultline.failure.point')).toBe(
      [
        'agent.invoke helper',
        '  search_memory notes ! x point=memory.search',
        '  chat scripted-model',
        '    execute_tool search_memory !',
        '      search_memory notes ! x point=memory.search',
        '  chat scripted-model',
      ].join('\n'),
    );
  });
});

describe('a model that answers', () => {
  const finish = { finishReason: 'stop', usage: {} };
  const model = (answer: unknown): ModelLike => ({
    specificationVersion: 'v3',
    provider: 'odd',
    modelId: 'odd-1',
    doGenerate: () => Promise.resolve(answer),
    doStream: () => Promise.resolve(answer),
  });
  const streamOf = (...parts: unknown[]): unknown => ({
    stream: new ReadableStream({
      start: (controller) => {
        for (const part of parts) controller.enqueue(part);
        controller.close();
      },
    }),
  });
  const helperOn = (answer: unknown): Agent =>
    createAgent({ name: 'helper', models: [{ model: model(answer), maxRetries: 0 }] });

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'Hello.'],
    ['no content', { ...finish }],
    ['a text for its content', { ...finish, content: 'Hello.' }],
    ['a tool call without a name', { ...finish, content: [{ type: 'tool-call', toolCallId: 'c', input: '{}' }] }],
  ])('with %s has failed once', async (_what, answer) => {
    const rejections = watchRejections();

    const error = await rejection(helperOn(answer).run('hi'));
    await settled();

    expect(error).toMatchObject({
      message: expect.stringMatching(/^no model answered: odd-1 \(ModelResponseError, .+\)$/),
    });
    expect(recorder.tree('error.type')).toBe(
      ['agent.invoke helper ! x type=AllModelsFailedError', '  chat odd-1 ! x type=ModelResponseError'].join('\n'),
    );
    expect(rejections).toEqual([]);
  });

  test.each([
    ['a stream that is none', { stream: 'Hello.' }],
    ['a stream that ends without finish', streamOf({ type: 'text-delta', id: '0', delta: 'Hel' })],
    ['an empty stream', streamOf()],
    ['a stream of an unfinished tool', streamOf({ type: 'tool-input-start', id: 'c', toolName: 'echo' })],
  ])('with %s has failed once', async (_what, answer) => {
    const rejections = watchRejections();

    const error = await rejection(helperOn(answer).run('hi', { stream: true }));
    await settled();

    expect(error).toMatchObject({
      message: expect.stringMatching(/^no model answered: odd-1 \(ModelResponseError, .+\)$/),
    });
    expect(recorder.only('chat odd-1').events.filter(({ name }) => name === 'exception')).toHaveLength(1);
    expect(rejections).toEqual([]);
  });

  test('with parts nobody knows is read for those that are known', async () => {
    const parts = [null, 7, 'part', { type: 'hologram' }, { type: 'text', text: 'Hello.' }, { type: 'text', text: 7 }];
    const usage = { inputTokens: 'many', outputTokens: { total: -1 } };

    expect(await helperOn({ content: parts, finishReason: 42, usage }).run('hi')).toMatchObject({
      text: 'Hello.',
      finishReason: 'other',
    });
  });

  test('with a stream of parts nobody knows is read for those that are known', async () => {
    const parts = [null, { type: 'hologram' }, { type: 'text-delta', id: 0, delta: 'Hello.' }, { type: 'finish' }];

    expect(await helperOn(streamOf(...parts)).run('hi', { stream: true })).toMatchObject({ text: 'Hello.' });
  });

  test.each([[undefined], [null], ['no luck'], [Object.create(null)]])('by throwing %s has failed', async (thrown) => {
    const turns = [{ error: thrown as unknown }];
    const helper = createAgent({ name: 'helper', models: [{ model: scriptedModel(turns), maxRetries: 0 }] });

    expect(await rejection(helper.run('hi'))).toMatchObject({ name: 'AllModelsFailedError' });
    expect(recorder.tree()).toBe(['agent.invoke helper ! x', '  chat scripted-model ! x'].join('\n'));
  });
});

describe('a run that is aborted', () => {
  const never = (): Promise<never> => new Promise(() => {});
  const asks = (name: string, input: object = { text: 'a' }) => ({ toolCalls: [{ name, input: { ...input } }] });

  /** Aborts a run as soon as it is where it never returns from. */
  async function abortAt(make: (arrived: () => Promise<never>) => Agent): Promise<unknown> {
    const arrival = gate();
    const agent = make(() => {
      arrival.open();
      return never();
    });
    const controller = new AbortController();
    const ended = rejection(agent.run('hi', { signal: controller.signal }));
    await arrival.opened;
    controller.abort(new Error('enough'));
    return ended;
  }

  test('is not held up by a tool that never returns', async () => {
    const error = await abortAt((execute) =>
      createAgent({ name: 'helper', models: [scriptedModel([asks('echo')])], tools: [{ ...echo(), execute }] }),
    );

    expect(error).toMatchObject({ message: 'enough' });
    expect(recorder.tree('faultline.outcome')).toBe(
      ['agent.invoke helper outcome=aborted', '  chat scripted-model', '    execute_tool echo outcome=aborted'].join(
        '\n',
      ),
    );
  });

  test('is not held up by a schema that never says whether arguments fit', async () => {
    const error = await abortAt((validate) => {
      const input = { '~standard': { version: 1, vendor: 'odd', validate } } as const;
      return createAgent({
        name: 'helper',
        models: [scriptedModel([asks('echo')])],
        tools: [{ ...echo(), input }],
      });
    });

    expect(error).toMatchObject({ message: 'enough' });
    expect(recorder.only('execute_tool echo').attributes['faultline.outcome']).toBe('aborted');
  });

  test('is not held up by a memory that never answers', async () => {
    const error = await abortAt((search) => {
      const memory: MemoryStore = { ...inProcessMemory(), search };
      return createAgent({ name: 'helper', models: [scriptedModel([])], memory });
    });

    expect(error).toMatchObject({ message: 'enough' });
    expect(recorder.tree('faultline.outcome')).toMatch(/^agent\.invoke helper outcome=aborted\n {2}search_memory/);
  });

  test('ends the sub-agents of its sub-agents', async () => {
    const error = await abortAt((execute) => {
      const team = (name: string, tool: Tool, call: object): Agent =>
        createAgent({ name, models: [scriptedModel([asks(tool.name, call)])], tools: [tool] });
      const deepest = team('deepest', { ...echo(), execute }, { text: 'a' });
      const middle = team('middle', deepest.asTool(), { task: 'b' });
      return team('helper', middle.asTool(), { task: 'c' });
    });

    expect(error).toMatchObject({ message: 'enough' });
    const agents = recorder.spans().filter(({ name }) => name.startsWith('agent.invoke'));
    expect(agents.map(({ attributes }) => attributes['faultline.outcome'])).toEqual(['aborted', 'aborted', 'aborted']);
  });

  test('is not held up by whoever delivers its answer', async () => {
    const arrival = gate();
    const controller = new AbortController();
    const helper = createAgent({ name: 'helper', models: [scriptedModel(['Hello.'])] });
    const deliver = (): Promise<never> => {
      arrival.open();
      return never();
    };

    const ended = rejection(helper.run('hi', { signal: controller.signal, deliver }));
    await arrival.opened;
    controller.abort(new Error('enough'));

    expect(await ended).toMatchObject({ message: 'enough' });
  });
});
