import { Readable } from 'node:stream';

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { createAgentWith } from '../../src/runtime/agent.ts';
import { createAgent, defineTool } from '../../src/runtime/index.ts';
import type {
  AgentEvent,
  AgentOptions,
  RunLimits,
  Tool,
  ToolContext,
  ToolDefinition,
  ToolOutput,
} from '../../src/runtime/index.ts';
import { scriptedModel, type ScriptedToolCall } from '../../src/testing/scripted-model.ts';
import { gate, rejection } from './support/agents.ts';
import { manualTime } from './support/manual-time.ts';
import { fc } from '../support/properties.ts';

/** Has the model call tools once, and gives what it was told. */
async function outputs(
  toolCalls: readonly ScriptedToolCall[],
  tools: readonly Tool[],
  options: Partial<AgentOptions> = {},
): Promise<ToolOutput[]> {
  const agent = createAgent({ name: 'helper', models: [scriptedModel([{ toolCalls }, 'done'])], tools, ...options });
  const { messages } = await agent.run('go');
  return messages.flatMap((message) => (message.role === 'tool' ? message.content.map((part) => part.output) : []));
}

/** What the model is told of a tool that does this. */
async function outputOf(execute: (context: ToolContext) => unknown): Promise<ToolOutput | undefined> {
  const tool = defineTool({ name: 'tool', input: z.object({}), execute: (_input, context) => execute(context) });
  const [output] = await outputs([{ name: 'tool', input: {} }], [tool]);
  return output;
}

describe('defining a tool', () => {
  test('takes the JSON Schema from the schema', () => {
    const tool = defineTool({
      name: 'greet',
      input: z.object({ name: z.string() }),
      execute: ({ name }) => `Hi ${name}`,
    });

    expect(tool.jsonSchema).toMatchObject({
      type: 'object',
      properties: { name: { type: 'string' } },
      required: ['name'],
    });
  });

  test('takes an explicit JSON Schema over it', () => {
    const jsonSchema = { type: 'object', properties: { name: { type: 'string', maxLength: 5 } } };

    expect(
      defineTool({ name: 'greet', input: z.object({ name: z.string() }), jsonSchema, execute: () => '' }).jsonSchema,
    ).toBe(jsonSchema);
  });

  const plain: StandardSchemaV1<unknown, { readonly n: number }> = {
    '~standard': { version: 1, vendor: 'plain', validate: (value) => ({ value: value as { n: number } }) },
  };

  test('fails for a schema that has no JSON Schema, and names the way out', () => {
    expect(() => defineTool({ name: 'greet', input: plain, execute: () => '' })).toThrow(
      'the plain schema of tool greet has no JSON Schema: pass jsonSchema as well',
    );
    expect(defineTool({ name: 'greet', input: plain, jsonSchema: { type: 'object' }, execute: () => '' }).name).toBe(
      'greet',
    );
  });

  test('fails for what JSON Schema cannot say', () => {
    expect(() => defineTool({ name: 'plan', input: z.object({ day: z.date() }), execute: () => '' })).toThrow(
      'the schema of tool plan cannot be written as JSON Schema: pass jsonSchema as well',
    );
  });

  test('takes a schema that leaves open what arguments are', () => {
    const jsonSchema = { anyOf: [{ type: 'object' }] };
    expect(defineTool({ name: 'shout', input: plain, jsonSchema, execute: () => '' }).jsonSchema).toBe(jsonSchema);
  });

  test('fails for arguments that are no object', () => {
    expect(() => defineTool({ name: 'shout', input: z.string(), execute: () => '' })).toThrow(
      'the input of tool shout must be an object; its schema says "string"',
    );
  });

  test.each([
    ['nothing', undefined, 'undefined'],
    ['a JSON Schema', { type: 'object', properties: {} }, 'an object'],
  ])('fails for arguments that are described by %s, and names the way out', (_what, input, got) => {
    const definition = { name: 'greet', input, jsonSchema: { type: 'object' }, execute: () => '' };

    expect(() => defineTool(definition as unknown as ToolDefinition<StandardSchemaV1>)).toThrow(
      `the input of tool greet must be a Standard Schema, such as z.object({ city: z.string() }); got ${got}; ` +
        'a tool with a JSON Schema alone is { name, jsonSchema, execute }, without defineTool',
    );
  });

  test('fails without anything to execute', () => {
    const definition = { name: 'greet', input: z.object({}) };

    expect(() => defineTool(definition as unknown as ToolDefinition<StandardSchemaV1>)).toThrow(
      'execute of tool greet must be a function; got undefined',
    );
  });

  test.each(['', 'has space', 'x'.repeat(65), 'naïve'])('fails for a name vendors refuse: %j', (name) => {
    expect(() => defineTool({ name, input: z.object({}), execute: () => '' })).toThrow('a tool name has 1 to 64 of');
  });
});

describe('the result of a tool', () => {
  test.each([
    ['text', 'hello', { type: 'text', value: 'hello' }],
    ['an object', { a: [1, null] }, { type: 'json', value: { a: [1, null] } }],
    ['a number', 7, { type: 'json', value: 7 }],
    ['nothing', undefined, { type: 'json', value: null }],
    ['a date', new Date(0), { type: 'json', value: '1970-01-01T00:00:00.000Z' }],
    ['a big integer', { n: 2n ** 64n }, { type: 'json', value: { n: '18446744073709551616' } }],
    ['an empty object', {}, { type: 'json', value: {} }],
    ['an object without fields of its own', Object.create({ done: true }), { type: 'json', value: {} }],
    ['a set', { seen: new Set([1, 2n]) }, { type: 'json', value: { seen: [1, '2'] } }],
    ['a map by name', new Map([['Lisbon', { t: 21 }]]), { type: 'json', value: { Lisbon: { t: 21 } } }],
    [
      'a map by anything',
      new Map<unknown, string>([
        [7, 'a'],
        ['b', 'c'],
      ]),
      {
        type: 'json',
        value: [
          [7, 'a'],
          ['b', 'c'],
        ],
      },
    ],
    ['an empty map', new Map(), { type: 'json', value: {} }],
  ])('can be %s', async (_name, result, output) => {
    expect(await outputOf(() => result)).toEqual(output);
    expect(await outputOf(() => Promise.resolve(result))).toEqual(output);
  });

  test('is a copy, so that what the tool does to it later changes nothing', async () => {
    const shared = { count: 1 };
    const output = await outputOf(() => shared);
    shared.count = 2;

    expect(output).toEqual({ type: 'json', value: { count: 1 } });
  });

  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  test.each([
    ['a cycle', circular],
    ['a function', () => 1],
    [
      'a getter that throws',
      Object.defineProperty({}, 'x', {
        enumerable: true,
        get: () => {
          throw new Error('no');
        },
      }),
    ],
  ])('that JSON cannot write, like %s, says that the tool has run', async (_name, result) => {
    expect(await outputOf(() => result)).toEqual({
      type: 'error-text',
      value: 'ToolResultError: tool has run, but its result cannot be written as JSON',
    });
  });
});

describe('a result whose content JSON would leave out', () => {
  const told = (kind: string): ToolOutput => ({
    type: 'error-text',
    value: `ToolResultError: tool returned something of the kind ${kind}, which JSON cannot write: return what is in it`,
  });
  async function* pieces(): AsyncGenerator<string> {
    yield 'part';
  }
  const iterable = { [Symbol.asyncIterator]: pieces };

  test.each<[string, () => unknown]>([
    ['AsyncGenerator', pieces],
    [
      'Generator',
      () =>
        (function* () {
          yield 1;
        })(),
    ],
    ['Array Iterator', () => [1].values()],
    ['ReadableStream', () => new ReadableStream()],
    ['stream', () => Readable.from(['a'])],
    ['stream', () => ({ locked: false, getReader: () => ({}), [Symbol.asyncIterator]: pieces })],
    ['Response', () => new Response('21 degrees')],
    ['Headers', () => new Headers({ a: 'b' })],
    ['Blob', () => new Blob(['a'])],
    ['async iterable', () => iterable],
    [
      'object',
      () => ({
        get [Symbol.toStringTag]() {
          return 'what Ada said';
        },
      }),
    ],
  ])('is refused with a sentence that says what it was: %s', async (kind, make) => {
    expect(await outputOf(make)).toEqual(told(kind));
  });

  test('is no page of a list, which is written as what it holds', async () => {
    class Page {
      readonly data = [{ id: 1 }];
      readonly has_more = true;
      [Symbol.asyncIterator] = pieces;
    }

    expect(await outputOf(() => new Page())).toEqual({ type: 'json', value: { data: [{ id: 1 }], has_more: true } });
  });

  test('is the failure of the tool when it is an error', async () => {
    expect(await outputOf(() => new RangeError('too far'))).toEqual({
      type: 'error-text',
      value: 'RangeError: too far',
    });
    expect(await outputOf(() => Promise.resolve(new RangeError('too far')))).toEqual({
      type: 'error-text',
      value: 'RangeError: too far',
    });
  });
});

describe('a tool call that fails', () => {
  test('tells the model class and message of the error', async () => {
    expect(
      await outputOf(() => {
        throw new RangeError('too far');
      }),
    ).toEqual({ type: 'error-text', value: 'RangeError: too far' });
    expect(await outputOf(() => Promise.reject(new Error('x'.repeat(9_999))))).toMatchObject({
      value: expect.stringMatching(/^Error: x{1993}$/),
    });
  });

  test('may say so in its result, as MCP does', async () => {
    const image = { type: 'image', data: 'aGk=', mimeType: 'image/png' };
    const texts = [
      { type: 'text', text: 'no such file' },
      { type: 'text', text: 'try another' },
    ];

    expect(await outputOf(() => ({ isError: true, content: [image, ...texts] }))).toEqual({
      type: 'error-text',
      value: 'ToolReportedError: no such file\ntry another',
    });
    expect(await outputOf(() => ({ isError: true, content: [image] }))).toEqual({
      type: 'error-text',
      value: 'ToolReportedError: tool reported an error without a text',
    });
  });

  test.each([
    ['was none', { isError: false, content: [{ type: 'text', text: 'fine' }] }],
    ['is of something else', { isError: true, content: 'the line is red' }],
    ['is somewhere inside', { page: { isError: true, content: [] } }],
  ])('is not one whose result says that an error %s', async (_what, result) => {
    expect(await outputOf(() => result)).toEqual({ type: 'json', value: result });
  });

  test('takes any thrown value', async () => {
    expect(await outputOf(() => Promise.reject('plain text'))).toEqual({
      type: 'error-text',
      value: 'string: plain text',
    });
    expect(await outputOf(() => Promise.reject(undefined))).toEqual({
      type: 'error-text',
      value: 'undefined: undefined',
    });
  });

  test('for want of a tool names the ones there are', async () => {
    const known = defineTool({ name: 'known', input: z.object({}), execute: () => '' });

    expect(await outputs([{ name: 'unknown', input: {} }], [known])).toEqual([
      { type: 'error-text', value: 'ToolNotFoundError: there is no tool unknown; the tools are known' },
    ]);
    expect(await outputs([{ name: 'constructor', input: {} }], [])).toEqual([
      { type: 'error-text', value: 'ToolNotFoundError: there is no tool constructor; there are none' },
    ]);
  });

  test('for its arguments says which and why', async () => {
    const tool = defineTool({
      name: 'plan',
      input: z.strictObject({ days: z.number().max(7).multipleOf(2), to: z.array(z.object({ city: z.string() })) }),
      execute: () => 'unreachable',
    });

    expect(await outputs([{ name: 'plan', input: { days: 9, to: [{}], by: 'train' } }], [tool])).toEqual([
      {
        type: 'error-text',
        value:
          'InvalidToolArgumentsError: the arguments of plan do not fit its schema at days, to.0.city' +
          '\n- days: Too big: expected number to be <=7' +
          '\n- days: Invalid number: must be a multiple of 2' +
          '\n- to.0.city: Invalid input: expected string, received undefined' +
          '\n- input: Unrecognized key: "by"',
      },
    ]);
  });

  test('for its arguments keeps names the model made up out of what is said beyond the model', async () => {
    const budget = z.object({ costs: z.record(z.string(), z.number()) });
    const tool = defineTool({ name: 'plan', input: budget, execute: () => 'unreachable' });

    expect(await outputs([{ name: 'plan', input: { costs: { 'gift for Ada': 'dear' } } }], [tool])).toEqual([
      {
        type: 'error-text',
        value:
          'InvalidToolArgumentsError: the arguments of plan do not fit its schema at costs.*' +
          '\n- costs.gift for Ada: Invalid input: expected number, received string',
      },
    ]);
  });

  test.each(['{"days": 1', '[1]', '"text"', 'null'])('for arguments that are no JSON object: %s', async (input) => {
    const tool = defineTool({ name: 'plan', input: z.object({}), execute: () => 'unreachable' });

    expect(await outputs([{ name: 'plan', input }], [tool])).toEqual([
      { type: 'error-text', value: 'InvalidToolArgumentsError: the arguments of plan are not a JSON object' },
    ]);
  });

  test('for time is left behind, and its signal aborted', async () => {
    const time = manualTime();
    const asked = gate();
    let seen: AbortSignal | undefined;
    const slow = defineTool({
      name: 'slow',
      input: z.object({}),
      timeoutMs: 100,
      execute: (_input, { signal }) => {
        seen = signal;
        asked.open();
        return new Promise(() => {});
      },
    });
    const models = [scriptedModel([{ toolCalls: [{ name: 'slow', input: {} }] }, 'done'])];
    const run = createAgentWith(time, { name: 'helper', models, tools: [slow] }).run('go');
    await asked.opened;
    time.advance(await time.nextTimer());

    expect((await run).messages[2]).toMatchObject({
      content: [{ output: { type: 'error-text', value: 'ToolTimeoutError: slow took longer than 100 ms' } }],
    });
    expect(seen?.aborted).toBe(true);
    expect(time.running).toBe(0);
  });
});

test.each([0, 9_000_000])(
  'the time a tool took is what passed, also when the clock is set to %i meanwhile',
  async (ms) => {
    const time = manualTime();
    const tool: Tool = {
      name: 'tool',
      jsonSchema: { type: 'object' },
      execute: () => {
        time.advance(25);
        time.setClock(ms);
      },
    };
    const took: number[] = [];
    const models = [scriptedModel([{ toolCalls: [{ name: 'tool', input: {} }] }, 'done'])];

    await createAgentWith(time, { name: 'helper', models, tools: [tool] }).run('go', {
      onEvent: (event) => {
        if (event.type === 'tool.end') took.push(event.durationMs);
      },
      onLog: ({ duration_ms }) => {
        if (duration_ms !== undefined) took.push(Number(duration_ms));
      },
    });

    expect(took).toEqual([25, 25, 25]);
  },
);

describe('the time a tool call may take', () => {
  const never = (): Promise<never> => new Promise(() => {});
  const call = { toolCalls: [{ name: 'tool', input: {} }] };
  const toolThat = (execute: Tool['execute'], more: Partial<Tool> = {}): Tool => ({
    name: 'tool',
    jsonSchema: { type: 'object' },
    execute,
    ...more,
  });

  test.each<[string, Partial<Tool>, RunLimits, RunLimits, number]>([
    ['the agent', {}, { toolTimeoutMs: 50 }, {}, 50],
    ['the run, over the agent', {}, { toolTimeoutMs: 50 }, { toolTimeoutMs: 70 }, 70],
    ['the tool, over both', { timeoutMs: 100 }, { toolTimeoutMs: 50 }, { toolTimeoutMs: 70 }, 100],
    ['the tool, over nothing', { timeoutMs: 100 }, { toolTimeoutMs: Infinity }, {}, 100],
  ])('is what is said by %s', async (_who, own, ofAgent, ofRun, expected) => {
    const time = manualTime();
    const models = [scriptedModel([call, 'done'])];
    const agent = createAgentWith(time, { name: 'helper', models, tools: [toolThat(never, own)], ...ofAgent });

    const run = agent.run('go', ofRun);
    expect(await time.nextTimer()).toBe(expected);
    time.advance(expected);

    expect(await run).toMatchObject({ text: 'done', toolErrors: 1 });
  });

  test.each<[string, Partial<Tool>, RunLimits]>([
    ['the agent', {}, { toolTimeoutMs: Infinity }],
    ['the tool', { timeoutMs: Infinity }, { toolTimeoutMs: 50 }],
  ])('is any, when %s says Infinity', async (_who, own, ofAgent) => {
    const time = manualTime();
    const asked = gate();
    const done = gate();
    const slow = toolThat(async () => {
      asked.open();
      await done.opened;
      return 'at last';
    }, own);
    const models = [scriptedModel([call, 'done'])];

    const run = createAgentWith(time, { name: 'helper', models, tools: [slow], ...ofAgent }).run('go');
    await asked.opened;
    expect(time.running).toBe(0);
    done.open();

    expect((await run).messages[2]).toMatchObject({ content: [{ output: { type: 'text', value: 'at last' } }] });
  });

  test('is also that of a schema, which may never say whether arguments fit', async () => {
    const time = manualTime();
    const input: StandardSchemaV1 = { '~standard': { version: 1, vendor: 'slow', validate: never } };
    const models = [scriptedModel([call, 'done'])];
    const tools = [toolThat(() => 'unreachable', { input })];

    const run = createAgentWith(time, { name: 'helper', models, tools }).run('go');
    time.advance(await time.nextTimer());

    expect((await run).messages[2]).toMatchObject({
      content: [{ output: { value: 'ToolTimeoutError: tool took longer than 300000 ms' } }],
    });
  });

  test('does not hold for another agent, which goes by limits of its own', async () => {
    const time = manualTime();
    const asked = gate();
    const done = gate();
    const thinks = async () => {
      asked.open();
      await done.opened;
      return 'thought through';
    };
    const writer = createAgentWith(time, { name: 'writer', models: [scriptedModel([thinks])] });
    const models = [scriptedModel([{ toolCalls: [{ name: 'ask_writer', input: { task: 'think' } }] }, 'done'])];

    const run = createAgentWith(time, { name: 'helper', models, tools: [writer.asTool()], toolTimeoutMs: 50 }).run(
      'go',
    );
    await asked.opened;
    time.advance(600_000);
    done.open();

    expect((await run).messages[2]).toMatchObject({ content: [{ output: { value: 'thought through' } }] });
  });
});

describe('the arguments of a tool', () => {
  test('are what the schema makes of them', async () => {
    const tool = defineTool({
      name: 'plan',
      input: z.object({ days: z.coerce.number(), city: z.string().default('Lisbon') }),
      execute: (input) => input,
    });

    expect(await outputs([{ name: 'plan', input: { days: '3', extra: true } }], [tool])).toEqual([
      { type: 'json', value: { days: 3, city: 'Lisbon' } },
    ]);
  });

  test('may be left out altogether by the model', async () => {
    const tool = defineTool({ name: 'now', input: z.object({}), execute: () => 'noon' });

    expect(await outputs([{ name: 'now', input: '' }], [tool])).toEqual([{ type: 'text', value: 'noon' }]);
  });

  test('come with the call, the run and the conversation', async () => {
    let context: ToolContext | undefined;
    await outputOf((given) => {
      context = given;
    });

    expect(context).toMatchObject({
      toolCallId: 'call_1',
      run: { agent: 'helper', depth: 0 },
      messages: [{ role: 'user', content: 'go' }],
    });
    expect(context?.signal.aborted).toBe(false);
  });

  test('reach a tool without a schema as they are', async () => {
    const raw: Tool = { name: 'raw', jsonSchema: { type: 'object' }, execute: (input) => input };

    expect(await outputs([{ name: 'raw', input: { a: 1 } }], [raw])).toEqual([{ type: 'json', value: { a: 1 } }]);
  });
});

describe('the tools of one turn', () => {
  test('run at the same time', async () => {
    const both = gate();
    let running = 0;
    const tool = defineTool({
      name: 'meet',
      input: z.object({}),
      execute: async () => {
        if ((running += 1) === 2) both.open();
        await both.opened;
        return 'met';
      },
    });

    const call = { name: 'meet', input: {} };
    expect(await outputs([call, call], [tool])).toEqual([
      { type: 'text', value: 'met' },
      { type: 'text', value: 'met' },
    ]);
  });

  test('give their results in call order, in whichever order and number they run', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(5), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 15 }),
        async (ticks, toolConcurrency) => {
          let running = 0;
          let most = 0;
          const tool = defineTool({
            name: 'wait',
            input: z.object({ index: z.number(), ticks: z.number() }),
            execute: async ({ index, ticks }) => {
              most = Math.max(most, (running += 1));
              for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
              running -= 1;
              return String(index);
            },
          });
          const calls = ticks.map((ticks, index) => ({ name: 'wait', input: { index, ticks } }));

          expect(await outputs(calls, [tool], { toolConcurrency })).toEqual(
            ticks.map((_ticks, index) => ({ type: 'text', value: String(index) })),
          );
          expect(most).toBeLessThanOrEqual(Math.min(toolConcurrency, ticks.length));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('do not hold each other back when one of them fails', async () => {
    const fail = defineTool({
      name: 'fail',
      input: z.object({}),
      execute: () => {
        throw new Error('no');
      },
    });
    const work = defineTool({ name: 'work', input: z.object({}), execute: () => 'yes' });

    expect(
      await outputs(
        [
          { name: 'fail', input: {} },
          { name: 'work', input: {} },
        ],
        [fail, work],
      ),
    ).toMatchObject([{ type: 'error-text' }, { type: 'text', value: 'yes' }]);
  });

  test('that wait for their turn are not started once the run is aborted', async () => {
    const controller = new AbortController();
    let starts = 0;
    const tool = defineTool({
      name: 'stop',
      input: z.object({}),
      execute: () => {
        starts += 1;
        controller.abort('enough');
        return new Promise(() => {});
      },
    });
    const events: AgentEvent[] = [];
    const toolCalls = [
      { name: 'stop', input: {} },
      { name: 'stop', input: {} },
    ];
    const agent = createAgent({
      name: 'helper',
      models: [scriptedModel([{ toolCalls }])],
      tools: [tool],
      toolConcurrency: 1,
    });

    const run = agent.run('go', { signal: controller.signal, onEvent: (event) => events.push(event) });

    expect(await rejection(run)).toBe('enough');
    expect(starts).toBe(1);
    const types = events.map((event) => event.type);
    expect(types).toEqual(['run.start', 'turn.start', 'tool.start', 'tool.end', 'run.error']);
  });
});
