import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { createAgentsFromConfig, type ConfigError, type ConfiguredAgents } from '../../../src/runtime/config.ts';
import { startStubProvider, type StubProvider } from '../../../src/testing/stub-provider.ts';
import { load, loading } from './files.ts';

/** Makes a tool in a module that knows nothing of this package. */
const MAKE_TOOL = `const tool = (name) => ({ name, jsonSchema: { type: 'object' }, execute: () => name });\n`;

let provider: StubProvider;
const open: ConfiguredAgents[] = [];

beforeEach(async () => {
  provider = await startStubProvider({
    'm-1': () => ({ type: 'text', text: 'From one.' }),
    'm-2': () => ({ type: 'text', text: 'From two.' }),
    tired: () => ({ type: 'status', status: 500 }),
    asks: (_request, turn) =>
      turn === 0
        ? { type: 'toolCalls', calls: [{ id: 'c-1', name: 'ask_writer', arguments: { task: 'Write.' } }] }
        : { type: 'text', text: 'Done.' },
    'asks-tool': (_request, turn) =>
      turn === 0
        ? { type: 'toolCalls', calls: [{ id: 'c-1', name: 'hang', arguments: {} }] }
        : { type: 'text', text: 'Without it.' },
    hands: () => ({ type: 'toolCalls', calls: [{ id: 'c-1', name: 'transfer_to_writer', arguments: {} }] }),
  });
});

afterEach(async () => {
  for (const { close } of open.splice(0)) await close();
  await provider.close();
});

/** Creates the agents of a file in which `gateway` is the stub provider. */
async function create(
  text: string,
  environment: Record<string, string | undefined> = {},
  files: Readonly<Record<string, string>> = {},
  only?: readonly string[],
): Promise<ConfiguredAgents & { readonly notices: readonly string[] }> {
  const providers = `providers: { gateway: { base_url: '${provider.baseUrl}', api_key_env: GATEWAY_KEY } }\n`;
  const known = { GATEWAY_KEY: 'k-1', ...environment };
  const { config, directory } = await load(providers + text, files, known);
  const { options, notices } = loading(known);
  const created = await createAgentsFromConfig(config, { ...options, ...(only === undefined ? {} : { only }) });
  open.push(created);
  return { ...created, notices: notices.map((notice) => notice.replace(`${directory}/`, '')) };
}

/** The lines of a `ConfigError`, without directories. */
async function problems(created: Promise<unknown>): Promise<string[]> {
  const error = await created.then(
    () => undefined,
    (error: unknown) => error as ConfigError,
  );
  return (error?.message ?? '').split('\n').map((line) => line.replace(/^.*?faultline\.yaml:/, ''));
}

describe('the models of an agent', () => {
  test('are asked as the file says: provider, key, settings, and the next one when the first fails', async () => {
    const { agents, notices } = await create(`
defaults: { models: [{ model: gateway/tired, max_retries: 0 }, gateway/m-1], settings: { temperature: 0.5 } }
agents:
  helper: { instructions: Be brief., settings: { max_output_tokens: 7 } }
`);

    const result = await agents[0]!.run('hi');

    expect(result).toMatchObject({ text: 'From one.', fallbacks: 1 });
    expect(notices).toEqual([]);
    expect(provider.requests.map(({ body }) => body.model)).toEqual(['tired', 'm-1']);
    expect(provider.requests.at(-1)).toMatchObject({
      headers: { authorization: 'Bearer k-1' },
      body: { temperature: 0.5, max_tokens: 7, messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user' }] },
    });
  });

  test('are reached where the environment says, whatever the file says', async () => {
    const elsewhere = await startStubProvider({ 'm-1': [{ type: 'text', text: 'From elsewhere.' }] });
    const { agents } = await create('agents: { helper: { models: [gateway/m-1] } }', {
      GATEWAY_BASE_URL: elsewhere.baseUrl,
    });

    expect(await agents[0]!.run('hi')).toMatchObject({ text: 'From elsewhere.' });
    await elsewhere.close();
  });

  test('that cannot be used are said at the start, and passed over', async () => {
    const { agents, notices } = await create(`agents:
  helper:
    models:
      - anthropic/claude-haiku-4-5
      - openai/gpt-5-mini
      - gateway/m-1
`);

    expect(notices).toEqual([
      'faultline.yaml:5:9: anthropic/claude-haiku-4-5 needs a package that is not installed: npm install @ai-sdk/anthropic; until then the rest of its chain answers',
      'faultline.yaml:6:9: openai/gpt-5-mini needs a key: set OPENAI_API_KEY; until then the rest of its chain answers',
    ]);
    expect(await agents[0]!.run('hi')).toMatchObject({ text: 'From one.', fallbacks: 2 });
  });

  test('of which none can be used are a reason not to start', async () => {
    const created = create('agents: { helper: { models: [gateway/m-1, groq/llama] }, other: { models: [openai/a] } }', {
      GATEWAY_KEY: '',
    });

    expect(await problems(created)).toEqual([
      '2:11: agent helper has no model it could ask: gateway/m-1 needs a key: set GATEWAY_KEY; groq/llama needs a key: set GROQ_API_KEY',
      '2:58: agent other has no model it could ask: openai/a needs a key: set OPENAI_API_KEY',
    ]);
  });

  test('of agents that are not wanted are nobody’s business', async () => {
    const { agents, notices } = await create(
      'agents: { helper: { models: [gateway/m-1] }, other: { models: [openai/a] } }',
      {},
      {},
      ['helper'],
    );

    expect(agents.map(({ name }) => name)).toEqual(['helper']);
    expect(notices).toEqual([]);
  });
});

describe('the tools of an agent', () => {
  const TOOL = `${MAKE_TOOL}
export const getWeather = tool('get_weather');
export const several = [tool('one'), tool('two')];
export const version = 1;
export default getWeather;
`;
  const agents = (tools: string): string => `agents: { helper: { models: [gateway/m-1], tools: [${tools}] } }`;
  const toolNames = async (tools: string): Promise<unknown> => {
    const { agents: created } = await create(agents(tools), {}, { 'tools/weather.mjs': TOOL });
    await created[0]!.run('hi');
    const offered = provider.requests.at(-1)?.body.tools as { function: { name: string } }[];
    return offered.map((tool) => tool.function.name);
  };

  test.each([
    ['one export', './tools/weather.mjs#getWeather', ['get_weather']],
    ['an export that is a list', './tools/weather.mjs#several', ['one', 'two']],
    ['a whole module, in which a tool may be exported twice', './tools/weather.mjs', ['get_weather', 'one', 'two']],
    [
      'an export beside its whole module',
      './tools/weather.mjs#getWeather, ./tools/weather.mjs',
      ['get_weather', 'one', 'two'],
    ],
  ])('are %s', async (_what, tools, names) => {
    expect(await toolNames(tools)).toEqual(names);
  });

  test('that cannot be had are said together, with their places', async () => {
    const created = create(
      agents('./weather.mjs#getWether, ./weather.mjs#version, ./broken.mjs, ./none.mjs, ./lost.mjs#x'),
      {},
      {
        'weather.mjs': TOOL,
        'broken.mjs': 'throw new Error("no key sk-abcdefgh12345678");',
        'none.mjs': 'export const a = 1;',
        'lost.mjs': 'import "./nowhere.mjs";',
      },
    );
    const lines = await problems(created);

    expect(lines.slice(0, 4)).toEqual([
      '2:52: ./weather.mjs has no export getWether; did you mean getWeather?',
      '2:77: ./weather.mjs has an export version that is neither a tool nor a list of tools: see defineTool',
      '2:100: ./broken.mjs cannot be imported: no key [redacted]',
      '2:114: ./none.mjs exports no tool: make one with defineTool and export it',
    ]);
    expect(lines[4]).toMatch(/^2:126: \.\/lost\.mjs cannot be imported: .*nowhere\.mjs/);
  });

  test('of the same name are a problem of the agent', async () => {
    const created = create(
      agents('./a.mjs, ./b.mjs'),
      {},
      {
        'a.mjs': `${MAKE_TOOL}export const a = tool('same');`,
        'b.mjs': `${MAKE_TOOL}export const b = tool('same');`,
      },
    );

    expect(await problems(created)).toEqual([
      '2:11: agent helper cannot be created: TypeError: agent helper has two tools called same',
    ]);
  });
});

describe('the time of a tool call', () => {
  const HANG = `export const hang = {
    name: 'hang',
    jsonSchema: { type: 'object' },
    execute: () => new Promise((resolve) => setTimeout(resolve, 200, 'at last')),
  };`;

  test.each([
    ['for all agents', 'defaults: { tool_timeout_ms: 10 }', '', 1],
    ['for one of them', 'defaults: { tool_timeout_ms: none }', ', tool_timeout_ms: 10', 1],
    ['not to matter', 'defaults: { tool_timeout_ms: 10 }', ', tool_timeout_ms: none', 0],
  ])('is what the file says, %s', async (_what, defaults, own, toolErrors) => {
    const agents = `agents: { helper: { models: [gateway/asks-tool], tools: [./hang.mjs]${own} } }`;
    const { agents: created } = await create(`${defaults}\n${agents}`, {}, { 'hang.mjs': HANG });

    expect(await created[0]!.run('hi')).toMatchObject({ text: 'Without it.', toolErrors });
  });
});

test('an agent asks another one as a tool, however the file is ordered', async () => {
  const { agents } = await create(`
agents:
  editor: { models: [gateway/asks], agents: [writer] }
  writer: { models: [gateway/m-2], description: Writes. }
`);

  expect(agents.map(({ name }) => name)).toEqual(['editor', 'writer']);
  expect(await agents[0]!.run('hi')).toMatchObject({ text: 'Done.', toolErrors: 0 });
  expect(provider.requests.map(({ body }) => body.model)).toEqual(['asks', 'm-2', 'asks']);
});

test('an agent and those it may ask are created together', async () => {
  const text =
    'agents: { a: { models: [gateway/m-1], agents: [b] }, b: { models: [gateway/m-1] }, c: { models: [openai/a] } }';
  const { agents } = await create(text, {}, {}, ['a']);

  expect(agents.map(({ name }) => name)).toEqual(['a', 'b']);
});

test('an agent has the memory tools when the file says so', async () => {
  const { agents } = await create('agents: { helper: { models: [gateway/m-1], memory: { tools: true } } }');

  await agents[0]!.run('hi');

  expect(provider.requests[0]?.body.tools).toMatchObject([
    { function: { name: 'search_memory' } },
    { function: { name: 'remember' } },
    { function: { name: 'forget' } },
  ]);
});

test('a memory file that cannot be used is said at the start, and runs go on without it', async () => {
  const { agents, notices } = await create(
    'agents: { helper: { models: [gateway/m-1], memory: { sqlite: ./nowhere/memory.db } } }',
  );

  expect(notices).toHaveLength(1);
  expect(notices[0]).toMatch(
    /^faultline\.yaml:2:52: MemoryFileError: memory sqlite: .*; until then runs go on without it$/,
  );
  expect(await agents[0]!.run('hi')).toMatchObject({ text: 'From one.', memoryFailed: true });
});

test('an agent that is not in the file cannot be created', async () => {
  await expect(create('agents: { helper: { models: [gateway/m-1] } }', {}, {}, ['nobody'])).rejects.toThrow(
    /has no agent nobody; expected one of helper$/,
  );
});

describe('an agent that may hand over', () => {
  test('hands over to an agent of the file, which may hand over to it in turn', async () => {
    const { agents } = await create(
      `agents:
  helper: { models: [gateway/hands], handoffs: [writer] }
  writer: { models: [gateway/m-2], handoffs: [helper] }
  other: { models: [gateway/m-1] }
`,
      {},
      {},
      ['helper'],
    );

    expect(agents.map(({ name }) => name)).toEqual(['helper', 'writer']);
    expect(await agents[0]!.run('hi')).toMatchObject({ text: 'From two.', agent: 'writer' });
  });

  test('needs another agent that is there', async () => {
    const text =
      'agents: { helper: { models: [gateway/m-1], handoffs: [helper, writr] }, writer: { models: [gateway/m-1] } }';

    expect(await problems(create(text))).toEqual([
      '2:55: agents.helper.handoffs[0] names the agent itself, which has the conversation already',
      '2:63: agents.helper.handoffs[1] names an agent that is not there; did you mean writer?',
    ]);
  });
});

test('limits of the file hold', async () => {
  const { agents } = await create(
    'agents: { helper: { models: [gateway/asks], agents: [writer], max_depth: 0 }, writer: { models: [gateway/m-2] } }',
  );

  expect(await agents.find(({ name }) => name === 'helper')!.run('hi')).toMatchObject({ text: 'Done.', toolErrors: 1 });
});
