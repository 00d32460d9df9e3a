import { describe, expect, test } from 'vitest';

import { createAgent, inProcessMemory, type MemoryOptions, type MemoryStore } from '../../../src/runtime/index.ts';
import type { RunOptions, RunResult, ToolOutput } from '../../../src/runtime/index.ts';
import { memoryTools } from '../../../src/runtime/memory/memory-tools.ts';
import { perAgent, perUser } from '../../../src/runtime/memory/scopes.ts';
import { scriptedModel, type ScriptedToolCall } from '../../../src/testing/scripted-model.ts';
import { recordSpans } from '../support/spans.ts';
import { search } from './contract.ts';

const ada = { user: { id: 'ada' } };

/** Has a model make these calls one after the other, and gives what it was told. */
async function use(
  memory: MemoryStore | MemoryOptions,
  calls: readonly ScriptedToolCall[],
  options: RunOptions = {},
): Promise<{ readonly outputs: readonly ToolOutput[]; readonly result: RunResult }> {
  const model = scriptedModel([...calls.map((call) => ({ toolCalls: [call] })), 'done'], { modelId: 'm' });
  const agent = createAgent({ name: 'helper', models: [model], tools: memoryTools(memory) });
  const result = await agent.run('go', options);
  const outputs = result.messages.flatMap((message) =>
    message.role === 'tool' ? message.content.map((part) => part.output) : [],
  );
  return { outputs, result };
}

const remember = (text: string): ScriptedToolCall => ({ name: 'remember', input: { text } });
const lookFor = (query: string): ScriptedToolCall => ({ name: 'search_memory', input: { query } });
const forget = (id: string): ScriptedToolCall => ({ name: 'forget', input: { id } });

describe('remembering', () => {
  test('keeps a text in the first scope of the run', async () => {
    const store = inProcessMemory();
    await use({ store, scopes: (run) => [...perUser(run), ...perAgent(run)] }, [remember('Ada takes tea')], ada);

    expect(await search(store, 'tea', 9, ['user:ada'])).toHaveLength(1);
    expect(await search(store, 'tea', 9, ['agent:helper'])).toEqual([]);
  });

  test('the same text twice keeps it once, and the same of somebody else apart', async () => {
    const store = inProcessMemory();
    const memory = { store, scopes: perUser };
    await use(memory, [remember('I take tea'), remember('I take tea')], ada);
    await use(memory, [remember('I take tea')], { user: { id: 'bob' } });

    expect(await search(store, 'tea')).toHaveLength(2);
  });

  test('for nobody in particular is refused when the memory has owners', async () => {
    const store = inProcessMemory();

    expect((await use({ store, scopes: perUser }, [remember('I take tea')])).outputs).toEqual([
      { type: 'json', value: { remembered: false, reason: 'it is not known whose memory this would be' } },
    ]);
    expect(await search(store, 'tea')).toEqual([]);
  });

  test('takes a text that is neither blank nor a document', async () => {
    const { outputs } = await use(inProcessMemory(), [
      remember(' '),
      remember('x'.repeat(4_001)),
      { name: 'remember', input: { note: 'tea' } },
    ]);

    const value =
      'InvalidToolArgumentsError: the arguments of remember do not fit its schema at text\n' +
      '- text: a text of 1 to 4000 characters is needed';
    expect(outputs).toEqual([1, 2, 3].map(() => ({ type: 'error-text', value })));
  });
});

describe('forgetting', () => {
  const memoryOfTwo = async (): Promise<MemoryOptions> => {
    const store = inProcessMemory();
    await store.add({ id: '1', text: 'Ada takes tea', scope: 'user:ada' });
    await store.add({ id: '2', text: 'Bob takes tea', scope: 'user:bob' });
    return { store, scopes: perUser };
  };

  test('removes what a search has shown', async () => {
    const memory = await memoryOfTwo();
    const { outputs } = await use(memory, [lookFor('tea'), forget('1'), forget('1')], ada);

    expect(outputs.map(({ value }) => value)).toEqual([
      [{ id: '1', text: 'Ada takes tea' }],
      { forgotten: true },
      { forgotten: false },
    ]);
    expect(await search(memory.store, 'tea')).toEqual(['2']);
  });

  test('leaves alone what is not of this run, even if its id is known', async () => {
    const memory = await memoryOfTwo();
    const { outputs } = await use(memory, [lookFor('tea'), forget('2')], ada);

    expect(outputs[1]?.value).toEqual({
      forgotten: false,
      reason: 'search_memory has not shown this id in this run',
    });
    expect(await search(memory.store, 'tea')).toEqual(['2', '1']);
  });

  test('takes back what was just remembered', async () => {
    const store = inProcessMemory();
    const { outputs } = await use(store, [remember('tea')]);
    const { id } = outputs[0]!.value as { readonly id: string };
    const again = await use(store, [remember('tea'), forget(id)]);

    expect(again.outputs[1]?.value).toEqual({ forgotten: true });
    expect(await search(store, 'tea')).toEqual([]);
  });
});

describe('what a memory says to a model', () => {
  /** More than there is room for, the best first. */
  const wordy = async (): Promise<MemoryStore> => {
    const store = inProcessMemory();
    await store.add({ id: 'best', text: `${'tea '.repeat(9)}${'milk '.repeat(1_600)}` });
    await store.add({ id: 'long', text: `tea tea ${'ü😀'.repeat(10_000)}` });
    await store.add({ id: 'longer', text: `tea ${'milk '.repeat(10_000)}` });
    return store;
  };

  test('has a size, in a search of its own', async () => {
    const { outputs } = await use(await wordy(), [lookFor('tea')]);
    const notes = outputs[0]!.value as readonly { readonly id: string; readonly text: string }[];

    expect(notes.map(({ id }) => id)).toEqual(['best', 'long']);
    expect(notes[1]?.text).toMatch(/^tea tea (?:ü😀)+ü?…$/u);
    const bytes = Buffer.byteLength(notes.map(({ text }) => text).join(''));
    expect(bytes).toBeGreaterThan(16_000);
    expect(bytes).toBeLessThan(16_500);
  });

  test('has a size before a run', async () => {
    const model = scriptedModel(['ok']);
    const agent = createAgent({ name: 'helper', models: [model], memory: await wordy() });
    await agent.run('tea');
    const [system] = model.calls[0]!.prompt as readonly { readonly content: string }[];

    expect(system?.content).toMatch(/instructions:\n- "(?:tea ){9}(?:milk ){1600}"\n- "tea tea (?:ü😀)+ü?…"$/u);
    expect(Buffer.byteLength(system?.content ?? '')).toBeLessThan(17_000);
  });
});

describe('a memory that fails under a tool', () => {
  const recorder = recordSpans();

  test('fails the tool and not the run, and is recorded once', async () => {
    const store: MemoryStore = {
      ...inProcessMemory({ id: 'notes' }),
      search: () => Promise.reject(new RangeError('gone')),
    };
    const { outputs, result } = await use(store, [lookFor('tea')]);

    expect(outputs).toEqual([{ type: 'error-text', value: 'RangeError: gone' }]);
    expect(result).toMatchObject({ text: 'done', toolErrors: 1, memoryFailed: false });
    expect(recorder.tree('error.type', 'faultline.failure.point')).toBe(
      [
        'agent.invoke helper',
        '  chat m',
        '    execute_tool search_memory ! type=RangeError',
        '      search_memory notes ! x type=RangeError point=memory.search',
        '  chat m',
      ].join('\n'),
    );
  });
});
