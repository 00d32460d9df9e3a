import { describe, expect, onTestFinished, test, vi } from 'vitest';

import { problemsOf } from './files.ts';
import { fc } from '../../support/properties.ts';

const AGENTS = 'agents: { helper: { models: [openai/gpt-5-mini] } }';
const KNOWN =
  'openai, anthropic, google, openai-compatible, ollama, deepseek, groq, mistral, openrouter, together, xai';

describe('what is wrong with a configuration file', () => {
  test('is said all at once, in the order of the file, each with its place', async () => {
    expect(
      await problemsOf(`
runtime:
  sentry: { dns_env: X, sample_rate: 1.5, debug: yes }
  on_crash: explode
  http: { port: "80" }
providers:
  gateway: { api_key_env: GATEWAY_KEY }
default: { max_turns: 3 }
agents:
  helper:
    models: [opnai/gpt-5, "gpt", { model: openai/gpt-5-mini, max_retires: 2, settings: { temperature: hot } }]
    tools: [./nope.js#x, weather]
    memory: sqlite
    transport: { slack: { bot_token: X } }
    agents: [other, hlper]
    instructions: hi
    instructions_file: ./missing.md
  other: { agents: [helper], models: [], memory: { sqllite: x } }
  1bad: {}
  third: {}
`),
    ).toEqual([
      '3:13: runtime.sentry has no key "dns_env"; did you mean dsn_env?',
      '3:38: runtime.sentry.sample_rate must be a number from 0 to 1, but is 1.5',
      '3:50: runtime.sentry.debug must be true or false, but is "yes"',
      '4:13: runtime.on_crash must be stop or restart, but is "explode"',
      '5:17: runtime.http.port must be a port from 0 to 65535, but is the text "80"',
      `7:3: providers.gateway needs a base_url, because it is none of ${KNOWN}`,
      '8:1: the file has no key "default"; did you mean defaults?',
      '11:14: agents.helper.models[0] names a provider nobody knows; did you mean openai?',
      '11:27: agents.helper.models[1] must be provider/model, such as openai/gpt-5-mini, or an object with that as its model, but is "gpt"',
      '11:62: agents.helper.models[2] has no key "max_retires"; did you mean max_retries?',
      '11:103: agents.helper.models[2].settings.temperature must be a number of 0 or more, but is "hot"',
      '12:13: agents.helper.tools[0] names a file that cannot be read',
      '12:26: agents.helper.tools[1] must be the path of a module, with #name for one export of it, such as ./tools/weather.js#getWeather, but is "weather"',
      '13:13: agents.helper.memory must be in_process, or an object with any of sqlite, limit, timeout_ms, scope, tools, but is "sqlite"',
      '14:27: agents.helper.transport.slack has no key "bot_token"; did you mean bot_token_env?',
      '15:14: agents.helper.agents[0] goes round in circles: helper asks other asks helper',
      '15:21: agents.helper.agents[1] names an agent that is not there; did you mean helper?',
      '17:24: agents.helper.instructions_file cannot stand beside instructions: remove one of the two',
      '17:24: agents.helper.instructions_file names a file that cannot be read',
      '18:21: agents.other.agents[0] goes round in circles: other asks helper asks other',
      '18:38: agents.other.models must be a list of at least one model, but is an empty list',
      '18:52: agents.other.memory has no key "sqllite"; did you mean sqlite?',
      '19:3: a key of agents must be a name of up to 64 letters, digits, _ and -, the first of them a letter, but is "1bad"',
      '20:3: agents.third has no models: name some there, or in defaults.models',
    ]);
  });

  test.each([
    ['', '1:1: the file must be an object with any of runtime, providers, defaults, agents, but is nothing'],
    ['- a', '1:1: the file must be an object with any of runtime, providers, defaults, agents, but is a list'],
    ['runtime: {}', '1:1: agents is missing: it must be an object of at least one agent by name'],
    ['agents: {}', '1:9: agents must be an object of at least one agent by name, but is an empty object'],
    ['agents: { helper: }', '1:19: agents.helper must be an object with any of'],
    [`${AGENTS}\nruntime:\n  on_crash:`, '3:12: runtime.on_crash must be stop or restart, but is nothing'],
    [
      'agents: { a: { models: [openai/a], description: [] } }',
      '1:49: agents.a.description must be a text, but is an empty list',
    ],
    [`${AGENTS}\n${AGENTS}`, '2:1: not valid YAML: Map keys must be unique'],
    ['agents: [', '1:10: not valid YAML: '],
    [`${AGENTS}\n---\na: 1`, '2:1: a second document begins here: a configuration file is one'],
    [`${AGENTS}\n__proto__: { x: 1 }`, '2:1: __proto__ cannot be a key: choose another name'],
    [
      `x: &name __proto__\n${AGENTS}\n*name : { models: [openai/a] }`,
      '3:1: __proto__ cannot be a key: choose another name',
    ],
    [
      'agents: { a: { models: [openai/a] }, __proto__: { models: [openai/a] } }',
      '1:38: __proto__ cannot be a key: choose another name',
    ],
    ['agents: { a: { models: [constructor/b] } }', '1:25: agents.a.models[0] names a provider nobody knows; expected'],
    ['agents: { a: { models: [openai/b], agents: [a] } }', '1:45: agents.a.agents[0] goes round in circles: a asks a'],
    [
      `${AGENTS}\nruntime: { http: { base_path: api/ } }`,
      '2:31: runtime.http.base_path must be a path such as /api, without a slash at its end, but is "api/"',
    ],
    [
      `${AGENTS}\nruntime: { http: { allowed_hosts: ['a.example:80'] } }`,
      '2:36: runtime.http.allowed_hosts[0] must be the name of a host, without a port, such as agents.example.com, but is a text of 12',
    ],
    [
      `${AGENTS}\nruntime: { http: { cors_origins: ['*', app.example.com] } }`,
      '2:40: runtime.http.cors_origins[1] must be an origin such as https://app.example.com, or *, but is "app.example.com"',
    ],
    [
      // Browsers leave out the port everybody knows, so this origin would never be let in.
      `${AGENTS}\nruntime: { http: { cors_origins: ['https://app.example.com:443'] } }`,
      '2:35: runtime.http.cors_origins[0] must be an origin such as https://app.example.com, or *, but is',
    ],
    [
      'defaults: { models: [openai/a] }\nagents: { a: { transport: { slack: {} } }, b: { transport: { slack: { bot_token_env: B } } } }',
      '2:69: agents.b.transport.slack is the app of a already: give each agent an app of its own, named by app_token_env',
    ],
    [
      `${AGENTS}\nruntime: { max_active: 1.5 }`,
      '2:24: runtime.max_active must be a whole number of at least 1, but is 1.5',
    ],
    [
      `${AGENTS}\ndefaults: { tool_timeout_ms: never }`,
      '2:30: defaults.tool_timeout_ms must be a number of milliseconds above 0 and up to 2147483647, or none, but is "never"',
    ],
    [
      `${AGENTS}\ndefaults: { tool_timeout_ms: 0 }`,
      '2:30: defaults.tool_timeout_ms must be a number of milliseconds above 0 and up to 2147483647, or none, but is 0',
    ],
    [
      `${AGENTS}\nruntime: { http: { token_env: my-token } }`,
      '2:31: runtime.http.token_env must be the name of an environment variable, in capital letters',
    ],
    [
      'agents: { a: { models: [openai/a], instructions: "" } }',
      '1:50: agents.a.instructions must be a text, but is an empty text',
    ],
    [
      `${AGENTS}\nproviders: { a: { base_url: example.com } }`,
      '2:29: providers.a.base_url must be a URL such as http://localhost:8000/v1, without a user, but is "example.com"',
    ],
    [
      `${AGENTS}\nproviders: { a: { base_url: 'http://127.0.0.1:80800/v1' } }`,
      '2:29: providers.a.base_url must be a URL such as http://localhost:8000/v1, without a user, but is a text of 25 characters',
    ],
    [
      `${AGENTS}\nproviders: { a: { base_url: 'http://hunter2@127.0.0.1/v1' } }`,
      '2:29: providers.a.base_url must be a URL such as http://localhost:8000/v1, without a user, but is a text of 27 characters',
    ],
  ])('%j: %s', async (text, expected) => {
    const problems = await problemsOf(text);

    expect(problems.map((problem) => problem.slice(0, expected.length))).toEqual([expected]);
  });

  test('is found behind aliases, at the place where it stands', async () => {
    const text = 'defaults: &limits { models: [openai/a], max_turns: 0 }\nagents: { helper: *limits }';

    expect(await problemsOf(text)).toEqual([
      '1:52: defaults.max_turns must be a whole number of at least 1, but is 0',
      '1:52: agents.helper.max_turns must be a whole number of at least 1, but is 0',
    ]);
  });

  test('is a merge key, which says what to write in its place', async () => {
    expect(await problemsOf('agents:\n  one: &one { models: [openai/a] }\n  two:\n    <<: *one\n')).toEqual([
      '4:5: merge keys (<<) are not supported: put what agents share into defaults',
    ]);
  });

  test.each([
    ["{ cors_origins: [*, 'https://a.example'] }", '1:35: not valid YAML: Alias cannot be an empty string; put'],
    ['{ allowed_hosts: [*.example.com] }', '1:36: there is no anchor before this alias; put'],
  ])('is a text with a star that is not in quotes: %s', async (http, problem) => {
    expect(await problemsOf(`runtime: { http: ${http} }\n${AGENTS}`)).toEqual([
      expect.stringContaining(`${problem} a text that begins with * `),
    ]);
  });

  test('is a text with a colon that is not in quotes', async () => {
    expect(await problemsOf('agents:\n  helper:\n    instructions: Be brief. Note: be nice.\n')).toEqual([
      '3:19: not valid YAML: Nested mappings are not allowed in compact mappings; look at the indentation, or put a text that has a colon and a space in it in quotes',
    ]);
  });

  test.each([
    ['a key', 'agents:\n  helper:\n    max_turns: 3\n      max_depth: 1\n'],
    ['a list', 'agents:\n  helper:\n    max_turns: 3\n   - 1\n'],
  ])('is %s that is not indented as what stands beside it', async (_what, text) => {
    expect((await problemsOf(text))[0]).toMatch(/; look at the indentation, or put a text/);
  });

  test('is a text with a colon far behind its beginning', async () => {
    const text = `agents:\n  helper:\n    instructions:\n      ${'Be brief. '.repeat(110)}Note: be nice.\n`;

    expect(await problemsOf(text)).toEqual([
      '4:7: not valid YAML: The : indicator must be at most 1024 chars after the start of an implicit block mapping key; put a text that has a colon and a space in it in quotes',
    ]);
  });

  test.each(['!!', '!v1', '!Be brief'])('is a text that begins with an exclamation mark: %s', async (release) => {
    expect(await problemsOf(`runtime: { sentry: { release: ${release} } }\n${AGENTS}`)).toEqual([
      '1:31: not valid YAML: Unresolved tag; put a text that begins with ! in quotes',
    ]);
  });

  test.each(['! Be brief', '!', "! 'v1'"])('is a text after an exclamation mark: %s', async (release) => {
    expect(await problemsOf(`runtime:\n  sentry:\n    release: ${release}\n${AGENTS}`)).toEqual([
      `3:${release.length > 1 ? 16 : 15}: the ! before this text would be left out; put a text that begins with ! in quotes`,
    ]);
  });

  test.each([
    ['a brace too many', 'runtime:\n  http: { token_env: TOKEN }}\n  sentry: { dsn_env: hunter2 }\n'],
    ['a bar before a text', 'runtime:\n  sentry:\n    dsn_env: |hunter2\n'],
    ['a backslash', 'runtime:\n  sentry:\n    dsn_env: "\\hunter2"\n'],
    ['exclamation marks', 'runtime:\n  sentry:\n    dsn_env: !hunter2! TOKEN\n'],
    ['a percent sign', '%YAML hunter2\n---\nruntime: {}\n'],
  ])('quotes nothing of the file where it is no YAML: %s', async (_what, text) => {
    const problems = await problemsOf(text);

    expect(problems).toContainEqual(expect.stringContaining('not valid YAML: '));
    expect(problems.join('\n')).not.toMatch(/hunter2|\\h|TOKEN/);
  });

  test('is a placeholder that was not filled in, of which nothing is printed', async () => {
    const warnings = vi.spyOn(process, 'emitWarning');
    onTestFinished(() => warnings.mockRestore());
    const text = `runtime: { http: { port: {{ secret }} } }\n${AGENTS}`;

    expect(await problemsOf(text)).toEqual([
      '1:27: a list or an object cannot be a key: is this a placeholder such as {{ NAME }} that nothing has filled in?',
    ]);
    expect(warnings).not.toHaveBeenCalled();
  });

  test('is a key of bytes, of which nothing is printed', async () => {
    const warnings = vi.spyOn(process, 'emitWarning');
    onTestFinished(() => warnings.mockRestore());

    expect(await problemsOf(`%YAML 1.1\n---\n!!binary aHVudGVyMg==: 1\n${AGENTS}`)).toHaveLength(1);
    expect(warnings).not.toHaveBeenCalled();
  });

  test('is said once for each place', async () => {
    expect(await problemsOf('agents: [[\n')).toEqual([
      '2:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ]);
  });

  test('is a name that means something else to JavaScript', async () => {
    expect(await problemsOf('agents:\n  __proto__: { models: [openai/a] }\n')).toEqual([
      '2:3: __proto__ cannot be a key: choose another name',
    ]);
  });

  test('is a file of instructions in UTF-16, as Windows PowerShell writes it', async () => {
    const text = 'agents: { helper: { models: [openai/a], instructions_file: ./helper.md } }';

    expect(await problemsOf(text, { 'helper.md': Buffer.from('\ufeffBe brief.', 'utf16le') })).toEqual([
      '1:60: agents.helper.instructions_file names a file that is not UTF-8 text',
    ]);
  });

  test('is one problem when the file is no such file at all', async () => {
    expect(await problemsOf(new Uint8Array([0xff, 0xfe, 0x00]))).toEqual(['1:1: must be UTF-8 text, but is not']);
    expect(await problemsOf('#'.repeat(1024 * 1024 + 1))).toEqual([
      '1:1: is larger than 1048576 bytes: that is no configuration file',
    ]);
    expect((await problemsOf(`a: ${'['.repeat(2_000)}`)).length).toBeLessThanOrEqual(10);
  });

  test('is an alias that grows beyond bounds', async () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const items = Array.from({ length: 9 }, () => (level === 0 ? 'lol' : `*a${level - 1}`));
      return `a${level}: &a${level} [${items.join(',')}]`;
    });

    expect(await problemsOf(levels.join('\n'))).toEqual([
      '1:1: not valid YAML: Excessive alias count indicates a resource exhaustion attack',
    ]);
  });

  test('never crashes the reader, whatever the file is', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.jsonValue().map((value) => JSON.stringify({ runtime: value, agents: { helper: value } })),
    );
    await fc.assert(
      fc.asyncProperty(text, async (text) => {
        for (const line of await problemsOf(text)) expect(line).toMatch(/^\d+:\d+: ./);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a secret in the file', () => {
  const KEY = 'sk-proj-Abcdefgh12345678';
  const DSN = 'https://0123456789abcdef0123456789abcdef@o1.ingest.us.sentry.io/42';
  const BOT = 'xoxb-123456789012-Abcdefgh';

  test.each([
    [
      'a DSN',
      `runtime: { sentry: { dsn_env: "${DSN}" } }`,
      '1:32: a Sentry DSN does not belong in this file: put it into an environment variable, and name that variable in runtime.sentry.dsn_env',
    ],
    [
      'an API key',
      `providers: { a: { base_url: http://a, api_key_env: ${KEY} } }`,
      '1:52: an API key does not belong in this file: put it into an environment variable, and name that variable in api_key_env of its provider',
    ],
    [
      'a Slack token',
      `# ${BOT}`,
      '1:3: a Slack token does not belong in this file: put it into an environment variable, and name that variable in bot_token_env or app_token_env',
    ],
    [
      'a URL with a password',
      'providers: { a: { base_url: "https://user:hunter22@gateway.example/v1" } }',
      '1:30: a URL with a password does not belong in this file: put it into an environment variable, and name that variable in a key that ends in _env',
    ],
  ])('is refused and not repeated: %s', async (_kind, line, expected) => {
    expect(await problemsOf(`${line}\n${AGENTS}`)).toEqual([expected]);
  });

  test.each([
    ['as a key', `${KEY}: 1`],
    ['as the name of an agent', `agents: { ${KEY}: {} }`],
    ['as a value of the wrong type', `runtime: { max_active: ${KEY} }`],
    ['as an anchor that is missing', `runtime: *${KEY}`],
    ['as a model', `defaults: { models: ["${KEY}/x"] }`],
    ['in a text that is no YAML', `agents: { ${KEY}: [ }`],
    ['behind dsn', `runtime: { sentry: { dsn: "${DSN}" } }`],
    ['in the instructions', `defaults: { models: [openai/a] }\nagents: { a: { instructions: "use ${BOT} " } }`],
  ])('is not repeated in any message: %s', async (_where, text) => {
    const problems = (await problemsOf(text)).join('\n');

    expect(problems).toContain('does not belong in this file');
    expect([KEY, DSN, BOT, '0123456789abcdef'].filter((secret) => problems.includes(secret))).toEqual([]);
  });

  test.each([
    ['a word', 'my-token'],
    ['a number', '20261122'],
    ['a list', '[my-token]'],
  ])('is not repeated in place of the variable that is to hold it, as it may be any text: %s', async (_what, value) => {
    expect(await problemsOf(`${AGENTS}\nruntime: { http: { token_env: ${value} } }`)).toEqual([
      '2:31: runtime.http.token_env must be the name of an environment variable, in capital letters, digits and _, and not its value',
    ]);
  });

  test('is not seen in words that only look alike', async () => {
    const words =
      'risk-free sk-learn-based-model-for-everything https://example.com/a@b/1 hf_transformers_everywhere_all';

    expect(await problemsOf(`${AGENTS}\n# ${words}`)).toEqual([]);
  });
});
