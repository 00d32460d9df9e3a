import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';

import { startFakeSentry } from '../../src/testing/fake-sentry.ts';
import { startStubProvider, type StubModelScript, type StubProvider } from '../../src/testing/stub-provider.ts';
import { closedPort } from '../support/loopback.ts';
import { runNode } from '../support/run-node.ts';
import { cli, MAIN, startCli } from './cli.ts';

const KEY = 'sk-test-0123456789abcdefwxyz';

let provider: StubProvider;

afterEach(() => provider.close());

/** What a model says that asks for a tool which takes its time, and then goes on without it. */
const asksOnce: StubModelScript = [
  { type: 'toolCalls', calls: [{ name: 'dawdle', arguments: {} }] },
  { type: 'text', text: 'No idea.' },
];

/** Starts a provider for the model `m-1` and gives the flags and the environment that reach it. */
async function serve(script: StubModelScript): Promise<{ args: string[]; env: Record<string, string> }> {
  provider = await startStubProvider({ 'm-1': script, asks: asksOnce });
  return {
    args: ['run', '--model', 'openai-compatible/m-1', '--base-url', provider.baseUrl],
    env: { OPENAI_API_KEY: KEY },
  };
}

describe('faultline run', () => {
  test('streams the answer to a prompt and exits with 0', async () => {
    const { args, env } = await serve([{ type: 'text', text: 'Take an umbrella.' }]);

    const result = await cli([...args, '--instructions', 'Be brief.', 'Rain', 'in Lisbon?'], env);

    expect(result).toEqual({ code: 0, stdout: 'Take an umbrella.\n', stderr: '' });
    expect(provider.requests.map(({ headers, body }) => ({ key: headers.authorization, ...body }))).toMatchObject([
      {
        key: `Bearer ${KEY}`,
        stream: true,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Rain in Lisbon?' },
        ],
      },
    ]);
  });

  test('writes a log of JSON when it is asked to', async () => {
    const { args, env } = await serve([{ type: 'text', text: 'Take an umbrella.' }]);

    const { code, stdout, stderr } = await cli([...args, '--log', 'json', 'Rain?'], env);

    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Take an umbrella.\n' });
    const entries = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(entries.map(({ message }) => message)).toEqual(['run started', 'turn started', 'turn ended', 'run ended']);
    expect(entries.at(-1)).toMatchObject({ level: 'info', agent: 'assistant', depth: 0, model: 'm-1', turns: 1 });
    expect(entries.every(({ transport }) => transport === 'cli')).toBe(true);
    expect(stderr).not.toMatch(/umbrella|Rain/);
  });

  test('reads the prompt from standard input, and takes the server from the environment when no base URL is given', async () => {
    const { env } = await serve([{ type: 'text', text: 'Yes.' }]);

    const args = ['run', '--model', 'openai-compatible/m-1'];
    const result = await cli(args, { ...env, OPENAI_BASE_URL: provider.baseUrl }, 'Does it rain\nin Lisbon?\n');

    expect(result).toEqual({ code: 0, stdout: 'Yes.\n', stderr: '' });
    expect(provider.requests[0]?.body.messages).toMatchObject([{ role: 'user', content: 'Does it rain\nin Lisbon?' }]);
  });

  test('sends its trace to the configured destination, without prompt, answer and key', async () => {
    const { args, env } = await serve([{ type: 'text', text: 'Take an umbrella.' }]);
    const sentry = await startFakeSentry();
    try {
      const result = await cli([...args, '--agent', 'rain-expert', 'Rain in Lisbon?'], {
        ...env,
        SENTRY_DSN: sentry.dsn,
      });

      expect(result).toEqual({ code: 0, stdout: 'Take an umbrella.\n', stderr: '' });
      expect(sentry.spans.map(({ name }) => name).toSorted()).toEqual(['agent.invoke rain-expert', 'chat m-1']);
      const bodies = sentry.requests.map(({ body }) => Buffer.from(body).toString('utf8')).join('\n');
      expect(['Lisbon', 'umbrella', KEY].filter((canary) => bodies.includes(canary))).toEqual([]);
    } finally {
      await sentry.close();
    }
  });

  test('says in one sentence what failed, and exits with 1', async () => {
    const { args, env } = await serve([{ type: 'status', status: 401 }]);

    const result = await cli([...args, 'Rain?'], env);

    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr: 'faultline: no model answered: m-1 (401); is the key right?\n',
    });
  });

  test.each([
    // What is said of a name that is none depends on whether the machine is connected.
    ['of a name that is none', () => Promise.resolve('http://nobody.invalid/v1'), 'ENOTFOUND|EAI_AGAIN'],
    ['of a port where nobody listens', async () => `http://127.0.0.1:${await closedPort()}/v1`, 'ECONNREFUSED'],
  ])('says %s why nobody answered', async (_what, origin, code) => {
    const { args, env } = await serve([]);

    const { stderr } = await cli([...args, '--base-url', await origin(), 'Rain?'], env);

    expect(stderr).toMatch(new RegExp(`^faultline: no model answered: m-1 \\(AI_APICallError, (?:${code})\\)\n$`));
  });

  test('says what came in place of an answer', async () => {
    const { args, env } = await serve(() => ({ type: 'junk', body: '<html>Rain? Log in.</html>' }));

    const { code, stderr } = await cli([...args, 'Rain?'], env);

    expect(code).toBe(1);
    expect(stderr).toMatch(/^faultline: no model answered: m-1 \(ModelResponseError, .+\)\n$/);
    expect(stderr).not.toMatch(/html|Rain|Log in/);
  });

  test.each([
    ['stop', 'faultline: the model gave no answer\n'],
    ['content_filter', 'faultline: the model gave no answer (content-filter)\n'],
  ] as const)(
    'says that there is no answer when it ends with %s and is empty, and exits with 1',
    async (finishReason, stderr) => {
      const { args, env } = await serve([{ type: 'text', text: '', finishReason }]);

      expect(await cli([...args, 'Rain?'], env)).toEqual({ code: 1, stdout: '', stderr });
    },
  );

  test('asks what follows -- as it stands', async () => {
    const { args, env } = await serve([{ type: 'text', text: 'Who can?' }]);

    const result = await cli([...args, '--', '--help'], env);

    expect(result).toEqual({ code: 0, stdout: 'Who can?\n', stderr: '' });
    expect(provider.requests[0]?.body.messages).toMatchObject([{ role: 'user', content: '--help' }]);
  });

  test('names the trace of a run that failed', async () => {
    const { args, env } = await serve([{ type: 'status', status: 400 }]);
    const sentry = await startFakeSentry();
    try {
      const { code, stderr } = await cli([...args, 'Rain?'], { ...env, SENTRY_DSN: sentry.dsn });

      expect(code).toBe(1);
      expect(stderr).toBe(`faultline: no model answered: m-1 (400) (trace ${sentry.spans[0]?.traceId})\n`);
    } finally {
      await sentry.close();
    }
  });

  test('starts a new line when the answer breaks off', async () => {
    const { args, env } = await serve([
      { type: 'cut', text: 'Take an' },
      { type: 'text', text: 'Take an umbrella.' },
    ]);

    expect(await cli([...args, 'Rain?'], env)).toEqual({
      code: 0,
      stdout: 'Take an\nTake an umbrella.\n',
      stderr: 'faultline: the model broke off, so it is asked again\n',
    });
  });

  test('is stopped with Ctrl-C: the request is given up and the exit code is 130', async () => {
    const { args, env } = await serve([{ type: 'hang', text: 'Let me' }]);
    const { child, finished } = startCli([...args, 'Rain?'], env);
    child.stdout.once('data', () => child.kill('SIGINT'));

    expect(await finished).toEqual({ code: 130, stdout: 'Let me\n', stderr: '' });
    expect((await provider.waitForAbort()).abortedByClient).toBe(true);
  });
});

describe('faultline run with a configuration file', () => {
  const directories: string[] = [];

  afterEach(() => {
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });

  /** Writes a file of agents that are answered by the provider, and gives its path. */
  async function configure(agents: string, more = ''): Promise<string> {
    await serve(() => ({ type: 'text', text: 'Take an umbrella.' }));
    const directory = mkdtempSync(join(tmpdir(), 'faultline-run-'));
    directories.push(directory);
    const path = join(directory, 'faultline.yaml');
    const providers = `providers: { gateway: { base_url: '${provider.baseUrl}', api_key_env: GATEWAY_KEY } }`;
    writeFileSync(path, [providers, 'defaults: { models: [gateway/m-1] }', `agents: ${agents}`, more].join('\n'));
    return path;
  }

  test('asks the agent of the file, with the key of its env_file, and sends the trace where the file says', async () => {
    const sentry = await startFakeSentry();
    const path = await configure(
      '{ rain-expert: { instructions: Be brief. } }',
      'runtime: { env_file: ./settings.env, sentry: { dsn_env: HELPER_DSN, environment: staging } }',
    );
    writeFileSync(join(dirname(path), 'settings.env'), `GATEWAY_KEY=${KEY}\nHELPER_DSN=${sentry.dsn}\n`);
    try {
      const result = await cli(['run', '--config', path, 'Rain', 'in Lisbon?']);

      expect(result).toEqual({ code: 0, stdout: 'Take an umbrella.\n', stderr: '' });
      expect(provider.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
      expect(sentry.spans.map(({ name }) => name).toSorted()).toEqual(['agent.invoke rain-expert', 'chat m-1']);
      const bodies = sentry.requests.map(({ body }) => Buffer.from(body).toString('utf8')).join('\n');
      expect(bodies).toContain('"staging"');
      expect(['Lisbon', 'umbrella', KEY].filter((canary) => bodies.includes(canary))).toEqual([]);
    } finally {
      await sentry.close();
    }
  });

  test('picks the agent by name, else the only one for the command line', async () => {
    const env = { GATEWAY_KEY: KEY };
    const path = await configure('{ one: { instructions: One. }, two: { instructions: Two., transport: cli } }');
    const systemPrompt = (): unknown => provider.requests.at(-1)?.body.messages[0];

    await cli(['run', '--config', path, '--agent', 'one', 'Rain?'], env);
    expect(systemPrompt()).toEqual({ role: 'system', content: 'One.' });
    await cli(['run', '--config', path, 'Rain?'], env);
    expect(systemPrompt()).toEqual({ role: 'system', content: 'Two.' });
  });

  test('ends with its answer, whatever a tool that was given up on still waits for', async () => {
    const path = await configure('{ one: { models: [gateway/asks], tools: [./tools.mjs], tool_timeout_ms: 50 } }');
    const dawdle = `{ name: 'dawdle', jsonSchema: {}, execute: () => new Promise(() => { setInterval(() => {}, 60_000); }) }`;
    writeFileSync(join(dirname(path), 'tools.mjs'), `export const dawdle = ${dawdle};`);

    const result = await cli(['run', '--config', path, 'Rain?'], { GATEWAY_KEY: KEY });

    expect(result).toEqual({ code: 0, stdout: 'No idea.\n', stderr: '' });
  });

  test('makes an Issue of what a tool module throws outside of its tools, which ends it', async () => {
    const sentry = await startFakeSentry();
    const path = await configure('{ one: { models: [gateway/asks], tools: [./tools.mjs] } }');
    const stray = `() => { setImmediate(() => { throw new RangeError('stray'); }); return new Promise(() => {}); }`;
    writeFileSync(
      join(dirname(path), 'tools.mjs'),
      `export const dawdle = { name: 'dawdle', jsonSchema: {}, execute: ${stray} };`,
    );
    try {
      const env = { GATEWAY_KEY: KEY, SENTRY_DSN: sentry.dsn };
      expect((await cli(['run', '--config', path, 'Rain?'], env)).code).toBe(1);
      expect(sentry.envelopes.flatMap(({ items }) => items.map(({ payload }) => payload))).toMatchObject([
        { level: 'fatal', exception: { values: [{ type: 'RangeError' }] } },
      ]);
    } finally {
      await sentry.close();
    }
  });

  test('lets end what a tool left behind, and what a program does before it ends', async () => {
    const path = await configure('{ one: { models: [gateway/asks], tools: [./tools.mjs] } }');
    const left = join(dirname(path), 'left');
    const tools = `import { appendFileSync } from 'node:fs';
      const write = (text) => appendFileSync(${JSON.stringify(left)}, text);
      process.once('beforeExit', () => write('done\\n'));
      const execute = () => void setTimeout(write, 300, 'late\\n');
      export const dawdle = { name: 'dawdle', jsonSchema: {}, execute };`;
    writeFileSync(join(dirname(path), 'tools.mjs'), tools);

    const result = await cli(['run', '--config', path, 'Rain?'], { GATEWAY_KEY: KEY });

    expect(result).toEqual({ code: 0, stdout: 'No idea.\n', stderr: '' });
    expect(readFileSync(left, 'utf8')).toBe('late\ndone\n');
  });

  test('says what is wrong with the file, one line per problem, and exits with 1', async () => {
    const path = await configure('{ one: { max_turn: 3, tools: [./nope.js] } }');

    expect(await cli(['run', '--config', path, 'Rain?'])).toEqual({
      code: 1,
      stdout: '',
      stderr: [
        `${path}:3:18: agents.one has no key "max_turn"; did you mean max_turns?`,
        `${path}:3:39: agents.one.tools[0] names a file that cannot be read`,
        '',
      ].join('\n'),
    });
  });

  test('says at the start which model of the chain cannot be used', async () => {
    const path = await configure('{ one: { models: [groq/llama, gateway/m-1] } }');

    expect(await cli(['run', '--config', path, 'Rain?'], { GATEWAY_KEY: KEY })).toEqual({
      code: 0,
      stdout: 'Take an umbrella.\n',
      stderr: `faultline: ${path}:3:27: groq/llama needs a key: set GROQ_API_KEY; until then the rest of its chain answers\n`,
    });
  });
});

describe('faultline run without what it needs', () => {
  beforeEach(() => serve([]));

  test('says that a key is missing, and which variable is meant', async () => {
    expect(await cli(['run', '--model', 'openai/gpt-5-mini', 'Rain?'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'faultline: openai/gpt-5-mini needs a key: set OPENAI_API_KEY\n',
    });
    expect(await cli(['run', '--model', 'openai-compatible/m-1', '--base-url', provider.baseUrl, 'Rain?'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'faultline: no model answered: m-1 (401); OPENAI_API_KEY is not set\n',
    });
  });

  test('says that the .env file the key is in cannot be understood', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'faultline-cli-run-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, '.env'), '\ufeffGROQ_API_KEY=gsk_1\r\n', 'utf16le');

    expect(await runNode([MAIN, 'run', '--model', 'groq/m-1', 'Rain?'], { cwd: directory })).toMatchObject({
      code: 1,
      stderr:
        'faultline: .env must be UTF-8 text, but is not: save it as UTF-8.\n' +
        'faultline: groq/m-1 needs a key: set GROQ_API_KEY\n',
    });
  });

  test('says that a base URL is missing', async () => {
    expect(await cli(['run', '--model', 'openai-compatible/m-1', 'Rain?'], { OPENAI_API_KEY: KEY })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'faultline: openai-compatible/m-1 needs a base URL: set OPENAI_BASE_URL, or give --base-url\n',
    });
  });

  test('explains a model reference that cannot be one', async () => {
    const { code, stderr } = await cli(['run', '--model', 'gpt-5-mini', 'Rain?']);

    expect(code).toBe(2);
    expect(stderr).toBe('--model: a model reference is provider/model, such as openai/gpt-5-mini; got "gpt-5-mini".\n');
  });
});
